//! Loads: everything a plan names, in one view.
//!
//! Rows that are looked up by key come from **one statement**, a `UNION ALL` with one arm for each kind of key that
//! the plan names. One statement sees one state of the database, so no transaction is needed around it. Pages of
//! journals and balances of the past have statements of their own; a plan that names them is answered within one
//! transaction.

use rewards_core::ledger::{Account, Holder, JournalEntry};
use rewards_core::snapshot::{LotFilter, MemberKey, ReadPlan, Snapshot, StatementQuery};
use rewards_core::time::Timestamp;
use sqlx::SqlStr;

use super::commit::Means;
use super::decode::{self, Decoded};
use super::dialect::Kind::{Bytes, Int, Text};
use super::dialect::{Columns, Dialect};
use super::driver::{Purpose, Row, Session};
use super::fault::{At as _, Failure};
use super::rows::{Param, Rows};
use super::statements::{Statements, shared};
use crate::error::StoreError;

/// How many kinds of keys one statement can look up.
pub(super) const ARMS: usize = 9;

/// Numbers an arm can return; they follow the arm's place and the key's place.
const INTS: usize = 7;
/// Texts an arm can return; they follow the numbers.
const TEXTS: usize = 5;

/// Where the values of an arm are in a row.
pub(super) mod place {
    pub const ARM: usize = 0;
    pub const KEY: usize = 1;
    pub const INT: usize = 2;
    pub const TEXT: usize = INT + super::INTS;
    pub const BYTES: usize = TEXT + super::TEXTS;
}

/// Places in [`LOAD`].
mod arm {
    pub(super) const REPLIES: usize = 0;
    pub(super) const MEMBERS: usize = 1;
    pub(super) const PURCHASES: usize = 2;
    pub(super) const PROGRAMS: usize = 3;
    pub(super) const COUNTERS: usize = 4;
    pub(super) const BALANCES: usize = 5;
    pub(super) const LOTS_DUE: usize = 6;
    pub(super) const LOTS_OPEN: usize = 7;
    pub(super) const LOTS_OF_PURCHASE: usize = 8;
}

/// One kind of key, and what is returned for it.
struct Arm {
    keys: Columns,
    ints: &'static [&'static str],
    texts: &'static [&'static str],
    bytes: Option<&'static str>,
    from: &'static str,
}

const LOT_INTS: &[&str] = &[
    "r.number",
    "r.amount",
    "r.remaining",
    "r.earned_at",
    "r.available_at",
    "r.void_at",
    "r.expires_at",
];
const LOT_TEXTS: &[&str] = &["r.asset", "r.source", "r.state", "r.purchase", "r.rule"];

