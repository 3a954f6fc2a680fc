//! Books of coupons: few, with few codes that everybody knows of, so that everybody wants the same ones.
//!
//! Codes that are uploaded follow from their book and a number. Of each it is known who is to hold it and for which order, so that
//! what members say of their codes is mostly right, and not always.

use rewards_core::coupons::{
    BookTerms, BookletOrder, BookletTerms, CodeLine, CodeMatching, CodeUser, CouponLimits,
    CouponTransfer, LockRule,
};
use rewards_core::ids::{
    CouponBatchId, CouponBookId, CouponId, IdempotencyKey, MemberId, OrderId, Slug, TenantId,
};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::coupons::{
    AssignCoupons, BookStatus, CheckCoupon, CreateCouponBook, DistributeCoupons, GenerateCoupons,
    LockCoupon, RedeemCoupon, ReplaceCoupon, TransferCoupon, UnassignCoupon, UnlockCoupon,
    UpdateCouponBook, UploadCoupons, VoidCoupon,
};
use rewards_core::secret::Secret;

use super::super::Failed;
use super::super::keys::coupon_of;
use super::super::mix::Scope;
use super::super::random::Random;
use super::super::workload::{Command, HOUR, Order, Script};

/// How many books a tenant has.
pub(in super::super) const BOOKS: u64 = 9;
/// How many codes of each are known.
const CODES: u64 = 7;
/// The book whose codes must be locked.
const LOCKED: u64 = 1;
/// The book whose codes anyone may redeem.
const SHARED: u64 = 2;
/// The book whose codes are kept as they are.
const PLAIN: u64 = 5;
/// The book whose codes are given in booklets of so many, and how many of those that are known can be.
const BOOKLETS: u64 = 7;
const BOOKLET: u64 = 3;
const IN_BOOKLETS: u64 = 6;
/// The book whose codes are worth an amount.
const VALUED: u64 = 8;
/// What each is worth, in cents.
const WORTH: i64 = 1_200;

impl Script {
    /// Whether anything is ordered of a book: where all is worked out again nothing is locked.
    pub(in super::super) fn has_book(&self, book: u64) -> bool {
        self.scope == Scope::Everything || book % BOOKS != LOCKED
    }

    /// A book, the same whoever makes it.
    pub(in super::super) fn open_book(&self, book: u64) -> Result<Command, Failed> {
        let (book, terms) = (book % BOOKS, self.terms(book % BOOKS)?);
        let book = book_id(book)?;
        Ok(Command::OpenBook(CreateCouponBook { book, terms }))
    }

    fn terms(&self, book: u64) -> Result<BookTerms, Failed> {
        let hours = |hours: i64| self.start.checked_add_micros(hours.saturating_mul(HOUR));
        let limited = |change: fn(&mut CouponLimits)| {
            let mut limits = CouponLimits::default();
            change(&mut limits);
            Some(limits)
        };
        let mut terms = BookTerms {
            pattern: Some("SPRING-{RANDOM:8}".to_owned()),
            transfer: book.is_multiple_of(3).then_some(CouponTransfer::Permitted),
            ..BookTerms::new(&format!("book {book}"))
        };
        match book {
            0 => terms.limits = limited(|limits| limits.codes_per_member = Some(6)),
            LOCKED => {
                (terms.lock, terms.lease_seconds) = (Some(LockRule::Required), Some(3_600));
                terms.limits = limited(|limits| limits.uses_per_code = Some(2));
            }
            SHARED => {
                terms.redeemed_by = Some(CodeUser::Anyone);
                terms.limits = limited(|limits| {
                    limits.uses_per_code = Some(5);
                    limits.uses_per_member = Some(3);
                    limits.uses = Some(30);
                });
            }
            3 => {
                (terms.active_from, terms.active_until) = (Some(hours(12)?), Some(hours(90)?));
                terms.matching = Some(CodeMatching::LookAlikes);
                terms.limits = limited(|limits| limits.uses_per_member = Some(3));
            }
            4 => {
                terms.lock = Some(LockRule::Forbidden);
                terms.limits = limited(|limits| (limits.uses, limits.codes) = (Some(6), Some(40)));
            }
            PLAIN => terms.matching = Some(CodeMatching::Exact),
            BOOKLETS => {
                terms.transfer = Some(CouponTransfer::Permitted);
                terms.booklet = Some(BookletTerms {
                    coupons: u32::try_from(BOOKLET)?,
                    order: Some(BookletOrder::InSequence),
                    lasts_days: Some(3),
                });
            }
            VALUED => terms.value = Some(Money::new(WORTH, Asset::parse("EUR")?)),
            _ => terms.limits = limited(|limits| limits.uses_per_code = Some(3)),
        }
        Ok(terms)
    }

