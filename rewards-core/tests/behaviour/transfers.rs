//! Transfers between members: what moves, what it costs, what expires when, who is told what, and what is refused.

use rewards_core::ids::{PurchaseId, TransferId};
use rewards_core::ledger::{Account, Lot, LotState, Purpose, Transfer, TransferKind};
use rewards_core::member::MemberStatus;
use rewards_core::money::{Asset, Money};
use rewards_core::operations::aliases::{LinkAlias, UnlinkAlias};
use rewards_core::operations::balances::{GetStatement, Statement};
use rewards_core::operations::members::{EraseMember, UpdateMember};
use rewards_core::operations::purchases::CancelPurchase;
use rewards_core::operations::rewards::{GrantReward, SettleMember};
use rewards_core::operations::transfers::{
    AliasName, CompletedTransfer, GetTransfer, ListTransfers, TRANSFER_LOTS_MAX, TransferBalance,
    TransferDetails, TransferReceiver,
};
use rewards_core::rejection::Rejection;
use rewards_core::secret::Secret;

use crate::world::{World, at, member};

const SEND: &str = r#"
[[units]]
asset = "points"

[[transfers]]
id = "cash"
other_side = "id"
minimum = "1.00"
maximum = "50.00"
per_day = "60.00"
per_month = "100.00"
fee = { percent = "2.5%", minimum = "0.10", rounding = "toward_program" }

[[transfers]]
id = "gift"
asset = "points"
expiry = { renew = { days = 10 } }
fee = { fixed = "3", paid_by = "receiver" }
"#;

fn asset(text: &str) -> Asset {
    Asset::parse(text).unwrap()
}

/// Reads `12.30 EUR`.
fn money(text: &str) -> Money {
    let (amount, of) = text.split_once(' ').unwrap();
    Money::parse(amount, asset(of)).unwrap()
}

fn transfer(id: &str, from: &str, to: &str, amount: &str) -> TransferBalance {
    TransferBalance {
        transfer: id.parse().unwrap(),
        program: "main".parse().unwrap(),
        from: member(from),
        to: TransferReceiver::Member(member(to)),
        amount: money(amount),
        note: None,
    }
}

fn to_alias(name: &str) -> TransferReceiver {
    TransferReceiver::Alias(AliasName {
        kind: "phone".parse().unwrap(),
        name: Secret::from(name),
        plain: true,
    })
}

/// Ann and Bob, and a program.
struct Club(World);

impl Club {
    fn new(program: &str) -> Self {
        let mut world = World::with(program);
        world.register("bob");
        Self(world)
    }

    fn grant(&mut self, who: &str, amount: &str, expires: Option<&str>) {
        let key = format!("grant-{}", self.0.commands);
        let grant = GrantReward {
            source: None,
            reference: None,
            member: member(who),
            amount: money(amount),
            reason: "a start".to_owned(),
            expires_at: expires.map(at),
        };
        self.0.run_as(&key, &grant).unwrap();
    }

    fn send(&mut self, transfer: &TransferBalance) -> Result<CompletedTransfer, Rejection> {
        self.0.run(transfer)
    }

    fn refused(&mut self, transfer: &TransferBalance) -> String {
        let before = self.0.clone();
        let refused = self.send(transfer).unwrap_err();
        assert_eq!(self.0.balances(), before.balances());
        assert_eq!(self.0.entities, before.entities);
        refused.code().to_owned()
    }

    fn status(&mut self, who: &str, status: MemberStatus) {
        let key = format!("status-{}", self.0.commands);
        let update = UpdateMember {
            member: member(who),
            segments: None,
            attributes: None,
            status: Some(status),
            forfeit: true,
        };
        self.0.run_as(&key, &update).unwrap();
    }

    fn link(&mut self, who: &str, name: &str) {
        let key = format!("link-{}", self.0.commands);
        let link = LinkAlias {
            member: member(who),
            kind: "phone".parse().unwrap(),
            name: Secret::from(name),
            plain: true,
        };
        self.0.run_as(&key, &link).unwrap();
    }

