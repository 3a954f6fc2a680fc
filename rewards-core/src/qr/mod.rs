//! QR codes: what merchants show to be paid (EMVCo QRCPS, merchant-presented mode 1.1), built and read.
//!
//! - A [`MerchantQr`] is the code as a document; [`build`] writes it as text, [`parse`] reads one. Whatever is unknown is kept, so that
//!   a text whose objects are in ascending order is built again as it was read.
//! - An [`IssuedQr`] is a code that was given out: it can be scanned once or many times, until its time is over. The section
//!   [`qr`](QrSection) of a program says for how long, and through which wallets codes can be paid at what fee.
//! - A [`SignedQr`] says who gave it out, and a [`QrVerifier`] knows without a network that it is so: for coupons, vouchers and the codes of
//!   wallets.
//! - With the feature `pictures`, texts become pictures, as SVG and as PNG; a phone draws them itself.
//! - A [`QrScheme`] is what a national scheme put into it: DuitNow, PromptPay, PayNow, SGQR, QRIS and PIX, each a row of data.
//!
//! Both are pure and total: a text from anywhere ends as a document or as [errors](QrError) with a stable code and the place, such as
//! `qr.62.05`. The checksum is always verified; lengths count characters and are bounded; nothing is read twice.
//!
//! ```
//! use rewards_core::qr::{QrScheme, build, parse};
//!
//! let text = "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865802BR\
//!             5913Fulano de Tal6008BRASILIA62070503***63041D3D";
//! let parsed = parse(text).unwrap();
//! assert_eq!(parsed.qr.name.as_deref(), Some("Fulano de Tal"));
//! assert!(matches!(parsed.schemes[..], [QrScheme::Pix(_)]));
//! assert_eq!(build(&parsed.qr, &parsed.schemes).unwrap(), text);
//! ```
//!
//! What is not here: whether an account exists, and what paying one costs.

mod check;
mod document;
mod format;
mod issued;
mod lower;
mod parse;
#[cfg(feature = "pictures")]
mod picture;
mod problem;
mod profile;
mod route;
mod scheme;
mod section;
mod shape;
mod signed;
mod tlv;

pub use check::{EMV_BYTES_MAX, QR_BYTES_MAX};
pub use document::{
    MerchantQr, QrAdditional, QrField, QrInitiation, QrLanguage, QrObject, QrTemplate, QrTip,
    QrValue,
};
pub use issued::{IssuedQr, QrScan, QrScans, QrState, QrTerms};
pub use lower::build;
pub use parse::{ParsedQr, parse};
#[cfg(feature = "pictures")]
pub use picture::{MODULE_PIXELS_MAX, QUIET_MODULES, QrCorrection, QrPicture};
pub use problem::{QrError, QrProblem};
pub use route::{CompiledQr, QR_EXPIRY_DEFAULT, QrRouteTerms};
pub use scheme::{
    DuitnowAccount, PaynowAccount, PixAccount, PromptpayAccount, PromptpayBill, QrScheme,
    QrisAccount, SgqrAccount,
};
pub use section::{
    QR_SECONDS_DEFAULT, QR_SECONDS_MAX, QR_WALLETS_MAX, QrExpiry, QrRoute, QrSection,
};
pub use signed::{QR_DATA_BYTES_MAX, QrClaims, QrVerifier, ShownQr, SignedQr};
pub use tlv::{VALUE_CHARACTERS_MAX, crc16};
