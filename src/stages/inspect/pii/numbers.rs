//! Numbers: cards, phones, social security numbers. A *run* is a stretch of groups of digits with separators between, as
//! people write numbers; it is read once, and its groups are judged together.

use super::{Hit, Kind, Words, ids, not_after, places, said_before};

/// Most groups of a run that are judged together; a longer run is judged in parts.
const GROUPS: usize = 20;
/// Most digits that can be anything: a run is read no further.
const GROUP_DIGITS: usize = 19;
/// How far before a number a word may say what it is, in bytes.
const CONTEXT: usize = 32;

static PHONE_WORDS: Words = Words::new(&[
    "phone",
    "tel",
    "call",
    "mobile",
    "cell",
    "fax",
    "whatsapp",
    "sms",
    "handy",
    "rufnummer",
    "cellphone",
    "homephone",
    "workphone",
    "numéro",
    "teléfono",
    "movil",
    "móvil",
    "contact",
    "電話",
]);
static SSN_WORDS: Words = Words::new(&["ssn", "social security", "soc sec"]);
static CARD_WORDS: Words = Words::new(&["card", "visa", "amex", "karte", "carte", "tarjeta"]);

/// One group of digits of a run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Group {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The separator before it: one byte, `(` or `)` where a bracket stands, 0 for none or for the first group.
    pub(super) separator: u8,
}

impl Group {
    pub(super) fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }
}

/// Groups of digits with the `+` or bracket that may stand before them.
pub(super) struct Run {
    groups: [Group; GROUPS],
    count: usize,
    pub(super) plus: bool,
    /// Whether it begins on its own and not after other groups.
    pub(super) fresh: bool,
    start: usize,
    end: usize,
}

impl Run {
    pub(super) fn groups(&self) -> &[Group] {
        self.groups.get(..self.count).unwrap_or(&[])
    }
}

/// Judges the run that begins with the digit at `at`. Returns what it is, if anything, and where to go on.
pub(super) fn number(bytes: &[u8], at: usize, done: usize) -> (Option<Hit>, usize) {
    let fresh = is_fresh(bytes, at);
    if !fresh && !is_long_group(bytes, at) {
        // Lists of small numbers: only their beginning can be a number of somebody.
        let digits = bytes.get(at..).unwrap_or(b"").iter().take_while(|byte| byte.is_ascii_digit()).count();
        return (None, at.saturating_add(digits));
    }
    let run = read_run(bytes, at, done, fresh);
    let whole_end = run.groups().first().map_or(at, |group| group.end);
    // A run stuck to letters is part of a name, a hash or an encoded text.
    let stuck = !not_after(bytes, run.start, |before| before.is_ascii_alphanumeric() || before == b'_')
        && !after_escape(bytes, run.start)
        && run.start != done;
    if stuck {
        return (None, whole_end);
    }
    let hit = card(bytes, &run)
        .or_else(|| social_security(bytes, &run))
        .or_else(|| ids::national_id(bytes, &run))
        .or_else(|| places::date_of_birth(bytes, &run))
        .or_else(|| places::postal_address(bytes, &run))
        .or_else(|| phone(bytes, &run));
    // Without a hit the next group may begin something; the work stays bounded by `GROUPS` per group.
    (hit, whole_end)
}

/// Whether no other group of digits stands right before `at`.
fn is_fresh(bytes: &[u8], at: usize) -> bool {
    !matches!(bytes.get(..at), Some([.., digit, b' ' | b'-' | b'.' | b'/']) if digit.is_ascii_digit())
}

fn is_long_group(bytes: &[u8], at: usize) -> bool {
    bytes.get(at.saturating_add(1)..at.saturating_add(3)).is_some_and(|next| next.iter().all(u8::is_ascii_digit))
}

/// A written-out `\n`, `\t` or `%20` before a number is no word.
fn after_escape(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(..at), Some([.., b'\\', b'n' | b'r' | b't']))
}

