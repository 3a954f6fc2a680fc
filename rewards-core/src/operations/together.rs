//! The changes of several members in one command.

use super::change_builder::ChangeBuilder;
use super::seen::for_each;
use crate::command::Undecided;
use crate::context::Context;
use crate::ids::{IdAllocator, MemberId};
use crate::snapshot::Snapshot;

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
