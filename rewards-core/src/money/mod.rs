//! Exact money: amounts, assets, rates, rounding and splitting.
//!
//! An amount is a whole number of *minor units* (cents, points) of one [`Asset`]. Everything that could lose a
//! minor unit is explicit:
//!
//! - amounts cross every boundary as decimal text; a JSON or TOML number is refused,
//! - more decimals than the asset has are an error, never rounded ([`parse_minor`]),
//! - only [`Rounding`] divides, and every caller names the mode,
//! - a total is split only by [`allocate`], whose shares sum to it exactly,
//! - arithmetic is checked; overflow and mixed assets are errors ([`MoneyError`]).
//!
//! A percentage ([`Rate`], `5%`) and a multiplier ([`Factor`], `1.5`) are different types with different text, so
//! that `5`, `0.05` and `5%` cannot be mistaken for one another.
//!
//! What is not here: exchange between assets, and any opinion on which rounding a program should use.
//!
//! ```
//! use rewards_core::money::{Asset, Money, Rate, Rounding};
//!
//! let euro = Asset::parse("EUR")?;
//! let purchase = Money::parse("19.99", euro)?;
//! let rate = Rate::parse("5%")?;
//! let cashback = Rounding::TowardProgram.multiply(purchase.minor(), rate.ratio())?;
//! assert_eq!(Money::new(cashback, euro).to_string(), "0.99");
//! # Ok::<(), rewards_core::money::MoneyError>(())
//! ```

mod allocate;
mod amount;
mod asset;
mod currency;
mod decimal;
mod error;
#[expect(
    clippy::module_inception,
    reason = "the module is named after its type; callers use the re-export"
)]
mod money;
mod rate;
mod ratio;
mod rounding;
mod text;

pub use allocate::allocate;
pub use amount::{AMOUNT_BYTES_MAX, format_minor, parse_minor};
pub use asset::{Asset, UNIT_CODE_BYTES_MAX, UNIT_SCALE_MAX, UnitCode};
pub use currency::Currency;
pub use decimal::DecimalText;
pub use error::MoneyError;
pub use money::Money;
pub use rate::{Factor, Rate};
pub use ratio::Ratio;
pub use rounding::Rounding;
