//! Taking tokens where there is no network.

use super::*;
use crate::ids::Slug;

fn slug(name: &str) -> Slug {
    name.parse().unwrap()
}

fn verifier() -> TokenVerifier {
    TokenVerifier {
        issuer: slug("satupay"),
        keys: vec![TokenPublicKey {
            key: "k1".parse().unwrap(),
            public_key: hex::encode(issuer().public_key()),
            valid_from: at(1_799_000_000),
            valid_until: Some(at(1_801_000_000)),
        }],
        revoked: vec![],
        merchant: "shop-1".parse().unwrap(),
        category: Some(slug("grocery")),
        tolerance_seconds: 120,
        limits: OfflineLimits::default(),
    }
}

fn prepared() -> PreparedVerifier {
    PreparedVerifier::new(verifier())
}

fn shown(token: &TokenClaims, proof: Option<&SpendClaims>) -> ShownToken {
    let minor = proof.map_or(token.amount.minor(), |proof| proof.minor);
    ShownToken {
        token: sign(token),
        proof: proof.map(|proof| proof.sign(&holder()).unwrap()),
        amount: Money::new(minor, token.amount.asset()),
        reference: proof.and_then(|proof| proof.reference.clone()),
        device: None,
        now: at(1_800_000_060),
    }
}

/// What a log in memory answers, which never waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(answer) => answer,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

type Change = fn(&mut TokenVerifier, &mut TokenClaims, &mut ShownToken, &mut TokenMemory);

