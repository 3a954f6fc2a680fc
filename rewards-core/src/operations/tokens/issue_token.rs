//! Issue a token: value of a member is reserved, and promised to whoever takes the token.
//!
//! With a public key the token is bound to the device that has the private one, and is spent in parts by its proofs. Without one
//! whoever shows it first has it, so that its id should be one that nobody can guess. The token itself is in the reply and is stored
//! nowhere: a repetition signs the same again.
//!
//! Refusals, in order: unknown program; no revision active now; no tokens or no redemptions in it; an amount of another asset, a key
//! that is none, a lifetime beyond the program's; a kind of token that the program does not have; an amount below its least or above
//! its most; unknown member; a token of this id; a member who takes no part; too little value; as many tokens, as much in them, or
//! as many for the device as the program allows; no key to sign with; claims too long for a QR code.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::amounts::in_words;
use super::super::change_builder::ChangeBuilder;
use super::super::redemptions::{HeldFor, HeldValue, PaidPart, PreparedSpending};
use super::super::seen::see_rows;
use super::super::unless_wrong;
use super::key;
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::{Context, HostKeys};
use crate::decision::Decision;
use crate::entity::Expected;
use crate::event::Event;
use crate::ids::{
    DeviceId, KeyId, MemberId, MerchantId, ProgramId, RedemptionId, TenantId, TokenId,
};
use crate::member::{MemberRow, OpenToken};
use crate::money::{Asset, Money};
use crate::program::CompiledProgram;
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::tokens::{
    CompiledTokens, NewToken, Token, TokenClaims, TokenMode, UnsignedToken, read_public_key,
    whole_seconds,
};

/// Issues a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct IssueToken {
    /// The token; its id is chosen by the host.
    pub token: TokenId,
    /// Whose value it is.
    pub member: MemberId,
    /// The program.
    pub program: ProgramId,
    /// What it is worth, in the program's currency.
    pub amount: Money,
    /// The public key of the device that will hold it, Ed25519 in 64 hexadecimal digits. Whoever bears it has it when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub holder_key: Option<String>,
    /// The device that will hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub device: Option<DeviceId>,
    /// The one merchant it is for; anybody when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub merchant: Option<MerchantId>,
    /// How long it is good, in minutes; as long as the program says when absent, and never longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub lifetime_minutes: Option<u32>,
}

/// A token that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct IssuedToken {
    /// What it says.
    pub claims: TokenClaims,
    /// The key it is signed with.
    pub key: KeyId,
    /// What its value is reserved of, in paying order.
    pub parts: Vec<PaidPart>,
    /// Until when payments with it are taken in, exclusive, and its value is reserved.
    pub settles_until: Timestamp,
    /// The token, as text for a QR code.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default = ""))]
    pub text: String,
}

impl IssueToken {
    fn mode(&self) -> TokenMode {
        TokenMode::of(self.holder_key.as_deref())
    }

    fn problems(&self, terms: &CompiledTokens, currency: Asset) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.amount.asset() != currency {
            let detail = format!("expected `{currency}`, got `{}`", self.amount.asset());
            problems.push(Problem::new("asset_mismatch", "amount.asset", detail));
        }
        if let Some(text) = &self.holder_key
            && read_public_key(text).is_none()
        {
            let detail = "expected a public key of Ed25519 in 64 hexadecimal digits in lower case";
            problems.push(Problem::new("public_key_invalid", "holder_key", detail));
        }
        let most = terms.lifetime_minutes;
        if let Some(minutes) = self.lifetime_minutes
            && !(1..=most).contains(&minutes)
        {
            let detail = format!("expected 1 to {most}, got {minutes}");
            let path = "lifetime_minutes";
            problems.push(Problem::new("number_out_of_range", path, detail));
        }
        problems
    }

    fn value(&self) -> HeldValue<'_> {
        HeldValue {
            held_for: HeldFor::Token(&self.token),
            member: &self.member,
            program: &self.program,
            amount: self.amount,
            tenders: &[],
        }
    }

    fn terms<'p>(&self, program: &'p CompiledProgram) -> Result<&'p CompiledTokens, Rejection> {
        let terms = program.tokens();
        terms.ok_or_else(|| Rejection::TokensNotOffered(self.program.clone()))
    }

    fn claims(&self, terms: &CompiledTokens, now: Timestamp) -> TokenClaims {
        let issued_at = whole_seconds(now);
        let minutes = self.lifetime_minutes.unwrap_or(terms.lifetime_minutes);
        let is_bound = self.mode() == TokenMode::Bound;
        let most = terms.spend_max.filter(|_| is_bound);
        TokenClaims {
            issuer: terms.issuer.clone(),
            member: self.member.clone(),
            merchant: self.merchant.clone(),
            expires_at: issued_at.saturating_add_minutes(minutes),
            begins_at: issued_at,
            issued_at,
            token: self.token.clone(),
            holder_key: self.holder_key.clone(),
            amount: self.amount,
            spend_max: most.map(|most| match most.minor() < self.amount.minor() {
                true => most,
                false => self.amount,
            }),
            spends_max: is_bound.then_some(terms.spends),
            categories: terms.categories.clone(),
            refused_categories: terms.refused_categories.clone(),
            device: self.device.clone(),
        }
    }

    /// Checks what the member has already: also under ids that were merged into the member's.
    fn check_limits(
        &self,
        builder: &ChangeBuilder<'_>,
        merged: &[&MemberRow],
        terms: &CompiledTokens,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let rows = merged.iter().copied().chain([&builder.row]);
        let open = rows.flat_map(|row| row.profile.tokens.values());
        let open: Vec<&OpenToken> = open.filter(|open| open.expires_at > now).collect();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let refused = |limit, allowed: String| Err(Rejection::TokenLimit { limit, allowed });
        if count(open.len()) >= terms.active {
            return refused("active", terms.active.to_string());
        }
        let asset = self.amount.asset();
        let same = open
            .iter()
            .filter(|open| open.asset.is_none_or(|own| own == asset));
        let sum = same.map(|open| open.minor);
        let sum = sum.fold(self.amount.minor(), i64::saturating_add);
        if sum > terms.active_amount {
            let allowed = in_words(terms.active_amount, self.amount.asset());
            return refused("active_amount", allowed);
        }
        let same = open
            .iter()
            .filter(|open| open.device.is_some() && open.device == self.device);
        if count(same.count()) >= terms.active_per_device {
            return refused("active_per_device", terms.active_per_device.to_string());
        }
        Ok(())
    }
}

