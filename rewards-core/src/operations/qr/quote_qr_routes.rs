//! Quote the routes of a code: through which wallets it can be paid, and what that costs whom. Nothing is held, and nothing is written.
//!
//! The cheapest for whoever pays comes first, and of those that cost the same the one that the program names first.
//!
//! Refusals, in order: unknown program, none that is active; an amount that is not positive or not of the program's currency; unknown
//! code, one that is expired or cancelled; no amount, another one than the code says; no route; a fee that would leave nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::amounts::{check_positive, fee_refused};
use super::super::unless_wrong;
use super::{issued, not_active};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::fees::FeePayer;
use crate::ids::{ProgramId, QrId, Slug};
use crate::money::{Asset, Money};
use crate::program::CompiledProgram;
use crate::qr::{IssuedQr, QrRouteTerms, QrState, parse};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};

/// What would be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum QrSubject {
    /// A code that was given out.
    Qr(QrId),
    /// Any code of a kind.
    Kind(Slug),
}

/// Asks through which wallets a code can be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QuoteQrRoutes {
    /// The program whose routes are looked at: its revision that is active now.
    pub program: ProgramId,
    /// What would be paid.
    pub of: QrSubject,
    /// How much in all, in the program's currency; positive. What the code says when absent; more than that where it asks for a tip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub amount: Option<Money>,
    /// The wallets that whoever pays has; any when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub wallets: Vec<Slug>,
}

/// What paying through a wallet would cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QuotedQrRoute {
    /// The route.
    pub route: Slug,
    /// The wallet.
    pub wallet: Slug,
    /// What whoever pays gives.
    pub given: Money,
    /// The fee.
    pub fee: Money,
    /// Who pays it.
    pub paid_by: FeePayer,
    /// What arrives.
    pub arrived: Money,
}

/// Through which wallets a code can be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QuotedQrRoutes {
    /// The program.
    pub program: ProgramId,
    /// Its revision.
    pub revision: u32,
    /// The kind of the code.
    pub kind: Slug,
    /// How much is paid.
    pub amount: Money,
    /// The wallet that is the cheapest for whoever pays: that of the first route.
    pub recommended: Slug,
    /// The routes, the cheapest for whoever pays first.
    pub routes: Vec<QuotedQrRoute>,
}

impl QuoteQrRoutes {
    fn check_amount(&self, currency: Asset) -> Result<(), Rejection> {
        let Some(amount) = self.amount else {
            return Ok(());
        };
        let mut problems = Vec::new();
        check_positive("amount", amount, &mut problems);
        problems.extend(mismatch(amount, currency));
        unless_wrong(problems)
    }

    /// The kind of the code, and how much would be paid.
    fn subject(
        &self,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<(Slug, Option<Money>), Rejection> {
        let id = match &self.of {
            QrSubject::Kind(kind) => return Ok((kind.clone(), self.amount)),
            QrSubject::Qr(id) => id,
        };
        let qr = issued(snapshot, context, id)?.entity;
        match qr.state(context.now) {
            QrState::Active | QrState::Scanned => {}
            state @ (QrState::Expired | QrState::Cancelled) => return Err(not_active(state, id)),
        }
        match (qr.amount, self.amount) {
            // Whoever pays may add a tip where the code asks for one.
            (Some(said), Some(asked)) if is_more(asked, said) && asks_for_tip(&qr.text) => {
                Ok((qr.kind, Some(asked)))
            }
            (Some(said), Some(asked)) if said != asked => {
                let detail = format!("expected what the code says, `{said}`, got `{asked}`");
                Err(Problem::new("qr_value_unexpected", "amount", detail).into())
            }
            (said, asked) => Ok((qr.kind, said.or(asked))),
        }
    }
}

fn is_more(asked: Money, said: Money) -> bool {
    asked.asset() == said.asset() && asked.minor() > said.minor()
}

/// Whether a code is one of a merchant that asks for a tip.
fn asks_for_tip(text: &str) -> bool {
    parse(text).is_ok_and(|parsed| parsed.qr.asks_for_tip())
}

fn mismatch(amount: Money, currency: Asset) -> Option<Problem> {
    let found = amount.asset();
    let detail = format!("expected the program's currency `{currency}`, got `{found}`");
    (found != currency).then(|| Problem::new("asset_mismatch", "amount.asset", detail))
}

impl Operation for QuoteQrRoutes {
    const NAME: &'static str = "quote_qr_routes";
    const KIND: Kind = Kind::Query;
    type Reply = QuotedQrRoutes;
    type Prepared = Arc<CompiledProgram>;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, Arc<CompiledProgram>), Rejection> {
        let program = context.program_at(&self.program, context.now)?;
        self.check_amount(program.currency())?;
        let plan = match &self.of {
            QrSubject::Qr(id) => ReadPlan::of_entity::<IssuedQr>(&context.tenant, id),
            QrSubject::Kind(_) => ReadPlan::default(),
        };
        Ok((plan, Arc::clone(program)))
    }

    fn decide(
        &self,
        program: &Arc<CompiledProgram>,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<QuotedQrRoutes>, Undecided> {
        let (kind, amount) = self.subject(snapshot, context)?;
        let amount = amount.ok_or(Rejection::QrAmountMissing)?;
        if let Some(problem) = mismatch(amount, program.currency()) {
            return Err(Rejection::from(problem).into());
        }
        let section = program.qr();
        let quotes = section.map(|section| section.quote(&kind, &self.wallets, amount.minor()));
        let quotes = quotes.transpose();
        let quotes = quotes.map_err(|error| fee_refused(error, amount.asset()))?;
        let quotes = quotes.unwrap_or_default();
        let Some(cheapest) = quotes.first() else {
            let named: Vec<&str> = self.wallets.iter().map(Slug::as_str).collect();
            let wallets = match named.is_empty() {
                true => "any".to_owned(),
                false => named.join(", "),
            };
            return Err(Rejection::QrRouteUnknown { kind, wallets }.into());
        };
        Ok(Decision::answer(QuotedQrRoutes {
            program: self.program.clone(),
            revision: program.number(),
            recommended: cheapest.wallet.clone(),
            routes: quotes
                .into_iter()
                .map(|quote| told(quote, amount))
                .collect(),
            kind,
            amount,
        }))
    }
}

fn told(terms: QrRouteTerms, amount: Money) -> QuotedQrRoute {
    let money = |minor: i64| Money::new(minor, amount.asset());
    QuotedQrRoute {
        route: terms.route,
        wallet: terms.wallet,
        given: money(terms.charge.given),
        fee: money(terms.charge.fee),
        paid_by: terms.paid_by,
        arrived: money(terms.charge.arrived),
    }
}
