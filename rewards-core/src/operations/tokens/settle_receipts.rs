//! Settle receipts: payments that were taken with tokens where there was no network.
//!
//! A receipt is a proof that the device of a token has signed. They come from whoever has them, in any order, late, and as often as
//! somebody likes: what is kept in the end follows from which of them were told in time. What a token has reserved pays them as far
//! as it goes, who comes first first. A receipt that was told before is told again and changes nothing. Another one of the same
//! number, one that does not go on from the one before it, and one for which nothing is left, show that the device has spent
//! something twice: both are kept with the token as evidence, and the program says what happens to the tokens of the member, those of
//! others merged with the member included.
//!
//! Each receipt has an outcome of its own; one that is refused takes no other with it. Refusals of the whole, in order: a text with a
//! NUL, as of any request; no receipt or more than [`RECEIPTS_AT_ONCE_MAX`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::change_builder::ChangeBuilder;
use super::super::merged::same_person;
use super::super::redemptions::capture_held;
use super::super::seen::{for_each, see_entities};
use super::super::together::open_all_as_is;
use super::freeze_tokens::open_tokens;
use super::{held, is_over, key, write_revoked};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::entity::{EntityKey, Stored};
use crate::event::Event;
use crate::ids::{MemberId, MerchantId, TenantId, TokenId};
use crate::money::Money;
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::tokens::{OnDoubleSpend, SpendProof, Token, TokenError, TokenState};

/// The most receipts of one command.
pub const RECEIPTS_AT_ONCE_MAX: usize = 500;

/// Settles receipts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct SettleReceipts {
    /// Only receipts of this merchant are taken in; those of any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub merchant: Option<MerchantId>,
    /// The proofs, as text, up to 500.
    pub receipts: Vec<String>,
}

/// What became of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum ReceiptOutcome {
    /// It is paid.
    Settled,
    /// It was told before.
    Replayed,
    /// Its device has spent the same twice, or more than there is. What is left pays it.
    DoubleSpend,
    /// It is not taken in; nothing is kept of it.
    Refused,
}

/// A receipt, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct SettledReceipt {
    /// What became of it.
    pub outcome: ReceiptOutcome,
    /// The token, where the receipt can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub token: Option<TokenId>,
    /// Which payment of the token it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub counter: Option<u32>,
    /// What the receipt is known by, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub digest: Option<String>,
    /// What was paid of it, now or when it was told before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub paid: Option<Money>,
    /// What nothing has paid of it; absent when it is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub unpaid: Option<Money>,
    /// Why it is refused: a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub code: Option<String>,
}

/// What became of receipts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct SettledReceipts {
    /// Each of them, in the order of the request.
    pub receipts: Vec<SettledReceipt>,
    /// The tokens that were frozen because something was spent twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub frozen: Vec<TokenId>,
}

/// A member whose changes are open, with the tokens of which there are receipts.
type OpenMember<'a> = (ChangeBuilder<'a>, Vec<OpenReceipts>);

/// A receipt that can be read.
#[derive(Debug)]
struct ReadReceipt {
    place: usize,
    proof: SpendProof,
    digest: String,
}

/// Receipts as far as they can be read.
#[derive(Debug)]
pub struct PreparedReceipts {
    /// By token, then by number and digest.
    read: Vec<ReadReceipt>,
    /// The others, with their codes.
    refused: Vec<(usize, &'static str)>,
}

/// A token while receipts of it are taken in.
struct OpenReceipts {
    before: Stored<Token>,
    token: Token,
    /// Receipts that are new, with their places.
    new: Vec<(usize, String)>,
}

/// What is told of each receipt so far.
type Told = BTreeMap<usize, SettledReceipt>;

/// Tokens of a member, each with its receipts.
type OfMember<'r> = Vec<(Stored<Token>, Vec<&'r ReadReceipt>)>;

