//! Reading and writing what members bought and earned: sums over days that may be in the member's row or on pages.

use std::cell::RefCell;

use super::change_builder::ChangeBuilder;
use crate::command::Undecided;
use crate::context::Context;
use crate::entity::{EntityKey, Expected};
use crate::ids::{MemberId, TenantId};
use crate::member::{DAYS_IN_ROW_KEPT, HistoryPage, MemberRow};
use crate::program::{Activity, CompiledProgram};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::{Calendar, Period, Timestamp};

/// Over which time something is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// All time.
    Ever,
    /// The local days from the first to the last, both included.
    Days(i64, i64),
}

impl Span {
    /// The window that contains an instant.
    pub fn around(calendar: Calendar, window: Period, at: Timestamp) -> Self {
        let (from, until) = calendar.buckets(window, at);
        Self::of(calendar, window.counter_period(), from, until)
    }

    /// Windows of a period, by their numbers.
    pub fn of(calendar: Calendar, period: Period, from: i64, until: i64) -> Self {
        if period == Period::Lifetime {
            return Self::Ever;
        }
        let (first, last) = calendar.days(period, from, until);
        Self::Days(first, last)
    }

    /// Whether a local day is in it.
    pub fn contains(self, day: i64) -> bool {
        match self {
            Self::Ever => true,
            Self::Days(from, until) => (from..=until).contains(&day),
        }
    }
}

/// What of a member's history is read.
#[derive(Debug)]
pub(super) struct HistoryView<'a> {
    snapshot: &'a Snapshot,
    row: &'a MemberRow,
    tenant: &'a TenantId,
    member: &'a MemberId,
    /// What could not be read.
    unseen: RefCell<Unseen>,
}

#[derive(Debug, Default)]
struct Unseen {
    pages: Vec<EntityKey>,
    fault: Option<Rejection>,
}

impl<'a> HistoryView<'a> {
    /// The history as a view holds it, with the member's row as it is at the moment.
    pub fn new(
        snapshot: &'a Snapshot,
        row: &'a MemberRow,
        tenant: &'a TenantId,
        member: &'a MemberId,
    ) -> Self {
        Self {
            snapshot,
            row,
            tenant,
            member,
            unseen: RefCell::default(),
        }
    }

    /// What the member did in a program. What is on a page that is not in the view is left out, and
    /// [noted](Self::check_seen).
    pub fn sum(&self, program: &CompiledProgram, activity: Activity, span: Span) -> i64 {
        let Some(history) = self.row.history.get(program.id()) else {
            return 0;
        };
        if activity == Activity::Number {
            return history.number();
        }
        let sums = activity.sums(program.currency());
        let mut total = 0_i64;
        let mut add = |is_added: bool, sum: i64| {
            total = if is_added {
                total.saturating_add(sum)
            } else {
                total.saturating_sub(sum)
            };
        };
        let Span::Days(from, until) = span else {
            for (summed, is_added) in sums {
                add(is_added, history.ever(summed));
            }
            return total;
        };
        for (summed, is_added) in &sums {
            add(*is_added, history.recent().sum(*summed, from, until));
        }
        for number in history.pages(from, until) {
            let page = self.page(program, number);
            for (summed, is_added) in &sums {
                let sum = page
                    .as_ref()
                    .map(|page| page.sums.sum(*summed, from, until));
                add(*is_added, sum.unwrap_or_default());
            }
        }
        total
    }

    fn page(&self, program: &CompiledProgram, number: i64) -> Option<HistoryPage> {
        let id = HistoryPage::new(self.member, program.id(), number).id();
        let mut unseen = self.unseen.borrow_mut();
        match self.snapshot.get::<HistoryPage>(self.tenant, &id) {
            Ok(Some(stored)) => return Some(stored.entity),
            Ok(None) => {
                let key = EntityKey::of::<HistoryPage>(self.tenant, &id);
                unseen.pages.push(key);
            }
            Err(fault) => unseen.fault = Some(fault),
        }
        None
    }

    /// Checks that everything that was asked for was in the view.
    ///
    /// # Errors
    /// [`Undecided::Needs`] the pages that were not; what is wrong with the body of one.
    pub fn check_seen(&self) -> Result<(), Undecided> {
        let unseen = self.unseen.take();
        if let Some(fault) = unseen.fault {
            return Err(fault.into());
        }
        if unseen.pages.is_empty() {
            return Ok(());
        }
        Err(Undecided::Needs(Box::new(ReadPlan {
            entities: unseen.pages,
            ..ReadPlan::default()
        })))
    }
}

/// Adds to a plan the pages on which days of a span can be. A short span is in the row nearly always, and is not looked for
/// anywhere else before the row says so.
pub(super) fn plan_pages(
    plan: &mut ReadPlan,
    context: &Context,
    member: &MemberId,
    program: &CompiledProgram,
    span: Span,
) {
    let Span::Days(from, until) = span else {
        return;
    };
    let short = i64::try_from(DAYS_IN_ROW_KEPT).unwrap_or(i64::MAX);
    if until.saturating_sub(from) < short {
        return;
    }
    let ids = HistoryPage::ids(member, program.id(), from, until);
    let keys = ids.map(|id| EntityKey::of::<HistoryPage>(&context.tenant, &id));
    plan.entities.extend(keys);
}

impl ChangeBuilder<'_> {
    /// Moves days that are too many for the member's row to pages, and the same for members who were merged into this one.
    /// Sums are read before, so this comes last.
    ///
    /// # Errors
    /// [`Undecided::Needs`] the pages to which they are added.
    pub fn move_days(&mut self, snapshot: &Snapshot, context: &Context) -> Result<(), Undecided> {
        for other in self.merged_builders() {
            other.move_days(snapshot, context)?;
        }
        let tenant = &context.tenant;
        let member = self.member().clone();
        let mut unseen = Vec::new();
        for (program, history) in &self.row.history {
            let known = history
                .overflow()
                .into_iter()
                .filter(|(_, is_known)| *is_known);
            for (page, _) in known {
                let id = HistoryPage::new(&member, program, page).id();
                let key = EntityKey::of::<HistoryPage>(tenant, &id);
                if !snapshot.entities.contains_key(&key) {
                    unseen.push(key);
                }
            }
        }
        if !unseen.is_empty() {
            return Err(Undecided::Needs(Box::new(ReadPlan {
                entities: unseen,
                ..ReadPlan::default()
            })));
        }
        let mut moved = Vec::new();
        for (program, history) in &mut self.row.history {
            for (page, sums) in history.take_overflow() {
                moved.push((HistoryPage::new(&member, program, page), sums));
            }
        }
        for (new, sums) in moved {
            let (expected, mut page) = match snapshot.get::<HistoryPage>(tenant, &new.id())? {
                Some(stored) => (stored.expected(), stored.entity),
                None => (Expected::Absent, new),
            };
            page.take(&sums);
            self.put(&page.id(), expected, &page)?;
        }
        Ok(())
    }
}
