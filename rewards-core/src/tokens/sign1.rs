//! COSE_Sign1 (RFC 9052) as far as tokens need it: one Ed25519 signature over a payload, with everything said in the protected
//! header and nothing beside it.
//!
//! A signature is verified strictly: a key or a part of a signature of small order is refused, and so is a second form of one
//! signature. Batches are never verified together, for that takes what one at a time is refused.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use minicbor::data::Tag;
use sha2::{Digest, Sha256};

use super::TokenError;
use super::cbor::{self, Reader};
use crate::ids::KeyId;

/// The most bytes of a token or a proof.
pub const TOKEN_BYTES_MAX: usize = 1_024;
/// Bytes of a public key of Ed25519.
pub const PUBLIC_KEY_BYTES: usize = 32;
/// Bytes of a signature of Ed25519.
pub const SIGNATURE_BYTES: usize = 64;
/// Bytes of what a token or a proof is known by.
pub const DIGEST_BYTES: usize = 32;

/// The tag of COSE_Sign1.
const SIGN1_TAG: u64 = 18;
/// EdDSA, as COSE numbers it.
const ALGORITHM: i64 = -8;
/// Header labels of COSE.
const ALGORITHM_LABEL: i64 = 1;
const CRITICAL_LABEL: i64 = 2;
const KEY_LABEL: i64 = 4;

/// What is signed, not yet with a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsigned {
    protected: Vec<u8>,
    payload: Vec<u8>,
    /// The bytes that are signed, which have both in them: made once, for they are hashed for the signature and for the digest.
    message: Vec<u8>,
}

/// What is signed, with a signature that nobody has verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sign1 {
    pub unsigned: Unsigned,
    pub key: Option<KeyId>,
    pub signature: [u8; SIGNATURE_BYTES],
}

impl Unsigned {
    /// A payload under a key that is named, or one that the reader knows.
    pub fn new(key: Option<&KeyId>, payload: Vec<u8>) -> Result<Self, TokenError> {
        let protected = cbor::write(|writer| {
            writer.map(if key.is_some() { 2 } else { 1 })?;
            writer.i64(ALGORITHM_LABEL)?.i64(ALGORITHM)?;
            if let Some(key) = key {
                writer.i64(KEY_LABEL)?.bytes(key.as_str().as_bytes())?;
            }
            Ok(())
        })?;
        let message = cbor::write(|writer| {
            writer.array(4)?.str("Signature1")?;
            writer.bytes(&protected)?.bytes(&[])?;
            writer.bytes(&payload)?;
            Ok(())
        })?;
        Ok(Self {
            protected,
            payload,
            message,
        })
    }

    /// The bytes that are signed.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// What it is known by. Signatures are no part of it: one thing that was signed twice is one thing.
    pub fn digest(&self) -> [u8; DIGEST_BYTES] {
        Sha256::digest(&self.message).into()
    }

    /// With its signature, as bytes.
    pub fn signed(&self, signature: &[u8; SIGNATURE_BYTES]) -> Result<Vec<u8>, TokenError> {
        let bytes = cbor::write(|writer| {
            writer.tag(Tag::new(SIGN1_TAG))?.array(4)?;
            writer.bytes(&self.protected)?.map(0)?;
            writer.bytes(&self.payload)?.bytes(signature)?;
            Ok(())
        })?;
        if bytes.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::malformed("it is too long"));
        }
        Ok(bytes)
    }

    /// The bytes of the payload.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

