//! Coupons: whose each is, how often it was used, and that leases were kept.

use std::collections::BTreeMap;

use rewards_core::coupons::{
    BookCount, BookletOrder, CodeUser, Coupon, CouponAction, CouponBook, CouponStep, LockRule,
};
use rewards_core::event::{Event, Stream};
use rewards_core::ids::CouponId;
use rewards_core::money::Money;
use rewards_core::time::Timestamp;

use super::super::{Check, Findings};
use crate::simulation::books::Books;
use crate::simulation::model::Deliveries;

/// The events of every stream, in order and each once.
pub(in super::super) type Told<'a> = BTreeMap<Stream, Vec<&'a Event>>;

/// What the events tell of one coupon.
#[derive(Debug, Default, Clone, Copy)]
struct Life {
    assigned: i64,
    unassigned: i64,
    used: i64,
    /// Of these came back with their purchases.
    returned: i64,
    used_up: i64,
    voided: i64,
    /// How often a part of what was spent of its value came back, without a use.
    in_part: i64,
    /// What was spent of its value and did not come back, in minor units.
    spent: i64,
}

/// Ends of leases, by coupon, order and beginning.
type Leases = BTreeMap<(String, String, Timestamp), Timestamp>;

pub(in super::super) fn check(
    books: &Books,
    deliveries: &Deliveries,
    told: &Told<'_>,
    findings: &mut Findings,
) {
    let lives = lives(told);
    let leases = leases(books, deliveries);
    for (id, coupon) in &books.coupons {
        let Some(book) = books.coupon_books.get(coupon.book.as_str()) else {
            findings.add(Check::Coupon, format!("{id} is of no book"));
            continue;
        };
        let life = lives.get(id).copied().unwrap_or_default();
        uses(books, book, coupon, life, findings);
        steps(book, coupon, &leases, findings);
    }
    for id in lives.keys().filter(|id| !books.coupons.contains_key(*id)) {
        findings.add(Check::Coupon, format!("{id} is from nowhere"));
    }
    for book in books.coupon_books.values() {
        counts(books, book, &lives, findings);
        booklets(books, book, findings);
    }
    members(books, told, findings);
}

fn lives(told: &Told<'_>) -> BTreeMap<String, Life> {
    let mut lives: BTreeMap<String, Life> = BTreeMap::new();
    for event in told.values().flatten() {
        match event {
            Event::CouponAssigned { coupon, .. } => {
                lives.entry(coupon.to_string()).or_default().assigned += 1;
            }
            // What replaces a coupon has its holder.
            Event::CouponReplaced { replacement, .. } => {
                lives.entry(replacement.to_string()).or_default().assigned += 1;
            }
            Event::CouponUnassigned { coupon, .. } => {
                lives.entry(coupon.to_string()).or_default().unassigned += 1;
            }
            Event::CouponRedeemed {
                coupon,
                used_up,
                amount,
                ..
            } => {
                let life = lives.entry(coupon.to_string()).or_default();
                life.used += 1;
                life.spent += amount.map_or(0, Money::minor);
                life.used_up += i64::from(*used_up);
            }
            Event::CouponReturned { coupon, amount, .. } => {
                let life = lives.entry(coupon.to_string()).or_default();
                life.returned += 1;
                life.spent -= amount.map_or(0, Money::minor);
            }
            Event::CouponValueReturned { coupon, amount, .. } => {
                let life = lives.entry(coupon.to_string()).or_default();
                life.in_part += 1;
                life.spent -= amount.minor();
            }
            Event::CouponVoided { coupon, .. } => {
                lives.entry(coupon.to_string()).or_default().voided += 1;
            }
            _ => {}
        }
    }
    lives
}

fn leases(books: &Books, deliveries: &Deliveries) -> Leases {
    let mut leases = Leases::new();
    for record in deliveries.0.get(&books.tenant).into_iter().flatten() {
        if let Event::CouponLocked {
            coupon,
            order,
            until,
        } = &record.event
        {
            let place = (coupon.to_string(), order.to_string(), record.recorded_at);
            leases.insert(place, *until);
        }
    }
    leases
}

/// The count of a book, or of a code of it.
fn counted(books: &Books, book: &CouponBook, name: &str) -> i64 {
    let place = (format!("b:{}", book.book), name.to_owned(), 0);
    books.counters.get(&place).copied().unwrap_or(0)
}

