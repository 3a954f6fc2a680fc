//! What tells two requests under one idempotency key apart, and in which fields.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use crate::rejection::Rejection;

/// First byte of what a fingerprint digests; raised when the encoding of requests changes.
const FINGERPRINT_ENCODING: u8 = 1;
/// Bytes of the digest.
const DIGEST_BYTES: usize = 32;
/// Bytes of the mark of a field.
const MARK_BYTES: usize = 4;
/// Of how many fields of a request marks are kept, in the order of the request. A difference in others has no name.
pub const MARKS_MAX: usize = 48;

/// What tells two requests under one idempotency key apart: SHA-256 over the operation and the canonical request. Two of them
/// are equal when that is.
///
/// Behind it is a mark for each field: sixteen bits of a hash of its path, and sixteen of its value. They are enough to name the
/// fields in which another request differs, and too few to say what was in them. A list is one field.
#[derive(Debug, Clone)]
pub struct Fingerprint(Arc<[u8]>);

impl Fingerprint {
    /// The fingerprint of a request for an operation.
    ///
    /// # Errors
    /// [`Rejection::Internal`] when a request cannot be encoded at all.
    pub fn of(operation: &str, request: &impl Serialize) -> Result<Self, Rejection> {
        let body = encoded(request)?;
        let mut digest = Sha256::new();
        digest.update([FINGERPRINT_ENCODING]);
        digest.update(operation.as_bytes());
        digest.update([0]);
        digest.update(&body);
        let mut bytes: SmallVec<[u8; 96]> = SmallVec::from_slice(&digest.finalize());
        let most = DIGEST_BYTES.saturating_add(MARKS_MAX.saturating_mul(MARK_BYTES));
        each_field(&body, |path, value| {
            if bytes.len() < most {
                bytes.extend_from_slice(&short_hash(path));
                bytes.extend_from_slice(&short_hash(value));
            }
        });
        Ok(Self(Arc::from(bytes.as_slice())))
    }

    /// As it is stored: the digest, and the marks behind it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads it as it is stored; `None` when it cannot be one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (_, marks) = bytes.split_first_chunk::<DIGEST_BYTES>()?;
        let (_, rest) = marks.as_chunks::<MARK_BYTES>();
        rest.is_empty().then(|| Self(bytes.into()))
    }

    fn digest(&self) -> &[u8] {
        let digest = self.0.first_chunk::<DIGEST_BYTES>();
        digest
            .map(<[u8; DIGEST_BYTES]>::as_slice)
            .unwrap_or_default()
    }

    /// The marks of values, by those of their paths.
    fn marks(&self) -> BTreeMap<[u8; 2], [u8; 2]> {
        let marks = self.0.get(DIGEST_BYTES..).unwrap_or_default();
        let (marks, _) = marks.as_chunks::<MARK_BYTES>();
        let marks = marks.iter();
        marks.map(|[a, b, c, d]| ([*a, *b], [*c, *d])).collect()
    }

    /// In what a request, whose fingerprint this is, differs from the one with the stored fingerprint, in words: the paths of
    /// its fields, such as `purchase.total.amount`, and how many more fields the stored one had.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn difference(&self, request: &impl Serialize, stored: &Self) -> Result<String, Rejection> {
        let (own, stored) = (self.marks(), stored.marks());
        let mut words = Vec::new();
        if !stored.is_empty() {
            each_field(&encoded(request)?, |path, _| {
                let mark = short_hash(path);
                if own.get(&mark) != stored.get(&mark) {
                    words.push(String::from_utf8_lossy(path).into_owned());
                }
            });
        }
        let left_out = stored.keys().filter(|path| !own.contains_key(*path));
        match left_out.count() {
            0 => {}
            1 => words.push("a field that it leaves out".to_owned()),
            many => words.push(format!("{many} fields that it leaves out")),
        }
        if words.is_empty() {
            words.push("something of which no mark was kept".to_owned());
        }
        Ok(words.join(", "))
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.digest() == other.digest()
    }
}

impl Eq for Fingerprint {}

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest().hash(state);
    }
}

/// A digest without marks.
impl From<[u8; DIGEST_BYTES]> for Fingerprint {
    fn from(digest: [u8; DIGEST_BYTES]) -> Self {
        Self(Arc::from(digest.as_slice()))
    }
}

fn encoded(request: &impl Serialize) -> Result<Vec<u8>, Rejection> {
    serde_json::to_vec(request).map_err(|_| Rejection::Internal("a request cannot be encoded"))
}

