//! Looking for other users of a file with the means of Linux.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::error::StoreError;
use crate::sql::place;

/// How long to wait for the last connections of a store that was dropped and not closed.
const LINGER: Duration = Duration::from_secs(2);
/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(10);
/// How many looks have to agree that the file is not the store's own any more, and how long one waits for the next.
const LOOKS: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);
/// How often everything is looked through where the kernel does not tell of openings: its watches can be used up.
const UNTOLD_EVERY: Duration = Duration::from_millis(100);

/// Where in the shared memory SQLite locks who uses it; whoever finds no lock there cuts it off. Part of the format of SQLite's
/// files, as other processes know it.
const USERS: libc::off_t = 128;

/// A file, whatever it is called: device and inode.
type FileId = (u64, u64);

/// What the stores of this library in this process have in common on a file.
#[derive(Debug, Default)]
struct Share {
    /// How many of them have it open. None when the last one was dropped without being closed, whose connections are closed a
    /// moment later.
    stores: usize,
    /// The shared memory. INVARIANT: it is not closed before all connections are, or it would take their locks away.
    guard: Option<File>,
}

/// The files of the stores of this library. The locks are the process's, so this is, too.
static OURS: Mutex<BTreeMap<FileId, Share>> = Mutex::new(BTreeMap::new());
/// How many stores are being opened, whose file nobody knows before it is there.
static OPENING: AtomicUsize = AtomicUsize::new(0);

fn ours() -> MutexGuard<'static, BTreeMap<FileId, Share>> {
    // Nothing that can panic is done to it half-way.
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn look_up(path: &Path) -> io::Result<FileId> {
    let found = fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}

fn id_of(path: &Path) -> Option<FileId> {
    look_up(path).ok()
}

/// Where a file is, and which one it is.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    id: FileId,
}

impl Place {
    fn of(path: PathBuf) -> Option<Self> {
        let id = id_of(&path)?;
        Some(Self { path, id })
    }

    /// Whether another file is there now, or none. What may not be looked at may be there.
    fn is_left(&self) -> bool {
        match look_up(&self.path) {
            Ok(found) => found != self.id,
            Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        }
    }
}

/// How many descriptors this process has for a file; none where that cannot be found out.
fn descriptors(id: FileId) -> usize {
    let Ok(open) = fs::read_dir("/proc/self/fd") else {
        return 0;
    };
    let of_file = open.filter(|found| {
        let path = found.as_ref().map(fs::DirEntry::path);
        path.is_ok_and(|path| id_of(&path) == Some(id))
    });
    of_file.count()
}

/// Whether this process holds a lock on a file. Devices are not compared, because file systems that are made of others tell
/// different ones in different places.
fn has_lock((_, inode): FileId) -> bool {
    let (process, inode) = (std::process::id().to_string(), inode.to_string());
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    locks.lines().any(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let is_held = words.next() == Some("POSIX");
        let mut words = words.skip(2);
        let is_ours = words.next() == Some(process.as_str());
        let place = words.next().and_then(|place| place.rsplit(':').next());
        is_held && is_ours && place == Some(inode.as_str())
    })
}

/// Takes or gives back the lock on the shared memory that other libraries in this process see, too. Without it a library of
/// another kind is not kept off, and nothing else is worse.
fn guard(shared: &File, is_locked: bool) {
    let kind = if is_locked {
        libc::F_RDLCK
    } else {
        libc::F_UNLCK
    };
    let (Ok(kind), Ok(from_start)) = (i16::try_from(kind), i16::try_from(libc::SEEK_SET)) else {
        return;
    };
    let lock = libc::flock {
        l_type: kind,
        l_whence: from_start,
        l_start: USERS,
        l_len: 1,
        l_pid: 0,
    };
    let locked = fcntl(shared, FcntlArg::F_OFD_SETLK(&lock));
    let _ = locked.inspect_err(|error| tracing::debug!(%error, "the file has no guard"));
}

fn refused(detail: &str) -> StoreError {
    const WHY: &str =
        "SQLite's locks do not keep the two apart, and what was acknowledged could be lost";
    StoreError::InUseHere {
        detail: format!("{detail}; {WHY}: give the engine a file of its own"),
    }
}

/// Why a file is not the store's own any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// This process has opened it otherwise.
    Shared,
    /// It is not where it was opened.
    Gone,
}

impl Loss {
    fn error(self) -> StoreError {
        match self {
            Self::Shared => refused(
                "this process has opened the file otherwise: close it there, open the engine again, and send what got no \
                 answer again with its keys",
            ),
            Self::Gone => StoreError::FileGone {
                detail: "the file or its `-wal` was removed, moved or replaced while it was open, and what is recorded would go with \
                         it: close the engine, put both back before anybody opens the file again, and send what got no answer \
                         again with its keys"
                    .to_owned(),
            },
        }
    }
}

