//! Numbers whose value survives a double (RFC 7493 section 2.2).

use serde_json::Number;

use crate::base::canonical_json;
use crate::base::limits::MAX_SAFE_INTEGER;

/// Why a number is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lossy;

/// Reads decimal text (sign, digits, fraction, exponent, already checked) whose value a double keeps: its shortest
/// decimal form denotes the same number, and whole numbers are within ±(2^53 − 1) or have an exponent in canonical text.
pub(super) fn read(text: &str) -> Result<Number, Lossy> {
    let value: f64 = text.parse().map_err(|_| Lossy)?;
    if !value.is_finite() {
        return Err(Lossy);
    }
    // The shortest form as canonical text has it: halfway between two such forms, libraries choose differently.
    let shortest = canonical_json(&value).map_err(|_| Lossy)?;
    if decimal(text)? != decimal(&shortest)? {
        return Err(Lossy);
    }
    let size = value.abs();
    if value.fract() == 0.0 && size < 1e21 {
        // Canonical text writes these as plain integers, and every other reader takes such for exact.
        return format!("{value:.0}")
            .parse::<i64>()
            .ok()
            .filter(|whole| whole.unsigned_abs() <= MAX_SAFE_INTEGER.unsigned_abs())
            .map(Number::from)
            .ok_or(Lossy);
    }
    Number::from_f64(value).ok_or(Lossy)
}

/// Significant digits without zeros at either end, and the exponent of the last one. Zero has none.
fn decimal(text: &str) -> Result<(String, i64), Lossy> {
    let text = text.trim_start_matches(['+', '-']);
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    let start = digits.len() - digits.trim_start_matches('0').len();
    digits.drain(..start);
    if digits.is_empty() {
        return Ok((digits, 0));
    }
    let mut exponent: i64 = exponent.parse().map_err(|_| Lossy)?;
    exponent = exponent.saturating_sub(i64::try_from(fraction.len()).map_err(|_| Lossy)?);
    let kept = digits.trim_end_matches('0').len();
    exponent = exponent.saturating_add(i64::try_from(digits.len() - kept).map_err(|_| Lossy)?);
    digits.truncate(kept);
    Ok((digits, exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_that_survive_are_read() {
        for (text, read_as) in [
            ("0.1", "0.1"),
            ("1.0", "1"),
            ("-0.0", "0"),
            ("0e999999999999999999999", "0"),
            ("100e-2", "1"),
            ("9007199254740991", "9007199254740991"),
            ("67.56399536132812", "67.56399536132812"),
            ("-122.43301391601562", "-122.43301391601562"),
            ("5e-324", "5e-324"),
            ("1e300", "1e+300"),
        ] {
            let canonical = read(text).map(|number| crate::base::canonical_json(&number).unwrap());
            assert_eq!(canonical.as_deref(), Ok(read_as), "{text}");
        }
        for text in [
            "9007199254740992",
            "9007199254740993",
            "1e16",
            "1e400",
            "1e-400",
            "0.1000000000000000055",
            "3e-324",
            "67.56399536132813",
        ] {
            assert_eq!(read(text), Err(Lossy), "{text}");
        }
    }
}
