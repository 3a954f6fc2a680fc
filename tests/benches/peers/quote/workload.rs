//! The rules and the purchases of the benchmark: one list of plain rules, from which every engine's own form is made.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use rewards_core::cashback::Purchase;
use rewards_core::ids::{MemberId, ProgramId, PurchaseId};
use rewards_core::money::{Asset, Money};
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::time::Timestamp;
use serde_json::{Value, json};

/// How many different purchases are cycled.
pub const PURCHASES: usize = 1_000;
/// The id of the program.
pub const PROGRAM: &str = "everyday";
/// What a member can be granted in a month, in cents.
pub const MONTH_CAP: i64 = 50_000;
/// What one purchase can be granted, in cents.
pub const PURCHASE_CAP: i64 = 1_500;

const CHANNELS: [&str; 4] = ["store", "online", "app", "phone"];

/// One rule as a person would say it: so much percent for this category, there, that way, from that amount on.
#[derive(Debug, Clone)]
pub struct PlainRule {
    /// The category; `None` only in the rule for everybody.
    pub category: Option<String>,
    /// The merchant.
    pub merchant: Option<String>,
    /// The channel.
    pub channel: Option<&'static str>,
    /// The smallest purchase, in cents.
    pub at_least: i64,
    /// The percentage in basis points.
    pub basis_points: u32,
    /// Whether it adds to the best base rule instead of competing for it.
    pub is_bonus: bool,
}

/// A member's standing, in figures that every engine can use.
#[derive(Debug, Clone, Copy)]
pub struct PlainStanding {
    /// The rank on the ladder.
    pub rank: usize,
    /// What the rank multiplies rewards by, in percent.
    pub multiplier_percent: u32,
    /// What of the month's cap is used, in cents.
    pub used: i64,
}

/// The members that the purchases are evaluated for, in turn. The last has nearly used up the month.
pub const STANDINGS: [PlainStanding; 4] = [
    PlainStanding {
        rank: 0,
        multiplier_percent: 100,
        used: 0,
    },
    PlainStanding {
        rank: 1,
        multiplier_percent: 125,
        used: 1_250,
    },
    PlainStanding {
        rank: 2,
        multiplier_percent: 150,
        used: 7_000,
    },
    PlainStanding {
        rank: 1,
        multiplier_percent: 125,
        used: 49_900,
    },
];

fn category(number: usize) -> String {
    format!("category-{number}")
}

fn merchant(number: usize) -> String {
    format!("merchant-{number:05}")
}

/// The shape of a rule set: how many categories and merchants there are.
#[derive(Debug, Clone, Copy)]
struct Shape {
    categories: usize,
    by_channel: usize,
    merchants: usize,
}

impl Shape {
    fn of(rules: usize) -> Self {
        let categories = (rules / 5).clamp(2, 40);
        let by_channel = (rules / 10).min(CHANNELS.len() * categories);
        let rest = rules.saturating_sub(1 + categories + by_channel);
        Self {
            categories,
            by_channel,
            merchants: rest.div_ceil(4).max(1),
        }
    }
}

/// A rule for everybody, one a category, some for a category in a channel, and four a merchant.
pub fn plain_rules(count: usize) -> Vec<PlainRule> {
    let shape = Shape::of(count);
    let mut rules = vec![PlainRule {
        category: None,
        merchant: None,
        channel: None,
        at_least: 0,
        basis_points: 50,
        is_bonus: false,
    }];
    rules.extend((0..shape.categories).map(|number| PlainRule {
        category: Some(category(number)),
        merchant: None,
        channel: None,
        at_least: 500,
        basis_points: 100,
        is_bonus: false,
    }));
    rules.extend((0..shape.by_channel).map(|number| PlainRule {
        category: Some(category(number % shape.categories)),
        merchant: None,
        channel: channel(number / shape.categories),
        at_least: 1_000,
        basis_points: 25,
        is_bonus: true,
    }));
    rules.extend((0..shape.merchants).flat_map(|number| merchant_rules(shape, number)));
    rules.truncate(count);
    rules
}

fn channel(number: usize) -> Option<&'static str> {
    CHANNELS.get(number % CHANNELS.len()).copied()
}

fn merchant_rules(shape: Shape, number: usize) -> [PlainRule; 4] {
    let step = u32::try_from(number % 7).unwrap_or(0) * 25;
    let rule = |channel, at_least, basis_points, is_bonus| PlainRule {
        category: Some(category(number % shape.categories)),
        merchant: Some(merchant(number)),
        channel,
        at_least,
        basis_points,
        is_bonus,
    };
    [
        rule(None, 1_000, 150 + step, false),
        rule(None, 10_000, 250 + step, false),
        rule(channel(number), 500, 50 + step, true),
        rule(None, 5_000, 75, true),
    ]
}

