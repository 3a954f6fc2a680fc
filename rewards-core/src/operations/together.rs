//! Several members in one command: what all of them need is asked for at once, so that the rounds of a decision do not grow with
//! their number.

use super::change_builder::ChangeBuilder;
use super::merged::{Seen, see_once};
use crate::command::Undecided;
use crate::context::Context;
use crate::ids::{IdAllocator, MemberId};
use crate::snapshot::{ReadPlan, Snapshot};

/// Decides something for each, in their order.
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
    if missing == ReadPlan::default() {
        return Ok(made);
    }
    Err(Undecided::Needs(Box::new(missing)))
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

/// Asks for the rows of members alone.
///
/// # Errors
/// [`Undecided::Needs`] those that are not in the view.
pub(super) fn see_rows<'m>(
    snapshot: &Snapshot,
    context: &Context,
    members: impl IntoIterator<Item = &'m MemberId>,
) -> Result<(), Undecided> {
    let keys = members.into_iter().map(|member| context.member_key(member));
    let missing: Vec<_> = keys
        .filter(|key| !snapshot.members.contains_key(key))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Undecided::Needs(Box::new(ReadPlan {
        members: missing,
        ..ReadPlan::default()
    })))
}

/// Opens the changes of each member. All of them tell the same time, so that one order holds for all.
///
/// # Errors
/// As [`ChangeBuilder::open`].
pub(super) fn open_all<'a, 'm>(
    snapshot: &'a Snapshot,
    context: &'a Context,
    ids: &'a IdAllocator,
    members: impl IntoIterator<Item = &'m MemberId>,
) -> Result<Vec<ChangeBuilder<'a>>, Undecided> {
    let mut builders = for_each(members, |member| {
        ChangeBuilder::open(snapshot, context, ids, member)
    })?;
    tell_one_time(&mut builders);
    Ok(builders)
}

/// The same without giving anything back that is over.
///
/// # Errors
/// As [`ChangeBuilder::open_as_is`].
pub(super) fn open_all_as_is<'a, 'm>(
    snapshot: &'a Snapshot,
    context: &'a Context,
    ids: &'a IdAllocator,
    members: impl IntoIterator<Item = &'m MemberId>,
) -> Result<Vec<ChangeBuilder<'a>>, Undecided> {
    let mut builders = for_each(members, |member| {
        ChangeBuilder::open_as_is(snapshot, context, ids, member)
    })?;
    tell_one_time(&mut builders);
    Ok(builders)
}

fn tell_one_time(builders: &mut [ChangeBuilder<'_>]) {
    let latest = builders.iter().map(|builder| builder.recorded_at).max();
    for builder in builders {
        builder.recorded_at = latest.unwrap_or(builder.recorded_at);
    }
}
