//! What holds for every program and every sequence of commands. Each world checks its own books when it is dropped.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in the functions that tests share as well"
)]

use std::collections::BTreeMap;

use crate::world::{World, at, member};
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use rewards_core::cashback::Purchase;
use rewards_core::ledger::{Transfer, TransferKind};
use rewards_core::money::{Money, Rate, Rounding};
use rewards_core::operations::purchases::{
    CancelPurchase, ConfirmPurchase, GetPurchase, PurchaseDecision, QuotePurchase, RecordPurchase,
    RefundPurchase, RefundedPart, ReplacePurchase,
};
use rewards_core::operations::rewards::{DeductBalance, GrantReward, SettleMember};
use rewards_core::refunds::RefundedPieces;
use rewards_core::rejection::Rejection;
use rewards_core::time::{Calendar, Period, Timestamp, WeekStart, Zone};

const HEAD: &str = r#"
zone = "Africa/Lagos"
units = [{ asset = "points" }]
stacking_groups = [{ id = "base" }, { id = "best", stacking = "best" }, { id = "times", base = "running" }]
caps = [
    { id = "tx", per = "purchase", limit = { amount = { amount = "3" } } },
    { id = "day", per = "member", every = "day", limit = { amount = { amount = "6" } } },
    { id = "seven", per = "member", every = { days = 7 }, limit = { amount = { amount = "9" } } },
    { id = "monthly", per = "member", every = "month", limit = { amount = { amount = "300", asset = "points" } } },
    { id = "device", per = { attribute = "device" }, limit = { amount = { amount = "8" } } },
    { id = "twice", per = "member", every = "week", limit = { uses = 2 } },
]
budgets = [
    { id = "launch", amount = "25" },
    { id = "weekly", amount = "10", every = "week" },
]
"#;

const LADDERS: &str = r#"
[[ladders]]
id = "spend"
measure = { spend = "gross" }
window = { calendar = "month" }
downgrade = "to_eligible"
tiers = [
    { id = "low", threshold = "0" },
    { id = "mid", threshold = "200", benefits = { multiplier = "1.5" } },
    { id = "high", threshold = "600", benefits = { multiplier = "2", extra_rate = "0.5%", cap_multiplier = "2" } },
]
[[ladders]]
id = "visits"
measure = "visits"
window = { calendar = { days = 10 } }
downgrade = "one_step"
grace_days = 2
tiers = [{ id = "new", threshold = "0" }, { id = "known", threshold = "3" }, { id = "regular", threshold = "6" }]
"#;

/// Rules without their ids; each is named by its place here.
const RULES: &[&str] = &[
    r#"effect = { percent = { rate = "1%" } }"#,
    r#"effect = { percent = { rate = "2.5%", of = "gross" } }
    caps = ["tx", "day"]"#,
    r#"when = { category = ["food", "drink"] }
    caps = ["seven"]
    effect = { percent = { rate = "4%" } }"#,
    r#"when = { all = [{ category = ["food"] }, { channel = ["app"] }] }
    budgets = ["launch", "weekly"]
    effect = { fixed = { amount = "1.23" } }"#,
    r#"when = { any = [{ channel = ["web"] }, { amount = { at_least = "80" } }] }
    caps = ["device"]
    effect = { fixed = { amount = "2" } }
    lifecycle = { pending = { days = 5 }, expires = { days = 20 } }"#,
    r#"effect = { per_unit = { amount = "1", asset = "points", every = "7", remainder = "carry" } }
    caps = ["monthly"]"#,
    r#"scope = "line"
    when = { line = { sku = ["a", "b"] } }
    caps = ["tx", "twice"]
    effect = { percent = { rate = "3%" } }"#,
    r#"scope = "line"
    when = { line = { except_sku = ["a"] } }
    effect = { per_unit = { amount = "2", asset = "points", every = "3", remainder = "carry" } }"#,
    r#"stacking_group = "best"
    exclusive = ["promo"]
    effect = { percent = { rate = "2%" } }
    caps = ["day"]"#,
    r#"stacking_group = "best"
    when = { none = [{ category = ["food"] }] }
    effect = { fixed = { amount = "1.50" } }
    lifecycle = { pending = { confirmation = { void_after_days = 10 } }, expires = { days = 5 } }"#,
    r#"stacking_group = "best"
    priority = 3
    exclusive = ["promo"]
    when = { tier = { ladder = "spend", at_least = "mid" } }
    effect = { percent = { rate = "2%" } }"#,
    r#"stacking_group = "times"
    effect = { multiplier = { factor = "1.5" } }
    budgets = ["weekly"]"#,
    r#"stacking_group = "times"
    when = { window_sum = { window = "week", at_least = "150" } }
    exclusive = ["promo"]
    effect = { percent = { rate = "5%" } }"#,
    r#"when = { purchase_number = { every = 3 } }
    effect = { fixed = { amount = "5", asset = "points" } }
    funded_by = "partner""#,
];

