//! Which characters a value has, and how many of them.

use super::problem::QrProblem;

/// The characters of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    /// Digits: `N`.
    Digits,
    /// What can be printed of ASCII: `ANS`.
    Printable,
    /// Any character but those that control: `S`.
    Any,
}

/// The format of a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Format {
    alphabet: Alphabet,
    least: usize,
    most: usize,
}

impl Format {
    /// Digits only.
    pub(super) const fn digits(least: usize, most: usize) -> Self {
        Self {
            alphabet: Alphabet::Digits,
            least,
            most,
        }
    }

    /// Up to so many letters, digits and signs of ASCII.
    pub(super) const fn printable(most: usize) -> Self {
        Self {
            alphabet: Alphabet::Printable,
            least: 1,
            most,
        }
    }

    /// Up to so many characters of any script.
    pub(super) const fn any(most: usize) -> Self {
        Self {
            alphabet: Alphabet::Any,
            least: 1,
            most,
        }
    }

    /// Whether a value has it.
    pub(super) fn check(&self, value: &str) -> Result<(), QrProblem> {
        let found = value.chars().count();
        if found < self.least || found > self.most {
            let (least, most) = (self.least, self.most);
            return Err(QrProblem::ValueLength { least, most, found });
        }
        let (holds, expected): (fn(char) -> bool, _) = match self.alphabet {
            Alphabet::Digits => (|c| c.is_ascii_digit(), "digits only"),
            Alphabet::Printable => (|c| matches!(c, ' '..='~'), "printable ASCII only"),
            Alphabet::Any => (|c| !c.is_control(), "no control characters"),
        };
        if value.chars().all(holds) {
            return Ok(());
        }
        Err(QrProblem::Characters { expected })
    }
}
