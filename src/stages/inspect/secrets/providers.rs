//! Checks of formats that a row's prefix and run cannot say: marks in the middle, values told by the provider's name, encoded
//! JSON.

use super::Hit;
use super::shapes::{Alphabet, looks_random, may_begin, may_end, run, slice};
use super::structured::{decode_base64, is};
use memchr::memmem;
use std::ops::Range;

/// How far behind its provider's name a credential is looked for, in bytes.
const NEAR: usize = 100;

/// Microsoft's marks: how many characters of base64 stand before and behind.
const AZURE_MARKS: [(&str, usize, usize); 6] =
    [("+ASt", 76, 8), ("ACDb", 76, 8), ("AzSe", 42, 6), ("AzFu", 44, 8), ("+ACR", 42, 6), ("AZDO", 76, 4)];

/// A key of Azure with Microsoft's mark at its place.
pub(super) fn azure_marked(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let (_, before, behind) = AZURE_MARKS.iter().find(|(mark, ..)| is(text, &at, mark))?;
    let span = at.start.checked_sub(*before)?..at.end.saturating_add(*behind);
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
    let value = bytes.get(span.clone())?;
    // Within a longer encoded text the mark stands there by chance.
    let goes_on = bytes.get(span.end).is_some_and(|next| is_part(next) && *next != b'=');
    let before = span.start.checked_sub(1).and_then(|before| bytes.get(before));
    let begins = !before.is_some_and(|before| is_part(before) && *before != b'=') || may_begin(bytes, span.start);
    (value.iter().all(is_part) && begins && !goes_on && looks_random(value)).then_some(Hit { span, score: 0.97 })
}

/// Terraform Cloud: 14 characters, `.atlasv1.`, 60 to 70 more.
pub(super) fn terraform(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let start = at.start.checked_sub(14)?;
    let tail = run(bytes, at.end, Alphabet::Word, 80);
    let head = slice(bytes, start..at.start);
    let fits =
        is(text, &at, ".atlasv1.") && head.iter().all(u8::is_ascii_alphanumeric) && (60..=70).contains(&tail.len());
    (fits && may_begin(bytes, start)).then_some(Hit { span: start..tail.end, score: 0.98 })
}

/// 1Password's secret key: `A3-` and 34 characters in groups.
pub(super) fn onepassword(text: &str, at: Range<usize>) -> Option<Hit> {
    const FORMS: [&[usize]; 2] = [&[6, 6, 5, 5, 5, 5], &[6, 11, 5, 5, 5]];
    let bytes = text.as_bytes();
    if !is(text, &at, "A3-") || !may_begin(bytes, at.start) {
        return None;
    }
    let end = FORMS.iter().find_map(|form| groups(bytes, at.end, form))?;
    looks_random(slice(bytes, at.end..end)).then_some(Hit { span: at.start..end, score: 0.98 })
}

/// Where runs of upper-case letters and digits of these lengths, with dashes between, end.
fn groups(bytes: &[u8], from: usize, lengths: &[usize]) -> Option<usize> {
    let mut end = from;
    for (index, wanted) in lengths.iter().enumerate() {
        if index > 0 {
            end = (bytes.get(end) == Some(&b'-')).then(|| end.saturating_add(1))?;
        }
        let found = run(bytes, end, Alphabet::Upper, wanted.saturating_add(1));
        end = (found.len() == *wanted).then_some(found.end)?;
    }
    may_end(bytes, end).then_some(end)
}

/// Atlassian's tokens end in `=` and eight digits of a checksum; texts sometimes cut that off.
pub(super) fn atlassian(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    if !matches!(slice(bytes, at.clone()), b"ATATT3" | b"ATCTT3") || !may_begin(bytes, at.start) {
        return None;
    }
    let tail = run(bytes, at.end, Alphabet::Word, 260);
    let check = run(bytes, tail.end.saturating_add(1), Alphabet::Hex, 9);
    let checked = bytes.get(tail.end) == Some(&b'=') && check.len() == 8;
    let end = if checked { check.end } else { tail.end };
    (150..=250).contains(&tail.len()).then_some(Hit { span: at.start..end, score: 0.98 })
}