    /// Puts money of a member's own into the books, as a deposit would.
    fn deposit(&mut self, who: &str, minor: i64) {
        let (key, eur) = (self.0.member_key(who), asset("EUR"));
        let outside = Account::system(Purpose::Adjustments, eur);
        let own = Account::member(&key.member, Purpose::Main, eur);
        let kind = TransferKind::Deduct;
        let paid_in = Transfer::new(outside, own, minor, kind, self.0.now).unwrap();
        let (tenant, now) = (self.0.tenant.clone(), self.0.now);
        let row = self.0.members.get_mut(&key).unwrap();
        row.balances.add(&Purpose::Main, eur, minor).unwrap();
        let id = uuid::Uuid::nil();
        let entry = row.journal.append(&tenant, &key.member, id, paid_in, now);
        self.0.journal.entry(key).or_default().push(entry);
        for (purpose, sign) in [(Purpose::Adjustments, -1), (Purpose::Main, 1)] {
            let control = (tenant.clone(), purpose, eur);
            *self.0.controls.entry(control).or_default() += i128::from(sign * minor);
        }
    }

    fn balance(&self, who: &str, of: &str) -> i64 {
        let row = self.0.members.get(&self.0.member_key(who)).unwrap();
        let of = asset(of);
        row.balances.get(&Purpose::available(of), of)
    }

    fn open_lots(&self, who: &str) -> Vec<&Lot> {
        let lots = self.0.lots_of(&self.0.member_key(who)).collect::<Vec<_>>();
        let open = lots
            .into_iter()
            .filter(|lot| lot.state == LotState::Available);
        open.collect()
    }

    fn statement(&mut self, who: &str) -> Statement {
        self.0.run(&GetStatement::new(member(who))).unwrap()
    }

    fn list(&mut self, who: Option<&str>, limit: u32) -> Vec<TransferDetails> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = ListTransfers {
                member: who.map(member),
                after,
                limit: Some(limit),
            };
            let page = self.0.run(&page).unwrap();
            assert!(page.transfers.len() <= limit as usize);
            all.extend(page.transfers);
            after = page.next;
            if after.is_none() {
                return all;
            }
        }
    }

    fn audit(&self) {
        assert_eq!(self.0.audit(&self.0.tenant), []);
    }
}

#[test]
fn value_moves_with_its_expiry_and_the_sender_pays_the_fee_on_top() {
    let mut club = Club::new(SEND);
    club.grant("ann", "20.00 EUR", Some("2026-06-01"));
    club.grant("ann", "5.00 EUR", Some("2026-04-01"));
    club.grant("ann", "30.00 EUR", None);
    let request = TransferBalance {
        note: Some("for lunch".to_owned()),
        ..transfer("t-1", "ann", "bob", "30.10 EUR")
    };
    let sent = club.send(&request).unwrap();
    // 2.5% of 30.10 is 0.7525.
    assert_eq!(sent.given, money("30.86 EUR"));
    assert_eq!(sent.fee, Some(money("0.76 EUR")));
    assert_eq!(sent.arrived, money("30.10 EUR"));
    assert_eq!(sent.to, Some(member("bob")));
    let paid: Vec<(u64, String)> = sent
        .lots
        .iter()
        .map(|(lot, amount)| (*lot, amount.to_string()))
        .collect();
    assert_eq!(
        paid,
        [
            (1, "20.00".to_owned()),
            (2, "5.00".to_owned()),
            (3, "5.86".to_owned())
        ]
    );
    assert_eq!(club.balance("ann", "EUR"), 5_500 - 3_086);
    assert_eq!(club.balance("bob", "EUR"), 3_010);
    let got: Vec<_> = club
        .open_lots("bob")
        .into_iter()
        .map(|lot| (lot.amount, lot.expires_at, lot.source.clone()))
        .collect();
    assert_eq!(
        got,
        [
            (424, Some(at("2026-04-01")), Purpose::Adjustments),
            (2_000, Some(at("2026-06-01")), Purpose::Adjustments),
            (586, None, Purpose::Adjustments),
        ]
    );
    let lines = club.statement("ann").lines;
    let kinds: Vec<_> = lines.iter().take(2).map(|line| line.kind).collect();
    assert_eq!(
        kinds,
        [TransferKind::TransferFee, TransferKind::TransferOut]
    );
    assert_eq!(lines[1].to.purpose, Purpose::Transfers);
    assert_eq!(lines[1].reason.as_deref(), Some("for lunch"));
    let lines = club.statement("bob").lines;
    assert!(
        lines
            .iter()
            .all(|line| line.kind == TransferKind::TransferIn)
    );
    let noted = lines.iter().filter(|line| line.reason.is_some()).count();
    assert_eq!((lines.len(), noted), (3, 1));
    club.audit();
    // Sent again it is the same; another one under its id is not.
    assert_eq!(club.send(&request).unwrap().recorded_at, sent.recorded_at);
    assert_eq!(club.balance("bob", "EUR"), 3_010);
    let other = transfer("t-1", "ann", "bob", "1.00 EUR");
    assert_eq!(club.refused(&other), "key_reused");
    let refused = club.0.run_as("another key", &request).unwrap_err();
    assert_eq!(refused.code(), "transfer_exists");
}