/// A file that is being opened.
#[derive(Debug)]
pub struct Opening {
    path: PathBuf,
}

/// What is found of a file that is to be opened.
enum Found {
    /// Nobody but stores of this library has it open.
    Free,
    /// Somebody has, who may be a store that comes or goes.
    Unclear,
    /// Somebody else has.
    Taken,
}

impl Opening {
    /// Looks whether this process has the file open otherwise.
    pub async fn begin(path: &Path, wait: Duration) -> Result<Self, StoreError> {
        OPENING.fetch_add(1, Ordering::SeqCst);
        let opening = Self {
            path: path.to_owned(),
        };
        let begun = Instant::now();
        loop {
            match opening.look() {
                Found::Free => return Ok(opening),
                Found::Unclear if begun.elapsed() < wait.min(LINGER) => {
                    tokio::time::sleep(PAUSE).await;
                }
                Found::Unclear | Found::Taken => {
                    return Err(refused(
                        "this process has the file open otherwise, for example with Python's `sqlite3` or SQLAlchemy",
                    ));
                }
            }
        }
    }

    fn look(&self) -> Found {
        let Some(id) = id_of(&self.path) else {
            return Found::Free;
        };
        let known = ours().get(&id).map(|share| share.stores);
        if known.is_some_and(|stores| stores > 0) {
            return Found::Free;
        }
        match (descriptors(id), known) {
            (0, _) => {
                ours().retain(|known, share| *known != id || share.stores > 0);
                Found::Free
            }
            (_, None) if OPENING.load(Ordering::SeqCst) == 1 => Found::Taken,
            _ => Found::Unclear,
        }
    }

    /// Notes that nobody could connect to the file. SQLite may still be closing it, and whoever tries again must not take that for
    /// somebody else.
    pub fn failed(self) {
        if let Some(id) = id_of(&self.path) {
            ours().entry(id).or_default();
        }
    }

