//! What coupons cost a quote: a basket of 50 lines under 1,000 rules, without coupons and with 20 of them.
//!
//! `cargo bench -p rewards-tests --bench offers` measures whole decisions of the core, from the request to the reply, in interleaved
//! rounds, prints one table with the ratios and writes `target/bench/offers.json`.
#![allow(
    missing_docs,
    reason = "a program of its own, with the docs a reader of its code needs"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rewards_core::cashback::{Line, Purchase};
use rewards_core::command::{Operation, Undecided};
use rewards_core::context::{Context, Revisions};
use rewards_core::coupons::{BookTerms, Coupon, Doing};
use rewards_core::decision::Changes;
use rewards_core::entity::{EntityPage, Expected};
use rewards_core::ids::{CouponId, IdSeed, MemberId, TenantId};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::coupons::CreateCouponBook;
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::purchases::{QuotePurchase, QuotedPurchase};
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::snapshot::Snapshot;
use rewards_core::time::Timestamp;
use serde_json::json;

const RULES: usize = 1_000;
const LINES: usize = 50;
const COUPONS: usize = 20;
/// The most that a quote with coupons may cost of one without.
const GOAL: f64 = 8.0;
const ROUNDS: usize = 15;
const ROUND_TIME: Duration = Duration::from_millis(80);

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let mut ordered = Stage::new("ordered")?;
    let mut best = Stage::new("best")?;
    let plain = ordered.request(0)?;
    let few = best.request(12)?;
    let many = ordered.request(COUPONS)?;
    let found = ordered.quote(&many)?.decision.discount;
    let applied = found.map_or(0, |discount| discount.applied.len());
    if applied < COUPONS / 2 {
        return Err(format!("a dull basket: {applied} offers apply").into());
    }
    for request in [&plain, &few, &many] {
        best.quote(request)?;
        ordered.quote(request)?;
    }
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        let [first, second, third, fourth] = &mut times;
        first.push(ordered.time(&plain)?);
        second.push(ordered.time(&many)?);
        third.push(best.time(&few)?);
        fourth.push(best.time(&many)?);
    }
    let names = [
        "without coupons",
        "20 coupons, as they come",
        "12 coupons, the best of all combinations",
        "20 coupons, the best that is found",
    ];
    report(&names, &mut times)
}

fn report(names: &[&str], times: &mut [Vec<f64>]) -> Outcome {
    let mut series = Vec::new();
    let mut base = f64::NAN;
    println!(
        "{:<42} {:>11} {:>11} {:>11} {:>7}",
        "quote 50 lines under 1,000 rules", "median ns", "min", "max", "ratio"
    );
    for (name, times) in names.iter().zip(times) {
        times.sort_by(f64::total_cmp);
        let median = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
        let least = times.first().copied().unwrap_or(f64::NAN);
        let most = times.last().copied().unwrap_or(f64::NAN);
        if base.is_nan() {
            base = median;
        }
        let ratio = median / base;
        println!("{name:<42} {median:>11.0} {least:>11.0} {most:>11.0} {ratio:>7.2}");
        series.push(json!({
            "name": name, "median_ns": median, "min_ns": least, "max_ns": most, "ratio": ratio,
        }));
    }
    println!("goal: 20 coupons, as they come, at most {GOAL} times a quote without");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    std::fs::create_dir_all(&folder)?;
    let report = json!({ "goal": GOAL, "series": series });
    std::fs::write(folder.join("offers.json"), format!("{report:#}\n"))?;
    Ok(())
}

/// A member with coupons, and a program whose offers they give.
struct Stage {
    context: Context,
    snapshot: Snapshot,
    coupons: Vec<CouponId>,
}

impl Stage {
    fn new(combination: &str) -> Outcome<Self> {
        let now = Timestamp::parse("2026-05-02T00:00:00Z")?;
        let program = Program::from_json(&document(combination).to_string());
        let program = program.map_err(|problems| format!("{problems:?}"))?;
        let compiled = CompiledProgram::compile(program, 1, Timestamp::MIN);
        let compiled = Arc::new(compiled.map_err(|problems| format!("{problems:?}"))?);
        let revisions = Revisions::new(vec![Arc::clone(&compiled)]);
        let programs = BTreeMap::from([(compiled.id().clone(), revisions)]);
        let mut stage = Self {
            context: Context {
                tenant: TenantId::new("bench")?,
                now,
                ids: IdSeed::new(now, 1),
                programs: Arc::new(programs),
                keys: None,
            },
            snapshot: Snapshot::default(),
            coupons: Vec::new(),
        };
        let member = MemberId::new("ann")?;
        stage.run(&RegisterMember::new(member.clone()))?;
        for number in 0..COUPONS {
            stage.add_coupon(number, &member)?;
        }
        Ok(stage)
    }