#[test]
fn the_receiver_may_pay_the_fee_and_get_a_new_expiry() {
    let mut club = Club::new(SEND);
    club.grant("ann", "10 points", Some("2026-03-05"));
    club.grant("ann", "10 points", None);
    let sent = club
        .send(&transfer("t-1", "ann", "bob", "15 points"))
        .unwrap();
    assert_eq!(
        (sent.given, sent.fee, sent.arrived, sent.to),
        (
            money("15 points"),
            Some(money("3 points")),
            money("12 points"),
            None
        )
    );
    let lots = club.open_lots("bob");
    assert_eq!(lots.len(), 1);
    assert_eq!(
        (lots[0].amount, lots[0].expires_at),
        (12, Some(at("2026-03-12")))
    );
    club.audit();
    // What expires goes where expired value goes, and what is forfeited to whoever paid it.
    club.0.at("2026-03-12");
    club.0
        .run_as(
            "sweep",
            &SettleMember {
                member: member("bob"),
            },
        )
        .unwrap();
    assert_eq!(club.balance("bob", "points"), 0);
    club.audit();
}

#[test]
fn value_may_never_expire_and_goes_back_to_whoever_paid_it() {
    let program = "[[rules]]\nid = 'back'\nfunded_by = 'bank'\n\
        effect = { percent = { rate = '10%' } }\nlifecycle = { expires = { days = 5 } }\n\
        [[transfers]]\nid = 'cash'\nexpiry = 'never'\n";
    let mut club = Club::new(program);
    club.0.buy("100 id=p-1");
    club.send(&transfer("t-1", "ann", "bob", "4.00 EUR"))
        .unwrap();
    let source = Purpose::Funding("bank".parse().unwrap());
    let lots = club.open_lots("bob");
    assert_eq!((lots[0].expires_at, &lots[0].source), (None, &source));
    // A cancellation takes back what the sender has left, and nothing of the receiver's.
    let cancel = CancelPurchase {
        member: member("ann"),
        purchase: PurchaseId::new("p-1").unwrap(),
    };
    let cancelled = club.0.run(&cancel).unwrap();
    assert_eq!(cancelled.shortfall, [money("4.00 EUR")]);
    assert_eq!(
        (club.balance("ann", "EUR"), club.balance("bob", "EUR")),
        (0, 400)
    );
    club.audit();
    club.status("bob", MemberStatus::Closed);
    let control = |club: &Club, purpose: &Purpose| {
        let key = (club.0.tenant.clone(), purpose.clone(), asset("EUR"));
        club.0.controls.get(&key).copied().unwrap_or_default()
    };
    assert_eq!(control(&club, &source), 0);
    assert_eq!(control(&club, &Purpose::Transfers), 0);
    club.audit();
}

#[test]
fn money_of_members_own_rests_in_no_lots() {
    let mut club = Club::new("[[transfers]]\nid = 'own'\npurpose = 'main'\n");
    let eur = asset("EUR");
    club.deposit("ann", 500);
    club.grant("ann", "9.00 EUR", None);
    assert_eq!(
        club.refused(&transfer("t-1", "ann", "bob", "5.01 EUR")),
        "insufficient_balance"
    );
    let sent = club
        .send(&transfer("t-1", "ann", "bob", "5.00 EUR"))
        .unwrap();
    assert!(sent.lots.is_empty());
    let main = |club: &Club, who: &str| {
        let row = &club.0.members[&club.0.member_key(who)];
        row.balances.get(&Purpose::Main, eur)
    };
    assert_eq!((main(&club, "ann"), main(&club, "bob")), (0, 500));
    assert_eq!(club.open_lots("bob").len(), 0);
    assert_eq!(club.balance("ann", "EUR"), 900);
}