/// A coupon is with at most one member, and was used as often as it says and no more often than it may be.
fn uses(books: &Books, book: &CouponBook, coupon: &Coupon, life: Life, findings: &mut Findings) {
    let id = &coupon.coupon;
    let is_held = i64::from(coupon.holder.is_some());
    let may_be = i64::from(book.terms.uses_of_code());
    let kept = match book.terms.user() {
        CodeUser::Holder => i64::from(coupon.own_uses()),
        CodeUser::Anyone => counted(books, book, &format!("coupons/code/{id}")),
    };
    // What the one was used that it replaces it cannot be used any more.
    let carried = i64::from(coupon.uses - coupon.own_uses());
    let used = life.used - life.returned;
    let is_used_up = match book.terms.value {
        Some(worth) => value(books, coupon, worth.minor(), life, findings),
        None => used + carried == may_be,
    };
    // Each use that came back may have been the last one, which was made again since.
    let came_back = life.returned + life.in_part;
    let times_used_up = i64::from(is_used_up)..=i64::from(is_used_up) + came_back;
    let is_right = life.assigned - life.unassigned == is_held
        && life.returned <= life.used
        && used == kept
        && used + carried <= may_be
        && times_used_up.contains(&life.used_up)
        && life.used_up <= life.used
        && life.voided <= 1;
    if !is_right {
        let detail = format!(
            "{id} of {} may be used {may_be} times: {life:?}, {coupon:?}",
            book.book
        );
        findings.add(Check::Coupon, detail);
    }
    let is_over = coupon.counted_as() == BookCount::Redeemed;
    let is_voided = coupon.counted_as() == BookCount::Voided;
    if is_over != (is_used_up && !is_voided) {
        let detail =
            format!("{id} was used {used} of {may_be} times, {carried} before: {coupon:?}");
        findings.add(Check::Coupon, detail);
    }
}

/// What is spent of a coupon is what was told of it, and what was spent of the one it replaces, and never more than it is worth. Says
/// whether nothing is left.
fn value(books: &Books, coupon: &Coupon, worth: i64, life: Life, findings: &mut Findings) -> bool {
    let replaced = coupon.replaces();
    let replaced = replaced.and_then(|before| books.coupons.get(before.as_str()));
    let carried = replaced.map_or(0, |before| before.spent);
    if coupon.spent != life.spent + carried || !(0..=worth).contains(&coupon.spent) {
        let id = &coupon.coupon;
        let detail = format!("{id} is worth {worth}, {carried} before: {life:?}, {coupon:?}");
        findings.add(Check::Coupon, detail);
    }
    coupon.spent == worth
}

/// The coupons of a booklet are one member's, know of each other, and are used one after the other where the book says so.
fn booklets(books: &Books, book: &CouponBook, findings: &mut Findings) {
    let Some(terms) = &book.terms.booklet else {
        return;
    };
    let newest = |id: &CouponId| {
        let mut found = books.coupons.get(id.as_str());
        while let Some(next) = found.and_then(Coupon::replaced_by) {
            found = books.coupons.get(next.as_str());
        }
        found
    };
    for coupon in books.coupons.values().filter(|own| own.book == book.book) {
        let place = match &coupon.booklet {
            Some(place) => place,
            None if coupon.holder.is_none() => continue,
            None => {
                findings.add(Check::Coupon, format!("{coupon:?} is of no booklet"));
                continue;
            }
        };
        let all: Vec<Option<&Coupon>> = place.coupons.iter().map(newest).collect();
        let is_one = all.iter().flatten().all(|other| {
            let own = other.booklet.as_ref();
            own.is_some_and(|own| own.coupons == place.coupons && own.until == place.until)
        });
        // What was used of those before it may have come back since. One that was used was unlocked itself.
        let mut before = all.iter().zip(0..place.place).filter_map(|(own, _)| *own);
        let last = before.rfind(|other| other.counted_as() != BookCount::Voided);
        let was_used = |other: &Coupon| {
            let mut steps = other.history().iter();
            // Of a code that was lost nobody tells here.
            other.replaces().is_some() || steps.any(|step| step.action == CouponAction::Redeemed)
        };
        let is_used = coupon.uses > 0 && coupon.replaced_by().is_none();
        let is_in_turn =
            terms.order() != BookletOrder::InSequence || !is_used || last.is_none_or(was_used);
        let is_whole =
            all.iter().all(Option::is_some) && u32::try_from(all.len()) == Ok(terms.coupons);
        if !(is_one && is_whole && is_in_turn) {
            findings.add(Check::Coupon, format!("{coupon:?} of {all:?}"));
        }
    }
}

