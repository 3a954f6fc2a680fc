//! Programs without a store: check a document, quote a purchase.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rewards_core::cashback::Purchase;
use rewards_core::context::{Context, Revisions};
use rewards_core::ffi::RewardsError;
use rewards_core::ids::{IdSeed, ProgramId, TenantId};
use rewards_core::operations::purchases::{QuotePurchase, QuotedPurchase};
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::rejection::{Problem, Rejection};
use rewards_core::time::Timestamp;
use rewards_storage::engine::{Clock, SystemClock};

use crate::guard::{guarded_now, test_hook};

/// Says all that is wrong with a program document, TOML or JSON. Nothing when it can be published.
#[uniffi::export]
pub fn validate_program(text: String) -> Result<Vec<Problem>, RewardsError> {
    guarded_now(|| {
        test_hook(&text);
        let compiled = Program::from_text(&text)
            .and_then(|program| CompiledProgram::compile(program, 1, Timestamp::MIN));
        Ok(compiled.err().unwrap_or_default())
    })
}

/// A program to quote with, without a store and at once.
///
/// It knows nothing of the member: every quote is for one who joins with the purchase, without tier, segment or
/// attribute, and with no limit used up yet.
#[derive(uniffi::Object)]
pub struct OfflineProgram {
    tenant: TenantId,
    programs: Arc<BTreeMap<ProgramId, Revisions>>,
}

#[uniffi::export]
impl OfflineProgram {
    /// Checks and compiles a document, TOML or JSON.
    ///
    /// With the tenant and the version under which the document is published, quotes have the digests of the engine's.
    #[uniffi::constructor(default(tenant = "default", version = 1))]
    pub fn new(program: Program, tenant: TenantId, version: u32) -> Result<Self, RewardsError> {
        guarded_now(|| {
            let id = program.id.clone();
            let compiled = CompiledProgram::compile(program, version, Timestamp::MIN)
                .map_err(Rejection::Invalid)?;
            let revisions = Revisions::new(vec![Arc::new(compiled)]);
            Ok(Self {
                tenant,
                programs: Arc::new(BTreeMap::from([(id, revisions)])),
            })
        })
    }

    /// What a new member would be granted for a purchase; with an explanation of every rule when asked for.
    ///
    /// It is quoted at the device's time when `now` is absent; a purchase cannot lie in the future.
    #[uniffi::method(default(explain = false, now = None))]
    pub fn quote(
        &self,
        purchase: Purchase,
        explain: bool,
        now: Option<Timestamp>,
    ) -> Result<QuotedPurchase, RewardsError> {
        guarded_now(|| {
            let now = now.unwrap_or_else(|| SystemClock.now());
            let context = Context {
                tenant: self.tenant.clone(),
                now,
                ids: IdSeed::new(now, 0),
                programs: Arc::clone(&self.programs),
                keys: None,
            };
            Ok(QuotePurchase {
                purchase,
                coupons: Vec::new(),
                explain,
            }
            .quote_new_member(&context)?)
        })
    }
}

impl fmt::Debug for OfflineProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.programs.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use rewards_core::money::{Asset, Money};
    use rewards_core::operations::members::RegisterMember;
    use rewards_core::operations::programs::PublishProgram;

    use super::*;
    use crate::RewardsEngine;

    #[tokio::test]
    async fn a_quote_without_a_store_is_the_one_of_a_new_member() -> Result<(), Box<dyn Error>> {
        let at = Timestamp::parse("2026-05-01T12:00:00Z")?;
        let program = Program::from_text(include_str!("../example/wallet.toml"));
        let program = program.map_err(Rejection::Invalid)?;
        let total = Money::parse("80.00", Asset::parse("EUR")?)?;
        let (order, alice) = ("order-1".parse()?, "alice".parse()?);
        let purchase = Purchase::new(order, alice, program.id.clone(), at, total);

        let offline = OfflineProgram::new(program.clone(), "shop".parse()?, 1)?;
        let quoted = offline.quote(purchase.clone(), true, Some(at))?;

        let engine = RewardsEngine::open(
            "memory:".into(),
            "shop".parse()?,
            None,
            None,
            None,
            None,
            None,
            true,
            None,
        )
        .await?;
        let (key, now) = (Some("1".parse()?), Some(at));
        engine
            .publish_program(PublishProgram::new(program), key, now)
            .await?;
        engine
            .register_member(RegisterMember::new("alice".parse()?), None, now)
            .await?;
        let request = QuotePurchase {
            coupons: Vec::new(),
            purchase,
            explain: true,
        };
        assert_eq!(engine.quote_purchase(request, now).await?, quoted);
        Ok(())
    }
}
