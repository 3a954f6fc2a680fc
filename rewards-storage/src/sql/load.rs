//! Loads: everything a plan names, in one view.
//!
//! Rows that are looked up by key come from **one statement**, a `UNION ALL` with one arm for each kind of key that
//! the plan names. One statement sees one state of the database, so no transaction is needed around it. What has a
//! [statement of its own](super::pages) is answered within one transaction together with it.

use rewards_core::entity::{By, EntityPage};
use rewards_core::snapshot::{LotFilter, LotQuery, MemberKey, ReadPlan, Snapshot};

use smol_str::SmolStr;

use super::arms::{self, Arm, Catalogue, place};
use super::commit::Means;
use super::decode::Decoded;
use super::dialect::Dialect;
use super::dialect::Kind::{Int, Text};
use super::driver::{Held, Purpose, Row, Session};
use super::fault::{At as _, Failure};
use super::pages;
use super::rows::Rows;
use crate::error::StoreError;

/// How many kinds of keys one statement can look up.
pub(super) const ARMS: usize = 15;

/// Where the texts of an arm begin.
const TEXT: usize = place::INT + 5;
/// Where the bytes of an arm are.
const BYTES: usize = TEXT + 4;

/// Places in [`LOAD`].
pub(super) mod arm {
    pub(in crate::sql) const REPLIES: usize = 0;
    pub(in crate::sql) const RECEIPTS: usize = 1;
    pub(in crate::sql) const MEMBERS: usize = 2;
    pub(in crate::sql) const ENTITIES: usize = 3;
    pub(in crate::sql) const PROGRAMS: usize = 4;
    pub(in crate::sql) const COUNTERS: usize = 5;
    pub(in crate::sql) const LOTS_DUE: usize = 6;
    pub(in crate::sql) const LOTS_OPEN: usize = 7;
    pub(in crate::sql) const LOTS_OF_PURCHASE: usize = 8;
    pub(in crate::sql) const LOTS_NUMBERED: usize = 9;
    pub(in crate::sql) const REVISION_COUNTS: usize = 10;
    pub(in crate::sql) const NEWEST: usize = 11;
    pub(in crate::sql) const OF_OWNER: usize = 12;
    pub(in crate::sql) const OF_GROUP: usize = 13;
    pub(in crate::sql) const DUE: usize = 14;
}

/// An entity's numbers, as they are decoded.
const ENTITY_INTS: &[&str] = &["t.version", "t.rank", "t.at", "t.due_at"];
/// The texts of an entity that is found beside others: its own, then its id.
const PAGE_TEXTS: &[&str] = &["t.owner", "t.\"group\"", "t.state", "t.id"];

