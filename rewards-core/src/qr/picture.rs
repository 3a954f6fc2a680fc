//! Pictures of codes: what a screen shows, and what a printer prints.
//!
//! Of all ways to write a text into a code the smallest is taken: a token or a [signed code](super::SignedQr) takes five and a half bits
//! for a character. As much damage is repaired as asked for, and more where the code does not grow by it. Around it is the quiet zone of
//! four modules that readers need (ISO/IEC 18004).

use std::fmt::Write;

use png::{BitDepth, ColorType, Encoder};
use qrcodegen::{QrCode, QrCodeEcc};
use serde::{Deserialize, Serialize};

use super::{QR_BYTES_MAX, QrError, QrProblem};

/// Modules of white around a code.
pub const QUIET_MODULES: u32 = 4;
/// The most pixels of a module of a picture.
pub const MODULE_PIXELS_MAX: u32 = 64;

/// How much of a code may be damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QrCorrection {
    /// About 7 %.
    Low,
    /// About 15 %.
    #[default]
    Medium,
    /// About 25 %.
    Quartile,
    /// About 30 %.
    High,
}

impl QrCorrection {
    fn level(self) -> QrCodeEcc {
        match self {
            Self::Low => QrCodeEcc::Low,
            Self::Medium => QrCodeEcc::Medium,
            Self::Quartile => QrCodeEcc::Quartile,
            Self::High => QrCodeEcc::High,
        }
    }
}

/// The picture of a code.
///
/// ```
/// use rewards_core::qr::{QrCorrection, QrPicture};
///
/// let picture = QrPicture::new("RQ1:ABC", QrCorrection::Medium)?;
/// assert_eq!(picture.modules(), 21);
/// assert!(picture.svg().starts_with("<svg "));
/// assert_eq!(&picture.png(4)?[1..4], b"PNG");
/// # Ok::<(), rewards_core::qr::QrError>(())
/// ```
#[derive(Clone)]
pub struct QrPicture(QrCode);

impl std::fmt::Debug for QrPicture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "QrPicture({} modules)", self.modules())
    }
}

impl QrPicture {
    /// Draws a text.
    ///
    /// # Errors
    /// [`QrProblem::Missing`] for no text; [`QrProblem::TooLong`] when no code holds it with so much correction.
    pub fn new(text: &str, correction: QrCorrection) -> Result<Self, QrError> {
        let wrong = |problem| QrError::at(&[], problem);
        if text.is_empty() {
            return Err(wrong(QrProblem::Missing));
        }
        let too_long = QrProblem::TooLong {
            most: QR_BYTES_MAX,
            found: text.len(),
        };
        // Looked at first, because segments are made of all of it.
        if text.len() > QR_DIGITS_MAX {
            return Err(wrong(too_long));
        }
        let code = QrCode::encode_text(text, correction.level());
        Ok(Self(code.map_err(|_| wrong(too_long))?))
    }

    /// How many modules a side has, without the quiet zone: 21 to 177.
    #[must_use]
    pub fn modules(&self) -> u32 {
        self.0.size().unsigned_abs()
    }

    /// With the quiet zone.
    fn side(&self) -> u32 {
        let quiet = QUIET_MODULES.saturating_mul(2);
        self.modules().saturating_add(quiet)
    }

    /// Whether a module is dark, counted with the quiet zone.
    fn is_dark(&self, x: u32, y: u32) -> bool {
        let inside = |at: u32| {
            at.checked_sub(QUIET_MODULES)
                .and_then(|at| i32::try_from(at).ok())
        };
        match (inside(x), inside(y)) {
            // What lies outside is not dark.
            (Some(x), Some(y)) => self.0.get_module(x, y),
            _ => false,
        }
    }