fn rules(numbers: &[usize]) -> String {
    let rule = |number: &usize| format!("[[rules]]\nid = \"r{number:02}\"\n{}\n", RULES[*number]);
    numbers.iter().map(rule).collect()
}

pub fn document(numbers: &[usize]) -> String {
    format!("{HEAD}{}{LADDERS}", rules(numbers))
}

#[derive(Debug, Clone)]
pub struct Basket {
    pub member: &'static str,
    pub total: i64,
    pub discount: u8,
    pub days_late: i64,
    pub category: Option<&'static str>,
    pub channel: Option<&'static str>,
    pub device: Option<&'static str>,
    /// Articles, each with a number of pieces.
    pub lines: Vec<(&'static str, u32)>,
}

#[derive(Debug, Clone)]
pub enum Step {
    Buy(Basket),
    Refund(Index, Part),
    Cancel(Index),
    Confirm(Index),
    Settle(&'static str),
    Give(&'static str, i64),
    Take(&'static str, i64),
    Wait(i64),
}

/// What of a purchase is refunded, if there is so much.
#[derive(Debug, Clone)]
pub enum Part {
    All,
    /// So many thousandths of what was paid.
    Share(i64),
    Pieces(Index, u32),
}

pub fn basket() -> impl Strategy<Value = Basket> {
    let maybe =
        |words: &'static [&'static str]| proptest::option::of(proptest::sample::select(words));
    (
        proptest::sample::select(&["ann", "bob"][..]),
        1..30_000_i64,
        0..30_u8,
        prop_oneof![3 => Just(0_i64), 1 => 0..12_i64],
        maybe(&["food", "drink", "toys"]),
        maybe(&["app", "web"]),
        maybe(&["d1", "d2"]),
        proptest::collection::vec(
            (proptest::sample::select(&["a", "b", "c"][..]), 1..5_u32),
            0..4,
        ),
    )
        .prop_map(
            |(member, total, discount, days_late, category, channel, device, lines)| Basket {
                member,
                total,
                discount,
                days_late,
                category,
                channel,
                device,
                lines,
            },
        )
}

pub fn step() -> impl Strategy<Value = Step> {
    let who = || proptest::sample::select(&["ann", "bob"][..]);
    prop_oneof![
        8 => basket().prop_map(Step::Buy),
        2 => (any::<Index>(), part()).prop_map(|(index, part)| Step::Refund(index, part)),
        2 => any::<Index>().prop_map(Step::Cancel),
        1 => any::<Index>().prop_map(Step::Confirm),
        1 => who().prop_map(Step::Settle),
        1 => (who(), 1..500_i64).prop_map(|(who, minor)| Step::Give(who, minor)),
        1 => (who(), 1..300_i64).prop_map(|(who, minor)| Step::Take(who, minor)),
        3 => (1..60_i64).prop_map(Step::Wait),
    ]
}

pub fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        1 => Just(Part::All),
        4 => (1..1_000_i64).prop_map(Part::Share),
        4 => (any::<Index>(), 1..5_u32).prop_map(|(line, pieces)| Part::Pieces(line, pieces)),
    ]
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 1..25)
}

