//! Books that somebody damaged in the database itself: each kind of damage is found, and named.

use std::collections::BTreeSet;
use std::sync::Arc;

use rewards_core::audit::AuditProblem;
use rewards_core::cashback::Purchase;
use rewards_core::command::Operation;
use rewards_core::event::Stream;
use rewards_core::ids::SharedWalletId;
use rewards_core::money::{Asset, Money};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::{CancelPurchase, ConfirmPurchase, RecordPurchase};
use rewards_core::operations::redemptions::{AuthorizeRedemption, Redeem};
use rewards_core::operations::rewards::{DeductBalance, GrantReward};
use rewards_core::operations::shared_wallets::CreateSharedWallet;
use rewards_core::program::Program;
use rewards_storage::engine::{CommandOptions, Engine, ManualClock, SeededRandom, TenantEngine};
use rewards_storage::sql::{SqlOptions, SqlStore};

use crate::sql_store::surgeon::{Surgeon, TABLES};
use crate::world::{addresses, at, member, tenant};

/// A budget and a cap by device are shared, a cap by member is not; the points wait for a confirmation.
const PROGRAM: &str = r#"{
  "id": "club", "currency": "EUR", "zone": "UTC", "units": [{"asset": "points"}],
  "rules": [
    {"id": "cash", "effect": {"percent": {"rate": "5%"}}, "budgets": ["all"], "caps": ["device", "month"],
     "lifecycle": {"expires": {"days": 60}}},
    {"id": "points", "effect": {"fixed": {"amount": "7", "asset": "points"}},
     "lifecycle": {"pending": {"confirmation": {}}}}
  ],
  "caps": [
    {"id": "device", "per": {"attribute": "device"}, "every": "day", "limit": {"amount": {"amount": "100"}}},
    {"id": "month", "per": "member", "every": "month", "limit": {"amount": {"amount": "100"}}}
  ],
  "budgets": [{"id": "all", "amount": "1000"}],
  "ladders": [{"id": "status", "measure": {"earned": "points"}, "window": {"calendar": "month"},
    "tiers": [{"id": "basic", "threshold": "0"}, {"id": "gold", "threshold": "10"}]}],
  "redemptions": {"order": ["cashback"]}
}"#;