    /// As SVG, one unit for a module: as large as wherever it is shown.
    #[must_use]
    pub fn svg(&self) -> String {
        let side = self.side();
        let mut path = String::new();
        for y in 0..side {
            for x in (0..side).filter(|x| self.is_dark(*x, y)) {
                // Writing to a text never fails.
                let _ = write!(path, "M{x},{y}h1v1h-1z");
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
             shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0,0h{side}v{side}h-{side}z\"/>\
             <path d=\"{path}\"/></svg>\n"
        )
    }

    /// As PNG in black and white, so many pixels for a module.
    ///
    /// # Errors
    /// [`QrProblem::Value`] for no pixels or more than [`MODULE_PIXELS_MAX`].
    pub fn png(&self, module_pixels: u32) -> Result<Vec<u8>, QrError> {
        if !(1..=MODULE_PIXELS_MAX).contains(&module_pixels) {
            let expected = "1 to 64 pixels for a module";
            return Err(QrError::at(&[], QrProblem::Value { expected }));
        }
        let mut bytes = Vec::new();
        self.write_png(module_pixels, &mut bytes).map_err(|_| {
            // There is nothing that could fail: it is written to memory, in its own size.
            QrError::at(&[], QrProblem::Unexpected)
        })?;
        Ok(bytes)
    }

    fn write_png(&self, module_pixels: u32, bytes: &mut Vec<u8>) -> Result<(), png::EncodingError> {
        let side = self.side().saturating_mul(module_pixels);
        let mut encoder = Encoder::new(bytes, side, side);
        encoder.set_color(ColorType::Grayscale);
        encoder.set_depth(BitDepth::One);
        let mut pixels = Vec::new();
        for y in 0..self.side() {
            let row = self.row(y, module_pixels);
            for _ in 0..module_pixels {
                pixels.extend_from_slice(&row);
            }
        }
        encoder.write_header()?.write_image_data(&pixels)
    }

    /// A row of pixels, eight to a byte, white ones set.
    fn row(&self, y: u32, module_pixels: u32) -> Vec<u8> {
        let modules = (0..self.side()).map(|x| !self.is_dark(x, y));
        let pixels = modules.flat_map(|white| (0..module_pixels).map(move |_| white));
        let pixels: Vec<bool> = pixels.collect();
        let byte = |eight: &[bool]| {
            let bits = eight.iter().zip([128_u8, 64, 32, 16, 8, 4, 2, 1]);
            bits.fold(
                0,
                |byte, (white, bit)| if *white { byte | bit } else { byte },
            )
        };
        pixels.chunks(8).map(byte).collect()
    }
}

/// The most digits of a code, which take the fewest bits.
const QR_DIGITS_MAX: usize = 7_089;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_the_code_in_a_quiet_zone() {
        let picture = QrPicture::new("0123", QrCorrection::Low).unwrap();
        assert_eq!((picture.modules(), picture.side()), (21, 29));
        // The corner of a finder pattern, and what is around it.
        assert!(picture.is_dark(4, 4) && picture.is_dark(24, 4) && picture.is_dark(4, 24));
        assert!(!picture.is_dark(3, 4) && !picture.is_dark(25, 4) && !picture.is_dark(5, 5));
        assert!(picture.svg().contains("viewBox=\"0 0 29 29\""));
    }

    #[test]
    fn the_pixels_of_a_png_are_the_modules() {
        let picture = QrPicture::new("RT1:ABC", QrCorrection::High).unwrap();
        for module_pixels in [1, 3, 8] {
            let bytes = picture.png(module_pixels).unwrap();
            let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
                .read_info()
                .unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut pixels).unwrap();
            let side = picture.side() * module_pixels;
            assert_eq!((info.width, info.height), (side, side));
            for (y, row) in (0..side).zip(pixels.chunks(info.line_size)) {
                for x in 0..side {
                    let is_white = row[x as usize / 8] >> (7 - x % 8) & 1 == 1;
                    let module = picture.is_dark(x / module_pixels, y / module_pixels);
                    assert_eq!(is_white, !module, "{x} {y}");
                }
            }
        }
    }

    #[test]
    fn what_no_code_holds_is_refused() {
        let refused = |text: &str, correction| {
            let drawn = QrPicture::new(text, correction);
            drawn.map_or_else(|error| error.code(), |_| "drawn")
        };
        assert_eq!(refused("", QrCorrection::Low), "qr_value_missing");
        for (text, most) in [("1", QR_DIGITS_MAX), ("A", 4_296), ("a", QR_BYTES_MAX)] {
            assert_eq!(refused(&text.repeat(most), QrCorrection::Low), "drawn");
            let one_more = text.repeat(most + 1);
            assert_eq!(refused(&one_more, QrCorrection::Low), "qr_too_long");
        }
        assert_eq!(
            refused(&"a".repeat(QR_BYTES_MAX), QrCorrection::Medium),
            "qr_too_long"
        );
        let picture = QrPicture::new("a", QrCorrection::Low).unwrap();
        for pixels in [0, MODULE_PIXELS_MAX + 1, u32::MAX] {
            assert_eq!(picture.png(pixels).unwrap_err().code(), "qr_value_invalid");
        }
        assert!(picture.png(MODULE_PIXELS_MAX).is_ok());
    }
}
