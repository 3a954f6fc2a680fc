//! Look-ups of many kinds of keys by one statement: a `UNION ALL` with one arm for each kind that is asked for.
//!
//! One statement sees one state of the database. All arms of a [`Catalogue`] return rows of one shape: the place of the arm,
//! the place of the key, then so many numbers, so many texts and so many values of bytes.

use std::sync::{Arc, Mutex, PoisonError};

use rewards_core::entity::EntityKey;
use rewards_core::snapshot::{CounterKey, MemberKey, ProgramKey, ReplyKey};
use rustc_hash::FxHashMap;
use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::dialect::Kind::{Bytes, Int, Text};
use super::dialect::{Columns, Dialect};
use super::driver::{Fetched, Session};
use super::rows::{Cell, Param, Rows};

/// One kind of key, and what is returned for it.
pub(super) struct Arm {
    pub keys: Columns,
    pub ints: &'static [&'static str],
    pub texts: &'static [&'static str],
    pub bytes: &'static [&'static str],
    pub from: &'static str,
}

impl Arm {
    /// The reply of a command, by its key.
    pub const REPLY: Self = Self {
        keys: &[
            ("tenant", Text),
            ("operation", Text),
            ("origin", Text),
            ("key", Text),
        ],
        ints: &[],
        texts: &[],
        bytes: &["t.fingerprint", "t.body"],
        from: "{rows} {seek replies AS t ON t.tenant = r.tenant AND t.operation = r.operation AND t.origin = r.origin AND t.key = r.key}",
    };

    /// The reply of the command that made an entity.
    pub const RECEIPT: Self = Self {
        keys: &[("tenant", Text), ("kind", Text), ("id", Text)],
        ints: &[],
        texts: &[],
        bytes: &["t.fingerprint", "t.reply"],
        from: "{rows} {seek entities AS t ON t.tenant = r.tenant AND t.kind = r.kind AND t.id = r.id} WHERE t.reply IS NOT NULL",
    };

    /// The newest revision of a program.
    pub const NEWEST_REVISION: Self = Self {
        keys: &[("tenant", Text), ("program", Text)],
        // An aggregate would be planned as a query of its own, made up anew for each key.
        ints: &[
            "(SELECT p.revision FROM programs AS p WHERE p.tenant = r.tenant AND p.program = r.program
                  ORDER BY p.revision DESC LIMIT 1)",
        ],
        texts: &[],
        bytes: &[],
        from: "{rows}",
    };
}

/// Kinds of keys that one statement can look up.
pub(super) struct Catalogue<const ARMS: usize> {
    pub arms: [Arm; ARMS],
    /// Numbers an arm can return; they follow the places of arm and key.
    pub ints: usize,
    /// Texts an arm can return; they follow the numbers.
    pub texts: usize,
    /// Values of bytes an arm can return; they follow the texts.
    pub bytes: usize,
}

/// Where the values of an arm are in a row.
pub(super) mod place {
    pub const ARM: usize = 0;
    pub const KEY: usize = 1;
    pub const INT: usize = 2;
}

impl<const ARMS: usize> Catalogue<ARMS> {
    /// No keys yet, of any kind.
    pub fn keys<'a>(&self, dialect: Dialect) -> [Rows<'a>; ARMS] {
        self.arms.each_ref().map(|arm| Rows::new(dialect, arm.keys))
    }

    /// The statement that looks up the kinds of keys named by the bits of `chosen`.
    pub fn assemble(&self, dialect: Dialect, chosen: u32) -> SqlStr {
        let mut first = 1_usize;
        let mut selects = Vec::new();
        for (number, arm) in self.arms.iter().enumerate() {
            if chosen & (1 << number) == 0 {
                continue;
            }
            let pad = |given: &[&str], kind, width: usize| {
                (0..width).fold(String::new(), |columns, i| {
                    let column = given.get(i).copied().unwrap_or(dialect.null(kind));
                    let column = dialect.fill(column, arm.keys, first);
                    format!("{columns}, {column}")
                })
            };
            let ints = pad(arm.ints, Int, self.ints);
            let texts = pad(arm.texts, Text, self.texts);
            let bytes = pad(arm.bytes, Bytes, self.bytes);
            let from = dialect.fill(arm.from, arm.keys, first);
            selects.push(format!(
                "SELECT CAST({number} AS BIGINT), r.n{ints}{texts}{bytes} FROM {from}"
            ));
            first = first.saturating_add(dialect.parameters(arm.keys));
        }
        shared(selects.join(" UNION ALL "))
    }

    /// Looks up all keys at once; nothing when there are none.
    pub async fn look_up(
        &self,
        session: &mut Session<'_>,
        dialect: Dialect,
        known: &Assembled,
        keys: [Rows<'_>; ARMS],
    ) -> sqlx::Result<Option<Fetched>> {
        let mut chosen = 0_u32;
        let mut params = Vec::with_capacity(ARMS);
        for (number, rows) in keys.into_iter().enumerate() {
            if !rows.is_empty() {
                chosen |= 1 << number;
                params.push(Param::Rows(rows));
            }
        }
        if chosen == 0 {
            return Ok(None);
        }
        let sql = known.get(chosen, || self.assemble(dialect, chosen));
        session.fetch(&sql, params).await.map(Some)
    }
}

