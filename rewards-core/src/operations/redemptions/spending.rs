//! What paying at once, reserving and asking what would pay have in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::amounts::{check_positive, in_words};
use super::super::change_builder::ChangeBuilder;
use super::super::review::{Reviewed, due_for_review};
use super::super::rewards::{OPEN_LOTS_MAX, open_lots};
use super::super::seen::for_each;
use super::super::unless_wrong;
use super::{ChosenTender, PaidPart, PaidShare};
use crate::command::Undecided;
use crate::context::Context;
use crate::entity::EntityKey;
use crate::ids::{MemberId, ProgramId, SharedWalletId};
use crate::ledger::{Account, Lot, LotState, Purpose, Transfer, TransferKind, consume};
use crate::money::{Asset, Money, Rounding};
use crate::program::{CompiledCeiling, CompiledProgram, CompiledRedemptions};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ProgramKey, ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::wallet::{
    Bucket, HeldLot, REDEMPTION_LOTS_MAX, RedemptionPart, SharedWallet, SpendError, Tender,
    bucket_value, check_tenders, choose,
};

/// What a request says of paying.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub member: &'a MemberId,
    pub program: &'a ProgramId,
    pub total: Money,
    pub amount: Option<Money>,
    pub tenders: &'a [ChosenTender],
    pub wallet: Option<&'a SharedWalletId>,
}

/// A request to pay, checked against the program that decides it.
#[derive(Debug)]
pub struct PreparedSpending {
    program: Arc<CompiledProgram>,
    total: Money,
    wish: Wish,
}

/// The open lots of a member that can pay, by asset.
type OpenLots = BTreeMap<Asset, Vec<Lot>>;

/// What pays together, and what of it is paid by whom.
#[derive(Debug)]
pub(super) struct Taken {
    /// What each bucket pays, in paying order.
    pub tenders: Vec<Tender>,
    /// What each member pays, in paying order; without parts for who pays nothing.
    pub spendings: Vec<Spending>,
    /// When it counts.
    pub at: Timestamp,
}

/// How much pays, and who chooses what.
#[derive(Debug)]
enum Wish {
    /// As much as possible, in the order of the program.
    Most,
    /// So much, in the order of the program.
    Exactly(i64),
    /// What the caller chose.
    Chosen(Vec<Tender>),
}

/// What one member pays, taken from its lots but not moved yet.
#[derive(Debug)]
pub(super) struct Spending {
    pub parts: Vec<RedemptionPart>,
    /// When it counts.
    pub at: Timestamp,
}

impl Wanted<'_> {
    /// Checks the request, and names the rows to look at.
    ///
    /// # Errors
    /// [`Rejection::ProgramUnknown`], [`Rejection::ProgramNotActive`]; [`Rejection::RedemptionNotOffered`]; all problems of the
    /// request; then what is refused whatever the member has: more than the order, and units against their terms.
    pub fn prepare(self, context: &Context) -> Result<(ReadPlan, PreparedSpending), Rejection> {
        let program = context.program_at(self.program, context.now)?;
        let terms = terms(program)?;
        let problems = self.problems(program, terms);
        unless_wrong(problems)?;
        let prepared = PreparedSpending {
            wish: self.wish(terms)?,
            program: Arc::clone(program),
            total: self.total,
        };
        let key = context.member_key(self.member);
        let lots = prepared.assets();
        let mut plan = ReadPlan {
            lots: lots.iter().map(|asset| open_lots(&key, *asset)).collect(),
            programs: vec![ProgramKey {
                tenant: context.tenant.clone(),
                program: self.program.clone(),
            }],
            members: vec![key],
            ..ReadPlan::default()
        };
        let wallet = self.wallet.iter();
        let wallet = wallet.map(|id| EntityKey::of::<SharedWallet>(&context.tenant, id));
        plan.entities.extend(wallet);
        Reviewed::Balances.plan(context, self.member, context.now, &mut plan);
        Ok((plan, prepared))
    }

    fn problems(&self, program: &CompiledProgram, terms: &CompiledRedemptions) -> Vec<Problem> {
        let currency = program.currency();
        let mut problems = Vec::new();
        check_amount("total", self.total, currency, &mut problems);
        if let Some(amount) = self.amount {
            check_amount("amount", amount, currency, &mut problems);
            if !self.tenders.is_empty() {
                let detail = "expected `amount` or `tenders`, got both";
                problems.push(Problem::new("tenders_invalid", "tenders", detail));
            }
        }
        for (index, chosen) in self.tenders.iter().enumerate() {
            let path = format!("tenders[{index}]");
            let mut buckets = terms.buckets().iter().map(Bucket::of);
            if !buckets.any(|bucket| bucket == chosen.bucket) {
                let detail = format!("`{}` does not pay in this program", chosen.bucket);
                problems.push(Problem::new(
                    "bucket_unknown",
                    format!("{path}.bucket"),
                    detail,
                ));
                continue;
            }
            let mut before = self.tenders.iter().take(index);
            if before.any(|other| other.bucket == chosen.bucket) {
                let detail = format!("`{}` is in the list already", chosen.bucket);
                problems.push(Problem::new(
                    "reference_duplicate",
                    format!("{path}.bucket"),
                    detail,
                ));
            }
            let asset = chosen.bucket.asset(currency);
            check_amount(
                &format!("{path}.amount"),
                chosen.amount,
                asset,
                &mut problems,
            );
        }
        problems
    }

    fn wish(&self, terms: &CompiledRedemptions) -> Result<Wish, Rejection> {
        let told = |error| told(error, self.total);
        if !self.tenders.is_empty() {
            let chosen = self.tenders.iter();
            let chosen: Vec<(Bucket, i64)> = chosen
                .map(|chosen| (chosen.bucket, chosen.amount.minor()))
                .collect();
            let tenders = check_tenders(terms, self.total.minor(), &chosen).map_err(told)?;
            return Ok(Wish::Chosen(tenders));
        }
        let Some(amount) = self.amount else {
            return Ok(Wish::Most);
        };
        let (asked, total) = (amount.minor(), self.total.minor());
        let most = terms.most_of(total).map_err(|_| Rejection::Overflow)?;
        if asked > most {
            return Err(told(SpendError::AboveOrder { asked, most }));
        }
        Ok(Wish::Exactly(asked))
    }
}

