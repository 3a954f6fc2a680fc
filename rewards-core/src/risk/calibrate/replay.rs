//! Payments in the order of time, each with what an engine would have known of it then.

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::FxHashMap;

use super::LabelledPayment;
use crate::ids::{ProgramId, Slug};
use crate::risk::{CompiledRisk, Known, Moment, RiskHistory, Scored, SumOverflow};
use crate::time::{Timestamp, Zone};

/// What was known of a payment, and what it turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Its features, in the order of the section.
    pub values: Vec<Known>,
    /// Whether it was bad.
    pub is_bad: bool,
}

/// Goes through payments in the order of time: each is looked at, then counted, and its label is told when it is known.
#[derive(Debug)]
pub struct Replay<'a> {
    risk: &'a CompiledRisk,
    zone: Zone,
    delay_days: i64,
    payments: std::vec::IntoIter<&'a LabelledPayment>,
    /// By the number of a key and a value.
    histories: FxHashMap<(usize, &'a str), RiskHistory>,
    /// Bad payments whose labels are not known yet, with when they will be.
    labels: VecDeque<(Timestamp, i64, &'a LabelledPayment)>,
    program: Option<ProgramId>,
}

impl<'a> Replay<'a> {
    /// Starts with the first payment. Those of one instant keep their order.
    #[must_use]
    pub fn new(
        risk: &'a CompiledRisk,
        zone: Zone,
        label_delay_days: u16,
        payments: &'a [LabelledPayment],
    ) -> Self {
        let mut ordered: Vec<&LabelledPayment> = payments.iter().collect();
        ordered.sort_by_key(|payment| payment.occurred_at);
        Self {
            risk,
            zone,
            delay_days: i64::from(label_delay_days),
            payments: ordered.into_iter(),
            histories: FxHashMap::default(),
            labels: VecDeque::new(),
            program: ProgramId::new("replay").ok(),
        }
    }

    /// Tells the labels that are known by an instant.
    fn tell(&mut self, now: Timestamp) {
        while let Some((known_at, day, payment)) = self.labels.front().copied() {
            if known_at > now {
                break;
            }
            self.labels.pop_front();
            for (number, key) in self.risk.keys().iter().enumerate() {
                let value = payment.keys.get(key).map(String::as_str);
                let history = value.and_then(|value| self.histories.get_mut(&(number, value)));
                if let Some(history) = history {
                    history.label(day, true);
                }
            }
        }
    }

    fn see(&mut self, payment: &'a LabelledPayment) -> Result<Seen, SumOverflow> {
        self.tell(payment.occurred_at);
        let moment = Moment::new(payment.occurred_at, self.zone);
        let risk = self.risk;
        let of_key = |key: &Slug| payment.keys.get(key).map(String::as_str);
        let values: Vec<Option<&str>> = risk.keys().iter().map(of_key).collect();
        for (number, (key, value)) in risk.keys().iter().zip(&values).enumerate() {
            if let (Some(value), Some(program)) = (value, &self.program) {
                self.histories
                    .entry((number, *value))
                    .or_insert_with(|| RiskHistory::new(program, key, value, payment.occurred_at));
            }
        }
        let histories = values
            .iter()
            .enumerate()
            .map(|(number, value)| value.and_then(|value| self.histories.get(&(number, value))));
        let known = risk.values(&Scored {
            moment,
            amount: payment.amount,
            member_since: None,
            histories: histories.collect(),
        })?;
        for (number, value) in values.iter().enumerate() {
            let Some(value) = value else { continue };
            if let Some(history) = self.histories.get_mut(&(number, *value)) {
                let counted = (&moment, payment.amount);
                risk.count(number, history, counted, |other| *values.get(other)?)?;
            }
        }
        if payment.is_bad {
            let known_at = payment.occurred_at.checked_add_days(self.delay_days);
            let known_at = known_at.unwrap_or(Timestamp::MAX);
            self.labels.push_back((known_at, moment.day, payment));
        }
        Ok(Seen {
            occurred_at: payment.occurred_at,
            values: known,
            is_bad: payment.is_bad,
        })
    }
}

impl Iterator for Replay<'_> {
    type Item = Result<Seen, SumOverflow>;

    fn next(&mut self) -> Option<Self::Item> {
        let payment = self.payments.next()?;
        Some(self.see(payment))
    }
}

/// The keys that a history has no values of are simply not there.
impl LabelledPayment {
    /// A payment with values by the names of keys; names that no key can have are left out.
    #[must_use]
    pub fn new(occurred_at: Timestamp, amount: i64, keys: &[(&str, &str)], is_bad: bool) -> Self {
        let keys = keys.iter().filter_map(|(key, value)| {
            let key = Slug::new(key).ok()?;
            Some((key, (*value).to_owned()))
        });
        Self {
            occurred_at,
            amount,
            keys: keys.collect::<BTreeMap<_, _>>(),
            is_bad,
        }
    }
}
