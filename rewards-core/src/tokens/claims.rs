//! What a token says: the claims of a CWT (RFC 8392), and what it is worth.
//!
//! | label | claim |
//! |---|---|
//! | 1 | who issued it |
//! | 2 | the member whose value it is |
//! | 3 | the one merchant it is for, if any |
//! | 4, 5, 6 | when it ends, begins and was issued, in seconds |
//! | 7 | its id |
//! | 8 | the public key of the device that holds it; none for whoever bears it |
//! | −70001, −70002 | the asset, and how much in minor units |
//! | −70003, −70004 | the most that is spent at once, and how often |
//! | −70005, −70006 | the only kinds of merchants that take it, and those that do not |
//! | −70007 | the device |

use serde::{Deserialize, Serialize};

use super::TokenError;
use super::cbor::{self, Reader};
use super::sign1::{
    DIGEST_BYTES, PUBLIC_KEY_BYTES, PublicKey, SIGNATURE_BYTES, Sign1, TOKEN_BYTES_MAX, Unsigned,
};
use super::text::{self, TOKEN_PREFIX};
use crate::ids::{DeviceId, KeyId, MemberId, MerchantId, Slug, TokenId};
use crate::money::{Asset, Money};
use crate::time::{MICROS_PER_SECOND, Timestamp};

/// The most kinds of merchants in a list of a token.
pub const TOKEN_CATEGORIES_MAX: usize = 8;
/// The most payments that one token is split into.
pub const TOKEN_SPENDS_MAX: u32 = 32;

const LABELS: u64 = 15;
pub(crate) const ISSUER: i64 = 1;
pub(crate) const MEMBER: i64 = 2;
const MERCHANT: i64 = 3;
pub(crate) const EXPIRES: i64 = 4;
const BEGINS: i64 = 5;
pub(crate) const ISSUED: i64 = 6;
pub(crate) const TOKEN: i64 = 7;
const HOLDER: i64 = 8;
pub(crate) const ASSET: i64 = -70_001;
pub(crate) const AMOUNT: i64 = -70_002;
const SPEND_MAX: i64 = -70_003;
const SPENDS_MAX: i64 = -70_004;
const CATEGORIES: i64 = -70_005;
const REFUSED: i64 = -70_006;
const DEVICE: i64 = -70_007;
/// Labels of a COSE_Key, and what they say of an Ed25519 key.
const COSE_KEY: i64 = 1;
const KEY_TYPE: i64 = 1;
const KEY_TYPE_OKP: i64 = 1;
const CURVE: i64 = -1;
const CURVE_ED25519: i64 = 6;
const POINT: i64 = -2;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TokenClaims {
    /// Who issued it.
    pub issuer: Slug,
    /// Whose value it is.
    pub member: MemberId,
    /// The one merchant it is for; anybody when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub merchant: Option<MerchantId>,
    /// When it ends, exclusive; whole seconds.
    pub expires_at: Timestamp,
    /// When it begins; whole seconds.
    pub begins_at: Timestamp,
    /// When it was issued; whole seconds.
    pub issued_at: Timestamp,
    /// Its id.
    pub token: TokenId,
    /// The public key of whoever holds it, Ed25519 in 64 hexadecimal digits. Without one it is good for whoever bears it, and is
    /// spent as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub holder_key: Option<String>,
    /// What it is worth.
    pub amount: Money,
    /// The most that is spent at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub spend_max: Option<Money>,
    /// How often it is spent at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub spends_max: Option<u32>,
    /// The only kinds of merchants that take it, sorted; all of them when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub categories: Vec<Slug>,
    /// Kinds of merchants that do not take it, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub refused_categories: Vec<Slug>,
    /// The device that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub device: Option<DeviceId>,
}

