//! The fair draw: free codes of a book, each as likely as every other.
//!
//! Every code has a place among those of its book that follows from its digest, so it is random. The places are cut into cells, each
//! as large as every other, so many that a few free codes are in one. A cell is drawn, and then one of [`CELL_SLOTS`] slots in it,
//! of which the free codes fill the first: where the slot is empty, another cell is drawn. A free code is hit when its cell and its
//! slot are, which is as likely for it as for every other, wherever the codes lie and whatever was drawn, given back and drawn
//! again before. Of a book with few free codes all are looked at, and one is drawn straight away.
//!
//! Different commands look into different cells, so they rarely meet, and where two do, the one that comes second draws again.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::command::Undecided;
use crate::context::Context;
use crate::coupons::{BookCount, Coupon};
use crate::entity::{By, Cursor, Entity, EntityKey, EntityPage, EntityQuery, EntityRow, Stored};
use crate::ids::CouponBookId;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};

/// The most free codes of a cell that can be drawn. Cells are so small that hardly ever one holds more.
pub const CELL_SLOTS: u32 = 16;
/// How many free codes a cell holds on average, at most.
const CELL_CODES: u32 = 4;
/// So few free codes are looked at all together.
const WHOLE_MAX: u32 = 32;
/// How many of them are looked at by one look-up.
const PAGE: u32 = 128;
/// Places are numbers of so many bits.
const RANK_BITS: u32 = 60;

/// Draws free codes of a book, all different.
#[derive(Debug)]
pub(super) struct Draw<'a> {
    pub snapshot: &'a Snapshot,
    pub context: &'a Context,
    pub book: &'a CouponBookId,
}

