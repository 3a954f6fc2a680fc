//! Counters that members share: recounted from what purchases and coupons counted.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::{AuditProblem, BookAudit};
use crate::cashback::PurchaseEntity;
use crate::counter::{CounterKey, Subject};
use crate::coupons::{BookCount, CODE_USES, CodeUser, Coupon, CouponBook, lasting_until};
use crate::entity::{Entity as _, EntityRow};
use crate::ids::TenantId;
use crate::payments::Payment;

/// Where a counter is: its subject as stored, its name and its bucket.
pub type CounterPlace = (SmolStr, SmolStr, i64);

/// Recounts the shared counters between two places in their order, so that there may be more of them than fit into memory.
#[derive(Debug, Default)]
pub struct SharedCounters {
    /// Only what comes after this place.
    after: Option<CounterPlace>,
    /// Only up to this place.
    until: Option<CounterPlace>,
    /// What was counted, and what is stored.
    sums: BTreeMap<CounterPlace, (i128, i128)>,
    /// How often codes of coupon books were used that are nobody's: as each code counts it, and as the book does.
    uses: Vec<(SmolStr, (i128, i128))>,
}

impl SharedCounters {
    /// The counters behind a place, as far as `stored` goes; to the end when `is_last`. They come in their order.
    #[must_use]
    pub fn new(
        after: Option<CounterPlace>,
        stored: impl IntoIterator<Item = (CounterPlace, i64)>,
        is_last: bool,
    ) -> Self {
        let (mut sums, mut uses, mut until) = (BTreeMap::new(), Vec::new(), None);
        for (place, value) in stored {
            let value = i128::from(value);
            until = until.max(Some(place.clone()));
            // No entity says how often a code was used that is nobody's, but all of them together are what their book counts.
            if place.1.starts_with(CODE_USES) {
                uses.push((place.0, (value, 0)));
            } else {
                sums.insert(place, (0, value));
            }
        }
        Self {
            after,
            until: until.filter(|_| !is_last),
            sums,
            uses,
        }
    }

    /// Whether entities of a kind count anything that members share.
    #[must_use]
    pub fn counts(kind: &str) -> bool {
        [
            PurchaseEntity::KIND,
            CouponBook::KIND,
            Coupon::KIND,
            Payment::KIND,
        ]
        .contains(&kind)
    }

    /// Adds what an entity counts. One that cannot be read counts nothing.
    pub fn entity(&mut self, books: &BookAudit, kind: &str, row: &EntityRow) {
        if kind == PurchaseEntity::KIND
            && let Ok(stored) = row.read::<PurchaseEntity>()
        {
            self.purchase(books, &stored.entity);
        }
        if kind == CouponBook::KIND
            && let Ok(stored) = row.read::<CouponBook>()
        {
            self.coupon_book(books.tenant(), &stored.entity);
        }
        if kind == Payment::KIND
            && let Ok(stored) = row.read::<Payment>()
        {
            self.payment(books.tenant(), &stored.entity);
        }
        if kind == Coupon::KIND
            && let Ok(stored) = row.read::<Coupon>()
        {
            self.coupon(books.tenant(), &stored.entity);
        }
    }

    /// Adds what stages said about a payment.
    fn payment(&mut self, tenant: &TenantId, payment: &Payment) {
        for kept in payment.runs() {
            for (key, amount) in kept.counted(tenant, &payment.program) {
                self.add(&key, amount);
            }
        }
    }

    /// Adds what a purchase counts, by the revisions that the books know.
    pub fn purchase(&mut self, books: &BookAudit, purchase: &PurchaseEntity) {
        for (key, amount) in books.counted(purchase) {
            if !matches!(key.name.subject, Subject::Member(_)) {
                self.add(&key, amount);
            }
        }
    }

    /// Adds the room that the limit of a book of coupons leaves.
    fn coupon_book(&mut self, tenant: &TenantId, book: &CouponBook) {
        let most = i64::from(book.terms.limits().uses_of_book());
        let above = BookCount::UsesAbove.key(tenant, &book.book);
        if book.terms.user() == CodeUser::Anyone {
            let place = place(&above);
            if self.is_here(&place) {
                let stored = self.sums.remove(&place).map_or(0, |(_, stored)| stored);
                let used = stored.saturating_add(i128::from(most));
                self.uses.push((place.0, (0, used)));
            }
            return;
        }
        self.add(&above, most.saturating_neg());
    }

    /// Adds a coupon where it is in its life, and its uses.
    fn coupon(&mut self, tenant: &TenantId, coupon: &Coupon) {
        let counted = coupon.counted_as();
        self.add(&counted.key(tenant, &coupon.book), 1);
        if let Some(until) = coupon.booklet_until().filter(|_| counted.is_held()) {
            self.add(&lasting_until(tenant, &coupon.book, until), 1);
        }
        let uses = i64::from(coupon.own_uses());
        self.add(&BookCount::UsesAbove.key(tenant, &coupon.book), uses);
    }

    fn add(&mut self, key: &CounterKey, amount: i64) {
        let place = place(key);
        if self.is_here(&place) {
            let sums = self.sums.entry(place).or_default();
            sums.0 = sums.0.saturating_add(i128::from(amount));
        }
    }

    fn is_here(&self, place: &CounterPlace) -> bool {
        let is_behind = self.after.as_ref().is_none_or(|after| place > after);
        let is_before = self.until.as_ref().is_none_or(|until| place <= until);
        is_behind && is_before
    }

    /// Compares what was counted with what is stored.
    pub fn finish(self, books: &mut BookAudit) {
        for (book, uses) in self.uses {
            books.code_uses(book, uses);
        }
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

fn place(key: &CounterKey) -> CounterPlace {
    (key.name.subject.text(), key.name.name.clone(), key.bucket)
}
