//! Spend proofs: what whoever holds a token signs for a merchant.
//!
//! Each proof names the token, the merchant and the amount, has a number that counts from 1, and the digest of the one before it,
//! which for the first is that of the token. So the payments of a token are a chain, and two that go on from one place show that
//! the device has spent it twice. A copy of a token without the key of its holder makes no proof.
//!
//! | label | claim |
//! |---|---|
//! | 3 | the merchant |
//! | 6 | when, by the device's clock, in seconds |
//! | 7 | the token |
//! | −70002 | how much, in minor units |
//! | −70011 | which payment of the token it is, from 1 |
//! | −70012 | the digest of what it goes on from |
//! | −70013 | what the merchant asked to be signed with it, if anything |

use super::TokenError;
use super::cbor::{self, Reader};
use super::claims::{AMOUNT, ISSUED, TOKEN, instant, required, seconds};
use super::sign1::{
    DIGEST_BYTES, PUBLIC_KEY_BYTES, PublicKey, SIGNATURE_BYTES, Sign1, TokenSigner, Unsigned,
};
use super::text::{self, PROOF_PREFIX};
use crate::ids::{MerchantId, PaymentReference, TokenId};
use crate::time::Timestamp;

const LABELS: u64 = 7;
const MERCHANT: i64 = 3;
const COUNTER: i64 = -70_011;
const PREVIOUS: i64 = -70_012;
const REFERENCE: i64 = -70_013;

/// What a proof says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendClaims {
    /// Who is paid.
    pub merchant: MerchantId,
    /// When, by the clock of the device; whole seconds. Nothing is decided by it.
    pub at: Timestamp,
    /// The token that pays.
    pub token: TokenId,
    /// How much, in minor units; positive.
    pub minor: i64,
    /// Which payment of the token it is, from 1.
    pub counter: u32,
    /// The digest of the proof before it, of the token for the first.
    pub previous: [u8; DIGEST_BYTES],
    /// What the merchant asked to be signed with it. A merchant who asks for something new each time cannot be shown a proof of
    /// another time.
    pub reference: Option<PaymentReference>,
}

impl SpendClaims {
    fn unsigned(&self) -> Result<Unsigned, TokenError> {
        if self.minor <= 0 || self.counter == 0 {
            return Err(TokenError::malformed(
                "its amount or number is not positive",
            ));
        }
        let payload = cbor::write(|writer| {
            writer.map(if self.reference.is_some() { 7 } else { 6 })?;
            writer.i64(MERCHANT)?.str(self.merchant.as_str())?;
            writer.i64(ISSUED)?.i64(seconds(self.at))?;
            writer.i64(TOKEN)?.bytes(self.token.as_str().as_bytes())?;
            writer.i64(AMOUNT)?.i64(self.minor)?;
            writer.i64(COUNTER)?.u32(self.counter)?;
            writer.i64(PREVIOUS)?.bytes(&self.previous)?;
            if let Some(reference) = &self.reference {
                writer.i64(REFERENCE)?.str(reference.as_str())?;
            }
            Ok(())
        })?;
        Unsigned::new(None, payload)
    }

    /// The bytes that the holder signs, for a key that does not leave its chip.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] for an amount or a number that is not positive.
    pub fn to_sign(&self) -> Result<Vec<u8>, TokenError> {
        Ok(self.unsigned()?.message().to_vec())
    }

    /// The proof as text, with the signature of the holder.
    ///
    /// # Errors
    /// As [`to_sign`](Self::to_sign).
    pub fn signed(&self, signature: &[u8; SIGNATURE_BYTES]) -> Result<String, TokenError> {
        Ok(text::write(
            PROOF_PREFIX,
            &self.unsigned()?.signed(signature)?,
        ))
    }

    /// The proof as text, signed by a key that is at hand.
    ///
    /// # Errors
    /// As [`to_sign`](Self::to_sign).
    pub fn sign(&self, holder: &TokenSigner) -> Result<String, TokenError> {
        self.signed(&holder.sign(&self.to_sign()?))
    }

    /// What the proof is known by, and what the next one goes on from.
    ///
    /// # Errors
    /// As [`to_sign`](Self::to_sign).
    pub fn digest(&self) -> Result<[u8; DIGEST_BYTES], TokenError> {
        Ok(self.unsigned()?.digest())
    }

    fn read(payload: &[u8]) -> Result<Self, TokenError> {
        let mut reader = Reader::new(payload);
        let (mut merchant, mut at, mut token, mut minor) = (None, None, None, None);
        let (mut counter, mut previous, mut reference) = (None, None, None);
        for _ in 0..reader.map(LABELS)? {
            match reader.label()? {
                MERCHANT => merchant = Some(reader.parsed()?),
                ISSUED => at = Some(instant(reader.number()?)?),
                TOKEN => token = Some(reader.named()?),
                AMOUNT => minor = Some(reader.number()?),
                COUNTER => counter = u32::try_from(reader.number()?).ok(),
                PREVIOUS => previous = Some(reader.exactly()?),
                REFERENCE => reference = Some(reader.parsed()?),
                _ => return Err(TokenError::malformed("an unknown claim")),
            }
        }
        Ok(Self {
            merchant: required(merchant)?,
            at: required(at)?,
            token: required(token)?,
            minor: required(minor)?,
            counter: required(counter)?,
            previous: required(previous)?,
            reference,
        })
    }
}

/// A proof: what it says, and a signature that is verified or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendProof {
    /// What it says.
    pub claims: SpendClaims,
    sign1: Sign1,
}

impl SpendProof {
    /// Reads a proof that somebody shows. It says nothing before its signature is [verified](Self::verify).
    ///
    /// # Errors
    /// [`TokenError::Malformed`], [`TokenError::AlgorithmWrong`], [`TokenError::HeaderCritical`].
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        Self::from_bytes(&text::read(PROOF_PREFIX, text)?)
    }

    /// Reads the bytes of a proof.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        let sign1 = Sign1::read(bytes)?;
        if sign1.key.is_some() {
            return Err(TokenError::malformed("a proof names no key"));
        }
        let claims = SpendClaims::read(sign1.unsigned.payload())?;
        cbor::only_form(sign1.unsigned.payload(), claims.unsigned()?.payload())?;
        Ok(Self { claims, sign1 })
    }

    /// Whether its signature is that of the holder of a token.
    ///
    /// # Errors
    /// [`TokenError::ProofWrong`].
    pub fn verify(&self, holder: &[u8; PUBLIC_KEY_BYTES]) -> Result<(), TokenError> {
        self.verify_with(&PublicKey::new(holder).ok_or(TokenError::ProofWrong)?)
    }

    /// Whether its signature is that of a key that was read.
    pub(super) fn verify_with(&self, holder: &PublicKey) -> Result<(), TokenError> {
        match self.sign1.is_signed_by(holder) {
            true => Ok(()),
            false => Err(TokenError::ProofWrong),
        }
    }

    /// What it is known by.
    #[must_use]
    pub fn digest(&self) -> [u8; DIGEST_BYTES] {
        self.sign1.unsigned.digest()
    }
}