#[test]
fn what_is_not_allowed_is_refused_in_a_fixed_order() {
    let mut club = Club::new(SEND);
    club.grant("ann", "200.00 EUR", None);
    club.grant("ann", "5 points", None);
    for (request, code) in [
        (transfer("t", "ann", "bob", "0.00 EUR"), "invalid"),
        (transfer("t", "ann", "ann", "2.00 EUR"), "transfer_to_self"),
        (
            transfer("t", "ann", "bob", "2.00 USD"),
            "transfer_not_allowed",
        ),
        (transfer("t", "ann", "bob", "0.99 EUR"), "transfer_limit"),
        (transfer("t", "ann", "bob", "50.01 EUR"), "transfer_limit"),
        (
            transfer("t", "ann", "bob", "3 points"),
            "fee_exceeds_amount",
        ),
        (
            transfer("t", "ann", "bob", "6 points"),
            "insufficient_balance",
        ),
        (transfer("t", "eve", "bob", "2.00 EUR"), "member_unknown"),
        (transfer("t", "ann", "eve", "2.00 EUR"), "member_unknown"),
        (
            TransferBalance {
                program: "other".parse().unwrap(),
                ..transfer("t", "ann", "bob", "2.00 EUR")
            },
            "program_unknown",
        ),
        (
            TransferBalance {
                to: to_alias("+49"),
                ..transfer("t", "ann", "bob", "2.00 EUR")
            },
            "alias_unknown",
        ),
        (
            TransferBalance {
                note: Some("x".repeat(501)),
                ..transfer("t", "ann", "bob", "2.00 EUR")
            },
            "invalid",
        ),
        (
            TransferBalance {
                note: Some(" ".to_owned()),
                ..transfer("t", "ann", "bob", "2.00 EUR")
            },
            "invalid",
        ),
        (
            TransferBalance {
                to: to_alias(""),
                ..transfer("t", "ann", "bob", "2.00 EUR")
            },
            "invalid",
        ),
    ] {
        assert_eq!(club.refused(&request), code, "{request:?}");
    }
    let last = transfer("t", "ann", "bob", "2.00 EUR");
    for (who, status, code) in [
        ("ann", MemberStatus::Suspended, "member_suspended"),
        ("bob", MemberStatus::Suspended, "receiver_unavailable"),
        ("bob", MemberStatus::Closed, "receiver_unavailable"),
        ("ann", MemberStatus::Closed, "member_closed"),
    ] {
        club.status(who, status);
        assert_eq!(club.refused(&last), code);
        if status == MemberStatus::Suspended {
            club.status(who, MemberStatus::Active);
        }
    }
    club.audit();
}

#[test]
fn days_and_months_are_the_programs_own() {
    let program = format!("zone = \"Europe/Berlin\"\n{SEND}");
    let mut club = Club::new(&program);
    club.grant("ann", "500.00 EUR", None);
    // It is the 31st of March in Berlin until 22:00 in UTC.
    for (now, id, amount, code) in [
        ("2026-03-31T20:00:00Z", "t-1", "40.00 EUR", ""),
        ("2026-03-31T21:00:00Z", "t-2", "20.01 EUR", "transfer_limit"),
        ("2026-03-31T21:30:00Z", "t-3", "20.00 EUR", ""),
        ("2026-03-31T22:00:00Z", "t-4", "50.00 EUR", ""),
        ("2026-04-02T12:00:00Z", "t-5", "50.00 EUR", ""),
        ("2026-04-03T12:00:00Z", "t-6", "1.00 EUR", "transfer_limit"),
        ("2026-04-30T22:00:00Z", "t-7", "1.00 EUR", ""),
    ] {
        club.0.at(now);
        let request = transfer(id, "ann", "bob", amount);
        match code {
            "" => {
                club.send(&request).unwrap();
            }
            code => assert_eq!(club.refused(&request), code, "{id}"),
        }
    }
    let counted: i64 = club.0.counted().values().sum();
    assert_eq!(counted, 2 * (4_000 + 2_000 + 5_000 + 5_000 + 100));
    club.audit();
}

