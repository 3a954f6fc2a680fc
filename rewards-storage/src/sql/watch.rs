//! Whether the file of a store is its own within this process.
//!
//! SQLite locks its files with POSIX locks, which belong to the process. Two SQLite libraries in one process, such as the one that
//! comes with Python and the engine's, do not see each other's locks: both write at once, and a commit that was acknowledged is
//! gone. What is more, when anybody in the process closes the file, whatever it was opened with, the locks of all are gone, and
//! another process no longer waits. Nothing in the file tells of either. Other processes, and other stores of this library,
//! are no trouble.
//!
//! So a file that this process has open otherwise is refused when it is opened. Later on, each call that ends asks the kernel
//! whether anybody has opened or closed the file since the last look, which costs less than a microsecond. Only if so,
//! everything is looked through: SQLite keeps one descriptor of the file `-shm` for each library in a process, so a second one
//! is somebody else's, and the lock on the file must still be there. It is not taken again by itself, so that a visit shows
//! however short it was. A store whose file is not its own any more does nothing further.
//!
//! Each call that ends also sees whether the file and its log are where they were opened. When they are removed, moved or replaced,
//! SQLite goes on with the files that it has open, and what is recorded would be in files that nobody opens again.
//!
//! What else the other library would do cannot be prevented, but for one thing: it sees no lock on the shared memory and would
//! begin by cutting it off, which ends the process when the engine next looks there. A lock of the newer kind, which belongs to
//! the open file and not to the process, tells it that it is not alone.
//!
//! That takes `/proc`, which Linux and Android have. Elsewhere nothing is looked for. On Windows locks belong to who has opened the
//! file, so nothing has to be; on Apple's systems an app has to take care by itself.

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod elsewhere;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) use elsewhere::{FileWatch, Opened, Opening};
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use linux::{FileWatch, Opened, Opening};
