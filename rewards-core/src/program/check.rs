//! Conditions, compiled: texts become symbols, amounts become minor units, dates become days.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::activity::{Activity, ActivityCounters};
use super::ladder::Ladder;
use super::{AmountTest, AttributeTest, Basis, Condition, LineTest, NumberTest, Part, TierTest};
use crate::ids::Slug;
use crate::money::MoneyError;
use crate::time::{DateRange, Period, TimeOfDayRange, Weekday};

/// A single-valued text fact of a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// The category.
    Category,
    /// The merchant.
    Merchant,
    /// The biller.
    Biller,
    /// The kind of bill.
    BillType,
    /// The channel.
    Channel,
    /// How it was paid.
    PaymentMethod,
    /// The store.
    Store,
    /// The country.
    Country,
}

/// How many facts there are.
pub const FACTS: usize = 8;

impl Fact {
    /// All facts, in the order of their numbers.
    pub const ALL: [Self; FACTS] = [
        Self::Category,
        Self::Merchant,
        Self::Biller,
        Self::BillType,
        Self::Channel,
        Self::PaymentMethod,
        Self::Store,
        Self::Country,
    ];

    /// The name of the field that carries the fact.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Merchant => "merchant",
            Self::Biller => "biller",
            Self::BillType => "bill_type",
            Self::Channel => "channel",
            Self::PaymentMethod => "payment_method",
            Self::Store => "store",
            Self::Country => "country",
        }
    }
}

/// Which parts of a purchase's total are taken off. One bit a part, so that bases compare and index cheaply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BasisMask(u8);

impl BasisMask {
    /// The mask of a documented basis.
    #[must_use]
    pub fn of(basis: &Basis) -> Self {
        Self(match basis {
            Basis::Gross => 0,
            Basis::Net => Self::bit(Part::Discounts),
            Basis::Goods => 15,
            Basis::Without(parts) => parts.iter().fold(0, |mask, part| mask | Self::bit(*part)),
        })
    }

    #[inline]
    const fn bit(part: Part) -> u8 {
        match part {
            Part::Discounts => 1,
            Part::Fee => 2,
            Part::Tax => 4,
            Part::Shipping => 8,
        }
    }

    /// The mask that also takes off a part.
    #[must_use]
    #[inline]
    pub const fn with(self, part: Part) -> Self {
        Self(self.0 | Self::bit(part))
    }

    /// Whether two masks take off the same part.
    #[must_use]
    #[inline]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether a part is taken off.
    #[must_use]
    #[inline]
    pub const fn takes_off(self, part: Part) -> bool {
        self.0 & Self::bit(part) != 0
    }

    /// Number of the mask, below 16.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }
}

/// A half-open range of whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First number inside.
    pub from: i64,
    /// First number after.
    pub until: i64,
}

impl Range {
    fn new(from: Option<i64>, until: Option<i64>) -> Self {
        Self {
            from: from.unwrap_or(i64::MIN),
            until: until.unwrap_or(i64::MAX),
        }
    }

    /// Whether a number lies inside.
    #[must_use]
    #[inline]
    pub fn contains(self, number: i64) -> bool {
        self.from <= number && number < self.until
    }
}

/// Symbols in order, each once.
pub type SymbolSet = SmallVec<[u32; 4]>;

/// A compiled condition. Its rare parts are boxed: the common ones then fit into the rule itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// All of them hold.
    All(Vec<Check>),
    /// At least one of them holds.
    Any(Vec<Check>),
    /// None of them holds.
    None(Vec<Check>),
    /// An amount of the purchase lies in a range of minor units.
    Amount(BasisMask, Range),
    /// A fact is one of these symbols.
    Fact(Fact, SymbolSet),
    /// The purchase carries one of these tags.
    Tag(Vec<String>),
    /// The member is in one of these segments.
    Segment(Vec<String>),
    /// The member's rank on a ladder is one of these bits.
    Tier(usize, u32),
    /// A line matches.
    Line(Box<LineCheck>),
    /// A activity_counter, this purchase included, lies in a range.
    Activity(ActivityCheck),
    /// A activity_counter lies in a range and is a multiple.
    EveryNth(ActivityCheck, i64),
    /// The local weekday is one of these bits.
    Weekday(u8),
    /// The local time of day lies in a range.
    TimeOfDay(TimeOfDayRange),
    /// The local date lies in a range.
    Dates(DateRange),
    /// An attribute passes a test.
    Attribute(Box<AttributeTest>),
    /// One of the offers with these numbers applies.
    Offer(OfferNumbers),
}

