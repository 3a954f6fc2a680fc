//! Several engines on one database learn of a new program through whatever meets it first.

use std::sync::Arc;

use rewards_core::cashback::Purchase;
use rewards_core::money::Money;
use rewards_core::operations::balances::GetBalance;
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::{GetProgram, ListPrograms, PublishProgram};
use rewards_core::operations::purchases::{QuotePurchase, RecordPurchase};
use rewards_core::operations::tiers::GetTiers;
use rewards_core::program::Program;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{CommandOptions, Engine, ManualClock, TenantEngine};

use crate::world::{Backend, backends, eur, member, program, purchase, tenant};

const BEFORE: &str = "2026-05-01T10:00:00Z";
/// After the year in which a tier is kept.
const LATER: &str = "2029-01-01T10:00:00Z";

async fn open(backend: &Backend, now: &str) -> TenantEngine {
    let clock = Arc::new(ManualClock::new(Timestamp::parse(now).unwrap()));
    let store = Arc::new(backend.reopened().await);
    let engine = Engine::builder(store).clock(clock).open().await.unwrap();
    let engine = engine.tenant(tenant());
    // From here on it has an idea of the programs, which is that there are none.
    let listed = engine.execute(ListPrograms::default()).await.unwrap();
    assert!(listed.programs.is_empty());
    engine
}

async fn publish(engine: &TenantEngine, id: &str) {
    let document = format!(
        r#"
        id = "{id}"
        currency = "EUR"
        zone = "UTC"
        rules = [{{ id = "all", effect = {{ percent = {{ rate = "1%" }} }} }}]

        [[ladders]]
        id = "status"
        measure = {{ spend = "net" }}
        window = {{ calendar = "year" }}
        downgrade = "one_step"
        tiers = [{{ id = "base", threshold = "0" }}, {{ id = "gold", threshold = "100.00" }}]
        "#
    );
    let program = Program::from_toml(&document).unwrap();
    let first = CommandOptions::keyed(id.parse().unwrap());
    let published = engine.execute_with(PublishProgram::new(program), first);
    published.await.unwrap();
}

fn bought(name: &str) -> Purchase {
    let at = Timestamp::parse(BEFORE).unwrap();
    let total = Money::new(20_000, eur());
    Purchase::new(purchase(name), member("ann"), program("club"), at, total)
}

#[tokio::test]
async fn queries_meet_a_new_program() {
    for backend in backends("programs_by_queries").await {
        let one = open(&backend, BEFORE).await;
        let ann = RegisterMember::new(member("ann"));
        one.execute(ann).await.unwrap();
        let lists = open(&backend, BEFORE).await;
        let gets = open(&backend, BEFORE).await;
        let stands = open(&backend, BEFORE).await;
        let quotes = open(&backend, BEFORE).await;
        publish(&one, "club").await;
        let listed = lists.execute(ListPrograms::default()).await.unwrap();
        assert_eq!(listed.programs.len(), 1, "{}", backend.name);
        let get = |revision| GetProgram {
            program: program("club"),
            revision,
        };
        assert_eq!(gets.execute(get(None)).await.unwrap().newest, 1);
        let tiers = GetTiers {
            member: member("ann"),
            program: program("club"),
        };
        let tiers = stands.execute(tiers).await.unwrap();
        assert_eq!(tiers.ladders.len(), 1);
        let quote = QuotePurchase {
            coupons: Vec::new(),
            purchase: bought("1"),
            explain: false,
        };
        let quote = quotes.execute(quote).await;
        assert_eq!(quote.unwrap().decision.revision, 1);
        // A second one beside the first, and a second revision of it, are met as well.
        publish(&one, "other").await;
        let second = PublishProgram::new(get_document(&one).await);
        let second = one.execute_with(second, CommandOptions::keyed("2".parse().unwrap()));
        second.await.unwrap();
        let listed = lists.execute(ListPrograms::default()).await.unwrap();
        assert_eq!(listed.programs.len(), 2);
        assert_eq!(gets.execute(get(Some(2))).await.unwrap().revision, 2);
    }
}

async fn get_document(engine: &TenantEngine) -> Program {
    let club = GetProgram {
        program: program("club"),
        revision: None,
    };
    engine.execute(club).await.unwrap().program
}

#[tokio::test]
async fn commands_meet_a_new_program() {
    for backend in backends("programs_by_commands").await {
        let one = open(&backend, BEFORE).await;
        let two = open(&backend, BEFORE).await;
        one.execute(RegisterMember::new(member("ann")))
            .await
            .unwrap();
        publish(&one, "club").await;
        let recorded = two.execute(RecordPurchase::new(bought("1"))).await;
        assert_eq!(recorded.unwrap().decision.revision, 1, "{}", backend.name);
        let balance = two.execute(GetBalance::new(member("ann"))).await.unwrap();
        assert_eq!(balance.assets.len(), 1);
    }
}

#[tokio::test]
async fn a_sweep_meets_a_new_program() {
    for backend in backends("programs_by_sweeps").await {
        let one = open(&backend, BEFORE).await;
        let sweeps = open(&backend, LATER).await;
        one.execute(RegisterMember::new(member("ann")))
            .await
            .unwrap();
        publish(&one, "club").await;
        one.execute(RecordPurchase::new(bought("1"))).await.unwrap();
        let sweep = sweeps.settle_due().await.unwrap();
        assert_eq!(
            (sweep.members, sweep.tier_changes),
            (1, 1),
            "{}",
            backend.name
        );
        let again = sweeps.settle_due().await.unwrap();
        assert_eq!(again.members, 0, "no review is left behind");
    }
}
