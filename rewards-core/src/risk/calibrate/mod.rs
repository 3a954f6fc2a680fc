//! Fits the points of a scorecard to what payments turned out to be.
//!
//! The host knows which payments were bad; [`calibrate`] replays them in order, sees of each what the engine would have seen of it
//! (`replay`), fits points for the bands of the scorecard by a logistic regression (`fit`) and rounds them to whole numbers. Bands, features
//! and combinations stay as they are: a person chose them and can explain them, and the fit says how much each is worth. Where it is asked
//! for, points only rise or only fall from band to band. [`Calibration::report`] prints what was done.
//!
//! **Floats.** Nothing else in this library calculates with them. Here they weigh evidence, and no money: what is read are whole numbers,
//! what comes out are whole points, and an engine never sees how they were found. On one platform the same history gives the same points.
//!
//! What it refuses to do: invent bands, choose features, or fit to what nobody could have known. A label counts in features only after the
//! delay that the options say.

mod fit;
mod measures;
mod read;
mod replay;
mod report;

pub use measures::Measures;
pub use read::read_payments;
pub use replay::{Replay, Seen};
pub use report::{BandReport, RuleReport};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::fit::{Direction, Fitted};
use super::{CompiledRisk, Known, Risk, Scorecard};
use crate::ids::Slug;
use crate::program::Program;
use crate::rejection::{Problem, Rejection};
use crate::time::{Timestamp, Zone};

/// A payment of which it is known what it turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledPayment {
    /// When it happened.
    pub occurred_at: Timestamp,
    /// How much, in minor units of the program's currency.
    pub amount: i64,
    /// By the program's keys, `member` among them.
    pub keys: BTreeMap<Slug, String>,
    /// Whether it was bad.
    pub is_bad: bool,
}

/// How to fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CalibrationOptions {
    /// Fit to payments from this instant on; those before it are counted, and fitted to not. To all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Fit to payments before this instant; to all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// How many days after a payment its label is known.
    #[serde(default)]
    pub label_delay_days: u16,
    /// How many points double the odds that a payment is bad, 1 to 1,000.
    #[serde(default = "points_to_double")]
    pub points_to_double: u16,
    /// Rules whose points only rise from band to band.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rising: Vec<Slug>,
    /// Rules whose points only fall from band to band.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub falling: Vec<Slug>,
    /// How many of 10,000 payments may be reviewed or blocked, at most: `review_at` is set so.
    #[serde(default = "review_share")]
    pub review_share: u16,
    /// How many of 10,000 payments may be blocked, at most: `block_at` is set so.
    #[serde(default = "block_share")]
    pub block_share: u16,
}

const fn points_to_double() -> u16 {
    20
}

const fn review_share() -> u16 {
    100
}

const fn block_share() -> u16 {
    20
}

impl Default for CalibrationOptions {
    fn default() -> Self {
        Self {
            from: None,
            until: None,
            label_delay_days: 0,
            points_to_double: points_to_double(),
            rising: Vec::new(),
            falling: Vec::new(),
            review_share: review_share(),
            block_share: block_share(),
        }
    }
}

/// Why a scorecard cannot be fitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrationError {
    /// A rule is named that the scorecard does not have, or is to rise and to fall.
    #[error("`{0}` is no rule of the scorecard, or is to rise and to fall")]
    RuleUnknown(Slug),
    /// There is nothing to tell apart.
    #[error("expected good and bad payments to fit to, got {payments} of which {bad} are bad")]
    OneSided {
        /// How many payments there are.
        payments: u64,
        /// How many of them are bad.
        bad: u64,
    },
    /// A number is out of range.
    #[error("expected `{option}` to be {expected}")]
    OutOfRange {
        /// Which one.
        option: &'static str,
        /// What is allowed.
        expected: &'static str,
    },
    /// Amounts of the history sum up to more than there is.
    #[error("amounts exceed the range of 64-bit minor units")]
    Overflow,
}

/// What a fit found.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The scorecard with its new points and thresholds.
    pub scorecard: Scorecard,
    /// How many payments were fitted to.
    pub payments: u64,
    /// How many of them were bad.
    pub bad: u64,
    /// How often all rules were gone through.
    pub sweeps: u32,
    /// Rules and combinations, in their order.
    pub rules: Vec<RuleReport>,
    /// How well the points told payments apart before.
    pub before: Measures,
    /// How well they do now.
    pub after: Measures,
}

