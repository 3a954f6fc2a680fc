//! Build the code of a merchant: the text that a picture shows. Nothing is read and nothing is written.
//!
//! Refusals: whatever is wrong with the code, all of it, each with its place such as `qr.62.05`.

use serde::{Deserialize, Serialize};

use super::refused;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::qr::{MerchantQr, QrScheme, build};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::texts::check_texts;

/// Asks for the text of a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct BuildQr {
    /// What the code says.
    pub qr: MerchantQr,
    /// What national schemes add to its accounts, unless it is there already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub schemes: Vec<QrScheme>,
}

/// The text of a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct BuiltQr {
    /// What a picture shows.
    pub text: String,
}

impl Operation for BuildQr {
    const NAME: &'static str = "build_qr";
    const KIND: Kind = Kind::Query;
    type Reply = BuiltQr;
    type Prepared = BuiltQr;

    fn prepare(&self, _: &Context) -> Result<(ReadPlan, BuiltQr), Rejection> {
        // Before anything else, so that it is told by its place in the request and not by its place in the code.
        check_texts(self)?;
        let text = build(&self.qr, &self.schemes).map_err(refused)?;
        Ok((ReadPlan::default(), BuiltQr { text }))
    }

    fn decide(
        &self,
        built: &BuiltQr,
        _: &Snapshot,
        _: &Context,
    ) -> Result<Decision<BuiltQr>, Undecided> {
        Ok(Decision::answer(built.clone()))
    }
}