const LOAD: [Arm; ARMS] = [
    Arm {
        keys: &[("tenant", Text), ("operation", Text), ("key", Text)],
        ints: &[],
        texts: &["t.body"],
        bytes: Some("t.fingerprint"),
        from: "{rows} {seek replies AS t ON t.tenant = r.tenant AND t.operation = r.operation AND t.key = r.key}",
    },
    Arm {
        keys: &[("tenant", Text), ("member", Text)],
        ints: &[
            "t.version",
            "t.journal_seq",
            "t.event_seq",
            "t.recorded_at",
            "t.due_at",
        ],
        texts: &["t.body"],
        bytes: Some("t.journal_hash"),
        from: "{rows} {seek members AS t ON t.tenant = r.tenant AND t.member = r.member}",
    },
    Arm {
        keys: &[("tenant", Text), ("purchase", Text)],
        ints: &["t.version", "t.occurred_at"],
        texts: &["t.body", "t.member"],
        bytes: None,
        from: "{rows} {seek purchases AS t ON t.tenant = r.tenant AND t.purchase = r.purchase}",
    },
    Arm {
        keys: &[("tenant", Text), ("program", Text)],
        // An aggregate would be planned as a query of its own, made up anew for each key.
        ints: &[
            "(SELECT p.version FROM programs AS p WHERE p.tenant = r.tenant AND p.program = r.program
              ORDER BY p.version DESC LIMIT 1)",
        ],
        texts: &[],
        bytes: None,
        from: "{rows}",
    },
    Arm {
        keys: &[
            ("tenant", Text),
            ("subject", Text),
            ("name", Text),
            ("low", Int),
            ("high", Int),
        ],
        ints: &["t.bucket", "t.value"],
        texts: &[],
        bytes: None,
        from: "{rows} {seek counters AS t ON t.tenant = r.tenant AND t.subject = r.subject AND t.name = r.name AND t.bucket BETWEEN r.low AND r.high}",
    },
    Arm {
        keys: &[("tenant", Text), ("holder", Text)],
        ints: &["t.amount"],
        texts: &["t.purpose", "t.asset"],
        bytes: None,
        from: "{rows} {seek balances AS t ON t.tenant = r.tenant AND t.holder = r.holder}",
    },
    Arm {
        keys: &[
            ("tenant", Text),
            ("member", Text),
            ("due", Int),
            ("most", Int),
        ],
        ints: LOT_INTS,
        texts: LOT_TEXTS,
        bytes: None,
        // The plus keeps planners from the index over all that is due, which is the wrong way to the lots of one member.
        from: "(SELECT r.n, r.most, t.*,
                       ROW_NUMBER() OVER (PARTITION BY r.n ORDER BY t.due_at, t.number) AS place
                FROM {rows} {seek lots AS t ON t.tenant = r.tenant AND t.member = r.member AND +t.due_at <= r.due})
               AS r WHERE r.place <= r.most",
    },
    Arm {
        keys: &[
            ("tenant", Text),
            ("member", Text),
            ("asset", Text),
            ("most", Int),
        ],
        ints: LOT_INTS,
        texts: LOT_TEXTS,
        bytes: None,
        from: "(SELECT r.n, r.most, t.*,
                       ROW_NUMBER() OVER (PARTITION BY r.n
                                          ORDER BY t.expires_at IS NULL, t.expires_at, t.number) AS place
                FROM {rows} {seek lots AS t ON t.tenant = r.tenant AND t.member = r.member AND t.asset = r.asset AND t.state IN ('pending', 'available')})
               AS r WHERE r.place <= r.most",
    },
    Arm {
        keys: &[
            ("tenant", Text),
            ("member", Text),
            ("purchase", Text),
            ("most", Int),
        ],
        ints: LOT_INTS,
        texts: LOT_TEXTS,
        bytes: None,
        from: "(SELECT r.n, r.most, t.*, ROW_NUMBER() OVER (PARTITION BY r.n ORDER BY t.number) AS place
                FROM {rows} {seek purchases AS p ON p.tenant = r.tenant AND p.purchase = r.purchase} {seek lots AS t ON t.tenant = r.tenant AND t.member = r.member AND t.purchase = r.purchase AND t.number BETWEEN p.first_entry AND p.last_entry})
               AS r WHERE r.place <= r.most",
    },
];

