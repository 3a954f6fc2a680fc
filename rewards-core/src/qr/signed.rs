//! A code that proves itself: whoever reads it needs no network to know who gave it out, and that nobody has changed it.
//!
//! It is signed as [offline tokens](crate::tokens) are, with the same keys and in the same form, and holds no value: a copy of it says
//! what the original says. Who may use it once asks the engine, by its id.
//!
//! | label | claim |
//! |---|---|
//! | 1 | who gave it out |
//! | 2 | the member whose it is, if any |
//! | 4, 6 | when it is over, if ever, and when it was given out, in seconds |
//! | 7 | its id |
//! | −70001, −70002 | the asset of an amount, if any, and how much in minor units |
//! | −70008 | its kind, which no token has |
//! | −70009 | what else it says, if anything |

use serde::{Deserialize, Serialize};

use crate::ids::{KeyId, MemberId, QrId, Slug};
use crate::money::{Asset, Money};
use crate::time::Timestamp;
use crate::tokens::cbor::{self, Reader};
use crate::tokens::claims::{
    AMOUNT, ASSET, EXPIRES, ISSUED, ISSUER, MEMBER, TOKEN, instant, read_asset, required, seconds,
};
use crate::tokens::sign1::{Sign1, Unsigned};
use crate::tokens::text::{self, QR_PREFIX};
use crate::tokens::verifier::{check_key, check_times, find_key, tolerance};
use crate::tokens::{SIGNATURE_BYTES, TokenError, TokenPublicKey, whole_seconds};

/// The most bytes of what a signed code says in the host's own words.
pub const QR_DATA_BYTES_MAX: usize = 512;

const LABELS: u64 = 9;
const KIND: i64 = -70_008;
const DATA: i64 = -70_009;

/// What a signed code says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QrClaims {
    /// Who gave it out.
    pub issuer: Slug,
    /// Its id.
    pub qr: QrId,
    /// Its kind, in the host's words.
    pub kind: Slug,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// How much is to be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub amount: Option<Money>,
    /// What else it says: a code of a coupon, a reference, anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub data: Option<String>,
    /// When it was given out; whole seconds.
    pub issued_at: Timestamp,
    /// When it is over, exclusive; whole seconds. Absent when it never is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expires_at: Option<Timestamp>,
}

/// A code that is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct SignedQr {
    /// What it says.
    pub claims: QrClaims,
    /// The key it is signed with.
    pub key: KeyId,
}

/// Who reads signed codes, and what is known there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QrVerifier {
    /// Whose codes are taken.
    pub issuer: Slug,
    /// The issuer's keys: those of its tokens.
    pub keys: Vec<TokenPublicKey>,
    /// How far the clock may be from that of the issuer, in seconds.
    #[serde(default = "crate::tokens::verifier::default_tolerance")]
    #[cfg_attr(feature = "uniffi", uniffi(default = 120))]
    pub tolerance_seconds: u32,
}

/// A code that somebody shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ShownQr {
    /// What its picture shows.
    pub text: String,
    /// What the clock says here.
    pub now: Timestamp,
}

impl QrClaims {
    /// The same with whole seconds, as a code can say it.
    #[must_use]
    pub fn in_whole_seconds(self) -> Self {
        Self {
            issued_at: whole_seconds(self.issued_at),
            expires_at: self.expires_at.map(whole_seconds),
            ..self
        }
    }

    fn check(&self) -> Result<(), TokenError> {
        let is_whole = |at: Timestamp| whole_seconds(at) == at;
        let is_text =
            |data: &str| (1..=QR_DATA_BYTES_MAX).contains(&data.len()) && !data.contains('\0');
        let end = self.expires_at;
        TokenError::unless_all([
            (
                self.amount.is_none_or(|amount| amount.is_positive()),
                "its amount is not positive",
            ),
            (
                self.data.as_deref().is_none_or(is_text),
                "what it says is empty or too long",
            ),
            (
                is_whole(self.issued_at) && end.is_none_or(is_whole),
                "its times are not whole seconds",
            ),
            (
                end.is_none_or(|end| self.issued_at < end),
                "its times are not in order",
            ),
        ])
    }

