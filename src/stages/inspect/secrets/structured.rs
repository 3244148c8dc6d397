//! Credentials with an inner structure: parts, checksums, JSON, PEM, URLs, HTTP authorization values.

use super::Hit;
use super::shapes::{Alphabet, contains_ignoring_case, is_placeholder, looks_random, may_begin, may_end, run, slice};
use super::table::{near, told};
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::ops::Range;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// Longest JWT header that is decoded, in bytes.
const JWT_HEADER: usize = 8_192;
/// Longest user name and password in a URL, in bytes.
const USERINFO: usize = 512;

fn hit(span: Range<usize>, score: f32) -> Option<Hit> {
    Some(Hit { span, score })
}

pub(super) fn is(text: &str, at: &Range<usize>, literal: &str) -> bool {
    text.get(at.clone()) == Some(literal)
}

/// Base64, padded or not.
pub(super) fn decode_base64(value: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(value).ok()
}

/// OpenAI's `sk-…`, with or without a kind (`proj`, `svcacct`, `admin`), and the many services that copied the form.
pub(super) fn openai(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    if !is(text, &at, "sk-") || !may_begin(bytes, at.start) {
        return None;
    }
    let tail = run(bytes, at.end, Alphabet::Word, usize::MAX);
    let value = slice(bytes, tail.clone());
    let span = at.start..tail.end;
    if value.starts_with(b"ant-") || value.starts_with(b"or-") || is_placeholder(value) {
        return None;
    }
    if value.starts_with(b"lf-") {
        return None;
    }
    let kinds: [&[u8]; 4] = [b"proj-", b"svcacct-", b"admin-", b"None-"];
    if kinds.iter().any(|kind| value.starts_with(kind)) {
        return if value.len() >= 24 { hit(span, 0.99) } else { None };
    }
    // Class names and the like (`sk-toggleable__label-arrow`) have no long stretch without a dash.
    let longest = value.split(|byte| matches!(byte, b'-' | b'_')).max_by_key(|part| part.len()).unwrap_or(b"");
    match longest.len() >= 20 && looks_random(longest) {
        true => hit(span, 0.9),
        false => None,
    }
}

/// AWS's secret access key: forty characters of base64 shortly after a word that announces it.
pub(super) fn aws_secret(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let span = near(bytes, at.end, Alphabet::Base64Body, 40, 40)?;
    mixes_cases(slice(bytes, span.clone())).then_some(Hit { span, score: 0.9 })
}

/// Forty characters of both cases and digits shortly after the name of the service and a word such as `key`.
pub(super) fn mixed_40(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let span = told(bytes, &at, Alphabet::Word, 40, 40)?;
    mixes_cases(slice(bytes, span.clone())).then_some(Hit { span, score: 0.7 })
}

fn mixes_cases(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_uppercase) && value.iter().any(u8::is_ascii_lowercase)
}

/// Azure AD: three characters, a digit, `Q~`, and 31 to 34 more.
pub(super) fn azure_client_secret(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let start = at.start.checked_sub(4)?;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'~' | b'.' | b'-');
    let head = slice(bytes, start..at.start);
    let len = bytes.get(at.end..)?.iter().take(35).take_while(|byte| is_part(byte)).count();
    let fits = is(text, &at, "Q~") && head.iter().all(is_part) && head.last().is_some_and(u8::is_ascii_digit);
    (fits && (31..=34).contains(&len)).then(|| Hit { span: start..at.end.saturating_add(len), score: 0.95 })
}

/// Azure's newer keys: 84 characters with a mark after the first 52.
pub(super) fn azure_api_key(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let start = at.start.checked_sub(52)?;
    let head = run(bytes, start, Alphabet::Alnum, 52);
    let tail = run(bytes, at.end, Alphabet::Alnum, 40);
    let fits = is(text, &at, "JQQJ99") && head.end == at.start && (20..=36).contains(&tail.len());
    (fits && may_begin(bytes, start)).then_some(Hit { span: start..tail.end, score: 0.97 })
}

/// `SG.` and two parts of 22 and 43 characters.
pub(super) fn sendgrid(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let parts = parts(bytes, at.end, [16..=32, 32..=64])?;
    (is(text, &at, "SG.") && may_begin(bytes, at.start) && looks_random(slice(bytes, parts.clone())))
        .then_some(Hit { span: at.start..parts.end, score: 0.99 })
}

