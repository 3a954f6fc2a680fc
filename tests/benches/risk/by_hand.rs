//! The same features and the same scorecard, written for this one program: rings of fixed length, nothing that is looked up by a name.

use std::collections::HashMap;
use std::collections::VecDeque;

use rewards_core::risk::calibrate::LabelledPayment;
use rewards_core::risk::{CompiledRisk, Known};

const DAYS: usize = 128;
const HOURS: usize = 72;
const MICROS_PER_HOUR: i64 = 3_600_000_000;
const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;

#[derive(Clone, Copy, Default)]
struct Cell {
    number: i64,
    count: i64,
    sum: i64,
    bad: i64,
}

/// One ring of cells; a cell that holds another number is empty.
#[derive(Clone)]
struct Ring<const N: usize>([Cell; N]);

impl<const N: usize> Ring<N> {
    fn new() -> Self {
        let empty = Cell {
            number: i64::MIN,
            ..Cell::default()
        };
        Self([empty; N])
    }

    fn slot(number: i64) -> usize {
        usize::try_from(number.rem_euclid(i64::try_from(N).unwrap_or(1))).unwrap_or_default()
    }

    fn add(&mut self, number: i64, amount: i64) {
        if let Some(cell) = self.0.get_mut(Self::slot(number)) {
            if cell.number != number {
                *cell = Cell {
                    number,
                    ..Cell::default()
                };
            }
            cell.count += 1;
            cell.sum += amount;
        }
    }

    fn label(&mut self, number: i64) {
        if let Some(cell) = self.0.get_mut(Self::slot(number))
            && cell.number == number
        {
            cell.bad += 1;
        }
    }

    fn within(&self, last: i64, length: i64) -> Cell {
        let mut all = Cell::default();
        for number in last - length + 1..=last {
            if let Some(cell) = self.0.get(Self::slot(number))
                && cell.number == number
            {
                all.count += cell.count;
                all.sum += cell.sum;
                all.bad += cell.bad;
            }
        }
        all
    }
}

#[derive(Clone)]
struct Kept {
    hours: Ring<HOURS>,
    days: Ring<DAYS>,
}

/// A hand-written scorer of `cards.toml`.
pub struct ByHand<'a> {
    risk: &'a CompiledRisk,
    customers: HashMap<&'a str, Kept>,
    terminals: HashMap<&'a str, Kept>,
    labels: VecDeque<&'a LabelledPayment>,
}

impl<'a> ByHand<'a> {
    pub fn new(risk: &'a CompiledRisk) -> Self {
        Self {
            risk,
            customers: HashMap::new(),
            terminals: HashMap::new(),
            labels: VecDeque::new(),
        }
    }

    /// Scores a payment and counts it.
    pub fn score(&mut self, payment: &'a LabelledPayment) -> i64 {
        let features = self.features(payment);
        self.count(payment);
        let mut score = 0;
        let card = self.risk.live();
        for rule in &card.rules {
            let known = match features.get(rule.feature).copied().flatten() {
                Some(value) => Known::Value(value),
                None => Known::Nothing,
            };
            score += i64::from(rule.points(known).unwrap_or_default());
        }
        score
    }

    /// The features in the order of `cards.toml`.
    pub fn features(&mut self, payment: &'a LabelledPayment) -> Vec<Option<i64>> {
        self.tell(payment.occurred_at.micros());
        let at = payment.occurred_at.micros();
        let (hour, day) = (
            at.div_euclid(MICROS_PER_HOUR),
            at.div_euclid(MICROS_PER_DAY),
        );
        let (customer, terminal) = keys(payment);
        let customer = self.customers.entry(customer).or_insert_with(kept);
        let terminal = self.terminals.entry(terminal).or_insert_with(kept);
        let share = |part: i64, all: i64| part.checked_div(all);
        let mut features = vec![
            Some(payment.amount),
            Some(hour.rem_euclid(24)),
            // 1970-01-01 was a Thursday.
            Some((day + 3).rem_euclid(7) + 1),
        ];
        for days in [1, 7, 30] {
            let (own, others) = match days {
                1 => (
                    customer.hours.within(hour, 24),
                    terminal.hours.within(hour, 24),
                ),
                _ => (
                    customer.days.within(day, days),
                    terminal.days.within(day, days),
                ),
            };
            let labelled = terminal.days.within(day - 7, days);
            features.push(Some(own.count));
            features.push(share(own.sum, own.count));
            features.push(Some(others.count));
            features.push(share(labelled.bad * 10_000, labelled.count));
        }
        for days in [7, 30, 90] {
            let own = customer.days.within(day, days);
            features.push(share(payment.amount * own.count * 100, own.sum));
        }
        features.push(Some(customer.days.within(day - 7, 14).bad));
        features.push(Some(terminal.days.within(day - 7, 14).bad));
        features.push(Some(terminal.days.within(day - 7, 28).bad));
        features
    }

    /// Counts a payment.
    pub fn count(&mut self, payment: &'a LabelledPayment) {
        let at = payment.occurred_at.micros();
        let (hour, day) = (
            at.div_euclid(MICROS_PER_HOUR),
            at.div_euclid(MICROS_PER_DAY),
        );
        let (customer, terminal) = keys(payment);
        let both = [
            self.customers.get_mut(customer),
            self.terminals.get_mut(terminal),
        ];
        for kept in both.into_iter().flatten() {
            kept.hours.add(hour, payment.amount);
            kept.days.add(day, payment.amount);
        }
        if payment.is_bad {
            self.labels.push_back(payment);
        }
    }

    /// Labels are known a week after their payments.
    fn tell(&mut self, now: i64) {
        while let Some(payment) = self.labels.front().copied() {
            let at = payment.occurred_at.micros();
            if at + 7 * MICROS_PER_DAY > now {
                break;
            }
            self.labels.pop_front();
            let (customer, terminal) = keys(payment);
            let both = [
                self.customers.get_mut(customer),
                self.terminals.get_mut(terminal),
            ];
            for kept in both.into_iter().flatten() {
                kept.days.label(at.div_euclid(MICROS_PER_DAY));
            }
        }
    }
}

fn kept() -> Kept {
    Kept {
        hours: Ring::new(),
        days: Ring::new(),
    }
}

/// `customer` and `terminal`, in the order of their names.
fn keys(payment: &LabelledPayment) -> (&str, &str) {
    let mut values = payment.keys.values().map(String::as_str);
    (
        values.next().unwrap_or_default(),
        values.next().unwrap_or_default(),
    )
}