/// A test of what a member did in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ActivityCheck {
    /// Number of the activity_counter.
    pub activity_counter: usize,
    /// The window.
    pub window: Period,
    /// The range.
    pub range: Range,
}

/// A compiled test of a line.
#[derive(Debug, Clone, PartialEq)]
pub struct LineCheck {
    /// The test as documented.
    pub test: LineTest,
    /// Its lowest amount in minor units.
    pub amount_at_least: i64,
}

/// Numbers for the texts of facts. Symbol 0 is a text that no rule names.
#[derive(Debug, Clone, Default)]
pub struct Symbols {
    texts: [FxHashMap<Box<str>, u32>; FACTS],
    /// The facts that any rule names a value of, in the order of their numbers.
    used: SmallVec<[Fact; FACTS]>,
}

impl Symbols {
    /// The number of a text, 0 when no rule names it.
    #[must_use]
    #[inline]
    pub fn get(&self, fact: Fact, text: &str) -> u32 {
        self.table(fact)
            .and_then(|table| table.get(text))
            .copied()
            .unwrap_or(0)
    }

    /// The facts that any rule names a value of.
    #[must_use]
    #[inline]
    pub fn used(&self) -> &[Fact] {
        &self.used
    }

    /// How many texts of a fact have a number; the numbers run from 1 up to it.
    #[must_use]
    pub fn count(&self, fact: Fact) -> usize {
        self.table(fact).map_or(0, FxHashMap::len)
    }

    #[inline]
    fn table(&self, fact: Fact) -> Option<&FxHashMap<Box<str>, u32>> {
        self.texts.get(fact as usize)
    }

    fn intern(&mut self, fact: Fact, text: &str) -> u32 {
        let Some(table) = self.texts.get_mut(fact as usize) else {
            return 0;
        };
        if let Some(known) = table.get(text) {
            return *known;
        }
        let next = u32::try_from(table.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        if table.is_empty() {
            let at = self.used.partition_point(|known| *known < fact);
            self.used.insert(at, fact);
        }
        table.insert(text.into(), next);
        next
    }
}

/// Numbers of offers, in order.
pub type OfferNumbers = SmallVec<[u32; 4]>;

/// What compiling a condition needs to know of the program.
#[derive(Debug)]
pub struct CheckCompiler<'a> {
    /// Decimals of the program's currency.
    pub scale: u8,
    /// The ladders, in document order.
    pub ladders: &'a [Ladder],
    /// The numbers of offers by their names.
    pub offers: &'a FxHashMap<&'a Slug, u32>,
    /// Collects the texts of facts.
    pub symbols: &'a mut Symbols,
    /// Collects the activity_counters needed.
    pub activity_counters: &'a mut ActivityCounters,
}