/// The rules as a program document: two stacking groups, a ladder, a cap a month and a cap a purchase.
pub fn document(rules: &[PlainRule]) -> Value {
    let rules: Vec<Value> = rules.iter().enumerate().map(rule_document).collect();
    json!({
        "id": PROGRAM,
        "currency": "EUR",
        "zone": "Europe/Berlin",
        "rounding": "half_even",
        "stacking_groups": [
            { "id": "base", "stacking": "best" },
            { "id": "bonus", "stacking": "all" },
        ],
        "caps": [
            { "id": "month", "per": "member", "every": "month", "limit": { "amount": { "amount": cents(MONTH_CAP) } } },
            { "id": "purchase", "per": "purchase", "limit": { "amount": { "amount": cents(PURCHASE_CAP) } } },
        ],
        "ladders": [{
            "id": "status",
            "measure": { "spend": "net" },
            "window": { "calendar": "year" },
            "tiers": [
                { "id": "bronze", "threshold": "0" },
                { "id": "silver", "threshold": "1000", "benefits": { "multiplier": "1.25" } },
                { "id": "gold", "threshold": "5000", "benefits": { "multiplier": "1.5" } },
            ],
        }],
        "rules": rules,
    })
}

fn rule_document((number, rule): (usize, &PlainRule)) -> Value {
    let mut conditions = Vec::new();
    if let Some(category) = &rule.category {
        conditions.push(json!({ "category": [category] }));
    }
    if let Some(merchant) = &rule.merchant {
        conditions.push(json!({ "merchant": [merchant] }));
    }
    if let Some(channel) = rule.channel {
        conditions.push(json!({ "channel": [channel] }));
    }
    if rule.at_least > 0 {
        conditions.push(json!({ "amount": { "at_least": cents(rule.at_least) } }));
    }
    let mut document = json!({
        "id": format!("rule-{number}"),
        "stacking_group": if rule.is_bonus { "bonus" } else { "base" },
        "effect": { "percent": { "rate": percent(rule.basis_points) } },
        "caps": ["month", "purchase"],
    });
    if let (false, Some(object)) = (conditions.is_empty(), document.as_object_mut()) {
        object.insert("when".to_owned(), json!({ "all": conditions }));
    }
    document
}

/// Cents as amount text.
fn cents(amount: i64) -> String {
    format!("{}.{:02}", amount / 100, amount % 100)
}

/// Basis points as a percentage.
fn percent(basis_points: u32) -> String {
    format!("{}.{:02}%", basis_points / 100, basis_points % 100)
}

/// Reads, checks and compiles a program document.
pub fn compile(text: &str) -> Result<CompiledProgram, Box<dyn Error>> {
    let active_from = Timestamp::parse("2026-01-01T00:00:00Z")?;
    let compiled = Program::from_json(text)
        .and_then(|document| CompiledProgram::compile(document, 1, active_from));
    compiled.map_err(|problems| format!("{problems:?}").into())
}

/// A stream of purchases: mostly with merchants that have rules, some with merchants or categories that have none.
pub fn purchases(rules: usize) -> Result<Vec<Purchase>, Box<dyn Error>> {
    let shape = Shape::of(rules);
    let euro = Asset::parse("EUR")?;
    let at = Timestamp::parse("2026-05-01T10:00:00Z")?;
    let mut random = Random(0x5EED);
    let mut purchases = Vec::with_capacity(PURCHASES);
    for number in 0..PURCHASES {
        let shop = random.below(shape.merchants);
        let total = i64::try_from(random.below(20_000))? + 100;
        let mut purchase = Purchase::new(
            PurchaseId::new(&format!("purchase-{number}"))?,
            MemberId::new("member-1")?,
            ProgramId::new(PROGRAM)?,
            at,
            Money::new(total, euro),
        );
        purchase.category = Some(category(shop % shape.categories));
        purchase.merchant = Some(merchant(shop));
        purchase.channel = channel(random.below(CHANNELS.len())).map(ToOwned::to_owned);
        match random.below(20) {
            0 => purchase.category = Some("category-without-rules".to_owned()),
            1 | 2 => purchase.merchant = Some("merchant-without-rules".to_owned()),
            3 => purchase.channel = Some("kiosk".to_owned()),
            _ => {}
        }
        purchases.push(purchase);
    }
    Ok(purchases)
}

/// What the members have in common: no segments and no facts.
#[derive(Debug, Default)]
pub struct NoFacts {
    /// No segments.
    pub segments: BTreeSet<String>,
    /// No attributes.
    pub attributes: BTreeMap<String, String>,
}

/// A small generator, so that every run sees the same purchases (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let bound = u64::try_from(bound).unwrap_or(1);
        usize::try_from((mixed ^ (mixed >> 31)) % bound).unwrap_or(0)
    }
}
