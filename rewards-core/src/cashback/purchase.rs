//! A purchase as the host tells of it, and what can be wrong with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::counter::Summed;
use crate::ids::{MemberId, ProgramId, PurchaseId};
use crate::money::{Asset, Money, allocate};
use crate::program::Fact;
use crate::rejection::{Problem, Rejection};
use crate::texts::{check_texts, is_unstorable};
use crate::time::Timestamp;

/// The most lines a purchase may have.
pub const LINES_MAX: usize = 1_000;
/// The most tags, attributes or attributes of a line a purchase may have.
pub const FACTS_MAX: usize = 100;
/// The longest text of a fact, in bytes.
pub const FACT_BYTES_MAX: usize = 256;
/// How far a purchase may lie in the future, for clocks that run ahead: five minutes in microseconds.
pub const AHEAD_MICROS_MAX: i64 = 5 * 60 * 1_000_000;

/// A purchase. All amounts are in one currency, that of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct Purchase {
    /// The host's id of the purchase, unique in the tenant.
    pub id: PurchaseId,
    /// Who bought.
    pub member: MemberId,
    /// The program that decides.
    pub program: ProgramId,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What was paid, with everything in it, before discounts are taken off.
    pub total: Money,
    /// Discounts in the total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub discounts: Option<Money>,
    /// Fees in the total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub fee: Option<Money>,
    /// Taxes in the total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub tax: Option<Money>,
    /// Shipping in the total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub shipping: Option<Money>,
    /// Its category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub category: Option<String>,
    /// The merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub merchant: Option<String>,
    /// The biller, for bill payments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub biller: Option<String>,
    /// The kind of bill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub bill_type: Option<String>,
    /// In store, online, app …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub channel: Option<String>,
    /// How it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub payment_method: Option<String>,
    /// The store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub store: Option<String>,
    /// The country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub country: Option<String>,
    /// Tags of the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub tags: Vec<String>,
    /// What was bought, line by line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub lines: Vec<Line>,
    /// Facts that the host injects.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub attributes: BTreeMap<String, String>,
}

/// One line of a basket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What the line costs before discounts, all pieces together.
    pub amount: Money,
    /// The article.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub sku: Option<String>,
    /// Its category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub category: Option<String>,
    /// How many pieces.
    #[serde(default = "one")]
    #[cfg_attr(feature = "uniffi", uniffi(default = 1))]
    pub quantity: u32,
    /// What of the purchase's discounts is for this line. What is for no line is split over all of them by what they cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub discounts: Option<Money>,
    /// What of the purchase's taxes is for this line. What is for no line belongs to those that tell none, by what they cost;
    /// when all tell one, to the shipping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub tax: Option<Money>,
    /// Facts about the line.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub attributes: BTreeMap<String, String>,
}

fn one() -> u32 {
    1
}

impl Line {
    /// One piece with nothing but its price.
    #[must_use]
    pub fn new(amount: Money) -> Self {
        Self {
            amount,
            sku: None,
            category: None,
            quantity: one(),
            discounts: None,
            tax: None,
            attributes: BTreeMap::new(),
        }
    }
}

impl Purchase {
    /// A purchase with nothing but what every purchase has.
    #[must_use]
    pub fn new(
        id: PurchaseId,
        member: MemberId,
        program: ProgramId,
        occurred_at: Timestamp,
        total: Money,
    ) -> Self {
        Self {
            id,
            member,
            program,
            occurred_at,
            total,
            discounts: None,
            fee: None,
            tax: None,
            shipping: None,
            category: None,
            merchant: None,
            biller: None,
            bill_type: None,
            channel: None,
            payment_method: None,
            store: None,
            country: None,
            tags: Vec::new(),
            lines: Vec::new(),
            attributes: BTreeMap::new(),
        }
    }

    /// The same with amounts, times and ids only: nothing that was told of it in words.
    #[must_use]
    pub fn without_facts(self) -> Self {
        let lines = self.lines.into_iter().map(|line| Line {
            quantity: line.quantity,
            discounts: line.discounts,
            tax: line.tax,
            ..Line::new(line.amount)
        });
        Self {
            discounts: self.discounts,
            fee: self.fee,
            tax: self.tax,
            shipping: self.shipping,
            lines: lines.collect(),
            ..Self::new(
                self.id,
                self.member,
                self.program,
                self.occurred_at,
                self.total,
            )
        }
    }