    fn write(&self) -> Result<Vec<u8>, TokenError> {
        let asset = self.amount.map(|amount| amount.asset().to_string());
        let present = [
            self.member.is_some(),
            self.expires_at.is_some(),
            self.data.is_some(),
        ];
        let present = present.iter().filter(|is_present| **is_present).count();
        let present = present.saturating_add(if asset.is_some() { 2 } else { 0 });
        let pairs = u64::try_from(present).unwrap_or_default();
        cbor::write(|writer| {
            writer.map(pairs.saturating_add(4))?;
            writer.i64(ISSUER)?.str(self.issuer.as_str())?;
            if let Some(member) = &self.member {
                writer.i64(MEMBER)?.str(member.as_str())?;
            }
            if let Some(end) = self.expires_at {
                writer.i64(EXPIRES)?.i64(seconds(end))?;
            }
            writer.i64(ISSUED)?.i64(seconds(self.issued_at))?;
            writer.i64(TOKEN)?.bytes(self.qr.as_str().as_bytes())?;
            if let (Some(amount), Some(asset)) = (self.amount, &asset) {
                writer.i64(ASSET)?.str(asset)?;
                writer.i64(AMOUNT)?.i64(amount.minor())?;
            }
            writer.i64(KIND)?.str(self.kind.as_str())?;
            if let Some(data) = &self.data {
                writer.i64(DATA)?.str(data)?;
            }
            Ok(())
        })
    }

    fn read(payload: &[u8]) -> Result<Self, TokenError> {
        let mut read = ReadClaims::default();
        let mut reader = Reader::new(payload);
        for _ in 0..reader.map(LABELS)? {
            read.pair(&mut reader)?;
        }
        let claims = read.finish()?;
        cbor::only_form(payload, &claims.write()?)?;
        claims.check()?;
        Ok(claims)
    }
}

/// Claims as far as they are read.
#[derive(Default)]
struct ReadClaims {
    issuer: Option<Slug>,
    qr: Option<QrId>,
    kind: Option<Slug>,
    member: Option<MemberId>,
    asset: Option<Asset>,
    minor: Option<i64>,
    data: Option<String>,
    issued_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl ReadClaims {
    fn pair(&mut self, reader: &mut Reader<'_>) -> Result<(), TokenError> {
        match reader.label()? {
            ISSUER => self.issuer = Some(reader.parsed()?),
            MEMBER => self.member = Some(reader.parsed()?),
            EXPIRES => self.expires_at = Some(instant(reader.number()?)?),
            ISSUED => self.issued_at = Some(instant(reader.number()?)?),
            TOKEN => self.qr = Some(reader.named()?),
            ASSET => self.asset = Some(read_asset(reader)?),
            AMOUNT => self.minor = Some(reader.number()?),
            KIND => self.kind = Some(reader.parsed()?),
            DATA => self.data = Some(reader.text()?.to_owned()),
            _ => return Err(TokenError::malformed("an unknown claim")),
        }
        Ok(())
    }

    fn finish(self) -> Result<QrClaims, TokenError> {
        let amount = match (self.asset, self.minor) {
            (Some(asset), Some(minor)) => Some(Money::new(minor, asset)),
            (None, None) => None,
            _ => return Err(TokenError::malformed("a claim is missing")),
        };
        Ok(QrClaims {
            issuer: required(self.issuer)?,
            qr: required(self.qr)?,
            kind: required(self.kind)?,
            member: self.member,
            amount,
            data: self.data,
            issued_at: required(self.issued_at)?,
            expires_at: self.expires_at,
        })
    }
}

impl SignedQr {
    fn unsigned(&self) -> Result<Unsigned, TokenError> {
        self.claims.check()?;
        let unsigned = Unsigned::new(Some(&self.key), self.claims.write()?)?;
        unsigned.signed(&[0; SIGNATURE_BYTES])?;
        Ok(unsigned)
    }

    /// The bytes to sign.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] for claims that do not hold, or too many bytes.
    pub fn to_sign(&self) -> Result<Vec<u8>, TokenError> {
        Ok(self.unsigned()?.message().to_vec())
    }

    /// The code as text, for a picture.
    ///
    /// # Errors
    /// As [`to_sign`](Self::to_sign).
    pub fn signed(&self, signature: &[u8; SIGNATURE_BYTES]) -> Result<String, TokenError> {
        Ok(text::write(QR_PREFIX, &self.unsigned()?.signed(signature)?))
    }

