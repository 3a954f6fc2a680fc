//! Tier ladders: where a member stands, and when and why that changes.
//!
//! A ladder measures something (a balance, what was earned, what was spent, visits) and gives the member a tier by it.
//! [`tier_at`] says which tier counts for a purchase, [`benefits`] what it gives, [`progress`] how far the next one is;
//! [`Qualification`] says what must be measured and decides about moves. A member without status has the lowest tier.
//!
//! # When a move counts
//!
//! A move counts for purchases **strictly after** its instant. All purchases of one instant use the tier held before
//! it, so their order does not matter. A move at midnight, such as one at the end of a window, belongs to the local day that
//! begins then and counts on all of it but its first instant: a purchase at 00:00:00 sharp is one of the new day for
//! windows, caps and counts, and still earns by the tier before. Moves are made one after another and never rewritten: a review for an instant
//! before the latest move is made at that move's instant.
//!
//! # Up
//!
//! At once, by what was reached in the current window, as many tiers as it is enough for. A member never moves down
//! because of it.
//!
//! # Down
//!
//! A ladder moves nobody down, one tier at a time, or down to the tier the member qualifies for. When depends on what
//! is measured:
//!
//! - *Windows* (calendar days, weeks, months, quarters, years; years from registration). Each window is decided once:
//!   `grace_days` local days after it ended. The member is measured by the best of that window, the windows that ended
//!   since, and the current one. Enough for the tier: it is kept. Not enough: down. Either way the next window is
//!   decided in its turn. So a tier that was earned in a window is kept by that window when it is decided, lasts
//!   through the whole following window and its grace, and is lost then unless it was earned again by the end of that
//!   grace. A grace longer than a window changes nothing in this.
//! - *Rolling days.* Looked at whenever something is counted and at the start of each local day. Falling short starts
//!   the grace; who still falls short when `grace_days` local days have passed moves down, who recovers has lost
//!   nothing. Without grace the move is immediate.
//! - *Balances and lifetime measures.* The same, but a new day alone changes nothing, so that there is nothing to look at
//!   until the measure changes: when points are spent, mature or expire, or a purchase is cancelled. What matures or expires
//!   counts from the instant at which it was due, however late somebody looks.
//!
//! In the last two, one tier at a time means that the next step down takes a grace of its own, and is not on the same
//! local day.
//!
//! # Reviews
//!
//! `review_at` in the status is the instant of the next decision, `None` when nothing is due by time alone. A review that
//! runs late decides as of `review_at`, with the windows of that instant, and its move counts from there; one call
//! makes one decision, [`Qualification::catch_up_due`] makes all that are due, and [`Qualification::catch_up`] one more for
//! what was counted now. So the result does not depend on when or how often what is due is caught up with, provided that it
//! is **before** anything later is counted.
//!
//! A member who holds a tier when a new revision makes it losable gets a full window, or grace, first.
//!
//! # What is not here
//!
//! Counting, storing and telling anybody: callers sum counters over the [`MeasureRange`]s named and store the status.
//! What is taken back is subtracted in the bucket where it was counted. Subtracted anywhere else it would make a window
//! negative, and a member would rise when that window ends.

mod boost;
mod merged;
mod qualification;
mod review;
mod standing;
mod status;

pub use boost::benefits;
pub use qualification::{MeasureNow, MeasureRange, Qualification};
pub use review::{CaughtUp, Review};
pub use standing::{Progress, progress, tier_at};
pub use status::{HISTORY_MAX, TierMove, TierReason, TierStatus};
