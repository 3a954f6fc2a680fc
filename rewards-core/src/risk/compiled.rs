//! The section `risk`, ready to score: names are numbers, and every payment has the same ones.

use super::history::Moment;
use super::{
    FeatureValue, History, ListAction, MEMBER_KEY, OnUnknown, ReviewDecision, Risk,
    RiskCombination, RiskHistory, RiskList, RiskRule, RiskWindow, Scorecard, SumOverflow,
};
use crate::ids::Slug;
use crate::time::{MICROS_PER_DAY, MICROS_PER_MINUTE, Timestamp};

/// After how many minutes a review expires when nothing is said: a day.
pub const REVIEW_MINUTES_DEFAULT: u32 = 1_440;
/// After how many minutes a review expires at the latest: thirty days.
pub const REVIEW_MINUTES_MAX: u32 = 43_200;

const PERCENT: i128 = 100;
const SHARE: i128 = 10_000;

/// What is known of a feature of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Known {
    /// It is this.
    Value(i64),
    /// There is nothing to look at.
    Nothing,
    /// It cannot be known.
    Unknown,
}

/// What a payment is scored by.
#[derive(Debug, Clone)]
pub struct Scored<'a> {
    /// When it happened.
    pub moment: Moment,
    /// How much, in minor units of the program's currency.
    pub amount: i64,
    /// Since when the member has been registered, if there is one.
    pub member_since: Option<Timestamp>,
    /// By the program's keys in their order: nothing for a key that the payment does not have, and an empty history for a value
    /// that no payment had.
    pub histories: Vec<Option<&'a RiskHistory>>,
}

/// A feature whose keys are numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CompiledFeature {
    id: Slug,
    value: FeatureValue,
    /// The number of the key whose history it looks at.
    by: usize,
}

/// Points by one feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledRiskRule {
    /// The rule's name.
    pub id: Slug,
    /// The number of the feature.
    pub feature: usize,
    /// The lower edges of all bands but the first.
    edges: Vec<i64>,
    /// The points of all bands, one more than there are edges.
    points: Vec<i32>,
    none: i32,
    pub(super) unknown: OnUnknown,
}

impl CompiledRiskRule {
    /// The number of the band that a value is in.
    #[must_use]
    pub fn band(&self, value: i64) -> usize {
        self.edges.partition_point(|edge| *edge <= value)
    }

    /// The lower edges of all bands but the first.
    #[must_use]
    pub fn edges(&self) -> &[i64] {
        &self.edges
    }

    /// The points of what is known of the feature; none when it cannot be known.
    #[must_use]
    pub fn points(&self, known: Known) -> Option<i32> {
        match known {
            Known::Value(value) => self.points.get(self.band(value)).copied(),
            Known::Nothing => Some(self.none),
            Known::Unknown => None,
        }
    }
}

/// Points for several features together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledCombination {
    /// The combination's name.
    pub id: Slug,
    /// Numbers of features, each with its range: from, and below.
    pub tests: Vec<(usize, i64, Option<i64>)>,
    /// How many points.
    pub points: i32,
    pub(super) unknown: OnUnknown,
}

impl CompiledCombination {
    /// Whether all of it holds. It does not when one part does not, whatever is known of the others.
    #[must_use]
    pub fn holds(&self, values: &[Known]) -> Option<bool> {
        let mut all = Some(true);
        for (feature, from, until) in &self.tests {
            match values.get(*feature).copied().unwrap_or(Known::Unknown) {
                Known::Value(value) => {
                    if value < *from || until.is_some_and(|until| value >= until) {
                        return Some(false);
                    }
                }
                Known::Nothing => return Some(false),
                Known::Unknown => all = None,
            }
        }
        all
    }
}

/// A scorecard whose features are numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledScorecard {
    /// Points that every payment has.
    pub base: i32,
    /// Points by single features.
    pub rules: Vec<CompiledRiskRule>,
    /// Points for features together.
    pub combinations: Vec<CompiledCombination>,
    /// From this score on a payment is reviewed.
    pub review_at: Option<i32>,
    /// From this score on a payment is blocked.
    pub block_at: Option<i32>,
}

