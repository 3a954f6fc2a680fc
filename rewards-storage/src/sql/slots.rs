//! Slots of control accounts: parts of one sum, so that commits of several connections and processes do not wait for one
//! row until it is durable.

use std::sync::atomic::{AtomicU32, Ordering};

/// How many parts a control account has at most.
const SLOTS: u32 = 16;

/// The slots of one store. A commit alone always has the same one; those beside it have those that follow.
#[derive(Debug)]
pub(super) struct Slots {
    first: u32,
    count: u32,
    /// One bit for each commit under way.
    taken: AtomicU32,
}

impl Slots {
    /// One slot, for a database with one writer.
    #[cfg(feature = "sqlite")]
    pub fn one() -> Self {
        Self {
            first: 0,
            count: 1,
            taken: AtomicU32::new(0),
        }
    }

    /// All slots, from a random one on, so that the stores of several processes seldom meet.
    #[cfg(feature = "postgres")]
    pub fn spread() -> Self {
        let [random, ..] = uuid::Uuid::new_v4().into_bytes();
        Self {
            first: u32::from(random),
            count: SLOTS,
            taken: AtomicU32::new(0),
        }
    }

    /// The next free slot, until the lease is dropped. When all are taken, one is shared: its row is then waited for.
    pub fn lease(&self) -> Lease<'_> {
        let free = |taken: u32| Some(taken | 1_u32.checked_shl(taken.trailing_ones())?);
        let before = self
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, free);
        match before {
            Ok(taken) => Lease {
                slots: self,
                place: taken.trailing_ones(),
                is_own: true,
            },
            Err(_) => Lease {
                slots: self,
                place: 0,
                is_own: false,
            },
        }
    }
}

/// A slot in use.
#[derive(Debug)]
pub(super) struct Lease<'s> {
    slots: &'s Slots,
    place: u32,
    is_own: bool,
}

impl Lease<'_> {
    /// The number of the slot.
    pub fn number(&self) -> u32 {
        let place = self.slots.first.wrapping_add(self.place);
        place
            .checked_rem(self.slots.count.clamp(1, SLOTS))
            .unwrap_or(0)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if self.is_own {
            let own = 1_u32.checked_shl(self.place).unwrap_or(0);
            self.slots.taken.fetch_and(!own, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::*;

    #[test]
    fn commits_side_by_side_have_slots_of_their_own() {
        let slots = Slots::spread();
        let alone = slots.lease().number();
        assert_eq!(slots.lease().number(), alone);
        let leases: Vec<_> = (0..40).map(|_| slots.lease()).collect();
        let mut numbers: Vec<_> = leases.iter().take(16).map(Lease::number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..16).collect::<Vec<_>>());
        drop(leases);
        assert_eq!(slots.lease().number(), alone);
    }
}
