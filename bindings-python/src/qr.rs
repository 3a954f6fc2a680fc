//! QR codes without an engine: whether a signed one is genuine, and what a text looks like. Values cross as JSON.

use pyo3::prelude::*;
use rewards_core::qr::{QrCorrection, QrError, QrPicture, QrVerifier};
use rewards_core::rejection::Rejection;

use crate::json::{read, told, written};

/// What a signed code says.
#[pyfunction]
#[pyo3(signature = (verifier, shown, /))]
pub fn check_qr(verifier: &str, shown: &str) -> PyResult<String> {
    told(|| {
        let verifier: QrVerifier = read(verifier)?;
        written(&verifier.check(&read(shown)?)?)
    })
}

/// A text as SVG.
#[pyfunction]
#[pyo3(signature = (text, correction, /))]
pub fn qr_svg(text: &str, correction: &str) -> PyResult<String> {
    told(|| Ok(drawn(text, correction)?.svg()))
}

/// A text as PNG.
#[pyfunction]
#[pyo3(signature = (text, correction, module_pixels, /))]
pub fn qr_png(text: &str, correction: &str, module_pixels: u32) -> PyResult<Vec<u8>> {
    told(|| {
        let png = drawn(text, correction)?.png(module_pixels);
        png.map_err(|error| refused(&error))
    })
}

fn drawn(text: &str, correction: &str) -> Result<QrPicture, Rejection> {
    let correction: QrCorrection = read(correction)?;
    QrPicture::new(text, correction).map_err(|error| refused(&error))
}

fn refused(error: &QrError) -> Rejection {
    error.to_problem().into()
}
