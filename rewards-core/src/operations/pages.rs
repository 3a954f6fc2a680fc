//! Pages of lists: how many items, and where the next page begins.

use smol_str::SmolStr;

use super::unless_wrong;
use crate::command::Undecided;
use crate::context::Context;
use crate::entity::{By, Cursor, Entity, EntityQuery, EntityRow};
use crate::ids::MemberId;
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};

/// Items of a page when nothing is said.
pub const PAGE_ITEMS_DEFAULT: u32 = 50;
/// The most items of a page.
pub const PAGE_ITEMS_MAX: u32 = 1_000;

/// One page of a list, as a request asks for it.
#[derive(Debug)]
pub struct Page {
    list: String,
    limit: u32,
    /// The place after which the page begins.
    pub(super) after: Option<Cursor>,
}

impl Page {
    /// Reads what a request says of a page of a list of the tenant.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] with `limit_invalid` and `cursor_invalid`.
    pub(super) fn new(
        context: &Context,
        list: &str,
        after: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Self, Rejection> {
        let list = format!("{}/{list}", context.tenant);
        let mut problems = Vec::new();
        let limit = limit.unwrap_or(PAGE_ITEMS_DEFAULT);
        if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
            let detail = format!("expected 1 to {PAGE_ITEMS_MAX}, got {limit}");
            problems.push(Problem::new("limit_invalid", "limit", detail));
        }
        let after = match after.map(|text| Cursor::from_text(text, &list)).transpose() {
            Ok(after) => after,
            Err(error) => {
                let detail = format!("{error} of the same list");
                problems.push(Problem::new("cursor_invalid", "after", detail));
                None
            }
        };
        unless_wrong(problems)?;
        Ok(Self { list, limit, after })
    }

    /// How many rows are read: one more than the page shows whether there is another page.
    pub(super) fn rows(&self) -> u32 {
        self.limit.saturating_add(1)
    }

    /// Cuts off what is beyond the page, and says where the next page begins, if there is one.
    pub(super) fn cut<T>(
        &self,
        mut rows: Vec<T>,
        place: impl FnOnce(&T) -> Cursor,
    ) -> (Vec<T>, Option<String>) {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let is_last = rows.len() <= limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| !is_last).map(place);
        let next = next.map(|place| place.to_text(&self.list));
        (rows, next)
    }
}

/// A page of the entities of a kind, ready to be looked up: those of a member or of all, newest first, or those of a group by rank,
/// in one state or in several.
#[derive(Debug)]
pub struct EntityList {
    page: Page,
    query: EntityQuery,
    /// The same of other states of the group.
    others: Vec<EntityQuery>,
}

impl EntityList {
    /// A page of those of a member, or of all. `plural` names the list, which its places belong to.
    ///
    /// # Errors
    /// As for any [page](Page::new).
    pub(super) fn newest<E: Entity>(
        context: &Context,
        plural: &str,
        member: Option<&MemberId>,
        after: Option<&str>,
        limit: Option<u32>,
    ) -> Result<(ReadPlan, Self), Rejection> {
        let (name, by) = match member {
            Some(member) => (format!("{plural} of {member}"), By::Owner(member.clone())),
            None => (plural.to_owned(), By::Newest),
        };
        let (mut plan, list) = Self::named::<E>(context, &name, by, after, limit)?;
        plan.members = member.map(|m| context.member_key(m)).into_iter().collect();
        Ok((plan, list))
    }

    /// A page of a list with a name of its own.
    ///
    /// # Errors
    /// As for any [page](Page::new).
    pub(super) fn named<E: Entity>(
        context: &Context,
        name: &str,
        by: By,
        after: Option<&str>,
        limit: Option<u32>,
    ) -> Result<(ReadPlan, Self), Rejection> {
        Self::together::<E>(context, name, vec![by], after, limit)
    }