/// What is done to the database, the statement as a [`Surgeon`] reads it, and the finding that must be among those that follow.
type Damage = (&'static str, &'static str, &'static str);

const DAMAGES: &[Damage] = &[
    (
        "an entry is gone",
        "DELETE FROM journal WHERE member = 'ann' AND seq = 2",
        "journal_gap",
    ),
    (
        "the last entry is gone",
        "DELETE FROM journal WHERE member = 'bob' AND seq = 4",
        "journal_head_mismatch",
    ),
    (
        "an amount was changed",
        "UPDATE journal SET amount = amount + 1 WHERE member = 'ann' AND seq = 1",
        "journal_chain_broken",
    ),
    (
        "an entry belongs to another purchase",
        "UPDATE journal SET purchase = 'p9' WHERE member = 'ann' AND seq = 1",
        "journal_chain_broken",
    ),
    (
        "the row names another head",
        "UPDATE members SET journal_seq = journal_seq + 1 WHERE member = 'ann'",
        "journal_head_mismatch",
    ),
    (
        "a member is gone",
        "DELETE FROM members WHERE member = 'ann'",
        "journal_head_mismatch",
    ),
    (
        "a balance is ten times as high",
        r#"UPDATE members SET body = «replace(plain(body), '"cashback/EUR":', '"cashback/EUR":9')» WHERE member = 'ann'"#,
        "balance_mismatch",
    ),
    (
        "a review is due at another time",
        "UPDATE members SET due_at = 5 WHERE member = 'ann'",
        "member_mismatch",
    ),
    (
        "a member joined at another time",
        "UPDATE members SET at = at + 1 WHERE member = 'ann'",
        "member_mismatch",
    ),
    (
        "a lot has less left",
        "UPDATE lots SET remaining = remaining - 1 WHERE member = 'ann' AND number = 1",
        "lot_sum_mismatch",
    ),
    (
        "a lot is spent",
        "UPDATE lots SET remaining = 0, state = 'spent', due_at = NULL WHERE member = 'ann' AND number = 1",
        "lot_sum_mismatch",
    ),
    (
        "a redemption is gone",
        "DELETE FROM entities WHERE id = 'r1'",
        "redemption_mismatch",
    ),
    (
        "a redemption paid less",
        r#"UPDATE entities SET body = «replace(plain(body), '"captured":100', '"captured":99')» WHERE id = 'r1'"#,
        "redemption_mismatch",
    ),
    (
        "what is reserved was released",
        r#"UPDATE entities SET state = 'released', due_at = NULL, body = «replace(plain(body), '"authorized"', '"released"')»
           WHERE id = 'a1'"#,
        "redemption_mismatch",
    ),
    (
        "a wallet lists somebody else",
        r#"UPDATE entities SET body = «replace(plain(body), '"fay"]', '"cat"]')» WHERE id = 'home'"#,
        "entity_mismatch",
    ),
    (
        "a member shares a wallet that is not there",
        r#"UPDATE members SET body = «replace(plain(body), '"shared_wallet":"home"', '"shared_wallet":"hole"')» WHERE member = 'fay'"#,
        "member_mismatch",
    ),
    (
        "a wallet was closed for nobody",
        r#"UPDATE entities SET state = 'closed', body = «replace(plain(body), '"active"', '"closed"')» WHERE id = 'home'"#,
        "member_mismatch",
    ),
    (
        "what one of several paid belongs to another redemption",
        r#"UPDATE entities SET body = «replace(plain(body), '"redemption":"s1"', '"redemption":"r1"')»
           WHERE owner = 'fay' AND kind = 'redemption'"#,
        "entity_mismatch",
    ),
    (
        "the first of several payers names nobody else",
        r#"UPDATE entities SET body = «replace(plain(body), '["fay",', '["cat",')» WHERE id = 's1'"#,
        "entity_mismatch",
    ),
    (
        "nobody knows of what is reserved",
        r#"UPDATE members SET due_at = NULL, body = «replace(plain(body), '"reserved":{"a1"', '"reserved":{"a2"')» WHERE member = 'cat'"#,
        "member_mismatch",
    ),
    (
        "a lot is there twice",
        "INSERT INTO lots SELECT tenant, member, 99, asset, source, amount, remaining, state, earned_at, available_at,
                                 void_at, expires_at, due_at, purchase, rule
         FROM lots WHERE member = 'ann' AND number = 1",
        "lot_without_entry",
    ),
    (
        "a lot is gone",
        "DELETE FROM lots WHERE member = 'ann' AND number = 1",
        "entry_without_lot",
    ),
    (
        "a lot was granted more",
        "UPDATE lots SET amount = amount + 1 WHERE member = 'ann' AND number = 1",
        "lot_mismatch",
    ),
    (
        "somebody else pays for a lot",
        "UPDATE lots SET source = 'funding:other' WHERE member = 'ann' AND number = 1",
        "lot_mismatch",
    ),
    (
        "a lot was earned at another time",
        "UPDATE lots SET earned_at = earned_at + 1 WHERE member = 'ann' AND number = 1",
        "lot_mismatch",
    ),
    (
        "a lot is of another purchase",
        "UPDATE lots SET purchase = 'p2' WHERE member = 'ann' AND number = 1",
        "lot_mismatch",
    ),
    (
        "a lot is of another rule",
        "UPDATE lots SET rule = 'points' WHERE member = 'ann' AND number = 1",
        "lot_mismatch",
    ),
    (
        "a lot has more left than it was granted",
        "UPDATE lots SET remaining = amount + 1 WHERE member = 'ann' AND number = 1",
        "lot_mismatch",
    ),
    (
        "a pending lot was voided for no reason",
        "UPDATE lots SET remaining = 0, state = 'voided' WHERE member = 'ann' AND number = 2",
        "lot_mismatch",
    ),
    (
        "no sweep finds a lot",
        "UPDATE lots SET due_at = NULL WHERE member = 'ann' AND number = 1",
        "lot_mismatch",
    ),
    (
        "a purchase is gone",
        "DELETE FROM entities WHERE id = 'p1'",
        "grant_unknown",
    ),
    (
        "a purchase is another member's",
        "UPDATE entities SET owner = 'bob' WHERE id = 'p1'",
        "entity_mismatch",
    ),
    (
        "a purchase has no owner",
        "UPDATE entities SET owner = NULL WHERE id = 'p1'",
        "grant_unknown",
    ),
    (
        "a purchase names another grant",
        r#"UPDATE entities SET body = «replace(plain(body), '"lot":1', '"lot":77')» WHERE id = 'p1'"#,
        "grant_missing",
    ),
    (
        "a purchase names another rule",
        r#"UPDATE entities SET body = «replace(plain(body), '"rule":"cash"', '"rule":"cosh"')» WHERE id = 'p1'"#,
        "grant_missing",
    ),
    (
        "a cancelled purchase is recorded",
        r#"UPDATE entities SET state = 'recorded', body = «replace(plain(body), '"cancelled"', '"recorded"')» WHERE id = 'p3'"#,
        "reversal_unknown",
    ),
    (
        "a cancelled purchase is gone",
        "DELETE FROM entities WHERE id = 'p3'",
        "reversal_unknown",
    ),
    (
        "a recorded purchase is cancelled",
        r#"UPDATE entities SET state = 'cancelled', body = «replace(plain(body), '"recorded"', '"cancelled"')» WHERE id = 'p1'"#,
        "reversal_missing",
    ),
    (
        "a recorded purchase is confirmed",
        r#"UPDATE entities SET state = 'confirmed', body = «replace(plain(body), '"recorded"', '"confirmed"')» WHERE id = 'p1'"#,
        "reversal_missing",
    ),
    (
        "a list shows another state",
        "UPDATE entities SET state = 'confirmed' WHERE id = 'p1'",
        "entity_mismatch",
    ),
    (
        "a purchase cannot be read",
        "UPDATE entities SET body = «'[1,{}]'» WHERE id = 'p1'",
        "entity_mismatch",
    ),
    (
        "a purchase is under another id",
        "UPDATE entities SET id = 'p9' WHERE id = 'p4'",
        "entity_mismatch",
    ),
    (
        "a purchase was made on another day",
        r#"UPDATE entities SET body = «replace(plain(body), '"day":', '"day":1')» WHERE id = 'p1'"#,
        "counter_mismatch",
    ),
    (
        "a page appeared in a member's history",
        r#"INSERT INTO entities (tenant, kind, id, version, owner, state, at, body)
           VALUES ('acme', 'history_page', '80/3/ann/club', 1, 'ann', 'kept', 1769472000000000,
                   «'[1,{"member":"ann","program":"club","page":80,"sums":[["visits"],[[20481,1]]]}]'»)"#,
        "entity_mismatch",
    ),
    (
        "a purchase is under the empty id",
        "UPDATE entities SET id = '' WHERE id = 'p4'",
        "grant_unknown",
    ),
    (
        "fewer revisions were published",
        "UPDATE revision_counts SET revisions = revisions + 1",
        "counter_mismatch",
    ),
    (
        "the number of revisions cannot be read",
        "UPDATE revision_counts SET revisions = -5",
        "row_unreadable",
    ),
    (
        "a page of a member's history is under another id",
        r#"INSERT INTO entities (tenant, kind, id, version, owner, state, at, body)
           VALUES ('acme', 'history_page', '81/3/ann/club', 1, 'ann', 'kept', 1769472000000000,
                   «'[1,{"member":"ann","program":"club","page":80,"sums":[[],[]]}]'»)"#,
        "entity_mismatch",
    ),
    (
        "a member counted more",
        r#"UPDATE members SET body = «replace(plain(body), '["club/cap/month', '["club/cap/weeks')» WHERE member = 'ann'"#,
        "counter_mismatch",
    ),
    (
        "a counter of a member appeared",
        "INSERT INTO counters (tenant, subject, name, bucket, value) VALUES ('acme', 'm:ann', 'club/cap/month', 3, 1)",
        "counter_mismatch",
    ),
    (
        "a budget has more left",
        "UPDATE counters SET value = value - 1 WHERE subject = 'p:club'",
        "counter_mismatch",
    ),
    (
        "a device used nothing",
        "DELETE FROM counters WHERE subject = 'k:device=d1'",
        "counter_mismatch",
    ),
    (
        "a counter appeared from nowhere",
        "INSERT INTO counters (tenant, subject, name, bucket, value) VALUES ('acme', 'z:what', 'it', 0, 1)",
        "counter_mismatch",
    ),
    (
        "a control account was changed",
        "UPDATE control_accounts SET amount = amount + 1 WHERE purpose = 'cashback'",
        "control_mismatch",
    ),
    (
        "a control account is gone",
        "DELETE FROM control_accounts WHERE purpose = 'cashback'",
        "control_sum_not_zero",
    ),
    (
        "something left a member for another one and did not arrive",
        "UPDATE journal SET to_purpose = 'transfers' WHERE member = 'bob' AND seq = 4",
        "transfer_lost",
    ),
    (
        "an event is gone",
        "DELETE FROM outbox WHERE stream = 'm:ann' AND seq = 2",
        "event_gap",
    ),
    (
        "the last event is gone",
        "DELETE FROM outbox WHERE stream = 'm:bob' AND seq = (SELECT MAX(o.seq) FROM outbox AS o WHERE o.stream = 'm:bob')",
        "event_gap",
    ),
    (
        "an event has another number",
        "UPDATE outbox SET seq = 99 WHERE stream = 'm:bob' AND seq = 3",
        "event_unknown",
    ),
    (
        "an event is nobody's",
        "UPDATE outbox SET stream = 'm:eve' WHERE stream = 'm:bob' AND seq = 1",
        "event_unknown",
    ),
    (
        "the publication was never told",
        "UPDATE outbox SET seq = 2 WHERE stream = 'p:club'",
        "event_unknown",
    ),
    (
        "a program pays more",
        r#"UPDATE programs SET body = replace(body, '"5%"', '"50%"')"#,
        "program_mismatch",
    ),
    (
        "a program decides from another time",
        "UPDATE programs SET active_from = active_from + 1",
        "program_mismatch",
    ),
    (
        "a program cannot be read",
        "UPDATE programs SET body = '{}'",
        "program_mismatch",
    ),
    (
        "a program does not compile",
        r#"UPDATE programs SET body = replace(body, '"budgets":["all"]', '"budgets":["none"]')"#,
        "program_mismatch",
    ),
    (
        "a member's row cannot be read",
        "UPDATE members SET body = «'{}'» WHERE member = 'ann'",
        "row_unreadable",
    ),
    (
        "money came in for which there is no deposit",
        "UPDATE journal SET kind = 'deposit' WHERE member = 'bob' AND seq = 4",
        "deposit_missing",
    ),
    (
        "a deposit is confirmed whose money did not come in",
        r#"INSERT INTO entities (tenant, kind, id, version, owner, state, at, body)
           SELECT tenant, 'deposit', 'd1', 1, member, 'confirmed', 0, «'[1,{"deposit":"d1","program":"club","revision":1,"member":"ann",
             "amount":{"amount":"5.00","asset":"EUR"},"provider":"card","initiated_at":"1970-01-01T00:00:00Z",
             "expires_at":"1970-01-01T01:00:00Z","settlement":{"outcome":"paid","settled_at":"1970-01-01T00:00:00Z",
             "signed_at":"1970-01-01T00:00:00Z","key":"k","message":"00","reference":"r","entry":1}}]'»
           FROM members WHERE member = 'ann'"#,
        "deposit_entry_missing",
    ),
    (
        "an entry cannot be read",
        "UPDATE journal SET kind = 'gift' WHERE member = 'ann' AND seq = 2",
        "row_unreadable",
    ),
    (
        "a lot cannot be read",
        "UPDATE lots SET state = 'gone' WHERE member = 'ann' AND number = 1",
        "row_unreadable",
    ),
    (
        "a control account cannot be read",
        "UPDATE control_accounts SET asset = 'no asset' WHERE purpose = 'cashback'",
        "row_unreadable",
    ),
    (
        "an event cannot be read",
        "UPDATE outbox SET body = «'no event'» WHERE stream = 'm:bob' AND seq = 2",
        "row_unreadable",
    ),
    (
        "a revision cannot be read",
        "UPDATE programs SET active_from = 9000000000000000000",
        "row_unreadable",
    ),
    (
        "a revision has another number",
        "UPDATE programs SET revision = 3",
        "program_mismatch",
    ),
];