impl Draw<'_> {
    /// So many free codes.
    ///
    /// # Errors
    /// [`Rejection::CouponsShort`] when there are not so many; [`Undecided::Needs`] the cells to look into.
    pub fn draw(&self, asked: u32) -> Result<Vec<Stored<Coupon>>, Undecided> {
        let count = BookCount::Available.range(&self.context.tenant, self.book);
        let free = self.snapshot.count(&count, None);
        let free = u32::try_from(free.max(0)).unwrap_or(u32::MAX);
        if free < asked {
            return Err(Rejection::CouponsShort { asked, free }.into());
        }
        if free <= WHOLE_MAX {
            self.draw_of_all(asked)
        } else {
            self.draw_by_cells(asked, cells_of(free))
        }
    }

    /// All free codes are looked at, and each of them is as likely as every other.
    fn draw_of_all(&self, asked: u32) -> Result<Vec<Stored<Coupon>>, Undecided> {
        let mut query = self.cell(0, 0, PAGE);
        let mut free = Vec::new();
        loop {
            let Some(page) = self.snapshot.entity_pages.get(&query) else {
                return Err(needs(vec![query]));
            };
            free.extend(self.free(page));
            // Commands before this one may have taken most of a page.
            match page.last() {
                Some((id, row)) if u32::try_from(page.len()).is_ok_and(|found| found >= PAGE) => {
                    query.after = Some(Cursor {
                        value: row.index.rank.unwrap_or_default(),
                        id: id.clone(),
                    });
                }
                _ => break,
            }
        }
        let found = u32::try_from(free.len()).unwrap_or(u32::MAX);
        if found < asked {
            return Err(Rejection::CouponsShort { asked, free: found }.into());
        }
        let mut drawn = Vec::new();
        for number in 0..asked {
            let place = self.random(number, 0, free.len());
            drawn.push(free.swap_remove(place).read::<Coupon>()?);
        }
        Ok(drawn)
    }

    /// Cells are drawn one after another, until so many codes are hit. Which they are follows from the command alone, so that what
    /// it has looked at stays good when it is decided again.
    fn draw_by_cells(&self, asked: u32, bits: u32) -> Result<Vec<Stored<Coupon>>, Undecided> {
        let mut drawn = Vec::new();
        let mut taken = BTreeSet::new();
        let mut unseen = Vec::new();
        let (mut number, mut ahead) = (0_u32, 0_u32);
        while drawn.len() < usize::try_from(asked).unwrap_or(usize::MAX) {
            let cell = self.random(number, 0, 1_usize.checked_shl(bits).unwrap_or(1));
            let cell = u64::try_from(cell).unwrap_or_default();
            let query = self.cell(cell, bits, CELL_SLOTS);
            let slots = usize::try_from(CELL_SLOTS).unwrap_or(usize::MAX);
            let slot = self.random(number, 1, slots);
            number = number.saturating_add(1);
            let left = u32::try_from(drawn.len()).map_or(0, |drawn| asked.saturating_sub(drawn));
            match self.snapshot.entity_pages.get(&query) {
                None => unseen.push(query),
                // What was hit behind an unseen cell is not known to be hit first.
                Some(_) if !unseen.is_empty() => {}
                Some(page) => {
                    let own = |row: &&EntityRow| !taken.contains(&row.index.rank);
                    if let Some(row) = self.free(page).filter(own).nth(slot) {
                        taken.insert(row.index.rank);
                        drawn.push(row.read::<Coupon>()?);
                    }
                }
            }
            if !unseen.is_empty() {
                ahead = ahead.saturating_add(1);
                if ahead >= left.saturating_mul(6).saturating_add(4) {
                    return Err(needs(unseen));
                }
            }
        }
        Ok(drawn)
    }

    /// The numbers below a bound in an order that is shuffled: each order is as likely as every other.
    pub fn shuffled(&self, below: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..below).collect();
        for left in (1..=below).rev() {
            let number = u32::try_from(left).unwrap_or(u32::MAX);
            order.swap(self.random(number, 2, left), left.saturating_sub(1));
        }
        order
    }

    /// The free codes of a cell.
    fn cell(&self, cell: u64, bits: u32, limit: u32) -> EntityQuery {
        EntityQuery {
            tenant: self.context.tenant.clone(),
            kind: Coupon::KIND,
            by: By::Group {
                group: self.book.as_str().into(),
                state: BookCount::Available.state().into(),
                from_rank: start_of(cell, bits),
                to_rank: start_of(cell.saturating_add(1), bits).saturating_sub(1),
            },
            after: None,
            limit,
        }
    }

    /// What is still free of a page: commands before this one may have taken some of it.
    fn free<'s>(&'s self, page: &'s EntityPage) -> impl Iterator<Item = &'s EntityRow> + use<'s> {
        let state = BookCount::Available.state();
        page.iter().filter_map(move |(id, row)| {
            let key = EntityKey {
                tenant: self.context.tenant.clone(),
                kind: Coupon::KIND,
                id: id.clone(),
            };
            let row = self.snapshot.entities.get(&key).unwrap_or(row);
            (row.index.state == state).then_some(row)
        })
    }

    /// A number below a bound, each as likely as every other. It follows from the command, which attempt it is and what for.
    fn random(&self, attempt: u32, purpose: u8, below: usize) -> usize {
        let below = u64::try_from(below).unwrap_or(u64::MAX).max(1);
        let seed = self.context.ids.nth(0);
        // Of all numbers of 64 bits, those past the last whole multiple would make some more likely.
        let whole = u64::MAX.saturating_sub(u64::MAX.checked_rem(below).unwrap_or_default());
        let mut tries = 0_u32;
        loop {
            let mut hash = Sha256::new();
            hash.update(b"rewards/draw/1");
            hash.update(seed.as_bytes());
            hash.update(attempt.to_be_bytes());
            hash.update([purpose]);
            hash.update(tries.to_be_bytes());
            let digest = hash.finalize();
            let bytes = digest.iter().take(8);
            let drawn = bytes.fold(0_u64, |drawn, byte| (drawn << 8) | u64::from(*byte));
            if drawn < whole {
                let drawn = drawn.checked_rem(below).unwrap_or_default();
                return usize::try_from(drawn).unwrap_or_default();
            }
            tries = tries.saturating_add(1);
        }
    }
}

/// Into how many cells the places are cut, as a power of two.
fn cells_of(free: u32) -> u32 {
    let mut bits = 0_u32;
    while free.checked_shr(bits).unwrap_or_default() > CELL_CODES {
        bits = bits.saturating_add(1);
    }
    bits
}

/// Where a cell begins.
fn start_of(cell: u64, bits: u32) -> i64 {
    let shift = RANK_BITS.saturating_sub(bits);
    let start = cell.checked_shl(shift).unwrap_or_default();
    i64::try_from(start).unwrap_or(i64::MAX)
}

fn needs(entity_pages: Vec<EntityQuery>) -> Undecided {
    Undecided::Needs(Box::new(ReadPlan {
        entity_pages,
        ..ReadPlan::default()
    }))
}

#[cfg(test)]
mod tests;