    /// A page of several lists in one order, that of the first. What moves from one list to another keeps its place.
    ///
    /// # Errors
    /// As for any [page](Page::new).
    pub(super) fn together<E: Entity>(
        context: &Context,
        name: &str,
        lists: Vec<By>,
        after: Option<&str>,
        limit: Option<u32>,
    ) -> Result<(ReadPlan, Self), Rejection> {
        let page = Page::new(context, name, after, limit)?;
        let queries = lists.into_iter().map(|by| EntityQuery {
            tenant: context.tenant.clone(),
            kind: E::KIND,
            by,
            after: page.after.clone(),
            limit: page.rows(),
        });
        let mut others: Vec<EntityQuery> = queries.collect();
        let plan = ReadPlan {
            entity_pages: others.clone(),
            ..ReadPlan::default()
        };
        if others.is_empty() {
            return Err(Rejection::Internal("a page of no list"));
        }
        let query = others.remove(0);
        Ok((
            plan,
            Self {
                page,
                query,
                others,
            },
        ))
    }

    /// The entities of the page, each shown in its way, and where the next page begins. Those of whoever was merged into the
    /// member are among them.
    ///
    /// # Errors
    /// [`Rejection::MemberUnknown`] for the list of nobody; what is wrong with a body; [`Undecided::Needs`] the pages of whoever
    /// was merged into the member.
    pub(super) fn read<E: Entity, T>(
        &self,
        snapshot: &Snapshot,
        context: &Context,
        show: impl Fn(E) -> T,
    ) -> Result<(Vec<T>, Option<String>), Undecided> {
        let queries = self.queries(snapshot, context)?;
        let pages = queries.iter().map(|query| snapshot.entity_pages.get(query));
        let mut rows: Vec<&(SmolStr, EntityRow)> = pages.flatten().flatten().collect();
        if queries.len() > 1 {
            rows.sort_by(|(left, row), (right, other)| {
                let place = (self.value(row), left.as_bytes());
                let behind = (self.value(other), right.as_bytes());
                match self.query.by {
                    By::Group { .. } => place.cmp(&behind),
                    By::Newest | By::Owner(_) | By::Due(_) => behind.cmp(&place),
                }
            });
        }
        let (rows, next) = self.page.cut(rows, |(id, row)| self.place(id, row));
        let shown = rows.into_iter().map(|(_, row)| row.read::<E>());
        let shown = shown.map(|stored| Ok(show(stored?.entity)));
        Ok((shown.collect::<Result<_, Rejection>>()?, next))
    }

    /// The pages that make this one: that of the member, and those of whoever was merged into the member.
    fn queries(
        &self,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Vec<EntityQuery>, Undecided> {
        let mut queries = vec![self.query.clone()];
        queries.extend(self.others.iter().cloned());
        let By::Owner(member) = &self.query.by else {
            return Ok(queries);
        };
        let row = snapshot.members.get(&context.member_key(member));
        let row = row.ok_or_else(|| Rejection::MemberUnknown(member.clone()))?;
        queries.extend(row.profile.merged.iter().map(|merged| EntityQuery {
            by: By::Owner(merged.clone()),
            ..self.query.clone()
        }));
        let unseen = queries.iter();
        let unseen = unseen.filter(|query| !snapshot.entity_pages.contains_key(*query));
        let unseen: Vec<EntityQuery> = unseen.cloned().collect();
        if unseen.is_empty() {
            return Ok(queries);
        }
        Err(Undecided::Needs(Box::new(ReadPlan {
            entity_pages: unseen,
            ..ReadPlan::default()
        })))
    }

    fn place(&self, id: &SmolStr, row: &EntityRow) -> Cursor {
        Cursor {
            value: self.value(row),
            id: id.clone(),
        }
    }

    /// What the list is ordered by.
    fn value(&self, row: &EntityRow) -> i64 {
        match self.query.by {
            By::Group { .. } => row.index.rank.unwrap_or_default(),
            By::Newest | By::Owner(_) | By::Due(_) => row.index.at.micros(),
        }
    }
}
