//! Create a code: what its picture shows is built, and kept until its time is over.
//!
//! A code of a merchant that does not say so itself is for one payment when it is scanned once and has an amount, and for many
//! otherwise. The code's id is its key: created again it is replayed, with another content it is refused.
//!
//! Refusals, in order: unknown program, none that is active; a number of seconds that is out of range; whatever is wrong with the
//! content; an end beyond the supported years; a program that signs no codes, no key to sign with; the code is created already; unknown member; closed, merged or suspended member.

use serde::{Deserialize, Serialize};

use super::super::amounts::check_positive;
use super::super::presence::check_active;
use super::super::unless_wrong;
use super::{BuildQr, refused, reveal};
use crate::command::{Kind, NaturalKey, Operation, Undecided};
use crate::context::{Context, HostKeys};
use crate::decision::{Changes, Decision};
use crate::entity::{EntityKey, Expected};
use crate::ids::{MemberId, ProgramId, QrId, Slug, TenantId};
use crate::money::Money;
use crate::program::CompiledProgram;
use crate::qr::{
    CompiledQr, IssuedQr, QR_BYTES_MAX, QR_DATA_BYTES_MAX, QR_EXPIRY_DEFAULT, QR_SECONDS_MAX,
    QrClaims, QrError, QrExpiry, QrInitiation, QrProblem, QrScans, QrTerms, SignedQr, build,
};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::texts::check_texts;
use crate::time::Timestamp;

/// What a code shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum QrContent {
    /// How a merchant is paid.
    Merchant(Box<BuildQr>),
    /// Any text, such as a link, a code of a coupon or a token; at most 2,953 bytes.
    Text(String),
    /// What the issuer signs: whoever reads it needs no network to know that it is genuine.
    Signed(SignedContent),
}

/// What a signed code says beside its id, its kind, whose it is and when it is over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct SignedContent {
    /// Anything: a code of a coupon, a reference; 1 to 512 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub data: Option<String>,
    /// How much is to be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub amount: Option<Money>,
}

/// Creates a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CreateQr {
    /// The id of the code; the same one again has no second effect.
    pub qr: QrId,
    /// The program whose section `qr` says what is not said here: its revision that is active now.
    pub program: ProgramId,
    /// Its kind, in the host's words: a wallet, or `merchant`. Routes are found by it.
    pub kind: Slug,
    /// What it shows.
    pub content: QrContent,
    /// Whose it is; nobody's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// How often it can be scanned; once when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub scans: Option<QrScans>,
    /// For how long it can be scanned; what the program says when absent, and 900 seconds when that says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expiry: Option<QrExpiry>,
}

/// A code that was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CreatedQr {
    /// The code.
    pub qr: QrId,
    /// What its picture shows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default = ""))]
    pub text: String,
    /// What it says, when it is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub signed: Option<SignedQr>,
    /// How much is to be paid in all, a fee of the code included; absent when the code does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub amount: Option<Money>,
    /// How often it can be scanned.
    pub scans: QrScans,
    /// When it was created.
    pub created_at: Timestamp,
    /// From when on it cannot be scanned any more; absent when it never expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expires_at: Option<Timestamp>,
}

impl CreateQr {
    fn scans(&self) -> QrScans {
        self.scans.unwrap_or_default()
    }

    /// What its picture shows, and how much is to be paid.
    fn shown(&self) -> Result<(String, Option<Money>), Rejection> {
        match &self.content {
            QrContent::Merchant(merchant) => self.merchant(merchant).map_err(refused),
            QrContent::Text(text) => match text.len() {
                0 => Err(problem(
                    "qr_value_missing",
                    TEXT,
                    "expected a text".to_owned(),
                )),
                found if found > QR_BYTES_MAX => {
                    let detail = format!("expected at most {QR_BYTES_MAX} bytes, got {found}");
                    Err(problem("qr_too_long", TEXT, detail))
                }
                _ => Ok((text.clone(), None)),
            },
            QrContent::Signed(content) => {
                content.check()?;
                Ok((String::new(), content.amount))
            }
        }
    }

    /// What is to be signed, when that is wanted.
    fn signed(
        &self,
        program: &CompiledProgram,
        (amount, expires_at): (Option<Money>, Option<Timestamp>),
        context: &Context,
    ) -> Result<Option<SignedQr>, Rejection> {
        let QrContent::Signed(content) = &self.content else {
            return Ok(None);
        };
        let issuer = program.qr().and_then(CompiledQr::issuer);
        let issuer = issuer.ok_or_else(|| Rejection::QrSigningNotOffered(self.program.clone()))?;
        let claims = QrClaims {
            issuer: issuer.clone(),
            qr: self.qr.clone(),
            kind: self.kind.clone(),
            member: self.member.clone(),
            amount,
            data: content.data.clone(),
            issued_at: context.now,
            expires_at,
        };
        let signed = SignedQr {
            claims: claims.in_whole_seconds(),
            key: context.token_keys()?.token_key(context.now)?,
        };
        // Names of the greatest length and as much data do not fit together.
        let fits = signed.to_sign();
        fits.map_err(|error| problem("qr_too_long", "content.signed.data", error.to_string()))?;
        Ok(Some(signed))
    }

