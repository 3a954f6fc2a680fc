//! Rows that become known only while something is decided: either a view holds them, or they are asked for.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::command::Undecided;
use crate::context::Context;
use crate::entity::{By, EntityKey, EntityQuery};
use crate::ids::MemberId;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// No entity is of this kind.
const ASKED: &str = "asked";

/// Why rows of a member are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Value arrives at the member.
    Receiver,
    /// Something of the member's is changed.
    Owner,
    /// What is due by an instant makes a difference: to what is owed, or to the member into whom this one was merged.
    Due(Timestamp),
    /// What an authorization held beyond its time came back: what a review of ladders by a balance looks at.
    Released,
    /// The member shares a wallet with whoever acts: what a review of ladders by a balance looks at.
    Sharer,
    /// The member shares a wallet that is looked at: what is due.
    Shown,
}

/// Asks for rows of a member unless they were asked for before, for the same reason and as of the same instant.
///
/// # Errors
/// As [`see_plan`].
pub(super) fn see_once(
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
    why: Seen,
    plan: ReadPlan,
) -> Result<(), Undecided> {
    let now = context.now.micros();
    let what = match why {
        Seen::Due(until) => format!("due {} {member}", until.micros()),
        Seen::Receiver => format!("receiver {now} {member}"),
        Seen::Owner => format!("owner {now} {member}"),
        Seen::Released => format!("released {now} {member}"),
        Seen::Sharer => format!("sharer {now} {member}"),
        Seen::Shown => format!("shown {now} {member}"),
    };
    see_plan(snapshot, context, &what, plan)
}

/// What tells a plan from others.
fn told_apart(plan: &ReadPlan) -> u64 {
    let mut hasher = DefaultHasher::new();
    plan.hash(&mut hasher);
    hasher.finish()
}

/// Asks for rows unless they were asked for before. A row that is not there leaves no trace in a view, and one that is there
/// says nothing of the others, as another command may have asked for it: an empty page that nobody else asks for says it.
/// `what` and the rows themselves tell it from that of every other question: commands of one batch share a view, and what is asked
/// for one reason can be something else for each.
///
/// # Errors
/// [`Undecided::Needs`] the rows.
pub(super) fn see_plan(
    snapshot: &Snapshot,
    context: &Context,
    what: &str,
    mut plan: ReadPlan,
) -> Result<(), Undecided> {
    let what = format!("{what} {}", told_apart(&plan));
    let trace = EntityQuery {
        tenant: context.tenant.clone(),
        kind: ASKED,
        by: By::Group {
            group: what.into(),
            state: ASKED.into(),
            from_rank: 0,
            to_rank: i64::MAX,
        },
        after: None,
        limit: 1,
    };
    if snapshot.entity_pages.contains_key(&trace) {
        return Ok(());
    }
    plan.entity_pages.push(trace);
    Err(Undecided::Needs(Box::new(plan)))
}

/// Asks for the rows of members who become known only while something is decided, each with what else is to be seen of them:
/// always the same for one reason.
///
/// # Errors
/// [`Undecided::Needs`] the rows.
pub(super) fn see_all<'m>(
    snapshot: &Snapshot,
    context: &Context,
    members: impl IntoIterator<Item = &'m MemberId>,
    why: Seen,
    plan: impl Fn(&MemberId, &mut ReadPlan),
) -> Result<(), Undecided> {
    for_each(members, |member| {
        let mut own = ReadPlan {
            members: vec![context.member_key(member)],
            ..ReadPlan::default()
        };
        plan(member, &mut own);
        see_once(snapshot, context, member, why, own)
    })?;
    Ok(())
}

/// Asks for the rows of members alone. All of them are there.
///
/// # Errors
/// [`Undecided::Needs`] those that are not in the view.
pub(super) fn see_rows<'m>(
    snapshot: &Snapshot,
    context: &Context,
    members: impl IntoIterator<Item = &'m MemberId>,
) -> Result<(), Undecided> {
    let keys = members.into_iter().map(|member| context.member_key(member));
    Undecided::unless_seen(ReadPlan {
        members: keys
            .filter(|key| !snapshot.members.contains_key(key))
            .collect(),
        ..ReadPlan::default()
    })
}

/// Asks for entities. All of them are there.
///
/// # Errors
/// [`Undecided::Needs`] those that are not in the view.
pub(super) fn see_entities(
    snapshot: &Snapshot,
    keys: impl IntoIterator<Item = EntityKey>,
) -> Result<(), Undecided> {
    let keys = keys.into_iter();
    Undecided::unless_seen(ReadPlan {
        entities: keys
            .filter(|key| !snapshot.entities.contains_key(key))
            .collect(),
        ..ReadPlan::default()
    })
}

/// Decides something for each, in their order. What all of them need is asked for at once, so that the rounds of a decision do
/// not grow with their number.
///
/// # Errors
/// The first refusal; [`Undecided::Needs`] what is missing for any of them.
pub(super) fn for_each<T, R>(
    items: impl IntoIterator<Item = T>,
    mut decide: impl FnMut(T) -> Result<R, Undecided>,
) -> Result<Vec<R>, Undecided> {
    let (mut made, mut missing) = (Vec::new(), ReadPlan::default());
    for item in items {
        match decide(item) {
            Ok(one) => made.push(one),
            Err(Undecided::Needs(plan)) => missing.merge(*plan),
            Err(refused) => return Err(refused),
        }
    }
    Undecided::unless_seen(missing)?;
    Ok(made)
}
