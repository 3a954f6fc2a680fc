//! Tokens and proofs, byte by byte.

mod taking;

use ed25519_dalek::VerifyingKey;
use proptest::prelude::*;

use super::*;
use crate::money::Money;
use crate::time::Timestamp;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).unwrap()
}

fn holder() -> TokenSigner {
    TokenSigner::from_seed(&[2; 32])
}

fn issuer() -> TokenSigner {
    TokenSigner::from_seed(&[1; 32])
}

fn claims() -> TokenClaims {
    TokenClaims {
        issuer: "satupay".parse().unwrap(),
        member: "ada".parse().unwrap(),
        merchant: None,
        expires_at: at(1_800_086_400),
        begins_at: at(1_800_000_000),
        issued_at: at(1_800_000_000),
        token: "TOKEN_1".parse().unwrap(),
        holder_key: Some(hex::encode(holder().public_key())),
        amount: Money::parse("50.00", "MYR".parse().unwrap()).unwrap(),
        spend_max: Some(Money::new(2_000, "MYR".parse().unwrap())),
        spends_max: Some(10),
        categories: vec!["grocery".parse().unwrap(), "transport".parse().unwrap()],
        refused_categories: vec!["gambling".parse().unwrap()],
        device: Some("phone-1".parse().unwrap()),
    }
}

fn bearer() -> TokenClaims {
    TokenClaims {
        holder_key: None,
        spend_max: None,
        spends_max: None,
        ..claims()
    }
}

fn sign(claims: &TokenClaims) -> String {
    let token = UnsignedToken::new(claims, &"k1".parse().unwrap()).unwrap();
    let signature = issuer().sign(token.to_sign());
    token.signed(&signature).unwrap()
}

fn spend() -> SpendClaims {
    SpendClaims {
        merchant: "shop-1".parse().unwrap(),
        at: at(1_800_000_060),
        token: "TOKEN_1".parse().unwrap(),
        minor: 1_250,
        counter: 1,
        previous: SignedToken::parse(&sign(&claims())).unwrap().digest(),
        reference: Some("till-7/81".parse().unwrap()),
    }
}

/// A token with another protected header or payload, signed by the issuer all the same.
fn forged(protected: &[u8], unprotected: &[u8], payload: &[u8]) -> Vec<u8> {
    let bytes = |bytes: &[u8]| {
        let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        let mut head = match bytes.len() {
            0..24 => vec![0x40 + length[1]],
            24..256 => vec![0x58, length[1]],
            _ => vec![0x59, length[0], length[1]],
        };
        head.extend(bytes);
        head
    };
    let mut to_sign = vec![0x84];
    to_sign.extend(b"\x6aSignature1");
    to_sign.extend(bytes(protected));
    to_sign.extend(bytes(b""));
    to_sign.extend(bytes(payload));
    let mut token = vec![0xd2, 0x84];
    token.extend(bytes(protected));
    token.extend(unprotected);
    token.extend(bytes(payload));
    token.extend(bytes(&issuer().sign(&to_sign)));
    token
}

fn payload(claims: &TokenClaims) -> Vec<u8> {
    let bytes = read_base45(sign(claims).strip_prefix(TOKEN_PREFIX).unwrap()).unwrap();
    // Tag, list, a header of nine bytes with its length, an empty map.
    assert_eq!(bytes[2], 0x47, "{}", hex::encode(&bytes));
    let start = 2 + 8 + 1;
    let (length, start) = match bytes[start] {
        0x58 => (usize::from(bytes[start + 1]), start + 2),
        0x59 => (
            usize::from(u16::from_be_bytes([bytes[start + 1], bytes[start + 2]])),
            start + 3,
        ),
        other => panic!("{other:x}"),
    };
    bytes[start..start + length].to_vec()
}

const HEADER: &[u8] = b"\xa2\x01\x27\x04\x42k1";

#[test]
fn a_token_is_read_back_and_says_what_was_said() {
    for said in [claims(), bearer()] {
        let token = SignedToken::parse(&sign(&said)).unwrap();
        assert_eq!(token.claims, said);
        assert_eq!(token.key.as_str(), "k1");
        assert_eq!(token.verify(&issuer().public_key()), Ok(()));
        assert_eq!(
            token.verify(&holder().public_key()),
            Err(TokenError::SignatureWrong)
        );
        let bytes = forged(HEADER, b"\xa0", &payload(&said));
        assert_eq!(SignedToken::from_bytes(&bytes).unwrap(), token);
    }
    assert!(sign(&claims()).starts_with("RT1:"));
    assert!(sign(&claims()).len() < 420, "{}", sign(&claims()).len());
}