async fn open(url: &str, seed: u64) -> TenantEngine {
    let store = SqlStore::open(url, SqlOptions::default()).await.unwrap();
    let engine = Engine::builder(Arc::new(store))
        .clock(Arc::new(ManualClock::new(at(0))))
        .random(Arc::new(SeededRandom::new(seed)))
        .open()
        .await
        .unwrap();
    engine.tenant(tenant())
}

async fn send<O: Operation>(engine: &TenantEngine, request: O, key: &str) {
    let options = CommandOptions::keyed(key.parse().unwrap());
    engine.execute_with(request, options).await.unwrap();
}

fn eur(text: &str) -> Money {
    Money::parse(text, Asset::parse("EUR").unwrap()).unwrap()
}

fn purchase(id: &str, who: &str, device: &str) -> RecordPurchase {
    let id = id.parse().unwrap();
    let program = "club".parse().unwrap();
    let mut purchase = Purchase::new(id, member(who), program, at(-60), eur("80.00"));
    let attributes = &mut purchase.attributes;
    attributes.insert("device".to_owned(), device.to_owned());
    RecordPurchase::new(purchase)
}

/// Three purchases of `ann`: recorded, confirmed and cancelled; and one of `bob`, with something manual.
async fn fill(engine: &TenantEngine) {
    let program: Program = serde_json::from_str(PROGRAM).unwrap();
    let publish = PublishProgram {
        program,
        active_from: Some(at(-3_600)),
    };
    send(engine, publish, "first").await;
    for who in ["ann", "bob"] {
        let register = RegisterMember {
            registered_at: Some(at(-120)),
            ..RegisterMember::new(member(who))
        };
        send(engine, register, who).await;
    }
    for id in ["p1", "p2", "p3"] {
        send(engine, purchase(id, "ann", "d1"), id).await;
    }
    let (ann, id) = (member("ann"), "p2".parse().unwrap());
    let confirm = ConfirmPurchase {
        member: ann.clone(),
        purchase: id,
    };
    send(engine, confirm, "p2").await;
    let cancel = CancelPurchase {
        member: ann,
        purchase: "p3".parse().unwrap(),
    };
    send(engine, cancel, "p3").await;
    send(engine, purchase("p4", "bob", "d2"), "p4").await;
    let (bob, amount) = (member("bob"), eur("3.00"));
    let grant = GrantReward {
        source: None,
        reference: None,
        member: bob,
        amount,
        reason: "goodwill".to_owned(),
        expires_at: None,
    };
    send(engine, grant, "grant").await;
    let (bob, take) = (member("bob"), eur("1.25"));
    let deduct = DeductBalance {
        source: None,
        reference: None,
        member: bob,
        take,
        reason: "typing error".to_owned(),
    };
    send(engine, deduct, "deduct").await;
}

