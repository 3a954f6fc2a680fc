//! Coupons: drawn, given back, and counted.

use rewards_core::command::Operation;
use rewards_core::coupons::{BookTerms, CodeLine, CodeMatching};
use rewards_core::ids::{CouponBookId, CouponId};
use rewards_core::operations::coupons::{
    AssignCoupons, CreateCouponBook, GetCouponBook, UnassignCoupon, UploadCoupons,
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
        let mut world = World::with("rules = []");
        let terms = BookTerms {
            name: "B".to_owned(),
            owner: None,
            active_from: None,
            active_until: None,
            local: None,
            pattern: None,
            matching: None,
            redeemed_by: None,
            lock: None,
            lease_seconds: None,
            transfer: None,
            limits: None,
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
