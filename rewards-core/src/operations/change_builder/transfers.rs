//! Value that comes from another member.

use super::ChangeBuilder;
use crate::ledger::{Lot, LotNumber, Transfer};
use crate::rejection::Rejection;

impl ChangeBuilder<'_> {
    /// Takes in value as a new lot, which is numbered by the entry of its transfer and has a source of its own: the account
    /// that paid it once. It pays what the member owes.
    ///
    /// # Errors
    /// As [`post`](Self::post).
    pub fn receive(&mut self, transfer: Transfer, lot: Lot) -> Result<LotNumber, Rejection> {
        let at = transfer.effective_at;
        let number = self.post(transfer)?;
        let lot = self.pay_debt(Lot { number, ..lot }, at)?;
        self.add_lot(lot);
        Ok(number)
    }
}
