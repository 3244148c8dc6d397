//! Text that a template engine would run if it were pasted into a template (CWE-1336): Jinja, Twig, FreeMarker, Velocity, ERB,
//! expression languages of Java, Handlebars, Angular, Razor, and lookups of loggers.
//!
//! Delimiters alone say nothing: half of all code has `${name}` in it. What stands between them is read token by token, and reported only
//! where it reaches for the insides of the language, starts a program, or multiplies two numbers to see what happens.

use super::Report;

/// Longest expression that is read, in bytes.
const EXPRESSION_BYTES: usize = 512;
/// Most tokens of one expression.
const TOKENS: usize = 96;

/// What begins an expression, longest first, and what ends it.
const DELIMITERS: [(&str, &str); 15] = [
    ("${{<%[%'\"", ""),
    ("{{", "}}"),
    ("{%", "%}"),
    ("${", "}"),
    ("#{", "}"),
    ("*{", "}"),
    ("~{", "}"),
    ("<%", "%>"),
    ("<#", ">"),
    ("[#", "]"),
    ("#set(", "\n"),
    ("#set (", "\n"),
    ("@(", ")"),
    ("@{", "}"),
    ("@System.", "\n"),
];

/// Names that only somebody who looks for the way out of a template writes in one.
const INSIDES: [&str; 16] = [
    "mainModule",
    "child_process",
    "getRuntime",
    "forName",
    "ProcessBuilder",
    "ScriptEngineManager",
    "registerUndefinedFilterCallback",
    "getFilter",
    "func_globals",
    "im_func",
    "gi_frame",
    "getProtectionDomain",
    "_TemplateReference__context",
    "loadClass",
    "objectWrapper",
    "Diagnostics",
];
/// Functions that start a program or run code.
const RUNS: [&str; 15] = [
    "system",
    "exec",
    "popen",
    "passthru",
    "shell_exec",
    "proc_open",
    "execSync",
    "spawnSync",
    "eval",
    "check_output",
    "getoutput",
    "assert",
    "file_get_contents",
    "file_excerpt",
    "phpinfo",
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Number,
    /// A string, its escapes undone; neighbours that are added together are one.
    Text(String),
    Sign(u8),
}