    /// A pause, the end of it, more room, a longer time; and rarely the end of a book.
    pub(in super::super) fn change_book(
        &self,
        random: &mut Random,
        index: u64,
    ) -> Result<Command, Failed> {
        let mut update = UpdateCouponBook {
            book: book_id(random.below(BOOKS))?,
            status: None,
            name: None,
            owner: None,
            active_from: None,
            active_until: None,
            pattern: None,
            lock: None,
            lease_seconds: None,
            local: None,
            transfer: None,
            limits: None,
        };
        match random.below(40) {
            0 => update.status = Some(BookStatus::Closed),
            1..4 => update.status = Some(BookStatus::Paused),
            4..20 => update.status = Some(BookStatus::Active),
            20..25 => {
                let until = self.instant(index.saturating_add(random.below(6)))?;
                update.active_until = Some(until);
            }
            25..35 => {
                let most = |random: &mut Random, most: u64| {
                    u32::try_from(random.below(most)).map(|most| Some(most.saturating_add(1)))
                };
                update.limits = Some(CouponLimits {
                    uses: most(random, 40)?,
                    uses_per_member: None,
                    uses_per_code: None,
                    codes_per_member: None,
                    codes: most(random, 100)?,
                });
            }
            _ => update.name = Some(format!("book of {index}")),
        }
        Ok(Command::ChangeBook(update))
    }

    /// A batch: how many codes it has and whether they are told follows from its name.
    pub(in super::super) fn generate(&self, random: &mut Random) -> Result<Command, Failed> {
        let (book, batch) = (random.below(BOOKS), random.below(4));
        Ok(Command::Generate(GenerateCoupons {
            book: book_id(book)?,
            batch: CouponBatchId::new(&format!("batch-{batch}"))?,
            count: u32::try_from(6 + 3 * batch)?,
            after: random.chance(50).then_some(3),
            codes: batch % 2 == 0,
        }))
    }

    /// All of the known codes.
    pub(in super::super) fn upload_all(&self, book: u64) -> Result<Command, Failed> {
        let book = book % BOOKS;
        let lines = (0..CODES).map(|number| CodeLine::new(&code(book, number)));
        Ok(Command::Upload(UploadCoupons {
            book: book_id(book)?,
            lines: lines.collect::<Result<_, _>>()?,
            keep: None,
            plain: book == PLAIN,
        }))
    }

    /// Some of the known codes, with a bad line now and then.
    pub(in super::super) fn upload(
        &self,
        random: &mut Random,
        book: u64,
    ) -> Result<Command, Failed> {
        let book = book % BOOKS;
        let first = match book == SHARED {
            true => 0,
            false => random.below(CODES),
        };
        let mut lines = Vec::new();
        for number in 0..random.below(7).saturating_add(2) {
            let text = match random.below(20) {
                0 => "  ".to_owned(),
                1 => "x".repeat(300),
                2 => code(book, first),
                _ => code(book, (first + number) % CODES),
            };
            lines.push(CodeLine::new(&text)?);
        }
        let keep = random
            .chance(200)
            .then_some(rewards_core::operations::coupons::KeepLines::AllOrNone);
        Ok(Command::Upload(UploadCoupons {
            book: book_id(book)?,
            lines,
            keep,
            plain: book == PLAIN,
        }))
    }

    /// All codes of a book that a member is to hold.
    pub(in super::super) fn assign_all(
        &self,
        book: u64,
        member: u64,
    ) -> Result<Option<Command>, Failed> {
        let (book, member) = (book % BOOKS, self.member(member)?);
        let mut codes = Vec::new();
        for number in 0..known_of(book) {
            if self.known_holder(book, number)? == member {
                codes.push(Secret::from(code(book, number).as_str()));
            }
        }
        if codes.is_empty() || book == SHARED {
            return Ok(None);
        }
        Ok(Some(Command::Assign(AssignCoupons {
            book: book_id(book)?,
            member,
            count: None,
            codes,
            by: None,
            reason: None,
        })))
    }

    /// Coupons by a draw, or with codes that somebody chose.
    pub(in super::super) fn assign(&self, random: &mut Random) -> Result<Command, Failed> {
        let book = random.below(BOOKS);
        let number = random.below(known_of(book));
        let together = if book == BOOKLETS { BOOKLET } else { 1 };
        let mut assign = AssignCoupons {
            book: book_id(book)?,
            member: self.holder(random, book, number)?,
            count: None,
            codes: Vec::new(),
            by: None,
            reason: None,
        };
        if random.chance(350) {
            let count = random.below(3).saturating_add(1);
            assign.count = Some(u32::try_from(count.saturating_mul(together))?);
        } else {
            let first = number - number % together;
            let codes = (first..first + together).map(|number| code(book, number));
            assign.codes = codes.map(|code| Secret::from(code.as_str())).collect();
        }
        if random.chance(200) {
            (assign.by, assign.reason) = (Some(Slug::new("desk")?), Some(Slug::new("sorry")?));
        }
        Ok(Command::Assign(assign))
    }

