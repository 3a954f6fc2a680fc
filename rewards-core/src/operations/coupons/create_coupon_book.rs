//! Create a book of coupons: what holds for all of its codes. It has none yet.
//!
//! The book's id is its key: created again it is replayed, with other terms it is refused.
//!
//! A window on the clock of a program is read in its zone, and kept as the instants that it means.
//!
//! Refusals, in order: terms that no book can have; unknown program, none that is active; a window that is empty; the book is created
//! already.

use serde::{Deserialize, Serialize};

use super::counted;
use super::window::Said;
use crate::command::{Kind, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::coupons::{BookCount, BookState, BookTerms, CouponBook};
use crate::decision::{Changes, Decision};
use crate::entity::{EntityKey, Expected};
use crate::ids::{CouponBookId, TenantId};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Creates a book of coupons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CreateCouponBook {
    /// The book; its id is chosen by the host.
    pub book: CouponBookId,
    /// What holds for its codes.
    pub terms: BookTerms,
}

/// The book that was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CreatedCouponBook {
    /// The book.
    pub book: CouponBookId,
    /// Where it is in its life.
    pub state: BookState,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Operation for CreateCouponBook {
    const NAME: &'static str = "create_coupon_book";
    const KIND: Kind = Kind::Command;
    type Reply = CreatedCouponBook;
    type Prepared = BookTerms;

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        let key = EntityKey::of::<CouponBook>(tenant, &self.book);
        Some(NaturalKey::Entity(key))
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, BookTerms), Rejection> {
        let said = Said {
            local: self.terms.local.as_ref(),
            from: self.terms.active_from,
            until: self.terms.active_until,
        };
        let mut problems = self.terms.problems();
        said.check(&mut problems);
        check(problems)?;
        let (active_from, active_until) = said.instants(context)?;
        let terms = BookTerms {
            active_from,
            active_until,
            ..self.terms.clone()
        };
        check(terms.problems())?;
        let plan = ReadPlan::of_entity::<CouponBook>(&context.tenant, &self.book);
        Ok((plan, terms))
    }

    fn decide(
        &self,
        terms: &BookTerms,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<CreatedCouponBook>, Undecided> {
        let tenant = &context.tenant;
        if snapshot.get::<CouponBook>(tenant, &self.book)?.is_some() {
            return Err(Rejection::CouponBookExists(self.book.clone()).into());
        }
        let book = CouponBook::new(self.book.clone(), terms.clone(), context.now);
        let most = i64::from(book.terms.limits().uses_of_book());
        let room = most.saturating_neg();
        let mut changes = Changes {
            counters: vec![counted(tenant, &self.book, BookCount::UsesAbove, room)],
            ..Changes::default()
        };
        changes.put(tenant, &self.book, Expected::Absent, &book)?;
        Ok(Decision {
            reply: CreatedCouponBook {
                book: self.book.clone(),
                state: book.state(context.now),
                created_at: book.created_at,
            },
            changes,
        })
    }
}

fn check(problems: Vec<Problem>) -> Result<(), Rejection> {
    if problems.is_empty() {
        return Ok(());
    }
    let problems = problems.into_iter();
    let below = problems.map(|problem| problem.below("terms"));
    Err(Rejection::Invalid(below.collect()))
}