#[test]
fn an_alias_finds_the_receiver_and_tells_nothing_of_it() {
    let mut club = Club::new(SEND);
    club.grant("ann", "100 points", None);
    club.link("bob", "+49 1");
    club.link("ann", "+49 2");
    let by = |id: &str, name: &str| TransferBalance {
        to: to_alias(name),
        ..transfer(id, "ann", "bob", "10 points")
    };
    assert_eq!(club.refused(&by("t-1", "+49 2")), "transfer_to_self");
    let sent = club.send(&by("t-1", "+49 1")).unwrap();
    assert_eq!((sent.to, club.balance("bob", "points")), (None, 7));
    let unlink = UnlinkAlias {
        kind: "phone".parse().unwrap(),
        name: Secret::from("+49 1"),
        plain: true,
        member: None,
    };
    club.0.run_as("unlink", &unlink).unwrap();
    assert_eq!(club.refused(&by("t-2", "+49 1")), "alias_unknown");
    club.status("bob", MemberStatus::Suspended);
    club.link("bob", "+49 3");
    let Err(refused) = club.send(&by("t-3", "+49 3")) else {
        panic!("sent");
    };
    assert_eq!(refused.code(), "receiver_unavailable");
    assert!(!refused.to_string().contains("bob"), "{refused}");
}

#[test]
fn each_side_sees_what_concerns_it() {
    let mut club = Club::new(SEND);
    club.grant("ann", "100 points", None);
    club.grant("ann", "50.00 EUR", None);
    club.grant("bob", "50 points", None);
    club.0.register("eve");
    club.send(&transfer("t-1", "ann", "bob", "10 points"))
        .unwrap();
    club.send(&transfer("t-2", "bob", "ann", "20 points"))
        .unwrap();
    club.0.at("2026-03-03");
    club.send(&transfer("t-3", "ann", "bob", "4.00 EUR"))
        .unwrap();
    club.send(&transfer("t-0", "ann", "eve", "5 points"))
        .unwrap();
    let ids = |all: &[TransferDetails]| {
        let ids = all.iter().map(|one| one.transfer.to_string());
        ids.collect::<Vec<_>>().join(" ")
    };
    for limit in [1, 2, 50] {
        assert_eq!(ids(&club.list(None, limit)), "t-3 t-0 t-2 t-1");
        assert_eq!(ids(&club.list(Some("ann"), limit)), "t-3 t-0 t-2 t-1");
        assert_eq!(ids(&club.list(Some("bob"), limit)), "t-3 t-2 t-1");
        assert_eq!(ids(&club.list(Some("eve"), limit)), "t-0");
    }
    let mut get = |id: &str, who: Option<&str>| {
        club.0.run(&GetTransfer {
            transfer: TransferId::new(id).unwrap(),
            member: who.map(member),
        })
    };
    let whole = get("t-1", None).unwrap();
    assert_eq!(
        (whole.from, whole.to),
        (Some(member("ann")), Some(member("bob")))
    );
    // The receiver paid the fee, so both know it; neither is shown the other.
    let sender = get("t-1", Some("ann")).unwrap();
    assert_eq!((sender.from, sender.to), (Some(member("ann")), None));
    assert_eq!(
        (sender.given, sender.fee),
        (Some(money("10 points")), Some(money("3 points")))
    );
    let receiver = get("t-1", Some("bob")).unwrap();
    assert_eq!((receiver.from, receiver.to), (None, Some(member("bob"))));
    assert_eq!(
        (receiver.given, receiver.fee),
        (None, Some(money("3 points")))
    );
    assert_eq!(receiver.arrived, money("7 points"));
    // The sender paid it, and both are shown.
    let receiver = get("t-3", Some("bob")).unwrap();
    assert_eq!((receiver.from, receiver.fee), (Some(member("ann")), None));
    assert_eq!(
        get("t-1", Some("eve")).unwrap_err().code(),
        "transfer_unknown"
    );
    assert_eq!(get("t-9", None).unwrap_err().code(), "transfer_unknown");
    let list = ListTransfers {
        member: Some(member("zoe")),
        ..ListTransfers::default()
    };
    assert_eq!(club.0.run(&list).unwrap_err().code(), "member_unknown");
    club.audit();
}

