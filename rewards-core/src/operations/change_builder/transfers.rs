//! Value that comes from another member.

use super::ChangeBuilder;
use crate::decision::LotWrite;
use crate::ledger::{Lot, LotNumber, Transfer};
use crate::rejection::Rejection;

impl ChangeBuilder<'_> {
    /// Takes in value as a new lot, which is numbered by the entry of its transfer and has a source of its own: the account
    /// that paid it once.
    ///
    /// # Errors
    /// As [`post`](Self::post).
    pub fn receive(&mut self, transfer: Transfer, lot: Lot) -> Result<LotNumber, Rejection> {
        let number = self.post(transfer)?;
        self.changes.lots.push(LotWrite {
            member: self.key.clone(),
            is_new: true,
            lot: Lot { number, ..lot },
        });
        Ok(number)
    }
}
