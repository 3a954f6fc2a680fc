//! A world held against itself.

use std::collections::BTreeMap;

use rewards_core::audit::{AuditProblem, BookAudit, SharedCounters};
use rewards_core::cashback::PurchaseEntity;
use rewards_core::counter::{CounterKey, Subject};
use rewards_core::entity::{Entity as _, EntityKey, EntityPage};
use rewards_core::ids::{PurchaseId, TenantId};
use rewards_core::member::HistoryPage;
use rewards_core::payments::DepositEntity;
use rewards_core::program::CompiledProgram;
use rewards_core::wallet::{Redemption, SharedWallet};

use super::world::World;

impl World {
    /// What an auditor finds in the books of a tenant.
    pub fn audit(&self, tenant: &TenantId) -> Vec<AuditProblem> {
        let mut books = BookAudit::new(tenant.clone());
        for revision in self.programs[tenant].values().flatten() {
            let (number, active_from) = (revision.number(), revision.active_from());
            let document = revision.document().clone();
            books.program(CompiledProgram::compile(document, number, active_from).unwrap());
        }
        let rows = self.entities.iter();
        let purchases: BTreeMap<PurchaseId, PurchaseEntity> = rows
            .filter(|(key, _)| key.tenant == *tenant && key.kind == PurchaseEntity::KIND)
            .filter_map(|(_, row)| Some(row.read::<PurchaseEntity>().ok()?.entity))
            .map(|purchase| (purchase.purchase.id.clone(), purchase))
            .collect();
        for (key, row) in self.members.iter().filter(|(key, _)| key.tenant == *tenant) {
            let mut audit = books.member(&key.member, Some(row));
            for entry in self.entries_of(key) {
                let purchase = entry.transfer.purchase.as_ref();
                audit.entry(entry, purchase.and_then(|id| purchases.get(id)));
            }
            self.lots_of(key)
                .for_each(|lot| audit.lot(lot, lot.due_at()));
            let own = purchases.values();
            own.filter(|purchase| purchase.purchase.member == key.member)
                .for_each(|purchase| audit.purchase(purchase));
            let pages = self.entities.iter();
            let pages =
                pages.filter(|(key, _)| key.tenant == *tenant && key.kind == HistoryPage::KIND);
            for (_, page) in pages {
                let page = page.read::<HistoryPage>().unwrap().entity;
                if page.member == key.member {
                    audit.page(&page);
                }
            }
            let deposits = self.entities.iter();
            let deposits = deposits.filter(|(of, row)| {
                let is_own = row.index.owner.as_ref() == Some(&key.member);
                of.tenant == *tenant && of.kind == DepositEntity::KIND && is_own
            });
            for (_, deposit) in deposits {
                audit.deposit(&deposit.read::<DepositEntity>().unwrap().entity);
            }
            for (_, row) in self
                .entities
                .iter()
                .filter(|(key, _)| key.tenant == *tenant && key.kind == Redemption::KIND)
            {
                let redemption = row.read::<Redemption>().unwrap().entity;
                if redemption.member == key.member {
                    audit.redemption(&redemption);
                }
            }
            if let Some(wallet) = &row.profile.shared_wallet {
                let wallet = EntityKey::of::<SharedWallet>(tenant, wallet);
                let found = self.entities.get(&wallet);
                let found = found.map(|row| row.read::<SharedWallet>().unwrap().entity);
                audit.shared_wallet(found.as_ref());
            }
            let subject = Subject::Member(key.member.clone());
            for (counter, value) in self.counters_of(tenant) {
                if counter.name.subject == subject {
                    audit.counter(&counter.name.name, counter.bucket, value);
                }
            }
            audit.finish();
        }
        for (key, row) in self
            .entities
            .iter()
            .filter(|(key, _)| key.tenant == *tenant)
        {
            books.entity(key.kind, &key.id, row);
        }
        for kind in [Redemption::KIND, SharedWallet::KIND] {
            let own = self.entities.iter();
            let own = own.filter(|(key, _)| key.tenant == *tenant && key.kind == kind);
            let page: EntityPage = own
                .map(|(key, row)| (key.id.clone(), row.clone()))
                .collect();
            let seen = self.load(books.seen_with(kind, &page));
            books.together(kind, &page, &seen);
        }
        let shared = self.counters_of(tenant);
        let shared = shared.filter(|(key, _)| !matches!(key.name.subject, Subject::Member(_)));
        let shared = shared.map(|(key, value)| {
            let place = (key.name.subject.text(), key.name.name.clone(), key.bucket);
            (place, value)
        });
        let mut shared = SharedCounters::new(None, shared.collect::<Vec<_>>(), true);
        for (key, row) in self
            .entities
            .iter()
            .filter(|(key, _)| key.tenant == *tenant)
        {
            shared.entity(&books, key.kind, row);
        }
        shared.finish(&mut books);
        for ((_, purpose, asset), sum) in self.controls.iter().filter(|((t, ..), _)| t == tenant) {
            books.control(purpose, *asset, *sum);
        }
        books.finish().problems
    }

    fn counters_of<'w>(
        &'w self,
        tenant: &'w TenantId,
    ) -> impl Iterator<Item = (&'w CounterKey, i64)> {
        let own = self.counters.iter();
        let own = own.filter(move |(key, _)| key.name.tenant == *tenant);
        own.map(|(key, value)| (key, *value))
    }
}
