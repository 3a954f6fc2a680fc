//! Foreign exchange on every store there is: a quote is used once, a balance is converted no further than it goes, rates are
//! imported once, whoever comes at the same time.

use std::sync::Arc;

use rewards_core::fx::{FxPrice, FxRateKind};
use rewards_core::ledger::Purpose;
use rewards_core::money::{Asset, DecimalText, Money};
use rewards_core::operations::balances::GetBalance;
use rewards_core::operations::fx::{
    ConversionSubject, ConvertBalance, FxRateLine, GetRate, ImportRates, ListConversions,
    ListRates, LockConversion, RateContent, RefundConversion,
};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::rewards::GrantReward;
use rewards_core::program::Program;
use rewards_core::time::LocalDate;
use rewards_storage::engine::{AssetLiability, TenantEngine};
use rewards_storage::store::Backend;

use crate::every_store::{NOON, at, code, open, race, send, stores};
use crate::world::{eur, member};

const PROGRAM: &str = r#"{
  "id": "club", "currency": "EUR", "zone": "UTC", "rules": [],
  "fx": { "sources": ["desk"], "pivots": ["EUR"], "rules": [{ "id": "all", "markup": "2.5%" }] }
}"#;

fn import(days: i32) -> ImportRates {
    let first = LocalDate::parse("2026-05-01").unwrap().day();
    let lines = (0..days).flat_map(|back| {
        ["USD", "JPY", "KWD"].map(|quote| FxRateLine {
            day: LocalDate::from_day(first - back).unwrap(),
            base: "EUR".parse().unwrap(),
            quote: quote.parse().unwrap(),
            price: FxPrice::Mid(DecimalText::parse("1.25").unwrap()),
        })
    });
    ImportRates {
        source: "desk".parse().unwrap(),
        kind: Some(FxRateKind::Market),
        content: RateContent::Rates(lines.collect()),
        after: None,
        correct: None,
    }
}

/// A member with 100.00 EUR in four parts, and rates of three days.
async fn set_up(engine: &TenantEngine) {
    let publish = PublishProgram {
        program: Program::from_json(PROGRAM).unwrap(),
        active_from: Some(at("2026-01-01T00:00:00Z")),
    };
    send(engine, publish, "program").await.unwrap();
    send(engine, import(3), "rates").await.unwrap();
    let register = RegisterMember::new(member("ada"));
    engine.execute(register).await.unwrap();
    for number in 0..4 {
        let grant = GrantReward {
            member: member("ada"),
            amount: Money::new(2_500, eur()),
            reason: "a start".to_owned(),
            expires_at: Some(at(&format!("2026-0{}-01T00:00:00Z", 6 + number))),
            source: None,
            reference: None,
        };
        send(engine, grant, &format!("grant {number}"))
            .await
            .unwrap();
    }
}

fn convert(id: u32, of: ConversionSubject) -> ConvertBalance {
    ConvertBalance {
        conversion: format!("c{id}").parse().unwrap(),
        member: member("ada"),
        of,
    }
}

fn amount(minor: i64) -> ConversionSubject {
    ConversionSubject::Amount {
        program: "club".parse().unwrap(),
        amount: Money::new(minor, eur()),
        to: "USD".parse().unwrap(),
    }
}

async fn available(engine: &TenantEngine, asset: Asset) -> i64 {
    let balance = engine
        .execute(GetBalance::new(member("ada")))
        .await
        .unwrap();
    let own = balance
        .assets
        .iter()
        .find(|own| own.available.asset() == asset);
    own.map_or(0, |own| own.available.minor())
}

async fn control(
    store: &Arc<dyn Backend>,
    engine: &TenantEngine,
    purpose: Purpose,
    asset: Asset,
) -> i128 {
    let controls = store.control_accounts(engine.tenant()).await.unwrap();
    let mut own = controls
        .iter()
        .filter(|(p, a, _)| (p, *a) == (&purpose, asset));
    own.next().map_or(0, |(.., minor)| *minor)
}

async fn assert_valid(engine: &TenantEngine, name: &str) {
    let report = engine.verify().await.unwrap();
    assert!(report.is_valid(), "{name}: {:?}", report.problems);
}