#[test]
fn every_reason_has_its_own_code() {
    let table: &[(&str, Change)] = &[
        ("ok", |_, _, _, _| {}),
        ("token_malformed", |_, _, shown, _| shown.token.push('0')),
        ("token_key_unknown", |own, _, _, _| own.keys.clear()),
        ("token_key_unknown", |own, _, _, _| {
            own.keys[0].public_key.push('0')
        }),
        ("token_signature_wrong", |own, _, _, _| {
            own.keys[0].public_key = hex::encode(holder().public_key());
        }),
        ("token_key_not_valid", |own, _, _, _| {
            own.keys[0].valid_from = at(1_800_000_121)
        }),
        ("ok", |own, _, _, _| {
            own.keys[0].valid_from = at(1_800_000_120)
        }),
        ("token_key_not_valid", |own, _, _, _| {
            own.keys[0].valid_until = Some(at(1_799_999_880));
        }),
        ("ok", |own, _, _, _| {
            own.keys[0].valid_until = Some(at(1_799_999_881))
        }),
        ("token_issuer_wrong", |own, _, _, _| {
            own.issuer = slug("other")
        }),
        ("clock_rolled_back", |_, _, _, memory| {
            memory.latest = Some(at(1_800_000_181))
        }),
        ("ok", |_, _, _, memory| {
            memory.latest = Some(at(1_800_000_180))
        }),
        ("token_not_yet_valid", |_, _, shown, _| {
            shown.now = at(1_799_999_879)
        }),
        ("ok", |_, _, shown, _| shown.now = at(1_799_999_880)),
        ("token_expired", |_, _, shown, _| {
            shown.now = at(1_800_086_520)
        }),
        ("ok", |_, _, shown, _| shown.now = at(1_800_086_519)),
        ("token_audience_wrong", |_, claims, _, _| {
            claims.merchant = Some("shop-2".parse().unwrap());
        }),
        ("ok", |_, claims, _, _| {
            claims.merchant = Some("shop-1".parse().unwrap())
        }),
        ("token_category_refused", |own, _, _, _| own.category = None),
        ("token_category_refused", |own, _, _, _| {
            own.category = Some(slug("retail"))
        }),
        ("token_category_refused", |own, claims, _, _| {
            own.category = Some(slug("gambling"));
            claims.categories.clear();
        }),
        ("ok", |own, claims, _, _| {
            own.category = None;
            claims.categories.clear();
        }),
        ("token_device_wrong", |_, _, shown, _| {
            shown.device = "phone-2".parse().ok()
        }),
        ("ok", |_, _, shown, _| shown.device = "phone-1".parse().ok()),
        ("token_revoked", |own, _, _, _| {
            own.revoked.push("TOKEN_1".parse().unwrap())
        }),
        ("token_proof_missing", |_, _, shown, _| shown.proof = None),
        ("token_proof_wrong", |_, _, shown, _| {
            shown.proof = Some(spend().sign(&issuer()).unwrap());
        }),
        ("token_malformed", |_, _, shown, _| {
            shown.proof = Some("RP1:".to_owned())
        }),
        ("token_proof_mismatch", |own, _, _, _| {
            own.merchant = "shop-2".parse().unwrap()
        }),
        ("token_proof_mismatch", |_, _, shown, _| {
            shown.reference = None
        }),
        ("token_proof_mismatch", |_, _, shown, _| {
            shown.amount = Money::new(1_251, shown.amount.asset());
        }),
        ("token_proof_mismatch", |_, _, shown, _| {
            shown.amount = Money::new(1_250, "USD".parse().unwrap());
        }),
        ("token_proof_mismatch", |_, _, shown, _| {
            let claims = SpendClaims {
                previous: [7; 32],
                ..spend()
            };
            shown.proof = Some(claims.sign(&holder()).unwrap());
        }),
        ("token_over_limit", |_, claims, _, _| {
            claims.spend_max = Some(Money::new(1_249, claims.amount.asset()))
        }),
        ("token_over_limit", |_, _, shown, _| {
            let claims = SpendClaims {
                counter: 11,
                ..spend()
            };
            shown.proof = Some(claims.sign(&holder()).unwrap());
        }),
        ("token_over_limit", |own, _, _, memory| {
            own.limits.waiting_minor = Some(2_000);
            memory.waiting_minor = 751;
        }),
        ("ok", |own, _, _, memory| {
            own.limits.waiting_minor = Some(2_000);
            memory.waiting_minor = 750;
        }),
        ("token_over_limit", |own, _, _, memory| {
            own.limits.waiting = Some(3);
            memory.waiting = 3;
        }),
        ("token_sync_overdue", |own, _, _, memory| {
            own.limits.seconds = Some(59);
            memory.waiting = 1;
            memory.synced_at = Some(at(1_800_000_000));
        }),
        ("ok", |own, _, _, memory| {
            own.limits.seconds = Some(60);
            memory.waiting = 1;
            memory.synced_at = Some(at(1_800_000_000));
        }),
        ("token_seen", |_, _, _, memory| {
            memory.spent = Some(spent(1, 1_000))
        }),
        ("token_over_limit", |_, _, shown, memory| {
            memory.spent = Some(spent(1, 4_000));
            let claims = SpendClaims {
                counter: 3,
                ..spend()
            };
            shown.proof = Some(claims.sign(&holder()).unwrap());
        }),
        ("token_proof_mismatch", |_, _, shown, memory| {
            memory.spent = Some(spent(1, 1_000));
            let claims = SpendClaims {
                counter: 2,
                ..spend()
            };
            shown.proof = Some(claims.sign(&holder()).unwrap());
        }),
    ];
    for (number, (expected, change)) in table.iter().enumerate() {
        let (mut own, mut claims, mut memory) = (verifier(), claims(), TokenMemory::default());
        // The claims first, for what is shown follows from them.
        let mut nothing = shown(&claims, None);
        change(&mut own, &mut claims, &mut nothing, &mut memory);
        let token = SignedToken::parse(&sign(&claims)).unwrap();
        let proof = SpendClaims {
            previous: token.digest(),
            ..spend()
        };
        let mut shown = shown(&claims, Some(&proof));
        change(
            &mut verifier(),
            &mut claims,
            &mut shown,
            &mut TokenMemory::default(),
        );
        let checked = own.check(&shown, &memory);
        let code = checked.as_ref().map_or_else(|error| error.code(), |_| "ok");
        assert_eq!(code, *expected, "line {number}");
        let prepared = PreparedVerifier::new(own).check(&shown, &memory);
        assert_eq!(prepared, checked, "line {number}");
    }
}