/// Runs of word characters of these lengths, with dots between.
fn parts<const N: usize>(
    bytes: &[u8],
    from: usize,
    lengths: [std::ops::RangeInclusive<usize>; N],
) -> Option<Range<usize>> {
    let mut end = from;
    for (index, allowed) in lengths.into_iter().enumerate() {
        if index > 0 {
            end = (bytes.get(end) == Some(&b'.')).then(|| end.saturating_add(1))?;
        }
        let part = run(bytes, end, Alphabet::Word, allowed.end().saturating_add(1));
        if !allowed.contains(&part.len()) {
            return None;
        }
        end = part.end;
    }
    Some(from..end)
}

/// A Discord bot token (user id, time, signature) shortly after a word that announces it.
pub(super) fn discord(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let mut from = at.end;
    while from < at.end.saturating_add(100).min(bytes.len()) {
        if may_begin(bytes, from)
            && let Some(span) = parts(bytes, from, [23..=30, 6..=7, 27..=45])
            && looks_random(slice(bytes, span.clone()))
        {
            return hit(span, 0.9);
        }
        from = run(bytes, from, Alphabet::Word, 64).end.saturating_add(1);
    }
    None
}

/// Telegram: the bot's number, a colon, and 35 characters that begin with `AA`.
pub(super) fn telegram(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let before = slice(bytes, at.start.saturating_sub(13)..at.start);
    let digits = before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    // Behind a percent sign two digits are an encoded character.
    let encoded = digits < before.len() && before.get(before.len() - digits - 1) == Some(&b'%');
    let digits = if encoded { digits.saturating_sub(2) } else { digits };
    let start = at.start.saturating_sub(digits);
    let tail = run(bytes, at.start.saturating_add(1), Alphabet::Word, 36);
    let fits = is(text, &at, ":AA") && (8..=10).contains(&digits) && tail.len() == 35;
    // `bot` stands before the number in the API's paths.
    let begins = may_begin(bytes, start) || slice(bytes, start.saturating_sub(3)..start).eq_ignore_ascii_case(b"bot");
    (fits && begins).then_some(Hit { span: start..tail.end, score: 0.97 })
}

/// Vault's older tokens: `s.` and 24 characters shortly after the product's name.
pub(super) fn old_vault(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let window = slice(bytes, at.end..at.end.saturating_add(100).min(bytes.len()));
    memmem::find_iter(window, b"s.").map(|offset| at.end.saturating_add(offset)).find_map(|start| {
        let tail = run(bytes, start.saturating_add(2), Alphabet::Alnum, 25);
        let fits = tail.len() == 24 && may_begin(bytes, start) && looks_random(slice(bytes, tail.clone()));
        fits.then_some(Hit { span: start..tail.end, score: 0.8 })
    })
}

/// A PEM private key: the whole block, or what there is of it if its end is missing.
pub(super) fn private_key(text: &str, at: Range<usize>) -> Option<Hit> {
    const DASHES: &[u8] = b"-----";
    let bytes = text.as_bytes();
    let label = slice(bytes, at.end..at.end.saturating_add(64).min(bytes.len()));
    let label = label.get(..memmem::find(label, DASHES)?)?;
    if !contains_ignoring_case(label, b"PRIVATE KEY") {
        return None;
    }
    let body = at.end.saturating_add(label.len());
    let end =
        memmem::find(bytes.get(body..)?, b"-----END ").map(|offset| body.saturating_add(offset).saturating_add(9));
    let end = end.and_then(|end| {
        let last_line = slice(bytes, end..end.saturating_add(64).min(bytes.len()));
        memmem::find(last_line, DASHES).map(|offset| end.saturating_add(offset).saturating_add(DASHES.len()))
    });
    hit(at.start..end.unwrap_or(text.len()), 0.99)
}

#[derive(Deserialize)]
struct JwtHeader {
    #[serde(rename = "alg")]
    _alg: IgnoredAny,
}