#[tokio::test]
async fn what_all_members_have_is_added_up_by_asset() {
    let dollar = Asset::parse("USD").unwrap();
    let line = |minor: i64, asset: Asset| AssetLiability {
        available: Money::new(minor, asset),
        main: Money::new(0, asset),
        pending: Money::new(0, asset),
        reserved: Money::new(0, asset),
        owed: Money::new(0, asset),
    };
    for (name, stores, _files) in stores("fx_liability").await {
        let engines = [open(&stores[0]).await, open(&stores[1]).await];
        set_up(&engines[0]).await;
        let other = RegisterMember::new(member("bob"));
        engines[0].execute(other).await.unwrap();
        engines[0].execute(convert(1, amount(1_000))).await.unwrap();
        let [one, two] = [None, Some(at(NOON))].map(|at| engines[1].liability(at));
        let now = one.await.unwrap();
        let assets = vec![line(9_000, eur()), line(1_219, dollar)];
        assert_eq!((now.members, &now.assets), (2, &assets), "{name}");
        let by_then = two.await.unwrap();
        assert_eq!((by_then.members, &by_then.assets), (1, &assets), "{name}");
        let before = engines[1].liability(Some(at("2026-05-01T11:59:59Z")));
        let before = before.await.unwrap();
        assert_eq!((before.members, before.assets), (0, vec![]), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_quote_is_used_once_by_many_callers() {
    let dollar = Asset::parse("USD").unwrap();
    for (name, stores, _files) in stores("fx_quotes").await {
        let engines = [open(&stores[0]).await, open(&stores[1]).await];
        set_up(&engines[0]).await;
        let lock = LockConversion {
            quote: "q1".parse().unwrap(),
            program: "club".parse().unwrap(),
            member: member("ada"),
            amount: Money::new(1_000, eur()),
            to: "USD".parse().unwrap(),
        };
        engines[0].execute(lock).await.unwrap();
        let quote = || ConversionSubject::Quote("q1".parse().unwrap());
        let (done, others) = race(&engines, |number| convert(number, quote())).await;
        assert_eq!(
            (done, others),
            (1, vec!["fx_quote_used".to_owned()]),
            "{name}"
        );
        // 10.00 × 1.25 ÷ 1.025 = 12.195…; 12.50 in the middle.
        assert_eq!(available(&engines[1], eur()).await, 9_000, "{name}");
        assert_eq!(available(&engines[1], dollar).await, 1_219, "{name}");
        for (purpose, asset, minor) in [
            (Purpose::Position, eur(), 1_000),
            (Purpose::Position, dollar, -1_250),
            (Purpose::Spread, dollar, 31),
        ] {
            let found = control(&stores[0], &engines[0], purpose, asset).await;
            assert_eq!(found, minor, "{name}");
        }
        assert_valid(&engines[0], name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_balance_goes_no_further_than_it_goes() {
    let dollar = Asset::parse("USD").unwrap();
    for (name, stores, _files) in stores("fx_balances").await {
        let engines = [open(&stores[0]).await, open(&stores[1]).await];
        set_up(&engines[0]).await;
        // Sixteen times 9.00 out of 100.00.
        let (done, others) = race(&engines, |number| convert(number, amount(900))).await;
        let short = vec!["insufficient_balance".to_owned()];
        assert_eq!((done, others), (11, short), "{name}");
        assert_eq!(available(&engines[1], eur()).await, 100, "{name}");
        // 9.00 × 1.25 ÷ 1.025 = 10.975…
        assert_eq!(available(&engines[1], dollar).await, 11 * 1_097, "{name}");
        let list = ListConversions {
            member: Some(member("ada")),
            ..ListConversions::default()
        };
        let made = engines[1].execute(list).await.unwrap().conversions;
        assert_eq!(made.len(), 11, "{name}");
        // Each of them is refunded once, by whoever comes first.
        let one = made[0].conversion.clone();
        let (done, others) = race(&engines, |number| RefundConversion {
            refund: format!("r{number}").parse().unwrap(),
            conversion: one.clone(),
            member: member("ada"),
            amount: None,
        })
        .await;
        assert_eq!(
            (done, others),
            (1, vec!["conversion_refunded".to_owned()]),
            "{name}"
        );
        assert_eq!(available(&engines[1], eur()).await, 1_000, "{name}");
        assert_valid(&engines[0], name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_rates_are_imported_once_and_the_latest_is_found() {
    for (name, stores, _files) in stores("fx_rates").await {
        let engines = [open(&stores[0]).await, open(&stores[1]).await];
        set_up(&engines[0]).await;
        let tasks: Vec<_> = (0..4)
            .map(|number| {
                let engine = engines[number % 2].clone();
                tokio::spawn(
                    async move { send(&engine, import(40), &format!("import {number}")).await },
                )
            })
            .collect();
        let (mut imported, mut unchanged) = (0, 0);
        for task in tasks {
            let reply = task.await.unwrap().unwrap().reply;
            imported += reply.imported;
            unchanged += reply.unchanged;
        }
        assert_eq!(
            (imported, unchanged),
            (37 * 3, 4 * 40 * 3 - 37 * 3),
            "{name}"
        );
        let get = |day: &str| GetRate {
            program: "club".parse().unwrap(),
            from: "USD".parse().unwrap(),
            to: "KWD".parse().unwrap(),
            day: Some(day.parse().unwrap()),
        };
        let found = engines[1].execute(get("2026-04-20")).await.unwrap();
        assert_eq!(found.day.to_string(), "2026-04-20", "{name}");
        assert_eq!(
            (found.mid.to_string().as_str(), found.chain.len()),
            ("1", 2),
            "{name}"
        );
        let found = engines[1].execute(get("2026-05-03")).await.unwrap();
        assert_eq!(
            (found.day.to_string().as_str(), found.age_days),
            ("2026-05-01", 2),
            "{name}"
        );
        let missing = engines[1].execute(get("2026-01-01")).await;
        assert_eq!(code(missing), "rate_missing", "{name}");
        let list = ListRates {
            source: "desk".parse().unwrap(),
            base: "EUR".parse().unwrap(),
            quote: "USD".parse().unwrap(),
            until: Some("2026-04-30".parse().unwrap()),
            after: None,
            limit: Some(2),
        };
        let page = engines[0].execute(list.clone()).await.unwrap();
        let next = ListRates {
            after: page.next.clone(),
            ..list
        };
        let following = engines[0].execute(next).await.unwrap();
        let days = page.rates.iter().chain(&following.rates);
        let days: Vec<String> = days.map(|rate| rate.day.to_string()).collect();
        assert_eq!(
            days,
            ["2026-04-30", "2026-04-29", "2026-04-28", "2026-04-27"],
            "{name}"
        );
        assert_valid(&engines[0], name).await;
    }
}