#[test]
fn what_is_due_comes_first() {
    let mut club = Club::new(SEND);
    club.grant("ann", "10 points", Some("2026-03-04"));
    club.grant("ann", "10 points", None);
    club.0.at("2026-03-04");
    assert_eq!(
        club.refused(&transfer("t-1", "ann", "bob", "11 points")),
        "insufficient_balance"
    );
    club.send(&transfer("t-1", "ann", "bob", "10 points"))
        .unwrap();
    assert_eq!(club.balance("ann", "points"), 0);
    club.audit();
}

#[test]
fn ladders_are_reviewed_for_both() {
    let program = format!(
        "{SEND}\n[[ladders]]\nid = 'status'\nmeasure = {{ balance = 'points' }}\n\
         downgrade = 'to_eligible'\n\
         tiers = [{{ id = 'base', threshold = '0' }}, {{ id = 'gold', threshold = '50' }}]\n\
         [[rules]]\nid = 'one'\neffect = {{ fixed = {{ amount = '1', asset = 'points' }} }}\n"
    );
    let mut club = Club::new(&program);
    club.link("bob", "+49 1");
    club.0.buy("1 id=p-1 member=ann");
    club.0.buy("1 id=p-2 member=bob");
    club.grant("ann", "99 points", None);
    let tier = |club: &Club, who: &str| {
        let row = &club.0.members[&club.0.member_key(who)];
        let ladders = &row.profile.tiers["main"];
        ladders["status"].tier.to_string()
    };
    assert_eq!(
        (tier(&club, "ann"), tier(&club, "bob")),
        ("gold".into(), "base".into())
    );
    let request = TransferBalance {
        to: to_alias("+49 1"),
        ..transfer("t-1", "ann", "bob", "60 points")
    };
    club.send(&request).unwrap();
    assert_eq!(
        (tier(&club, "ann"), tier(&club, "bob")),
        ("base".into(), "gold".into())
    );
    club.audit();
}

#[test]
fn a_note_goes_when_its_member_is_erased() {
    let mut club = Club::new(SEND);
    club.grant("ann", "10 points", None);
    let request = TransferBalance {
        note: Some("for lunch".to_owned()),
        ..transfer("t-1", "ann", "bob", "10 points")
    };
    club.send(&request).unwrap();
    let notes = |club: &mut Club, who: &str| {
        let lines = club.statement(who).lines;
        lines
            .iter()
            .filter(|line| line.reason.as_deref() == Some("for lunch"))
            .count()
    };
    assert_eq!((notes(&mut club, "ann"), notes(&mut club, "bob")), (1, 1));
    let erase = EraseMember {
        member: member("ann"),
        forfeit: true,
        after: None,
    };
    club.0.run_as("erase", &erase).unwrap();
    assert_eq!((notes(&mut club, "ann"), notes(&mut club, "bob")), (0, 1));
    assert_eq!(club.list(Some("bob"), 5).len(), 1);
    club.audit();
}

#[test]
fn a_new_expiry_lies_within_the_supported_years() {
    let mut club =
        Club::new("[[transfers]]\nid = 'far'\nexpiry = { renew = { months = 60000 } }\n");
    club.grant("ann", "1.00 EUR", None);
    let request = transfer("t-1", "ann", "bob", "1.00 EUR");
    assert_eq!(club.refused(&request), "time_out_of_range");
}

#[test]
fn so_many_lots_pay_for_one_transfer_and_no_more() {
    let mut club = Club::new("[[transfers]]\nid = 'cash'\n");
    for _ in 0..=TRANSFER_LOTS_MAX {
        club.grant("ann", "0.01 EUR", None);
    }
    let all = transfer("t-1", "ann", "bob", "10.01 EUR");
    assert_eq!(club.refused(&all), "too_many");
    let fewer = club.send(&transfer("t-1", "ann", "bob", "10.00 EUR"));
    assert_eq!(fewer.unwrap().lots.len(), 1_000);
    assert_eq!(club.open_lots("bob").len(), 1_000);
}