    /// Coupons for several members at once.
    pub(in super::super) fn distribute(&self, random: &mut Random) -> Result<Command, Failed> {
        let count = u32::try_from(random.below(4))?.saturating_add(1);
        let (is_each, book) = (random.chance(500), random.below(BOOKS));
        let each = if book == BOOKLETS { BOOKLET } else { 1 };
        let each = u32::try_from(each)?;
        Ok(Command::Distribute(DistributeCoupons {
            book: book_id(book)?,
            members: self.sharers(random)?,
            each: is_each.then_some(each),
            total: (!is_each).then_some(count),
            partial: random.chance(600),
            by: None,
            reason: None,
        }))
    }

    /// A coupon that its holder gives to somebody else.
    pub(in super::super) fn give(
        &self,
        random: &mut Random,
        index: u64,
    ) -> Result<Command, Failed> {
        let (_, code, member, _) = self.claim(random, index)?;
        Ok(Command::Give(TransferCoupon {
            member,
            to: self.some_member(random)?,
            code: Some(code),
            coupon: None,
        }))
    }

    /// A code that was lost: another one is made, or given.
    pub(in super::super) fn replace_code(&self, random: &mut Random) -> Result<Command, Failed> {
        let (book, number) = (random.below(BOOKS), random.below(CODES));
        let new_code = match random.chance(400) {
            true => Some(CodeLine::new(&format!("{}-again", code(book, number)))?),
            false => None,
        };
        Ok(Command::ReplaceCode(ReplaceCoupon {
            code: Some(Secret::from(code(book, number).as_str())),
            coupon: None,
            new_code,
            plain: false,
            by: None,
            reason: Some(Slug::new("lost")?),
        }))
    }

    /// Who is to hold a code; now and then somebody else.
    fn holder(&self, random: &mut Random, book: u64, number: u64) -> Result<MemberId, Failed> {
        if random.chance(150) {
            return self.some_member(random);
        }
        self.known_holder(book, number)
    }

    fn known_holder(&self, book: u64, number: u64) -> Result<MemberId, Failed> {
        // A booklet is one member's.
        let number = match book {
            BOOKLETS => number / BOOKLET,
            _ => number,
        };
        self.some_member(&mut Random::of(&[self.seed, 11, book, number]))
    }

    /// Coupons to name with a purchase of a member: mostly those that this one is to hold or that anyone may use, and now and then
    /// somebody else's, one that took the place of another, or one that there is not.
    pub(in super::super) fn given(
        &self,
        random: &mut Random,
        tenant: &TenantId,
        member: &MemberId,
    ) -> Result<Vec<CouponId>, Failed> {
        let mut own = vec![(SHARED, random.below(3))];
        for book in (0..BOOKS).filter(|book| *book != SHARED && self.has_book(*book)) {
            for number in 0..known_of(book) {
                if self.known_holder(book, number)? == *member {
                    own.push((book, number));
                }
            }
        }
        let mut given = Vec::new();
        for _ in 0..random.below(3).saturating_add(1) {
            let some = (random.below(BOOKS), random.below(CODES));
            let (book, number) = match random.chance(80) {
                true => some,
                false => random.pick(&own).copied().unwrap_or(some),
            };
            // Of a booklet the first one is the one that can be used, at first.
            let number = match book == BOOKLETS && random.chance(700) {
                true => number - number % BOOKLET,
                false => number,
            };
            let text = match random.below(40) {
                0 => "no such code".to_owned(),
                1 => format!("{}-again", code(book, number)),
                _ => code(book, number),
            };
            let coupon = coupon_of(tenant, &text, self.terms(book)?.matching())?;
            if !given.contains(&coupon) {
                given.push(coupon);
            }
        }
        Ok(given)
    }

