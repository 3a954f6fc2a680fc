//! Every step of a token from every state.

use super::*;
use crate::money::Money;
use crate::time::Timestamp;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).unwrap()
}

fn holder() -> TokenSigner {
    TokenSigner::from_seed(&[2; 32])
}

/// A token that ends after an hour; what merchants have not told two hours later is not paid, and half an hour after it was revoked.
fn token(is_bound: bool) -> Token {
    let claims = TokenClaims {
        issuer: "acme".parse().unwrap(),
        member: "ada".parse().unwrap(),
        merchant: None,
        expires_at: at(3_600),
        begins_at: at(0),
        issued_at: at(0),
        token: "t".parse().unwrap(),
        holder_key: is_bound.then(|| hex::encode(holder().public_key())),
        amount: Money::new(1_000, "EUR".parse().unwrap()),
        spend_max: None,
        spends_max: None,
        categories: vec![],
        refused_categories: vec![],
        device: None,
    };
    let section = r#"{"issuer": "acme", "settle_minutes": 120, "revocation_minutes": 30}"#;
    let section: Tokens = serde_json::from_str(section).unwrap();
    let key = "k1".parse().unwrap();
    let terms = CompiledTokens::compile(&section, "EUR".parse().unwrap()).unwrap();
    Token::new(NewToken {
        digest: UnsignedToken::new(&claims, &key).unwrap().digest(),
        claims,
        key,
        program: (&"p".parse().unwrap(), 1),
        terms: &terms,
        redemption: "r".parse().unwrap(),
        recorded_at: at(0),
    })
}

/// A payment of a part of it, or of all.
fn pay(token: &Token, counter: u32, minor: i64) -> String {
    let mut previous = [0; 32];
    hex::decode_to_slice(&token.digest, &mut previous).unwrap();
    let claims = SpendClaims {
        merchant: "shop".parse().unwrap(),
        at: at(5),
        token: "t".parse().unwrap(),
        minor,
        counter,
        previous,
        reference: None,
    };
    claims.sign(&holder()).unwrap()
}

fn settle(token: Token, text: &str, now: Timestamp) -> Result<(Token, Settled), TokenError> {
    token.settle(&SpendProof::parse(text).unwrap(), text, now)
}

#[test]
fn every_transition_is_as_the_table_says() {
    let bound = || token(true);
    let paid = || {
        let proof = pay(&bound(), 1, 1_000);
        settle(bound(), &proof, at(1)).unwrap().0
    };
    let gone = || bound().cancel(at(1)).unwrap();
    let used = token(false).redeem(None, at(1)).unwrap();
    let cold = bound().freeze(at(1)).unwrap();
    // From where, when, where it is, and where it is after redeem, a part settled, all settled, cancel, freeze: - is refused.
    for (from, now, state, expected) in [
        (token(false), 10, "Active", "Spent - - Cancelled Frozen"),
        (token(false), 3_600, "Expired", "- - - - -"),
        (used, 10, "Spent", "- - - - -"),
        (bound(), 10, "Active", "Spent Active Spent Cancelled Frozen"),
        (bound(), 3_600, "Expired", "- Expired Spent - -"),
        // Told too late.
        (bound(), 10_800, "Expired", "- - - - -"),
        (paid(), 10, "Spent", "- Spent Spent - -"),
        (gone(), 1_800, "Cancelled", "- Cancelled Spent - -"),
        // Told too late.
        (gone(), 1_801, "Cancelled", "- - - - -"),
        (cold, 10, "Frozen", "- Frozen Spent - -"),
    ] {
        assert_eq!(format!("{:?}", from.state(at(now))), state, "{now}");
        assert_eq!(steps(&from, at(now)), expected, "{state} at {now}");
    }
}

/// Where a token is after each step.
fn steps(from: &Token, now: Timestamp) -> String {
    let state = from.state(now);
    let plain = [
        from.clone().redeem(None, now),
        from.clone().cancel(now),
        from.clone().freeze(now),
    ];
    let [redeemed, cancelled, frozen] = plain.map(|step| match step {
        Ok(next) => format!("{:?}", next.state(now)),
        Err(WrongTokenState(found)) => {
            assert_eq!(found, state);
            "-".to_owned()
        }
    });
    let [part, all] = [400, 1_000].map(|minor| {
        let proof = pay(from, 1, minor);
        let Ok((next, settled)) = settle(from.clone(), &proof, now) else {
            return "-".to_owned();
        };
        // What was spent was paid by that very proof.
        let is_same = state == TokenState::Spent && minor == 1_000;
        assert_eq!(settled.is_replayed, is_same);
        format!("{:?}", next.state(now))
    });
    [redeemed, part, all, cancelled, frozen].join(" ")
}

#[test]
fn what_is_reserved_is_what_may_still_be_told() {
    let (bound, bearer) = (token(true), token(false));
    for (token, now, reserved) in [
        (&bound, 10_799, 1_000),
        (&bound, 10_800, 0),
        (&bearer, 3_599, 1_000),
        (&bearer, 3_600, 0),
    ] {
        assert_eq!(token.reserved(at(now)).minor(), reserved, "{now}");
    }
    let cancelled = bearer.cancel(at(5)).unwrap();
    assert_eq!(cancelled.reserved(at(5)).minor(), 0);
    assert_eq!(cancelled.settles_until, at(5));
    // Revoking brings the end nearer, and never further away.
    let late = token(true).cancel(at(3_599)).unwrap();
    assert_eq!(late.settles_until, at(3_599 + 1_800));
    let proof = pay(&bound, 1, 400);
    let (paid, settled) = settle(bound, &proof, at(20)).unwrap();
    assert_eq!((settled.paid, paid.reserved(at(20)).minor()), (400, 600));
    assert_eq!(paid.paid().minor(), 400);
}

#[test]
fn evidence_is_bounded() {
    let mut token = token(true);
    let most = i64::try_from(TOKEN_RECEIPTS_MAX).unwrap();
    for minor in 1..=most {
        let proof = pay(&token, 1, minor);
        token = settle(token, &proof, at(5)).unwrap().0;
    }
    let proof = pay(&token, 1, most + 1);
    assert_eq!(
        settle(token.clone(), &proof, at(5)).unwrap_err().code(),
        "token_over_limit"
    );
    assert_eq!(token.double_spends(), [1]);
    assert_eq!(token.paid().minor(), 1_000);
    assert!(token.overspent().is_positive());
}
