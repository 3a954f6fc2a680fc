//! The public keys that tokens are verified with, for whoever takes them without a network: those of the host's key ring for the
//! purpose `tokens`, also such as begin later, so that they are known before they are needed.
//!
//! Refusals: no key.

use serde::{Deserialize, Serialize};

use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::tokens::TokenPublicKey;

/// Asks for the keys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetTokenKeys {
    /// Only those that tokens are signed with at this instant; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub valid_at: Option<Timestamp>,
}

/// The keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TokenKeyList {
    /// Each of them, the newest first.
    pub keys: Vec<TokenPublicKey>,
}

impl Operation for GetTokenKeys {
    const NAME: &'static str = "get_token_keys";
    const KIND: Kind = Kind::Query;
    type Reply = TokenKeyList;
    type Prepared = ();

    fn prepare(&self, _: &Context) -> Result<(ReadPlan, ()), Rejection> {
        Ok((ReadPlan::default(), ()))
    }

    fn decide(
        &self,
        (): &(),
        _: &Snapshot,
        context: &Context,
    ) -> Result<Decision<TokenKeyList>, Undecided> {
        let mut keys = context.token_keys()?.token_public_keys(&context.tenant)?;
        if let Some(at) = self.valid_at {
            keys.retain(|key| key.valid_from <= at && key.valid_until.is_none_or(|end| at < end));
        }
        Ok(Decision::answer(TokenKeyList { keys }))
    }
}