fn terms(program: &CompiledProgram) -> Result<&CompiledRedemptions, Rejection> {
    let terms = program.redemptions();
    terms.ok_or_else(|| Rejection::RedemptionNotOffered(program.id().clone()))
}

fn check_amount(path: &str, amount: Money, asset: Asset, problems: &mut Vec<Problem>) {
    if amount.asset() != asset {
        let detail = format!("expected `{asset}`, got `{}`", amount.asset());
        problems.push(Problem::new(
            "asset_mismatch",
            format!("{path}.asset"),
            detail,
        ));
    } else {
        check_positive(path, amount, problems);
    }
}

/// Why nothing pays, as a caller is told.
fn told(error: SpendError, total: Money) -> Rejection {
    let currency = total.asset();
    let money = |minor| in_words(minor, currency);
    match error {
        SpendError::AboveOrder { asked, most } => Rejection::RedemptionAboveOrder {
            asked: money(asked),
            most: money(most),
        },
        SpendError::Insufficient { asked, available } => Rejection::Insufficient {
            needed: money(asked),
            available: money(available),
        },
        SpendError::BelowFloor { bucket, floor } => Rejection::UnitsBelowFloor {
            bucket: bucket.to_string(),
            floor: in_words(floor, bucket.asset(currency)),
        },
        SpendError::NotOfStep { bucket, step } => Rejection::UnitsNotOfStep {
            bucket: bucket.to_string(),
            step: in_words(step, bucket.asset(currency)),
        },
        SpendError::AboveCeiling { bucket, most } => Rejection::UnitsAboveCeiling {
            bucket: bucket.to_string(),
            most: match most {
                CompiledCeiling::Units(most) => in_words(most, bucket.asset(currency)),
                CompiledCeiling::Share(share) => {
                    let most = Rounding::Down.multiply(total.minor(), share);
                    money(most.unwrap_or_default())
                }
                CompiledCeiling::None => money(total.minor()),
            },
        },
        SpendError::Nothing => Rejection::RedemptionEmpty,
        SpendError::Money(_) => Rejection::Overflow,
    }
}

impl PreparedSpending {
    /// Checks that tenders that somebody chose are worth an amount, where all of it is to be paid.
    ///
    /// # Errors
    /// A problem of the tenders.
    pub(super) fn check_whole(&self, amount: Money) -> Result<(), Rejection> {
        let Wish::Chosen(tenders) = &self.wish else {
            return Ok(());
        };
        let values = tenders.iter().map(|tender| tender.value);
        let worth = values.fold(0, i64::saturating_add);
        if worth == amount.minor() {
            return Ok(());
        }
        let worth = in_words(worth, amount.asset());
        let detail = format!("expected tenders worth `{amount}`, got {worth}");
        Err(Problem::new("tenders_mismatch", "tenders", detail).into())
    }

    /// The program that decides.
    pub(in crate::operations) fn program(&self) -> &CompiledProgram {
        &self.program
    }

    /// The assets whose lots pay, each once.
    fn assets(&self) -> Vec<Asset> {
        let terms = self.program.redemptions();
        let buckets = terms.into_iter().flat_map(CompiledRedemptions::buckets);
        let buckets = buckets.map(Bucket::of);
        let lots = buckets.filter(|bucket| *bucket != Bucket::Main);
        let mut assets: Vec<Asset> = lots
            .map(|bucket| bucket.asset(self.program.currency()))
            .collect();
        assets.sort_unstable();
        assets.dedup();
        assets
    }