impl Sign1 {
    /// Reads the bytes.
    ///
    /// # Errors
    /// [`TokenError::Malformed`], [`TokenError::AlgorithmWrong`], [`TokenError::HeaderCritical`].
    pub fn read(bytes: &[u8]) -> Result<Self, TokenError> {
        if bytes.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::malformed("it is too long"));
        }
        let mut reader = Reader::new(bytes);
        reader.tag(SIGN1_TAG)?;
        if reader.list(4)? != 4 {
            return Err(TokenError::malformed("it is not four values"));
        }
        let protected = reader.bytes()?;
        let key = read_header(protected)?;
        // What is not signed says nothing.
        reader.map(0)?;
        let payload = reader.bytes()?.to_vec();
        let signature = reader.exactly()?;
        let unsigned = Unsigned::new(key.as_ref(), payload)?;
        cbor::only_form(bytes, &unsigned.signed(&signature)?)?;
        Ok(Self {
            unsigned,
            key,
            signature,
        })
    }

    /// Whether the signature is that of the issuer's key.
    ///
    /// # Errors
    /// [`TokenError::SignatureWrong`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), TokenError> {
        match self.is_signed_by(key) {
            true => Ok(()),
            false => Err(TokenError::SignatureWrong),
        }
    }

    /// Whether the signature is that of a key.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.has_signed(self.unsigned.message(), &self.signature)
    }
}

/// The key that a protected header names, when it says nothing that is not known.
fn read_header(protected: &[u8]) -> Result<Option<KeyId>, TokenError> {
    let mut reader = Reader::new(protected);
    let (mut algorithm, mut key) = (None, None);
    for _ in 0..reader.map(4)? {
        match reader.label()? {
            ALGORITHM_LABEL => {
                let found = reader.label().map_err(|_| TokenError::AlgorithmWrong)?;
                algorithm = Some(found);
            }
            CRITICAL_LABEL => return Err(TokenError::HeaderCritical),
            KEY_LABEL => key = Some(reader.named()?),
            _ => return Err(TokenError::malformed("an unknown header")),
        }
    }
    match algorithm {
        Some(ALGORITHM) => Ok(key),
        _ => Err(TokenError::AlgorithmWrong),
    }
}

/// A public key that signatures are held against. To read one takes a quarter of what verifying a signature does, so whoever verifies many
/// reads it once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key of these bytes, when they are the one form of a point, and none of small order.
    pub fn new(bytes: &[u8; PUBLIC_KEY_BYTES]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(bytes).ok()?;
        (is_reduced(bytes) && !key.is_weak()).then_some(Self(key))
    }

    /// Its bytes.
    pub fn to_bytes(self) -> [u8; PUBLIC_KEY_BYTES] {
        self.0.to_bytes()
    }

    /// The key of 64 hexadecimal digits in lower case.
    pub fn read(text: &str) -> Option<Self> {
        let mut bytes = [0; PUBLIC_KEY_BYTES];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        is_lower.then(|| Self::new(&bytes)).flatten()
    }

    /// Whether it has signed a message, strictly.
    fn has_signed(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        let signature = Signature::from_bytes(signature);
        self.0.verify_strict(message, &signature).is_ok()
    }
}

/// Whether the coordinate that a key is written by is below the prime 2²⁵⁵ − 19: the other nineteen are second forms of small ones. The
/// second form that is left, a sign where there is none, is of points of small order only.
fn is_reduced(bytes: &[u8; PUBLIC_KEY_BYTES]) -> bool {
    let [lowest, middle @ .., highest] = bytes;
    *lowest < 0xed || highest & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff)
}

/// Whether bytes are a public key that a signature can be held against: the one form of a point, and none of small order.
#[must_use]
pub fn is_public_key(bytes: &[u8; PUBLIC_KEY_BYTES]) -> bool {
    PublicKey::new(bytes).is_some()
}

/// A public key of 64 hexadecimal digits in lower case, when it is one that signatures are held against.
#[must_use]
pub fn read_public_key(text: &str) -> Option<[u8; PUBLIC_KEY_BYTES]> {
    PublicKey::read(text).map(PublicKey::to_bytes)
}

/// A private key of Ed25519. Its bytes are never shown, and wiped from memory when it is dropped.
#[derive(Clone)]
pub struct TokenSigner(SigningKey);

impl TokenSigner {
    /// The key of a seed of 32 random bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public key, by which signatures are verified.
    #[must_use]
    pub fn public_key(&self) -> [u8; PUBLIC_KEY_BYTES] {
        self.0.verifying_key().to_bytes()
    }

    /// The signature of a message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(message).to_bytes()
    }
}

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenSigner(…)")
    }
}