#[test]
fn the_bytes_of_a_token_do_not_change() {
    let expected = concat!(
        "ab",                                               // a map of eleven
        "0167736174757061790263616461",                     // 1: "satupay", 2: "ada"
        "041a6b4b2380051a6b49d200061a6b49d200", // 4: 1,800,086,400, 5 and 6: 1,800,000,000
        "0747544f4b454e5f31",                   // 7: the bytes of "TOKEN_1"
        "3a00011170634d59523a00011171191388",   // -70,001: "MYR", -70,002: 5,000
        "3a00011174826767726f63657279697472616e73706f7274", // -70,005: ["grocery", "transport"]
        "3a00011175816867616d626c696e67",       // -70,006: ["gambling"]
        "3a000111766770686f6e652d31",           // -70,007: "phone-1"
    );
    assert_eq!(hex::encode(payload(&bearer())), expected);
}

#[test]
fn what_is_not_exactly_a_token_is_told_apart() {
    let own = payload(&bearer());
    let edit = |from: &[u8], to: &[u8]| {
        let at = own.windows(from.len()).position(|w| w == from).unwrap();
        let mut edited = own[..at].to_vec();
        edited.extend(to);
        edited.extend(&own[at + from.len()..]);
        edited
    };
    let code = |bytes: &[u8]| SignedToken::from_bytes(bytes).map_or_else(|e| e.code(), |_| "ok");
    let malformed = "token_malformed";
    for (name, protected, payload, expected) in [
        ("as it is", HEADER, own.clone(), "ok"),
        (
            "algorithm ES256",
            b"\xa2\x01\x26\x04\x42k1",
            own.clone(),
            "token_algorithm_wrong",
        ),
        (
            "algorithm as text",
            b"\xa2\x01\x65EdDSA\x04\x42k1",
            own.clone(),
            "token_algorithm_wrong",
        ),
        (
            "no algorithm",
            b"\xa1\x04\x42k1",
            own.clone(),
            "token_algorithm_wrong",
        ),
        (
            "critical",
            b"\xa3\x01\x27\x02\x81\x04\x04\x42k1",
            own.clone(),
            "token_header_critical",
        ),
        (
            "unknown header",
            b"\xa3\x01\x27\x03\x00\x04\x42k1",
            own.clone(),
            malformed,
        ),
        (
            "header not sorted",
            b"\xa2\x04\x42k1\x01\x27",
            own.clone(),
            malformed,
        ),
        (
            "header twice",
            b"\xa3\x01\x27\x01\x27\x04\x42k1",
            own.clone(),
            malformed,
        ),
        ("no key", b"\xa1\x01\x27", own.clone(), malformed),
        ("empty header", b"", own.clone(), malformed),
        (
            "longer number",
            HEADER,
            edit(b"\x01\x67satupay", b"\x18\x01\x67satupay"),
            malformed,
        ),
        (
            "longer length",
            HEADER,
            edit(b"\x01\x67satupay", b"\x01\x78\x07satupay"),
            malformed,
        ),
        (
            "endless text",
            HEADER,
            edit(b"\x67satupay", b"\x7f\x67satupay\xff"),
            malformed,
        ),
        (
            "endless map",
            HEADER,
            {
                let mut p = own.clone();
                p[0] = 0xbf;
                p.push(0xff);
                p
            },
            malformed,
        ),
        (
            "not sorted",
            HEADER,
            edit(b"\x01\x67satupay\x02\x63ada", b"\x02\x63ada\x01\x67satupay"),
            malformed,
        ),
        (
            "twice",
            HEADER,
            {
                let mut p = edit(b"\x02\x63ada", b"\x02\x63ada\x02\x63ada");
                p[0] += 1;
                p
            },
            malformed,
        ),
        (
            "unknown claim",
            HEADER,
            {
                let mut p = own.clone();
                p[0] += 1;
                p.extend(b"\x3a\x00\x01\x11\x77\x00");
                p
            },
            malformed,
        ),
        (
            "missing claim",
            HEADER,
            {
                let mut p = edit(b"\x02\x63ada", b"");
                p[0] -= 1;
                p
            },
            malformed,
        ),
        (
            "a tag within",
            HEADER,
            edit(b"\x02\x63ada", b"\x02\xc1\x63ada"),
            malformed,
        ),
        (
            "a number that is broken",
            HEADER,
            edit(b"\x63MYR", b"\xfb\x00\x00\x00\x00\x00\x00\x00\x00"),
            malformed,
        ),
        ("null", HEADER, edit(b"\x63MYR", b"\xf6"), malformed),
        ("no asset", HEADER, edit(b"\x63MYR", b"\x63XQQ"), malformed),
        (
            "amount of zero",
            HEADER,
            edit(b"\x19\x13\x88", b"\x00"),
            malformed,
        ),
        (
            "amount below zero",
            HEADER,
            edit(b"\x19\x13\x88", b"\x20"),
            malformed,
        ),
        (
            "amount of all bits",
            HEADER,
            edit(b"\x19\x13\x88", b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff"),
            malformed,
        ),
        (
            "more after it",
            HEADER,
            {
                let mut p = own.clone();
                p.push(0);
                p
            },
            malformed,
        ),
        ("cut off", HEADER, own[..own.len() - 1].to_vec(), malformed),
        ("empty", HEADER, vec![], malformed),
        ("nested a thousand deep", HEADER, vec![0x81; 900], malformed),
    ] {
        let bytes = forged(protected, b"\xa0", &payload);
        assert_eq!(code(&bytes), expected, "{name}");
    }
    let whole = forged(HEADER, b"\xa0", &own);
    assert_eq!(code(&forged(HEADER, b"\xa1\x04\x42k1", &own)), malformed);
    assert_eq!(code(&whole[1..]), malformed, "without its tag");
    let tagged = [b"\xd8\x3d", whole.as_slice()].concat();
    assert_eq!(code(&tagged), malformed, "with the tag of a CWT");
    assert_eq!(code(&[whole.as_slice(), b"\x00"].concat()), malformed);
    assert_eq!(code(&vec![0xc6; 1_000]), malformed, "tags a thousand deep");
    assert_eq!(code(&vec![0xd2; TOKEN_BYTES_MAX + 1]), malformed, "huge");
    for cut in 0..whole.len() {
        assert_eq!(code(&whole[..cut]), malformed, "cut at {cut}");
    }
}

#[test]
fn texts_of_tokens_are_told_from_others() {
    let token = sign(&claims());
    for text in [
        "",
        "RT1:",
        "RT2:00",
        &token[4..],
        &token.to_lowercase(),
        &format!("{token}0"),
        &format!(" {token}"),
        &token.replacen("RT1:", "RP1:", 1),
        &format!("RT1:{}", "0".repeat(3_000_000)),
    ] {
        let read = SignedToken::parse(text).unwrap_err();
        assert_eq!(
            read.code(),
            "token_malformed",
            "{}",
            &text[..text.len().min(30)]
        );
    }
}

#[test]
fn claims_that_make_no_token_are_not_signed() {
    let key = "k1".parse().unwrap();
    let long = |length: usize| "m".repeat(length).parse().unwrap();
    let names = |count: usize| {
        (0..count)
            .map(|n| format!("k{n:02}").parse().unwrap())
            .collect()
    };
    let money = |minor| Money::new(minor, "MYR".parse().unwrap());
    for wrong in [
        TokenClaims {
            amount: money(0),
            ..claims()
        },
        TokenClaims {
            amount: money(-1),
            ..claims()
        },
        TokenClaims {
            spend_max: Some(money(0)),
            ..claims()
        },
        TokenClaims {
            spend_max: Some(money(5_001)),
            ..claims()
        },
        TokenClaims {
            spends_max: Some(0),
            ..claims()
        },
        TokenClaims {
            spends_max: Some(TOKEN_SPENDS_MAX + 1),
            ..claims()
        },
        TokenClaims {
            holder_key: Some("00".repeat(32)),
            ..claims()
        },
        TokenClaims {
            holder_key: Some("ff".repeat(32)),
            ..claims()
        },
        TokenClaims {
            holder_key: None,
            ..claims()
        },
        TokenClaims {
            expires_at: at(1_800_000_000),
            ..claims()
        },
        TokenClaims {
            issued_at: at(1_800_000_001),
            ..claims()
        },
        TokenClaims {
            begins_at: Timestamp::from_micros(1_800_000_000_000_001).unwrap(),
            ..claims()
        },
        TokenClaims {
            refused_categories: vec!["b".parse().unwrap(), "a".parse().unwrap()],
            ..claims()
        },
        TokenClaims {
            categories: names(TOKEN_CATEGORIES_MAX + 1),
            ..claims()
        },
    ] {
        assert!(UnsignedToken::new(&wrong, &key).is_err(), "{wrong:?}");
    }
    let longest = TokenClaims {
        member: long(128),
        categories: names(8),
        refused_categories: names(8),
        ..claims()
    };
    assert!(UnsignedToken::new(&longest, &key).is_ok());
}

#[test]
fn a_proof_is_read_back_and_only_its_holder_makes_it() {
    for claims in [
        spend(),
        SpendClaims {
            reference: None,
            counter: 2,
            ..spend()
        },
    ] {
        let text = claims.sign(&holder()).unwrap();
        let proof = SpendProof::parse(&text).unwrap();
        assert_eq!(proof.claims, claims);
        assert_eq!(Ok(proof.digest()), claims.digest());
        assert_eq!(proof.verify(&holder().public_key()), Ok(()));
        let stranger = SpendProof::parse(&claims.sign(&issuer()).unwrap()).unwrap();
        assert_eq!(
            stranger.verify(&holder().public_key()),
            Err(TokenError::ProofWrong)
        );
        assert!(SignedToken::parse(&text.replacen("RP1:", "RT1:", 1)).is_err());
    }
    for claims in [
        SpendClaims {
            minor: 0,
            ..spend()
        },
        SpendClaims {
            counter: 0,
            ..spend()
        },
    ] {
        assert!(claims.sign(&holder()).is_err());
    }
    let token = sign(&claims());
    assert!(SpendProof::parse(&token.replacen("RT1:", "RP1:", 1)).is_err());
}

#[test]
fn second_forms_of_a_signature_and_weak_keys_are_refused() {
    // The order of the group: with it added to its second half, a signature is the same to whoever does not look.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut bytes = forged(HEADER, b"\xa0", &payload(&claims()));
    let length = bytes.len();
    let mut carry = 0_u16;
    for (byte, more) in bytes[length - 32..].iter_mut().zip(ORDER) {
        carry += u16::from(*byte) + u16::from(more);
        *byte = u8::try_from(carry & 0xff).unwrap();
        carry >>= 8;
    }
    let token = SignedToken::from_bytes(&bytes).unwrap();
    let verified = token.verify(&issuer().public_key());
    assert_eq!(verified, Err(TokenError::SignatureWrong));
    // A key of small order, and a signature of zeros, which is good for any message where that is not looked for.
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut nothing = [0; 64];
    nothing[0] = 1;
    let last = bytes.len() - 64;
    bytes[last..].copy_from_slice(&nothing);
    let token = SignedToken::from_bytes(&bytes).unwrap();
    assert_eq!(token.verify(&identity), Err(TokenError::SignatureWrong));
    assert!(!is_public_key(&identity));
}

/// Whether bytes are what the point of a key is written as: looked at by writing it again.
fn is_written_so(bytes: &[u8; 32]) -> bool {
    let key = VerifyingKey::from_bytes(bytes);
    key.is_ok_and(|key| !key.is_weak() && key.to_edwards().compress().as_bytes() == bytes)
}

#[test]
fn a_key_has_one_form() {
    // A coordinate in the highest numbers of 255 bits, those from the prime on among them, with and without a sign.
    for (lowest, highest) in (0xe0..=0xff).flat_map(|low| [(low, 0x7f), (low, 0xff)]) {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (lowest, highest);
        assert_eq!(is_public_key(&bytes), is_written_so(&bytes), "{lowest:x}");
        assert!(lowest < 0xed || !is_public_key(&bytes), "{lowest:x}");
    }
    // The points whose other coordinate is zero, which has no sign: 1, and −1.
    for (lowest, others, highest) in [(1, 0, 0x80), (0xec, 0xff, 0xff)] {
        let mut bytes = [others; 32];
        (bytes[0], bytes[31]) = (lowest, highest);
        assert!(!is_public_key(&bytes) && !is_written_so(&bytes));
    }
}

proptest! {
    #[test]
    fn any_key_has_one_form(bytes in any::<[u8; 32]>()) {
        prop_assert_eq!(is_public_key(&bytes), is_written_so(&bytes));
    }

    #[test]
    fn reading_is_total_and_what_is_read_is_written_the_same(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = SignedToken::from_bytes(&bytes);
        let _ = SpendProof::from_bytes(&bytes);
    }

    #[test]
    fn a_byte_that_is_changed_makes_another_token_or_none(place in 0_usize..400, change in 1_u8..) {
        let mut bytes = forged(HEADER, b"\xa0", &payload(&claims()));
        let place = place % bytes.len();
        bytes[place] ^= change;
        if let Ok(token) = SignedToken::from_bytes(&bytes) {
            prop_assert!(token.verify(&issuer().public_key()).is_err());
        }
    }

    #[test]
    fn any_claims_come_back(
        minor in 1_i64..=i64::MAX,
        spends in proptest::option::of(1_u32..=TOKEN_SPENDS_MAX),
        most in proptest::option::of(1_i64..),
        begins in 0_i64..1_000_000,
        lasts in 1_i64..1_000_000_000,
        member in "[a-zäß €]{1,20}",
    ) {
        let said = TokenClaims {
            amount: Money::new(minor, "points".parse().unwrap()),
            spends_max: spends,
            spend_max: most.map(|most| Money::new(most.min(minor), "points".parse().unwrap())),
            issued_at: at(begins / 2),
            begins_at: at(begins),
            expires_at: at(begins + lasts),
            member: member.parse().unwrap(),
            ..claims()
        };
        let text = sign(&said);
        prop_assert_eq!(SignedToken::parse(&text).unwrap().claims, said);
    }
}
