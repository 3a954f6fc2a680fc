//! Events that wait for delivery: which of them must still be there.
//!
//! What was handed out may be acknowledged in any order, and is gone then. But nothing of a stream is handed out before what
//! comes earlier: so behind the first event that nobody was handed, everything is there, up to the end of the stream.

use std::collections::BTreeMap;

use super::{AuditProblem, BookAudit};
use crate::event::Stream;

/// Holds the waiting events of some streams against where these streams end.
#[derive(Debug)]
pub struct EventAudit {
    /// Only streams after this one.
    after: Option<Stream>,
    /// Only streams up to this one.
    until: Option<Stream>,
    streams: BTreeMap<Stream, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Number of the last event of the stream.
    end: u64,
    /// Number of the last event that came.
    last: Option<u64>,
    /// Whether one came that nobody was handed.
    is_untouched: bool,
}

impl EventAudit {
    /// The streams behind one, with the number of the last event of each; to the end when `is_last`.
    #[must_use]
    pub fn new(after: Option<Stream>, ends: BTreeMap<Stream, u64>, is_last: bool) -> Self {
        let until = ends.last_key_value().map(|(stream, _)| stream.clone());
        let seen = |end| Seen {
            end,
            ..Seen::default()
        };
        Self {
            after,
            until: until.filter(|_| !is_last),
            streams: ends
                .into_iter()
                .map(|(stream, end)| (stream, seen(end)))
                .collect(),
        }
    }

    /// Takes a waiting event; those of a stream come in the order of delivery. Streams that are not looked at are passed over.
    pub fn event(&mut self, books: &mut BookAudit, stream: &Stream, seq: u64, was_handed: bool) {
        let is_behind = self.after.as_ref().is_none_or(|after| stream > after);
        let is_before = self.until.as_ref().is_none_or(|until| stream <= until);
        if !is_behind || !is_before {
            return;
        }
        let seen = self.streams.get_mut(stream);
        let Some(seen) = seen.filter(|seen| (1..=seen.end).contains(&seq)) else {
            books.note(AuditProblem::EventUnknown {
                stream: stream.clone(),
                seq,
            });
            return;
        };
        let expected = seen.last.map_or(1, |last| last.saturating_add(1));
        if seq < expected || seen.is_untouched && seq != expected {
            books.note(AuditProblem::EventGap {
                stream: stream.clone(),
                expected,
                found: Some(seq),
            });
        }
        seen.last = seen.last.max(Some(seq));
        seen.is_untouched |= !was_handed;
    }

    /// Checks that every stream whose delivery is not over goes on to its end.
    pub fn finish(self, books: &mut BookAudit) {
        for (stream, seen) in self.streams {
            let last = seen.last.unwrap_or_default();
            if seen.is_untouched && last < seen.end {
                books.note(AuditProblem::EventGap {
                    stream,
                    expected: last.saturating_add(1),
                    found: None,
                });
            }
        }
    }
}
