//! Codes of coupons on every store: a whole book is exported while others use it, and no row holds a code.

#[cfg(feature = "sqlite")]
use std::collections::BTreeMap;

use futures::future::join_all;
use rewards_core::coupons::{CodeUser, CouponLimits};
#[cfg(feature = "sqlite")]
use rewards_core::operations::coupons::GetCoupon;
use rewards_core::operations::coupons::{
    GenerateCoupons, ListCoupons, ListedState, LockCoupon, UnassignCoupon,
};

#[cfg(feature = "sqlite")]
use super::coupons::{all_at_once, codes_of};
use super::coupons::{assign, open, redeem, spring};
use super::engines::{Engines, keyed, of_every_store};
use crate::world::member;

/// More codes of the book.
async fn generate(with: &Engines, batch: &str, count: u32) -> Vec<String> {
    let generate = GenerateCoupons {
        book: spring(),
        batch: batch.parse().unwrap(),
        count,
        after: None,
        codes: true,
    };
    with.engines[0].execute(generate).await.unwrap().codes
}

/// All codes of the book, by pages.
async fn export(with: &Engines) -> Vec<String> {
    let [_, two] = &with.engines;
    let mut exported = Vec::new();
    let mut list = ListCoupons {
        book: Some(spring()),
        state: Some(ListedState::Any),
        limit: Some(150),
        codes: true,
        ..ListCoupons::default()
    };
    loop {
        let page = two.execute(list.clone()).await.unwrap();
        exported.extend(page.coupons.into_iter().map(|coupon| coupon.code.unwrap()));
        tokio::task::yield_now().await;
        list.after = page.next;
        if list.after.is_none() {
            return exported;
        }
    }
}

/// Codes are drawn, locked, redeemed and given back all the time.
async fn stir(with: &Engines, who: usize) {
    let [one, _] = &with.engines;
    for round in 0..4 {
        let key = |what: &str| keyed(&format!("{what}-{who}-{round}"));
        let drawn = one.execute_with(assign(who, 9), key("draw")).await.unwrap();
        for (n, coupon) in drawn.reply.coupons.iter().enumerate() {
            let key = |what: &str| key(&format!("{what}-{n}"));
            let id = Some(coupon.coupon.clone());
            match n % 3 {
                0 => {
                    let redeem = redeem(who, coupon.code.as_ref().unwrap());
                    one.execute_with(redeem, key("use")).await.unwrap();
                }
                1 => {
                    let lock = LockCoupon {
                        member: member(&format!("m{who}")),
                        code: None,
                        coupon: id,
                        order: "o1".parse().unwrap(),
                        seconds: Some(60),
                    };
                    one.execute_with(lock, key("lock")).await.unwrap();
                }
                _ => {
                    let back = UnassignCoupon {
                        coupon: id,
                        ..UnassignCoupon::default()
                    };
                    one.execute_with(back, key("back")).await.unwrap();
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_book_is_exported_while_others_use_it() {
    for with in of_every_store("coupons_exported").await {
        let limits = CouponLimits::default();
        let mut codes = open(&with, 8, 1_000, CodeUser::Holder, limits).await;
        for batch in ["b2", "b3"] {
            codes.extend(generate(&with, batch, 1_000).await);
        }
        let stirring = join_all((0..8).map(|who| stir(&with, who)));
        let (mut exported, _) = tokio::join!(export(&with), stirring);
        exported.sort_unstable();
        codes.sort_unstable();
        assert!(exported == codes, "{}: each of them once", with.name);
        let mut after = export(&with).await;
        after.sort_unstable();
        assert!(after == codes, "{}: each of them once", with.name);
        with.assert_valid().await;
    }
}

/// How a code, and what of it is the same code, may be written down.
#[cfg(feature = "sqlite")]
fn written(code: &str) -> Vec<Vec<u8>> {
    let mut texts = vec![code.to_owned(), code.to_lowercase()];
    texts.push(code.replace('-', ""));
    texts.push(code.to_lowercase().replace('-', ""));
    texts.push(code.chars().rev().collect());
    let mut all = Vec::new();
    for text in texts {
        let wide = text.encode_utf16();
        all.push(wide.flat_map(u16::to_le_bytes).collect());
        all.push(hex::encode(&text).into_bytes());
        all.push(hex::encode_upper(&text).into_bytes());
        all.push(text.into_bytes());
    }
    all
}

/// A run with codes that are generated, uploaded, told, wrong and used leaves no code behind, in whichever form it might be
/// written down.
#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_row_holds_a_code() {
    use rewards_core::coupons::CodeLine;
    use rewards_core::operations::coupons::UploadCoupons;

    use crate::sql_store::surgeon::Surgeon;

    for with in of_every_store("coupons_unseen").await {
        let Some(url) = with.url.clone().filter(|_| with.name == "sqlite") else {
            continue;
        };
        let [one, _] = &with.engines;
        let generated = open(&with, 4, 20, CodeUser::Holder, CouponLimits::default()).await;
        let uploaded = ["UPLOADED-7Q4Z", "UPLOADED-9XW2"];
        let lines = |codes: &[&str]| {
            codes
                .iter()
                .map(|code| CodeLine::new(code).unwrap())
                .collect()
        };
        let upload = UploadCoupons {
            book: spring(),
            lines: lines(&uploaded),
            keep: None,
            plain: false,
        };
        one.execute_with(upload, keyed("upload")).await.unwrap();
        let plain = UploadCoupons {
            book: spring(),
            lines: lines(&["PLAIN-5KJ8"]),
            keep: None,
            plain: true,
        };
        one.execute_with(plain, keyed("plain")).await.unwrap();
        all_at_once(&with, "draw", (0..4).map(|who| assign(who, 5))).await;
        let every = generated.iter().map(String::as_str).chain(uploaded);
        let uses = every.clone().enumerate();
        let uses = uses.map(|(n, code)| redeem(n % 4, code));
        let ended = all_at_once(&with, "use", uses).await;
        codes_of(ended, &with, &["too_many_attempts"]);
        let wrong = "WRONG-3HM6";
        one.execute_with(redeem(0, wrong), keyed("wrong"))
            .await
            .ok();
        for code in every.clone() {
            let get = GetCoupon {
                code: Some(code.into()),
                codes: true,
                ..GetCoupon::default()
            };
            one.execute(get).await.unwrap();
        }
        let mut surgeon = Surgeon::at(&url).await;
        surgeon.unpack().await;
        let stored = surgeon.stored().await;
        let found = |code: &str| -> BTreeMap<&str, usize> {
            let mut found = BTreeMap::new();
            for bytes in written(code) {
                let digits = hex::encode_upper(bytes);
                for (place, _) in stored.iter().filter(|(_, value)| value.contains(&digits)) {
                    *found.entry(place.as_str()).or_default() += 1;
                }
            }
            found
        };
        for code in every.chain([wrong]) {
            assert_eq!(found(code), BTreeMap::new(), "{code}");
        }
        // What is kept plain is found, so the search finds what there is.
        assert!(found("PLAIN-5KJ8").contains_key("entities.body"));
    }
}