/// `cat` has paid one order and reserved value for another.
async fn spend(engine: &TenantEngine) {
    let cat = member("cat");
    send(engine, RegisterMember::new(cat.clone()), "cat").await;
    let grant = GrantReward {
        source: None,
        reference: None,
        member: cat.clone(),
        amount: eur("3.00"),
        reason: "goodwill".to_owned(),
        expires_at: None,
    };
    send(engine, grant, "cat-grant").await;
    let redeem = Redeem {
        redemption: "r1".parse().unwrap(),
        member: cat.clone(),
        program: "club".parse().unwrap(),
        order: "o1".parse().unwrap(),
        total: eur("1.00"),
        amount: None,
        tenders: Vec::new(),
        wallet: None,
    };
    send(engine, redeem, "r1").await;
    let authorize = AuthorizeRedemption {
        redemption: "a1".parse().unwrap(),
        member: cat,
        program: "club".parse().unwrap(),
        order: "o2".parse().unwrap(),
        total: eur("1.50"),
        amount: None,
        tenders: Vec::new(),
        wallet: None,
    };
    send(engine, authorize, "a1").await;
    share(engine).await;
}

/// `dan` and `fay` have paid an order together.
async fn share(engine: &TenantEngine) {
    let members = [member("dan"), member("fay")].to_vec();
    for member in &members {
        let register = RegisterMember::new(member.clone());
        send(engine, register, member.as_str()).await;
        let grant = GrantReward {
            source: None,
            reference: None,
            member: member.clone(),
            amount: eur("1.00"),
            reason: "goodwill".to_owned(),
            expires_at: None,
        };
        send(engine, grant, &format!("{member}-grant")).await;
    }
    let wallet: SharedWalletId = "home".parse().unwrap();
    let create = CreateSharedWallet {
        wallet: wallet.clone(),
        members,
    };
    send(engine, create, "home").await;
    let redeem = Redeem {
        redemption: "s1".parse().unwrap(),
        member: member("fay"),
        program: "club".parse().unwrap(),
        order: "o3".parse().unwrap(),
        total: eur("1.50"),
        amount: None,
        tenders: Vec::new(),
        wallet: Some(wallet),
    };
    send(engine, redeem, "s1").await;
}