fn spent(counter: u32, minor: i64) -> SpentHere {
    SpentHere {
        counter,
        minor,
        digest: "00".repeat(32),
    }
}

#[test]
fn a_bearer_token_is_taken_once_and_as_a_whole() {
    let mut log = MemoryLog::default();
    let shown = shown(&bearer(), None);
    let taken = at_once(prepared().take(&shown, &mut log)).unwrap();
    assert_eq!((taken.counter, taken.amount.minor()), (0, 5_000));
    let again = at_once(prepared().take(&shown, &mut log)).unwrap_err();
    assert!(matches!(again, NotTaken::Refused(TokenError::Seen { .. })));
    let part = ShownToken {
        amount: Money::new(4_999, shown.amount.asset()),
        ..shown
    };
    let part = verifier()
        .check(&part, &TokenMemory::default())
        .unwrap_err();
    assert_eq!(part.code(), "token_over_limit");
}

#[test]
fn payments_of_a_token_are_a_chain_and_a_log_is_not_deceived() {
    let (own, mut log) = (prepared(), MemoryLog::default());
    let mut next = spend();
    let mut digests = Vec::new();
    for counter in 1..=4_u32 {
        next.counter = counter;
        let shown = shown(&claims(), Some(&next));
        let taken = at_once(own.take(&shown, &mut log)).unwrap();
        assert_eq!(taken.counter, counter);
        digests.push(taken.digest);
        assert!(at_once(own.take(&shown, &mut log)).is_err(), "twice");
        next.previous = next.digest().unwrap();
    }
    next.counter = 5;
    let more = at_once(own.take(&shown(&claims(), Some(&next)), &mut log)).unwrap_err();
    assert!(
        matches!(more, NotTaken::Refused(TokenError::OverLimit { .. })),
        "{more:?}"
    );
    // What is kept survives a restart, and so does the latest time, also of a token that was refused.
    let late = ShownToken {
        now: at(1_900_000_000),
        ..shown(&claims(), Some(&next))
    };
    assert!(at_once(own.take(&late, &mut log)).is_err());
    let kept = serde_json::to_string(&log).unwrap();
    let mut log: MemoryLog = serde_json::from_str(&kept).unwrap();
    let back = at_once(own.take(&shown(&bearer(), None), &mut log)).unwrap_err();
    assert!(
        matches!(back, NotTaken::Refused(TokenError::ClockRolledBack { .. })),
        "{back:?}"
    );
    let waiting = |log: &mut MemoryLog| {
        let memory = at_once(log.memory(&"TOKEN_2".parse().unwrap())).unwrap();
        (memory.waiting, memory.waiting_minor, memory.waiting_since)
    };
    let minor = shown(&claims(), Some(&spend())).amount.minor();
    assert_eq!(waiting(&mut log).0, 4);
    at_once(log.synced(&digests[..3], at(1_900_000_001))).unwrap();
    let since = shown(&claims(), Some(&next)).now;
    assert_eq!(
        waiting(&mut log),
        (1, minor, Some(since)),
        "taken meanwhile"
    );
    at_once(log.synced(&digests, at(1_900_000_002))).unwrap();
    assert_eq!(waiting(&mut log), (0, 0, None));
}

#[test]
fn a_till_that_has_never_told_anything_takes_nothing_for_longer_than_it_may() {
    let mut own = verifier();
    own.limits.seconds = Some(60);
    own.tolerance_seconds = 120;
    let first = shown(&claims(), Some(&spend()));
    let taken = own.check(&first, &TokenMemory::default()).unwrap();
    let mut next = spend();
    next.counter = 2;
    next.previous = spend().digest().unwrap();
    let after = |seconds: i64| ShownToken {
        now: Timestamp::from_micros(first.now.micros() + seconds * 1_000_000).unwrap(),
        ..shown(&claims(), Some(&next))
    };
    assert!(own.check(&after(60), &taken.memory).is_ok());
    let overdue = own.check(&after(61), &taken.memory).unwrap_err();
    assert_eq!(overdue.code(), "token_sync_overdue");
}