pub(super) const LOAD: Catalogue<ARMS> = Catalogue {
    ints: 5,
    texts: 4,
    bytes: 2,
    arms: [
        Arm::REPLY,
        Arm::RECEIPT,
        Arm {
            keys: &[("tenant", Text), ("member", Text)],
            ints: &[
                "t.version",
                "t.journal_seq",
                "t.event_seq",
                "t.recorded_at",
                "t.due_at",
            ],
            texts: &[],
            bytes: &["t.journal_hash", "t.body"],
            from: "{rows} {seek members AS t ON t.tenant = r.tenant AND t.member = r.member}",
        },
        Arm {
            keys: &[("tenant", Text), ("kind", Text), ("id", Text)],
            ints: ENTITY_INTS,
            texts: &["t.owner", "t.\"group\"", "t.state"],
            bytes: &["t.body"],
            from: "{rows} {seek entities AS t ON t.tenant = r.tenant AND t.kind = r.kind AND t.id = r.id}",
        },
        Arm::NEWEST_REVISION,
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
            bytes: &[],
            from: "{rows} {seek counters AS t ON t.tenant = r.tenant AND t.subject = r.subject AND t.name = r.name AND t.bucket BETWEEN r.low AND r.high}",
        },
        Arm {
            keys: &[
                ("tenant", Text),
                ("member", Text),
                ("due", Int),
                ("most", Int),
            ],
            ints: &[],
            texts: &[
                "{lots lots_open WHERE t.tenant = r.tenant AND t.member = r.member AND t.state IN ('pending', 'available') AND t.due_at <= r.due ORDER BY t.due_at, t.number}",
            ],
            bytes: &[],
            from: "{rows}",
        },
        Arm {
            keys: &[
                ("tenant", Text),
                ("member", Text),
                ("asset", Text),
                ("most", Int),
            ],
            ints: &[],
            texts: &[
                "{lots lots_open WHERE t.tenant = r.tenant AND t.member = r.member AND t.state IN ('pending', 'available') AND t.asset = r.asset ORDER BY t.expires_at IS NULL, t.expires_at, t.number}",
            ],
            bytes: &[],
            from: "{rows}",
        },
        Arm {
            keys: &[
                ("tenant", Text),
                ("member", Text),
                ("purchase", Text),
                ("most", Int),
            ],
            ints: &[],
            texts: &[
                "{lots lots_purchase WHERE t.tenant = r.tenant AND t.member = r.member AND t.purchase = r.purchase ORDER BY t.number}",
            ],
            bytes: &[],
            from: "{rows}",
        },
        Arm {
            keys: &[
                ("tenant", Text),
                ("member", Text),
                ("number", Int),
                ("most", Int),
            ],
            ints: &[],
            texts: &[
                "{lots key WHERE t.tenant = r.tenant AND t.member = r.member AND t.number = r.number ORDER BY t.number}",
            ],
            bytes: &[],
            from: "{rows}",
        },
        Arm {
            keys: &[("tenant", Text)],
            ints: &["t.revisions"],
            texts: &[],
            bytes: &[],
            from: "{rows} {seek revision_counts AS t ON t.tenant = r.tenant}",
        },
        Arm {
            keys: &[
                ("tenant", Text),
                ("kind", Text),
                ("at", Int),
                ("id", Text),
                ("most", Int),
            ],
            ints: ENTITY_INTS,
            texts: PAGE_TEXTS,
            bytes: &["t.body"],
            from: "{rows} {pages entities_newest WHERE t.tenant = r.tenant AND t.kind = r.kind AND t.version > 0 AND (t.at, t.id) < (r.at, r.id) ORDER BY t.at DESC, t.id DESC}",
        },
        Arm {
            keys: &[
                ("tenant", Text),
                ("kind", Text),
                ("owner", Text),
                ("at", Int),
                ("id", Text),
                ("most", Int),
            ],
            ints: ENTITY_INTS,
            texts: PAGE_TEXTS,
            bytes: &["t.body"],
            from: "{rows} {pages entities_owner WHERE t.tenant = r.tenant AND t.kind = r.kind AND t.owner = r.owner AND (t.at, t.id) < (r.at, r.id) ORDER BY t.at DESC, t.id DESC}",
        },
        Arm {
            keys: &[
                ("tenant", Text),
                ("kind", Text),
                ("\"group\"", Text),
                ("state", Text),
                ("rank", Int),
                ("id", Text),
                ("last", Int),
                ("most", Int),
            ],
            ints: ENTITY_INTS,
            texts: PAGE_TEXTS,
            bytes: &["t.body"],
            from: "{rows} {pages entities_group WHERE t.tenant = r.tenant AND t.kind = r.kind AND t.\"group\" = r.\"group\" AND t.state = r.state AND (t.rank, t.id) > (r.rank, r.id) AND t.rank <= r.last ORDER BY t.rank, t.id}",
        },
        Arm {
            keys: &[
                ("tenant", Text),
                ("kind", Text),
                ("due", Int),
                ("id", Text),
                ("last", Int),
                ("most", Int),
            ],
            ints: ENTITY_INTS,
            texts: PAGE_TEXTS,
            bytes: &["t.body"],
            from: "{rows} {pages entities_due WHERE t.tenant = r.tenant AND t.kind = r.kind AND (t.due_at, t.id) > (r.due, r.id) AND t.due_at <= r.last ORDER BY t.due_at, t.id}",
        },
    ],
};

/// Answers a plan.
pub(super) async fn load(means: Means<'_>, plan: &ReadPlan) -> Result<Snapshot, Failure> {
    let has_pages = pages::are_named(plan);
    let keys = Keys::of(means.dialect, plan);
    if keys.is_empty() && !has_pages {
        return Ok(Snapshot::default());
    }
    let mut held = means.driver.reader().await?;
    let loaded = if has_pages {
        load_pages(means, &mut held, plan).await
    } else {
        keys.look_up(&mut held.session()?, means, plan).await
    };
    held.end(loaded)
}

/// Answers a plan with pages, within one view.
async fn load_pages(
    means: Means<'_>,
    held: &mut Held<'_>,
    plan: &ReadPlan,
) -> Result<Snapshot, Failure> {
    let mut transaction = held.session()?.begin(Purpose::Read).await?;
    let snapshot = load_within(&mut transaction.session(), means, plan).await?;
    transaction.commit().await?;
    Ok(snapshot)
}