/// Reports expressions that would run.
pub(super) fn scan(text: &str, report: &mut Report<'_>) {
    let bytes = text.as_bytes();
    let mut at = 0_usize;
    while let Some(found) = bytes.get(at..).and_then(|rest| {
        rest.iter().position(|byte| matches!(byte, b'{' | b'$' | b'#' | b'*' | b'~' | b'<' | b'[' | b'@'))
    }) {
        let start = at.saturating_add(found);
        at = start.saturating_add(1);
        let rest = bytes.get(start..).unwrap_or_default();
        let Some((open, close)) = DELIMITERS.iter().find(|(open, _)| rest.starts_with(open.as_bytes())) else {
            continue;
        };
        if close.is_empty() {
            report.add("sink.template.probe", 0.9, start..start.saturating_add(open.len()));
            continue;
        }
        let inside = start.saturating_add(open.len());
        // Handlebars has three, Razor's `@System.` is part of the expression.
        let inside = if *open == "@System." { start.saturating_add(1) } else { inside };
        let window = bytes.get(inside..inside.saturating_add(EXPRESSION_BYTES).min(bytes.len())).unwrap_or_default();
        let end = memchr::memmem::find(window, close.as_bytes());
        let expression = window.get(..end.unwrap_or(window.len())).unwrap_or(window);
        let closed = end.map_or(Closed::No, |_| Closed::Yes);
        if let Some((rule, score)) = judge(open, expression, window, closed) {
            let end = inside.saturating_add(expression.len()).saturating_add(end.map_or(0, |_| close.len()));
            report.add(rule, score, start..end);
            at = end.max(at);
        }
        if report.is_full() {
            return;
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closed {
    Yes,
    No,
}

fn judge(open: &str, expression: &[u8], window: &[u8], closed: Closed) -> Option<(&'static str, f32)> {
    if open == "${" && is_lookup(window) {
        return Some(("sink.template.lookup", 0.95));
    }
    let tokens = tokens(expression);
    if let Some(score) = reaches_inside(&tokens) {
        return Some(("sink.template.internals", score));
    }
    if let Some(score) = runs_something(open, &tokens) {
        return Some(("sink.template.runs", score));
    }
    (closed == Closed::Yes && is_probe(&tokens)).then_some(("sink.template.probe", 0.8))
}

/// Lookups that a logger resolves over the network (`jndi:ldap:…`), also with the letters made by other lookups.
fn is_lookup(window: &[u8]) -> bool {
    let head: Vec<u8> = window.iter().take(64).map(u8::to_ascii_lowercase).collect();
    let nested = [&b"${lower:"[..], b"${upper:", b"${::-", b"${env:", b"${sys:"];
    let is_nested = nested.iter().any(|part| memchr::memmem::find(&head, part).is_some_and(|at| at < 8));
    head.starts_with(b"jndi:") || (is_nested && head.contains(&b':') && memchr::memmem::find(&head, b"}").is_some())
}

fn word(tokens: &[Token], index: usize) -> Option<&str> {
    match tokens.get(index) {
        Some(Token::Word(word)) => Some(word),
        _ => None,
    }
}

fn is_sign(tokens: &[Token], index: usize, signs: &[u8]) -> bool {
    matches!(tokens.get(index), Some(Token::Sign(sign)) if signs.contains(sign))
}

/// `__class__` and its like.
fn is_dunder(word: &str) -> bool {
    word.len() > 4 && word.starts_with("__") && word.ends_with("__")
}

/// Whether the expression reaches for the insides of the language that runs it.
fn reaches_inside(tokens: &[Token]) -> Option<f32> {
    let constructors =
        tokens.iter().filter(|token| matches!(token, Token::Word(word) if word == "constructor")).count();
    for (index, token) in tokens.iter().enumerate() {
        let (name, is_reached) = match token {
            // Reached as an attribute, or called.
            Token::Word(name) => {
                let before = index.checked_sub(1).is_some_and(|before| is_sign(tokens, before, b".:|"));
                (name, before || is_sign(tokens, index + 1, b".([|"))
            }
            // Reached by subscript or by a filter.
            Token::Text(name) => (
                name,
                name == "constructor" || index.checked_sub(1).is_some_and(|before| is_sign(tokens, before, b"([,|")),
            ),
            Token::Number | Token::Sign(_) => continue,
        };
        if !is_reached {
            continue;
        }
        let follows = |words: &[&str]| {
            let next = word(tokens, index + 2).filter(|_| is_sign(tokens, index + 1, b"."));
            next.is_some_and(|next| words.contains(&next))
        };
        match name.as_str() {
            name if is_dunder(name) => return Some(0.95),
            name if INSIDES.contains(&name) => return Some(0.9),
            name if name.contains("freemarker.template.") || name.starts_with("java.lang.") => return Some(0.95),
            "constructor" if constructors > 1 || is_sign(tokens, index + 1, b"(") => return Some(0.9),
            "constructor" if matches!(token, Token::Text(_)) => return Some(0.85),
            "java" if follows(&["lang", "util", "io", "net"]) => return Some(0.9),
            "javax" if follows(&["script", "naming"]) => return Some(0.9),
            "_self" if follows(&["env", "getEnvironment"]) => return Some(0.9),
            "request" if follows(&["application", "environ"]) => return Some(0.85),
            "config" if follows(&["items", "SECRET_KEY", "from_object", "root_path"]) => return Some(0.75),
            "settings" if follows(&["SECRET_KEY", "DATABASES"]) => return Some(0.75),
            "lipsum" | "cycler" | "joiner" if is_sign(tokens, index + 1, b".[|") => return Some(0.8),
            "smarty" if follows(&["template_object", "version"]) => return Some(0.75),
            "getClass" | "class"
                if follows_call(
                    tokens,
                    index,
                    &["forName", "getResource", "getMethod", "getClassLoader", "classLoader", "inspect"],
                ) =>
            {
                return Some(0.9);
            }
            _ => {}
        }
    }
    None
}

/// Whether `x.name` or `x().name` follows, with one of these names.
fn follows_call(tokens: &[Token], index: usize, names: &[&str]) -> bool {
    let after =
        if is_sign(tokens, index + 1, b"(") && is_sign(tokens, index + 2, b")") { index + 3 } else { index + 1 };
    is_sign(tokens, after, b".") && word(tokens, after + 1).is_some_and(|name| names.contains(&name))
}

/// Whether the expression starts a program, runs code or reads a file.
fn runs_something(open: &str, tokens: &[Token]) -> Option<f32> {
    if open == "{%" {
        let module = word(tokens, 0) == Some("import")
            && word(tokens, 1).is_some_and(|m| matches!(m, "os" | "subprocess" | "sys"));
        let file =
            matches!(tokens.get(1), Some(Token::Text(path)) if path.starts_with("/etc") || path.starts_with("../"));
        if module || (file && matches!(word(tokens, 0), Some("include" | "extends" | "import" | "source"))) {
            return Some(0.85);
        }
    }
    // Ruby and Perl run what stands between backticks.
    if matches!(open, "<%" | "#{") && tokens.iter().filter(|token| **token == Token::Sign(b'`')).count() >= 2 {
        return Some(0.8);
    }
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Word(name) if RUNS.contains(&name.as_str()) && is_sign(tokens, index + 1, b"(") => {
                // `${exec(cmd)}` is code that people write; with a constant it is a command.
                let constant = matches!(tokens.get(index + 2), Some(Token::Text(_)));
                return Some(if constant { 0.85 } else { 0.6 });
            }
            // `|filter('system')`, `|map("passthru")`, `'x'|system`
            Token::Text(name)
                if RUNS.contains(&name.as_str())
                    && index.checked_sub(1).is_some_and(|at| is_sign(tokens, at, b"([,")) =>
            {
                return Some(0.9);
            }
            Token::Word(name)
                if RUNS.contains(&name.as_str())
                    && index.checked_sub(1).is_some_and(|at| is_sign(tokens, at, b"|")) =>
            {
                return Some(0.85);
            }
            // FreeMarker makes an object of any class that is named.
            Token::Word(name) if name == "new" && index.checked_sub(1).is_some_and(|at| is_sign(tokens, at, b"?")) => {
                return Some(0.9);
            }
            Token::Word(name) if matches!(name.as_str(), "File" | "IO" | "Dir" | "Kernel" | "Process") => {
                let called = word(tokens, index + 2).filter(|_| is_sign(tokens, index + 1, b"."));
                if called
                    .is_some_and(|called| matches!(called, "open" | "read" | "popen" | "entries" | "spawn" | "Start"))
                {
                    return Some(0.8);
                }
            }
            // Spring: `T(java.lang.Runtime)` is caught by its package; any type in `T(…)` with a method called on it is one.
            Token::Word(name)
                if name == "T" && is_sign(tokens, index + 1, b"(") && word(tokens, index + 2).is_some() =>
            {
                return Some(0.7);
            }
            _ => {}
        }
    }
    None
}

/// `7*7`, `7*'7'`, `191*7`: what is asked to learn whether anything is run at all.
fn is_probe(tokens: &[Token]) -> bool {
    let constant = |index| matches!(tokens.get(index), Some(Token::Number | Token::Text(_)));
    let by = |at| is_sign(tokens, at, b"*");
    match tokens.len() {
        3 => {
            let product = by(1) && tokens.contains(&Token::Number);
            let both_numbers = is_sign(tokens, 1, b"*+-/%")
                && tokens.first() == Some(&Token::Number)
                && tokens.get(2) == Some(&Token::Number);
            constant(0) && constant(2) && (product || both_numbers)
        }
        4 => is_sign(tokens, 0, b"=") && constant(1) && by(2) && constant(3),
        _ => false,
    }
}

fn tokens(expression: &[u8]) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0_usize;
    while let Some(&byte) = expression.get(at).filter(|_| tokens.len() < TOKENS) {
        let rest = expression.get(at..).unwrap_or_default();
        let run = |test: fn(&u8) -> bool| rest.iter().take_while(|byte| test(byte)).count();
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => at = at.saturating_add(1),
            b'0'..=b'9' => {
                at = at.saturating_add(run(|byte| byte.is_ascii_alphanumeric() || *byte == b'.'));
                tokens.push(Token::Number);
            }
            b'\'' | b'"' => {
                let (text, len) = string(rest, byte);
                at = at.saturating_add(len);
                // `'__cla' + 'ss__'`, `'__cla' ~ 'ss__'` and `'__cla' 'ss__'` are one string.
                let joined = match tokens.as_mut_slice() {
                    [.., Token::Text(before)] => Some((before, 0)),
                    [.., Token::Text(before), Token::Sign(b'+' | b'~')] => Some((before, 1)),
                    _ => None,
                };
                match joined {
                    Some((before, signs)) => {
                        before.push_str(&text);
                        tokens.truncate(tokens.len().saturating_sub(signs));
                    }
                    None => tokens.push(Token::Text(text)),
                }
            }
            b if b.is_ascii_alphabetic() || b == b'_' || b >= 0x80 => {
                let len = run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | 0x80..));
                at = at.saturating_add(len);
                let word = rest.get(..len).unwrap_or_default();
                tokens.push(Token::Word(String::from_utf8_lossy(word).into_owned()));
            }
            sign => {
                at = at.saturating_add(1);
                tokens.push(Token::Sign(sign));
            }
        }
    }
    tokens
}

/// A string from its quote on, with `\x5f` and `\u005f` undone, and its length with quotes.
fn string(rest: &[u8], quote: u8) -> (String, usize) {
    let mut text = Vec::new();
    let mut at = 1_usize;
    while let Some(&byte) = rest.get(at) {
        at = at.saturating_add(1);
        if byte == quote {
            break;
        }
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        let digits = match rest.get(at) {
            Some(b'x') => 2,
            Some(b'u') => 4,
            _ => 0,
        };
        let hex = rest.get(at.saturating_add(1)..at.saturating_add(1).saturating_add(digits)).filter(|_| digits > 0);
        let code = hex.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) => {
                text.push(code);
                at = at.saturating_add(digits).saturating_add(1);
            }
            None => {
                text.extend(rest.get(at));
                at = at.saturating_add(1);
            }
        }
    }
    (String::from_utf8_lossy(&text).into_owned(), at.min(rest.len()))
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
