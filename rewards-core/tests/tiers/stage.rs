//! One member on one ladder, with counters as the engine would keep them.

use rewards_core::money::Currency;
use rewards_core::program::{CompiledLadder, Ladder, Measure};
use rewards_core::tiers::{MeasureNow, MeasureRange, Qualification, TierMove, TierStatus};
use rewards_core::time::{Calendar, Timestamp, WeekStart, Zone};

/// Bronze from 0, silver from 100, gold from 500, platinum from 1000.
const TIERS: &str = r#"
    tiers = [
        { id = "bronze", threshold = "0" },
        { id = "silver", threshold = "100" },
        { id = "gold", threshold = "500" },
        { id = "platinum", threshold = "1000" },
    ]
"#;

/// Reads an instant; a date alone is its midnight in UTC.
pub fn at(text: &str) -> Timestamp {
    if text.contains('T') {
        Timestamp::parse(text).unwrap()
    } else {
        Timestamp::parse(&format!("{text}T00:00:00Z")).unwrap()
    }
}

pub fn calendar(zone: &str) -> Calendar {
    Calendar::new(Zone::parse(zone).unwrap(), WeekStart::default())
}

/// Compiles a ladder of a program in euros.
pub fn compile(document: &str) -> CompiledLadder {
    let ladder: Ladder = toml::from_str(document).unwrap();
    CompiledLadder::compile(&ladder, Currency::parse("EUR").unwrap()).unwrap()
}

/// A ladder with the four tiers above and the rest as given.
pub fn ladder(rest: &str) -> CompiledLadder {
    compile(&format!("id = \"main\"\n{rest}\n{TIERS}"))
}

/// What happened to a member, and where the member stands.
#[derive(Debug)]
pub struct Member {
    pub ladder: CompiledLadder,
    pub calendar: Calendar,
    pub registered_at: Timestamp,
    pub counted: Vec<(Timestamp, i64)>,
    pub status: Option<TierStatus>,
    pub moves: Vec<TierMove>,
}

impl Member {
    pub fn new(ladder: CompiledLadder, zone: &str, registered_at: Timestamp) -> Self {
        Self {
            ladder,
            calendar: calendar(zone),
            registered_at,
            counted: Vec::new(),
            status: None,
            moves: Vec::new(),
        }
    }

    pub fn qualification(&self) -> Qualification<'_> {
        Qualification {
            ladder: &self.ladder,
            calendar: self.calendar,
            registered_at: self.registered_at,
        }
    }

    /// The sum of what was counted in a range.
    pub fn sum(&self, range: &MeasureRange) -> i64 {
        let inside = |instant: Timestamp| match *range {
            MeasureRange::Balance { at } => instant <= at,
            MeasureRange::Buckets {
                period,
                from,
                until,
                ..
            } => (from..=until).contains(&self.calendar.bucket(period, instant).0),
        };
        let counted = self.counted.iter().filter(|(instant, _)| inside(*instant));
        counted.map(|(_, amount)| amount).sum()
    }

    pub fn measure(&self, at: Timestamp) -> MeasureNow {
        self.qualification()
            .measure(self.status.as_ref(), at, |range| self.sum(range))
    }

    /// Runs all reviews that are due, and one for the instant. Nothing may be read that was not announced.
    pub fn review(&mut self, at: Timestamp) {
        let qualification = self.qualification();
        let reads = qualification.reads(self.status.as_ref(), at);
        let caught_up = qualification.catch_up(self.status.as_ref(), at, |range| {
            assert!(covers(&reads, range), "{range:?} is not within {reads:?}");
            self.sum(range)
        });
        self.moves.extend(caught_up.moves);
        self.status = Some(caught_up.status);
    }

    /// Catches up, counts, and reviews, as recording a purchase does. A negative amount is spent from a balance; of
    /// anything else it cancels the latest purchase or a part of it, where that was counted.
    pub fn count(&mut self, at: Timestamp, amount: i64) {
        self.review(at);
        let spends = matches!(self.ladder.measure(), Measure::Balance(_));
        let mut latest_first = self.counted.iter_mut().rev();
        if amount >= 0 || spends {
            self.counted.push((at, amount));
        } else if let Some((_, counted)) = latest_first.find(|(_, counted)| *counted > 0) {
            *counted = (*counted + amount).max(0);
        }
        self.review(at);
    }

    pub fn tier(&self) -> &str {
        let status = self.status.as_ref();
        status.map_or("bronze", |status| status.tier.as_str())
    }

    pub fn review_at(&self) -> Option<Timestamp> {
        self.status.as_ref().and_then(|status| status.review_at)
    }
}

fn covers(outer: &MeasureRange, inner: &MeasureRange) -> bool {
    match (outer, inner) {
        (MeasureRange::Balance { .. }, MeasureRange::Balance { .. }) => true,
        (
            MeasureRange::Buckets {
                period: outer,
                from,
                until,
                ..
            },
            MeasureRange::Buckets {
                period,
                from: first,
                until: last,
                ..
            },
        ) => outer == period && from <= first && last <= until,
        _ => false,
    }
}
