//! What is ordered of members themselves: facts, other names, mergers and farewells.

use std::collections::BTreeSet;

use rewards_core::ids::{MemberId, Slug};
use rewards_core::member::MemberStatus;
use rewards_core::operations::aliases::{LinkAlias, UnlinkAlias};
use rewards_core::operations::members::{EraseMember, MergeMembers, MergedTiers, UpdateMember};
use rewards_core::operations::transfers::{AliasName, TransferReceiver};
use rewards_core::secret::Secret;

use super::super::Failed;
use super::super::random::Random;
use super::super::workload::{Command, Script};

/// How many other names there are in all.
const ALIASES: u64 = 30;

impl Script {
    /// Somebody who may leave, be merged or be told to pause: mostly one of the later half, so that not all of those go of whom
    /// much is ordered.
    fn some_passing_member(&self, random: &mut Random) -> Result<MemberId, Failed> {
        let half = self.members / 2;
        match random.below(30) {
            0 => self.some_member(random),
            _ => self.member(half + random.below(self.members.saturating_sub(half))),
        }
    }

    pub(in super::super) fn update(&self, random: &mut Random) -> Result<Command, Failed> {
        let mut update = UpdateMember::new(self.some_passing_member(random)?);
        if random.chance(500) {
            let segment = format!("s{}", random.below(4));
            update.segments = Some(BTreeSet::from([segment]));
        }
        update.status = match random.below(10) {
            0..2 => Some(MemberStatus::Suspended),
            2 => Some(MemberStatus::Closed),
            3 => None,
            _ => Some(MemberStatus::Active),
        };
        update.forfeit = update.status == Some(MemberStatus::Closed) && random.chance(600);
        if update.segments.is_none() && update.status.is_none() {
            update.attributes = Some([("card".to_owned(), "black".to_owned())].into());
        }
        Ok(Command::Update(update))
    }

    /// A merger. Now and then the other one goes on into the first, or into somebody else again.
    pub(in super::super) fn merge(&self, random: &mut Random) -> Result<Command, Failed> {
        let member = self.some_passing_member(random)?;
        let into = match random.below(3) {
            0 => self.some_passing_member(random)?,
            _ => self.some_member(random)?,
        };
        let tiers = match random.below(3) {
            0 => Some(MergedTiers::Own),
            1 => Some(MergedTiers::Higher),
            _ => None,
        };
        Ok(Command::Merge(MergeMembers {
            member,
            into,
            tiers,
        }))
    }

    pub(in super::super) fn erase(&self, random: &mut Random) -> Result<Command, Failed> {
        Ok(Command::Erase(EraseMember {
            member: self.some_passing_member(random)?,
            forfeit: random.chance(600),
            after: None,
        }))
    }

    pub(in super::super) fn link(&self, random: &mut Random) -> Result<Command, Failed> {
        let AliasName { kind, name, plain } = some_alias(random)?;
        Ok(Command::Link(LinkAlias {
            member: self.some_member(random)?,
            kind,
            name,
            plain,
        }))
    }

    pub(in super::super) fn unlink(&self, random: &mut Random) -> Result<Command, Failed> {
        let AliasName { kind, name, plain } = some_alias(random)?;
        let member = match random.chance(300) {
            true => Some(self.some_member(random)?),
            false => None,
        };
        Ok(Command::Unlink(UnlinkAlias {
            kind,
            name,
            plain,
            member,
        }))
    }

    /// Whoever something is sent to, by id or by another name.
    pub(super) fn some_receiver(&self, random: &mut Random) -> Result<TransferReceiver, Failed> {
        Ok(match random.chance(400) {
            true => TransferReceiver::Alias(some_alias(random)?),
            false => TransferReceiver::Member(self.some_member(random)?),
        })
    }
}

/// Another name. Of each it is known whether it is kept as it is.
fn some_alias(random: &mut Random) -> Result<AliasName, Failed> {
    let number = random.below(ALIASES);
    let kind = ["phone", "email", "card"].into_iter();
    let kind = kind.cycle().nth(usize::try_from(number)?);
    Ok(AliasName {
        kind: Slug::new(kind.unwrap_or("phone"))?,
        name: Secret::from(format!("name {number}").as_str()),
        plain: number.is_multiple_of(4),
    })
}
