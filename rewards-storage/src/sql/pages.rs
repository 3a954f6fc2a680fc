//! Pages, and balances of the past: statements of their own, each along one index.

use rewards_core::entity::{By, Cursor, EntityQuery};
use rewards_core::ids::MemberId;
use rewards_core::ledger::{Account, Holder, JournalEntry, Lot};
use rewards_core::member::MemberRow;
use rewards_core::snapshot::{
    BalancesAt, DueLotsQuery, MemberKey, MemberQuery, ReadPlan, Snapshot, StatementQuery,
};
use rewards_core::time::Timestamp;

use super::decode::Decoded;
use super::driver::Session;
use super::fault::{At as _, Failure};
use super::statements::Statements;

/// Whether a plan names any.
pub(super) fn are_named(plan: &ReadPlan) -> bool {
    !plan.statements.is_empty()
        || !plan.balances_at.is_empty()
        || !plan.member_pages.is_empty()
        || !plan.due_lots.is_empty()
}

/// Puts pages of entities, which are [looked up](super::load) with everything else, into their order, and cuts off what is more
/// than was asked for.
pub(super) fn arrange(snapshot: &mut Snapshot) {
    for (query, page) in &mut snapshot.entity_pages {
        page.sort_unstable_by(|(a, left), (b, right)| {
            let (one, other) = (&left.index, &right.index);
            match &query.by {
                By::Newest | By::Owner(_) => (other.at, b).cmp(&(one.at, a)),
                By::Group { .. } => (one.rank, a).cmp(&(other.rank, b)),
                By::Due(_) => (one.due_at, a).cmp(&(other.due_at, b)),
            }
        });
        page.truncate(usize::try_from(query.limit).unwrap_or(usize::MAX));
    }
}

/// Where a page of entities begins.
pub(super) fn begin(query: &EntityQuery) -> (i64, &str) {
    let falls = matches!(query.by, By::Newest | By::Owner(_));
    let (value, id) = start(query.after.as_ref(), falls);
    match &query.by {
        // No id is the empty text, so this is before the first one of the rank.
        By::Group { from_rank, .. } if value < *from_rank => (*from_rank, ""),
        _ => (value, id),
    }
}

/// Reads pages, and balances of the past.
pub(super) async fn read(
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
    for query in &plan.member_pages {
        if !snapshot.member_pages.contains_key(query) {
            let page = member_page(session, statements, query).await?;
            snapshot.member_pages.insert(query.clone(), page);
        }
    }
    for query in &plan.due_lots {
        if !snapshot.due_lots.contains_key(query) {
            let page = due_lots(session, statements, query).await?;
            snapshot.due_lots.insert(query.clone(), page);
        }
    }
    for query in &plan.balances_at {
        if !snapshot.balances_at.contains_key(query) {
            let balances = balances_at(session, statements, query).await?;
            snapshot.balances_at.insert(query.clone(), balances);
        }
    }
    Ok(())
}

/// Where a page begins: after a place, or before the first one. Instants are never at the ends of the range of numbers, and
/// no id is the empty text.
fn start(after: Option<&Cursor>, falls: bool) -> (i64, &str) {
    match after {
        Some(place) => (place.value, place.id.as_str()),
        None if falls => (i64::MAX, ""),
        None => (i64::MIN, ""),
    }
}

async fn member_page(
    session: &mut Session<'_>,
    statements: &Statements,
    query: &MemberQuery,
) -> Result<Vec<(MemberId, MemberRow)>, Failure> {
    let (value, id) = start(query.after.as_ref(), true);
    let params = vec![
        query.tenant.as_str().into(),
        value.into(),
        id.into(),
        query.limit.into(),
    ];
    let found = session.fetch(&statements.member_page, params).await?;
    let rows = found.iter().map(|row| Decoded(row).named_member());
    Ok(rows.collect::<Result<_, _>>()?)
}

async fn due_lots(
    session: &mut Session<'_>,
    statements: &Statements,
    query: &DueLotsQuery,
) -> Result<Vec<(MemberId, Lot)>, Failure> {
    // No id is the empty text, so this is before the first lot that is due at that instant.
    let start = (query.from, "", 0);
    let after = query.after.as_ref();
    let after = after.map(|(due, member, number)| (*due, member.as_str(), *number));
    let (due, member, number) = after.unwrap_or(start).max(start);
    let params = vec![
        query.tenant.as_str().into(),
        query.until.into(),
        query.state.text().into(),
        due.into(),
        member.into(),
        number.into(),
        query.limit.into(),
    ];
    let found = session.fetch(&statements.lots_of_all, params).await?;
    let rows = found.iter().map(|row| Decoded(row).stored_lot());
    let rows = rows.map(|stored| stored.map(|stored| (stored.member, stored.lot)));
    Ok(rows.collect::<Result<_, _>>()?)
}

async fn balances_at(
    session: &mut Session<'_>,
    statements: &Statements,
    query: &BalancesAt,
) -> Result<Vec<(Account, i64)>, Failure> {
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
    Ok(balances)
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