/// The statement that looks up the kinds of keys named by the bits of `arms`.
fn assemble(dialect: Dialect, arms: usize) -> SqlStr {
    let mut first = 1_usize;
    let mut selects = Vec::new();
    for (number, arm) in LOAD.iter().enumerate() {
        if arms & (1 << number) == 0 {
            continue;
        }
        let pad = |given: &[&str], kind, width: usize| {
            (0..width)
                .map(|i| given.get(i).copied().unwrap_or(dialect.null(kind)))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let (ints, texts) = (pad(arm.ints, Int, INTS), pad(arm.texts, Text, TEXTS));
        let bytes = arm.bytes.unwrap_or(dialect.null(Bytes));
        let from = dialect.fill(arm.from, arm.keys, first);
        selects.push(format!(
            "SELECT CAST({number} AS BIGINT), r.n, {ints}, {texts}, {bytes} FROM {from}"
        ));
        first = first.saturating_add(dialect.parameters(arm.keys));
    }
    shared(selects.join(" UNION ALL "))
}

/// Answers a plan.
pub(super) async fn load(means: Means<'_>, plan: &ReadPlan) -> Result<Snapshot, Failure> {
    let has_pages = !plan.statements.is_empty() || !plan.balances_at.is_empty();
    let keys = Keys::of(means.dialect, plan);
    if keys.is_empty() && !has_pages {
        return Ok(Snapshot::default());
    }
    let mut held = means.driver.reader().await?;
    if !has_pages {
        let snapshot = keys.look_up(&mut held.session()?, means, plan).await?;
        held.release();
        return Ok(snapshot);
    }
    let mut transaction = held.session()?.begin(Purpose::Read).await?;
    let mut session = transaction.session();
    let mut snapshot = keys.look_up(&mut session, means, plan).await?;
    read_pages(&mut session, means.statements, plan, &mut snapshot).await?;
    transaction.commit().await?;
    held.release();
    Ok(snapshot)
}

/// Answers the part of a plan that is looked up by key, in a transaction that is under way.
pub(super) async fn look_up(
    session: &mut Session<'_>,
    means: Means<'_>,
    plan: &ReadPlan,
) -> Result<Snapshot, Failure> {
    Keys::of(means.dialect, plan)
        .look_up(session, means, plan)
        .await
}

/// The keys of a plan, by arm. A row names the key it answers by its place in the plan's own list.
struct Keys<'p> {
    rows: [Rows<'p>; ARMS],
    /// Places in `plan.lots` of the keys of the three arms for lots.
    lots: [Vec<usize>; 3],
}

impl<'p> Keys<'p> {
    fn of(dialect: Dialect, plan: &'p ReadPlan) -> Self {
        let mut rows = LOAD.each_ref().map(|arm| Rows::new(dialect, arm.keys));
        let mut lots: [Vec<usize>; 3] = Default::default();
        let [
            replies,
            members,
            purchases,
            programs,
            counters,
            balances,
            due,
            open,
            of_purchase,
        ] = &mut rows;
        for key in &plan.replies {
            replies.push([
                key.tenant.as_str().into(),
                key.operation.into(),
                key.key.as_str().into(),
            ]);
        }
        for key in &plan.members {
            members.push([key.tenant.as_str().into(), key.member.as_str().into()]);
        }
        for key in &plan.purchases {
            purchases.push([key.tenant.as_str().into(), key.purchase.as_str().into()]);
        }
        for key in &plan.programs {
            programs.push([key.tenant.as_str().into(), key.program.as_str().into()]);
        }
        for range in &plan.counters {
            let name = &range.name;
            counters.push([
                name.tenant.as_str().into(),
                (&*name.subject).into(),
                (&*name.name).into(),
                range.from.into(),
                range.until.into(),
            ]);
        }
        for (tenant, holder) in &plan.balances {
            balances.push([tenant.as_str().into(), decode::holder_text(holder).into()]);
        }
        let [due_at, open_at, of_purchase_at] = &mut lots;
        for (number, query) in plan.lots.iter().enumerate() {
            let MemberKey { tenant, member } = &query.member;
            let (tenant, member) = (tenant.as_str().into(), member.as_str().into());
            match &query.filter {
                LotFilter::Due { at } => {
                    due.push([tenant, member, (*at).into(), query.limit.into()]);
                    due_at.push(number);
                }
                LotFilter::Open { asset } => {
                    open.push([tenant, member, asset.to_string().into(), query.limit.into()]);
                    open_at.push(number);
                }
                LotFilter::OfPurchase { purchase } => {
                    let purchase = purchase.as_str().into();
                    of_purchase.push([tenant, member, purchase, query.limit.into()]);
                    of_purchase_at.push(number);
                }
            }
        }
        Self { rows, lots }
    }

    fn is_empty(&self) -> bool {
        self.rows.iter().all(Rows::is_empty)
    }

    async fn look_up(
        self,
        session: &mut Session<'_>,
        means: Means<'_>,
        plan: &ReadPlan,
    ) -> Result<Snapshot, Failure> {
        let mut snapshot = Snapshot::default();
        if self.is_empty() {
            return Ok(snapshot);
        }
        let mut arms = 0_usize;
        let mut params = Vec::with_capacity(ARMS);
        for (number, rows) in self.rows.into_iter().enumerate() {
            if !rows.is_empty() {
                arms |= 1 << number;
                params.push(Param::from(rows));
            }
        }
        let assemble = || assemble(means.dialect, arms);
        let sql = means.statements.loads.get(arms, assemble);
        let found = session.fetch(&sql, params).await?;
        for row in found.iter() {
            take(row, plan, &self.lots, &mut snapshot)?;
        }
        Ok(snapshot)
    }
}

/// Puts one row into the snapshot. A row whose key the plan does not name cannot be; it would be left out.
fn take(
    row: Row<'_>,
    plan: &ReadPlan,
    lots: &[Vec<usize>; 3],
    snapshot: &mut Snapshot,
) -> Result<(), StoreError> {
    let row = Decoded(row);
    let arm = row.usize(place::ARM).at("of arms", "?")?;
    let key = row.usize(place::KEY).at("of keys", arm)?.saturating_sub(1);
    match arm {
        arm::REPLIES => {
            if let Some(key) = plan.replies.get(key) {
                let reply = row.reply().at("replies", &key.key)?;
                snapshot.replies.insert(key.clone(), reply);
            }
        }
        arm::MEMBERS => {
            if let Some(key) = plan.members.get(key) {
                let member = row.member().at("members", &key.member)?;
                snapshot.members.insert(key.clone(), member);
            }
        }
        arm::PURCHASES => {
            if let Some(key) = plan.purchases.get(key) {
                let purchase = row.purchase().at("purchases", &key.purchase)?;
                snapshot.purchases.insert(key.clone(), purchase);
            }
        }
        arm::PROGRAMS => {
            if let Some(key) = plan.programs.get(key)
                && let Some(version) = row.revision().at("programs", &key.program)?
            {
                snapshot.programs.insert(key.clone(), version);
            }
        }
        arm::COUNTERS => {
            if let Some(range) = plan.counters.get(key) {
                let (bucket, value) = row.counter().at("counters", &range.name.subject)?;
                snapshot.counters.insert(range.name.at(bucket), value);
            }
        }
        arm::BALANCES => {
            if let Some((tenant, holder)) = plan.balances.get(key) {
                let (account, amount) = row
                    .balance(holder)
                    .at("balances", decode::holder_text(holder))?;
                snapshot.balances.insert((tenant.clone(), account), amount);
            }
        }
        arm::LOTS_DUE | arm::LOTS_OPEN | arm::LOTS_OF_PURCHASE => {
            let queries = lots.get(arm.saturating_sub(arm::LOTS_DUE));
            let query = queries.and_then(|places| plan.lots.get(*places.get(key)?));
            if let Some(query) = query {
                let lot = row.lot().at("lots", &query.member.member)?;
                snapshot
                    .lots
                    .insert((query.member.clone(), lot.number), lot);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Reads pages of journals and balances of the past.
async fn read_pages(
    session: &mut Session<'_>,
    statements: &Statements,
    plan: &ReadPlan,
    snapshot: &mut Snapshot,
) -> Result<(), Failure> {
    for query in &plan.statements {
        if !snapshot.statements.contains_key(query) {
            let page = statement(session, statements, query).await?;
            snapshot.statements.insert(query.clone(), page);
        }
    }
    for query in &plan.balances_at {
        if snapshot.balances_at.contains_key(query) {
            continue;
        }
        let MemberKey { tenant, member } = &query.member;
        let params = vec![
            tenant.as_str().into(),
            member.as_str().into(),
            query.at.into(),
        ];
        let found = session.fetch(&statements.balances_at, params).await?;
        let holder = Holder::Member(member.clone());
        let mut balances: Vec<(Account, i64)> = Vec::new();
        for row in found.iter().map(Decoded) {
            let account = row.account(&holder, 0).at("journal", member)?;
            balances.push((account, row.int(2).at("journal", member)?));
        }
        balances.sort_unstable();
        snapshot.balances_at.insert(query.clone(), balances);
    }
    Ok(())
}

async fn statement(
    session: &mut Session<'_>,
    statements: &Statements,
    query: &StatementQuery,
) -> Result<Vec<JournalEntry>, Failure> {
    let purpose = query.purpose.as_ref().map(ToString::to_string);
    let asset = query.asset.map(|asset| asset.to_string());
    let params = vec![
        query.member.tenant.as_str().into(),
        query.member.member.as_str().into(),
        query.before.unwrap_or(u64::MAX).into(),
        query.kind.map(|kind| kind.text()).into(),
        purpose.as_deref().into(),
        asset.as_deref().into(),
        query
            .purchase
            .as_ref()
            .map(|purchase| purchase.as_str())
            .into(),
        query.from.unwrap_or(Timestamp::MIN).into(),
        // One past the last instant there is, for a page without an end.
        query.until.map_or(i64::MAX, Timestamp::micros).into(),
        query.limit.into(),
    ];
    let found = session.fetch(&statements.statement, params).await?;
    let mut page = Vec::new();
    for row in found.iter().map(Decoded) {
        page.push(row.journal_entry()?);
    }
    Ok(page)
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

    use super::*;

    /// An index that a planner finds attractive for one member reads the rows of all members.
    #[tokio::test]
    async fn every_look_up_goes_by_the_key() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let schema = include_str!("../../migrations/sqlite/0001_initial.sql");
        sqlx::raw_sql(schema)
            .execute(&mut connection)
            .await
            .unwrap();
        for arm in 0..ARMS {
            let statement = assemble(Dialect::Sqlite, 1 << arm);
            let plan = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", statement.as_str()));
            let steps = sqlx::query(plan).fetch_all(&mut connection).await.unwrap();
            let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
            // The key of a table with row numbers is an index that SQLite names by itself.
            let by_key =
                |step: &&String| step.contains("PRIMARY KEY") || step.contains("sqlite_autoindex");
            let searches: Vec<_> = steps.iter().filter(|s| s.starts_with("SEARCH")).collect();
            assert!(
                !searches.is_empty() && searches.iter().all(by_key),
                "{steps:?}"
            );
        }
    }
}