impl PreparedReceipts {
    /// The tokens that there are by their members, and what is told of receipts of others.
    fn by_member(
        &self,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<(BTreeMap<MemberId, OfMember<'_>>, Told), Rejection> {
        let mut told = Told::new();
        for (place, code) in &self.refused {
            told.insert(*place, unreadable(code));
        }
        let mut by_token: BTreeMap<&TokenId, Vec<&ReadReceipt>> = BTreeMap::new();
        for receipt in &self.read {
            let token = &receipt.proof.claims.token;
            by_token.entry(token).or_default().push(receipt);
        }
        let mut by_member: BTreeMap<MemberId, OfMember<'_>> = BTreeMap::new();
        for (token, receipts) in by_token {
            if let Some(stored) = snapshot.get::<Token>(&context.tenant, token)? {
                let member = stored.entity.claims.member.clone();
                by_member
                    .entry(member)
                    .or_default()
                    .push((stored, receipts));
                continue;
            }
            let code = Rejection::TokenUnknown(token.clone()).code();
            for receipt in receipts {
                told.insert(receipt.place, receipt.told(Err(code)));
            }
        }
        Ok((by_member, told))
    }
}

impl SettleReceipts {
    fn read(&self) -> PreparedReceipts {
        let (mut read, mut refused) = (Vec::new(), Vec::new());
        for (place, text) in self.receipts.iter().enumerate() {
            let parsed = SpendProof::parse(text);
            match parsed.map(|proof| (hex::encode(proof.digest()), proof)) {
                Ok((digest, proof)) => read.push(ReadReceipt {
                    place,
                    proof,
                    digest,
                }),
                Err(error) => refused.push((place, error.code())),
            }
        }
        read.sort_by(|one, other| one.order().cmp(&other.order()));
        PreparedReceipts { read, refused }
    }

    /// Takes in the receipts of the tokens of one member.
    fn take_of_member<'a>(
        &self,
        mut builder: ChangeBuilder<'a>,
        tokens: &OfMember<'_>,
        (snapshot, context): (&Snapshot, &Context),
        told: &mut Told,
    ) -> Result<OpenMember<'a>, Undecided> {
        let mut open = Vec::with_capacity(tokens.len());
        for (stored, receipts) in tokens {
            let mut one = OpenReceipts {
                before: stored.clone(),
                token: stored.entity.clone(),
                new: Vec::new(),
            };
            self.take(&mut one, receipts, &mut builder, (snapshot, context), told)?;
            one.tell(receipts, &mut builder, told);
            open.push(one);
        }
        Ok((builder, open))
    }

    /// Takes in the receipts of one token.
    fn take(
        &self,
        open: &mut OpenReceipts,
        receipts: &[&ReadReceipt],
        builder: &mut ChangeBuilder<'_>,
        (snapshot, context): (&Snapshot, &Context),
        told: &mut Told,
    ) -> Result<(), Undecided> {
        for receipt in receipts {
            let said = &receipt.proof.claims;
            let is_other = self
                .merchant
                .as_ref()
                .is_some_and(|own| *own != said.merchant);
            let text = self.receipts.get(receipt.place);
            let text = text.map(String::as_str).unwrap_or_default();
            let settled = match is_other {
                true => Err(TokenError::AudienceWrong),
                false => open.token.clone().settle(&receipt.proof, text, context.now),
            };
            let settled = match settled {
                Ok((_, settled)) if settled.paid > 0 && is_over(builder, &open.token)? => {
                    let until = open.token.settles_until;
                    Err(TokenError::Expired { until })
                }
                settled => settled,
            };
            let (token, settled) = match settled {
                Ok(settled) => settled,
                Err(error) => {
                    told.insert(receipt.place, receipt.told(Err(error.code())));
                    continue;
                }
            };
            if settled.is_replayed {
                told.insert(receipt.place, receipt.told(Ok(ReceiptOutcome::Replayed)));
                continue;
            }
            open.token = token;
            open.new.push((receipt.place, receipt.digest.clone()));
            if settled.paid > 0 {
                let id = &open.token.redemption;
                capture_held(builder, snapshot, context, id, Some(settled.paid))?;
                builder.emit(Event::TokenSpent {
                    token: said.token.clone(),
                    paid: Money::new(settled.paid, open.token.claims.amount.asset()),
                    merchant: Some(said.merchant.clone()),
                    counter: Some(said.counter),
                });
            }
        }
        Ok(())
    }
}

impl ReadReceipt {
    fn order(&self) -> (&TokenId, u32, &str) {
        let said = &self.proof.claims;
        (&said.token, said.counter, &self.digest)
    }