/// Step by step as far as it remembers: whose it is changes as it may, and no lease is taken from an order.
fn steps(book: &CouponBook, coupon: &Coupon, leases: &Leases, findings: &mut Findings) {
    let mut held: Option<bool> = None;
    let mut lease: Option<(&CouponStep, Option<Timestamp>)> = None;
    let mut before: Option<&CouponStep> = None;
    for step in coupon.history() {
        let order = step
            .order
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let end = leases.get(&(coupon.coupon.to_string(), order, step.at));
        let is_of_other = lease.is_some_and(|(locked, until)| {
            locked.order != step.order && until.is_some_and(|until| step.at < until)
        });
        let is_right = match step.action {
            CouponAction::Assigned => held != Some(true),
            CouponAction::Transferred => held != Some(false) && !is_of_other,
            CouponAction::Replaced => before.is_none(),
            CouponAction::Unassigned => held != Some(false) && !is_of_other,
            CouponAction::Locked => held != Some(false) && !is_of_other,
            CouponAction::Unlocked => held != Some(false),
            CouponAction::Redeemed => {
                let has_lease = lease.is_some_and(|(locked, _)| locked.order == step.order);
                let needs = book.terms.lock_rule() == LockRule::Required && before.is_some();
                !is_of_other && (!needs || has_lease)
            }
            // A lease is not touched by what comes back of another use.
            CouponAction::Returned | CouponAction::ValueReturned | CouponAction::Voided => true,
        };
        if !is_right {
            let (id, history) = (&coupon.coupon, coupon.history());
            let detail = format!("{id}: {step:?} cannot follow, {lease:?}, {history:?}");
            findings.add(Check::Coupon, detail);
        }
        match step.action {
            CouponAction::Assigned => held = Some(true),
            CouponAction::Unassigned => held = Some(false),
            _ => {}
        }
        lease = match step.action {
            CouponAction::Locked => Some((step, end.copied())),
            CouponAction::Unlocked | CouponAction::Redeemed => None,
            _ => lease,
        };
        before = Some(step);
    }
}

/// A book has as many codes as it says, in the states that are counted, and was used no more often than it may be.
fn counts(
    books: &Books,
    book: &CouponBook,
    lives: &BTreeMap<String, Life>,
    findings: &mut Findings,
) {
    let own = || {
        books
            .coupons
            .values()
            .filter(|coupon| coupon.book == book.book)
    };
    // What replaces another one counts as that one did.
    let codes = own().filter(|coupon| coupon.replaces().is_none()).count();
    let limits = book.terms.limits();
    let id = &book.book;
    findings.same(
        Check::Coupon,
        format!("codes of {id}"),
        usize::try_from(book.codes).unwrap_or(usize::MAX),
        codes,
    );
    if limits.codes.is_some_and(|most| book.codes > most) {
        findings.add(Check::Coupon, format!("{id} has {codes} codes: {limits:?}"));
    }
    for state in BookCount::STATES {
        let found = own().filter(|coupon| coupon.counted_as() == state).count();
        findings.same(
            Check::Coupon,
            format!("{} of {id}", state.state()),
            i64::try_from(found).unwrap_or(i64::MAX),
            counted(books, book, &format!("coupons/{}", state.state())),
        );
    }
    let used: i64 = own()
        .filter_map(|coupon| lives.get(coupon.coupon.as_str()))
        .map(|life| life.used - life.returned)
        .sum();
    let most = i64::from(limits.uses_of_book());
    let above = counted(books, book, "coupons/uses_above");
    if used > most || above != used - most {
        findings.add(
            Check::Coupon,
            format!("{id} was used {used} of {most} times: {above}"),
        );
    }
}

/// Nobody used a book more often, or got more of its codes, than one member may.
fn members(books: &Books, told: &Told<'_>, findings: &mut Findings) {
    // A code of somebody who was merged is the other one's to give, and counts as that of the first.
    let is_one = |stream: &Stream| match stream {
        Stream::Member(member) => books.goes_on_as(member) == member,
        Stream::Program(_) => false,
    };
    for (stream, events) in told.iter().filter(|(stream, _)| is_one(stream)) {
        let mut uses: BTreeMap<&str, i64> = BTreeMap::new();
        let mut most_uses: BTreeMap<&str, i64> = BTreeMap::new();
        let mut codes: BTreeMap<&str, i64> = BTreeMap::new();
        for event in events {
            match event {
                Event::CouponRedeemed { book, .. } => {
                    let used = uses.entry(book.as_str()).or_default();
                    *used += 1;
                    let most = most_uses.entry(book.as_str()).or_default();
                    *most = (*most).max(*used);
                }
                Event::CouponReturned { book, .. } => *uses.entry(book.as_str()).or_default() -= 1,
                Event::CouponAssigned { book, .. } | Event::CouponReceived { book, .. } => {
                    *codes.entry(book.as_str()).or_default() += 1;
                }
                Event::CouponUnassigned { book, .. } | Event::CouponSent { book, .. } => {
                    *codes.entry(book.as_str()).or_default() -= 1;
                }
                _ => {}
            }
        }
        for book in books.coupon_books.values() {
            let limits = book.terms.limits();
            let id = book.book.as_str();
            for (count, most) in [
                (most_uses.get(id), limits.uses_per_member),
                (codes.get(id), limits.codes_per_member),
            ] {
                let (count, most) = (
                    count.copied().unwrap_or(0),
                    most.map_or(i64::MAX, i64::from),
                );
                if count > most {
                    findings.add(
                        Check::Coupon,
                        format!("{stream:?}: {count} of {most} of {id}"),
                    );
                }
            }
        }
    }
}
