//! Coupons: drawn, given back, and counted.

use rewards_core::command::Operation;
use rewards_core::coupons::{BookTerms, CodeLine, CodeMatching, CodeUser, CouponLimits};
use rewards_core::ids::{CouponBookId, CouponId};
use rewards_core::operations::coupons::{
    AssignCoupons, CreateCouponBook, GetCouponBook, RedeemCoupon, UnassignCoupon, UploadCoupons,
};
use rewards_core::rejection::Rejection;
use rewards_core::secret::{KeyedDigest, Secret};
use sha2::{Digest, Sha256};

use crate::world::{World, member};

/// A code as an engine seals it: one digest for each way of matching.
fn sealed(text: &str) -> Secret {
    let digests = CodeMatching::ALL.map(|matching| KeyedDigest {
        key: "codes".parse().unwrap(),
        digest: hex::encode(Sha256::digest(format!("{matching:?}/{text}"))).into(),
    });
    Secret::Sealed(digests.to_vec())
}

struct Books(World);

impl Books {
    /// Book `b` with so many codes.
    fn with(codes: u32) -> Self {
        Self::used_by(codes, CodeUser::Holder, None)
    }

    fn used_by(codes: u32, user: CodeUser, limits: Option<CouponLimits>) -> Self {
        let mut world = World::with("rules = []");
        let terms = BookTerms {
            name: "B".to_owned(),
            owner: None,
            active_from: None,
            active_until: None,
            local: None,
            pattern: None,
            matching: None,
            redeemed_by: Some(user),
            lock: None,
            lease_seconds: None,
            transfer: None,
            limits,
        };
        world
            .run(&CreateCouponBook {
                book: book(),
                terms,
            })
            .unwrap();
        let mut books = Self(world);
        let lines = (0..codes).map(|n| {
            let mut line = CodeLine::new("told").unwrap();
            *line.code_mut().unwrap() = sealed(&format!("code {n}"));
            line
        });
        let upload = UploadCoupons {
            book: book(),
            lines: lines.collect(),
            keep: None,
            plain: false,
        };
        assert_eq!(books.run(&upload).unwrap().added, codes);
        books
    }

    fn run<O: Operation>(&mut self, operation: &O) -> Result<O::Reply, Rejection> {
        let key = format!("key-{}", self.0.commands);
        self.0.run_as(&key, operation)
    }

    fn draw(&mut self, count: u32) -> Vec<CouponId> {
        let assign = AssignCoupons {
            book: book(),
            member: member("ann"),
            count: Some(count),
            codes: Vec::new(),
            by: None,
            reason: None,
        };
        let drawn = self.run(&assign).unwrap().coupons.into_iter();
        drawn.map(|drawn| drawn.coupon).collect()
    }

    fn give_back(&mut self, coupon: &CouponId) {
        let back = UnassignCoupon {
            coupon: Some(coupon.clone()),
            ..UnassignCoupon::default()
        };
        self.run(&back).unwrap();
    }
}

fn book() -> CouponBookId {
    "b".parse().unwrap()
}

#[test]
fn many_are_drawn_at_once_and_all_are_different() {
    let mut books = Books::with(90);
    let mut drawn = books.draw(60);
    drawn.extend(books.draw(30));
    drawn.sort();
    drawn.dedup();
    assert_eq!(drawn.len(), 90);
    let get = GetCouponBook { book: book() };
    let found = books.run(&get).unwrap().statistics;
    assert_eq!((found.free, found.assigned), (0, 90));
    books.give_back(&drawn[7]);
    assert_eq!(books.draw(1), drawn[7..8]);
    assert_eq!(books.0.audit(&books.0.tenant), []);
}

#[test]
fn what_codes_for_anyone_were_used_is_held_against_their_book() {
    let limits = CouponLimits {
        uses_per_code: Some(3),
        ..CouponLimits::default()
    };
    let mut books = Books::used_by(2, CodeUser::Anyone, Some(limits));
    for code in ["code 0", "code 1", "code 1", "code 1"] {
        let redeem = RedeemCoupon {
            member: member("ann"),
            code: Some(sealed(code)),
            coupon: None,
            order: None,
        };
        books.run(&redeem).unwrap();
    }
    let world = &mut books.0;
    assert_eq!(world.audit(&world.tenant.clone()), []);
    for part in ["coupons/code/", "coupons/uses_above"] {
        let mut counters = world.counters.iter_mut();
        let counter = counters.find(|(key, _)| key.name.name.starts_with(part));
        *counter.unwrap().1 += 1;
        let found = world.audit(&world.tenant.clone());
        let codes: Vec<_> = found.iter().map(|problem| problem.code()).collect();
        assert_eq!(codes, ["counter_mismatch"], "{part}");
        let mut counters = world.counters.iter_mut();
        let counter = counters.find(|(key, _)| key.name.name.starts_with(part));
        *counter.unwrap().1 -= 1;
    }
}