fn read_run(bytes: &[u8], at: usize, done: usize, fresh: bool) -> Run {
    let before = |back: usize| at.checked_sub(back).filter(|place| *place >= done).and_then(|place| bytes.get(place));
    let (plus, start) = match (before(2), before(1)) {
        (_, Some(b'+')) => (true, at.saturating_sub(1)),
        (Some(b'+'), Some(b'(')) => (true, at.saturating_sub(2)),
        (_, Some(b'(')) => (false, at.saturating_sub(1)),
        _ => (false, at),
    };
    let mut run = Run { groups: [Group::default(); GROUPS], count: 0, plus, fresh, start, end: at };
    let mut from = at;
    let mut separator = 0;
    let mut total = 0usize;
    while let Some(slot) = run.groups.get_mut(run.count) {
        // The first group is read whole, so that the scan goes on behind it; of a later one it matters only that it is long.
        let limit = if run.count == 0 { usize::MAX } else { GROUP_DIGITS + 1 };
        let rest = bytes.get(from..).unwrap_or(b"");
        let digits = rest.iter().take(limit).take_while(|byte| byte.is_ascii_digit()).count();
        *slot = Group { start: from, end: from.saturating_add(digits), separator };
        run.count += 1;
        run.end = from.saturating_add(digits);
        total = total.saturating_add(digits);
        if total > GROUP_DIGITS {
            break;
        }
        let Some((sign, len)) = separator_at(bytes, run.end) else { break };
        separator = sign;
        from = run.end.saturating_add(len);
    }
    run
}

/// The separator at `at` if a digit follows it: one of ` -./`, or up to three bytes with a bracket in them.
fn separator_at(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let rest = bytes.get(at..)?;
    let len = rest.iter().take(4).take_while(|byte| matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')')).count();
    let signs = rest.get(..len)?;
    rest.get(len).filter(|next| next.is_ascii_digit())?;
    let bracket = signs.iter().find(|sign| matches!(sign, b'(' | b')')).copied();
    match (signs, bracket) {
        ([sign], _) => Some((*sign, 1)),
        ([_, _] | [_, _, _], Some(bracket)) => Some((bracket, len)),
        ([b' ', b'-' | b'/', b' '], None) => Some((b'-', 3)),
        _ => None,
    }
}

pub(super) fn digits_of(bytes: &[u8], groups: &[Group]) -> impl DoubleEndedIterator<Item = u8> {
    groups
        .iter()
        .flat_map(|group| bytes.get(group.start..group.end).unwrap_or(b""))
        .map(|digit| digit.wrapping_sub(b'0'))
}

/// Whether a run goes on in letters or in decimals after `end`, so that it is no number of its own.
pub(super) fn goes_on(bytes: &[u8], end: usize) -> bool {
    match bytes.get(end) {
        Some(b'.' | b',') => bytes.get(end.saturating_add(1)).is_some_and(u8::is_ascii_digit),
        Some(b'-') => bytes.get(end.saturating_add(1)).is_some_and(u8::is_ascii_alphanumeric),
        Some(next) => next.is_ascii_alphanumeric() || *next == b'_',
        None => false,
    }
}

/// Whether the first group of a run belongs to something before it: decimals, parts of a UUID, a longer number.
pub(super) fn continues(bytes: &[u8], start: usize) -> bool {
    match bytes.get(..start) {
        Some([.., before, b'.' | b',' | b'-']) => before.is_ascii_alphanumeric(),
        _ => false,
    }
}

/// A card number at the beginning of a run: the issuer's range and length, groups as on cards, Luhn.
fn card(bytes: &[u8], run: &Run) -> Option<Hit> {
    let groups = run.groups();
    let first = groups.first()?;
    if run.plus || continues(bytes, first.start) {
        return None;
    }
    let mut total = 0;
    let mut best = None;
    for (index, group) in groups.iter().enumerate() {
        let joined = index == 0
            || (matches!(group.separator, b' ' | b'-')
                && groups.get(1).is_some_and(|second| second.separator == group.separator));
        total += group.len();
        if !joined || total > GROUP_DIGITS {
            break;
        }
        let parts = groups.get(..=index)?;
        let fits = total >= 13 && written_like_a_card(parts, run) && !goes_on_as_card(bytes, group.end, parts.len());
        if fits && issuer_fits(bytes, parts, total) && luhn(bytes, parts) {
            best = Some((group.end, total, parts.len()));
        }
    }
    let (end, total, parts) = best?;
    let sure = parts > 1 || matches!(total, 15 | 16);
    let told = said_before(bytes, run.start, CONTEXT, &CARD_WORDS);
    let score = if sure || told { 0.95 } else { 0.7 };
    Some(Hit { kind: Kind::CreditCard, span: first.start..end, score })
}