    fn merchant(&self, merchant: &BuildQr) -> Result<(String, Option<Money>), Vec<QrError>> {
        let mut qr = merchant.qr.clone();
        let is_for_one = self.scans() == QrScans::Once && qr.amount.is_some();
        let (fits, default) = match (self.scans(), is_for_one) {
            (QrScans::Many, _) => (QrInitiation::Static, QrInitiation::Static),
            (QrScans::Once, true) => (QrInitiation::Dynamic, QrInitiation::Dynamic),
            // Without an amount either is true: the picture may be made anew for each payment.
            (QrScans::Once, false) => (
                qr.initiation.unwrap_or(QrInitiation::Static),
                QrInitiation::Static,
            ),
        };
        if *qr.initiation.get_or_insert(default) != fits {
            return Err(vec![QrError::at(&[1], QrProblem::Unexpected)]);
        }
        let text = build(&qr, &merchant.schemes)?;
        let amount = qr.payable();
        let amount = amount.map_err(|problem| vec![QrError::at(&[54], problem)])?;
        Ok((text, amount))
    }
}

impl SignedContent {
    fn check(&self) -> Result<(), Rejection> {
        if let Some(data) = &self.data
            && !(1..=QR_DATA_BYTES_MAX).contains(&data.len())
        {
            let (path, found) = ("content.signed.data", data.len());
            let detail = format!("expected 1 to {QR_DATA_BYTES_MAX} bytes, got {found}");
            let code = match found {
                0 => "qr_value_missing",
                _ => "qr_too_long",
            };
            return Err(problem(code, path, detail));
        }
        let mut problems = Vec::new();
        if let Some(amount) = self.amount {
            check_positive("content.signed.amount", amount, &mut problems);
        }
        unless_wrong(problems)
    }
}

/// The place of a text in the request.
const TEXT: &str = "content.text";

fn problem(code: &'static str, path: &str, detail: String) -> Rejection {
    Problem::new(code, path, detail).into()
}

impl Operation for CreateQr {
    const NAME: &'static str = "create_qr";
    const KIND: Kind = Kind::Command;
    type Reply = CreatedQr;
    type Prepared = QrTerms;

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        let key = EntityKey::of::<IssuedQr>(tenant, &self.qr);
        Some(NaturalKey::Entity(key))
    }

    fn reveal(
        reply: &mut CreatedQr,
        tenant: &TenantId,
        keys: &dyn HostKeys,
    ) -> Result<(), Rejection> {
        reveal(reply.signed.as_ref(), &mut reply.text, tenant, keys)
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, QrTerms), Rejection> {
        let program = context.program_at(&self.program, context.now)?;
        if let Some(QrExpiry::Seconds(seconds)) = self.expiry.filter(|e| e.is_out_of_range()) {
            let detail = format!("expected 1 to {QR_SECONDS_MAX}, got {seconds}");
            return Err(Problem::new("number_out_of_range", "expiry.seconds", detail).into());
        }
        // Before anything else, so that it is told by its place in the request and not by its place in the code.
        check_texts(self)?;
        let (text, amount) = self.shown()?;
        let section = program.qr();
        let expiry = section.map_or(QR_EXPIRY_DEFAULT, CompiledQr::expiry);
        let expires_at = self.expiry.unwrap_or(expiry).from(context.now);
        let expires_at = expires_at
            .map_err(|error| Problem::new(error.code(), "expiry.seconds", error.to_string()))?;
        let signed = self.signed(program, (amount, expires_at), context)?;
        let members = self.member.iter();
        let plan = ReadPlan {
            members: members.map(|member| context.member_key(member)).collect(),
            entities: vec![EntityKey::of::<IssuedQr>(&context.tenant, &self.qr)],
            ..ReadPlan::default()
        };
        let terms = QrTerms {
            kind: self.kind.clone(),
            text,
            signed,
            amount,
            scans: self.scans(),
            expires_at,
        };
        Ok((plan, terms))
    }

    fn decide(
        &self,
        terms: &QrTerms,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<CreatedQr>, Undecided> {
        let key = EntityKey::of::<IssuedQr>(&context.tenant, &self.qr);
        if snapshot.entities.contains_key(&key) {
            return Err(Rejection::QrExists(self.qr.clone()).into());
        }
        if let Some(member) = &self.member {
            let row = snapshot.members.get(&context.member_key(member));
            let row = row.ok_or_else(|| Rejection::MemberUnknown(member.clone()))?;
            check_active(&row.profile, member)?;
        }
        let owner = self.member.as_ref();
        let issued = IssuedQr::issue(&self.qr, owner, terms.clone(), context.now);
        let mut changes = Changes::default();
        changes.put(&context.tenant, &self.qr, Expected::Absent, &issued)?;
        Ok(Decision {
            reply: CreatedQr {
                qr: issued.qr,
                text: issued.text,
                signed: issued.signed,
                amount: issued.amount,
                scans: issued.scans,
                created_at: issued.created_at,
                expires_at: issued.expires_at,
            },
            changes,
        })
    }
}
