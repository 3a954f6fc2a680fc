//! A shop whose members have coupons of books that are named like the offers they give.

use rewards_core::command::Operation;
use rewards_core::coupons::{BookTerms, CodeLine, CodeMatching, CouponLimits};
use rewards_core::discounts::{BasketDiscount, CouponVerdict, OfferVerdict};
use rewards_core::ids::{CouponBookId, CouponId};
use rewards_core::operations::coupons::{
    AssignCoupons, CouponDetails, CreateCouponBook, GetCoupon, GetCouponBook, ListCoupons,
    UploadCoupons,
};
use rewards_core::operations::purchases::{QuotePurchase, RecordPurchase, RecordedPurchase};
use rewards_core::rejection::Rejection;
use rewards_core::secret::{KeyedDigest, Secret};
use sha2::{Digest, Sha256};

use super::world::{World, member};

/// A code as an engine seals it: one digest for each way of matching.
pub fn sealed(text: &str) -> Secret {
    let digests = CodeMatching::ALL.map(|matching| KeyedDigest {
        key: "codes".parse().unwrap(),
        digest: hex::encode(Sha256::digest(format!("{matching:?}/{text}"))).into(),
    });
    Secret::Sealed(digests.to_vec())
}

/// A line of an upload, or a new code, as an engine seals it.
pub fn line(text: &str) -> CodeLine {
    let mut line = CodeLine::new("told").unwrap();
    *line.code_mut().unwrap() = sealed(text);
    line
}

/// Terms of a book that say nothing but its limits.
pub fn terms(limits: Option<CouponLimits>) -> BookTerms {
    BookTerms {
        limits,
        ..BookTerms::new("B")
    }
}

pub struct Shop {
    pub world: World,
    codes: u32,
}

impl Shop {
    /// A shop with the section `offers` of this program.
    pub fn with(program: &str) -> Self {
        let mut world = World::with(program);
        world.at("2026-03-02");
        Self { world, codes: 0 }
    }

    pub fn run<O: Operation>(&mut self, operation: &O) -> Result<O::Reply, Rejection> {
        let key = format!("key-{}", self.world.commands);
        self.world.run_as(&key, operation)
    }

    pub fn open(&mut self, book: &str, terms: BookTerms) {
        let book = book.parse().unwrap();
        self.run(&CreateCouponBook { book, terms }).unwrap();
    }

    /// New codes of a book.
    pub fn codes(&mut self, book: &str, count: u32) {
        let first = self.codes;
        self.codes += count;
        let lines = (first..self.codes).map(|number| line(&format!("code {number}")));
        let upload = UploadCoupons {
            book: book.parse().unwrap(),
            lines: lines.collect(),
            keep: None,
            plain: false,
        };
        assert_eq!(self.run(&upload).unwrap().added, count);
    }

    pub fn draw(&mut self, book: &str, whose: &str) -> CouponId {
        let mut drawn = self.draw_many(book, whose, 1).into_iter();
        drawn.next().unwrap()
    }

    pub fn draw_many(&mut self, book: &str, whose: &str, count: u32) -> Vec<CouponId> {
        let assign = AssignCoupons {
            book: book.parse().unwrap(),
            member: member(whose),
            count: Some(count),
            codes: Vec::new(),
            by: None,
            reason: None,
        };
        let drawn = self.run(&assign).unwrap().coupons.into_iter();
        drawn.map(|drawn| drawn.coupon).collect()
    }

    /// A coupon of `ann`'s of a book, which is opened when it is not there.
    pub fn coupon(&mut self, book: &str) -> CouponId {
        let get = GetCouponBook {
            book: book.parse::<CouponBookId>().unwrap(),
        };
        if self.run(&get).is_err() {
            self.open(book, terms(None));
        }
        self.codes(book, 1);
        self.draw(book, "ann")
    }

    /// A code of a book that anyone may redeem.
    pub fn free(&mut self, book: &str) -> CouponId {
        let list = ListCoupons {
            book: Some(book.parse().unwrap()),
            ..ListCoupons::default()
        };
        let mut found = self.run(&list).unwrap().coupons.into_iter();
        found.next().unwrap().coupon
    }

    pub fn quote(&mut self, purchase: &str, coupons: &[CouponId]) -> BasketDiscount {
        let quote = QuotePurchase {
            purchase: self.world.purchase(purchase),
            coupons: coupons.to_vec(),
            explain: false,
        };
        let quoted = self.world.run(&quote);
        let quoted = quoted.unwrap_or_else(|error| panic!("{purchase}: {error}"));
        quoted.decision.discount.unwrap()
    }

    pub fn buy(
        &mut self,
        purchase: &str,
        coupons: &[CouponId],
    ) -> Result<RecordedPurchase, Rejection> {
        self.world.run(&RecordPurchase {
            coupons: coupons.to_vec(),
            ..RecordPurchase::new(self.world.purchase(purchase))
        })
    }

    pub fn get(&mut self, coupon: &CouponId) -> CouponDetails {
        let get = GetCoupon {
            coupon: Some(coupon.clone()),
            ..GetCoupon::default()
        };
        self.run(&get).unwrap()
    }
}

/// A discount in words: `pay 27.00; a 3.00 = 2.00 + 1.00; b no_effect; tax 0.20`, coupons that are not used at the end.
pub fn say(discount: &BasketDiscount) -> String {
    let mut parts = vec![format!("pay {}", discount.to_pay)];
    for own in &discount.applied {
        let lines: Vec<String> = own
            .lines
            .iter()
            .map(|share| format!("#{} {}", share.line, share.amount))
            .collect();
        let lines = match lines.is_empty() {
            true => String::new(),
            false => format!(" = {}", lines.join(" + ")),
        };
        parts.push(format!("{} {}{lines}", own.offer, own.taken_off));
    }
    for other in &discount.others {
        let why = match &other.outcome {
            OfferVerdict::Inactive => "inactive".to_owned(),
            OfferVerdict::Unmatched { failed } => format!("unmatched {failed}"),
            OfferVerdict::NoLines => "no lines".to_owned(),
            OfferVerdict::BelowMinimum { short_by } => format!("short by {short_by}"),
            OfferVerdict::NoEffect => "no effect".to_owned(),
            OfferVerdict::Outranked { amount } => format!("outranked {amount}"),
            OfferVerdict::Excluded { by } => format!("excluded by {by}"),
            OfferVerdict::TooMany => "too many".to_owned(),
        };
        parts.push(format!("{}: {why}", other.offer));
    }
    if discount.shipping_off.is_positive() {
        parts.push(format!("shipping {}", discount.shipping_off));
    }
    if discount.tax_off.is_positive() {
        parts.push(format!("tax {}", discount.tax_off));
    }
    for (at, own) in discount.coupons.iter().enumerate() {
        match &own.outcome {
            CouponVerdict::Used => {}
            CouponVerdict::Kept => parts.push(format!("coupon {at} kept")),
            CouponVerdict::Refused { code, .. } => parts.push(format!("coupon {at} {code}")),
        }
    }
    parts.join("; ")
}