pub fn some_rules() -> impl Strategy<Value = Vec<usize>> {
    subsequence((0..RULES.len()).collect::<Vec<_>>(), 1..RULES.len())
}

/// A world, and what was recorded in it.
pub struct Run {
    pub world: World,
    pub recorded: Vec<(Purchase, PurchaseDecision)>,
}

impl Run {
    pub fn new(document: &str) -> Self {
        let mut world = World::with(document);
        world.register("bob");
        Self {
            world,
            recorded: Vec::new(),
        }
    }

    fn purchase(&self, basket: &Basket) -> Purchase {
        let euro = |minor| Money::new(minor, rewards_core::money::Asset::parse("EUR").unwrap());
        let mut purchase = self.world.purchase("1");
        let text = |word: Option<&str>| word.map(str::to_owned);
        purchase.id = format!("p{}", self.recorded.len()).parse().unwrap();
        purchase.member = member(basket.member);
        purchase.total = euro(basket.total);
        purchase.discounts = Some(euro(basket.total * i64::from(basket.discount) / 100));
        purchase.occurred_at = self.world.now.checked_add_days(-basket.days_late).unwrap();
        purchase.category = text(basket.category);
        purchase.channel = text(basket.channel);
        if let Some(device) = basket.device {
            purchase
                .attributes
                .insert("device".to_owned(), device.to_owned());
        }
        let share = basket.total / i64::try_from(basket.lines.len().max(1)).unwrap();
        purchase.lines = basket
            .lines
            .iter()
            .map(|(sku, pieces)| rewards_core::cashback::Line {
                sku: Some((*sku).to_owned()),
                quantity: *pieces,
                ..rewards_core::cashback::Line::new(euro(share))
            })
            .collect();
        purchase
    }

    pub fn buy(&mut self, basket: &Basket, pinned: Option<String>) -> PurchaseDecision {
        let purchase = self.purchase(basket);
        let record = RecordPurchase {
            coupons: Vec::new(),
            purchase: purchase.clone(),
            pinned,
        };
        let decision = self.world.run(&record).unwrap().decision;
        self.recorded.push((purchase, decision.clone()));
        decision
    }

    pub fn cancel(&mut self, at: usize) {
        let (purchase, _) = &self.recorded[at];
        let cancel = CancelPurchase {
            member: purchase.member.clone(),
            purchase: purchase.id.clone(),
        };
        let refused = self.world.run(&cancel).err();
        assert!(matches!(
            refused,
            None | Some(Rejection::PurchaseRefunded(_))
        ));
    }

    /// Refunds a part of a purchase, if there is so much, and says whether it did.
    pub fn refund(&mut self, at: usize, part: &Part) -> bool {
        let (purchase, _) = &self.recorded[at];
        let paid = purchase.total.minor() - purchase.discounts.map_or(0, Money::minor);
        let what = match part {
            Part::All => RefundedPart::All,
            Part::Share(share) => {
                let minor = (paid * share / 1_000).max(1);
                RefundedPart::Amount(Money::new(minor, purchase.total.asset()))
            }
            Part::Pieces(line, pieces) => RefundedPart::Lines(vec![RefundedPieces {
                line: u32::try_from(line.index(purchase.lines.len().max(1))).unwrap(),
                pieces: *pieces,
            }]),
        };
        let refund = RefundPurchase {
            refund: format!("r{}", self.world.commands).parse().unwrap(),
            member: purchase.member.clone(),
            purchase: purchase.id.clone(),
            what,
            kind: None,
            reason: None,
        };
        let refused = self.world.run(&refund).err();
        assert!(matches!(
            refused,
            None | Some(
                Rejection::PurchaseRefunded(_)
                    | Rejection::PurchaseCancelled(_)
                    | Rejection::RefundExceeds { .. }
                    | Rejection::PiecesExceed { .. }
                    | Rejection::LineUnknown { .. },
            )
        ));
        refused.is_none()
    }