impl Operation for IssueToken {
    const NAME: &'static str = "issue_token";
    const KIND: Kind = Kind::Command;
    type Reply = IssuedToken;
    type Prepared = PreparedSpending;

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        Some(NaturalKey::Entity(key(tenant, &self.token)))
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn reveal(
        reply: &mut IssuedToken,
        tenant: &TenantId,
        keys: &dyn HostKeys,
    ) -> Result<(), Rejection> {
        let token = UnsignedToken::new(&reply.claims, &reply.key)?;
        let signature = keys.sign_token(tenant, &reply.key, token.to_sign())?;
        reply.text = token.signed(&signature)?;
        Ok(())
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedSpending), Rejection> {
        let program = context.program_at(&self.program, context.now)?;
        let terms = self.terms(program)?;
        unless_wrong(self.problems(terms, program.currency()))?;
        if !terms.offers(self.mode()) {
            return Err(Rejection::TokenModeNotOffered {
                program: self.program.clone(),
                mode: self.mode().text(),
            });
        }
        if !terms.has_amount(self.amount.minor()) {
            let is_less = self.amount.minor() < terms.minimum;
            let (limit, most) = match is_less {
                true => ("minimum", terms.minimum),
                false => ("maximum", terms.maximum),
            };
            let allowed = in_words(most, self.amount.asset());
            return Err(Rejection::TokenLimit { limit, allowed });
        }
        let (mut plan, spending) = self.value().prepare(context)?;
        plan.entities.push(key(&context.tenant, &self.token));
        Ok((plan, spending))
    }

    fn decide(
        &self,
        prepared: &PreparedSpending,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<IssuedToken>, Undecided> {
        let ids = context.id_allocator();
        let redemption = RedemptionId::new(&ids.next().to_string());
        let redemption = redemption.map_err(|_| Rejection::Internal("an id is not one"))?;
        let row = snapshot.members.get(&context.member_key(&self.member));
        let id = key(&context.tenant, &self.token);
        if row.is_some() && snapshot.entities.contains_key(&id) {
            return Err(Rejection::TokenExists(self.token.clone()).into());
        }
        let merged = row.map(|row| row.profile.merged.iter());
        let merged = merged.into_iter().flatten();
        see_rows(snapshot, context, merged.clone())?;
        let merged = merged.filter_map(|id| snapshot.members.get(&context.member_key(id)));
        let merged: Vec<&MemberRow> = merged.collect();
        let program = prepared.program();
        let terms = self.terms(program)?;
        let signer = context.token_keys()?.token_key(context.now)?;
        let claims = self.claims(terms, context.now);
        let digest = UnsignedToken::new(&claims, &signer)?.digest();
        let mut token = Token::new(NewToken {
            claims: claims.clone(),
            key: signer.clone(),
            digest,
            program: (&self.program, program.number()),
            terms,
            redemption: redemption.clone(),
            recorded_at: context.now,
        });
        let settles_until = token.settles_until;
        let (parts, changes) = self.value().reserve(
            prepared,
            (snapshot, context, &ids),
            (&redemption, settles_until),
            |builder| self.check_limits(builder, &merged, terms, context.now),
            |builder| {
                let open = &mut builder.row.profile.tokens;
                open.retain(|_, open| open.expires_at > context.now);
                let own = OpenToken {
                    expires_at: claims.expires_at,
                    minor: self.amount.minor(),
                    asset: Some(self.amount.asset()),
                    device: self.device.clone(),
                };
                open.insert(self.token.clone(), own);
                token.recorded_at = builder.recorded_at;
                builder.put(&self.token, Expected::Absent, &token)?;
                builder.emit(Event::TokenIssued {
                    token: self.token.clone(),
                    amount: self.amount,
                    expires_at: claims.expires_at,
                });
                Ok(())
            },
        )?;
        Ok(Decision {
            reply: IssuedToken {
                claims,
                key: signer,
                parts,
                settles_until,
                text: String::new(),
            },
            changes,
        })
    }
}
