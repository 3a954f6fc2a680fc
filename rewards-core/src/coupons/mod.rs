//! Coupons: codes that members hold and redeem, and the books they belong to.
//!
//! - A [book](CouponBook) says for how long its codes are good, how many there may be, how often each may be redeemed, and whether
//!   redeeming needs a lease. It is read by every command on its codes and written only when it is changed itself, or gets codes.
//! - A [coupon](Coupon) is one code: its holder, its lease, its uses, its last steps. It is found by a
//!   [digest](crate::ids::CouponId) of the code, and nothing else is kept of that.
//! - Codes are [derived](CodeSource) from a key of the host, a [batch](CouponBatch) and an index by what a [pattern](CodePattern) says,
//!   so that they can be told again to whoever may know them, and are stored nowhere.
//! - What is [counted](BookCount) of a book is in shared counters, moved in the commit of what they count: the statistics of a book
//!   cost the same however many codes it has.
//! - A book may be given in [booklets](BookletTerms), and its codes may be [worth](BookTerms::value) an amount that is redeemed in
//!   parts.
//! - Leases, booklets and books end by time alone, and whoever reads them from then on finds it so. A book that is extended makes its codes good
//!   again.

mod batch;
mod book;
mod booklet;
mod code;
mod count;
mod coupon;
mod line;
mod pattern;
mod step;
mod terms;
mod window;

pub use batch::{BATCH_CODES_MAX, BatchKey, CODES_AT_ONCE_MAX, CouponBatch};
pub use book::{BookChange, BookRefusal, BookState, CouponBook};
pub use booklet::{
    BOOKLET_COUPONS_MAX, BOOKLET_DAYS_MAX, BookletOrder, BookletPlace, BookletTerms,
};
pub use code::{CodeKeys, CodeSource, batch_name, spelled};
pub use count::{BookCount, CODE_USES, CouponStatistics, ended_by, lasting_until};
pub use coupon::{Coupon, CouponRefusal, Lease};
pub use line::{CodeLine, LineProblem};
pub use pattern::{CODE_CHARS_MAX, CodePattern, PatternError, ROOM_FACTOR, check_character};
pub use step::{CouponAction, CouponState, CouponStep, Doing, HISTORY_MAX};
pub(crate) use terms::check_lease;
pub use terms::{
    BookTerms, CodeMatching, CodeUser, CouponLimits, CouponTransfer, LEASE_SECONDS_DEFAULT,
    LEASE_SECONDS_MAX, LockRule, NAME_BYTES_MAX,
};
pub use window::LocalWindow;
