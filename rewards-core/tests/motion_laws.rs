//! All that moves money, mixed: purchases, refunds, redemptions, transfers, manual corrections, sweeps and members who leave. Every
//! world holds its own books against each other when it ends, and each decision is made twice: from the rows that were asked for,
//! and from all rows.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in the functions that tests share as well"
)]

use proptest::prelude::*;
use proptest::sample::{Index, select};
use rewards_core::command::Operation;
use rewards_core::ledger::Purpose;
use rewards_core::member::MemberStatus;
use rewards_core::money::{Asset, Money};
use rewards_core::operations::balances::GetBalance;
use rewards_core::operations::members::{MergeMembers, MergedTiers, UpdateMember};
use rewards_core::operations::redemptions::{
    AuthorizeRedemption, CancelRedemption, CaptureRedemption, Redeem, ReleaseRedemption,
};
use rewards_core::operations::rewards::SettleMember;
use rewards_core::operations::transfers::{TransferBalance, TransferReceiver};
use rewards_core::rejection::Rejection;

use crate::laws::{Basket, Part, Run, Step, basket, document, part, some_rules, step};
use crate::world::member;

const WHO: [&str; 2] = ["ann", "bob"];

/// Something that moves money.
#[derive(Debug, Clone)]
pub enum Motion {
    /// Whatever else happens.
    Other(Step),
    Refund(Index, Part),
    Replace(Index, Basket),
    Redeem(&'static str, i64),
    Authorize(&'static str, i64),
    Capture(Index, Option<i64>),
    Release(Index),
    Restore(Index, Option<i64>),
    Send(&'static str, i64),
    OwnMoney(&'static str, i64),
    Leave(&'static str),
    Merge(&'static str, MergedTiers),
}

pub fn motion() -> impl Strategy<Value = Motion> {
    let who = || select(&WHO[..]);
    let minor = || 1..400_i64;
    let part_of = || (any::<Index>(), prop::option::of(1..200_i64));
    prop_oneof![
        8 => step().prop_map(Motion::Other),
        4 => (any::<Index>(), part()).prop_map(|(index, part)| Motion::Refund(index, part)),
        2 => (any::<Index>(), basket()).prop_map(|(index, basket)| Motion::Replace(index, basket)),
        3 => (who(), minor()).prop_map(|(who, minor)| Motion::Redeem(who, minor)),
        3 => (who(), minor()).prop_map(|(who, minor)| Motion::Authorize(who, minor)),
        2 => part_of().prop_map(|(index, minor)| Motion::Capture(index, minor)),
        1 => any::<Index>().prop_map(Motion::Release),
        3 => part_of().prop_map(|(index, minor)| Motion::Restore(index, minor)),
        2 => (who(), minor()).prop_map(|(who, minor)| Motion::Send(who, minor)),
        1 => (who(), minor()).prop_map(|(who, minor)| Motion::OwnMoney(who, minor)),
        1 => who().prop_map(Motion::Leave),
        1 => (who(), select(&[MergedTiers::Higher, MergedTiers::Own][..]))
            .prop_map(|(who, tiers)| Motion::Merge(who, tiers)),
    ]
}

pub fn sections() -> impl Strategy<Value = String> {
    (
        select(&["proportional", "recheck", "keep"][..]),
        select(&["stop_at_zero", "debt"][..]),
        select(&["\"expire\"", "{ grace_days = 3 }"][..]),
        select(&["cashback", "main"][..]),
        select(&["\"keep\"", "\"never\"", "{ renew = { days = 4 } }"][..]),
    )
        .prop_map(|(rewards, shortfall, late, first, expiry)| {
            let second = if first == "main" { "cashback" } else { "main" };
            format!(
                "[refunds]\nrewards = \"{rewards}\"\nshortfall = \"{shortfall}\"\n\
                 [redemptions]\nexpires_after_minutes = 1440\nreturned_late = {late}\n\
                 order = [\"{first}\", \"{second}\", {{ unit = {{ asset = \"points\", value = {{ units = \"3\", money = \"0.01\" }} }} }}]\n\
                 [[transfers]]\nid = \"gift\"\npurpose = \"cashback\"\nexpiry = {expiry}\n\
                 fee = {{ percent = \"3%\", paid_by = \"receiver\" }}\n"
            )
        })
}

/// A run with the redemptions that were made in it.
pub struct Motions {
    pub run: Run,
    redeemed: Vec<(&'static str, String)>,
}

impl Motions {
    /// Nothing has been redeemed yet.
    pub fn new(run: Run) -> Self {
        let redeemed = Vec::new();
        Self { run, redeemed }
    }

    pub fn step(&mut self, motion: &Motion) {
        let number = self.run.world.commands;
        match motion {
            Motion::Other(step) => self.other(step),
            Motion::Refund(..) | Motion::Replace(..) if self.run.recorded.is_empty() => {}
            Motion::Replace(index, basket) => {
                let replace = self.run.replacement(index, basket);
                if let Some(reply) = self.done(&replace) {
                    let decision = reply.recorded.decision;
                    self.run.recorded.push((replace.purchase, decision));
                }
            }
            Motion::Refund(index, part) => {
                let at = index.index(self.run.recorded.len());
                self.run.refund(at, part);
            }
            Motion::Redeem(who, minor) => {
                let id = format!("x{number}");
                let redeem = Redeem {
                    redemption: id.parse().unwrap(),
                    member: member(who),
                    program: "main".parse().unwrap(),
                    order: "order".parse().unwrap(),
                    total: euro(*minor),
                    amount: None,
                    tenders: Vec::new(),
                    wallet: None,
                };
                if self.allowed(&redeem) {
                    self.redeemed.push((who, id));
                }
            }
            Motion::Authorize(who, minor) => {
                let id = format!("x{number}");
                let authorize = AuthorizeRedemption {
                    redemption: id.parse().unwrap(),
                    member: member(who),
                    program: "main".parse().unwrap(),
                    order: "order".parse().unwrap(),
                    total: euro(*minor),
                    amount: None,
                    tenders: Vec::new(),
                    wallet: None,
                };
                if self.allowed(&authorize) {
                    self.redeemed.push((who, id));
                }
            }
            Motion::Send(who, minor) => {
                let to = other_than(who);
                let send = TransferBalance {
                    transfer: format!("t{number}").parse().unwrap(),
                    program: "main".parse().unwrap(),
                    from: member(who),
                    to: TransferReceiver::Member(member(to)),
                    amount: euro(*minor),
                    note: None,
                };
                self.allowed(&send);
            }
            Motion::OwnMoney(who, minor) => self.own_money(who, *minor),
            Motion::Leave(who) => {
                let leave = UpdateMember {
                    status: Some(MemberStatus::Closed),
                    forfeit: true,
                    ..UpdateMember::new(member(who))
                };
                self.allowed(&leave);
            }
            Motion::Merge(who, tiers) => {
                let merge = MergeMembers {
                    member: member(who),
                    into: member(other_than(who)),
                    tiers: Some(*tiers),
                };
                self.allowed(&merge);
            }
            Motion::Capture(..) | Motion::Release(_) | Motion::Restore(..) => {
                self.redemption(motion)
            }
        }
    }

    /// A step of a redemption that was made before.
    fn redemption(&mut self, motion: &Motion) {
        let number = u32::try_from(self.run.world.commands).unwrap();
        let (Motion::Capture(index, _) | Motion::Release(index) | Motion::Restore(index, _)) =
            motion
        else {
            return;
        };
        if self.redeemed.is_empty() {
            return;
        }
        let (who, id) = self.redeemed[index.index(self.redeemed.len())].clone();
        let (member, redemption) = (member(who), id.parse().unwrap());
        match motion {
            Motion::Capture(_, minor) => {
                let amount = minor.map(euro);
                self.allowed(&CaptureRedemption {
                    member,
                    redemption,
                    number,
                    amount,
                });
            }
            Motion::Restore(_, minor) => {
                let (number, amount) = (minor.map(|_| number), minor.map(euro));
                self.allowed(&CancelRedemption {
                    member,
                    redemption,
                    number,
                    amount,
                });
            }
            _ => {
                self.allowed(&ReleaseRedemption { member, redemption });
            }
        }
    }

    fn own_money(&mut self, who: &str, minor: i64) {
        let row = &self.run.world.members[&self.run.world.member_key(who)];
        if row.profile.status == MemberStatus::Active {
            self.run.world.give_main(who, minor);
        }
    }

    /// Steps of others that a member who has left does not take.
    fn other(&mut self, step: &Step) {
        let who = match step {
            Step::Buy(basket) => basket.member,
            Step::Give(who, _) | Step::Take(who, _) => who,
            Step::Confirm(index) if !self.run.recorded.is_empty() => {
                let (purchase, _) = &self.run.recorded[index.index(self.run.recorded.len())];
                if purchase.member == member("ann") {
                    "ann"
                } else {
                    "bob"
                }
            }
            Step::Confirm(_)
            | Step::Refund(..)
            | Step::Cancel(_)
            | Step::Settle(_)
            | Step::Wait(_) => {
                return self.run.step(step);
            }
        };
        let row = &self.run.world.members[&self.run.world.member_key(who)];
        let is_possible = match row.profile.status {
            MemberStatus::Active => true,
            MemberStatus::Merged => matches!(step, Step::Confirm(_)),
            _ => false,
        };
        if is_possible {
            self.run.step(step);
        }
    }

    /// Runs a command, and says whether it was done. A defect is never a refusal.
    fn allowed<O: Operation>(&mut self, command: &O) -> bool {
        self.done(command).is_some()
    }

    /// The reply of a command that was done.
    fn done<O: Operation>(&mut self, command: &O) -> Option<O::Reply> {
        let key = format!("k{}", self.run.world.commands);
        let done = if command.natural_key(&self.run.world.tenant).is_some() {
            self.run.world.run(command)
        } else {
            self.run.world.run_as(&key, command)
        };
        let is_defect = matches!(
            done,
            Err(Rejection::Internal(_) | Rejection::Corrupt { .. })
        );
        assert!(!is_defect, "{:?}", done.err());
        done.ok()
    }
}

fn other_than(who: &str) -> &'static str {
    if who == "ann" { "bob" } else { "ann" }
}

fn euro(minor: i64) -> Money {
    Money::new(minor, Asset::parse("EUR").unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn the_books_are_right_whatever_moves(
        numbers in some_rules(),
        sections in sections(),
        first in basket(),
        motions in prop::collection::vec(motion(), 1..40),
    ) {
        let run = Run::new(&format!("{}{sections}", document(&numbers)));
        let mut all = Motions::new(run);
        all.run.buy(&first, None);
        for motion in &motions {
            all.step(motion);
        }
        // What is shown is what is there once everything that is due has been carried out, whoever is swept first.
        let shown = WHO.map(|who| all.run.world.run(&GetBalance::new(member(who))).unwrap());
        let order = if motions.len() % 2 == 0 { WHO } else { [WHO[1], WHO[0]] };
        for who in order {
            all.run.world.run(&SettleMember { member: member(who) }).unwrap();
        }
        for (who, shown) in WHO.into_iter().zip(shown) {
            let row = &all.run.world.members[&all.run.world.member_key(who)];
            for asset in shown.assets {
                let own = |purpose: Purpose| row.balances.get(&purpose, asset.available.asset());
                let unit = asset.available.asset();
                let available = own(Purpose::available(unit)) + own(Purpose::Main);
                prop_assert_eq!(asset.available.minor(), available, "{} {}", who, unit);
                let other = &all.run.world.members[&all.run.world.member_key(other_than(who))];
                let rests = other.profile.status == MemberStatus::Closed;
                let is_merged = row.profile.status == MemberStatus::Merged;
                prop_assert!(!is_merged || rests || available == 0, "{} rests with {}", available, who);
                prop_assert_eq!(asset.pending.minor(), own(Purpose::Pending));
                prop_assert_eq!(asset.owed.map_or(0, Money::minor), own(Purpose::Debt));
                prop_assert_eq!(asset.reserved.map_or(0, Money::minor), own(Purpose::Reserved));
            }
        }
    }
}