    /// Carries out what is due for members who pay together, chooses what pays and takes it out of their lots. The terms of the
    /// program hold for all of them as for one member: of each bucket pays who comes first, as far as it goes.
    ///
    /// # Errors
    /// [`Rejection::Insufficient`] and [`Rejection::RedemptionEmpty`]; [`Rejection::TooMany`] for more lots than one command
    /// looks at or takes from.
    pub(super) fn take(
        &self,
        builders: &mut [ChangeBuilder<'_>],
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Taken, Undecided> {
        let lots = for_each(builders.iter_mut(), |builder| {
            self.settle(builder, snapshot, context)
        })?;
        let tenders = self.choose(builders, &lots)?;
        let spending = |_: &ChangeBuilder<'_>| Spending {
            parts: Vec::with_capacity(tenders.len()),
            at: context.now,
        };
        let mut spendings: Vec<Spending> = builders.iter().map(spending).collect();
        for tender in &tenders {
            self.pay(builders, &lots, tender, &mut spendings)?;
        }
        let latest = spendings.iter().map(|spending| spending.at).max();
        let at = latest.unwrap_or(context.now);
        for spending in &mut spendings {
            spending.at = at;
        }
        let parts = spendings.iter().flat_map(|spending| &spending.parts);
        let paying = parts.map(|part| part.lots.len());
        let paying = paying.fold(0_usize, usize::saturating_add);
        if u32::try_from(paying).is_ok_and(|paying| paying <= REDEMPTION_LOTS_MAX) {
            return Ok(Taken {
                tenders,
                spendings,
                at,
            });
        }
        let (what, limit) = ("lots of one redemption", REDEMPTION_LOTS_MAX);
        Err(Rejection::TooMany { what, limit }.into())
    }

    /// Carries out what is due for a member, and gives the open lots of each asset that pays.
    fn settle(
        &self,
        builder: &mut ChangeBuilder<'_>,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<OpenLots, Undecided> {
        let member = builder.member().clone();
        let assets = self.assets();
        let due = due_for_review(snapshot, context, &member, context.now)?;
        let is_other = |lot: &&Lot| !assets.contains(&lot.asset);
        builder.settle_all(due.into_iter().filter(is_other), context.now)?;
        let open = builder.first_open_lots(snapshot, assets, OPEN_LOTS_MAX)?;
        let mut lots = OpenLots::new();
        for (asset, mut open) in open {
            open.sort_by_key(|lot| lot.number);
            let open = builder.settle_all(open.iter(), context.now)?;
            lots.insert(asset, open);
        }
        Ok(lots)
    }

    /// What is there of a bucket with one member.
    fn available(&self, bucket: Bucket, builder: &ChangeBuilder<'_>, lots: &OpenLots) -> i64 {
        let currency = self.program.currency();
        let there = match bucket {
            Bucket::Main => builder.row.balances.get(&Purpose::Main, currency),
            Bucket::Cashback | Bucket::Unit(_) => {
                let lots = lots.get(&bucket.asset(currency)).into_iter().flatten();
                let lots = lots.filter(|lot| lot.state == LotState::Available);
                lots.fold(0_i64, |sum, lot| sum.saturating_add(lot.remaining))
            }
        };
        there.max(0)
    }

    fn choose(
        &self,
        builders: &[ChangeBuilder<'_>],
        lots: &[OpenLots],
    ) -> Result<Vec<Tender>, Rejection> {
        let currency = self.program.currency();
        let available = |bucket: Bucket| {
            let members = builders.iter().zip(lots);
            let there = members.map(|(builder, lots)| self.available(bucket, builder, lots));
            there.fold(0_i64, i64::saturating_add)
        };
        let wanted = match &self.wish {
            Wish::Most => None,
            Wish::Exactly(asked) => Some(*asked),
            Wish::Chosen(tenders) => {
                for tender in tenders {
                    let there = available(tender.bucket);
                    if tender.amount > there {
                        let asset = tender.bucket.asset(currency);
                        return Err(too_little(
                            lots,
                            Rejection::Insufficient {
                                needed: in_words(tender.amount, asset),
                                available: in_words(there, asset),
                            },
                        ));
                    }
                }
                return Ok(tenders.clone());
            }
        };
        let terms = terms(&self.program)?;
        choose(terms, self.total.minor(), wanted, available).map_err(|error| match error {
            SpendError::Insufficient { .. } => too_little(lots, told(error, self.total)),
            error => told(error, self.total),
        })
    }

    /// Takes what a bucket pays from the members in their order, each as much as the member has. What a part is worth follows
    /// from how far it reaches into the whole, so that the parts are worth what the whole is.
    fn pay(
        &self,
        builders: &mut [ChangeBuilder<'_>],
        lots: &[OpenLots],
        tender: &Tender,
        spendings: &mut [Spending],
    ) -> Result<(), Rejection> {
        let terms = terms(&self.program)?.buckets().iter();
        let terms = terms.clone().find(|own| Bucket::of(own) == tender.bucket);
        let terms = terms.ok_or(Rejection::Internal("a bucket that does not pay"))?;
        let (mut paid, mut worth) = (0_i64, 0_i64);
        for ((builder, lots), spending) in builders.iter_mut().zip(lots).zip(spendings) {
            let there = self.available(tender.bucket, builder, lots);
            let amount = there.min(tender.amount.saturating_sub(paid));
            if amount == 0 {
                continue;
            }
            paid = paid.saturating_add(amount);
            let until = if paid == tender.amount {
                tender.value
            } else {
                bucket_value(terms, paid).map_err(|_| Rejection::Overflow)?
            };
            let value = until.saturating_sub(worth);
            worth = until;
            let tender = Tender {
                bucket: tender.bucket,
                amount,
                value,
            };
            self.pay_alone(builder, lots, &tender, spending)?;
        }
        Ok(())
    }

    fn pay_alone(
        &self,
        builder: &mut ChangeBuilder<'_>,
        lots: &OpenLots,
        tender: &Tender,
        spending: &mut Spending,
    ) -> Result<(), Rejection> {
        let asset = tender.bucket.asset(self.program.currency());
        let mut held = Vec::new();
        if tender.bucket != Bucket::Main {
            let lots = lots.get(&asset).into_iter().flatten();
            let paid = consume(lots, asset, tender.amount)?;
            spending.at = spending.at.max(builder.pay_with(&paid));
            let paid = paid.iter();
            held.extend(paid.map(|part| HeldLot(part.lot.number, part.amount)));
        }
        spending.parts.push(RedemptionPart {
            bucket: tender.bucket,
            amount: tender.amount,
            value: tender.value,
            lots: held,
            captured: 0,
            captured_value: 0,
            returned: 0,
            returned_value: 0,
        });
        Ok(())
    }
}

/// Too little is there, or too much to see all of it.
fn too_little(lots: &[OpenLots], rejection: Rejection) -> Rejection {
    let is_cut = |lots: &Vec<Lot>| u32::try_from(lots.len()).is_ok_and(|n| n >= OPEN_LOTS_MAX);
    if lots.iter().flat_map(OpenLots::values).any(is_cut) {
        let (what, limit) = ("open lots", OPEN_LOTS_MAX);
        return Rejection::TooMany { what, limit };
    }
    rejection
}

impl Spending {
    /// Moves what pays out of its buckets: to whoever gets it, or to where it is reserved.
    pub fn post(
        &self,
        builder: &mut ChangeBuilder<'_>,
        currency: Asset,
        is_reserved: bool,
    ) -> Result<(), Rejection> {
        let member = builder.member().clone();
        for part in &self.parts {
            let asset = part.bucket.asset(currency);
            let from = Account::member(&member, part.bucket.purpose(), asset);
            let (to, kind) = if is_reserved {
                let to = Account::member(&member, Purpose::Reserved, asset);
                (to, TransferKind::Reserve)
            } else {
                let to = Account::system(Purpose::Spent, asset);
                (to, TransferKind::Redeem)
            };
            builder.post(Transfer::new(from, to, part.amount, kind, self.at)?)?;
        }
        Ok(())
    }

    /// What the member pays, as a caller is told.
    pub fn told(&self, member: &MemberId, currency: Asset) -> PaidShare {
        let parts = self.parts.iter().map(|part| PaidPart {
            bucket: part.bucket,
            amount: Money::new(part.amount, part.bucket.asset(currency)),
            value: Money::new(part.value, currency),
        });
        PaidShare {
            member: member.clone(),
            paid: Money::new(self.value(), currency),
            parts: parts.collect(),
        }
    }

    /// What the member pays in all, in minor units of money.
    pub fn value(&self) -> i64 {
        let parts = self.parts.iter();
        parts.fold(0, |sum, part| sum.saturating_add(part.value))
    }
}

impl Taken {
    /// What pays in all, as a caller is told.
    pub fn parts(&self, currency: Asset) -> Vec<PaidPart> {
        let parts = self.tenders.iter().map(|tender| PaidPart {
            bucket: tender.bucket,
            amount: Money::new(tender.amount, tender.bucket.asset(currency)),
            value: Money::new(tender.value, currency),
        });
        parts.collect()
    }

    /// What pays in all, in money.
    pub fn paid(&self, currency: Asset) -> Money {
        let values = self.tenders.iter().map(|tender| tender.value);
        Money::new(values.fold(0, i64::saturating_add), currency)
    }
}