    /// Another purchase in the place of one that was recorded, of the same member.
    pub fn replacement(&self, replaced: &Index, basket: &Basket) -> ReplacePurchase {
        let (replaced, _) = &self.recorded[replaced.index(self.recorded.len())];
        let mut purchase = self.purchase(basket);
        purchase.member = replaced.member.clone();
        ReplacePurchase {
            coupons: Vec::new(),
            refund: format!("r{}", self.world.commands).parse().unwrap(),
            replaced: replaced.id.clone(),
            reason: None,
            purchase,
            pinned: None,
        }
    }

    pub fn step(&mut self, step: &Step) {
        let reason = || "why".to_owned();
        let euro = |minor| Money::new(minor, rewards_core::money::Asset::parse("EUR").unwrap());
        match step {
            Step::Buy(basket) => {
                self.buy(basket, None);
            }
            Step::Cancel(_) | Step::Confirm(_) | Step::Refund(..) if self.recorded.is_empty() => {}
            Step::Refund(index, part) => {
                self.refund(index.index(self.recorded.len()), part);
            }
            Step::Cancel(index) => self.cancel(index.index(self.recorded.len())),
            Step::Confirm(index) => {
                let (purchase, _) = &self.recorded[index.index(self.recorded.len())];
                let confirm = ConfirmPurchase {
                    member: purchase.member.clone(),
                    purchase: purchase.id.clone(),
                };
                let refused = self.world.run(&confirm).err();
                assert!(matches!(
                    refused,
                    None | Some(Rejection::PurchaseCancelled(_) | Rejection::PurchaseRefunded(_))
                ));
            }
            Step::Settle(who) => {
                let member = member(who);
                self.world.run(&SettleMember { member }).unwrap();
            }
            Step::Give(who, minor) => {
                let grant = GrantReward {
                    source: None,
                    reference: None,
                    member: member(who),
                    amount: euro(*minor),
                    reason: reason(),
                    expires_at: self.world.now.checked_add_days(9).ok(),
                };
                self.world.run(&grant).unwrap();
            }
            Step::Take(who, minor) => {
                let take = DeductBalance {
                    source: None,
                    reference: None,
                    member: member(who),
                    take: euro(*minor),
                    reason: reason(),
                };
                let refused = self.world.run(&take).err();
                assert!(matches!(
                    refused,
                    None | Some(Rejection::Insufficient { .. })
                ));
            }
            Step::Wait(hours) => {
                let micros = hours * 3_600_000_000;
                self.world.now = self.world.now.checked_add_micros(micros).unwrap();
            }
        }
    }

    pub fn steps(&mut self, steps: &[Step]) {
        steps.iter().for_each(|step| self.step(step));
    }

    /// What was granted under a limit and did not go back, by key and day: purchases of which anything is left, and minor
    /// units.
    fn use_of(&self, name: &str, key: &dyn Fn(&Purchase) -> Option<String>) -> Use {
        let limited = |rule: &str| {
            let number: usize = rule[1..].parse().unwrap();
            RULES[number].contains(&format!("\"{name}\""))
        };
        let calendar = calendar();
        let mut used = Use::new();
        for (purchase, decision) in &self.recorded {
            let kept = self.world.kept(&purchase.id).allocations;
            let grants = decision.grants.iter().zip(&kept);
            let granted = grants.filter(|(grant, _)| limited(grant.rule.as_str()));
            let left = granted.map(|(grant, kept)| grant.granted.minor() - kept.returned);
            let sum: i64 = left.sum();
            if sum > 0 {
                let key = key(purchase).expect("granted without a key");
                let days = used.entry(key).or_default();
                days.push((calendar.bucket(Period::Day, purchase.occurred_at).0, sum));
            }
        }
        used
    }
}

type Use = BTreeMap<String, Vec<(i64, i64)>>;

