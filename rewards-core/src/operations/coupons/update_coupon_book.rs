//! Update a book of coupons: pause, resume, close or extend it, or change what holds for its codes.
//!
//! What is absent stays. A limit never falls below what is used already: those of single codes and members can only be raised
//! once the book has codes. Codes that were made stay as they are when the pattern changes. A window on the clock of a program takes
//! the place of the whole window before, and is forgotten when an instant is given after it.
//!
//! Refusals, in order: a window that is said twice, or with two ends; unknown program, none that is active; unknown book; closed book; a limit below its use; terms that no book can have.

use serde::{Deserialize, Serialize};

use super::super::unless_wrong;
use super::window::Said;
use super::{book_of, counted};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::coupons::{
    BookChange, BookCount, BookRefusal, BookState, CouponBook, CouponLimits, CouponTransfer,
    LocalWindow, LockRule,
};
use crate::decision::{Changes, Decision};
use crate::entity::EntityKey;
use crate::ids::CouponBookId;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// What somebody says of a book; everything else follows from its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum BookStatus {
    /// What can be done with its codes follows from its time.
    Active,
    /// Nothing can be done with its codes for now.
    Paused,
    /// Nothing can be done with it or its codes any more. Final.
    Closed,
}

/// Updates a book of coupons. What is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct UpdateCouponBook {
    /// The book.
    pub book: CouponBookId,
    /// Pauses, resumes or closes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub status: Option<BookStatus>,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub name: Option<String>,
    /// Who issues it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub owner: Option<String>,
    /// From when on its codes can be redeemed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub active_from: Option<Timestamp>,
    /// The first instant at which they cannot any more. A later one than before extends the book, also when its time was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub active_until: Option<Timestamp>,
    /// When its codes can be redeemed, on the clock of a program, instead of the two instants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub local: Option<LocalWindow>,
    /// How codes are made from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub pattern: Option<String>,
    /// Whether a code must be locked before it is redeemed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub lock: Option<LockRule>,
    /// How long a lease lasts, from 1 to 3,600 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub lease_seconds: Option<u32>,
    /// Whether a member may give a code to another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub transfer: Option<CouponTransfer>,
    /// The limits; those that are absent in it stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limits: Option<CouponLimits>,
}

/// The book as it is from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct UpdatedCouponBook {
    /// The book.
    pub book: CouponBookId,
    /// Where it is in its life.
    pub state: BookState,
    /// When it was updated.
    pub updated_at: Timestamp,
}

impl UpdateCouponBook {
    /// The same book as it is afterwards.
    fn changed(
        &self,
        book: CouponBook,
        used: u32,
        (active_from, active_until): (Option<Timestamp>, Option<Timestamp>),
        now: Timestamp,
    ) -> Result<CouponBook, Rejection> {
        let change = BookChange {
            name: self.name.as_deref(),
            owner: self.owner.as_deref(),
            active_from,
            active_until,
            local: self.local.as_ref(),
            pattern: self.pattern.as_deref(),
            lock: self.lock,
            lease_seconds: self.lease_seconds,
            transfer: self.transfer,
            limits: self.limits.as_ref(),
        };
        let book = book
            .change(&change, used)
            .and_then(|book| match self.status {
                None => Ok(book),
                Some(BookStatus::Active) => book.resume(),
                Some(BookStatus::Paused) => book.pause(),
                Some(BookStatus::Closed) => book.close(now),
            });
        book.map_err(|refusal| match refusal {
            BookRefusal::Closed => Rejection::CouponBookClosed(self.book.clone()),
            BookRefusal::BelowUse { limit, least } => Rejection::LimitBelowUse { limit, least },
            BookRefusal::Invalid(problems) => Rejection::Invalid(problems),
        })
    }
}

impl Operation for UpdateCouponBook {
    const NAME: &'static str = "update_coupon_book";
    const KIND: Kind = Kind::Command;
    type Reply = UpdatedCouponBook;
    type Prepared = (Option<Timestamp>, Option<Timestamp>);

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, Self::Prepared), Rejection> {
        let said = Said {
            local: self.local.as_ref(),
            from: self.active_from,
            until: self.active_until,
        };
        let local = self.local.iter().flat_map(LocalWindow::problems);
        let mut problems: Vec<_> = local.map(|problem| problem.below("local")).collect();
        said.check(&mut problems);
        unless_wrong(problems)?;
        let window = said.instants(context)?;
        let tenant = &context.tenant;
        let plan = ReadPlan {
            entities: vec![EntityKey::of::<CouponBook>(tenant, &self.book)],
            counters: vec![BookCount::UsesAbove.range(tenant, &self.book)],
            ..ReadPlan::default()
        };
        Ok((plan, window))
    }

    fn decide(
        &self,
        window: &Self::Prepared,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<UpdatedCouponBook>, Undecided> {
        let tenant = &context.tenant;
        let stored = book_of(snapshot, tenant, &self.book)?;
        let expected = stored.expected();
        let most = stored.entity.terms.limits().uses_of_book();
        let above = BookCount::UsesAbove.range(tenant, &self.book);
        let used = snapshot.count(&above, None).saturating_add(i64::from(most));
        let used = u32::try_from(used).unwrap_or_default();
        let book = self.changed(stored.entity, used, *window, context.now)?;
        let mut changes = Changes::default();
        let limit = i64::from(book.terms.limits().uses_of_book());
        let lowered = i64::from(most).saturating_sub(limit);
        if lowered != 0 {
            let step = counted(tenant, &self.book, BookCount::UsesAbove, lowered);
            changes.counters.push(step);
        }
        changes.put(tenant, &self.book, expected, &book)?;
        Ok(Decision {
            reply: UpdatedCouponBook {
                book: self.book.clone(),
                state: book.state(context.now),
                updated_at: context.now,
            },
            changes,
        })
    }
}
