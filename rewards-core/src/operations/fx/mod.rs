//! Foreign exchange: import rates and look them up, quote, convert and refund conversions, value balances.

mod conversion_details;
mod convert_balance;
mod exchange;
mod get_conversion;
mod get_rate;
mod import_rates;
mod list_conversions;
mod list_rates;
mod lock_conversion;
mod quote_conversion;
mod rates;
mod refund_conversion;
mod value_balances;

pub use conversion_details::ConversionDetails;
pub use convert_balance::{
    CONVERSION_LOTS_MAX, ConversionSubject, ConvertBalance, ConvertedBalance,
};
pub use get_conversion::GetConversion;
pub use get_rate::{FxRateFound, GetRate};
pub use import_rates::{
    FxRateLine, IMPORTED_RATES_MAX, ImportRates, ImportedRates, PreparedImport, RateContent,
};
pub use list_conversions::{ConversionList, ListConversions};
pub use list_rates::{FxRateDetails, FxRateList, ListRates};
pub use lock_conversion::{LockConversion, LockedConversion};
pub use quote_conversion::{QuoteConversion, QuotedConversion};
pub use rates::PreparedConversion;
pub use refund_conversion::{RefundConversion, RefundedConversion};
pub use value_balances::{PreparedValues, ValueBalances, ValuedBalance, ValuedBalances};
