//! What the characters of a credential look like: alphabets, borders, randomness, checksums. All functions read bytes and
//! treat anything outside the text as absent.

use std::ops::Range;

/// A set of characters that a credential is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// `0-9a-f`
    LowerHex,
    /// `0-9a-fA-F`
    Hex,
    /// `0-9`
    Digits,
    /// `0-9a-z`
    Lower,
    /// `0-9A-Za-z`
    Alnum,
    /// `0-9A-Z`
    Upper,
    /// `0-9A-Za-z_-`
    Word,
    /// `0-9A-Za-z_-.`
    Dotted,
    /// `0-9A-Za-z+/=`
    Base64,
    /// `0-9A-Za-z+/`: base64 without padding
    Base64Body,
    /// `0-9A-Za-z%`: percent-encoded base64
    Percent,
    /// `0-9A-Za-z_/-`: parts of a URL path
    Path,
    /// `0-9A-Za-z_/@-`: the same with the `@` of a tenant
    Webhook,
}

impl Alphabet {
    pub(super) fn has(self, byte: u8) -> bool {
        match self {
            Self::LowerHex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Digits => byte.is_ascii_digit(),
            Self::Lower => matches!(byte, b'0'..=b'9' | b'a'..=b'z'),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Upper => matches!(byte, b'0'..=b'9' | b'A'..=b'Z'),
            Self::Word => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Self::Base64Body => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'),
            Self::Percent => byte.is_ascii_alphanumeric() || byte == b'%',
            Self::Webhook => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b'@'),
            Self::Path => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/'),
        }
    }
}

impl Alphabet {
    /// The set in words, for the operators' table.
    #[cfg(test)]
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::LowerHex => "0-9a-f",
            Self::Hex => "0-9a-fA-F",
            Self::Digits => "0-9",
            Self::Lower => "0-9a-z",
            Self::Alnum => "0-9A-Za-z",
            Self::Upper => "0-9A-Z",
            Self::Word => "0-9A-Za-z_-",
            Self::Dotted => "0-9A-Za-z_.-",
            Self::Base64 => "0-9A-Za-z+/=",
            Self::Base64Body => "0-9A-Za-z+/",
            Self::Percent => "0-9A-Za-z%",
            Self::Webhook => "0-9A-Za-z_/@-",
            Self::Path => "0-9A-Za-z_/-",
        }
    }
}

/// The longest run of an alphabet from `from` on, read at most `limit` bytes far.
pub(super) fn run(bytes: &[u8], from: usize, of: Alphabet, limit: usize) -> Range<usize> {
    let rest = bytes.get(from..).unwrap_or(b"");
    let len = rest.iter().take(limit).take_while(|byte| of.has(**byte)).count();
    from..from.saturating_add(len)
}

/// The bytes of a span; empty where it does not fit.
pub(super) fn slice(bytes: &[u8], span: Range<usize>) -> &[u8] {
    bytes.get(span).unwrap_or(b"")
}

/// Whether a credential may begin at `at`: not in the middle of a word. A written-out `\n` or `%3D` before it is no word, and
/// neither are emphasis and list marks (`_`, `-`). Since runs hold at most one such place, checks that read a
/// whole run stay linear.
pub(super) fn may_begin(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at).unwrap_or(b"");
    let mut marks = 0;
    let mut rest = before;
    while let [head @ .., b'_' | b'-'] = rest
        && marks < 4
    {
        rest = head;
        marks += 1;
    }
    match rest {
        [.., b'\\', b'n' | b'r' | b't'] if marks == 0 => true,
        [.., b'%', high, low] if marks == 0 && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => true,
        [.., last] => !last.is_ascii_alphanumeric() && !matches!(last, b'_' | b'-'),
        [] => true,
    }
}

/// Whether a credential may end before `at`.
pub(super) fn may_end(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|next| !next.is_ascii_alphanumeric())
}

/// Whether a text looks like a stand-in (`xxxx…`, `YOUR_KEY`, `…`, one character again and again) instead of a value.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    const WORDS: [&[u8]; 9] = [b"your", b"xxxx", b"****", b"....", b"placeholder", b"redacted", b"insert", b"<", b"${"];
    WORDS.iter().any(|word| contains_ignoring_case(value, word)) || distinct(value) < 4.min(value.len())
}

pub(super) fn contains_ignoring_case(value: &[u8], word: &[u8]) -> bool {
    value.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

fn distinct(value: &[u8]) -> usize {
    let mut seen = [false; 256];
    for byte in value {
        if let Some(flag) = seen.get_mut(usize::from(*byte)) {
            *flag = true;
        }
    }
    seen.iter().filter(|flag| **flag).count()
}

/// Shannon entropy in bits per byte.
pub(super) fn entropy(value: &[u8]) -> f32 {
    let mut counts = [0u32; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let total = value.len().max(1) as f32;
    counts.iter().filter(|count| **count > 0).map(|count| *count as f32 / total).map(|p| -p * p.log2()).sum()
}

/// Whether a run looks drawn at random: digits and letters mixed, no stand-in, and about as many kinds of characters as its
/// length lets one expect.
pub(super) fn looks_random(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let least = if value.len() >= 24 { 3.0 } else { 2.5 };
    digits > 0 && letters > 0 && !is_placeholder(value) && entropy(value) >= least
}

/// Whether GitHub's checksum fits: the last six characters are the CRC-32 of the thirty before, in base 62.
pub(super) fn github_checksum_fits(token: &[u8]) -> bool {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some((random, check)) = token.split_last_chunk::<6>() else { return false };
    let value = check.iter().try_fold(0u64, |value, byte| {
        let digit = DIGITS.iter().position(|candidate| candidate == byte)?;
        Some(value * 62 + u64::try_from(digit).ok()?)
    });
    value == Some(u64::from(crc32(random)))
}

/// CRC-32 as in ISO 3309, bit by bit: it is computed over thirty bytes, on a hit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_is_the_one_of_the_standard_check_value() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn random_text_is_told_from_words_and_stand_ins() {
        assert!(looks_random(b"k3Jd92ksLs02mMdk29dkLsw0"));
        for calm in
            ["aaaaaaaaaaaaaaaaaaaaaaa1", "the-quick-brown-fox", "xxxxxxxxxxxxxxxx1234", "YOUR_API_KEY_0123", "12345678"]
        {
            assert!(!looks_random(calm.as_bytes()), "{calm}");
        }
    }

    #[test]
    fn credential_begins_at_a_word_border_or_after_an_escape() {
        for (text, expected) in [
            ("sk", true),
            (" sk", true),
            ("ask", false),
            ("a-sk", false),
            ("-sk", true),
            ("a\\nsk", true),
            ("%3Dsk", true),
            ("=sk", true),
        ] {
            assert_eq!(may_begin(text.as_bytes(), text.len() - 2), expected, "{text}");
        }
    }
}