fn codes(problems: &[AuditProblem]) -> BTreeSet<&'static str> {
    problems.iter().map(AuditProblem::code).collect()
}

#[tokio::test]
async fn every_kind_of_damage_is_found_and_named() {
    for (name, url, _files) in addresses("damage").await {
        let engine = open(&url, 1).await;
        fill(&engine).await;
        spend(&engine).await;
        let report = engine.verify().await.unwrap();
        assert_eq!((name, report.problems), (name, vec![]));
        assert_eq!((report.members, report.entries), (5, 20), "{name}");
        let mut surgeon = Surgeon::at(&url).await;
        surgeon.unpack().await;
        surgeon.keep().await;
        let mut seen = BTreeSet::new();
        for (what, sql, expected) in DAMAGES {
            let hit = surgeon.execute((*sql).to_owned()).await;
            assert!(hit > 0, "{name}: {what}: nothing was damaged");
            let found = codes(&engine.verify().await.unwrap().problems);
            assert!(found.contains(expected), "{name}: {what}: {found:?}");
            seen.extend(found);
            surgeon.restore().await;
        }
        assert_eq!(engine.verify().await.unwrap().problems, [], "{name}");
        // Every finding but the one that needs heads kept elsewhere is brought about by some damage.
        assert_eq!(seen.len(), 25, "{name}: {seen:?}");
    }
}

