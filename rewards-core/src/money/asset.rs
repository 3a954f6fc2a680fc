//! What an amount is an amount of: a currency or a named reward unit.
//!
//! Currency codes are upper-case and unit codes are lower-case, so one text can never mean both, and money and
//! points are different assets everywhere.

use std::fmt;

use super::text::text_form;
use super::{Currency, MoneyError};

/// Most bytes a unit code can have.
pub const UNIT_CODE_BYTES_MAX: usize = 15;

/// Most decimals a reward unit can have.
pub const UNIT_SCALE_MAX: u8 = 6;

const UNIT_CODE_RULE: &str = "expected a currency code such as `EUR`, or a unit of 1 to 15 lower-case letters, digits, `_` and `-` that starts with a letter";
const UNIT_SCALE_RULE: &str =
    "expected decimals after `/` as one digit from 1 to 6, or no `/` for whole units";

/// The code of a reward unit, such as `points` or `stars`, stored inline.
///
/// 1 to [`UNIT_CODE_BYTES_MAX`] bytes: lower-case letters, digits, `_` and `-`, starting with a letter. Ordered as
/// its text.
///
/// ```
/// use rewards_core::money::UnitCode;
///
/// assert_eq!(UnitCode::parse("air-miles")?.as_str(), "air-miles");
/// assert!(UnitCode::parse("Points").is_err());
/// # Ok::<(), rewards_core::money::MoneyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitCode {
    // INVARIANT (unit code): the first `len` bytes are the code and ASCII, the rest are zero. Zero sorts below
    // every allowed byte, so the derived order is the order of the text.
    bytes: [u8; UNIT_CODE_BYTES_MAX],
    len: u8,
}

impl UnitCode {
    /// Reads a unit code.
    ///
    /// # Errors
    /// [`MoneyError::UnknownAsset`] when the text breaks the rules of the type.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        Self::from_text(text).ok_or_else(|| MoneyError::unknown_asset(text, UNIT_CODE_RULE))
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..usize::from(self.len))
            .and_then(|code| std::str::from_utf8(code).ok())
            .unwrap_or_default()
    }

    fn from_text(text: &str) -> Option<Self> {
        let well_formed = text.starts_with(|first: char| first.is_ascii_lowercase())
            && text
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        if !well_formed {
            return None;
        }
        let mut bytes = [0; UNIT_CODE_BYTES_MAX];
        bytes
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        Some(Self {
            bytes,
            len: u8::try_from(text.len()).ok()?,
        })
    }
}

impl fmt::Display for UnitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for UnitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnitCode").field(&self.as_str()).finish()
    }
}

/// A currency, or a named reward unit with its own number of decimals.
///
/// As text: the currency code (`EUR`), the unit code for whole units (`points`), or the unit code, `/` and the
/// number of decimals (`stars/2`). Each asset has exactly one text, so `points/0` is refused. A unit with another
/// number of decimals is another asset.
///
/// ```
/// use rewards_core::money::Asset;
///
/// let stars = Asset::parse("stars/2")?;
/// assert_eq!((stars.code(), stars.scale()), ("stars", 2));
/// assert_eq!(stars.to_string(), "stars/2");
/// assert_eq!(Asset::parse("EUR")?.scale(), 2);
/// assert!(Asset::parse("points/0").is_err());
/// # Ok::<(), rewards_core::money::MoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asset {
    /// Real money.
    Currency(Currency),
    /// A reward unit. Make one with [`Asset::unit`] or [`Asset::parse`], which check the scale; an asset built by
    /// hand with a scale above [`UNIT_SCALE_MAX`] has no readable text.
    Unit {
        /// The code of the unit.
        code: UnitCode,
        /// How many decimals an amount has, 0 to [`UNIT_SCALE_MAX`].
        scale: u8,
    },
}

impl Asset {
    /// Reads the text form.
    ///
    /// # Errors
    /// [`MoneyError::UnknownCurrency`] when the text starts with an upper-case letter and is no accepted currency;
    /// [`MoneyError::UnknownAsset`] for any other text that breaks the rules.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        if text.starts_with(|first: char| first.is_ascii_uppercase()) {
            return Currency::parse(text).map(Self::Currency);
        }
        let (code, scale) = match text.split_once('/') {
            None => (text, 0),
            Some((code, scale)) => (code, parse_unit_scale(text, scale)?),
        };
        let code = UnitCode::from_text(code)
            .ok_or_else(|| MoneyError::unknown_asset(text, UNIT_CODE_RULE))?;
        Ok(Self::Unit { code, scale })
    }

    /// A reward unit with `scale` decimals.
    ///
    /// # Errors
    /// [`MoneyError::UnknownAsset`] when `scale` is above [`UNIT_SCALE_MAX`].
    pub fn unit(code: UnitCode, scale: u8) -> Result<Self, MoneyError> {
        let asset = Self::Unit { code, scale };
        if scale > UNIT_SCALE_MAX {
            return Err(MoneyError::unknown_asset(
                &asset.to_string(),
                UNIT_SCALE_RULE,
            ));
        }
        Ok(asset)
    }

    /// How many decimals an amount of this asset has.
    #[must_use]
    pub const fn scale(self) -> u8 {
        match self {
            Self::Currency(currency) => currency.scale(),
            Self::Unit { scale, .. } => scale,
        }
    }

    /// The currency or unit code, without the scale.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Currency(currency) => currency.code(),
            Self::Unit { code, .. } => code.as_str(),
        }
    }

    /// The currency, or `None` for a reward unit.
    #[must_use]
    pub const fn as_currency(self) -> Option<Currency> {
        match self {
            Self::Currency(currency) => Some(currency),
            Self::Unit { .. } => None,
        }
    }
}

impl From<Currency> for Asset {
    fn from(currency: Currency) -> Self {
        Self::Currency(currency)
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Currency(currency) => currency.fmt(f),
            Self::Unit { code, scale: 0 } => code.fmt(f),
            Self::Unit { code, scale } => write!(f, "{code}/{scale}"),
        }
    }
}

fn parse_unit_scale(text: &str, scale: &str) -> Result<u8, MoneyError> {
    match scale.as_bytes() {
        [digit @ b'1'..=b'6'] => Ok(digit.wrapping_sub(b'0')),
        _ => Err(MoneyError::unknown_asset(text, UNIT_SCALE_RULE)),
    }
}

text_form! {
    UnitCode,
    expecting: "a reward unit code such as \"points\"",
    format: "unit",
    pattern: "^[a-z][a-z0-9_-]{0,14}$",
}

text_form! {
    Asset,
    expecting: "an asset such as \"EUR\", \"points\" or \"stars/2\"",
    format: "asset",
    pattern: "^([A-Z]{3}|[a-z][a-z0-9_-]{0,14}(/[1-6])?)$",
}
