//! Secrets are sealed before they are seen: nothing of a request but its own caller ever holds them after this.
//!
//! The first thing that is done with a request is to replace each secret by its digests under all live keys, the current one
//! first. A digest is HMAC-SHA-256 over the purpose, the tenant and the text, so it says nothing to whoever has no key, and
//! nothing about another tenant or purpose to whoever has digests of both.
//!
//! A request is told from another by its fingerprint, and that must survive the rotation of keys: a repetition is the same
//! request, though its secrets are sealed under another current key by then. So a request has one fingerprint for each live
//! key, made as if that key were the only one. The first is stored; a stored one that is among them is the request's own.

use std::cell::LazyCell;

use hmac::Mac;
use rewards_core::command::{Operation, fingerprint};
use rewards_core::coupons::{CodeMatching, spelled};
use rewards_core::fingerprint::Fingerprint;
use rewards_core::ids::TenantId;
use rewards_core::rejection::{Fault, Problem, Rejection};
use rewards_core::secret::{KeyPurpose, KeyedDigest, Secret, SecretError};
use zeroize::Zeroize;

use super::faults::internal;
use super::key_ring::{KeyRing, KeyTime, RingKey};
use super::signatures;

/// First part of what is digested; changed when the form of the rest changes.
const DOMAIN: &[u8] = b"rewards/secret/1";

/// A text that no part of a request can hold, so that the place of a secret can be found.
const MARK: &str = "\u{0}secret\u{0}";

/// What a stored reply of this very request may be marked with, and what it would be marked with now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprints {
    current: Fingerprint,
    others: Vec<Fingerprint>,
}

impl Fingerprints {
    /// The one that is stored.
    pub(super) fn current(&self) -> &Fingerprint {
        &self.current
    }

    /// Whether a stored reply is one of the request's own.
    pub(super) fn contains(&self, stored: &Fingerprint) -> bool {
        self.current == *stored || self.others.contains(stored)
    }
}

/// Verifies what somebody else signed of a request, seals its secrets and takes its fingerprints. When that is, is asked only
/// where there is anything of the kind.
pub(super) fn seal<O: Operation>(
    request: &mut O,
    tenant: &TenantId,
    ring: &KeyRing,
    at: impl FnOnce() -> KeyTime,
) -> Result<Fingerprints, Fault> {
    let at = LazyCell::new(at);
    let is_signed = signatures::verify(request, ring, &at)?;
    if request.secrets().is_empty() {
        let current = if is_signed {
            fingerprint(&signatures::forgotten(request))?
        } else {
            fingerprint(request)?
        };
        return Ok(Fingerprints {
            current,
            others: Vec::new(),
        });
    }
    check(request)?;
    let at = *at;
    let keeps = request.keeps_secrets();
    let mut purposes: Vec<KeyPurpose> = Vec::new();
    let mut sealed: Vec<Vec<KeyedDigest>> = Vec::new();
    for (purpose, secret) in request.secrets() {
        let keys = ring.live(purpose, at);
        if keys.is_empty() {
            return Err(Rejection::KeyRingMissing { purpose }.into());
        }
        if let Secret::Clear(text) = secret {
            let digests = digests(&keys, tenant, text)?;
            *secret = if keeps {
                let (text, digests) = (std::mem::take(text), digests.clone());
                Secret::Kept { text, digests }
            } else {
                text.zeroize();
                Secret::Sealed(digests.clone())
            };
            sealed.push(digests);
        }
        if !purposes.contains(&purpose) {
            purposes.push(purpose);
        }
    }
    let mut prints = Vec::new();
    for choice in choices(&purposes, ring, at) {
        let mut only = signatures::forgotten(request);
        for ((purpose, secret), digests) in only.secrets().into_iter().zip(&sealed) {
            let key = choice.iter().find(|key| key.purpose() == purpose);
            let own = digests
                .iter()
                .filter(|digest| key.is_some_and(|key| *key.id() == digest.key));
            *secret = Secret::Sealed(own.cloned().collect());
        }
        prints.push(fingerprint(&only)?);
    }
    let mut prints = prints.into_iter();
    let current = prints.next();
    Ok(Fingerprints {
        current: current.ok_or_else(|| internal("a request without a fingerprint"))?,
        others: prints.collect(),
    })
}

/// Every choice of one live key a purpose, the current ones first. Nearly every request has secrets of one purpose at most.
fn choices<'r>(purposes: &[KeyPurpose], ring: &'r KeyRing, at: KeyTime) -> Vec<Vec<&'r RingKey>> {
    let mut choices = vec![Vec::new()];
    for purpose in purposes {
        let live = ring.live(*purpose, at);
        let longer = choices.iter().flat_map(|choice| {
            live.iter().map(|key| {
                let mut longer: Vec<&RingKey> = choice.clone();
                longer.push(key);
                longer
            })
        });
        choices = longer.collect();
    }
    choices
}

/// The digests of a text under all of these keys, in their order: one a key, and for a code one a way of matching.
pub(super) fn digests(
    keys: &[&RingKey],
    tenant: &TenantId,
    text: &str,
) -> Result<Vec<KeyedDigest>, Rejection> {
    let mut digests = Vec::new();
    for key in keys {
        match key.purpose() {
            KeyPurpose::Coupons => {
                for matching in CodeMatching::ALL {
                    digests.push(digest(key, tenant, &spelled(text, matching))?);
                }
            }
            KeyPurpose::Alias | KeyPurpose::Deposits | KeyPurpose::Tokens => {
                digests.push(digest(key, tenant, text)?);
            }
        }
    }
    Ok(digests)
}

fn digest(key: &RingKey, tenant: &TenantId, text: &str) -> Result<KeyedDigest, Rejection> {
    let purpose = key.purpose().text();
    let mut mac = key.mac(&[DOMAIN, purpose.as_bytes(), tenant.as_str().as_bytes()])?;
    mac.update(text.as_bytes());
    Ok(KeyedDigest {
        key: key.id().clone(),
        digest: hex::encode(mac.finalize().into_bytes()).into(),
    })
}

/// All that is wrong with the secrets of a request, with paths, and without telling what they are.
fn check<O: Operation>(request: &mut O) -> Result<(), Rejection> {
    let secrets = request.secrets().into_iter();
    let checked: Vec<Result<(), SecretError>> = secrets.map(|(_, secret)| secret.check()).collect();
    let mut problems = Vec::new();
    for (index, found) in checked.into_iter().enumerate() {
        if let Err(error) = found {
            let path = path(request, index);
            problems.push(Problem::new(error.code(), path, error.to_string()));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Rejection::Invalid(problems))
    }
}

/// Where in a request its nth secret is.
fn path<O: Operation>(request: &O, index: usize) -> String {
    let mut marked = request.clone();
    for (at, (_, secret)) in marked.secrets().into_iter().enumerate() {
        *secret = Secret::Clear(if at == index { MARK } else { "" }.to_owned());
    }
    let mut path = String::new();
    if let Ok(request) = serde_json::to_value(&marked) {
        find(&request, &mut path);
    }
    path
}

/// Goes down to the mark; the path is as it was when there is none below.
fn find(value: &serde_json::Value, path: &mut String) -> bool {
    use serde_json::Value;
    let before = path.len();
    match value {
        Value::String(text) => return text == MARK,
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                if find(value, path) {
                    return true;
                }
                path.truncate(before);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                if before > 0 {
                    path.push('.');
                }
                path.push_str(name);
                if find(value, path) {
                    return true;
                }
                path.truncate(before);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    false
}
