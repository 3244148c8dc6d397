//! Text that would run a command in a shell it is pasted into (CWE-78).
//!
//! A sign that ends or opens a command (`;`, `|`, `&`, `` ` ``, `$(`, a line break, `>`) counts only if a command stands behind it.
//! Many commands are words of a language too (`find`, `who`, `id`); for those an argument must follow as a shell would take it.

use super::Report;
use std::ops::Range;

/// Commands that are no words of prose.
const COMMANDS: [&str; 76] = [
    "printf",
    "iex",
    "invoke-expression",
    "invoke-webrequest",
    "rm",
    "curl",
    "wget",
    "nc",
    "ncat",
    "netcat",
    "socat",
    "bash",
    "sh",
    "zsh",
    "ksh",
    "dash",
    "csh",
    "whoami",
    "chmod",
    "chown",
    "sudo",
    "su",
    "perl",
    "awk",
    "gawk",
    "sed",
    "grep",
    "egrep",
    "ls",
    "uname",
    "ifconfig",
    "netstat",
    "nslookup",
    "powershell",
    "pwsh",
    "certutil",
    "base64",
    "dd",
    "mkfs",
    "telnet",
    "ssh",
    "scp",
    "rsync",
    "busybox",
    "php",
    "systemctl",
    "iptables",
    "crontab",
    "pwd",
    "env",
    "printenv",
    "xargs",
    "python3",
    "python2",
    "nohup",
    "mkfifo",
    "tftp",
    "ftp",
    "useradd",
    "usermod",
    "passwd",
    "mv",
    "cp",
    "ln",
    "tar",
    "gcc",
    "traceroute",
    "hostname",
    "ipconfig",
    "tasklist",
    "regsvr32",
    "rundll32",
    "wmic",
    "bitsadmin",
    "cmd",
    "echo",
];

/// Commands that are words as well: an argument must follow.
const WORDS: [&str; 46] = [
    "cat", "id", "find", "sort", "sleep", "date", "kill", "who", "w", "touch", "head", "tail", "more", "less", "cut",
    "ping", "node", "ruby", "python", "history", "set", "export", "source", "eval", "exec", "type", "man", "top",
    "tee", "mail", "make", "test", "yes", "dir", "net", "ver", "shutdown", "reboot", "init", "mount", "host", "dig",
    "ps", "df", "lua", "time",
];

/// Those of them that do something by themselves, and those that do but stand in lists too: only right behind the sign.
const ALONE: [&str; 7] = ["id", "w", "ps", "df", "dir", "ver", "reboot"];
const ALONE_AND_GLUED: [&str; 6] = ["who", "date", "set", "history", "shutdown", "top"];

/// Longest command word, in bytes.
const WORD: usize = 64;

/// How sure a word is a command here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    /// No word of prose, or a path to a program.
    Sure,
    /// A word with an argument behind it as a shell takes it.
    WithArgument,
    /// A word at the end of the command.
    Bare,
}

/// Reports what a shell would run.
pub(super) fn scan(text: &str, report: &mut Report<'_>) {
    let bytes = text.as_bytes();
    let is_table = is_markdown_table(text);
    let mut at = 0;
    while let Some(offset) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| b";|&`$\n<>\r".contains(byte)))
    {
        let sign = at.saturating_add(offset);
        at = sign.saturating_add(1);
        if let Some((rule, score, span)) = judge(bytes, sign, is_table) {
            at = at.max(span.end);
            report.add(rule, score, span);
        }
        if report.is_full() {
            return;
        }
    }
}