/// A JSON Web Token: three parts (five if encrypted), of which the first decodes to JSON with an `alg`.
pub(super) fn jwt(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    if !is(text, &at, "eyJ") || !may_begin(bytes, at.start) {
        return None;
    }
    let header = run(bytes, at.start, Alphabet::Word, JWT_HEADER.saturating_add(1));
    let mut end = header.end;
    let mut more = 0;
    while more < 4 && bytes.get(end) == Some(&b'.') {
        let part = run(bytes, end.saturating_add(1), Alphabet::Word, usize::MAX);
        if part.is_empty() && more != 1 {
            break;
        }
        end = part.end;
        more += 1;
    }
    let decoded = BASE64_URL.decode(slice(bytes, header.clone())).ok()?;
    let is_header = header.len() <= JWT_HEADER && serde_json::from_slice::<JwtHeader>(&decoded).is_ok();
    (more >= 2 && is_header).then_some(Hit { span: at.start..end, score: 0.95 })
}

/// The password in `scheme://user:password@host`.
pub(super) fn url_password(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    bytes.get(at.start.checked_sub(1)?).filter(|byte| byte.is_ascii_alphanumeric())?;
    let rest = slice(bytes, at.end..at.end.saturating_add(USERINFO).min(bytes.len()));
    let ends = |byte: &u8| {
        byte.is_ascii_whitespace() || matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'`')
    };
    let authority = rest.get(..rest.iter().position(ends).unwrap_or(rest.len()))?;
    let userinfo = authority.get(..memchr::memrchr(b'@', authority)?)?;
    let colon = memchr::memchr(b':', userinfo)?;
    let password = userinfo.get(colon.checked_add(1)?..)?;
    let start = at.end.saturating_add(colon).saturating_add(1);
    let span = start..start.saturating_add(password.len());
    (!password.is_empty() && !is_stand_in_password(password)).then_some(Hit { span, score: 0.9 })
}

fn is_stand_in_password(password: &[u8]) -> bool {
    const WORDS: [&[u8]; 8] = [b"password", b"passwd", b"pass", b"pwd", b"secret", b"token", b"...", b"***"];
    WORDS.iter().any(|word| password.eq_ignore_ascii_case(word))
        || matches!(password, [b'$' | b'{' | b'<' | b'[' | b'%', ..])
        || (password.len() >= 4 && is_placeholder(password) && password.iter().all(|byte| !byte.is_ascii_digit()))
}

/// The token of `Bearer …`.
pub(super) fn bearer(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    let len = bytes.get(at.end..)?.iter().take(4096).take_while(|byte| is_part(byte)).count();
    let span = at.end..at.end.saturating_add(len);
    (len >= 20 && looks_random(slice(bytes, span.clone()))).then_some(Hit { span, score: 0.7 })
}

/// The credentials of `Basic …`: base64 of `user:password`.
pub(super) fn basic(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let span = run(bytes, at.end, Alphabet::Base64, 1024);
    let decoded = BASE64.decode(slice(bytes, span.clone())).ok()?;
    let decoded = std::str::from_utf8(&decoded).ok()?;
    let fits = span.len() >= 8 && may_end(bytes, span.end) && decoded.contains(':');
    (fits && !decoded.chars().any(char::is_control)).then_some(Hit { span, score: 0.9 })
}

/// Base64 of a PEM private key.
pub(super) fn encoded_private_key(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    if !is(text, &at, "LS0tLS1CRUdJ") || !may_begin(bytes, at.start) {
        return None;
    }
    let span = run(bytes, at.start, Alphabet::Base64, usize::MAX);
    let head = slice(bytes, span.start..span.end.min(span.start.saturating_add(64)));
    let head = BASE64.decode(head.get(..head.len() / 4 * 4)?).ok()?;
    contains_ignoring_case(&head, b"PRIVATE KEY").then_some(Hit { span, score: 0.98 })
}

/// The password of a line of `.netrc`.
pub(super) fn netrc(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let window = slice(bytes, at.end..at.end.saturating_add(300).min(bytes.len()));
    memmem::find(window, b"login ").filter(|login| *login < 128)?;
    let start = memmem::find(window, b"password ")?.saturating_add(9);
    let len = window.get(start..)?.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
    let span = at.end.saturating_add(start)..at.end.saturating_add(start).saturating_add(len);
    let value = slice(bytes, span.clone());
    (len >= 4 && !is_stand_in_password(value)).then_some(Hit { span, score: 0.9 })
}
