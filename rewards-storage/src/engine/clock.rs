//! Where time and randomness come from: the only two things the engine fetches for the pure core.
//!
//! A command's time and random bits are taken once, when it is accepted, and never again: a retry decides with the
//! same. Tests and simulations put [`ManualClock`] and [`SeededRandom`] in place of the system's.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rewards_core::time::{TimeError, Timestamp};
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The instant at which a command is accepted.
    fn now(&self) -> Timestamp;
}

/// Draws the random part of ids.
pub trait RandomSource: Debug + Send + Sync + 'static {
    /// Fresh random bits; the low 74 are used.
    fn next(&self) -> u128;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let micros = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_micros());
        i64::try_from(micros)
            .ok()
            .and_then(|micros| Timestamp::from_micros(micros).ok())
            .unwrap_or(Timestamp::MAX)
    }
}

/// A clock that stands still until it is told otherwise.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at an instant.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.micros()))
    }

    /// Puts the clock at an instant, which may be earlier.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.micros(), Ordering::SeqCst);
    }

    /// Moves the clock on by so many seconds.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] when the clock would leave the supported range; it then stays where it is.
    pub fn advance_seconds(&self, seconds: u32) -> Result<(), TimeError> {
        let later = self
            .now()
            .checked_add_micros(i64::from(seconds).saturating_mul(1_000_000))?;
        self.set(later);
        Ok(())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MIN)
    }
}

/// The random source of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl RandomSource for SystemRandom {
    fn next(&self) -> u128 {
        // A version 4 id is random but for its version and variant bits, which are left out.
        let id = Uuid::new_v4().as_u128();
        (id >> 80) << 62 | id & ((1 << 62) - 1)
    }
}

/// A repeatable source: the same seed gives the same bits in the same order (splitmix64).
#[derive(Debug)]
pub struct SeededRandom(AtomicU64);

impl SeededRandom {
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

    /// A source that starts from a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn mix(state: u64) -> u64 {
        let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        state ^ (state >> 31)
    }
}

impl RandomSource for SeededRandom {
    fn next(&self) -> u128 {
        let before = self
            .0
            .fetch_add(Self::STEP.wrapping_mul(2), Ordering::Relaxed);
        let first = Self::mix(before.wrapping_add(Self::STEP));
        let second = Self::mix(before.wrapping_add(Self::STEP.wrapping_mul(2)));
        u128::from(first) << 64 | u128::from(second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_matches_the_published_splitmix64() {
        // Reference outputs of splitmix64 for seed 0.
        let source = SeededRandom::new(0);
        assert_eq!(source.next(), 0xE220_A839_7B1D_CDAF_6E78_9E6A_A1B9_65F4);
        assert_eq!(source.next() >> 64, 0x06C4_5D18_8009_454F);
        assert_ne!(SeededRandom::new(1).next(), SeededRandom::new(2).next());
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::new(Timestamp::MIN);
        assert_eq!(clock.now(), Timestamp::MIN);
        clock.advance_seconds(2).unwrap();
        assert_eq!(clock.now().micros(), 2_000_000);
        clock.set(Timestamp::MAX);
        assert!(clock.advance_seconds(1).is_err());
        assert_eq!(clock.now(), Timestamp::MAX);
    }

    #[test]
    fn the_system_draws_all_the_bits_that_are_used() {
        let (mut ones, mut zeros) = (0, 0);
        for _ in 0..200 {
            let bits = SystemRandom.next();
            ones |= bits;
            zeros |= !bits;
        }
        let used = (1_u128 << 74) - 1;
        assert_eq!((ones & used, zeros & used), (used, used));
    }
}
