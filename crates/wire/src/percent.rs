//! Percent-encoding (RFC 3986) of bytes in URLs, as magnet links and HTTP trackers use it.

/// Puts the bytes at the end of `out`, all but letters, digits and `-._~` encoded.
pub(crate) fn encode(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(byte.into());
        } else {
            out.push('%');
            out.push(DIGITS[usize::from(byte >> 4)].into());
            out.push(DIGITS[usize::from(byte & 15)].into());
        }
    }
}

/// Decodes `%NN`, and `+` as a space, as forms have it. A `%` without two digits stays as it is.
pub(crate) fn decode(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (&first, mut after) = rest.split_first()?;
        let byte = match (first, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, tail @ ..]) => match (nibble(*high), nibble(*low)) {
                (Some(high), Some(low)) => {
                    after = tail;
                    high << 4 | low
                }
                _ => first,
            },
            _ => first,
        };
        rest = after;
        Some(byte)
    })
}

/// The decoded value as text; what is not UTF-8 in it is replaced.
pub(crate) fn decode_text(text: &str) -> String {
    String::from_utf8_lossy(&decode(text).collect::<Vec<_>>()).into_owned()
}

/// The pairs of a query or form; a pair without `=` has an empty value. Values are still encoded.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn nibble(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back_from_its_encoding() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut text = String::new();
        encode(&bytes, &mut text);
        assert!(text.is_ascii() && !text.contains(['&', '=', '+', ' ', '#']));
        assert_eq!(decode(&text).collect::<Vec<_>>(), bytes);
    }

    #[test]
    fn a_percent_sign_without_two_digits_stays() {
        assert_eq!(decode_text("100%"), "100%");
        assert_eq!(decode_text("%4"), "%4");
        assert_eq!(decode_text("%zz%41+b"), "%zzA b");
    }
}
