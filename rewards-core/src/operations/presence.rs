//! Whether a member still takes part.

use crate::ids::MemberId;
use crate::member::{MemberProfile, MemberStatus};
use crate::rejection::Rejection;

/// Checks that a member has not left for good.
///
/// # Errors
/// [`Rejection::MemberClosed`], [`Rejection::MemberMerged`].
pub(super) fn check_present(profile: &MemberProfile, member: &MemberId) -> Result<(), Rejection> {
    match (profile.status, &profile.merged_into) {
        (MemberStatus::Active | MemberStatus::Suspended, _) => Ok(()),
        (MemberStatus::Merged, Some(into)) => Err(Rejection::MemberMerged {
            member: member.clone(),
            into: into.clone(),
        }),
        (MemberStatus::Merged | MemberStatus::Closed, _) => {
            Err(Rejection::MemberClosed(member.clone()))
        }
    }
}

/// Checks that a member takes part now.
///
/// # Errors
/// As [`check_present`]; [`Rejection::MemberSuspended`].
pub(super) fn check_active(profile: &MemberProfile, member: &MemberId) -> Result<(), Rejection> {
    check_present(profile, member)?;
    if profile.status == MemberStatus::Suspended {
        return Err(Rejection::MemberSuspended(member.clone()));
    }
    Ok(())
}
