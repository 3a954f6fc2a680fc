//! A conversion by its id.
//!
//! Refusals: unknown conversion, also when it is not of the member that the request names.

use serde::{Deserialize, Serialize};

use super::ConversionDetails;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::fx::Conversion;
use crate::ids::{ConversionId, MemberId};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};

/// Asks for a conversion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetConversion {
    /// The conversion.
    pub conversion: ConversionId,
    /// Only when it is of this member; whose ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
}

impl Operation for GetConversion {
    const NAME: &'static str = "get_conversion";
    const KIND: Kind = Kind::Query;
    type Reply = ConversionDetails;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan::of_entity::<Conversion>(&context.tenant, &self.conversion);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<ConversionDetails>, Undecided> {
        let stored = snapshot.get::<Conversion>(&context.tenant, &self.conversion)?;
        let kept = stored.map(|stored| stored.entity);
        let named = self.member.as_ref();
        let kept = kept.filter(|kept| named.is_none_or(|member| *member == kept.member));
        let kept = kept.ok_or_else(|| Rejection::ConversionUnknown(self.conversion.clone()))?;
        Ok(Decision::answer(kept.into()))
    }
}