fn calendar() -> Calendar {
    Calendar::new(Zone::parse("Africa/Lagos").unwrap(), WeekStart::default())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_quote_is_what_is_recorded(numbers in some_rules(), before in steps(), basket in basket()) {
        let mut run = Run::new(&document(&numbers));
        run.steps(&before);
        let purchase = run.purchase(&basket);
        let explain = basket.discount % 2 == 0;
        let get = GetPurchase { explain, ..GetPurchase::new(purchase.id.clone()) };
        let quoted = run.world.run(&QuotePurchase {
 purchase,
 coupons: Vec::new(),
 explain,
}).unwrap();
        let recorded = run.buy(&basket, Some(quoted.decision.digest.clone()));
        prop_assert_eq!(recorded, quoted.decision);
        // Why it is granted what it is stays the same, whatever happens later.
        run.steps(&before);
        prop_assert_eq!(run.world.run(&get).unwrap().explanation, quoted.explanation);
    }

    #[test]
    fn limits_are_never_exceeded(numbers in some_rules(), steps in steps()) {
        let mut run = Run::new(&document(&numbers).replace(", cap_multiplier = \"2\"", ""));
        run.steps(&steps);
        let of_member = |purchase: &Purchase| Some(purchase.member.to_string());
        let of_device = |purchase: &Purchase| purchase.attributes.get("device").cloned();
        let of_all = |_: &Purchase| Some(String::new());
        let of_purchase = |purchase: &Purchase| Some(purchase.id.to_string());
        for (name, key, days, limit) in [
            ("tx", &of_purchase as &dyn Fn(&Purchase) -> Option<String>, 1, 300),
            ("day", &of_member, 1, 600),
            ("seven", &of_member, 7, 900),
            ("device", &of_device, 1_000_000, 800),
            ("launch", &of_all, 1_000_000, 2_500),
        ] {
            for (key, grants) in run.use_of(name, key) {
                for (start, _) in &grants {
                    let inside = grants.iter().filter(|(day, _)| (*start..start + days).contains(day));
                    let sum: i64 = inside.map(|(_, minor)| minor).sum();
                    prop_assert!(sum <= limit, "{name} of {key}: {sum} from day {start}");
                }
            }
        }
        for (name, key, per, limit) in [
            ("monthly", &of_member as &dyn Fn(&Purchase) -> Option<String>, Period::Month, 300),
            ("twice", &of_member, Period::Week, 2),
            ("weekly", &of_all, Period::Week, 1_000),
        ] {
            for (key, grants) in run.use_of(name, key) {
                let mut sums: BTreeMap<i64, i64> = BTreeMap::new();
                for (day, minor) in grants {
                    // Noon of the day in Lagos.
                    let noon = Timestamp::from_micros((day * 24 + 11) * 3_600_000_000).unwrap();
                    let bucket = calendar().bucket(per, noon).0;
                    let amount = if name == "twice" { 1 } else { minor };
                    *sums.entry(bucket).or_default() += amount;
                }
                prop_assert!(sums.values().all(|sum| *sum <= limit), "{name} of {key}: {sums:?}");
            }
        }
    }

    #[test]
    fn the_order_of_rules_in_the_document_means_nothing(
        numbers in some_rules(),
        shuffled in Just((0..RULES.len()).collect::<Vec<_>>()).prop_shuffle(),
        steps in steps(),
    ) {
        let reordered: Vec<usize> =
            shuffled.into_iter().filter(|number| numbers.contains(number)).collect();
        let (mut run, mut other) = (Run::new(&document(&numbers)), Run::new(&document(&reordered)));
        run.steps(&steps);
        other.steps(&steps);
        prop_assert_eq!(&run.recorded, &other.recorded);
        prop_assert_eq!(&run.world.journal, &other.world.journal);
        prop_assert_eq!(run.world.counted(), other.world.counted());
        prop_assert_eq!(run.world.summed(), other.world.summed());
    }

    #[test]
    fn the_same_commands_give_the_same_bytes(numbers in some_rules(), steps in steps()) {
        let (mut run, mut again) = (Run::new(&document(&numbers)), Run::new(&document(&numbers)));
        run.steps(&steps);
        again.steps(&steps);
        prop_assert_eq!(&run.world.replies, &again.world.replies);
        prop_assert_eq!(&run.world.members, &again.world.members);
        prop_assert_eq!(&run.world.journal, &again.world.journal);
        prop_assert_eq!(&run.world.events, &again.world.events);
        // And sent again, they have no second effect.
        let (now, journal) = (run.world.now, run.world.journal.clone());
        for (purchase, decision) in run.recorded.clone() {
            let record = RecordPurchase::new(purchase);
            prop_assert_eq!(run.world.run(&record).unwrap().decision, decision);
        }
        prop_assert_eq!((now, &journal), (run.world.now, &run.world.journal));
    }

    #[test]
    fn a_cancelled_purchase_leaves_no_trace(
        numbers in some_rules(),
        before in steps(),
        basket in basket(),
    ) {
        let mut run = Run::new(&document(&numbers));
        run.steps(&before);
        for who in ["ann", "bob"] {
            run.step(&Step::Settle(who));
        }
        // What is due is settled when a purchase is cancelled, so one that is late leaves more than it came with.
        let basket = Basket { days_late: 0, ..basket };
        let (counters, balances) = (run.world.counted(), run.world.balances());
        let summed = run.world.summed();
        run.buy(&basket, None);
        run.cancel(run.recorded.len() - 1);
        prop_assert_eq!(run.world.counted(), counters);
        prop_assert_eq!(run.world.summed(), summed);
        let mut now = run.world.balances();
        now.retain(|account, minor| *minor != 0 || balances.contains_key(account));
        prop_assert_eq!(&now, &balances);
    }

    #[test]
    fn a_tampered_entry_is_found(
        numbers in some_rules(),
        steps in steps(),
        (entry, field) in (any::<Index>(), 0..6_u8),
    ) {
        let mut run = Run::new(&document(&numbers));
        run.steps(&steps);
        let mut tampered = run.world.clone();
        let mut entries: Vec<_> = tampered.journal.values_mut().flatten().collect();
        prop_assume!(!entries.is_empty());
        let at = entry.index(entries.len());
        let entry = &mut entries[at];
        let moved = entry.transfer.clone();
        match field {
            0 => entry.transfer.kind = match moved.kind {
                TransferKind::Deduct => TransferKind::Grant,
                _ => TransferKind::Deduct,
            },
            1 => entry.transfer.purchase = Some("other".parse().unwrap()),
            2 => entry.recorded_at = crate::world::at("2030-01-01"),
            3 => entry.hash.0[0] ^= 1,
            4 => entry.transfer.effective_at = crate::world::at("2030-01-01"),
            _ => {
                let (from, to) = (moved.from().clone(), moved.to().clone());
                entry.transfer =
                    Transfer::new(from, to, moved.minor() + 1, moved.kind, moved.effective_at).unwrap();
            }
        }
        let problems = tampered.audit(&tampered.tenant);
        prop_assert!(!problems.is_empty());
        // The world as it was is sound; this one is meant not to be.
        std::mem::forget(tampered);
    }

    #[test]
    fn no_tier_depends_on_the_order_of_purchases_of_one_instant(
        totals in proptest::collection::vec(1..40_000_i64, 2..6),
        before in 0..70_000_i64,
        seed in any::<Index>(),
    ) {
        let text = format!("[[rules]]\nid = \"r00\"\n{}\n{LADDERS}", RULES[0]);
        let mut turned = totals.clone();
        turned.rotate_left(seed.index(totals.len()));
        turned.reverse();
        let standing = |totals: &[i64]| {
            let mut world = World::with(&text);
            if before > 0 {
                world.buy(&format!("{}.{:02}", before / 100, before % 100));
            }
            world.at("2026-03-20");
            let mut grants: Vec<_> = totals
                .iter()
                .map(|total| {
                    let text = format!("{}.{:02}", total / 100, total % 100);
                    (*total, world.grants(&text))
                })
                .collect();
            grants.sort();
            let tiers = (world.tiers(), world.at("2026-04-15").tiers(), world.at("2026-05-15").tiers());
            (grants, tiers)
        };
        prop_assert_eq!(standing(&totals), standing(&turned));
    }

    #[test]
    fn a_percentage_is_off_by_less_than_a_minor_unit(
        total in 1..i64::MAX / 1_000_000,
        rate in 1..2_000_000_i128,
        mode in proptest::sample::select(&Rounding::ALL[..]),
    ) {
        // The rate in ten-thousandths of a percent: the exact reward is total × rate / 1,000,000.
        let text = format!("{}.{:04}%", rate / 10_000, rate % 10_000);
        prop_assume!(Rate::parse(&text).is_ok());
        let mode_text = serde_json::to_string(&mode).unwrap();
        let document = format!(
            "rounding = {mode_text}\n[[rules]]\nid = \"it\"\neffect = {{ percent = {{ rate = \"{text}\", of = \"gross\" }} }}"
        );
        let mut world = World::with(&document);
        let recorded = world.buy(&format!("{}.{:02}", total / 100, total % 100));
        let granted = recorded.decision.totals.first().map_or(0, |total| i128::from(total.minor()));
        let (exact, one) = (i128::from(total) * rate, 1_000_000);
        let error = granted * one - exact;
        prop_assert!(error.abs() < one, "{} for {}", granted, exact);
        match mode {
            Rounding::HalfEven | Rounding::HalfUp => prop_assert!(error.abs() * 2 <= one),
            Rounding::Down | Rounding::TowardProgram => prop_assert!(error <= 0),
            Rounding::Up | Rounding::TowardMember => prop_assert!(error >= 0),
        }
    }

    #[test]
    fn marginal_bands_are_off_by_less_than_a_minor_unit(
        total in 1..1_000_000_000_i64,
        ends in proptest::collection::btree_set(1..1_000_000_000_i64, 1..5),
        rates in proptest::collection::vec(1..100_000_i128, 5),
    ) {
        let money = |minor: i64| format!("{}.{:02}", minor / 100, minor % 100);
        let starts: Vec<i64> = std::iter::once(0).chain(ends).collect();
        let band = |(from, rate): (&i64, &i128)| {
            let rate = format!("{}.{:03}%", rate / 1_000, rate % 1_000);
            format!("{{ from = \"{}\", reward = {{ rate = \"{rate}\" }} }}", money(*from))
        };
        let bands: Vec<String> = starts.iter().zip(&rates).map(band).collect();
        let document = format!(
            "[[rules]]\nid = \"it\"\neffect = {{ bands = {{ mode = \"marginal\", bands = [{}] }} }}",
            bands.join(", ")
        );
        let recorded = World::with(&document).buy(&money(total));
        let granted = recorded.decision.totals.first().map_or(0, |total| i128::from(total.minor()));
        let until = starts.iter().skip(1).copied().chain([i64::MAX]);
        let parts = starts.iter().zip(until).zip(&rates);
        let exact: i128 = parts
            .map(|((from, until), rate)| i128::from((total.min(until) - from).max(0)) * rate)
            .sum();
        let error = granted * 100_000 - exact;
        prop_assert!(error.abs() * 2 <= 100_000, "{} for {}", granted, exact);
    }
}