impl CheckCompiler<'_> {
    /// Compiles a condition.
    ///
    /// # Errors
    /// [`MoneyError`] when an amount does not fit the program's currency.
    pub fn compile(&mut self, condition: &Condition) -> Result<Check, MoneyError> {
        Ok(match condition {
            Condition::All(parts) => Check::All(self.each(parts)?),
            Condition::Any(parts) => Check::Any(self.each(parts)?),
            Condition::None(parts) => Check::None(self.each(parts)?),
            Condition::Amount(test) => self.amount(test)?,
            Condition::Category(values) => self.fact(Fact::Category, values),
            Condition::Merchant(values) => self.fact(Fact::Merchant, values),
            Condition::Biller(values) => self.fact(Fact::Biller, values),
            Condition::BillType(values) => self.fact(Fact::BillType, values),
            Condition::Channel(values) => self.fact(Fact::Channel, values),
            Condition::PaymentMethod(values) => self.fact(Fact::PaymentMethod, values),
            Condition::Store(values) => self.fact(Fact::Store, values),
            Condition::Country(values) => self.fact(Fact::Country, values),
            Condition::Tag(values) => Check::Tag(values.clone()),
            Condition::Segment(values) => Check::Segment(values.clone()),
            Condition::Tier(test) => self.tier(test),
            Condition::Line(test) => Check::Line(Box::new(self.line(test)?)),
            Condition::PurchaseNumber(test) => self.number(test),
            Condition::WindowCount(test) => {
                let activity_counter = self.activity_counters.number(Activity::Visits, test.window);
                let range = count_range(test.at_least, test.at_most);
                Check::Activity(ActivityCheck {
                    activity_counter,
                    window: test.window,
                    range,
                })
            }
            Condition::WindowSum(test) => {
                let activity_counter = self
                    .activity_counters
                    .number(Activity::Spend(BasisMask::of(&test.of)), test.window);
                let at_least = test.at_least.map(|a| a.to_minor(self.scale)).transpose()?;
                let below = test.below.map(|a| a.to_minor(self.scale)).transpose()?;
                let range = Range::new(at_least, below);
                Check::Activity(ActivityCheck {
                    activity_counter,
                    window: test.window,
                    range,
                })
            }
            Condition::Weekday(days) => Check::Weekday(weekday_bits(days)),
            Condition::TimeOfDay(range) => Check::TimeOfDay(*range),
            Condition::Dates(range) => Check::Dates(*range),
            Condition::Attribute(test) => Check::Attribute(Box::new(test.clone())),
            Condition::Offer(names) => {
                let numbers = names.iter().filter_map(|name| self.offers.get(name));
                Check::Offer(numbers.copied().collect())
            }
        })
    }

    fn each(&mut self, parts: &[Condition]) -> Result<Vec<Check>, MoneyError> {
        // A list collected from results cannot know its length, and would take four times the room for one check.
        let mut checks = Vec::with_capacity(parts.len());
        for part in parts {
            checks.push(self.compile(part)?);
        }
        Ok(checks)
    }

    fn amount(&self, test: &AmountTest) -> Result<Check, MoneyError> {
        let at_least = test
            .at_least
            .map(|amount| amount.to_minor(self.scale))
            .transpose()?;
        let below = test
            .below
            .map(|amount| amount.to_minor(self.scale))
            .transpose()?;
        Ok(Check::Amount(
            BasisMask::of(&test.of),
            Range::new(at_least, below),
        ))
    }

    fn fact(&mut self, fact: Fact, values: &[String]) -> Check {
        let mut symbols: SymbolSet = values
            .iter()
            .map(|value| self.symbols.intern(fact, value))
            .collect();
        symbols.sort_unstable();
        symbols.dedup();
        Check::Fact(fact, symbols)
    }

    fn tier(&self, test: &TierTest) -> Check {
        let found = self
            .ladders
            .iter()
            .enumerate()
            .find(|(_, ladder)| ladder.id == test.ladder);
        let Some((number, ladder)) = found else {
            return Check::Tier(0, 0);
        };
        let rank_of = |id: &Slug| ladder.tiers.iter().position(|tier| tier.id == *id);
        let bit = |rank: usize| {
            u32::try_from(rank)
                .ok()
                .and_then(|r| 1_u32.checked_shl(r))
                .unwrap_or(0)
        };
        let bits = match test.at_least.as_ref().and_then(rank_of) {
            Some(lowest) => (lowest..ladder.tiers.len()).fold(0, |bits, rank| bits | bit(rank)),
            None => test
                .one_of
                .iter()
                .filter_map(rank_of)
                .fold(0, |bits, rank| bits | bit(rank)),
        };
        Check::Tier(number, bits)
    }

    /// Compiles a test of a line.
    ///
    /// # Errors
    /// As [`compile`](Self::compile).
    pub fn line(&self, test: &LineTest) -> Result<LineCheck, MoneyError> {
        let amount_at_least = test
            .amount_at_least
            .map(|amount| amount.to_minor(self.scale))
            .transpose()?;
        let amount_at_least = amount_at_least.unwrap_or(i64::MIN);
        Ok(LineCheck {
            test: test.clone(),
            amount_at_least,
        })
    }

    fn number(&mut self, test: &NumberTest) -> Check {
        let activity_counter = self
            .activity_counters
            .number(Activity::Number, Period::Lifetime);
        let range = count_range(test.at_least, test.at_most);
        let in_range = ActivityCheck {
            activity_counter,
            window: Period::Lifetime,
            range,
        };
        // One condition of the document stays one check, so that explanations name its path.
        match test.every {
            None => Check::Activity(in_range),
            Some(every) => Check::EveryNth(in_range, i64::from(every)),
        }
    }
}

fn count_range(at_least: Option<u32>, at_most: Option<u32>) -> Range {
    let until = at_most.map(|last| i64::from(last).saturating_add(1));
    Range::new(at_least.map(i64::from), until)
}

fn weekday_bits(days: &[Weekday]) -> u8 {
    days.iter().fold(0, |bits, day| bits | weekday_bit(*day))
}

/// The bit of a weekday, Monday being the lowest.
#[must_use]
#[inline]
pub fn weekday_bit(day: Weekday) -> u8 {
    1_u8.checked_shl(day as u32).unwrap_or(0)
}