/// Answers a plan within a transaction that somebody else holds.
pub(super) async fn load_within(
    session: &mut Session<'_>,
    means: Means<'_>,
    plan: &ReadPlan,
) -> Result<Snapshot, Failure> {
    let keys = Keys::of(means.dialect, plan);
    let mut snapshot = keys.look_up(session, means, plan).await?;
    pages::read(session, means.statements, plan, &mut snapshot).await?;
    Ok(snapshot)
}

/// Of those arms that share a list of the plan: the places of their keys in it.
#[derive(Default)]
struct Places([Vec<usize>; ARMS]);

impl Places {
    fn note(&mut self, arm: usize, place: usize) {
        if let Some(places) = self.0.get_mut(arm) {
            places.push(place);
        }
    }

    fn of(&self, arm: usize, key: usize) -> Option<usize> {
        self.0.get(arm)?.get(key).copied()
    }
}

/// The keys of a plan, by arm. A row names the key it answers by its place in the plan's own list.
struct Keys<'p> {
    rows: [Rows<'p>; ARMS],
    places: Places,
}

impl<'p> Keys<'p> {
    fn of(dialect: Dialect, plan: &'p ReadPlan) -> Self {
        let mut rows = LOAD.keys(dialect);
        let [
            replies,
            receipts,
            members,
            entities,
            programs,
            counters,
            due,
            open,
            of_purchase,
            numbered,
            revision_counts,
            newest,
            of_owner,
            of_group,
            due_entities,
        ] = &mut rows;
        for key in &plan.replies {
            replies.push(arms::reply_key(key));
        }
        for (keys, rows) in [(&plan.receipts, receipts), (&plan.entities, entities)] {
            for key in keys {
                rows.push(arms::entity_key(key));
            }
        }
        for key in &plan.members {
            members.push(arms::member_key(key));
        }
        for key in &plan.programs {
            programs.push(arms::program_key(key));
        }
        for tenant in &plan.revision_counts {
            revision_counts.push([tenant.as_str().into()]);
        }
        for range in &plan.counters {
            let name = &range.name;
            counters.push([
                name.tenant.as_str().into(),
                name.subject.text().to_string().into(),
                name.name.as_str().into(),
                range.from.into(),
                range.until.into(),
            ]);
        }
        let mut places = Places::default();
        lot_keys(plan, [due, open, of_purchase, numbered], &mut places);
        let pages = [newest, of_owner, of_group, due_entities];
        page_keys(plan, pages, &mut places);
        Self { rows, places }
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
        for query in &plan.entity_pages {
            snapshot
                .entity_pages
                .insert(query.clone(), EntityPage::new());
        }
        let statements = &means.statements.loads;
        let found = LOAD.look_up(session, means.dialect, statements, self.rows);
        let Some(found) = found.await? else {
            return Ok(snapshot);
        };
        for row in found.iter() {
            take(row, plan, &self.places, &mut snapshot)?;
        }
        pages::arrange(&mut snapshot);
        Ok(snapshot)
    }
}

/// Names lots in the rows of their arms, and notes the places of their queries in the plan.
fn lot_keys<'p>(plan: &'p ReadPlan, rows: [&mut Rows<'p>; 4], places: &mut Places) {
    let [due, open, of_purchase, numbered] = rows;
    for (number, query) in plan.lots.iter().enumerate() {
        let MemberKey { tenant, member } = &query.member;
        let (tenant, member) = (tenant.as_str().into(), member.as_str().into());
        let most = query.limit.into();
        let arm = match &query.filter {
            LotFilter::Due { at } => {
                due.push([tenant, member, (*at).into(), most]);
                arm::LOTS_DUE
            }
            LotFilter::Open { asset } => {
                open.push([tenant, member, asset.to_string().into(), most]);
                arm::LOTS_OPEN
            }
            LotFilter::OfPurchase { purchase } => {
                of_purchase.push([tenant, member, purchase.as_str().into(), most]);
                arm::LOTS_OF_PURCHASE
            }
            LotFilter::Numbered { number: lot } => {
                numbered.push([tenant, member, (*lot).into(), most]);
                arm::LOTS_NUMBERED
            }
        };
        places.note(arm, number);
    }
}