/// A condition as a document, of facts, lines and combinations of them.
fn condition() -> impl Strategy<Value = String> {
    let fact = || {
        let names = ["category", "merchant", "channel", "country", "store"];
        let values = subsequence(vec!["\"a\"", "\"b\"", "\"c\""], 1..3);
        (proptest::sample::select(names.to_vec()), values)
            .prop_map(|(name, values)| format!("{name} = [{}]", values.join(", ")))
    };
    let line = subsequence(vec!["\"a\"", "\"b\"", "\"c\""], 1..3)
        .prop_map(|skus| format!("line = {{ sku = [{}] }}", skus.join(", ")));
    let amount = (1..300_u32).prop_map(|least| format!("amount = {{ at_least = \"{least}\" }}"));
    let leaf = prop_oneof![
        5 => fact(),
        1 => line,
        1 => Just("line = { category = [\"food\", \"a\"] }".to_owned()),
        1 => Just("line = { quantity_at_least = 2 }".to_owned()),
        1 => amount,
        1 => Just("tag = [\"t\"]".to_owned()),
    ];
    leaf.prop_recursive(2, 10, 4, |inner| {
        let parts = proptest::collection::vec(inner, 1..5);
        let join = proptest::sample::select(vec!["all", "all", "any", "none"]);
        (join, parts).prop_map(|(join, parts)| {
            let parts: Vec<String> = parts.iter().map(|part| format!("{{ {part} }}")).collect();
            format!("{join} = [{}]", parts.join(", "))
        })
    })
}