impl CompiledScorecard {
    /// Whether a rule or a combination has this name.
    #[must_use]
    pub fn has_rule(&self, id: &Slug) -> bool {
        self.rules.iter().any(|rule| rule.id == *id)
            || self.combinations.iter().any(|rule| rule.id == *id)
    }

    /// A scorecard of a section. What names no feature of it is left out; a document that was checked has nothing of that kind.
    pub(crate) fn of(card: &Scorecard, risk: &Risk) -> Self {
        let number = |id: &Slug| risk.features.iter().position(|feature| feature.id == *id);
        let rule = |rule: &RiskRule| {
            Some(CompiledRiskRule {
                id: rule.id.clone(),
                feature: number(&rule.feature)?,
                edges: rule.bands.iter().skip(1).filter_map(|b| b.from).collect(),
                points: rule.bands.iter().map(|band| band.points).collect(),
                none: rule.none,
                unknown: rule.unknown.unwrap_or(risk.unknown),
            })
        };
        let combination = |rule: &RiskCombination| {
            let tests = rule.all.iter().map(|test| {
                let from = test.from.unwrap_or(i64::MIN);
                number(&test.feature).map(|feature| (feature, from, test.until))
            });
            Some(CompiledCombination {
                id: rule.id.clone(),
                tests: tests.collect::<Option<_>>()?,
                points: rule.points,
                unknown: rule.unknown.unwrap_or(risk.unknown),
            })
        };
        Self {
            base: card.base,
            rules: card.rules.iter().filter_map(rule).collect(),
            combinations: card.combinations.iter().filter_map(combination).collect(),
            review_at: card.review_at,
            block_at: card.block_at,
        }
    }
}

/// The section of a program, ready to score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledRisk {
    keys: Vec<Slug>,
    features: Vec<CompiledFeature>,
    live: CompiledScorecard,
    shadow: Option<CompiledScorecard>,
    lists: Vec<RiskList>,
    /// By the number of a key, the keys whose values are told apart among its payments.
    distinct: Vec<Vec<usize>>,
    review_micros: i64,
    review_then: ReviewDecision,
}

impl CompiledRisk {
    /// The section of a document that was checked.
    #[must_use]
    pub fn of(risk: &Risk) -> Self {
        let keys: Vec<Slug> = all_keys(risk);
        let number = |key: &Slug| keys.iter().position(|known| known == key);
        let mut distinct: Vec<Vec<usize>> = keys.iter().map(|_| Vec::new()).collect();
        let mut features = Vec::with_capacity(risk.features.len());
        for feature in &risk.features {
            let by = feature.value.by().and_then(number).unwrap_or_default();
            if let FeatureValue::Distinct(told) = &feature.value
                && let (Some(of), Some(told)) = (number(&told.of), distinct.get_mut(by))
                && !told.contains(&of)
            {
                told.push(of);
            }
            features.push(CompiledFeature {
                id: feature.id.clone(),
                value: feature.value.clone(),
                by,
            });
        }
        let minutes = risk.reviews.expires_after_minutes;
        let minutes = i64::from(minutes.unwrap_or(REVIEW_MINUTES_DEFAULT));
        Self {
            features,
            live: CompiledScorecard::of(&risk.scorecard, risk),
            shadow: (risk.shadow.as_ref()).map(|card| CompiledScorecard::of(card, risk)),
            lists: risk.lists.clone(),
            distinct,
            review_micros: minutes.saturating_mul(MICROS_PER_MINUTE),
            review_then: risk.reviews.then,
            keys,
        }
    }

    /// The keys: `member`, then those that the program names.
    #[must_use]
    pub fn keys(&self) -> &[Slug] {
        &self.keys
    }