impl TokenClaims {
    /// Whether it can be one.
    ///
    /// # Errors
    /// [`TokenError::Malformed`].
    pub fn check(&self) -> Result<(), TokenError> {
        let is_sorted = |names: &[Slug]| {
            names.len() <= TOKEN_CATEGORIES_MAX && names.iter().is_sorted_by(|one, next| one < next)
        };
        let times = [self.issued_at, self.begins_at, self.expires_at];
        let is_whole = |at: &Timestamp| at.micros().rem_euclid(MICROS_PER_SECOND) == 0;
        let minor = self.amount.minor();
        TokenError::unless_all([
            (minor > 0, "its amount is not positive"),
            (
                self.spend_max.is_none_or(|most| {
                    most.asset() == self.amount.asset() && (1..=minor).contains(&most.minor())
                }),
                "its limit of one payment is none",
            ),
            (
                self.spends_max
                    .is_none_or(|most| (1..=TOKEN_SPENDS_MAX).contains(&most)),
                "its number of payments is none",
            ),
            (
                self.holder_key.is_none() || self.holder().is_some(),
                "its holder's key is none",
            ),
            (
                self.holder_key.is_some() || self.spend_max.is_none() && self.spends_max.is_none(),
                "it is spent in parts without a key",
            ),
            (
                times.iter().all(is_whole),
                "its times are not whole seconds",
            ),
            (
                self.issued_at <= self.begins_at && self.begins_at < self.expires_at,
                "its times are not in order",
            ),
            (
                is_sorted(&self.categories) && is_sorted(&self.refused_categories),
                "its kinds of merchants are not sorted",
            ),
        ])
    }

    /// The bytes of the holder's key; none for whoever bears it.
    #[must_use]
    pub fn holder(&self) -> Option<[u8; PUBLIC_KEY_BYTES]> {
        self.holder_point().map(PublicKey::to_bytes)
    }

    /// The holder's key, read.
    pub(crate) fn holder_point(&self) -> Option<PublicKey> {
        PublicKey::read(self.holder_key.as_deref()?)
    }

    /// The bytes of the holder's key, a point or not: what is written is checked elsewhere.
    fn holder_bytes(&self) -> Option<[u8; PUBLIC_KEY_BYTES]> {
        let mut bytes = [0; PUBLIC_KEY_BYTES];
        hex::decode_to_slice(self.holder_key.as_deref()?, &mut bytes).ok()?;
        Some(bytes)
    }