/// For one unbroken group a dash and more digits speak of an identifier; for several groups the dash is a separator like the others.
fn goes_on_as_card(bytes: &[u8], end: usize, parts: usize) -> bool {
    match bytes.get(end) {
        Some(b'-') if parts > 1 => bytes.get(end.saturating_add(1)).is_some_and(u8::is_ascii_alphabetic),
        _ => goes_on(bytes, end),
    }
}

/// Unbroken; in fours with a rest; 4-6-5 and 4-6-4; or, where nothing else stands around, every digit or pair apart.
fn written_like_a_card(parts: &[Group], run: &Run) -> bool {
    let alone = run.fresh && run.count == parts.len();
    let Some((last, head)) = parts.split_last() else { return false };
    let all = |len: usize| head.iter().all(|group| group.len() == len) && last.len() <= len;
    let lengths = |wanted: [usize; 3]| parts.len() == 3 && parts.iter().map(Group::len).eq(wanted);
    head.is_empty() || all(4) || (alone && (all(1) || all(2))) || lengths([4, 6, 5]) || lengths([4, 6, 4])
}

fn issuer_fits(bytes: &[u8], parts: &[Group], total: usize) -> bool {
    let prefix = digits_of(bytes, parts)
        .take(6)
        .fold(0u32, |value, digit| value.saturating_mul(10).saturating_add(u32::from(digit)));
    let (two, three, four) = (prefix / 10_000, prefix / 1_000, prefix / 100);
    match total {
        13 => prefix / 100_000 == 4,
        14 => matches!(three, 300..=305) || matches!(two, 36 | 38 | 39),
        15 => matches!(two, 34 | 37),
        16 => {
            prefix / 100_000 == 4
                || matches!(two, 51..=55)
                || matches!(four, 2221..=2720 | 2200..=2204 | 6011 | 3528..=3589)
                || matches!(three, 644..=649)
                || matches!(two, 65 | 62 | 60 | 50 | 67 | 63)
        }
        17 | 18 => matches!(two, 62 | 65 | 67),
        19 => prefix / 100_000 == 4 || matches!(two, 62 | 65 | 67),
        _ => false,
    }
}

fn luhn(bytes: &[u8], parts: &[Group]) -> bool {
    let mut kinds = 0u16;
    let sum: u32 = digits_of(bytes, parts)
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            kinds |= 1 << digit;
            let doubled = u32::from(digit) << (index % 2);
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    // Zeros and the like are no number of anybody.
    sum.is_multiple_of(10) && kinds.count_ones() >= 2
}

/// `123-45-6789`; with spaces or without separators only after a word that says so.
fn social_security(bytes: &[u8], run: &Run) -> Option<Hit> {
    let first = *run.groups().first()?;
    if run.plus || continues(bytes, first.start) {
        return None;
    }
    let (parts, separated) = match run.groups() {
        [a, b, c, ..] if (a.len(), b.len(), c.len()) == (3, 2, 4) && b.separator == c.separator => {
            (3, b.separator == b'-')
        }
        [only, ..] if only.len() == 9 => (1, false),
        _ => return None,
    };
    let parts = run.groups().get(..parts)?;
    let end = parts.last()?.end;
    let told = run.fresh && said_before(bytes, first.start, CONTEXT, &SSN_WORDS);
    let number =
        digits_of(bytes, parts).fold(0u32, |value, digit| value.saturating_mul(10).saturating_add(u32::from(digit)));
    let (area, group, serial) = (number / 1_000_000, number / 10_000 % 100, number % 10_000);
    let valid = !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0;
    let score = if told { 0.95 } else { 0.85 };
    (valid && (separated || told) && !goes_on(bytes, end)).then_some(Hit {
        kind: Kind::UsSsn,
        span: first.start..end,
        score,
    })
}

