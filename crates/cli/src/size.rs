//! Sizes as people write them: `1G`, `1.5M`, `10MB`, `512KiB`.

/// What the letters K, M, G and T stand for without an `i` after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    /// Powers of 1000; `KiB` and the like are powers of 1024.
    Decimal,
    /// Powers of 1024, with and without `i`.
    Binary,
}

/// Reads bytes per second, more than none, in powers of 1000; `KiB`, `MiB`, `GiB` and `TiB` are powers
/// of 1024. `/s` may follow.
pub fn parse_rate(text: &str) -> Result<u64, String> {
    let size = text.strip_suffix("/s").unwrap_or(text);
    read(size, Base::Decimal)
        .filter(|rate| *rate > 0)
        .ok_or_else(|| "expected bytes per second, such as 500K, 1.5M or 512KiB".to_owned())
}

/// Reads bytes, in powers of 1024 whatever the unit.
pub fn parse_binary(text: &str) -> Option<u64> {
    read(text, Base::Binary)
}

/// A number, which may have decimals, and a unit. Parts of a byte are left out.
fn read(text: &str, base: Base) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let factor = factor(unit.trim_start(), base)?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && decimals.is_empty() || number.ends_with('.') {
        return None;
    }
    let whole: u64 = match whole {
        "" => 0,
        digits => digits.parse().ok()?,
    };
    // A byte is less than a trillionth of any unit.
    let mut part = 0u128;
    let mut scale = 1u128;
    for digit in decimals.chars() {
        let digit = digit.to_digit(10)?;
        if scale < 1_000_000_000_000 {
            part = part * 10 + u128::from(digit);
            scale *= 10;
        }
    }
    let whole = whole.checked_mul(factor)?;
    whole.checked_add(u64::try_from(part * u128::from(factor) / scale).ok()?)
}

fn factor(unit: &str, base: Base) -> Option<u64> {
    let unit = unit.to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let (letter, binary) = match unit.strip_suffix('i') {
        Some(letter) if !letter.is_empty() => (letter, true),
        _ => (unit, base == Base::Binary),
    };
    let power = ["", "k", "m", "g", "t"]
        .iter()
        .position(|known| *known == letter)?;
    let thousand: u64 = if binary { 1024 } else { 1000 };
    thousand.checked_pow(u32::try_from(power).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_may_have_decimals_and_a_unit_in_powers_of_1000_or_1024() {
        for (text, expected) in [
            ("70000", 70_000),
            ("12B", 12),
            ("500k", 500_000),
            ("10MB", 10_000_000),
            ("1.5M", 1_500_000),
            ("1.5 GB", 1_500_000_000),
            (".5K", 500),
            ("0.0019K", 1),
            ("1G", 1_000_000_000),
            ("2T", 2_000_000_000_000),
            ("512KiB", 524_288),
            ("1.5Mi", 1_572_864),
            ("1gib", 1 << 30),
        ] {
            assert_eq!(parse_rate(text), Ok(expected), "{text}");
        }
        for wrong in [
            "",
            "K",
            ".",
            "1.",
            "-1",
            "+1",
            "1.2.3",
            "1X",
            "1iB",
            "1KB/s/s",
            "1é",
            "1 0",
            "99999999999T",
            "0x10",
        ] {
            assert!(parse_rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rate_is_more_than_nothing() {
        assert_eq!(parse_rate("2M"), Ok(2_000_000));
        assert_eq!(parse_rate("1.5MB/s"), Ok(1_500_000));
        assert!(parse_rate("0").is_err() && parse_rate("0.1").is_err());
    }

    #[test]
    fn every_unit_can_be_in_powers_of_1024() {
        for text in ["1M", "1MB", "1MiB", "1048576", "1024K"] {
            assert_eq!(parse_binary(text), Some(1 << 20), "{text}");
        }
    }
}