    fn add_coupon(&mut self, number: usize, member: &MemberId) -> Outcome {
        let book = format!("b{number}").parse()?;
        let terms = BookTerms::new("Bench");
        let create = CreateCouponBook { book, terms };
        let book = create.book.clone();
        self.run(&create)?;
        let id: CouponId = format!("c{number:032x}:codes").parse()?;
        let now = self.context.now;
        let coupon = Coupon::new(id.clone(), book, now);
        let coupon = coupon.assign(member, now, false, &Doing::default());
        let coupon = coupon.map_err(|refusal| format!("{refusal:?}"))?;
        let mut changes = Changes::default();
        changes.put(&self.context.tenant, &id, Expected::Absent, &coupon)?;
        self.snapshot.apply(&changes);
        self.coupons.push(id);
        Ok(())
    }

    fn request(&self, coupons: usize) -> Outcome<QuotePurchase> {
        let euro = Asset::parse("EUR")?;
        let total = i64::try_from(LINES)? * 1_000 + 490;
        let mut purchase = Purchase::new(
            "p".parse()?,
            MemberId::new("ann")?,
            "shop".parse()?,
            self.context.now,
            Money::new(total, euro),
        );
        purchase.shipping = Some(Money::new(490, euro));
        purchase.lines = (0..LINES)
            .map(|number| Line {
                sku: Some(format!("sku-{number}")),
                category: Some(format!("category-{}", number % 10)),
                quantity: 2,
                ..Line::new(Money::new(1_000, euro))
            })
            .collect();
        Ok(QuotePurchase {
            purchase,
            coupons: self.coupons.iter().take(coupons).cloned().collect(),
            explain: false,
        })
    }

    /// Decides, and takes in what the decision asks for: of all that may be asked for, nothing is there.
    fn run<O: Operation>(&mut self, operation: &O) -> Outcome<O::Reply> {
        let (_, prepared) = operation
            .prepare(&self.context)
            .map_err(|rejection| rejection.to_string())?;
        loop {
            match operation.decide(&prepared, &self.snapshot, &self.context) {
                Ok(decision) => {
                    self.snapshot.apply(&decision.changes);
                    return Ok(decision.reply);
                }
                Err(Undecided::Needs(plan)) => {
                    let pages = plan.entity_pages.into_iter();
                    let pages = pages.map(|query| (query, EntityPage::default()));
                    self.snapshot.entity_pages.extend(pages);
                }
                Err(Undecided::Rejected(rejection)) => return Err(rejection.to_string().into()),
            }
        }
    }

    fn quote(&mut self, request: &QuotePurchase) -> Outcome<QuotedPurchase> {
        self.run(request)
    }

    /// Nanoseconds a quote.
    fn time(&mut self, request: &QuotePurchase) -> Outcome<f64> {
        let start = Instant::now();
        let mut quotes = 0_u32;
        while start.elapsed() < ROUND_TIME {
            black_box(self.quote(black_box(request))?);
            quotes += 1;
        }
        Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(quotes))
    }
}

/// Rules by article, category, channel and amount, as a large shop has them, and offers of every kind.
fn document(combination: &str) -> serde_json::Value {
    let rules = (0..RULES).map(|number| {
        let when = match number % 4 {
            0 => json!({ "line": { "sku": [format!("sku-{}", number / 4)] } }),
            1 => json!({ "line": { "category": [format!("category-{}", number / 4)] } }),
            2 => json!({ "all": [{ "channel": [format!("c{number}")] }, { "store": ["s"] }] }),
            _ => json!({ "category": [format!("g{number}")] }),
        };
        let scope = if number % 4 < 2 { "line" } else { "basket" };
        json!({
            "id": format!("r{number}"), "when": when, "scope": scope,
            "effect": { "percent": { "rate": "1%" } },
        })
    });
    let effects = [
        json!({ "percent": { "rate": "3%" } }),
        json!({ "fixed": { "amount": "2.00" } }),
        json!({ "pieces": { "which": "cheapest", "pieces": 1 } }),
        json!({ "buy_get": { "buy": { "pieces": 9 }, "get": { "pieces": 1 }, "times": 1 } }),
        json!({ "bundle": { "parts": [{ "pieces": 3 }], "price": "12.00", "times": 1 } }),
    ];
    let offers = (0..COUPONS).zip(effects.iter().cycle());
    let offers = offers.map(|(number, effect)| {
        let first = number % 10;
        let categories: Vec<_> = (first..first + 3)
            .map(|c| format!("category-{c}"))
            .collect();
        json!({
            "id": format!("o{number}"), "books": [format!("b{number}")],
            "lines": { "category": categories }, "effect": effect,
        })
    });
    json!({
        "id": "shop", "currency": "EUR", "zone": "UTC",
        "rules": rules.collect::<Vec<_>>(),
        "offers": { "combination": combination, "list": offers.collect::<Vec<_>>() },
    })
}
