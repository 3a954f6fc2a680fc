//! The audit of a tenant's books: reads everything that is stored, in one view, and hands it to the [auditor](rewards_core::audit).

use rewards_core::audit::{AuditProblem, BookHead, ProgramAudit};
use rewards_core::event::Stream;
use rewards_core::ids::{MemberId, ProgramId};
use rewards_core::ledger::ChainHash;
use rewards_core::rejection::Fault;

use super::TenantEngine;
use super::books::{Books, PAGE};
use crate::error::StoreError;
use crate::store::BookView;

/// How often books are read anew when the store fails in the middle: a view does not outlive its connection.
const READINGS_MAX: u32 = 3;

/// What an audit of a tenant's books found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookReport {
    /// Members who were looked at.
    pub members: u64,
    /// Journal entries read.
    pub entries: u64,
    /// Control accounts compared.
    pub accounts: u64,
    /// Everything found that cannot be, up to [`PROBLEMS_MAX`](rewards_core::audit::PROBLEMS_MAX).
    pub problems: Vec<AuditProblem>,
    /// How many more problems there were than are listed.
    pub unlisted: u64,
}

impl BookReport {
    /// Whether the books are right: nothing was found.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.problems.is_empty()
    }
}

impl TenantEngine {
    /// Audits the tenant's books: holds everything that is stored against everything else. What is held against what, and what
    /// a writer of the database can still hide, is told in [`rewards_core::audit`].
    ///
    /// All of it is read in one view, so commands may go on meanwhile. The view keeps one connection, and what it sees has to be
    /// kept by the database for as long; a copy in memory is as large as the store in memory. Beside that, needs memory in
    /// proportion to a page, not to the books.
    ///
    /// # Errors
    /// A fault of the store, such as `store_corrupt` for a whole page of rows that cannot be read; `engine_closed`.
    pub async fn verify(&self) -> Result<BookReport, Fault> {
        self.inner.check_open()?;
        for _ in 1..READINGS_MAX {
            match self.read_books().await {
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, "the books are read anew");
                }
                outcome => return Ok(outcome?),
            }
        }
        Ok(self.read_books().await?)
    }

    /// Where journals of members and lists of revisions end, in the order of streams, after one: for the host to keep or to
    /// sign, and to [check](Self::check_heads) later.
    ///
    /// # Errors
    /// A fault of the store; `engine_closed`.
    pub async fn book_heads(
        &self,
        after: Option<Stream>,
        limit: u32,
    ) -> Result<Vec<BookHead>, Fault> {
        self.inner.check_open()?;
        Ok(self.read_heads(after, limit).await?)
    }

    /// Looks for what heads stand for that were kept: every one that is not in the books any more is a problem. An
    /// [audit](Self::verify) that finds nothing says that everything before them is as it was, too.
    ///
    /// # Errors
    /// A fault of the store; `engine_closed`.
    pub async fn check_heads(&self, kept: &[BookHead]) -> Result<Vec<AuditProblem>, Fault> {
        self.inner.check_open()?;
        Ok(self.compare_heads(kept).await?)
    }

    pub(super) async fn view(&self) -> Result<Box<dyn BookView + '_>, StoreError> {
        let storage = &self.inner.shared.storage;
        storage.ask(|store| store.books(self.tenant())).await
    }

    async fn read_books(&self) -> Result<BookReport, StoreError> {
        let events = self.inner.shared.events;
        let books = Books::new(self.view().await?, self.tenant().clone(), events);
        books.read().await
    }

    async fn read_heads(
        &self,
        after: Option<Stream>,
        limit: u32,
    ) -> Result<Vec<BookHead>, StoreError> {
        let mut view = self.view().await?;
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut heads = Vec::new();
        let mut behind = match &after {
            None => Some(None),
            Some(Stream::Member(member)) => Some(Some(member.clone())),
            Some(Stream::Program(_)) => None,
        };
        while let Some(member) = behind.take().filter(|_| heads.len() < wanted) {
            let left = u32::try_from(wanted.saturating_sub(heads.len())).unwrap_or(PAGE);
            let page = view.members(member, left.min(PAGE)).await?;
            behind = page.last().map(|last| Some(last.member.clone()));
            heads.extend(page.into_iter().map(|stored| BookHead {
                stream: Stream::Member(stored.member),
                seq: stored.row.journal.seq,
                hash: stored.row.journal.hash,
            }));
        }
        if heads.len() < wanted {
            let ends = self.read_programs(&mut *view, None).await?.into_heads();
            let ends = ends.into_iter().map(|(program, head)| BookHead {
                stream: Stream::Program(program),
                seq: head.seq,
                hash: head.hash,
            });
            let behind = ends.filter(|head| Some(&head.stream) > after.as_ref());
            heads.extend(behind.take(wanted.saturating_sub(heads.len())));
        }
        // A head that is missing from what is kept could never be missed later.
        check_readable(&mut *view)?;
        Ok(heads)
    }

    /// Reads the revisions of all programs, or those of one up to a number.
    async fn read_programs(
        &self,
        view: &mut dyn BookView,
        only: Option<(&ProgramId, u64)>,
    ) -> Result<ProgramAudit, StoreError> {
        let mut programs = ProgramAudit::default();
        let mut after = only.map(|(program, _)| (program.clone(), 0));
        loop {
            let page = view.revisions(after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(programs);
            };
            after = Some((last.program.clone(), last.revision));
            for stored in &page {
                let is_wanted = only.is_none_or(|(program, until)| {
                    stored.program == *program && u64::from(stored.revision) <= until
                });
                if !is_wanted {
                    return Ok(programs);
                }
                programs.chain(self.tenant(), stored);
            }
        }
    }

    async fn compare_heads(&self, kept: &[BookHead]) -> Result<Vec<AuditProblem>, StoreError> {
        let mut view = self.view().await?;
        let mut problems = Vec::new();
        for head in kept {
            let found = match &head.stream {
                // Before its first entry, a journal has nothing that could be written anew.
                _ if head.seq == 0 => Some(ChainHash::default()),
                Stream::Member(member) => entry_hash(&mut *view, member, head.seq).await?,
                Stream::Program(program) => {
                    let only = Some((program, head.seq));
                    let heads = self.read_programs(&mut *view, only).await?.into_heads();
                    let end = heads.get(program).filter(|end| end.seq == head.seq);
                    end.map(|end| end.hash)
                }
            };
            problems.extend(head.check(found));
        }
        Ok(problems)
    }
}

/// Checks that everything that was read could be.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub(super) fn check_readable(view: &mut dyn BookView) -> Result<(), StoreError> {
    match view.unreadable().into_iter().next() {
        Some(detail) => Err(StoreError::Corrupt { detail }),
        None => Ok(()),
    }
}

/// The hash of an entry, when it is there.
async fn entry_hash(
    view: &mut dyn BookView,
    member: &MemberId,
    seq: u64,
) -> Result<Option<ChainHash>, StoreError> {
    let before = (member.clone(), seq.saturating_sub(1));
    let page = view.journal(Some(before), 1).await?;
    let entry = page.first();
    let entry = entry.filter(|entry| entry.member == *member && entry.seq == seq);
    Ok(entry.map(|entry| entry.hash))
}
