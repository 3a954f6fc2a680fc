//! A fee that depends on how much is moved.

use serde::{Deserialize, Serialize};

use super::{Charge, CompiledFee, Fee, FeeError, FeePayer};
use crate::money::{DecimalText, MoneyError};

/// The most bands of a schedule.
pub const FEE_BANDS_MAX: usize = 32;

/// A band of a fee schedule: the fee on amounts from a bound up to that of the next band. Below the first band nothing is charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FeeBand {
    /// The least amount that it is charged on; any amount when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<DecimalText>,
    /// The fee.
    pub fee: Fee,
}

/// Bands in minor units, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompiledFees(Vec<(i64, CompiledFee)>);

impl CompiledFees {
    /// Bands that were checked, on an asset with so many decimals.
    ///
    /// # Errors
    /// [`MoneyError`] when an amount does not fit the asset.
    pub fn compile(bands: &[FeeBand], scale: u8) -> Result<Self, MoneyError> {
        let bands = bands.iter().map(|band| {
            let from = band.from.map_or(Ok(0), |from| from.to_minor(scale))?;
            Ok((from, CompiledFee::compile(&band.fee, scale)?))
        });
        bands.collect::<Result<_, MoneyError>>().map(Self)
    }

    /// What becomes of a positive amount, and who pays the fee.
    ///
    /// # Errors
    /// As [`CompiledFee::charge`].
    pub fn charge(&self, amount: i64) -> Result<(Charge, FeePayer), FeeError> {
        let band = self.0.iter().rev().find(|(from, _)| *from <= amount);
        match band {
            None => Ok((Charge::free(amount), FeePayer::default())),
            Some((_, fee)) => Ok((fee.charge(amount)?, fee.paid_by())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Bands {
        fees: Vec<FeeBand>,
    }

    fn fees(text: &str) -> CompiledFees {
        let bands: Bands = toml::from_str(text).unwrap();
        CompiledFees::compile(&bands.fees, 2).unwrap()
    }

    #[test]
    fn the_band_of_an_amount_counts() {
        let fees = fees(
            "[[fees]]\nfrom = '10.00'\nfee.fixed = '0.10'\n\
             [[fees]]\nfrom = '1000.00'\nfee = { percent = '0.5%', paid_by = 'receiver' }",
        );
        for (amount, given, fee, arrived, paid_by) in [
            (1, 1, 0, 1, FeePayer::Sender),
            (999, 999, 0, 999, FeePayer::Sender),
            (1_000, 1_010, 10, 1_000, FeePayer::Sender),
            (99_999, 100_009, 10, 99_999, FeePayer::Sender),
            (100_000, 100_000, 500, 99_500, FeePayer::Receiver),
        ] {
            let charge = Charge {
                given,
                fee,
                arrived,
            };
            assert_eq!(fees.charge(amount), Ok((charge, paid_by)), "{amount}");
        }
    }

    #[test]
    fn without_bands_nothing_is_charged() {
        let charged = CompiledFees::default().charge(500);
        assert_eq!(charged, Ok((Charge::free(500), FeePayer::Sender)));
    }
}