fn judge(bytes: &[u8], sign: usize, is_table: bool) -> Option<(&'static str, f32, Range<usize>)> {
    let rest = bytes.get(sign..)?;
    let chained = |len: usize| {
        let (command, end) = command_at(bytes, sign.saturating_add(len))?;
        let score = match command {
            Command::Sure => 0.9,
            Command::WithArgument => 0.85,
            Command::Bare => 0.7,
        };
        Some((command, score, sign..end))
    };
    match rest {
        [b'&', b'&', ..] | [b'|', b'|', ..] => {
            chained(2).map(|(_, score, span)| ("sink.shell.chained-command", score, span))
        }
        // In a table only a command with an argument is more than the content of a cell.
        [b'|', ..] if is_table => chained(1)
            .filter(|(.., span)| argument_follows(bytes, span.end))
            .map(|(_, score, span)| ("sink.shell.chained-command", score, span)),
        // An entity (`&lt;`) ends in a semicolon of its own.
        [b';', ..] if ends_entity(bytes, sign) => None,
        [b';', ..] | [b'|', ..] => chained(1).map(|(_, score, span)| ("sink.shell.chained-command", score, span)),
        [b'&', ..] => chained(1)
            .filter(|(command, ..)| {
                *command != Command::Bare || bytes.get(sign.saturating_add(1)).is_some_and(|next| *next != b' ')
            })
            .filter(|_| !is_query_parameter(bytes, sign))
            .map(|(_, score, span)| ("sink.shell.chained-command", score, span)),
        [b'\n' | b'\r', ..] => chained(1)
            .filter(|(command, _, span)| *command == Command::WithArgument || is_closed(bytes, *command, span))
            .map(|(_, _, span)| ("sink.shell.new-line-command", 0.7, span)),
        [b'$', b'(', ..] | [b'<' | b'>', b'(', ..] => {
            chained(2).map(|(_, _, span)| ("sink.shell.substitution", 0.9, span))
        }
        [b'$', b'{', b'I', b'F', b'S', ..] | [b'$', b'I', b'F', b'S', ..] => {
            Some(("sink.shell.field-separator", 0.95, sign..sign.saturating_add(4)))
        }
        [b'`', ..] => backtick(bytes, sign),
        [b'>' | b'<', ..] => redirect(bytes, sign),
        _ => None,
    }
}

/// After a line break even a sure command must look like one: an option, a path, a URL, or nothing behind it.
fn is_closed(bytes: &[u8], command: Command, span: &Range<usize>) -> bool {
    let rest = bytes.get(span.end..).unwrap_or(b"").trim_ascii_start();
    command == Command::Sure && (rest.is_empty() || argument_follows(bytes, span.end))
}

/// The command word at `at`, after spaces, brackets and quotes, and where it ends.
fn command_at(bytes: &[u8], at: usize) -> Option<(Command, usize)> {
    let skipped = bytes.get(at..)?.iter().take(16).take_while(|byte| b" \t\r\n({!".contains(byte)).count();
    let start = at.saturating_add(skipped);
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./-\\'\"^".contains(byte);
    let len = bytes.get(start..)?.iter().take(WORD).take_while(|byte| is_part(byte)).count();
    let end = start.saturating_add(len);
    let written = bytes.get(start..end)?;
    // Quotes and backslashes inside a word vanish in a shell: c''at, w\hoami.
    let word: String = written.iter().filter(|byte| !b"\\'\"^".contains(byte)).map(|byte| char::from(*byte)).collect();
    let disguised =
        word.len() < written.trim_ascii_end().len() && !written.starts_with(b"\"") && !written.starts_with(b"'");
    // `/???/c?t` is a program to a shell and to nobody else.
    let globbed = bytes
        .get(start..)
        .unwrap_or_default()
        .iter()
        .take(WORD)
        .take_while(|byte| is_part(byte) || matches!(byte, b'?' | b'*'));
    let (signs, letters) = globbed
        .fold((0_usize, 0_usize), |(signs, all), byte| (signs + usize::from(matches!(byte, b'?' | b'*')), all + 1));
    if signs >= 2 && written.starts_with(b"/") {
        return Some((Command::Sure, start.saturating_add(letters)));
    }
    let from_path =
        ["/bin/", "/usr/", "/sbin/", "/tmp/", "./", "/opt/", "/dev/"].iter().any(|root| word.starts_with(root));
    if from_path && word.len() > 2 {
        return Some((Command::Sure, end));
    }
    let name = word.trim_end_matches(['.', '-']);
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let known = |list: &[&str]| list.iter().any(|known| name.eq_ignore_ascii_case(known));
    if known(&COMMANDS) {
        return Some((Command::Sure, end));
    }
    if !known(&WORDS) || name.len() < word.len() {
        return None;
    }
    if disguised {
        return Some((Command::Sure, end));
    }
    if argument_follows(bytes, end) {
        return Some((Command::WithArgument, end));
    }
    let stands_alone = known(&ALONE) || (skipped == 0 && known(&ALONE_AND_GLUED));
    if !stands_alone {
        return None;
    }
    let rest = bytes.get(end..)?;
    let spaces = rest.iter().take(8).take_while(|byte| **byte == b' ').count();
    matches!(rest.get(spaces), None | Some(b';' | b')' | b'`' | b'#' | b'\n' | b'&')).then_some((Command::Bare, end))
}