    /// Takes a payment into the history of one of its keys, with the values that it has of the keys that are told apart there.
    ///
    /// # Errors
    /// [`SumOverflow`].
    pub fn count<'a>(
        &'a self,
        key: usize,
        history: &mut RiskHistory,
        (moment, amount): (&Moment, i64),
        value_of: impl Fn(usize) -> Option<&'a str>,
    ) -> Result<(), SumOverflow> {
        let others = self.distinct.get(key).into_iter().flatten();
        let others = others.filter_map(|other| Some((self.keys.get(*other)?, value_of(*other)?)));
        history.add(moment, amount, others)
    }

    /// The scorecard that decides.
    #[must_use]
    pub fn live(&self) -> &CompiledScorecard {
        &self.live
    }

    /// The scorecard beside it, if there is one.
    #[must_use]
    pub fn shadow(&self) -> Option<&CompiledScorecard> {
        self.shadow.as_ref()
    }

    /// The lists.
    #[must_use]
    pub fn lists(&self) -> &[RiskList] {
        &self.lists
    }

    /// A list by its name.
    #[must_use]
    pub fn list(&self, id: &Slug) -> Option<&RiskList> {
        self.lists.iter().find(|list| list.id == *id)
    }

    /// When a review expires that begins at an instant, and what holds then. Times end in 2200, and so does it.
    #[must_use]
    pub fn review_ends(&self, opened_at: Timestamp) -> (Timestamp, ReviewDecision) {
        let ends = opened_at.checked_add_micros(self.review_micros);
        (ends.unwrap_or(Timestamp::MAX), self.review_then)
    }

    /// The name of a feature.
    #[must_use]
    pub fn feature(&self, number: usize) -> Option<&Slug> {
        self.features.get(number).map(|feature| &feature.id)
    }

    /// What is known of all features of a payment, in their order.
    ///
    /// # Errors
    /// [`SumOverflow`].
    pub fn values(&self, payment: &Scored<'_>) -> Result<Vec<Known>, SumOverflow> {
        let features = self.features.iter();
        features.map(|feature| feature.of(payment)).collect()
    }
}

/// All keys of a section, `member` first.
pub(crate) fn all_keys(risk: &Risk) -> Vec<Slug> {
    let member = Slug::new(MEMBER_KEY).into_iter();
    member.chain(risk.keys.iter().cloned()).collect()
}

impl FeatureValue {
    /// All keys that it looks at: the one whose history it is of, and the one whose values it counts.
    pub fn keys(&self) -> impl Iterator<Item = &Slug> {
        let counted = match self {
            Self::Distinct(told) => Some(&told.of),
            _ => None,
        };
        self.by().into_iter().chain(counted)
    }

    /// The key whose history it looks at, if it looks at one.
    #[must_use]
    pub fn by(&self) -> Option<&Slug> {
        match self {
            Self::Amount {} | Self::LocalHour {} | Self::Weekday {} | Self::MemberAge {} => None,
            Self::Count(told)
            | Self::Sum(told)
            | Self::Mean(told)
            | Self::Maximum(told)
            | Self::AmountToMean(told) => Some(&told.by),
            Self::Distinct(told) => Some(&told.by),
            Self::SinceLast(told) => Some(&told.by),
            Self::Bad(told) | Self::BadShare(told) => Some(&told.by),
        }
    }

    /// The least and the most that it can be.
    #[must_use]
    pub fn range(&self) -> (i64, i64) {
        match self {
            Self::Amount {} => (1, i64::MAX),
            Self::LocalHour {} => (0, 23),
            Self::Weekday {} => (1, 7),
            Self::Distinct(_) => (0, i64::from(super::DISTINCT_MAX).saturating_add(1)),
            Self::BadShare(_) => (0, 10_000),
            Self::MemberAge {}
            | Self::Count(_)
            | Self::Sum(_)
            | Self::Mean(_)
            | Self::Maximum(_)
            | Self::AmountToMean(_)
            | Self::SinceLast(_)
            | Self::Bad(_) => (0, i64::MAX),
        }
    }

