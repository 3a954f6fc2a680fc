//! What a world with coupons is meant to bring about; and lies about what coupons take off, and how often.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use rewards_core::coupons::CodeUser;
use rewards_core::discounts::{CouponVerdict, OfferVerdict};
use rewards_core::event::Event;
use rewards_core::money::Money;
use rewards_core::operations::purchases::{PurchaseDecision, RecordedPurchase, ReplacedPurchase};
use rewards_tests::simulation::Evidence;
use rewards_tests::simulation::auditor::Check;
use rewards_tests::simulation::workload::Command;

use super::Outcome;
use super::everything::event;
use super::tampering::{Case, Lie};

/// What became of coupons, as far as some evidence shows it.
#[derive(Debug, Default)]
pub(super) struct Coverage(BTreeMap<String, u64>);

impl Coverage {
    /// Every offer of the programs, most ends of a coupon that is named with a purchase, and what comes back.
    const WANTED: &[&str] = &[
        "applied tenth",
        "applied fiver",
        "applied one-more",
        "applied each-less",
        "applied leaflet",
        "applied gift",
        "applied extra-points",
        "applied free-shipping",
        "applied fifth",
        "applied half-shipping",
        "applied cheapest",
        "below its minimum",
        "several offers",
        "less tax",
        "less of several lines",
        "recorded",
        "replaced",
        "at the quoted price",
        "used",
        "kept",
        "quoted as refused",
        "came back",
        "used again after it came back",
        "refused as coupon_unknown",
        "refused as coupon_redeemed",
        "refused as coupon_voided",
        "refused as coupon_locked",
        "refused as quote_changed",
    ];

