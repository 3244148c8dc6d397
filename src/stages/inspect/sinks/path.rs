//! Paths that leave their directory or name what no program should hand out (CWE-22).

use super::Report;
use aho_corasick::AhoCorasick;
use std::ops::Range;
use std::sync::OnceLock;

/// Files and directories that hold credentials or open the system; matched in any case, with `/` for `\`.
const SENSITIVE: [&str; 33] = [
    "/etc/passwd",
    "/etc/shadow",
    "/etc/sudoers",
    "/etc/group",
    "/etc/hosts",
    "/etc/ssh/",
    "/etc/crontab",
    "/etc/kubernetes",
    "/proc/self/",
    "/proc/1/",
    "/proc/net/",
    "/proc/version",
    "/root/.",
    "/var/run/secrets",
    "/run/secrets",
    "/var/run/docker.sock",
    "/var/log/auth",
    "/dev/tcp/",
    "/dev/sda",
    "/dev/mem",
    ".ssh/id_",
    ".ssh/authorized_keys",
    ".aws/credentials",
    ".kube/config",
    ".docker/config.json",
    ".git/config",
    ".netrc",
    ".pgpass",
    "c:/windows/",
    "/windows/win.ini",
    "/windows/system32",
    "boot.ini",
    "//?/",
];

fn sensitive() -> Option<&'static AhoCorasick> {
    static AUTOMATON: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    let build = || {
        let backslashed = SENSITIVE.map(|path| path.replace('/', "\\"));
        let patterns = SENSITIVE.iter().map(|path| (*path).to_owned()).chain(backslashed);
        AhoCorasick::builder().ascii_case_insensitive(true).build(patterns).ok()
    };
    AUTOMATON.get_or_init(build).as_ref()
}

/// Reports paths that lead out.
pub(super) fn scan(text: &str, report: &mut Report<'_>) {
    let bytes = text.as_bytes();
    if let Some(automaton) = sensitive() {
        for found in automaton.find_iter(bytes) {
            if report.is_full() {
                return;
            }
            report.add("sink.path.sensitive-file", 0.85, found.range());
        }
    }
    if report.count == 0 {
        whole_path(text, report);
    }
    let mut at = 0;
    while let Some(offset) = bytes.get(at..).and_then(|rest| memchr::memchr3(b'.', b'%', 0, rest)) {
        let start = at.saturating_add(offset);
        at = start.saturating_add(1);
        if bytes.get(start) == Some(&0) || is_encoded_nul(bytes, start) {
            report.add("sink.path.nul", 0.9, start..start.saturating_add(1));
        } else if let Some(steps) = steps_up(bytes, start) {
            at = steps.span.end;
            if let Some(score) = steps.score(bytes) {
                report.add("sink.path.traversal", score, steps.span);
            }
        }
        if report.is_full() {
            return;
        }
    }
}

/// Longest text that is read as one path.
const PATH_BYTES: usize = 4096;

/// What a path is only as a whole: a share of another machine, a device, a file of secrets, a sensitive path with `//` or `/./`.
fn whole_path(text: &str, report: &mut Report<'_>) {
    let path = text.trim();
    if path.is_empty() || path.len() > PATH_BYTES || path.contains('\n') {
        return;
    }
    if let Some(rest) = path.strip_prefix("\\\\") {
        let (host, more) = rest.split_once('\\').unwrap_or((rest, ""));
        let is_host =
            host.len() > 1 && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_@$".contains(&byte));
        let named = more.starts_with(|c: char| c.is_ascii_alphanumeric());
        if named && (is_host || host == ".") {
            report.add("sink.path.share", 0.7, 0..text.len());
        }
    }
    let name = path.rsplit(['/', '\\']).next().unwrap_or("");
    if name.eq_ignore_ascii_case(".env") || name.to_ascii_lowercase().starts_with(".env.") && !name.ends_with("example")
    {
        report.add("sink.path.secrets-file", 0.6, 0..text.len());
    }
    if path.starts_with(['/', '~']) && (path.contains("//") || path.contains("/./")) {
        let mut parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
        let plain = parts.by_ref().fold(String::new(), |path, part| path + "/" + part);
        if sensitive().is_some_and(|automaton| automaton.is_match(&plain)) {
            report.add("sink.path.sensitive-file", 0.85, 0..text.len());
        }
    }
}

/// `%00`, also encoded twice.
fn is_encoded_nul(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(b"%00") || rest.starts_with(b"%2500"))
}

/// A run of `../`.
struct Steps {
    span: Range<usize>,
    count: usize,
    encoded: bool,
    /// Whether `..` is the end of the path.
    open_ended: bool,
}