    /// Reads a code that somebody shows, with what is left to do: to verify its signature. It says nothing before.
    fn parse(text: &str) -> Result<(Self, Sign1), TokenError> {
        let sign1 = Sign1::read(&text::read(QR_PREFIX, text)?)?;
        let key = required(sign1.key.clone())?;
        let claims = QrClaims::read(sign1.unsigned.payload())?;
        Ok((Self { claims, key }, sign1))
    }
}

impl QrVerifier {
    /// What a code says that somebody shows, once its signature, its issuer and its times are known to be right.
    ///
    /// ```
    /// use rewards_core::qr::{QrClaims, QrVerifier, ShownQr, SignedQr};
    /// use rewards_core::tokens::{TokenPublicKey, TokenSigner};
    ///
    /// let signer = TokenSigner::from_seed(&[1; 32]);
    /// let code = SignedQr {
    ///     claims: QrClaims {
    ///         issuer: "club".parse()?,
    ///         qr: "q1".parse()?,
    ///         kind: "coupon".parse()?,
    ///         member: None,
    ///         amount: None,
    ///         data: Some("SPRING-7F3K".to_owned()),
    ///         issued_at: "2026-03-01T12:00:00Z".parse()?,
    ///         expires_at: Some("2026-04-01T00:00:00Z".parse()?),
    ///     },
    ///     key: "k1".parse()?,
    /// };
    /// let text = code.signed(&signer.sign(&code.to_sign()?))?;
    ///
    /// let verifier = QrVerifier {
    ///     issuer: "club".parse()?,
    ///     keys: vec![TokenPublicKey {
    ///         key: "k1".parse()?,
    ///         public_key: hex::encode(signer.public_key()),
    ///         valid_from: "2026-01-01T00:00:00Z".parse()?,
    ///         valid_until: None,
    ///     }],
    ///     tolerance_seconds: 120,
    /// };
    /// let now = "2026-03-02T08:00:00Z".parse()?;
    /// assert_eq!(verifier.check(&ShownQr { text, now })?, code.claims);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TokenError`], in this order: no such code; another algorithm; a header that must be known; unknown key; wrong signature; a
    /// key that was not to be used then; another issuer; not yet valid; expired.
    pub fn check(&self, shown: &ShownQr) -> Result<QrClaims, TokenError> {
        let (SignedQr { claims, key }, sign1) = SignedQr::parse(&shown.text)?;
        let tolerance = tolerance(self.tolerance_seconds);
        let own = find_key(&self.keys, &key);
        check_key(own, &key, claims.issued_at, tolerance, |key| {
            sign1.verify(key)
        })?;
        if claims.issuer != self.issuer {
            return Err(TokenError::IssuerWrong);
        }
        let (from, until) = (claims.issued_at, claims.expires_at);
        check_times(from, until, shown.now, tolerance)?;
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::MICROS_PER_SECOND;
    use crate::tokens::TokenSigner;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * MICROS_PER_SECOND).unwrap()
    }

    fn claims() -> QrClaims {
        QrClaims {
            issuer: "club".parse().unwrap(),
            qr: "q-1".parse().unwrap(),
            kind: "voucher".parse().unwrap(),
            member: Some("ada".parse().unwrap()),
            amount: Some(Money::parse("12.50", "EUR".parse().unwrap()).unwrap()),
            data: Some("SPRING-7F3K".to_owned()),
            issued_at: at(1_000),
            expires_at: Some(at(2_000)),
        }
    }

    fn signer() -> TokenSigner {
        TokenSigner::from_seed(&[3; 32])
    }

    fn verifier() -> QrVerifier {
        QrVerifier {
            issuer: "club".parse().unwrap(),
            keys: vec![TokenPublicKey {
                key: "k1".parse().unwrap(),
                public_key: hex::encode(signer().public_key()),
                valid_from: at(0),
                valid_until: Some(at(5_000)),
            }],
            tolerance_seconds: 60,
        }
    }

    fn shown(claims: QrClaims, key: &str) -> Result<String, TokenError> {
        let key = key.parse().unwrap();
        let code = SignedQr { claims, key };
        code.signed(&signer().sign(&code.to_sign()?))
    }