    fn write(&self) -> Result<Vec<u8>, TokenError> {
        let holder = self.holder_bytes();
        let optional = [
            self.merchant.is_some(),
            holder.is_some(),
            self.spend_max.is_some(),
            self.spends_max.is_some(),
            !self.categories.is_empty(),
            !self.refused_categories.is_empty(),
            self.device.is_some(),
        ];
        let present = optional.iter().filter(|is_present| **is_present).count();
        let pairs = u64::try_from(present).unwrap_or_default();
        let asset = self.amount.asset().to_string();
        cbor::write(|writer| {
            writer.map(pairs.saturating_add(8))?;
            writer.i64(ISSUER)?.str(self.issuer.as_str())?;
            writer.i64(MEMBER)?.str(self.member.as_str())?;
            if let Some(merchant) = &self.merchant {
                writer.i64(MERCHANT)?.str(merchant.as_str())?;
            }
            writer.i64(EXPIRES)?.i64(seconds(self.expires_at))?;
            writer.i64(BEGINS)?.i64(seconds(self.begins_at))?;
            writer.i64(ISSUED)?.i64(seconds(self.issued_at))?;
            writer.i64(TOKEN)?.bytes(self.token.as_str().as_bytes())?;
            if let Some(holder) = &holder {
                writer.i64(HOLDER)?.map(1)?.i64(COSE_KEY)?.map(3)?;
                writer.i64(KEY_TYPE)?.i64(KEY_TYPE_OKP)?;
                writer.i64(CURVE)?.i64(CURVE_ED25519)?;
                writer.i64(POINT)?.bytes(holder)?;
            }
            writer.i64(ASSET)?.str(&asset)?;
            writer.i64(AMOUNT)?.i64(self.amount.minor())?;
            if let Some(most) = self.spend_max {
                writer.i64(SPEND_MAX)?.i64(most.minor())?;
            }
            if let Some(most) = self.spends_max {
                writer.i64(SPENDS_MAX)?.u32(most)?;
            }
            for (label, names) in [
                (CATEGORIES, &self.categories),
                (REFUSED, &self.refused_categories),
            ] {
                if !names.is_empty() {
                    let count = u64::try_from(names.len()).unwrap_or_default();
                    writer.i64(label)?.array(count)?;
                    for name in names {
                        writer.str(name.as_str())?;
                    }
                }
            }
            if let Some(device) = &self.device {
                writer.i64(DEVICE)?.str(device.as_str())?;
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

/// Whole seconds since 1970.
pub(crate) fn seconds(at: Timestamp) -> i64 {
    at.micros().div_euclid(MICROS_PER_SECOND)
}

/// The instant that seconds name.
pub(crate) fn instant(seconds: i64) -> Result<Timestamp, TokenError> {
    let micros = seconds.checked_mul(MICROS_PER_SECOND);
    let at = micros.and_then(|micros| Timestamp::from_micros(micros).ok());
    at.ok_or_else(|| TokenError::malformed("a time is out of range"))
}

/// An instant without its fraction of a second.
#[must_use]
pub fn whole_seconds(at: Timestamp) -> Timestamp {
    let micros = at.micros();
    let whole = micros.saturating_sub(micros.rem_euclid(MICROS_PER_SECOND));
    Timestamp::from_micros(whole).unwrap_or(at)
}

/// Claims as far as they are read.
#[derive(Default)]
struct ReadClaims {
    issuer: Option<Slug>,
    member: Option<MemberId>,
    merchant: Option<MerchantId>,
    expires_at: Option<Timestamp>,
    begins_at: Option<Timestamp>,
    issued_at: Option<Timestamp>,
    token: Option<TokenId>,
    holder: Option<[u8; PUBLIC_KEY_BYTES]>,
    asset: Option<Asset>,
    minor: Option<i64>,
    spend_max: Option<i64>,
    spends_max: Option<u32>,
    categories: Vec<Slug>,
    refused: Vec<Slug>,
    device: Option<DeviceId>,
}

impl ReadClaims {
    fn pair(&mut self, reader: &mut Reader<'_>) -> Result<(), TokenError> {
        match reader.label()? {
            ISSUER => self.issuer = Some(reader.parsed()?),
            MEMBER => self.member = Some(reader.parsed()?),
            MERCHANT => self.merchant = Some(reader.parsed()?),
            EXPIRES => self.expires_at = Some(instant(reader.number()?)?),
            BEGINS => self.begins_at = Some(instant(reader.number()?)?),
            ISSUED => self.issued_at = Some(instant(reader.number()?)?),
            TOKEN => self.token = Some(reader.named()?),
            HOLDER => self.holder = Some(read_holder(reader)?),
            ASSET => self.asset = Some(read_asset(reader)?),
            AMOUNT => self.minor = Some(reader.number()?),
            SPEND_MAX => self.spend_max = Some(reader.number()?),
            SPENDS_MAX => {
                let most = u32::try_from(reader.number()?);
                let most = most.map_err(|_| TokenError::malformed("a number is out of range"))?;
                self.spends_max = Some(most);
            }
            CATEGORIES => self.categories = read_names(reader)?,
            REFUSED => self.refused = read_names(reader)?,
            DEVICE => self.device = Some(reader.parsed()?),
            _ => return Err(TokenError::malformed("an unknown claim")),
        }
        Ok(())
    }

    fn finish(self) -> Result<TokenClaims, TokenError> {
        let asset = required(self.asset)?;
        let money = |minor: i64| Money::new(minor, asset);
        Ok(TokenClaims {
            issuer: required(self.issuer)?,
            member: required(self.member)?,
            merchant: self.merchant,
            expires_at: required(self.expires_at)?,
            begins_at: required(self.begins_at)?,
            issued_at: required(self.issued_at)?,
            token: required(self.token)?,
            holder_key: self.holder.map(hex::encode),
            amount: money(required(self.minor)?),
            spend_max: self.spend_max.map(money),
            spends_max: self.spends_max,
            categories: self.categories,
            refused_categories: self.refused,
            device: self.device,
        })
    }
}

pub(crate) fn required<T>(found: Option<T>) -> Result<T, TokenError> {
    found.ok_or_else(|| TokenError::malformed("a claim is missing"))
}

pub(crate) fn read_asset(reader: &mut Reader<'_>) -> Result<Asset, TokenError> {
    let asset = Asset::parse(reader.text()?);
    asset.map_err(|_| TokenError::malformed("its asset is none"))
}

fn read_names(reader: &mut Reader<'_>) -> Result<Vec<Slug>, TokenError> {
    let most = u64::try_from(TOKEN_CATEGORIES_MAX).unwrap_or_default();
    let count = reader.list(most)?;
    (0..count).map(|_| reader.parsed()).collect()
}

fn read_holder(reader: &mut Reader<'_>) -> Result<[u8; PUBLIC_KEY_BYTES], TokenError> {
    let expect = |holds: bool| match holds {
        true => Ok(()),
        false => Err(TokenError::malformed("its holder's key is none")),
    };
    expect(reader.map(1)? == 1 && reader.label()? == COSE_KEY)?;
    expect(reader.map(3)? == 3)?;
    for (label, value) in [(KEY_TYPE, KEY_TYPE_OKP), (CURVE, CURVE_ED25519)] {
        expect(reader.label()? == label && reader.label()? == value)?;
    }
    expect(reader.label()? == POINT)?;
    reader.exactly()
}

/// A token: what it says, the key it names, and a signature that is verified or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedToken {
    /// What it says.
    pub claims: TokenClaims,
    /// The key it was signed with, as it says.
    pub key: KeyId,
    sign1: Sign1,
}

impl SignedToken {
    /// Reads a token that somebody shows. It says nothing before its signature is [verified](Self::verify).
    ///
    /// # Errors
    /// [`TokenError::Malformed`], [`TokenError::AlgorithmWrong`], [`TokenError::HeaderCritical`].
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        Self::from_bytes(&text::read(TOKEN_PREFIX, text)?)
    }

    /// Reads the bytes of a token.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        let sign1 = Sign1::read(bytes)?;
        let key = required(sign1.key.clone())?;
        let claims = TokenClaims::read(sign1.unsigned.payload())?;
        Ok(Self { claims, key, sign1 })
    }

    /// Whether its signature is that of a key.
    ///
    /// # Errors
    /// [`TokenError::SignatureWrong`].
    pub fn verify(&self, public_key: &[u8; PUBLIC_KEY_BYTES]) -> Result<(), TokenError> {
        let key = PublicKey::new(public_key).ok_or(TokenError::SignatureWrong)?;
        self.verify_with(&key)
    }

    /// Whether its signature is that of a key that was read.
    pub(super) fn verify_with(&self, key: &PublicKey) -> Result<(), TokenError> {
        self.sign1.verify(key)
    }

    /// What it is known by, and what the first proof of it goes on from.
    #[must_use]
    pub fn digest(&self) -> [u8; DIGEST_BYTES] {
        self.sign1.unsigned.digest()
    }
}

/// What is to be signed of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsignedToken(Unsigned);

impl UnsignedToken {
    /// A token with these claims, to be signed by a key.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] for claims that do not [hold](TokenClaims::check), or more than [`TOKEN_BYTES_MAX`] bytes.
    pub fn new(claims: &TokenClaims, key: &KeyId) -> Result<Self, TokenError> {
        claims.check()?;
        let unsigned = Unsigned::new(Some(key), claims.write()?)?;
        unsigned.signed(&[0; SIGNATURE_BYTES])?;
        Ok(Self(unsigned))
    }

    /// The bytes to sign.
    #[must_use]
    pub fn to_sign(&self) -> &[u8] {
        self.0.message()
    }

    /// What it will be known by.
    #[must_use]
    pub fn digest(&self) -> [u8; DIGEST_BYTES] {
        self.0.digest()
    }

    /// The token as text, for a QR code.
    ///
    /// # Errors
    /// Never for one that was made.
    pub fn signed(&self, signature: &[u8; SIGNATURE_BYTES]) -> Result<String, TokenError> {
        Ok(text::write(TOKEN_PREFIX, &self.0.signed(signature)?))
    }
}

const _: () = assert!(TOKEN_BYTES_MAX <= 2_048, "a token fits into one QR code");
