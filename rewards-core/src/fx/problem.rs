//! What can be wrong with a rate that is imported, alone or in a file.

use thiserror::Error;

/// Why a rate is refused, or the file that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RateProblem {
    /// It is zero or negative.
    #[error("a rate is above zero")]
    NotPositive,
    /// It is no number.
    #[error("a rate is a decimal number")]
    NoNumber,
    /// It has more digits or decimals than rates have.
    #[error("a rate has at most 15 digits and 12 decimals")]
    TooLong,
    /// The house would pay more than it takes.
    #[error("the bid is above the ask")]
    BidAboveAsk,
    /// A currency is priced in itself.
    #[error("a currency is not priced in itself")]
    SamePair,
    /// The pair has another rate of the same day.
    #[error("the pair has a rate of this day already")]
    Twice,
    /// A date is none.
    #[error("expected a date such as `2026-10-30` or `30 October 2026`")]
    Date,
    /// A day is still to come.
    #[error("the day is still to come")]
    Future,
    /// A day has two lines.
    #[error("the day has a line already")]
    DayTwice,
    /// A file does not begin as it should.
    #[error("expected `Date`, and then currencies")]
    Header,
    /// A currency has two columns, or is the euro, in which all are priced.
    #[error("the currency has a column already, or is the euro")]
    CurrencyTwice,
    /// A file, or a line of one, ends too early.
    #[error("the file was cut")]
    Cut,
    /// There is no rate.
    #[error("expected a rate at least")]
    Empty,
}

impl RateProblem {
    /// The stable code of this problem, for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotPositive => "rate_not_positive",
            Self::NoNumber | Self::TooLong | Self::BidAboveAsk => "fx_rate_invalid",
            Self::SamePair => "pair_invalid",
            Self::Twice => "rate_duplicate",
            Self::Date => "date_invalid",
            Self::Future => "date_in_future",
            Self::DayTwice => "date_duplicate",
            Self::Header => "csv_header_invalid",
            Self::CurrencyTwice => "currency_duplicate",
            Self::Cut => "csv_cut",
            Self::Empty => "rates_empty",
        }
    }
}