    fn told(&self, outcome: Result<ReceiptOutcome, &'static str>) -> SettledReceipt {
        let said = &self.proof.claims;
        SettledReceipt {
            outcome: outcome.unwrap_or(ReceiptOutcome::Refused),
            token: Some(said.token.clone()),
            counter: Some(said.counter),
            digest: Some(self.digest.clone()),
            paid: None,
            unpaid: None,
            code: outcome.err().map(ToOwned::to_owned),
        }
    }
}

impl OpenReceipts {
    /// Whether a receipt of this number shows that the next one, which was told before, does not go on from it.
    fn contradicts_what_was_told(&self, counter: u32, (doubled, known): (&[u32], &[u32])) -> bool {
        let next = counter.saturating_add(1);
        let is_new = |digest: &String| self.new.iter().any(|(_, new)| new == digest);
        let mut behind = self.token.receipts().iter();
        doubled.contains(&next)
            && !known.contains(&next)
            && !behind.any(|kept| kept.counter == next && is_new(&kept.digest))
    }

    /// Tells what was paid of each receipt, and of those that were spent twice.
    fn tell(&self, receipts: &[&ReadReceipt], builder: &mut ChangeBuilder<'_>, told: &mut Told) {
        let doubled = self.token.double_spends();
        let known = self.before.entity.double_spends();
        for receipt in receipts {
            let kept = self.token.receipts().iter();
            let Some(kept) = kept.clone().find(|kept| kept.digest == receipt.digest) else {
                continue;
            };
            let (amount, paid) = (kept.amount, kept.paid);
            let left = amount.minor().saturating_sub(paid.minor());
            let unpaid = Money::new(left, amount.asset());
            let is_new = self.new.iter().any(|(place, _)| *place == receipt.place);
            let is_double = unpaid.is_positive()
                || doubled.contains(&kept.counter)
                || self.contradicts_what_was_told(kept.counter, (&doubled, &known));
            let outcome = match (is_new, is_double) {
                (false, _) => ReceiptOutcome::Replayed,
                (true, true) => ReceiptOutcome::DoubleSpend,
                (true, false) => ReceiptOutcome::Settled,
            };
            let one = told.entry(receipt.place);
            // One that was refused here is told so, although somebody else has told it before.
            let one = one.or_insert_with(|| receipt.told(Ok(outcome)));
            if one.outcome == ReceiptOutcome::Refused {
                continue;
            }
            one.paid = Some(paid);
            one.unpaid = unpaid.is_positive().then_some(unpaid);
            if is_new && is_double {
                builder.emit(Event::TokenDoubleSpent {
                    token: self.token.claims.token.clone(),
                    counter: kept.counter,
                    merchant: kept.merchant.clone(),
                    unpaid,
                });
            }
        }
    }

    fn freezes(&self) -> bool {
        self.token.on_double_spend == OnDoubleSpend::Freeze
            && self.token.is_double_spent()
            && !self.new.is_empty()
    }
}

/// Those whose tokens are frozen, because one of theirs or of the same person says so.
fn freezing<'p>(
    open: &[OpenMember<'_>],
    people: &'p BTreeMap<&MemberId, BTreeSet<MemberId>>,
) -> BTreeSet<&'p MemberId> {
    let freezing = open
        .iter()
        .filter(|(_, tokens)| tokens.iter().any(OpenReceipts::freezes));
    let freezing = freezing.flat_map(|(builder, _)| people.get(builder.member()));
    freezing.flatten().collect()
}

/// Writes the tokens of a member, frozen when it is so. Gives those that are frozen now.
fn finish(
    mut builder: ChangeBuilder<'_>,
    tokens: Vec<OpenReceipts>,
    freezes: bool,
    (snapshot, context): (&Snapshot, &Context),
) -> Result<(Vec<TokenId>, Changes), Undecided> {
    for open in &tokens {
        if open.token.state(context.now) == TokenState::Spent {
            let id = &open.token.claims.token;
            builder.row.profile.tokens.remove(id);
        }
    }
    let mut frozen = Vec::new();
    let others = match freezes {
        true => open_tokens(&builder, snapshot, context)?,
        false => Vec::new(),
    };
    let is_named = |stored: &Stored<Token>| {
        let mut own = tokens.iter();
        own.any(|open| open.token.claims.token == stored.entity.claims.token)
    };
    let others: Vec<Stored<Token>> = others.into_iter().filter(|one| !is_named(one)).collect();
    let others = others.into_iter().map(|before| OpenReceipts {
        token: before.entity.clone(),
        before,
        new: Vec::new(),
    });
    for open in tokens.into_iter().chain(others) {
        let id = open.token.claims.token.clone();
        match open.token.clone().freeze_as_it_is(context.now) {
            Ok(token) if freezes && !is_over(&mut builder, &open.token)? => {
                write_revoked(&mut builder, context, &open.before, &token)?;
                frozen.push(id);
            }
            _ if open.new.is_empty() => {}
            _ => builder.put(&id, open.before.expected(), &open.token)?,
        }
    }
    frozen.sort();
    Ok((frozen, builder.finish()?))
}