/// Names pages of entities in the rows of their arms, and notes the places of their queries in the plan.
fn page_keys<'p>(plan: &'p ReadPlan, rows: [&mut Rows<'p>; 4], places: &mut Places) {
    let [newest, of_owner, of_group, due] = rows;
    for (number, query) in plan.entity_pages.iter().enumerate() {
        let (tenant, kind) = (query.tenant.as_str().into(), query.kind.into());
        let (value, id) = pages::begin(query);
        let (value, id, most) = (value.into(), id.into(), query.limit.into());
        let arm = match &query.by {
            By::Newest => {
                newest.push([tenant, kind, value, id, most]);
                arm::NEWEST
            }
            By::Owner(owner) => {
                of_owner.push([tenant, kind, owner.as_str().into(), value, id, most]);
                arm::OF_OWNER
            }
            By::Group {
                group,
                state,
                from_rank: _,
                to_rank,
            } => {
                let (group, state) = (group.as_str().into(), state.as_str().into());
                let last = (*to_rank).into();
                of_group.push([tenant, kind, group, state, value, id, last, most]);
                arm::OF_GROUP
            }
            By::Due(at) => {
                due.push([tenant, kind, value, id, (*at).into(), most]);
                arm::DUE
            }
        };
        places.note(arm, number);
    }
}

/// Puts one row into the snapshot. A row whose key the plan does not name cannot be; it would be left out.
fn take(
    row: Row<'_>,
    plan: &ReadPlan,
    places: &Places,
    snapshot: &mut Snapshot,
) -> Result<(), StoreError> {
    let row = Decoded(row);
    let arm = row.usize(place::ARM).at("of arms", "?")?;
    let key = row.usize(place::KEY).at("of keys", arm)?.saturating_sub(1);
    match arm {
        arm::REPLIES => {
            if let Some(key) = plan.replies.get(key) {
                let reply = row.reply(BYTES, BYTES + 1).at("replies", &key.key)?;
                snapshot.replies.insert(key.clone(), reply);
            }
        }
        arm::RECEIPTS => {
            if let Some(key) = plan.receipts.get(key) {
                let reply = row.reply(BYTES, BYTES + 1).at("entities", &key.id)?;
                snapshot.receipts.insert(key.clone(), reply);
            }
        }
        arm::MEMBERS => {
            if let Some(key) = plan.members.get(key) {
                let member = row.member(place::INT, BYTES);
                let member = member.at("members", &key.member)?;
                snapshot.members.insert(key.clone(), member);
            }
        }
        arm::ENTITIES => {
            if let Some(key) = plan.entities.get(key) {
                let entity = row.entity(place::INT, TEXT, BYTES);
                let entity = entity.at("entities", &key.id)?;
                snapshot.entities.insert(key.clone(), entity);
            }
        }
        arm::PROGRAMS => {
            if let Some(key) = plan.programs.get(key)
                && let Some(version) = row.revision(place::INT).at("programs", &key.program)?
            {
                snapshot.programs.insert(key.clone(), version);
            }
        }
        arm::REVISION_COUNTS => {
            if let Some(tenant) = plan.revision_counts.get(key) {
                let count = row.u64(place::INT).at("revision_counts", tenant)?;
                snapshot.revision_counts.insert(tenant.clone(), count);
            }
        }
        arm::COUNTERS => {
            if let Some(range) = plan.counters.get(key) {
                let counter = row.counter(place::INT);
                let (bucket, value) = counter.at("counters", &range.name.subject)?;
                snapshot.counters.insert(range.name.at(bucket), value);
            }
        }
        _ => take_of_list(row, (arm, key), plan, places, snapshot)?,
    }
    Ok(())
}