    /// Notes that the file is there and open.
    pub fn connected(self) -> Opened {
        let id = id_of(&self.path);
        if let Some(id) = id {
            ours().entry(id).or_default().stores += 1;
        }
        Opened {
            path: self.path.clone(),
            claim: Claim {
                id,
                is_held: AtomicBool::new(id.is_some()),
            },
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        OPENING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A file that is open.
#[derive(Debug)]
pub struct Opened {
    path: PathBuf,
    claim: Claim,
}

impl Opened {
    /// Begins to watch the file, and looks at once.
    pub fn watch(self) -> Result<FileWatch, StoreError> {
        // They lie beside the file itself, and not beside a link to it.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let shared = place::beside(&path, "-shm");
        let events = Events::of(&[&path, &shared])
            .inspect_err(|error| tracing::debug!(%error, "openings of the file are not told"))
            .ok();
        let mut ours = ours();
        if let Some(share) = self.claim.id.and_then(|id| ours.get_mut(&id)) {
            // Once open, it stays so: closing it would take the locks of this library away.
            share.guard = share.guard.take().or_else(|| File::open(&shared).ok());
            share.guard.as_ref().inspect(|shared| guard(shared, true));
        }
        drop(ours);
        let watch = FileWatch {
            has_lock: self.claim.id.is_some_and(has_lock),
            file: self.claim.id.map(|id| Place {
                path: self.path,
                id,
            }),
            log: Place::of(place::beside(&path, "-wal")),
            claim: self.claim,
            shared,
            loss: OnceLock::new(),
            look: Mutex::new(Look {
                events,
                last: Instant::now(),
                is_over: false,
            }),
        };
        if watch.is_shared() {
            return Err(refused("this process has opened the file otherwise, too"));
        }
        Ok(watch)
    }
}

/// The share of one store in a file.
#[derive(Debug)]
struct Claim {
    id: Option<FileId>,
    is_held: AtomicBool,
}

impl Claim {
    /// Has SQLite find itself alone before the last store closes the file, so that it leaves one file behind.
    fn end(&self) {
        let ours = ours();
        let share = self.id.and_then(|id| ours.get(&id));
        let is_last =
            self.is_held.load(Ordering::SeqCst) && share.is_some_and(|share| share.stores == 1);
        if let Some(shared) = share
            .and_then(|share| share.guard.as_ref())
            .filter(|_| is_last)
        {
            guard(shared, false);
        }
    }

    /// Gives the share up; the file is forgotten with the last one when it is known to be closed.
    fn let_go(&self, is_closed: bool) {
        let Some(id) = self.id else { return };
        if !self.is_held.swap(false, Ordering::SeqCst) {
            return;
        }
        let mut ours = ours();
        if let Some(share) = ours.get_mut(&id) {
            share.stores = share.stores.saturating_sub(1);
            if share.stores == 0 && is_closed {
                ours.remove(&id);
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.end();
        self.let_go(false);
    }
}

/// Watches over the file of an open store.
#[derive(Debug)]
pub struct FileWatch {
    claim: Claim,
    /// Where it was opened, which may be by a link.
    file: Option<Place>,
    log: Option<Place>,
    /// The memory that all users of the file share, as a file.
    shared: PathBuf,
    /// Whether the lock on the file could be seen when it was opened; only then it can be missed.
    has_lock: bool,
    loss: OnceLock<Loss>,
    look: Mutex<Look>,
}

#[derive(Debug)]
struct Look {
    /// What the kernel tells, if it does.
    events: Option<Events>,
    last: Instant,
    is_over: bool,
}

impl FileWatch {
    /// Whether the file was the store's own as far as was looked.
    pub fn check(&self) -> Result<(), StoreError> {
        self.loss.get().map_or(Ok(()), |loss| Err(loss.error()))
    }

    /// Looks whether the file still is the store's own, if there is any reason to.
    pub fn look(&self) -> Result<(), StoreError> {
        // One after another, so that nobody goes by what somebody else was told and has not looked into yet.
        let mut look = self.look.lock().unwrap_or_else(PoisonError::into_inner);
        if look.is_over {
            drop(look);
            return self.check();
        }
        if let Some(loss) = self.found(&mut look)
            && self.loss.set(loss).is_ok()
        {
            tracing::error!(
                ?loss,
                "the file is not the store's own any more; the store does nothing more"
            );
        }
        drop(look);
        self.check()
    }

    fn found(&self, look: &mut Look) -> Option<Loss> {
        // Where they are is asked each time, which costs two microseconds: when a folder moves, nothing is told of the files in it.
        let is_left = |place: &Option<Place>| place.as_ref().is_some_and(Place::is_left);
        if is_left(&self.file) {
            return Some(Loss::Gone);
        }
        // Another library takes the log away when it closes the file, so that is looked for before the log.
        if look.is_due() {
            look.last = Instant::now();
            if self.seems_shared_throughout() {
                return Some(Loss::Shared);
            }
        }
        is_left(&self.log).then_some(Loss::Gone)
    }

    /// Whether several looks in a row find the file somebody else's. The lists that the kernel gives are not of one moment:
    /// where others come and go, an entry can be missing from one of them. What is really lost does not come back.
    fn seems_shared_throughout(&self) -> bool {
        (0..LOOKS).all(|number| {
            if number > 0 {
                std::thread::sleep(BETWEEN_LOOKS);
            }
            self.is_shared() || self.has_lock && !self.claim.id.is_some_and(has_lock)
        })
    }

    /// Whether there is another library that uses the file: each has one descriptor of the shared memory, beside the guard.
    fn is_shared(&self) -> bool {
        let is_guarded = self
            .claim
            .id
            .is_some_and(|id| ours().get(&id).is_some_and(|share| share.guard.is_some()));
        let own = 1 + usize::from(is_guarded);
        id_of(&self.shared).is_some_and(|id| descriptors(id) > own)
    }

    /// Ends the watch, before the store itself closes the file.
    pub fn end(&self) {
        let mut look = self.look.lock().unwrap_or_else(PoisonError::into_inner);
        look.is_over = true;
        look.events = None;
        self.claim.end();
    }

    /// Notes that the store has closed the file.
    pub fn let_go(&self) {
        self.claim.let_go(true);
    }
}

impl Look {
    fn is_due(&mut self) -> bool {
        match &self.events {
            Some(events) => events.have_come(),
            None => self.last.elapsed() >= UNTOLD_EVERY,
        }
    }
}

/// What the kernel tells of files: that somebody has opened or closed one of them.
#[derive(Debug)]
struct Events(Inotify);

impl Events {
    fn of(files: &[&Path]) -> nix::Result<Self> {
        let events = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let told = AddWatchFlags::IN_OPEN | AddWatchFlags::IN_CLOSE;
        for file in files {
            match events.add_watch(*file, told) {
                // A file that may only be read can do without.
                Err(Errno::ENOENT) => {}
                watched => drop(watched?),
            }
        }
        Ok(Self(events))
    }

    /// Whether anything has come since this was last asked. What the events say is of no interest: that of the store's own
    /// connections looks the same.
    fn have_come(&self) -> bool {
        let mut have_come = false;
        while self.0.read_events().is_ok_and(|events| !events.is_empty()) {
            have_come = true;
        }
        have_come
    }
}