impl Steps {
    /// How sure it is that the path leaves its directory; none if it stays inside (`docs/../README`).
    fn score(&self, bytes: &[u8]) -> Option<f32> {
        if self.encoded {
            return Some(0.95);
        }
        if self.count >= 2 {
            return Some(0.9);
        }
        let before = bytes.get(self.span.start.saturating_sub(2)..self.span.start).unwrap_or(b"");
        let inside =
            matches!(before, [name, b'/' | b'\\'] if name.is_ascii_alphanumeric() || matches!(name, b'_' | b'-'));
        if inside || (self.open_ended && !(self.span.start == 0 && self.span.end == bytes.len())) {
            return None;
        }
        Some(0.65)
    }
}

/// Steps upwards from `start` on, where a path or a part of one begins.
fn steps_up(bytes: &[u8], start: usize) -> Option<Steps> {
    let before = start.checked_sub(1).and_then(|before| bytes.get(before));
    // `...` and `name..` are no steps; behind letters only an encoded form counts.
    let begins = before.is_none_or(|before| !before.is_ascii_alphanumeric() && *before != b'.' && *before != b'_');
    const FILTERED: [&[u8]; 3] = [b"....//", b"..././", b"....\\\\"];
    let rest = bytes.get(start..)?;
    if begins && let Some(form) = FILTERED.iter().find(|form| rest.starts_with(form)) {
        // What is left when a filter removes `../` once.
        let span = start..start.saturating_add(form.len());
        return Some(Steps { span, count: 1, encoded: true, open_ended: false });
    }
    let mut steps = Steps { span: start..start, count: 0, encoded: false, open_ended: false };
    loop {
        let (first, at) = unit(bytes, steps.span.end)?.step(b'.', &mut steps)?;
        let (second, at) = match unit(bytes, at).map(|unit| (unit.byte, unit.end, unit.encoded)) {
            Some((b'.', end, encoded)) => (encoded, end),
            _ => break,
        };
        let separator = unit(bytes, at);
        match separator {
            // Some servers drop what stands between `;` and the slash.
            Some(Unit { byte: b';', end, .. }) if bytes.get(end) == Some(&b'/') => {
                steps.encoded = true;
                steps.count += 1;
                steps.span.end = end.saturating_add(1);
            }
            Some(Unit { byte: b'/' | b'\\', end, encoded }) => {
                steps.encoded |= first || second || encoded;
                steps.count += 1;
                steps.span.end = end;
            }
            None => {
                steps.encoded |= first || second;
                steps.count += 1;
                steps.open_ended = true;
                steps.span.end = at;
                break;
            }
            Some(_) => break,
        }
        if unit(bytes, steps.span.end).is_none_or(|unit| unit.byte != b'.') {
            break;
        }
    }
    (steps.count > 0 && (begins || steps.encoded)).then_some(steps)
}

/// One character of a path with its encoding undone.
struct Unit {
    byte: u8,
    end: usize,
    encoded: bool,
}

impl Unit {
    /// Whether it was encoded and where the next begins, if it is the wanted character.
    fn step(self, wanted: u8, steps: &mut Steps) -> Option<(bool, usize)> {
        // A run that has begun ends quietly at anything else.
        if self.byte != wanted && steps.count == 0 {
            return None;
        }
        Some((self.encoded, self.end))
    }
}

/// Percent-encoding once or twice, the overlong forms of UTF-8, and `%uXXXX` of old servers.
fn unit(bytes: &[u8], at: usize) -> Option<Unit> {
    const ENCODED: [(&[u8], u8); 15] = [
        (b"%2e", b'.'),
        (b"%2f", b'/'),
        (b"%5c", b'\\'),
        (b"%252e", b'.'),
        (b"%252f", b'/'),
        (b"%255c", b'\\'),
        (b"%c0%ae", b'.'),
        (b"%c0%af", b'/'),
        (b"%c1%9c", b'\\'),
        (b"%e0%80%af", b'/'),
        (b"%u002e", b'.'),
        (b"%u002f", b'/'),
        (b"%u2215", b'/'),
        (b"%u2216", b'\\'),
        (b"%u005c", b'\\'),
    ];
    let rest = bytes.get(at..)?;
    let first = *rest.first()?;
    // Slashes of other scripts, which programs fold to plain ones: U+FF0F, U+2215, U+2044, U+FF3C.
    let folded = match rest {
        [0xEF, 0xBC, 0x8F, ..] | [0xE2, 0x88, 0x95, ..] | [0xE2, 0x81, 0x84, ..] => Some(b'/'),
        [0xEF, 0xBC, 0xBC, ..] => Some(b'\\'),
        _ => None,
    };
    if let Some(byte) = folded {
        return Some(Unit { byte, end: at.saturating_add(3), encoded: true });
    }
    if first == b'%' {
        let known =
            ENCODED.iter().find(|(form, _)| rest.get(..form.len()).is_some_and(|head| head.eq_ignore_ascii_case(form)));
        if let Some((form, byte)) = known {
            return Some(Unit { byte: *byte, end: at.saturating_add(form.len()), encoded: true });
        }
    }
    Some(Unit { byte: first, end: at.saturating_add(1), encoded: false })
}
