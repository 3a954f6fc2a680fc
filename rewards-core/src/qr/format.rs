//! Which characters a value has, how many of them, and in what form.

use super::problem::QrProblem;
use super::shape::Shape;

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
    shape: Option<Shape>,
}

/// What is told of a payment, and the name of a merchant.
pub(super) const LABEL: Format = Format::printable(25);

impl Format {
    /// Digits only.
    pub(super) const fn digits(least: usize, most: usize) -> Self {
        Self {
            alphabet: Alphabet::Digits,
            least,
            most,
            shape: None,
        }
    }

    /// Up to so many letters, digits and signs of ASCII.
    pub(super) const fn printable(most: usize) -> Self {
        Self {
            alphabet: Alphabet::Printable,
            least: 1,
            most,
            shape: None,
        }
    }

    /// Up to so many characters of any script.
    pub(super) const fn any(most: usize) -> Self {
        Self {
            alphabet: Alphabet::Any,
            least: 1,
            most,
            shape: None,
        }
    }

    /// The same with so many characters at least.
    pub(super) const fn at_least(self, least: usize) -> Self {
        Self { least, ..self }
    }

    /// The same in a form, which is looked at when characters and length are right.
    pub(super) const fn shaped(self, shape: Shape) -> Self {
        Self {
            shape: Some(shape),
            ..self
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
        if !value.chars().all(holds) {
            return Err(QrProblem::Characters { expected });
        }
        self.shape.map_or(Ok(()), |shape| shape.check(value))
    }
}