/// Whether an option, a path, a variable, a quote, a redirection, a URL or an address follows.
fn argument_follows(bytes: &[u8], end: usize) -> bool {
    let rest = bytes.get(end..).unwrap_or(b"");
    let spaces = rest.iter().take(8).take_while(|byte| matches!(byte, b' ' | b'\t' | b',')).count();
    if spaces == 0 {
        return matches!(rest, [b'$' | b'<' | b'>', ..]);
    }
    let argument = rest.get(spaces..).unwrap_or(b"");
    match argument {
        [b'-', next, ..] => next.is_ascii_alphanumeric() || *next == b'-',
        [b'/' | b'$' | b'*' | b'<' | b'>' | b'~' | b'%', ..] | [b'.', b'.' | b'/', ..] => true,
        [digit, ..] if digit.is_ascii_digit() => {
            let len = argument.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
            argument.get(len..).is_none_or(|after| {
                after.trim_ascii_start().is_empty() || matches!(after, [b';' | b'|' | b'&' | b')' | b'#', ..])
            }) || memchr::memchr(b'.', argument.get(..len).unwrap_or(b"")).is_some()
        }
        _ => {
            let len = argument.iter().take(WORD).take_while(|byte| byte.is_ascii_graphic()).count();
            let word = argument.get(..len).unwrap_or(b"");
            // A file name, a URL or a host: something with a dot, a slash or a colon inside.
            word.iter()
                .enumerate()
                .any(|(index, byte)| index > 0 && index.saturating_add(1) < word.len() && b"./:@=".contains(byte))
        }
    }
}

/// `&lt;`, `&#60;`
fn ends_entity(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(at.saturating_sub(10)..at).unwrap_or(b"");
    let name = before.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'#').count();
    name > 0 && before.len().checked_sub(name.saturating_add(1)).and_then(|place| before.get(place)) == Some(&b'&')
}

/// `?a=1&id=2`
fn is_query_parameter(bytes: &[u8], sign: usize) -> bool {
    let rest = bytes.get(sign.saturating_add(1)..).unwrap_or(b"");
    let name =
        rest.iter().take(WORD).take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')).count();
    name > 0 && rest.get(name) == Some(&b'=')
}

/// A command in backticks. Markdown writes code that way too, so it must be glued to other text or be all of it.
fn backtick(bytes: &[u8], sign: usize) -> Option<(&'static str, f32, Range<usize>)> {
    let before = sign.checked_sub(1).and_then(|before| bytes.get(before));
    let glued = before.is_some_and(|before| before.is_ascii_alphanumeric() || b"=;/\"'$,:".contains(before));
    let (_, end) = command_at(bytes, sign.saturating_add(1))?;
    let close = bytes.get(end..)?.iter().take(512).position(|byte| *byte == b'`').map(|len| end.saturating_add(len));
    let whole = bytes.get(..sign)?.trim_ascii().is_empty()
        && close
            .is_some_and(|close| bytes.get(close.saturating_add(1)..).is_some_and(|rest| rest.trim_ascii().is_empty()));
    (close.is_some() && (glued || whole))
        .then(|| ("sink.shell.substitution", 0.85, sign..close.unwrap_or(end).saturating_add(1)))
}

/// `> /etc/x`, `>> ../x`, `2>&1`: a redirection to a path or a descriptor.
fn redirect(bytes: &[u8], sign: usize) -> Option<(&'static str, f32, Range<usize>)> {
    let before = sign.checked_sub(1).and_then(|before| bytes.get(before));
    let stands_alone =
        before.is_none_or(|before| before.is_ascii_whitespace() || before.is_ascii_digit() || *before == b'&');
    let rest = bytes.get(sign..)?;
    let signs = rest.iter().take(3).take_while(|byte| matches!(byte, b'>' | b'<' | b'&')).count();
    let spaces = rest.iter().skip(signs).take(8).take_while(|byte| **byte == b' ').count();
    let target = rest.get(signs.saturating_add(spaces)..)?;
    const ROOTS: [&[u8]; 12] = [
        b"/etc/", b"/tmp/", b"/dev/", b"/var/", b"/root/", b"/home/", b"/proc/", b"/usr/", b"/bin/", b"/opt/", b"../",
        b"~/",
    ];
    let descriptor = matches!(rest, [b'>', b'&', digit, ..] if digit.is_ascii_digit());
    let path = ROOTS.iter().any(|root| target.starts_with(root));
    let end = sign.saturating_add(signs).saturating_add(spaces).saturating_add(1);
    (stands_alone && (descriptor || path)).then_some(("sink.shell.redirection", 0.8, sign..end))
}

/// Whether the text holds the ruler of a Markdown table: then `|` separates cells.
fn is_markdown_table(text: &str) -> bool {
    text.contains('\n') && ["|--", "| --", "|:-", "| :-"].iter().any(|ruler| text.contains(ruler))
}