    /// What it adds to the sums of its member's history, besides what it earns.
    #[must_use]
    pub fn sums(&self) -> SmallVec<[(Summed, i64); 6]> {
        let currency = self.total.asset();
        let mut sums = SmallVec::new();
        sums.push((Summed::Visits, 1));
        sums.push((Summed::Gross(currency), self.total.minor()));
        let parts = [
            (self.discounts, Summed::Discounts(currency)),
            (self.fee, Summed::Fee(currency)),
            (self.tax, Summed::Tax(currency)),
            (self.shipping, Summed::Shipping(currency)),
        ];
        for (part, summed) in parts {
            sums.extend(part.map(|part| (summed, part.minor())));
        }
        sums
    }

    /// What of the discounts is for each line: its own, and of those that are for no line a part by what the lines cost, largest
    /// remainder first, so that the shares sum to the discounts exactly. Empty when nothing can be split.
    #[must_use]
    pub fn discount_shares(&self) -> Vec<i64> {
        let total = self.discounts.map_or(0, |discounts| discounts.minor());
        let own = self.lines.iter().map(|line| minor_of(line.discounts));
        let rest = own.clone().fold(total, i64::saturating_sub).max(0);
        let weights = self.lines.iter().zip(own.clone());
        let weights = weights.map(|(line, own)| line.amount.minor().saturating_sub(own));
        let weights: Vec<u64> = weights.map(|left| left.max(0).unsigned_abs()).collect();
        let shares = allocate(rest, &weights).unwrap_or_default();
        if rest == total {
            return shares;
        }
        let shares = shares.into_iter().chain(std::iter::repeat(0));
        own.zip(shares)
            .map(|(own, share)| own.saturating_add(share))
            .collect()
    }

    /// The text of a fact.
    #[must_use]
    #[inline]
    pub fn fact(&self, fact: Fact) -> Option<&str> {
        match fact {
            Fact::Category => self.category.as_deref(),
            Fact::Merchant => self.merchant.as_deref(),
            Fact::Biller => self.biller.as_deref(),
            Fact::BillType => self.bill_type.as_deref(),
            Fact::Channel => self.channel.as_deref(),
            Fact::PaymentMethod => self.payment_method.as_deref(),
            Fact::Store => self.store.as_deref(),
            Fact::Country => self.country.as_deref(),
        }
    }