    fn note(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    pub(super) fn add(&mut self, evidence: &Evidence) -> Outcome {
        for told in evidence.history.0.values() {
            for refused in &told.refused {
                if matches!(
                    refused.order.command,
                    Command::Record(_) | Command::Replace(_)
                ) {
                    self.note(format!("refused as {}", refused.code));
                }
            }
            let Some(ack) = told.acks.first() else {
                continue;
            };
            match &ack.order.command {
                Command::Record(request) if !request.coupons.is_empty() => {
                    let reply: RecordedPurchase = serde_json::from_str(&ack.reply)?;
                    self.note("recorded");
                    if request.pinned.is_some() {
                        self.note("at the quoted price");
                    }
                    self.add_decision(&reply.decision);
                }
                Command::Replace(request) if !request.coupons.is_empty() => {
                    let reply: ReplacedPurchase = serde_json::from_str(&ack.reply)?;
                    self.note("replaced");
                    self.add_decision(&reply.recorded.decision);
                }
                _ => {}
            }
        }
        for quoted in &evidence.history.4 {
            let discount = quoted.decision.discount.iter();
            let mut coupons = discount.flat_map(|discount| &discount.coupons);
            if coupons.any(|own| matches!(own.outcome, CouponVerdict::Refused { .. })) {
                self.note("quoted as refused");
            }
        }
        for books in &evidence.books {
            for records in evidence.deliveries.streams(&books.tenant).values() {
                let mut returned = Vec::new();
                for record in records {
                    match &record.event {
                        Event::CouponReturned { coupon, .. } => {
                            self.note("came back");
                            returned.push(coupon);
                        }
                        Event::CouponRedeemed { coupon, .. } if returned.contains(&coupon) => {
                            self.note("used again after it came back");
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    fn add_decision(&mut self, decision: &PurchaseDecision) {
        let Some(discount) = &decision.discount else {
            return;
        };
        for applied in &discount.applied {
            self.note(format!("applied {}", applied.offer));
            if applied.lines.len() > 1 {
                self.note("less of several lines");
            }
        }
        if discount.applied.len() > 1 {
            self.note("several offers");
        }
        if discount.tax_off.is_positive() {
            self.note("less tax");
        }
        for other in &discount.others {
            match other.outcome {
                OfferVerdict::BelowMinimum { .. } => self.note("below its minimum"),
                OfferVerdict::Excluded { .. } => self.note("excluded"),
                _ => {}
            }
        }
        for own in &discount.coupons {
            match own.outcome {
                CouponVerdict::Used => self.note("used"),
                CouponVerdict::Kept => self.note("kept"),
                CouponVerdict::Refused { .. } => {}
            }
        }
    }

    pub(super) fn missing(&self) -> Vec<&str> {
        let wanted = Self::WANTED.iter().copied();
        wanted.filter(|what| !self.0.contains_key(*what)).collect()
    }
}

pub(super) const LIES: &[Lie] = &[
    ("a coupon took off more", Check::Discount, |case| {
        decided(case, |decision| {
            let applied = decision
                .discount
                .iter_mut()
                .flat_map(|own| &mut own.applied);
            let mut applied = applied.filter(|own| own.taken_off.is_positive());
            let Some(offer) = applied.next() else {
                return false;
            };
            offer.taken_off = more(offer.taken_off);
            true
        });
    }),
    (
        "a line fell by more than its share",
        Check::Discount,
        |case| {
            decided(case, |decision| {
                let mut lines = decision.discount.iter_mut().flat_map(|own| &mut own.lines);
                let Some(line) = lines.find(|line| line.after != line.before) else {
                    return false;
                };
                line.after = line.before;
                true
            });
        },
    ),
    ("more was to pay", Check::Discount, |case| {
        decided(case, |decision| {
            let Some(discount) = &mut decision.discount else {
                return false;
            };
            discount.to_pay = more(discount.to_pay);
            true
        });
    }),
    ("a coupon was not used", Check::Discount, |case| {
        decided(case, |decision| {
            let mut uses = decision
                .discount
                .iter_mut()
                .flat_map(|own| &mut own.coupons);
            let Some(used) = uses.find(|own| own.outcome == CouponVerdict::Used) else {
                return false;
            };
            used.outcome = CouponVerdict::Kept;
            true
        });
    }),
    (
        "a use came back of another coupon",
        Check::Discount,
        |case| {
            event(case, |record| match &mut record.event {
                Event::CouponReturned { coupon, .. } => {
                    *coupon = coupon.as_str().replacen(':', "0:", 1).parse().unwrap();
                    true
                }
                _ => false,
            });
        },
    ),
    (
        "a use came back for another purchase",
        Check::Discount,
        |case| {
            event(case, |record| match &mut record.event {
                Event::CouponReturned { order, .. } => {
                    *order = "p-of-nobody".parse().unwrap();
                    true
                }
                _ => false,
            });
        },
    ),
    ("a use is of nobody", Check::Effect, |case| {
        event(case, |record| match &mut record.event {
            Event::CouponRedeemed { coupon, .. } => {
                *coupon = coupon.as_str().replacen(':', "0:", 1).parse().unwrap();
                true
            }
            _ => false,
        });
    }),
    ("a purchase keeps no coupons", Check::Discount, |case| {
        let mut purchases = case.books.purchases.values_mut();
        let with = purchases.find(|stored| !stored.entity.coupons.is_empty());
        with.unwrap().entity.coupons.clear();
    }),
    ("a purchase was cheaper", Check::Discount, |case| {
        let mut purchases = case.books.purchases.values_mut();
        let with = purchases.find(|stored| !stored.entity.coupons.is_empty());
        let purchase = &mut with.unwrap().entity.purchase;
        purchase.discounts = Some(more(
            purchase
                .discounts
                .unwrap_or(Money::new(0, purchase.total.asset())),
        ));
    }),
    ("an offer took off less", Check::Discount, |case| {
        super::tampering::rewrite_documents(
            case,
            r#""fixed":{"amount":"5""#,
            r#""fixed":{"amount":"4""#,
        );
    }),
    ("an offer is of other books", Check::Discount, |case| {
        super::tampering::rewrite_documents(case, "book-2", "book-9");
    }),
    (
        "coupons come back whatever happens",
        Check::Discount,
        |case| {
            super::tampering::rewrite_documents(
                case,
                r#""returned_by":"refund""#,
                r#""returned_by":"never""#,
            );
        },
    ),
    ("a book was used less often", Check::Coupon, |case| {
        let mut counters = case.books.counters.iter_mut();
        let count = counters.find(|((_, name, _), _)| name == "coupons/uses_above");
        *count.unwrap().1 -= 1;
    }),
    (
        "a code of nobody was used less often",
        Check::Coupon,
        |case| {
            let books = &case.books.coupon_books;
            assert!(
                books
                    .values()
                    .any(|book| book.terms.user() == CodeUser::Anyone)
            );
            let mut counters = case.books.counters.iter_mut();
            let count = counters.find(|((_, name, _), _)| name.starts_with("coupons/code/"));
            *count.unwrap().1 -= 1;
        },
    ),
];

fn more(money: Money) -> Money {
    Money::new(money.minor() + 1, money.asset())
}

/// Changes the first decision of a purchase with coupons that can be changed, as it is stored.
fn decided(case: &mut Case, mut change: impl FnMut(&mut PurchaseDecision) -> bool) {
    let tenant = &case.books.tenant;
    let told = case.history.of(tenant).flat_map(|(_, told)| &told.acks);
    let records = told.filter(|ack| matches!(ack.order.command, Command::Record(_)));
    let changed = records.into_iter().find_map(|ack| {
        let mut reply: RecordedPurchase = serde_json::from_str(&ack.reply).unwrap();
        let is_changed = change(&mut reply.decision);
        is_changed.then(|| (ack.reply.clone(), serde_json::to_string(&reply).unwrap()))
    });
    let (before, after) = changed.unwrap();
    let stored = case.books.replies.values_mut();
    for reply in stored.filter(|stored| *stored.body == *before) {
        reply.body = after.clone().into();
    }
}