/// FNV-1a, folded to sixteen bits: enough to see that two values differ, nearly always.
fn short_hash(bytes: &[u8]) -> [u8; 2] {
    let hash = bytes.iter().fold(0x811C_9DC5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    let [a, b, c, d] = hash.to_be_bytes();
    [a ^ c, b ^ d]
}

/// Calls a function with each field of an object in compact JSON: its path, with a point between names, and its value. What is
/// no object has no fields.
fn each_field(body: &[u8], mut call: impl FnMut(&[u8], &[u8])) {
    let mut scanner = Scanner(body);
    scanner.object(&mut Vec::new(), &mut call);
}

/// Reads what `serde_json` wrote, without white space; anything else ends it early.
#[derive(Debug)]
struct Scanner<'j>(&'j [u8]);

impl<'j> Scanner<'j> {
    fn object(&mut self, path: &mut Vec<u8>, call: &mut impl FnMut(&[u8], &[u8])) {
        let Some(mut rest) = self.0.strip_prefix(b"{") else {
            return;
        };
        let above = path.len();
        while rest.first() == Some(&b'"') {
            self.0 = rest;
            let name = self.value();
            if above > 0 {
                path.push(b'.');
            }
            let name = name.strip_prefix(b"\"").unwrap_or(name);
            path.extend_from_slice(name.strip_suffix(b"\"").unwrap_or(name));
            self.0 = self.0.strip_prefix(b":").unwrap_or_default();
            if self.0.first() == Some(&b'{') {
                self.object(path, call);
            } else {
                let value = self.value();
                call(path, value);
            }
            path.truncate(above);
            rest = self.0.strip_prefix(b",").unwrap_or(self.0);
        }
        self.0 = rest.strip_prefix(b"}").unwrap_or(rest);
    }

    /// Takes one whole value.
    fn value(&mut self) -> &'j [u8] {
        let (mut depth, mut is_text, mut is_escaped) = (0_u32, false, false);
        let end = self.0.iter().position(|byte| {
            if is_text {
                let ends = *byte == b'"' && !is_escaped;
                is_escaped = *byte == b'\\' && !is_escaped;
                is_text = !ends;
                return false;
            }
            match byte {
                b'"' => is_text = true,
                b'{' | b'[' => depth = depth.saturating_add(1),
                b'}' | b']' if depth > 0 => depth = depth.saturating_sub(1),
                b'}' | b']' | b',' | b':' => return depth == 0,
                _ => {}
            }
            false
        });
        let (value, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(body: &str) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        each_field(body.as_bytes(), |path, value| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            fields.push((text(path), text(value)));
        });
        fields
    }

    #[test]
    fn fields_are_found_by_their_paths() {
        let cases: [(&str, &[(&str, &str)]); 7] = [
            ("{}", &[]),
            ("[1,2]", &[]),
            (r#"{"a":1}"#, &[("a", "1")]),
            (
                r#"{"a":"x,}\"{","b":[{"c":1},{"d":"]"}],"e":true}"#,
                &[
                    ("a", r#""x,}\"{""#),
                    ("b", r#"[{"c":1},{"d":"]"}]"#),
                    ("e", "true"),
                ],
            ),
            (
                r#"{"a":{"b":{"c":1},"d":2},"e":{},"f":null}"#,
                &[("a.b.c", "1"), ("a.d", "2"), ("f", "null")],
            ),
            (
                r#"{"a\"b":{"c":"\\"},"d":1}"#,
                &[(r#"a\"b.c"#, r#""\\""#), ("d", "1")],
            ),
            (r#"{"ä":"ö"}"#, &[("ä", "\"ö\"")]),
        ];
        for (body, want) in cases {
            let want: Vec<_> = want
                .iter()
                .map(|(path, value)| ((*path).to_owned(), (*value).to_owned()))
                .collect();
            assert_eq!(fields(body), want, "{body}");
        }
    }

    #[test]
    fn bytes_that_are_no_fingerprint_are_told() {
        for (length, is_one) in [(0, false), (31, false), (32, true), (34, false), (36, true)] {
            let bytes = vec![7; length];
            let read = Fingerprint::from_bytes(&bytes);
            assert_eq!(read.is_some(), is_one, "{length}");
            assert!(read.is_none_or(|read| read.as_bytes() == bytes));
        }
    }
}
