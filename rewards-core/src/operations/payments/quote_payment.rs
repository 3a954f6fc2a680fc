//! What a payment would come to by each route, before anybody pays: the cheapest for the payer first, and of those that cost the
//! same the one that the program names first.
//!
//! The number of an account is checked here and goes no further: nothing of it is stored. Routes that are paused, do not lead to
//! the biller or do not take so much are left out, unless there is no other.
//!
//! Refusals, in order: unknown program; no revision active now; the program takes no payments; an amount that is not positive or of
//! another currency, an account without a biller; an unknown route; an unknown biller, one that is paused, a number that none of
//! its accounts has; then why the first route cannot be taken: paused, not one of the biller's, an amount out of bounds, a fee that
//! leaves nothing.

use serde::{Deserialize, Serialize};

use super::super::amounts::{check_positive, fee_refused, in_words};
use super::super::unless_wrong;
use super::section;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::fees::{Charge, FeePayer};
use crate::ids::{ProgramId, Slug};
use crate::money::{Asset, Money};
use crate::payments::{CompiledBiller, CompiledPayments, CompiledRoute, ServiceStatus};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::texts::check_texts;

/// Asks what a payment would come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QuotePayment {
    /// The program: its revision that is active now.
    pub program: ProgramId,
    /// How much, in the program's currency.
    pub amount: Money,
    /// The one way to go; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub route: Option<Slug>,
    /// Who is paid by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub biller: Option<Slug>,
    /// The number of the account with the biller, to be checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub account: Option<String>,
}

/// What a payment would come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QuotedPayment {
    /// By each way, the cheapest for the payer first.
    pub routes: Vec<PaymentTerms>,
}

/// What a payment comes to by a route. What is given is what arrives and the fee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct PaymentTerms {
    /// The route.
    pub route: Slug,
    /// What the payer gives.
    pub given: Money,
    /// The fee, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub fee: Option<Money>,
    /// Who pays it.
    pub paid_by: FeePayer,
    /// What whoever is paid gets.
    pub arrived: Money,
}

impl PaymentTerms {
    /// What was worked out, as a caller is told it.
    pub(super) fn of(route: &Slug, (charge, paid_by): (Charge, FeePayer), asset: Asset) -> Self {
        Self {
            route: route.clone(),
            given: Money::new(charge.given, asset),
            fee: (charge.fee > 0).then(|| Money::new(charge.fee, asset)),
            paid_by,
            arrived: Money::new(charge.arrived, asset),
        }
    }
}

/// Notes what is wrong with an amount to pay.
pub(super) fn check_amount(amount: Money, currency: Asset, problems: &mut Vec<Problem>) {
    check_positive("amount", amount, problems);
    if amount.asset() != currency {
        let found = amount.asset();
        let detail = format!("expected the program's currency `{currency}`, got `{found}`");
        problems.push(Problem::new("asset_mismatch", "amount.asset", detail));
    }
}

/// A route by its name.
pub(super) fn route_of<'p>(
    payments: &'p CompiledPayments,
    route: &Slug,
) -> Result<&'p CompiledRoute, Rejection> {
    let found = payments.route(route);
    found.ok_or_else(|| Rejection::PaymentRouteUnknown(route.clone()))
}

/// A biller that can be paid now.
pub(super) fn biller_of<'p>(
    payments: &'p CompiledPayments,
    biller: &Slug,
) -> Result<&'p CompiledBiller, Rejection> {
    let found = payments.biller(biller);
    let found = found.ok_or_else(|| Rejection::BillerUnknown(biller.clone()))?;
    match found.status {
        ServiceStatus::Active => Ok(found),
        ServiceStatus::Paused => Err(Rejection::BillerPaused(biller.clone())),
    }
}

/// What an amount comes to by a route that it can go now.
pub(super) fn charge(
    route: &CompiledRoute,
    biller: Option<&CompiledBiller>,
    amount: Money,
) -> Result<(Charge, FeePayer), Rejection> {
    if route.status == ServiceStatus::Paused {
        return Err(Rejection::PaymentRoutePaused(route.id.clone()));
    }
    if let Some(biller) = biller.filter(|biller| !biller.is_reached_by(&route.id)) {
        return Err(Rejection::BillerNotReached {
            biller: biller.id.clone(),
            route: route.id.clone(),
        });
    }
    let (minor, asset) = (amount.minor(), amount.asset());
    if !route.allows(minor) {
        return Err(Rejection::PaymentOutOfBounds {
            amount: in_words(minor, asset),
            bounds: route.bounds(asset),
        });
    }
    let charged = route.fees.charge(minor);
    charged.map_err(|error| fee_refused(error, asset))
}

impl QuotePayment {
    fn problems(&self, currency: Asset) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_amount(self.amount, currency, &mut problems);
        if self.account.is_some() && self.biller.is_none() {
            let detail = "an account is one with a biller: name that, too";
            problems.push(Problem::new("biller_missing", "account", detail));
        }
        problems
    }

    fn quote(&self, payments: &CompiledPayments) -> Result<Vec<PaymentTerms>, Rejection> {
        let routes: Vec<&CompiledRoute> = match &self.route {
            Some(route) => vec![route_of(payments, route)?],
            None => payments.routes().iter().collect(),
        };
        let biller = self.biller.as_ref();
        let biller = biller.map(|biller| biller_of(payments, biller));
        let biller = biller.transpose()?;
        if let (Some(biller), Some(account)) = (biller, &self.account)
            && !biller.has_account(account)
        {
            return Err(Rejection::BillerAccountInvalid(biller.id.clone()));
        }
        let (mut quotes, mut refusal) = (Vec::new(), None);
        for route in routes {
            match charge(route, biller, self.amount) {
                Ok(charged) => {
                    quotes.push(PaymentTerms::of(&route.id, charged, self.amount.asset()));
                }
                Err(refused) => drop(refusal.get_or_insert(refused)),
            }
        }
        quotes.sort_by_key(|terms| terms.given.minor());
        match refusal {
            Some(refused) if quotes.is_empty() => Err(refused),
            _ => Ok(quotes),
        }
    }
}

impl Operation for QuotePayment {
    const NAME: &'static str = "quote_payment";
    const KIND: Kind = Kind::Query;
    type Reply = QuotedPayment;
    type Prepared = Vec<PaymentTerms>;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, Vec<PaymentTerms>), Rejection> {
        check_texts(self)?;
        let program = context.program_at(&self.program, context.now)?;
        let payments = section(program, &self.program)?;
        unless_wrong(self.problems(payments.currency()))?;
        Ok((ReadPlan::default(), self.quote(payments)?))
    }

    fn decide(
        &self,
        routes: &Vec<PaymentTerms>,
        _: &Snapshot,
        _: &Context,
    ) -> Result<Decision<QuotedPayment>, Undecided> {
        Ok(Decision::answer(QuotedPayment {
            routes: routes.clone(),
        }))
    }
}