/// Octopus Deploy: `API-` and 25 to 26 characters; many other names begin so.
pub(super) fn octopus(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let tail = run(bytes, at.end, Alphabet::Upper, 28);
    let fits = is(text, &at, "API-") && may_begin(bytes, at.start) && (25..=26).contains(&tail.len());
    (fits && may_end(bytes, tail.end) && looks_random(slice(bytes, tail.clone())))
        .then_some(Hit { span: at.start..tail.end, score: 0.85 })
}

/// Notion's older tokens: `secret_` and 43 characters of both cases.
pub(super) fn notion(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let tail = run(bytes, at.end, Alphabet::Alnum, 44);
    let value = slice(bytes, tail.clone());
    let mixed = value.iter().any(u8::is_ascii_uppercase) && value.iter().any(u8::is_ascii_lowercase);
    let fits = is(text, &at, "secret_") && may_begin(bytes, at.start) && tail.len() == 43 && mixed;
    (fits && looks_random(value)).then_some(Hit { span: at.start..tail.end, score: 0.9 })
}

/// Asana: numbers with slashes, a colon, 32 hexadecimal digits, shortly behind the name.
pub(super) fn asana(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let window = at.end..at.end.saturating_add(NEAR).min(bytes.len());
    let colon =
        memchr::memchr_iter(b':', slice(bytes, window)).map(|offset| at.end.saturating_add(offset)).find(|colon| {
            let tail = run(bytes, colon.saturating_add(1), Alphabet::LowerHex, 33);
            tail.len() == 32 && looks_random(slice(bytes, tail))
        })?;
    let before = slice(bytes, at.end..colon);
    let head = before.iter().rev().take_while(|byte| byte.is_ascii_digit() || **byte == b'/').count();
    let start = colon.saturating_sub(head);
    (head >= 10).then(|| Hit { span: start..colon.saturating_add(33), score: 0.9 })
}

/// Mailgun's newer keys: 32, 8 and 8 hexadecimal digits shortly behind the name.
pub(super) fn mailgun(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let mut from = at.end;
    while from < at.end.saturating_add(NEAR).min(bytes.len()) {
        let part = |start: usize, len: usize| {
            let found = run(bytes, start, Alphabet::LowerHex, len.saturating_add(1));
            (found.len() == len).then_some(found.end)
        };
        let dash = |end: usize| (bytes.get(end) == Some(&b'-')).then(|| end.saturating_add(1));
        let end = part(from, 32).and_then(dash).and_then(|at| part(at, 8)).and_then(dash).and_then(|at| part(at, 8));
        if let Some(end) = end
            && may_begin(bytes, from)
        {
            return Some(Hit { span: from..end, score: 0.95 });
        }
        from = run(bytes, from, Alphabet::Alnum, 64).end.saturating_add(1);
    }
    None
}

/// Mailchimp: 32 hexadecimal digits and the data centre.
pub(super) fn mailchimp(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let start = at.start.checked_sub(32)?;
    let head = slice(bytes, start..at.start);
    let tail = run(bytes, at.end, Alphabet::Digits, 3);
    let fits =
        is(text, &at, "-us") && head.iter().all(|byte| Alphabet::LowerHex.has(*byte)) && (1..=2).contains(&tail.len());
    (fits && may_begin(bytes, start) && may_end(bytes, tail.end) && looks_random(head))
        .then_some(Hit { span: start..tail.end, score: 0.95 })
}

/// Okta: `00` and 40 characters shortly behind the name.
pub(super) fn okta(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let window = slice(bytes, at.end..at.end.saturating_add(NEAR).min(bytes.len()));
    memmem::find_iter(window, b"00").map(|offset| at.end.saturating_add(offset)).find_map(|start| {
        let tail = run(bytes, start, Alphabet::Word, 43);
        let fits = tail.len() == 42 && may_begin(bytes, start) && looks_random(slice(bytes, tail.clone()));
        fits.then_some(Hit { span: tail, score: 0.85 })
    })
}