impl Operation for SettleReceipts {
    const NAME: &'static str = "settle_receipts";
    const KIND: Kind = Kind::Command;
    type Reply = SettledReceipts;
    type Prepared = PreparedReceipts;

    const IS_PREPARED_APART: bool = true;

    fn owned_by(&self, tenant: &TenantId) -> Vec<EntityKey> {
        match self.receipts.len() > RECEIPTS_AT_ONCE_MAX {
            true => Vec::new(),
            false => {
                let read = self.receipts.iter();
                let read: Vec<SpendProof> = read.flat_map(|text| SpendProof::parse(text)).collect();
                keys(tenant, &read)
            }
        }
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedReceipts), Rejection> {
        let found = self.receipts.len();
        if !(1..=RECEIPTS_AT_ONCE_MAX).contains(&found) {
            let detail = format!("expected 1 to {RECEIPTS_AT_ONCE_MAX} receipts, got {found}");
            return Err(Problem::new("count_invalid", "receipts", detail).into());
        }
        let read = self.read();
        let plan = ReadPlan {
            entities: keys(&context.tenant, read.read.iter().map(|one| &one.proof)),
            ..ReadPlan::default()
        };
        Ok((plan, read))
    }

    fn decide(
        &self,
        prepared: &PreparedReceipts,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<SettledReceipts>, Undecided> {
        let (by_member, mut told) = prepared.by_member(snapshot, context)?;
        let people = for_each(by_member.keys(), |member| {
            Ok((member, same_person(snapshot, context, member)?))
        })?;
        let people: BTreeMap<&MemberId, BTreeSet<MemberId>> = people.into_iter().collect();
        let tokens = by_member.values().flatten();
        let held = tokens.map(|(stored, _)| held(&context.tenant, &stored.entity));
        see_entities(snapshot, held)?;
        let ids = context.id_allocator();
        let everybody: BTreeSet<&MemberId> = people.values().flatten().collect();
        let builders = open_all_as_is(snapshot, context, &ids, everybody)?;
        let none = OfMember::new();
        let open = for_each(builders, |builder| {
            let tokens = by_member.get(builder.member()).unwrap_or(&none);
            self.take_of_member(builder, tokens, (snapshot, context), &mut told)
        })?;
        let freezing = freezing(&open, &people);
        let made = for_each(open, |(builder, tokens)| {
            let freezes = freezing.contains(builder.member());
            finish(builder, tokens, freezes, (snapshot, context))
        })?;
        let (mut changes, mut frozen) = (Changes::default(), Vec::new());
        for (own, made) in made {
            frozen.extend(own);
            changes.merge(made);
        }
        Ok(Decision {
            reply: SettledReceipts {
                receipts: told.into_values().collect(),
                frozen,
            },
            changes,
        })
    }
}

/// The tokens that receipts are of, each once.
fn keys<'p>(tenant: &TenantId, proofs: impl IntoIterator<Item = &'p SpendProof>) -> Vec<EntityKey> {
    let tokens = proofs.into_iter().map(|proof| &proof.claims.token);
    let tokens: BTreeSet<&TokenId> = tokens.collect();
    tokens.into_iter().map(|token| key(tenant, token)).collect()
}

fn unreadable(code: &str) -> SettledReceipt {
    SettledReceipt {
        outcome: ReceiptOutcome::Refused,
        token: None,
        counter: None,
        digest: None,
        paid: None,
        unpaid: None,
        code: Some(code.to_owned()),
    }
}