    fn checked(text: &str, now: Timestamp) -> Result<QrClaims, &'static str> {
        let text = text.to_owned();
        let shown = ShownQr { text, now };
        verifier().check(&shown).map_err(|error| error.code())
    }

    #[test]
    fn what_is_signed_is_read_with_and_without_what_can_be_left_out() {
        for left_out in 0..16_u8 {
            let mut claims = claims();
            if left_out & 1 > 0 {
                claims.member = None;
            }
            if left_out & 2 > 0 {
                claims.amount = None;
            }
            if left_out & 4 > 0 {
                claims.data = None;
            }
            if left_out & 8 > 0 {
                claims.expires_at = None;
            }
            let text = shown(claims.clone(), "k1").unwrap();
            assert!(text.starts_with(QR_PREFIX), "{text}");
            assert_eq!(checked(&text, at(1_500)), Ok(claims));
        }
    }

    #[test]
    fn each_reason_not_to_take_one_has_a_code() {
        let with = |change: fn(&mut QrClaims)| {
            let mut claims = claims();
            change(&mut claims);
            shown(claims, "k1").unwrap()
        };
        let good = with(|_| {});
        let token = good.replacen(QR_PREFIX, crate::tokens::TOKEN_PREFIX, 1);
        let other = with(|claims| claims.issuer = "bank".parse().unwrap());
        let late = with(|claims| (claims.issued_at, claims.expires_at) = (at(5_060), None));
        for (text, now, code) in [
            ("", 1_500, "token_malformed"),
            ("RQ1:", 1_500, "token_malformed"),
            (&token, 1_500, "token_malformed"),
            (&shown(claims(), "k2").unwrap(), 1_500, "token_key_unknown"),
            (&other, 1_500, "token_issuer_wrong"),
            (&late, 5_100, "token_key_not_valid"),
            (&good, 939, "token_not_yet_valid"),
            (&good, 2_060, "token_expired"),
        ] {
            assert_eq!(checked(text, at(now)), Err(code), "{text}");
        }
        for now in [940, 2_059] {
            assert!(checked(&good, at(now)).is_ok(), "clocks may be apart");
        }
        let mut stranger = verifier();
        stranger.keys[0].public_key = hex::encode(TokenSigner::from_seed(&[4; 32]).public_key());
        let (text, now) = (good, at(1_500));
        let wrong = stranger.check(&ShownQr { text, now }).unwrap_err();
        assert_eq!(wrong.code(), "token_signature_wrong");
    }

    #[test]
    fn what_cannot_be_said_is_not_signed() {
        let euros = |minor| Some(Money::new(minor, "EUR".parse().unwrap()));
        let cases: [fn(&mut QrClaims); 5] = [
            |claims| claims.data = Some(String::new()),
            |claims| claims.data = Some("x".repeat(QR_DATA_BYTES_MAX + 1)),
            |claims| claims.data = Some("a\0".to_owned()),
            |claims| claims.expires_at = Some(claims.issued_at),
            |claims| claims.issued_at = Timestamp::from_micros(1).unwrap(),
        ];
        for (number, change) in cases.into_iter().enumerate() {
            let mut claims = claims();
            change(&mut claims);
            assert!(shown(claims, "k1").is_err(), "{number}");
        }
        for amount in [euros(0), euros(-1)] {
            let claims = QrClaims { amount, ..claims() };
            assert!(shown(claims, "k1").is_err(), "{amount:?}");
        }
        let data = Some("x".repeat(QR_DATA_BYTES_MAX));
        assert!(shown(QrClaims { data, ..claims() }, "k1").is_ok());
    }

    proptest! {
        #[test]
        fn nothing_of_it_can_be_changed(place in any::<proptest::sample::Index>(), other in "[0-9A-Z $%*+./:-]") {
            let text = shown(claims(), "k1").unwrap();
            let place = place.index(text.len());
            let mut changed = text.clone();
            changed.replace_range(place..=place, &other);
            prop_assume!(changed != text);
            prop_assert!(checked(&changed, at(1_500)).is_err());
        }

        #[test]
        fn any_text_is_read_to_an_end(text in "(RQ1:)?.{0,200}") {
            let _ = checked(&text, at(1_500));
        }
    }
}