/// How many statements of one family are kept. Those that are asked for again and again are far fewer.
const KEPT: usize = 64;

/// Statements by which parts are in them, put together when they are first asked for; those that were not asked for longest
/// are forgotten.
#[derive(Default)]
pub(super) struct Assembled(Mutex<Known>);

#[derive(Default)]
struct Known {
    turn: u64,
    /// Each with the turn in which it was last asked for.
    statements: FxHashMap<u32, (u64, SqlStr)>,
}

impl Assembled {
    /// The statement of the parts that the bits name.
    pub fn get(&self, parts: u32, assemble: impl FnOnce() -> SqlStr) -> SqlStr {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.turn = known.turn.saturating_add(1);
        let turn = known.turn;
        if let Some((last, statement)) = known.statements.get_mut(&parts) {
            *last = turn;
            return statement.clone();
        }
        if known.statements.len() >= KEPT {
            let all = known.statements.iter();
            let oldest = all.min_by_key(|(_, (last, _))| *last).map(|(key, _)| *key);
            oldest.and_then(|key| known.statements.remove(&key));
        }
        let statement = assemble();
        known.statements.insert(parts, (turn, statement.clone()));
        statement
    }
}

/// A statement made of texts of this crate alone. Every use of it shares its text.
pub(super) fn shared(text: String) -> SqlStr {
    AssertSqlSafe(Arc::<str>::from(text)).into_sql_str()
}

/// A reply's key, as its row is named.
pub(super) fn reply_key(key: &ReplyKey) -> [Cell<'_>; 4] {
    [
        key.tenant.as_str().into(),
        key.operation.into(),
        key.origin.text().into(),
        key.key.as_str().into(),
    ]
}

/// An entity's key, as its row is named.
pub(super) fn entity_key(key: &EntityKey) -> [Cell<'_>; 3] {
    [
        key.tenant.as_str().into(),
        key.kind.into(),
        key.id.as_str().into(),
    ]
}

/// A member's key, as the row is named.
pub(super) fn member_key(key: &MemberKey) -> [Cell<'_>; 2] {
    [key.tenant.as_str().into(), key.member.as_str().into()]
}

/// A program's key, as its rows are named.
pub(super) fn program_key(key: &ProgramKey) -> [Cell<'_>; 2] {
    [key.tenant.as_str().into(), key.program.as_str().into()]
}

/// A counter's key, as its row is named.
pub(super) fn counter_key(key: &CounterKey) -> [Cell<'_>; 4] {
    [
        key.name.tenant.as_str().into(),
        key.name.subject.text().to_string().into(),
        key.name.name.as_str().into(),
        key.bucket.into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_in_use_are_kept_and_their_number_is_bounded() {
        let known = Assembled::default();
        let many = u32::try_from(KEPT).unwrap();
        for parts in 0..10 * many {
            known.get(parts, || shared(format!("{parts}")));
            let hot = known.get(0, || shared(String::from("0 again")));
            assert_eq!(hot.as_str(), "0");
        }
        assert_eq!(known.0.lock().unwrap().statements.len(), KEPT);
    }
}
