//! Counters that members share: recounted from what purchases counted.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::{AuditProblem, BookAudit};
use crate::cashback::PurchaseEntity;
use crate::counter::Subject;

/// Where a counter is: its subject as stored, its name and its bucket.
pub type CounterPlace = (SmolStr, SmolStr, i64);

/// Recounts the shared counters between two places in their order, so that there may be more of them than fit into memory.
#[derive(Debug, Default)]
pub struct SharedCounters {
    /// Only what comes after this place.
    after: Option<CounterPlace>,
    /// Only up to this place.
    until: Option<CounterPlace>,
    /// What purchases counted, and what is stored.
    sums: BTreeMap<CounterPlace, (i128, i128)>,
}

impl SharedCounters {
    /// The counters behind a place, as far as `stored` goes; to the end when `is_last`. They come in their order.
    #[must_use]
    pub fn new(
        after: Option<CounterPlace>,
        stored: impl IntoIterator<Item = (CounterPlace, i64)>,
        is_last: bool,
    ) -> Self {
        let stored = stored.into_iter();
        let sums = stored.map(|(place, value)| (place, (0, i128::from(value))));
        let sums: BTreeMap<CounterPlace, (i128, i128)> = sums.collect();
        let until = sums.last_key_value().map(|(place, _)| place.clone());
        Self {
            after,
            until: until.filter(|_| !is_last),
            sums,
        }
    }

    /// Adds what a purchase counts, by the revisions that the books know.
    pub fn purchase(&mut self, books: &BookAudit, purchase: &PurchaseEntity) {
        for (key, amount) in books.counted(purchase) {
            let subject = &key.name.subject;
            if matches!(subject, Subject::Member(_)) {
                continue;
            }
            let place = (subject.text(), key.name.name.clone(), key.bucket);
            let is_behind = self.after.as_ref().is_none_or(|after| place > *after);
            let is_before = self.until.as_ref().is_none_or(|until| place <= *until);
            if is_behind && is_before {
                let sums = self.sums.entry(place).or_default();
                sums.0 = sums.0.saturating_add(i128::from(amount));
            }
        }
    }

    /// Compares what purchases counted with what is stored.
    pub fn finish(self, books: &mut BookAudit) {
        for ((subject, name, bucket), (counted, stored)) in self.sums {
            if counted != stored {
                books.note(AuditProblem::CounterMismatch {
                    subject,
                    name,
                    bucket,
                    counted,
                    stored,
                });
            }
        }
    }
}