/// A phone number: international with `+`, a national form with its separators, or any after a word that announces it.
fn phone(bytes: &[u8], run: &Run) -> Option<Hit> {
    let groups = run.groups();
    let first = groups.first()?;
    if continues(bytes, first.start) && !run.plus {
        return None;
    }
    let before = || bytes.get(run.start.saturating_sub(CONTEXT)..run.start).unwrap_or(b"");
    let told = || run.fresh && PHONE_WORDS.begin_in(before());
    let (count, score) = match run.plus {
        true => (groups_of(groups, 8)?, 0.9),
        false => match (national(bytes, groups), announced(groups)) {
            (Some((count, score)), _) => (count, if told() { 0.9 } else { score }),
            (None, Some(count)) if told() => (count, 0.75),
            (None, _) => return None,
        },
    };
    let end = groups.get(count.checked_sub(1)?)?.end;
    if goes_on(bytes, end) {
        return None;
    }
    // An opening bracket belongs to the number only if its closing one does.
    let bracket = groups.get(1).is_some_and(|group| group.separator == b')');
    let start = if run.plus || bracket { run.start } else { first.start };
    Some(Hit { kind: Kind::Phone, span: start..end, score })
}

/// How many groups from the first on hold between `min` and 15 digits, as many as fit.
fn groups_of(groups: &[Group], min: usize) -> Option<usize> {
    let mut total = 0;
    let mut count = 0;
    for group in groups {
        if total + group.len() > 15 {
            break;
        }
        total += group.len();
        count += 1;
    }
    (total >= min).then_some(count)
}

/// After a word such as "call": 7 to 15 digits, not written like a date or an amount.
fn announced(groups: &[Group]) -> Option<usize> {
    let date = matches!(groups, [a, b, c, ..] if a.len() <= 2 && b.len() <= 2 && c.len() == 4 || a.len() == 4 && b.len() == 2 && c.len() <= 2);
    let tight = groups.iter().skip(1).all(|group| matches!(group.separator, b' ' | b'-' | b'(' | b')' | b'/'));
    if date || !tight { None } else { groups_of(groups, 7) }
}

/// North American 3-3-4, French pairs, and numbers with a leading zero whose area code stands apart.
fn national(bytes: &[u8], groups: &[Group]) -> Option<(usize, f32)> {
    let digit = |group: &Group, index: usize| bytes.get(group.start.saturating_add(index)).copied().unwrap_or(b' ');
    let american = |parts: &[Group]| match parts {
        [a, b, c, ..] => {
            (a.len(), b.len(), c.len()) == (3, 3, 4)
                && digit(a, 0) >= b'2'
                && digit(b, 0) >= b'2'
                && (b.separator == c.separator || b.separator == b')')
                && matches!(c.separator, b' ' | b'-' | b'.')
        }
        _ => false,
    };
    if american(groups) {
        let dashes = groups.get(1).is_some_and(|group| group.separator != b' ');
        return Some((3, if dashes { 0.8 } else { 0.6 }));
    }
    if let [country, rest @ ..] = groups
        && country.len() == 1
        && digit(country, 0) == b'1'
        && american(rest)
    {
        return Some((4, 0.85));
    }
    let first = groups.first()?;
    if digit(first, 0) != b'0' || !matches!(digit(first, 1), b'1'..=b'9') {
        return None;
    }
    let same = |parts: &[Group]| parts.windows(2).all(|pair| matches!(pair, [a, b] if a.separator == b.separator));
    if groups.len() >= 5 && groups.iter().take(5).all(|group| group.len() == 2) && same(groups.get(1..5)?) {
        return Some((5, 0.8));
    }
    let rest = groups.get(1..)?;
    let tight = rest.iter().enumerate().all(|(index, group)| {
        group.len() >= 2 && (matches!(group.separator, b' ' | b'-' | b')') || (index == 0 && group.separator == b'/'))
    });
    let total: usize = groups.iter().map(Group::len).sum();
    let fits = (3..=6).contains(&first.len()) && !rest.is_empty() && groups.len() <= 5 && (9..=12).contains(&total);
    (tight && fits).then_some((groups.len(), 0.65))
}
