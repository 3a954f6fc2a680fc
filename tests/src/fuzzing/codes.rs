//! QR codes: those of merchants, and those that are signed.

use std::str::FromStr;
use std::sync::LazyLock;

use rewards_core::operations::qr::BuildQr;
use rewards_core::qr::{self, MerchantQr, QrClaims, QrScheme, QrVerifier, ShownQr, SignedQr};
use rewards_core::time::Timestamp;
use rewards_core::tokens::{
    TOKEN_BYTES_MAX, TokenError, TokenPublicKey, TokenSigner, write_base45,
};

/// The code of a merchant, as text or as the request that builds one: what is read is built, and what is built is read as the same.
///
/// # Panics
/// When that does not hold.
pub fn qr(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(request) = serde_json::from_str::<BuildQr>(text) {
        document(&request.qr, &request.schemes);
    }
    let parsed = match qr::parse(text) {
        Ok(parsed) => parsed,
        Err(errors) => {
            assert!(!errors.is_empty(), "refused without an error");
            // Under the right checksum, more of it is looked at.
            let body = text.get(..text.len().saturating_sub(4)).unwrap_or_default();
            let sealed = format!("{body}{:04X}", qr::crc16(body.as_bytes()));
            match qr::parse(&sealed) {
                Ok(parsed) => parsed,
                Err(_) => return,
            }
        }
    };
    let built = qr::build(&parsed.qr, &parsed.schemes);
    let again = built.and_then(|text| qr::parse(&text));
    assert_eq!(again.as_ref(), Ok(&parsed), "built otherwise");
}

/// A document that is built is read, and what is read of it is built as the same text.
fn document(qr: &MerchantQr, schemes: &[QrScheme]) {
    let text = match qr::build(qr, schemes) {
        Ok(text) => text,
        Err(errors) => {
            assert!(!errors.is_empty(), "refused without an error");
            return;
        }
    };
    let parsed = qr::parse(&text);
    let again = parsed.and_then(|parsed| {
        let is_said = schemes.iter().all(|scheme| parsed.schemes.contains(scheme));
        assert!(is_said, "a scheme is lost: {text}");
        assert_eq!(parsed.amount.is_some(), qr.amount.is_some());
        qr::build(&parsed.qr, &parsed.schemes)
    });
    assert_eq!(again.as_ref(), Ok(&text), "built otherwise");
}

static SIGNER: LazyLock<TokenSigner> = LazyLock::new(|| TokenSigner::from_seed(&[1; 32]));

/// The key of the shared vectors.
const VECTORS: &str = "27cb7662bd29143809ae0ba96900c7b2f89a2c9b05c379d8126ee3b2988c2a4d";
/// When codes are shown: before anything, while those of the shared vectors are good, and long after.
const TIMES: &[i64] = &[0, 1_772_453_100_000_000, 7_258_118_399_000_000];

/// A signed code, as text and as what follows its prefix: what is taken is the issuer's and good at its time, and with another issuer it
/// is not taken. Or what a code is to say, as JSON: what can be signed is taken as it was, and not without its end.
///
/// # Panics
/// When that does not hold.
pub fn signed_qr(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).map(|text| text.trim_end_matches('\n').to_owned());
    let own = bytes.get(..bytes.len().min(TOKEN_BYTES_MAX.saturating_add(1)));
    let own = own.map(|bytes| format!("RQ1:{}", write_base45(bytes)));
    let Ok(reader) = reader("club") else {
        return;
    };
    for text in text.ok().into_iter().chain(own) {
        for now in TIMES
            .iter()
            .filter_map(|micros| Timestamp::from_micros(*micros).ok())
        {
            let text = text.clone();
            show(&reader, &ShownQr { text, now });
        }
    }
    if let Ok(claims) = serde_json::from_slice::<QrClaims>(bytes) {
        let signed = sign(&claims.in_whole_seconds());
        assert!(
            matches!(signed, Ok(()) | Err(TokenError::Malformed { .. })),
            "{signed:?}"
        );
    }
}

/// Who reads the codes of an issuer: those that are signed here, and those of the shared vectors.
fn reader(issuer: &str) -> Result<QrVerifier, TokenError> {
    let hex = SIGNER.public_key().into_iter();
    let hex: String = hex.map(|byte| format!("{byte:02x}")).collect();
    let keys = [("k1", hex.as_str()), ("t-2026", VECTORS)].map(|(key, public_key)| {
        Ok(TokenPublicKey {
            key: named(key)?,
            public_key: public_key.to_owned(),
            valid_from: Timestamp::MIN,
            valid_until: None,
        })
    });
    Ok(QrVerifier {
        issuer: named(issuer)?,
        keys: keys.into_iter().collect::<Result<_, TokenError>>()?,
        tolerance_seconds: 0,
    })
}

fn named<T: FromStr>(name: &str) -> Result<T, TokenError> {
    let what = "a name";
    name.parse().map_err(|_| TokenError::Malformed { what })
}

fn show(reader: &QrVerifier, shown: &ShownQr) {
    let claims = match reader.check(shown) {
        Ok(claims) => claims,
        Err(error) => {
            assert!(error.code().starts_with("token_"), "{error:?}");
            return;
        }
    };
    assert_eq!(claims.issuer, reader.issuer);
    let is_good =
        claims.issued_at <= shown.now && claims.expires_at.is_none_or(|end| shown.now < end);
    assert!(is_good, "taken at another time: {claims:?}");
    let is_money = claims.amount.is_none_or(|amount| amount.is_positive());
    assert!(is_money, "no amount: {claims:?}");
    let stranger = "stranger".parse().map(|issuer| QrVerifier {
        issuer,
        ..reader.clone()
    });
    let refused = stranger.map(|stranger| stranger.check(shown));
    assert!(matches!(refused, Ok(Err(TokenError::IssuerWrong))));
}

/// Signs what a code is to say, and reads it.
fn sign(claims: &QrClaims) -> Result<(), TokenError> {
    let code = SignedQr {
        claims: claims.clone(),
        key: named("k1")?,
    };
    let text = code.signed(&SIGNER.sign(&code.to_sign()?))?;
    let reader = reader(claims.issuer.as_str())?;
    let now = claims.issued_at;
    let cut = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
    let text_cut = cut.to_owned();
    assert_eq!(reader.check(&ShownQr { text, now }).as_ref(), Ok(claims));
    assert!(
        reader
            .check(&ShownQr {
                text: text_cut,
                now
            })
            .is_err()
    );
    Ok(())
}