/// Twitter's application tokens: many `A`, then percent-encoded base64.
pub(super) fn twitter(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    if !may_begin(bytes, at.start) || !is(text, &at, "AAAAAAAAAAAAAAAAAAAAA") {
        return None;
    }
    let tail = run(bytes, at.end, Alphabet::Percent, 120);
    let fits = (70..=110).contains(&tail.len()) && looks_random(slice(bytes, tail.clone()));
    fits.then_some(Hit { span: at.start..tail.end, score: 0.9 })
}

/// Braintree: `access_token$production$…$…`.
pub(super) fn braintree(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let world = ["production$", "sandbox$"]
        .into_iter()
        .find(|world| bytes.get(at.end..).is_some_and(|rest| rest.starts_with(world.as_bytes())))?;
    let merchant = run(bytes, at.end.saturating_add(world.len()), Alphabet::Lower, 17);
    let key = run(bytes, merchant.end.saturating_add(1), Alphabet::LowerHex, 33);
    let fits = merchant.len() == 16 && key.len() == 32 && bytes.get(merchant.end) == Some(&b'$');
    (fits && may_begin(bytes, at.start)).then_some(Hit { span: at.start..key.end, score: 0.98 })
}

/// Adyen: `AQE` and base64 shortly behind the name.
pub(super) fn adyen(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let window = slice(bytes, at.end..at.end.saturating_add(NEAR).min(bytes.len()));
    let start = at.end.saturating_add(memmem::find(window, b"AQE")?);
    let is_part = |byte: &u8| {
        Alphabet::Base64.has(*byte)
            || matches!(
                byte,
                b'-' | b'_'
                    | b'^'
                    | b'.'
                    | b'<'
                    | b'>'
                    | b','
                    | b'{'
                    | b'}'
                    | b'['
                    | b']'
                    | b'('
                    | b')'
                    | b'#'
                    | b'&'
                    | b'*'
                    | b'~'
                    | b';'
                    | b'@'
                    | b'%'
                    | b'!'
                    | b'?'
                    | b'|'
                    | b'$'
            )
    };
    let body = run(bytes, start, Alphabet::Base64, 400);
    let len = bytes.get(body.end..)?.iter().take(100).take_while(|byte| is_part(byte)).count();
    let closing = slice(bytes, body.end..body.end.saturating_add(len));
    // The last part may hold any sign; closing punctuation of the text is not it.
    let kept = if closing.len() > 8 { closing.len() } else { 0 };
    (body.len() >= 80 && may_begin(bytes, start))
        .then(|| Hit { span: start..body.end.saturating_add(kept), score: 0.9 })
}

/// New Relic's licence keys end in their mark.
pub(super) fn newrelic_license(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    let start = at.start.checked_sub(32)?;
    let fits = is(text, &at, "FFFFNRAL") && slice(bytes, start..at.start).iter().all(u8::is_ascii_hexdigit);
    (fits && may_begin(bytes, start) && may_end(bytes, at.end)).then_some(Hit { span: start..at.end, score: 0.96 })
}

/// Grafana's older keys: base64 of `{"k":"…","n":"…","id":1}`.
pub(super) fn grafana(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    if !is(text, &at, "eyJrIjoi") || !may_begin(bytes, at.start) {
        return None;
    }
    let span = run(bytes, at.start, Alphabet::Base64, 1024);
    let decoded = decode_base64(slice(bytes, span.clone()))?;
    let fits = span.len() >= 60 && memmem::find(&decoded, b"\"n\":").is_some() && may_end(bytes, span.end);
    fits.then_some(Hit { span, score: 0.96 })
}

/// Sentry's organisation tokens: base64 of JSON, `_`, and base64 of 32 bytes.
pub(super) fn sentry_org(text: &str, at: Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    if !is(text, &at, "sntrys_") || !may_begin(bytes, at.start) {
        return None;
    }
    let head = run(bytes, at.end, Alphabet::Base64, 1_000);
    let tail = run(bytes, head.end.saturating_add(1), Alphabet::Base64, 60);
    let split = bytes.get(head.end) == Some(&b'_') && (40..=48).contains(&tail.len());
    let end = if split { tail.end } else { head.end };
    (slice(bytes, head.clone()).starts_with(b"eyJ") && head.len() >= 40)
        .then_some(Hit { span: at.start..end, score: 0.98 })
}
