//! Upload codes that were made elsewhere, with a report of the lines that are none: at most [`LINES_MAX`] lines at a time, so a long
//! file takes several requests.
//!
//! By choice the good ones are kept and the bad ones told, or none is kept as long as one is bad. Of a code its digest is kept, and
//! so it can be told to nobody again; where the request says `plain`, the code itself is kept beside it, and told to whom it is
//! assigned.
//!
//! Refusals, in order: no line, or too many; unknown book; closed book; more good codes than the book may have; no key.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{book_of, counted, see};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::coupons::{BookCount, CodeLine, Coupon, CouponBook, LineProblem};
use crate::decision::{Changes, Decision};
use crate::entity::{EntityKey, Expected};
use crate::ids::{CouponBookId, CouponId};
use crate::rejection::{Problem, Rejection};
use crate::secret::{KeyPurpose, Secret};
use crate::snapshot::{ReadPlan, Snapshot};

/// The most lines of one request.
pub const LINES_MAX: u32 = 10_000;

/// Which codes of an upload are kept when some lines are bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum KeepLines {
    /// The good ones.
    #[default]
    Good,
    /// None of them.
    AllOrNone,
}

/// Uploads codes into a book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct UploadCoupons {
    /// The book.
    pub book: CouponBookId,
    /// The codes, one a line. Spaces around one do not count.
    pub lines: Vec<CodeLine>,
    /// Which codes are kept when some lines are bad; the good ones when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub keep: Option<KeepLines>,
    /// Whether the codes themselves are kept, and not their digests alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub plain: bool,
}

/// A line that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct BadLine {
    /// Which one, counted from 1.
    pub line: u32,
    /// What is wrong with it.
    pub problem: LineProblem,
}

/// What came of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct UploadedCoupons {
    /// The book.
    pub book: CouponBookId,
    /// How many codes were added.
    pub added: u32,
    /// The lines that were not taken, in their order.
    pub bad: Vec<BadLine>,
}

/// The good lines of an upload, and what is wrong with the others.
struct Sorted<'a> {
    good: Vec<(CouponId, &'a Secret)>,
    bad: Vec<BadLine>,
}

impl UploadCoupons {
    fn sort(&self, book: &CouponBook, snapshot: &Snapshot, context: &Context) -> Sorted<'_> {
        let matching = book.terms.matching();
        let mut sorted = Sorted {
            good: Vec::new(),
            bad: Vec::new(),
        };
        let mut own = BTreeSet::new();
        for (line, told) in (1_u32..).zip(&self.lines) {
            let checked = told.code().and_then(|code| {
                let ids = CouponId::candidates_of(code, matching);
                let id = ids.first().cloned().ok_or(LineProblem::Unreadable)?;
                let exists = ids.iter().any(|id| {
                    let key = EntityKey::of::<Coupon>(&context.tenant, id);
                    snapshot.entities.contains_key(&key)
                });
                if exists {
                    Err(LineProblem::Exists)
                } else if own.insert(id.clone()) {
                    Ok((id, code))
                } else {
                    Err(LineProblem::Repeated)
                }
            });
            match checked {
                Ok(good) => sorted.good.push(good),
                Err(problem) => sorted.bad.push(BadLine { line, problem }),
            }
        }
        sorted
    }
}

impl Operation for UploadCoupons {
    const NAME: &'static str = "upload_coupons";
    const KIND: Kind = Kind::Command;
    type Reply = UploadedCoupons;
    type Prepared = ();

    fn secrets(&mut self) -> Vec<(KeyPurpose, &mut Secret)> {
        let codes = self.lines.iter_mut().filter_map(CodeLine::code_mut);
        codes.map(|code| (KeyPurpose::Coupons, code)).collect()
    }

    fn keeps_secrets(&self) -> bool {
        self.plain
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let found = self.lines.len();
        if found == 0 || !u32::try_from(found).is_ok_and(|found| found <= LINES_MAX) {
            let detail = format!("expected 1 to {LINES_MAX} lines, got {found}");
            return Err(Problem::new("count_invalid", "lines", detail).into());
        }
        let book = EntityKey::of::<CouponBook>(&context.tenant, &self.book);
        let plan = ReadPlan {
            entities: vec![book],
            ..ReadPlan::default()
        };
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<UploadedCoupons>, Undecided> {
        let tenant = &context.tenant;
        let stored = book_of(snapshot, tenant, &self.book)?;
        let expected = stored.expected();
        let book = stored.entity;
        if book.closed_at().is_some() {
            return Err(Rejection::CouponBookClosed(self.book.clone()).into());
        }
        let matching = book.terms.matching();
        let codes = self.lines.iter().filter_map(|line| line.code().ok());
        let ids: Vec<CouponId> = codes
            .flat_map(|code| CouponId::candidates_of(code, matching))
            .collect();
        let keys = ids.iter().map(|id| EntityKey::of::<Coupon>(tenant, id));
        let command = context.ids.nth(0).to_string();
        see(snapshot, context, &command, keys.collect())?;
        let Sorted { mut good, bad } = self.sort(&book, snapshot, context);
        if self.keep == Some(KeepLines::AllOrNone) && !bad.is_empty() {
            good.clear();
        }
        let added = u32::try_from(good.len()).map_err(|_| Rejection::Overflow)?;
        if added > book.room() {
            let most = book.terms.limits().codes.unwrap_or(u32::MAX);
            let limit = "codes";
            return Err(Rejection::CouponLimit { limit, most }.into());
        }
        let mut changes = Changes::default();
        for (id, code) in good {
            let mut coupon = Coupon::new(id.clone(), self.book.clone(), context.now);
            if let Secret::Kept { text, .. } = code {
                coupon.code = Some(text.clone());
            }
            changes.put(tenant, &id, Expected::Absent, &coupon)?;
        }
        if added > 0 {
            let available = counted(tenant, &self.book, BookCount::Available, added.into());
            changes.counters.push(available);
            changes.put(tenant, &self.book, expected, &book.with_codes(added))?;
        }
        Ok(Decision {
            reply: UploadedCoupons {
                book: self.book.clone(),
                added,
                bad,
            },
            changes,
        })
    }
}
