//! Read the code of a merchant: what a picture shows, as a document. Nothing is read from a store and nothing is written.
//!
//! Refusals: what keeps it from being read at all (its length, its objects, its checksum), or all that is wrong with what it says,
//! each with its place such as `qr.62.05`.

use serde::{Deserialize, Serialize};

use super::refused;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::qr::{ParsedQr, parse};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::texts::check_texts;

/// Asks what a code says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ParseQr {
    /// What a picture shows.
    pub text: String,
}

impl Operation for ParseQr {
    const NAME: &'static str = "parse_qr";
    const KIND: Kind = Kind::Query;
    type Reply = ParsedQr;
    type Prepared = ParsedQr;

    fn prepare(&self, _: &Context) -> Result<(ReadPlan, ParsedQr), Rejection> {
        // Before anything else, so that it is told by its place in the request and not by its place in the code.
        check_texts(self)?;
        let parsed = parse(&self.text).map_err(refused)?;
        Ok((ReadPlan::default(), parsed))
    }

    fn decide(
        &self,
        parsed: &ParsedQr,
        _: &Snapshot,
        _: &Context,
    ) -> Result<Decision<ParsedQr>, Undecided> {
        Ok(Decision::answer(parsed.clone()))
    }
}