#[tokio::test]
async fn heads_that_were_kept_show_that_history_was_written_anew() {
    for (name, url, _files) in addresses("heads").await {
        let engine = open(&url, 1).await;
        fill(&engine).await;
        let kept = engine.book_heads(None, 100).await.unwrap();
        let streams: Vec<String> = kept.iter().map(|head| head.stream.text()).collect();
        assert_eq!(streams, ["m:ann", "m:bob", "p:club"], "{name}");
        let mut paged = Vec::new();
        let mut after: Option<Stream> = None;
        loop {
            let page = engine.book_heads(after, 1).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.stream.clone());
            paged.extend(page);
        }
        assert_eq!(paged, kept, "{name}");
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(kept, serde_json::from_str::<Vec<_>>(&text).unwrap());

        // What comes later changes nothing of what was.
        send(&engine, purchase("p5", "ann", "d1"), "p5").await;
        assert_eq!(engine.check_heads(&kept).await.unwrap(), []);

        // Somebody makes the books anew, with other ids and another time: nothing in the database contradicts it.
        let mut surgeon = Surgeon::at(&url).await;
        for table in TABLES {
            surgeon.execute(format!("DELETE FROM {table}")).await;
        }
        let forged = open(&url, 2).await;
        fill(&forged).await;
        surgeon
            .execute("UPDATE programs SET published_at = published_at - 1".to_owned())
            .await;
        assert_eq!(forged.verify().await.unwrap().problems, [], "{name}");
        let found = forged.check_heads(&kept).await.unwrap();
        assert!(codes(&found).contains("books_rewritten"), "{name}");
        let streams: Vec<String> = found
            .iter()
            .map(|problem| match problem {
                AuditProblem::Rewritten { stream, .. } => stream.text(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(streams, ["m:ann", "m:bob", "p:club"], "{name}");
    }
}

#[tokio::test]
async fn heads_are_not_kept_of_books_that_cannot_be_read() {
    for (name, url, _files) in addresses("unread_heads").await {
        let engine = open(&url, 1).await;
        fill(&engine).await;
        let mut surgeon = Surgeon::at(&url).await;
        let unread = "UPDATE members SET body = «'{}'» WHERE member = 'ann'";
        surgeon.execute(unread.to_owned()).await;
        let fault = engine.book_heads(None, 100).await.unwrap_err();
        assert_eq!(fault.code, "store_corrupt", "{name}");
        assert!(fault.to_string().contains("ann"), "{name}: {fault}");
    }
}

/// All of it is one view: commands that go on meanwhile cannot make valid books look wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_are_read_in_one_view_while_commands_go_on() {
    for (name, url, _files) in addresses("books_under_load").await {
        let engine = open(&url, 1).await;
        fill(&engine).await;
        let writer = engine.clone();
        let load = tokio::spawn(async move {
            for number in 0..200 {
                let who = if number % 2 == 0 { "ann" } else { "bob" };
                let id = format!("load-{number}");
                send(&writer, purchase(&id, who, "d3"), &id).await;
            }
        });
        let mut entries = BTreeSet::new();
        while !load.is_finished() {
            let report = engine.verify().await.unwrap();
            assert_eq!((name, report.problems), (name, vec![]));
            entries.insert(report.entries);
        }
        load.await.unwrap();
        assert!(entries.len() > 1, "{name}: {entries:?}");
    }
}