    /// What a client does before a purchase with a coupon of the book whose codes must be locked: it locks the first of them.
    pub(in super::super) fn lock_before(&self, order: &Order) -> Result<Option<Order>, Failed> {
        let (purchase, coupons) = match &order.command {
            Command::Record(record) => (&record.purchase, &record.coupons),
            Command::Replace(replace) => (&replace.purchase, &replace.coupons),
            _ => return Ok(None),
        };
        let matching = self.terms(LOCKED)?.matching();
        if !self.has_book(LOCKED) {
            return Ok(None);
        }
        let must =
            (0..CODES).map(|number| coupon_of(&order.tenant, &code(LOCKED, number), matching));
        let must: Vec<CouponId> = must.collect::<Result<_, _>>()?;
        let Some(coupon) = coupons.iter().find(|coupon| must.contains(coupon)) else {
            return Ok(None);
        };
        let key = IdempotencyKey::new(&format!("l-{}", purchase.id))?;
        let command = Command::Lock(LockCoupon {
            member: purchase.member.clone(),
            code: None,
            coupon: Some(coupon.clone()),
            order: OrderId::new(purchase.id.as_str())?,
            seconds: None,
        });
        Ok(Some(Order::new(&order.tenant, key, command)))
    }

    /// A code, who says so and the order it is for. At one index everybody speaks of a few codes of each book.
    fn claim(
        &self,
        random: &mut Random,
        index: u64,
    ) -> Result<(u64, Secret, MemberId, OrderId), Failed> {
        let book = random.below(BOOKS);
        let number = match random.chance(700) {
            true => (index * 3 + random.below(3)) % CODES,
            false => random.below(CODES),
        };
        // So few that they are used up.
        let number = if book == SHARED { number % 3 } else { number };
        let text = match random.below(25) {
            0 => "no such code".to_owned(),
            1 => code(book, number).to_lowercase(),
            _ => code(book, number),
        };
        let member = self.holder(random, book, number)?;
        let order = format!("o-{number}-{}", u64::from(random.chance(150)));
        let code = Secret::from(text.as_str());
        Ok((book, code, member, OrderId::new(&order)?))
    }

    pub(in super::super) fn check(
        &self,
        random: &mut Random,
        index: u64,
    ) -> Result<Command, Failed> {
        let (_, code, member, _) = self.claim(random, index)?;
        Ok(Command::Check(CheckCoupon {
            member,
            code: Some(code),
            coupon: None,
        }))
    }

    pub(in super::super) fn lock(
        &self,
        random: &mut Random,
        index: u64,
    ) -> Result<Command, Failed> {
        let (_, code, member, order) = self.claim(random, index)?;
        Ok(Command::Lock(LockCoupon {
            member,
            code: Some(code),
            coupon: None,
            order,
            seconds: random.chance(200).then_some(60),
        }))
    }

    pub(in super::super) fn unlock(
        &self,
        random: &mut Random,
        index: u64,
    ) -> Result<Command, Failed> {
        let (_, code, member, order) = self.claim(random, index)?;
        Ok(Command::Unlock(UnlockCoupon {
            member,
            code: Some(code),
            coupon: None,
            order,
        }))
    }

    pub(in super::super) fn use_coupon(
        &self,
        random: &mut Random,
        index: u64,
    ) -> Result<Command, Failed> {
        let (book, code, member, order) = self.claim(random, index)?;
        // Whoever may redeem a code is not only who is to hold it.
        let member = match book == SHARED {
            true => self.some_member(random)?,
            false => member,
        };
        let order = (book == LOCKED || random.chance(700)).then_some(order);
        let amount = match book == VALUED && random.chance(700) {
            true => {
                let part = i64::try_from(random.below(500))?.saturating_add(1);
                Some(Money::new(part, Asset::parse("EUR")?))
            }
            false => None,
        };
        Ok(Command::UseCoupon(RedeemCoupon {
            member,
            code: Some(code),
            coupon: None,
            order,
            amount,
        }))
    }

    pub(in super::super) fn unassign(&self, random: &mut Random) -> Result<Command, Failed> {
        let code = code(random.below(BOOKS), random.below(CODES));
        Ok(Command::Unassign(UnassignCoupon {
            code: Some(Secret::from(code.as_str())),
            coupon: None,
            by: Some(Slug::new("desk")?),
            reason: Some(Slug::new("returned")?),
        }))
    }

    pub(in super::super) fn void_coupon(&self, random: &mut Random) -> Result<Command, Failed> {
        let code = code(random.below(BOOKS), random.below(CODES));
        Ok(Command::VoidCoupon(VoidCoupon {
            code: Some(Secret::from(code.as_str())),
            coupon: None,
            by: None,
            reason: Some(Slug::new("fraud")?),
        }))
    }
}

/// How many codes of a book are known that can be given.
fn known_of(book: u64) -> u64 {
    match book {
        BOOKLETS => IN_BOOKLETS,
        _ => CODES,
    }
}

fn book_id(book: u64) -> Result<CouponBookId, Failed> {
    Ok(CouponBookId::new(&format!("book-{book}"))?)
}

/// A code that everybody knows of.
fn code(book: u64, number: u64) -> String {
    format!("Book{book}-Code-{number}")
}
