//! What members do together: wallets that they share and what they pay from them, held against each other and against the rows of
//! the members. The two sides come from different members, so a page of entities names what else must be seen.

use smol_str::SmolStr;

use super::{AuditProblem, BookAudit, MemberAudit};
use crate::entity::{Entity, EntityKey, EntityPage, EntityRow};
use crate::ids::TenantId;
use crate::snapshot::{MemberKey, ReadPlan, Snapshot};
use crate::wallet::{Payer, Redemption, SharedPayment, SharedWallet, SharedWalletState};

impl BookAudit {
    /// What must be seen with a page of entities of a kind; nothing for most kinds.
    #[must_use]
    pub fn seen_with(&self, kind: &str, page: &EntityPage) -> ReadPlan {
        let mut plan = ReadPlan::default();
        for (_, row) in page {
            match kind {
                Redemption::KIND => {
                    if let Some((_, tie)) = payment(row) {
                        let others = tie.payers.into_iter().map(|Payer(_, id)| id);
                        let all = std::iter::once(tie.redemption).chain(others);
                        let keys = all.map(|id| EntityKey::of::<Redemption>(self.tenant(), &id));
                        plan.entities.extend(keys);
                    }
                }
                SharedWallet::KIND => {
                    if let Ok(stored) = row.read::<SharedWallet>() {
                        let members = stored.entity.members().iter();
                        let keys = members.map(|member| MemberKey {
                            tenant: self.tenant().clone(),
                            member: member.clone(),
                        });
                        plan.members.extend(keys);
                    }
                }
                _ => {}
            }
        }
        plan.normalise();
        plan
    }

    /// Checks a page of entities against what was seen with it: members share the wallets that list them, and whoever pays with
    /// others is named by the first payer, both ways.
    pub fn together(&mut self, kind: &str, page: &EntityPage, seen: &Snapshot) {
        for (id, row) in page {
            let holds = match kind {
                Redemption::KIND => is_tied(self.tenant(), row, seen),
                SharedWallet::KIND => is_shared(self.tenant(), row, seen),
                _ => true,
            };
            if !holds {
                self.note(AuditProblem::EntityMismatch {
                    kind: SmolStr::new(kind),
                    id: id.clone(),
                });
            }
        }
    }
}

impl MemberAudit<'_> {
    /// Takes the wallet that the member's row names, as far as there is one.
    pub fn shared_wallet(&mut self, wallet: Option<&SharedWallet>) {
        let member = &self.member;
        let is_listed = |wallet: &SharedWallet| {
            wallet.state() == SharedWalletState::Active && wallet.has(member)
        };
        if !wallet.is_some_and(is_listed) {
            self.wrong_column("shared_wallet");
        }
    }
}

fn payment(row: &EntityRow) -> Option<(Redemption, SharedPayment)> {
    let redemption = row.read::<Redemption>().ok()?.entity;
    let tie = redemption.shared.clone()?;
    Some((redemption, tie))
}

/// Whether those who pay together name each other. A row that cannot be read is a problem of its own.
fn is_tied(tenant: &TenantId, row: &EntityRow, seen: &Snapshot) -> bool {
    let Some((redemption, tie)) = payment(row) else {
        return true;
    };
    let find = |id| {
        let row = seen
            .entities
            .get(&EntityKey::of::<Redemption>(tenant, id))?;
        payment(row)
    };
    let own = Payer(redemption.member.clone(), redemption.id.clone());
    let is_first = tie.redemption == redemption.id;
    let is_listed = if is_first {
        tie.payers.first() == Some(&own)
    } else {
        find(&tie.redemption).is_some_and(|(_, first)| first.payers.contains(&own))
    };
    let mut others = tie.payers.iter().skip(1);
    is_listed
        && others.all(|Payer(member, id)| {
            let other = find(id);
            other.is_some_and(|(other, own)| {
                other.member == *member && own.redemption == redemption.id
            })
        })
}

/// Whether the members of an open wallet say that they share it.
fn is_shared(tenant: &TenantId, row: &EntityRow, seen: &Snapshot) -> bool {
    let Ok(stored) = row.read::<SharedWallet>() else {
        return true;
    };
    let wallet = stored.entity;
    let shares = |member: &_| {
        let key = MemberKey {
            tenant: tenant.clone(),
            member: Clone::clone(member),
        };
        let row = seen.members.get(&key);
        row.is_some_and(|row| row.profile.shared_wallet.as_ref() == Some(&wallet.id))
    };
    wallet.state() == SharedWalletState::Closed || wallet.members().iter().all(shares)
}
