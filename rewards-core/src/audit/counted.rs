//! What purchases count: recounted by the revisions that decided them.

use smol_str::SmolStr;

use super::BookAudit;
use crate::cashback::{Carried, PurchaseEntity, UsedLimit};
use crate::counter::{CounterKey, CounterName};
use crate::ids::Slug;
use crate::ledger::Transfer;
use crate::program::{CompiledProgram, CompiledRule};

impl BookAudit {
    /// Takes a revision that purchases may have been decided by. Comes before members and purchases.
    pub fn program(&mut self, revision: CompiledProgram) {
        let place = (revision.id().clone(), revision.number());
        self.programs.insert(place, revision);
    }

    /// What a purchase counts of limits and remainders. What a revision that is not there decided counts nothing, so that the
    /// counters show it as well.
    pub(super) fn counted(&self, purchase: &PurchaseEntity) -> Vec<(CounterKey, i64)> {
        let place = (purchase.purchase.program.clone(), purchase.revision);
        let Some(program) = self.programs.get(&place) else {
            return Vec::new();
        };
        let limits = purchase.held(program).into_iter();
        let limits = limits.filter_map(|held| self.limit(program, purchase, &held));
        let carried = purchase.carried.iter();
        let carried = carried.flat_map(|carried| self.carried(program, purchase, carried));
        limits.chain(carried).collect()
    }

    fn limit(
        &self,
        program: &CompiledProgram,
        purchase: &PurchaseEntity,
        UsedLimit(number, bucket, amount, value): &UsedLimit,
    ) -> Option<(CounterKey, i64)> {
        let member = &purchase.purchase.member;
        let value = value.as_deref();
        let cap = program.cap(*number)?;
        let name = cap.counter_of(self.tenant(), member, program.id(), value)?;
        Some((name.at(*bucket), *amount))
    }

    fn carried(
        &self,
        program: &CompiledProgram,
        purchase: &PurchaseEntity,
        Carried(rule, change, _, part, undone): &Carried,
    ) -> impl Iterator<Item = (CounterKey, i64)> {
        let own = rule_of(program, rule);
        let counters = [
            (
                own.and_then(|rule| rule.carry.as_ref()),
                change.saturating_sub(undone.0),
            ),
            (
                own.and_then(|rule| rule.carry_part.as_ref()),
                part.saturating_sub(undone.1),
            ),
        ];
        let member = &purchase.purchase.member;
        let named = counters.map(|(counter, amount)| {
            let name = counter.map(|name| CounterName::of_member(self.tenant(), member, name));
            name.map(|name| (name.at(0), amount))
        });
        named.into_iter().flatten()
    }
}

impl BookAudit {
    /// Where a member's counters count what was sent to another one: names and buckets.
    pub(super) fn sent(&self, transfer: &Transfer) -> Vec<(SmolStr, i64)> {
        let Some(origin) = &transfer.origin else {
            return Vec::new();
        };
        let place = (origin.program.clone(), origin.revision);
        let Some(program) = self.programs.get(&place) else {
            return Vec::new();
        };
        let own = program.transfers().iter();
        let own = own.filter(|rule| rule.id == origin.rule);
        let places = own.flat_map(|rule| rule.counted(program.calendar(), transfer.effective_at));
        places
            .map(|(name, bucket)| (name.clone(), bucket))
            .collect()
    }
}

fn rule_of<'p>(program: &'p CompiledProgram, rule: &Slug) -> Option<&'p CompiledRule> {
    program.rules().iter().find(|known| known.id == *rule)
}