    /// Whether there may be nothing to look at.
    #[must_use]
    pub fn may_be_nothing(&self) -> bool {
        matches!(
            self,
            Self::Mean(_)
                | Self::Maximum(_)
                | Self::AmountToMean(_)
                | Self::SinceLast(_)
                | Self::BadShare(_)
        )
    }
}

impl CompiledFeature {
    fn of(&self, payment: &Scored<'_>) -> Result<Known, SumOverflow> {
        let moment = &payment.moment;
        Ok(match &self.value {
            FeatureValue::Amount {} => Known::Value(payment.amount),
            FeatureValue::LocalHour {} => Known::Value(moment.hour_of_day),
            FeatureValue::Weekday {} => Known::Value(moment.weekday),
            FeatureValue::MemberAge {} => match payment.member_since {
                Some(since) => {
                    let age = moment.at.micros_since(since).max(0);
                    Known::Value(age.div_euclid(MICROS_PER_DAY))
                }
                None => Known::Unknown,
            },
            looks_back => match payment.histories.get(self.by).copied().flatten() {
                Some(history) => look_back(looks_back, history, payment)?,
                None => Known::Unknown,
            },
        })
    }
}

fn look_back(
    value: &FeatureValue,
    history: &RiskHistory,
    payment: &Scored<'_>,
) -> Result<Known, SumOverflow> {
    let moment = &payment.moment;
    let within = |told: &History| history.within(told.within, moment);
    Ok(match value {
        FeatureValue::Count(told) => Known::Value(i64::from(within(told)?.count)),
        FeatureValue::Sum(told) => Known::Value(within(told)?.sum),
        FeatureValue::Mean(told) => {
            let paid = within(told)?;
            ratio(i128::from(paid.sum), i64::from(paid.count))
        }
        FeatureValue::Maximum(told) => match within(told)? {
            paid if paid.count == 0 => Known::Nothing,
            paid => Known::Value(paid.most),
        },
        FeatureValue::AmountToMean(told) => {
            let paid = within(told)?;
            let times = i128::from(paid.count).saturating_mul(PERCENT);
            ratio(i128::from(payment.amount).saturating_mul(times), paid.sum)
        }
        FeatureValue::Distinct(told) => {
            let seen = history.distinct(&told.of, told.within, moment);
            Known::Value(i64::from(seen))
        }
        FeatureValue::SinceLast(_) => match history.last(moment) {
            Ok(Some(last)) => {
                let ago = moment.at.micros_since(last);
                Known::Value(ago.div_euclid(MICROS_PER_MINUTE))
            }
            Ok(None) => Known::Nothing,
            Err(_) => Known::Unknown,
        },
        FeatureValue::Bad(told) => {
            let paid = history.labelled(told.days, told.delay_days, moment)?;
            Known::Value(i64::from(paid.bad))
        }
        FeatureValue::BadShare(told) => {
            let paid = history.labelled(told.days, told.delay_days, moment)?;
            let bad = i128::from(paid.bad).saturating_mul(SHARE);
            ratio(bad, i64::from(paid.count))
        }
        FeatureValue::Amount {}
        | FeatureValue::LocalHour {}
        | FeatureValue::Weekday {}
        | FeatureValue::MemberAge {} => Known::Unknown,
    })
}

/// A quotient, rounded down and at most the largest number; nothing when there is nothing to divide by.
fn ratio(dividend: i128, divisor: i64) -> Known {
    match dividend.checked_div(i128::from(divisor)) {
        Some(value) => Known::Value(i64::try_from(value).unwrap_or(i64::MAX)),
        None => Known::Nothing,
    }
}

impl RiskWindow {
    /// How many units it is long, and how many it may be.
    #[must_use]
    pub fn length(self) -> (u16, u16) {
        match self {
            Self::Minutes(length) => (length, super::MINUTES_MAX),
            Self::Hours(length) => (length, super::HOURS_MAX),
            Self::Days(length) => (length, super::DAYS_MAX),
        }
    }
}

impl ListAction {
    /// The stable text.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Block => "block",
            Self::Review => "review",
        }
    }
}