    /// All problems of the purchase on its own, with paths: currency, signs, sums, sizes and time.
    #[must_use]
    pub fn problems(&self, currency: Asset, now: Timestamp) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.check_amounts(currency, &mut problems);
        self.check_lines(currency, &mut problems);
        self.check_facts(&mut problems);
        let latest = now
            .checked_add_micros(AHEAD_MICROS_MAX)
            .unwrap_or(Timestamp::MAX);
        if self.occurred_at > latest {
            let detail = format!(
                "a purchase cannot lie in the future: got {}, it is {now}",
                self.occurred_at
            );
            problems.push(Problem::new("time_in_future", "occurred_at", detail));
        }
        problems
    }

    /// Whether none of the [problems](Self::problems) is one of its tags, attributes or other facts.
    #[must_use]
    pub fn has_valid_facts(&self) -> bool {
        let mut problems = Vec::new();
        self.check_facts(&mut problems);
        problems.is_empty()
    }

    fn parts(&self) -> [(&'static str, Option<Money>); 4] {
        [
            ("discounts", self.discounts),
            ("fee", self.fee),
            ("tax", self.tax),
            ("shipping", self.shipping),
        ]
    }

    fn check_amounts(&self, currency: Asset, problems: &mut Vec<Problem>) {
        check_currency("total", self.total, currency, problems);
        if !self.total.is_positive() {
            let detail = format!("a purchase needs a positive total, got `{}`", self.total);
            problems.push(Problem::new("amount_not_positive", "total", detail));
        }
        let mut parts = 0_i128;
        for (path, amount) in self.parts() {
            let Some(amount) = amount else { continue };
            check_currency(path, amount, currency, problems);
            if amount.is_negative() {
                let detail = format!("expected zero or more, got `{amount}`");
                problems.push(Problem::new("amount_negative", path, detail));
            }
            parts = parts.saturating_add(i128::from(amount.minor()));
        }
        if parts > i128::from(self.total.minor().max(0)) {
            let detail = "discounts, fee, tax and shipping together exceed the total";
            problems.push(Problem::new("parts_exceed_total", "total", detail));
        }
    }

    fn check_lines(&self, currency: Asset, problems: &mut Vec<Problem>) {
        if self.lines.len() > LINES_MAX {
            let detail = format!("at most {LINES_MAX} lines, got {}", self.lines.len());
            problems.push(Problem::new("too_many_lines", "lines", detail));
            return;
        }
        let mut sum = 0_i128;
        for (at, line) in self.lines.iter().enumerate() {
            check_currency(
                &format!("lines[{at}].amount"),
                line.amount,
                currency,
                problems,
            );
            if line.amount.is_negative() {
                let path = format!("lines[{at}].amount");
                let detail = format!("expected zero or more, got `{}`", line.amount);
                problems.push(Problem::new("amount_negative", path, detail));
            }
            self.check_line_parts(at, line, currency, problems);
            if line.quantity == 0 {
                let path = format!("lines[{at}].quantity");
                problems.push(Problem::new(
                    "quantity_invalid",
                    path,
                    "expected one or more, got 0",
                ));
            }
            if line.attributes.len() > FACTS_MAX {
                let path = format!("lines[{at}].attributes");
                let detail = format!(
                    "at most {FACTS_MAX} attributes, got {}",
                    line.attributes.len()
                );
                problems.push(Problem::new("too_many_facts", path, detail));
            }
            sum = sum.saturating_add(i128::from(line.amount.minor()));
        }
        if sum > i128::from(self.total.minor().max(0)) {
            let detail = "the lines together exceed the total";
            problems.push(Problem::new("lines_exceed_total", "lines", detail));
        }
        let discounts = |line: &Line| line.discounts;
        let tax = |line: &Line| line.tax;
        self.check_sum("discounts", self.discounts, discounts, problems);
        self.check_sum("tax", self.tax, tax, problems);
    }

    /// Checks what of discounts and tax a line says is its own.
    fn check_line_parts(
        &self,
        at: usize,
        line: &Line,
        currency: Asset,
        problems: &mut Vec<Problem>,
    ) {
        for (name, part) in [("discounts", line.discounts), ("tax", line.tax)] {
            let Some(part) = part else { continue };
            let path = format!("lines[{at}].{name}");
            check_currency(&path, part, currency, problems);
            if part.is_negative() {
                let detail = format!("expected zero or more, got `{part}`");
                problems.push(Problem::new("amount_negative", path, detail));
            } else if name == "discounts" && part.minor() > line.amount.minor().max(0) {
                let detail = format!(
                    "expected at most what the line costs, `{}`, got `{part}`",
                    line.amount
                );
                problems.push(Problem::new("part_exceeds_line", path, detail));
            }
        }
    }

    /// Checks that what lines say is theirs of a part of the total is not more than the part.
    fn check_sum(
        &self,
        name: &'static str,
        whole: Option<Money>,
        part: impl Fn(&Line) -> Option<Money>,
        problems: &mut Vec<Problem>,
    ) {
        let parts = self
            .lines
            .iter()
            .map(|line| i128::from(minor_of(part(line))));
        let sum = parts.fold(0_i128, i128::saturating_add);
        if sum > i128::from(minor_of(whole).max(0)) {
            let detail = format!("the `{name}` of the lines together exceed those of the purchase");
            problems.push(Problem::new("line_parts_exceed", name, detail));
        }
    }

    fn check_facts(&self, problems: &mut Vec<Problem>) {
        for (path, count) in [
            ("tags", self.tags.len()),
            ("attributes", self.attributes.len()),
        ] {
            if count > FACTS_MAX {
                let detail = format!("at most {FACTS_MAX}, got {count}");
                problems.push(Problem::new("too_many_facts", path, detail));
            }
        }
        let facts = Fact::ALL
            .iter()
            .filter_map(|fact| self.fact(*fact).map(|text| (fact.name(), text)));
        let tags = self.tags.iter().map(|tag| ("tags", tag.as_str()));
        let attributes = self.attributes.iter().flat_map(|(name, value)| {
            [
                ("attributes", name.as_str()),
                ("attributes", value.as_str()),
            ]
        });
        let lines = self.lines.iter().flat_map(|line| {
            let own = [line.sku.as_deref(), line.category.as_deref()];
            let attributes = line.attributes.iter();
            let attributes = attributes.flat_map(|(name, value)| [name.as_str(), value]);
            let texts = own.into_iter().flatten().chain(attributes);
            texts.map(|text| ("lines", text))
        });
        let mut is_storable = true;
        for (path, text) in facts.chain(tags).chain(attributes).chain(lines) {
            is_storable &= !is_unstorable(text);
            if text.len() > FACT_BYTES_MAX {
                let detail = format!("at most {FACT_BYTES_MAX} bytes, got {}", text.len());
                problems.push(Problem::new("text_too_long", path, detail));
            }
        }
        if !is_storable && let Err(Rejection::Invalid(found)) = check_texts(self) {
            problems.extend(found);
        }
    }
}

fn minor_of(amount: Option<Money>) -> i64 {
    amount.map_or(0, Money::minor)
}

fn check_currency(path: &str, amount: Money, currency: Asset, problems: &mut Vec<Problem>) {
    if amount.asset() != currency {
        let detail = format!(
            "expected `{currency}`, the program's currency, got `{}`",
            amount.asset()
        );
        problems.push(Problem::new(
            "asset_mismatch",
            format!("{path}.asset"),
            detail,
        ));
    }
}