/// Puts one row of those arms into the snapshot that share a list.
fn take_of_list(
    row: Decoded<'_>,
    (arm, key): (usize, usize),
    plan: &ReadPlan,
    places: &Places,
    snapshot: &mut Snapshot,
) -> Result<(), StoreError> {
    match arm {
        arm::LOTS_DUE | arm::LOTS_OPEN | arm::LOTS_OF_PURCHASE | arm::LOTS_NUMBERED => {
            if let Some(query) = places.of(arm, key).and_then(|at| plan.lots.get(at)) {
                take_lots(row, query, snapshot)?;
            }
        }
        arm::NEWEST | arm::OF_OWNER | arm::OF_GROUP | arm::DUE => {
            let query = places.of(arm, key).and_then(|at| plan.entity_pages.get(at));
            if let Some(page) = query.and_then(|query| snapshot.entity_pages.get_mut(query)) {
                take_listed(row, page)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn take_listed(row: Decoded<'_>, page: &mut EntityPage) -> Result<(), StoreError> {
    let id = row.text(TEXT + 3).at("entities", "?")?;
    let entity = row.entity(place::INT, TEXT, BYTES).at("entities", id)?;
    page.push((SmolStr::new(id), entity));
    Ok(())
}

fn take_lots(
    row: Decoded<'_>,
    query: &LotQuery,
    snapshot: &mut Snapshot,
) -> Result<(), StoreError> {
    let lots = row.lots(TEXT).at("lots", &query.member.member)?;
    // SQLite reads for each query the most that one of them asks for.
    let most = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let lots = lots.into_iter().take(most);
    let lots = lots.map(|lot| ((query.member.clone(), lot.number), lot));
    snapshot.lots.extend(lots);
    Ok(())
}

#[cfg(all(test, feature = "sqlite"))]
#[expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in what tests share as well"
)]
mod tests {
    use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

    use super::*;
    use crate::sql::look::{self, LOOK};
    use crate::sql::statements::{Statements, step};

    /// An index that a planner finds attractive for one member reads the rows of all members.
    #[tokio::test]
    async fn every_look_up_goes_by_the_key() {
        let mut connection = opened().await;
        // The key of a table with row numbers is an index that SQLite names by itself.
        let mut by_key = vec!["PRIMARY KEY", "sqlite_autoindex"];
        by_key.extend(["INDEX lots_open", "INDEX lots_purchase"]);
        by_key.extend(["INDEX entities_owner", "INDEX entities_group"]);
        by_key.extend(["INDEX entities_newest", "INDEX entities_due"]);
        for arm in 0..ARMS {
            let statement = LOAD.assemble(Dialect::Sqlite, 1 << arm);
            let expected = match arm {
                arm::LOTS_OPEN => "INDEX lots_open (tenant=? AND member=?)",
                arm::LOTS_OF_PURCHASE => {
                    "INDEX lots_purchase (tenant=? AND member=? AND purchase=?)"
                }
                arm::NEWEST => "INDEX entities_newest (tenant=? AND kind=? AND (at,id)<(?,?))",
                arm::DUE => {
                    "INDEX entities_due (tenant=? AND kind=? AND (due_at,id)>(?,?) AND due_at<?)"
                }
                arm::OF_OWNER => {
                    "INDEX entities_owner (tenant=? AND kind=? AND owner=? AND (at,id)<(?,?))"
                }
                arm::OF_GROUP => {
                    "INDEX entities_group (tenant=? AND kind=? AND group=? AND state=? AND (rank,id)>(?,?) AND rank<?)"
                }
                _ => "",
            };
            let steps = searches(&mut connection, statement.as_str()).await;
            // The rows of a page are found by their numbers, which the index knows.
            let is_row_of_page = |step: &String| step.contains("INTEGER PRIMARY KEY (rowid=?)");
            let is_right = |step: &String| {
                (step.contains(expected) || is_row_of_page(step))
                    && by_key.iter().any(|index| step.contains(index))
            };
            let is_expected = |step: &String| step.contains(expected);
            assert!(
                steps.iter().any(is_expected) && steps.iter().all(is_right),
                "{arm}: {steps:?}"
            );
        }
        for arm in 0..look::ARMS {
            let statement = LOOK.assemble(Dialect::Sqlite, 1 << arm);
            let steps = searches(&mut connection, statement.as_str()).await;
            let is_right = |step: &String| by_key.iter().any(|index| step.contains(index));
            assert!(
                !steps.is_empty() && steps.iter().all(is_right),
                "{arm}: {steps:?}"
            );
        }
    }

    /// The first lots that are due are found by an index that has them in order, and no others are read.
    #[tokio::test]
    async fn the_first_lots_that_are_due_are_read_alone() {
        let mut connection = opened().await;
        let statement = LOAD.assemble(Dialect::Sqlite, 1 << arm::LOTS_DUE);
        let plan = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", statement.as_str()));
        let steps = sqlx::query(plan).fetch_all(&mut connection).await.unwrap();
        let details = steps.iter().map(|step| step.get::<String, _>("detail"));
        let details: Vec<String> = details.collect();
        let index = "INDEX lots_open (tenant=? AND member=? AND due_at<?)";
        let of_lots: Vec<&String> = details
            .iter()
            .filter(|step| step.contains("lots"))
            .collect();
        assert!(
            matches!(of_lots.as_slice(), [one] if one.contains(index)),
            "{details:?}"
        );
        assert!(
            !details.iter().any(|step| step.contains("TEMP B-TREE")),
            "{details:?}"
        );
    }

    /// A page follows an index and sorts nothing.
    #[tokio::test]
    async fn every_page_follows_its_index() {
        let mut connection = opened().await;
        let statements = Statements::new(Dialect::Sqlite);
        for (sql, index) in [
            (
                &statements.member_page,
                "INDEX members_newest (tenant=? AND (at,member)<(?,?))",
            ),
            (
                &statements.entities,
                "INDEX sqlite_autoindex_entities_1 (tenant=? AND kind=? AND id>?)",
            ),
            (&statements.members, "PRIMARY KEY (tenant=? AND member>?)"),
            (
                &statements.book_members,
                "PRIMARY KEY (tenant=? AND member>?)",
            ),
            (
                &statements.book_lots,
                "PRIMARY KEY (tenant=? AND (member,number)>(?,?))",
            ),
            (
                &statements.book_owned,
                "INDEX entities_owner (tenant=? AND kind=? AND (owner,at,id)>(?,?,?))",
            ),
            (
                &statements.book_counters,
                "PRIMARY KEY (tenant=? AND (subject,name,bucket)>(?,?,?))",
            ),
            (
                &statements.book_events,
                "INDEX outbox_streams (tenant=? AND (stream,seq)>(?,?))",
            ),
            (
                &statements.book_revisions,
                "INDEX sqlite_autoindex_programs_1 (tenant=? AND (program,revision)>(?,?))",
            ),
            (
                &statements.book_replies,
                "PRIMARY KEY (tenant=? AND operation=? AND (origin,key)>(?,?))",
            ),
        ] {
            let steps = explain(&mut connection, sql.as_str()).await;
            assert!(
                steps.iter().all(|step| step.contains(index)),
                "{index}: {steps:?}"
            );
        }
    }

    /// An event that is recorded finds the last one of its stream by an index.
    #[tokio::test]
    async fn streams_are_found_by_their_index() {
        let mut connection = opened().await;
        let statements = Statements::new(Dialect::Sqlite);
        let steps = searches(&mut connection, statements.steps[step::OUTBOX].as_str()).await;
        let index = "INDEX outbox_streams (tenant=? AND stream=?)";
        assert!(
            !steps.is_empty() && steps.iter().all(|step| step.contains(index)),
            "{steps:?}"
        );
    }

    /// The sweep follows an index in the order in which things become due, and sorts nothing.
    #[tokio::test]
    async fn the_sweep_follows_the_index_of_what_is_due() {
        let mut connection = opened().await;
        let statements = Statements::new(Dialect::Sqlite);
        for (sql, index) in [
            (
                &statements.due_lots,
                "INDEX lots_due (tenant=? AND (due_at,member)>(?,?)",
            ),
            (
                &statements.lots_of_all,
                "INDEX lots_due (tenant=? AND (due_at,member",
            ),
            (
                &statements.due_reviews,
                "INDEX members_due (tenant=? AND (due_at,member)>(?,?)",
            ),
        ] {
            let steps = explain(&mut connection, sql.as_str()).await;
            assert!(steps[0].contains(index), "{steps:?}");
            let sorts = steps.iter().filter(|step| step.contains("TEMP B-TREE"));
            assert_eq!(sorts.count(), 0, "{steps:?}");
            let is_found = |step: &String| {
                ["lots_due", "members_due", "lots_open", "PRIMARY KEY"]
                    .iter()
                    .any(|by| step.contains(by))
            };
            let searches = steps.iter().filter(|step| step.starts_with("S"));
            assert!(searches.clone().all(is_found), "{steps:?}");
        }
    }

    async fn opened() -> SqliteConnection {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let schema = include_str!("../../migrations/sqlite/0001_initial.sql");
        let schema = sqlx::raw_sql(schema).execute(&mut connection);
        schema.await.unwrap();
        connection
    }

    async fn explain(connection: &mut SqliteConnection, sql: &str) -> Vec<String> {
        let plan = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let steps = sqlx::query(plan).fetch_all(connection).await.unwrap();
        steps.iter().map(|step| step.get("detail")).collect()
    }

    async fn searches(connection: &mut SqliteConnection, sql: &str) -> Vec<String> {
        let mut steps = explain(connection, sql).await;
        // What travels as a parameter is no table.
        steps.retain(|step| {
            let is_look = step.starts_with("SEARCH") || step.starts_with("SCAN TABLE");
            is_look && !step.contains("jsonb_each")
        });
        steps
    }
}