/// Fits the points of the live scorecard of a section to payments in the order of time.
///
/// # Errors
/// [`CalibrationError`].
pub fn calibrate(
    risk: &Risk,
    zone: Zone,
    payments: &[LabelledPayment],
    options: &CalibrationOptions,
) -> Result<Calibration, CalibrationError> {
    check(risk, options)?;
    let compiled = CompiledRisk::of(risk);
    let delay = options.label_delay_days;
    let mut seen = Vec::new();
    for one in Replay::new(&compiled, zone, delay, payments) {
        let one = one.map_err(|_| CalibrationError::Overflow)?;
        let is_late = options.until.is_some_and(|until| one.occurred_at >= until);
        if !is_late && options.from.is_none_or(|from| one.occurred_at >= from) {
            seen.push((one.values, one.is_bad));
        }
    }
    let bad = count(seen.iter().filter(|(_, is_bad)| *is_bad).count());
    let all = count(seen.len());
    if bad == 0 || bad == all {
        return Err(CalibrationError::OneSided { payments: all, bad });
    }
    let directions = risk.scorecard.rules.iter().map(|rule| {
        match (
            options.rising.contains(&rule.id),
            options.falling.contains(&rule.id),
        ) {
            (true, _) => Direction::Rising,
            (false, true) => Direction::Falling,
            (false, false) => Direction::Any,
        }
    });
    let fitted = Fitted::to(&compiled, &seen, &directions.collect::<Vec<_>>());
    let mut scorecard = fitted.scorecard(&risk.scorecard, options.points_to_double);
    let new = Risk {
        scorecard: scorecard.clone(),
        ..risk.clone()
    };
    let (old, new) = (compiled.live(), CompiledRisk::of(&new));
    let score = |points: &dyn Fn(&[Known]) -> i64| {
        let scored = seen
            .iter()
            .map(|(values, is_bad)| (points(values), *is_bad));
        Measures::of(scored.collect())
    };
    let before = score(&|values| old.points(values));
    let after = score(&|values| new.live().points(values));
    after.set_thresholds(&mut scorecard, options);
    Ok(Calibration {
        rules: fitted.report(&risk.scorecard, &scorecard),
        scorecard,
        payments: all,
        bad,
        sweeps: fitted.sweeps(),
        before,
        after,
    })
}

/// Fits the scorecard of a program to a file of labelled payments, see [`read_payments`]. What comes back is the program with the new
/// scorecard, and what was done.
///
/// # Errors
/// What is wrong with the file or the options.
pub fn calibrate_program(
    program: &Program,
    payments: &str,
    options: &CalibrationOptions,
) -> Result<(Program, Calibration), Rejection> {
    let risk = program.risk.as_ref();
    let risk = risk.ok_or_else(|| Rejection::RiskNotOffered(program.id.clone()))?;
    let read = read_payments(payments, risk, program.currency.into());
    let payments = read.map_err(Rejection::Invalid)?;
    let found = calibrate(risk, program.zone, &payments, options);
    let found = found.map_err(|error| match error {
        CalibrationError::Overflow => Rejection::Overflow,
        error => Problem::new(error.code(), error.option(), error.to_string()).into(),
    })?;
    let risk = Risk {
        scorecard: found.scorecard.clone(),
        ..risk.clone()
    };
    let program = Program {
        risk: Some(risk),
        ..program.clone()
    };
    Ok((program, found))
}

impl CalibrationError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::RuleUnknown(_) => "reference_unknown",
            Self::OneSided { .. } => "history_one_sided",
            Self::OutOfRange { .. } => "number_out_of_range",
            Self::Overflow => "overflow",
        }
    }

    /// The option that is wrong; empty for the history itself.
    fn option(&self) -> &'static str {
        match self {
            Self::RuleUnknown(_) => "rising",
            Self::OutOfRange { option, .. } => option,
            Self::OneSided { .. } | Self::Overflow => "",
        }
    }
}

fn check(risk: &Risk, options: &CalibrationOptions) -> Result<(), CalibrationError> {
    let rules = &risk.scorecard.rules;
    let named = options.rising.iter().chain(&options.falling);
    for id in named {
        let both = options.rising.contains(id) && options.falling.contains(id);
        if both || rules.iter().all(|rule| rule.id != *id) {
            return Err(CalibrationError::RuleUnknown(id.clone()));
        }
    }
    let out_of_range = |option, expected| Err(CalibrationError::OutOfRange { option, expected });
    if !(1..=1_000).contains(&options.points_to_double) {
        return out_of_range("points_to_double", "1 to 1,000");
    }
    if options.review_share > 10_000 || options.block_share > options.review_share {
        return out_of_range(
            "block_share",
            "at most `review_share`, and that at most 10,000",
        );
    }
    Ok(())
}

fn count(many: usize) -> u64 {
    u64::try_from(many).unwrap_or(u64::MAX)
}
