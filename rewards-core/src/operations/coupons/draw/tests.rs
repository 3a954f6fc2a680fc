use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::entity::{EntityWrite, Expected};
use crate::ids::{CouponId, IdSeed, TenantId};
use crate::time::Timestamp;

/// The free codes of a book, and who draws.
struct Shelf {
    free: BTreeMap<(i64, CouponId), Coupon>,
    commands: u128,
}

fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

fn book() -> CouponBookId {
    "b".parse().unwrap()
}

impl Shelf {
    fn with(codes: u32) -> Self {
        let coupons = (0..codes).map(|n| {
            let id = format!("c{}:k", hex::encode(&Sha256::digest(n.to_be_bytes())[..16]));
            Coupon::new(id.parse().unwrap(), book(), Timestamp::MIN)
        });
        Self {
            free: coupons.map(Self::placed).collect(),
            commands: 0,
        }
    }

    fn placed(coupon: Coupon) -> ((i64, CouponId), Coupon) {
        ((coupon.coupon.rank(), coupon.coupon.clone()), coupon)
    }

    fn page(&self, query: &EntityQuery) -> EntityPage {
        let By::Group {
            from_rank, to_rank, ..
        } = &query.by
        else {
            panic!("{query:?}");
        };
        let after = |(rank, id): &&(i64, CouponId)| {
            let place = |after: &Cursor| (*rank, id.as_str()) > (after.value, after.id.as_str());
            (from_rank..=to_rank).contains(&rank) && query.after.as_ref().is_none_or(place)
        };
        let found = self.free.iter().filter(|(place, _)| after(place));
        let found = found.take(usize::try_from(query.limit).unwrap());
        let rows = found.map(|(_, coupon)| {
            let write = EntityWrite::of(&tenant(), &coupon.coupon, Expected::Absent, coupon);
            let write = write.unwrap();
            (write.key.id, write.row)
        });
        rows.collect()
    }

    /// Draws so many, as one command.
    fn draw(&mut self, asked: u32) -> Result<Vec<Coupon>, Rejection> {
        self.commands += 1;
        let context = Context {
            tenant: tenant(),
            now: Timestamp::MIN,
            ids: IdSeed::new(Timestamp::MIN, self.commands),
            programs: Arc::default(),
            keys: None,
        };
        let mut snapshot = Snapshot::default();
        let count = BookCount::Available.key(&tenant(), &book());
        let free = i64::try_from(self.free.len()).unwrap();
        snapshot.counters.insert(count, free);
        for _ in 0..crate::command::ROUNDS_MAX {
            let draw = Draw {
                snapshot: &snapshot,
                context: &context,
                book: &book(),
            };
            match draw.draw(asked) {
                Ok(drawn) => {
                    let drawn: Vec<Coupon> = drawn.into_iter().map(|one| one.entity).collect();
                    for one in &drawn {
                        let (place, _) = Self::placed(one.clone());
                        assert!(self.free.remove(&place).is_some(), "drawn twice");
                    }
                    return Ok(drawn);
                }
                Err(Undecided::Rejected(rejection)) => return Err(rejection),
                Err(Undecided::Needs(plan)) => {
                    for query in plan.entity_pages {
                        let page = self.page(&query);
                        snapshot.entity_pages.insert(query, page);
                    }
                }
            }
        }
        panic!("more is needed again and again");
    }

    fn give_back(&mut self, coupon: Coupon) {
        self.free.extend([Self::placed(coupon)]);
    }
}

/// How far counts are from being equal: the statistic of the chi-square test, in thousandths.
fn chi_square(counts: &BTreeMap<CouponId, i64>) -> i64 {
    let number = i64::try_from(counts.len()).unwrap();
    let sum: i64 = counts.values().sum();
    let squares: i64 = counts
        .values()
        .map(|count| (count * number - sum).pow(2))
        .sum();
    squares * 1_000 / (sum * number)
}

/// Draws five codes one after another, gives the first two back, and draws two more, again and again: at every one of these draws
/// each code is as likely as every other, and one that was just given back is as likely as one that was never drawn.
///
/// Of fair draws, chi-square is above the bound once in ten thousand; the draws are the same in every run.
fn check_fair(codes: u32, rounds: i64, bound: i64) {
    let mut shelf = Shelf::with(codes);
    let mut at_draw: Vec<BTreeMap<CouponId, i64>> = vec![BTreeMap::new(); 7];
    let mut again = 0_i64;
    for _ in 0..rounds {
        let mut held = Vec::new();
        let mut back: Vec<CouponId> = Vec::new();
        for (number, counts) in at_draw.iter_mut().enumerate() {
            if number == 5 {
                for coupon in held.drain(..2).collect::<Vec<Coupon>>() {
                    back.push(coupon.coupon.clone());
                    shelf.give_back(coupon);
                }
            }
            let drawn = shelf.draw(1).unwrap().remove(0);
            *counts.entry(drawn.coupon.clone()).or_default() += 1;
            again += i64::from(back.contains(&drawn.coupon));
            held.push(drawn);
        }
        held.into_iter().for_each(|coupon| shelf.give_back(coupon));
    }
    for (number, counts) in at_draw.iter().enumerate() {
        assert_eq!(counts.len(), usize::try_from(codes).unwrap());
        let found = chi_square(counts);
        assert!(found < bound, "draw {number} of {codes}: {found}");
    }
    // Of the free codes two had been given back, at both of the last two draws on average.
    let mean = rounds * 4 / (i64::from(codes) - 3);
    assert!((again - mean).pow(2) < 16 * mean, "{again} of {mean}");
}

#[test]
fn every_code_of_a_large_book_is_as_likely_as_every_other() {
    // 49 degrees of freedom.
    check_fair(50, 1_000, 96_000);
}

#[test]
fn every_code_of_a_small_book_is_as_likely_as_every_other() {
    // 11 degrees of freedom.
    check_fair(12, 1_000, 38_000);
}

#[test]
fn all_codes_are_drawn_and_no_more() {
    for codes in [1, 32, 33, 150, 700] {
        let mut shelf = Shelf::with(codes);
        let mut left = codes;
        while left > 0 {
            let asked = left.min(20);
            let drawn = shelf.draw(asked).unwrap();
            assert_eq!(drawn.len(), usize::try_from(asked).unwrap());
            left -= asked;
        }
        let short = Rejection::CouponsShort { asked: 1, free: 0 };
        assert_eq!(shelf.draw(1), Err(short));
    }
}

#[test]
fn every_order_is_as_likely_as_every_other() {
    let mut found: BTreeMap<Vec<usize>, u32> = BTreeMap::new();
    let snapshot = Snapshot::default();
    for command in 0..6_000 {
        let context = Context {
            tenant: tenant(),
            now: Timestamp::MIN,
            ids: IdSeed::new(Timestamp::MIN, command),
            programs: Arc::default(),
            keys: None,
        };
        let draw = Draw {
            snapshot: &snapshot,
            context: &context,
            book: &book(),
        };
        *found.entry(draw.shuffled(3)).or_default() += 1;
    }
    assert_eq!(found.len(), 6);
    // Each order is expected 1,000 times, and six standard deviations are 173.
    for (order, times) in found {
        assert!((827..=1_173).contains(&times), "{order:?}: {times}");
    }
}
