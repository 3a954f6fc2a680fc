//! Cashback and points: what a purchase earns.
//!
//! [`evaluate()`] matches, stacks and caps, and `plan` does the same for many purchases; [`explain`] spells out why, and what
//! it would take;
//! [`Schedule`] says when a grant becomes available and when it expires.
//!
//! The order is fixed and written down:
//! 1. The index names the rules that can match; inactive and unmatched ones drop out.
//! 2. Stacking groups are evaluated in document order. Within a stacking group, rules come by higher priority, then by id: their order in the
//!    document means nothing.
//! 3. The stacking group's stacking chooses among what its rules **want**; exclusive tags admit one rule each.
//! 4. Caps and budgets clip what the chosen rules want. What is clipped goes to nobody, and a rule that comes to nothing
//!    uses up nothing.
//!
//! A rule that carries remainders takes part in 3 with what each line would earn alone. What it is chosen for counts
//! together, and what that earns is split over the lines by their amounts: the order of lines means nothing, and what another
//! rule took leaves nothing.
//!
//! Each rule rounds once. The module reads no clock and no store; everything it looks at is passed in.

mod evaluate;
mod facts;
mod limits;
mod matching;
mod missing;
mod plan;
mod purchase;
mod purchase_entity;
mod refunded;
mod reward;
mod schedule;
mod seen;
mod smallest_change;
mod spent_value;
mod trace;
mod trial;
mod undone;

pub use evaluate::{Evaluation, EvaluationError, GRANTS_MAX, Grant, PROPOSALS_MAX, evaluate};
pub use facts::{Amounts, Facts, Standing, Values};
pub use limits::cap_limit;
pub(crate) use matching::View;
pub use missing::{MemberReason, Missing, SmallestChange};
pub(crate) use plan::{Found, Plan, Plans, follow_mixed, follow_plain};
pub use purchase::{AHEAD_MICROS_MAX, FACT_BYTES_MAX, FACTS_MAX, LINES_MAX, Line, Purchase};
pub use purchase_entity::{Allocation, PurchaseEntity, PurchaseState, UsedLimit, WrongState};
pub use refunded::{NotRefundable, Paid, Refunded};
pub use reward::CARRIED_PARTS;
pub use schedule::{Earned, Schedule};
pub use seen::SeenStanding;
pub(crate) use smallest_change::{Part, smallest_change};
pub use spent_value::SpentValue;
pub use trace::{Explanation, NoTrace, Outcome, Step, Steps, Trace, Verdict, explain};
pub use undone::{Carried, GivenBack, Released, Undone, UndoneRemainder};
