//! The auditor: holds everything that is stored for a tenant against everything else, and trusts no cache.
//!
//! It is told what a store holds, in pages of any size, and keeps of a page only what another one has to agree with: where a
//! journal ends, sums, and the sides of grants of which not all were seen yet. What it needs is in proportion to the balances,
//! counters, days and deposits of **one** member, to all revisions of programs, and to what is wrong.
//!
//! | part | what it must agree with |
//! |---|---|
//! | [journal](MemberAudit::entry) | numbers without gaps, each hash over the one before, the head in the member's row |
//! | balances | the sums of the entries, and what is left in [open lots](MemberAudit::lot) |
//! | lots | the entry that made each: amount, asset, source, purchase, rule; and every grant has its lot |
//! | [purchases](MemberAudit::purchase) | the grants in the journal, both ways; what was taken back, both ways |
//! | [deposits](MemberAudit::deposit) | the entries by which money came in, both ways |
//! | [redemptions](MemberAudit::redemption) | what is reserved in the member's row, and what the entries moved to where spent value goes |
//! | [shared wallets and what is paid from them](BookAudit::together) | the members' rows, and each other, both ways |
//! | counters | recounted from what purchases hold of limits and remainders: [those of a member](MemberAudit::counter), and [shared ones](SharedCounters), with those of coupon books |
//! | history | how many purchases a member made in a program, and what was bought and earned on each day and in all |
//! | [control accounts](BookAudit::control) | the sums of all entries, and zero per asset |
//! | [events](EventAudit) that wait | no gap behind the first one that nobody was handed, up to the number that the row names |
//! | [programs](ProgramAudit) | revisions without gaps that compile, with the digest of the command that published them |
//! | ids, and columns that lists and sweeps go by | what the documents beside them say |
//!
//! A row that cannot be read is a problem of its own, and the audit goes on without it.
//!
//! # What a writer of the database can still hide
//!
//! Whoever can write to the database can make everything fit together again. What no reading of the database alone can show:
//!
//! - **A journal written anew** from some entry on, with hashes, head, lots, balances and control accounts that fit; a member
//!   removed with everything; a revision of a program replaced together with the reply that published it. All of these are shown
//!   by [heads](BookHead) that were kept elsewhere, or signed, before.
//! - **What nothing else says once more**: when a lot becomes available, is voided or expires; the facts of a purchase; the
//!   status, segments, attributes and tiers of a member; aliases; the reasons that people gave.
//! - **What members used of coupon books**, and how often each code was used that is nobody's: it is in counters alone, and only what
//!   all codes of a book were used together is counted twice.
//! - **Counters together with the purchases** that counted them, for as long as both say the same.
//! - **Stored replies**: one that is gone lets its command happen again, one that was changed is told again.
//! - **Events** at the end of a stream of which none is left, which look as if they had been delivered, and what waiting ones say.

mod books;
mod counted;
mod deposits;
mod events;
mod heads;
mod member;
mod problem;
mod programs;
mod shared;
mod together;

pub use books::{Audited, BookAudit, PROBLEMS_MAX};
pub use events::EventAudit;
pub use heads::{BookHead, revision_hash};
pub use member::MemberAudit;
pub use problem::AuditProblem;
pub use programs::{ProgramAudit, StoredRevision};
pub use shared::{CounterPlace, SharedCounters};