fn facts() -> impl Strategy<Value = String> {
    let word = |name: &'static str| {
        let value = proptest::option::of(proptest::sample::select(vec!["a", "b", "c", "d"]));
        value.prop_map(move |value| value.map_or(String::new(), |value| format!(" {name}={value}")))
    };
    let line = (
        proptest::sample::select(vec!["a", "b", "z"]),
        any::<bool>(),
        1..4_u32,
    )
        .prop_map(|(sku, food, quantity)| {
            let category = if food { ",category=food" } else { "" };
            format!(" line:1.00,sku={sku}{category},quantity={quantity}")
        });
    (
        (
            4..400_u32,
            word("category"),
            word("merchant"),
            word("channel"),
        ),
        (word("country"), word("store"), proptest::bool::ANY),
        proptest::collection::vec(line, 0..4),
    )
        .prop_map(|((total, a, b, c), (d, e, tagged), lines)| {
            let tag = if tagged { " tag=t" } else { "" };
            format!("{total}{a}{b}{c}{d}{e}{tag}{}", lines.concat())
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn the_index_finds_what_looking_at_every_rule_finds(
        rules in proptest::collection::vec((condition(), any::<bool>()), 1..12),
        purchases in proptest::collection::vec(facts(), 1..4),
    ) {
        // The reference: each rule alone in its program, its condition hidden from the index by `any`.
        let rule = |at: usize, (condition, by_line): &(String, bool), hidden: bool| {
            let scope = if *by_line { "line" } else { "basket" };
            let when = if hidden {
                format!("any = [{{ {condition} }}]")
            } else {
                condition.clone()
            };
            format!(
                "[[rules]]\nid = \"r{at}\"\nscope = \"{scope}\"\nwhen = {{ {when} }}\neffect = {{ fixed = {{ amount = \"1\" }} }}\n"
            )
        };
        let is_valid = |text: &str| World::empty().publish(text, "2020-01-01").is_ok();
        let (sound, refused): (Vec<_>, Vec<_>) =
            rules.iter().partition(|it| is_valid(&rule(0, it, false)) && is_valid(&rule(0, it, true)));
        let numbered = || sound.iter().enumerate();
        let all: String = numbered().map(|(at, it)| rule(at, it, false)).collect();
        let mut indexed = World::with(&all);
        let mut alone: Vec<World> = numbered()
            .map(|(at, it)| World::with(&rule(at, it, true)))
            .collect();
        // What is refused as a contradiction holds for no purchase.
        for text in refused.iter().map(|it| rule(0, it, true)).filter(|text| is_valid(text)) {
            let mut world = World::with(&text);
            for purchase in &purchases {
                prop_assert_eq!(world.quoted(purchase).len(), 0, "{} by {}", purchase, text);
            }
        }
        for purchase in &purchases {
            let mut found = indexed.quoted(purchase);
            found.sort();
            let mut naive: Vec<String> =
                alone.iter_mut().flat_map(|world| world.quoted(purchase)).collect();
            naive.sort();
            prop_assert_eq!(found, naive, "{}", purchase);
        }
    }

    #[test]
    fn the_balance_of_every_day_is_the_fold_of_the_journal(numbers in some_rules(), steps in steps()) {
        let mut run = Run::new(&document(&numbers));
        run.steps(&steps);
        // Settled late or not: what was available and pending on a day does not change any more.
        let days: Vec<String> = (2..30).map(|day| format!("2026-03-{day:02}")).collect();
        run.world.now = run.world.now.max(at("2026-04-01"));
        let before: Vec<String> =
            days.iter().map(|day| run.world.balance_at(Some(day))).collect();
        run.step(&Step::Settle("ann"));
        let after: Vec<String> = days.iter().map(|day| run.world.balance_at(Some(day))).collect();
        prop_assert_eq!(&before, &after);
        prop_assert!(before.iter().all(|balance| !balance.contains('-')), "{before:?}");
    }
}
