//! Half-open windows of time.

use serde::{Deserialize, Serialize};

use super::error::TimeError;
use super::timestamp::Timestamp;
use crate::coded::Coded;

/// The instants from `start` up to but not including `end`; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "WindowText")]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(with = "WindowText")
)]
pub struct Window {
    start: Timestamp,
    end: Timestamp,
}

impl Window {
    /// All supported instants.
    pub const LIFETIME: Self = Self {
        start: Timestamp::MIN,
        end: Timestamp::MAX,
    };

    /// The window from `start` up to but not including `end`.
    ///
    /// # Errors
    /// [`TimeError::RangeEmpty`] unless `start` is before `end`.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, TimeError> {
        if start < end {
            Ok(Self { start, end })
        } else {
            Err(TimeError::RangeEmpty {
                from: start.to_string(),
                until: end.to_string(),
            })
        }
    }

    /// A window whose ends are known to be in order, because an instant lies between them.
    pub(super) fn around(start: Timestamp, end: Timestamp) -> Self {
        debug_assert!(start < end, "a window around an instant is not empty");
        Self { start, end }
    }

    /// The first instant inside.
    #[must_use]
    pub const fn start(&self) -> Timestamp {
        self.start
    }

    /// The first instant after.
    #[must_use]
    pub const fn end(&self) -> Timestamp {
        self.end
    }

    /// Whether an instant lies inside.
    #[must_use]
    #[inline]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

/// The instants from `start` up to but not including `end`; never empty.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "Window")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct WindowText {
    /// The first instant inside.
    start: Timestamp,
    /// The first instant after.
    end: Timestamp,
}

impl TryFrom<WindowText> for Window {
    type Error = Coded;

    fn try_from(text: WindowText) -> Result<Self, Coded> {
        Ok(Self::new(text.start, text.end)?)
    }
}
