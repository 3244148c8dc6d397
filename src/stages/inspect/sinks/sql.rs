//! Text that would change the meaning of an SQL statement it is pasted into (CWE-89).
//!
//! A tokenizer feeds a window of a few tokens; each rule is a short sentence over the tokens from one place on. Quotes in prose are
//! told from quotes that end a literal by what follows them.

use super::Report;
use std::collections::VecDeque;

/// Tokens that a rule may look at from its place on.
const AHEAD: usize = 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind<'a> {
    Word(&'a str),
    Number(&'a str),
    /// `'`, `"`; `inside` if letters stand on both sides, as in `O'Reilly`.
    Quote {
        inside: bool,
    },
    /// `=`, `<`, `>`, `<>`, `!=`, `<=`, `>=`
    Compare,
    /// `||`
    Concat,
    Open,
    Close,
    Semicolon,
    Comma,
    Dot,
    Star,
    /// `--`, `#` or `/*` that is not closed; `last` if nothing follows it on its line.
    Comment {
        last: bool,
    },
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    kind: Kind<'a>,
    start: usize,
    end: usize,
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn token(&mut self) -> Option<Token<'a>> {
        let bytes = self.text.as_bytes();
        loop {
            let rest = bytes.get(self.at..)?;
            match rest {
                [b'/', b'*', b'!', ..] => {
                    // MySQL runs what stands in such a comment.
                    let digits = rest.iter().skip(3).take(6).take_while(|byte| byte.is_ascii_digit()).count();
                    self.at = self.at.saturating_add(3).saturating_add(digits);
                }
                [b'*', b'/', ..] => self.at = self.at.saturating_add(2),
                [b'/', b'*', tail @ ..] => match memchr::memmem::find(tail, b"*/") {
                    Some(len) => self.at = self.at.saturating_add(len).saturating_add(4),
                    None => return self.take(rest.len(), Kind::Comment { last: true }),
                },
                [b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C | b'+', ..] => self.at = self.at.saturating_add(1),
                [] => return None,
                _ => return self.take_one(rest),
            }
        }
    }

    fn take_one(&mut self, rest: &'a [u8]) -> Option<Token<'a>> {
        let run = |test: fn(&u8) -> bool| rest.iter().take_while(|byte| test(byte)).count();
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@' | b'$' | 0x80..);
        match rest {
            [b'0'..=b'9', ..] => {
                let len = run(|byte| byte.is_ascii_alphanumeric() || *byte == b'.');
                let number = self.text.get(self.at..self.at.saturating_add(len)).unwrap_or("");
                self.take(len, Kind::Number(number))
            }
            [b'-', b'-', tail @ ..] | [b'#', tail @ ..] => {
                let len = rest.len().saturating_sub(tail.len());
                let line = tail.iter().take_while(|byte| **byte != b'\n');
                let last = line.take(64).all(|byte| byte.is_ascii_whitespace() || matches!(byte, b'-' | b'+'));
                self.take(len, Kind::Comment { last })
            }
            [b'\'' | b'"', ..] => {
                let before = self.at.checked_sub(1).and_then(|before| self.text.as_bytes().get(before));
                let letter = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
                let inside = letter(before) && letter(rest.get(1));
                self.take(1, Kind::Quote { inside })
            }
            [b'|', b'|', ..] => self.take(2, Kind::Concat),
            [b'<' | b'>' | b'!', b'=' | b'>', ..] => self.take(2, Kind::Compare),
            [b'=' | b'<' | b'>', ..] => self.take(1, Kind::Compare),
            [b'(', ..] => self.take(1, Kind::Open),
            [b')', ..] => self.take(1, Kind::Close),
            [b';', ..] => self.take(1, Kind::Semicolon),
            [b',', ..] => self.take(1, Kind::Comma),
            [b'.', ..] => self.take(1, Kind::Dot),
            [b'*', ..] => self.take(1, Kind::Star),
            [b'&', b'&', ..] => self.take(2, Kind::Word("and")),
            [first, ..] if is_word(first) => {
                let len = run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@' | b'$' | 0x80..));
                let word = self.text.get(self.at..self.at.saturating_add(len)).unwrap_or("");
                self.take(len, Kind::Word(word))
            }
            _ => self.take(1, Kind::Other),
        }
    }

    fn take(&mut self, len: usize, kind: Kind<'a>) -> Option<Token<'a>> {
        let start = self.at;
        self.at = self.at.saturating_add(len.max(1));
        Some(Token { kind, start, end: self.at })
    }
}

/// What a literal began behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Literal {
    /// `=` and its like: the text is a condition of its own.
    Compared,
    Other,
}

/// The tokens from one place on, and the one before.
struct Window<'a> {
    ahead: VecDeque<Token<'a>>,
    before: Option<Token<'a>>,
    /// The literal that a quote at the window's first place would end.
    literal: Option<Literal>,
    /// Quotes so far that are no apostrophes: odd means that the text stands inside a literal of its own.
    quotes: usize,
}

impl<'a> Window<'a> {
    fn kind(&self, index: usize) -> Option<Kind<'a>> {
        self.ahead.get(index).map(|token| token.kind)
    }

    fn is_word(&self, index: usize, words: &[&str]) -> bool {
        matches!(self.kind(index), Some(Kind::Word(word)) if words.iter().any(|known| word.eq_ignore_ascii_case(known)))
    }

    fn is_quote(&self, index: usize) -> bool {
        matches!(self.kind(index), Some(Kind::Quote { .. }))
    }

    fn skip(&self, mut index: usize, kind: Kind<'_>) -> usize {
        while self.kind(index) == Some(kind) {
            index += 1;
        }
        index
    }

    fn number(&self, index: usize) -> Option<&'a str> {
        match self.kind(index) {
            Some(Kind::Number(number)) => Some(number),
            _ => None,
        }
    }

    /// The place behind an operand: a number, a name, or what stands between quotes.
    fn operand(&self, index: usize) -> Option<usize> {
        let index = self.skip(index, Kind::Open);
        match self.kind(index)? {
            Kind::Number(_) | Kind::Word(_) => Some(index + 1),
            Kind::Quote { .. } => {
                let close = (index + 1..index + 6).find(|close| self.is_quote(*close));
                // The literal that the text was pasted into may close it.
                close.map(|close| close + 1).or((self.ahead.len() < AHEAD).then_some(self.ahead.len()))
            }
            _ => None,
        }
    }
}

/// Reports what would change an SQL statement.
pub(super) fn scan(text: &str, report: &mut Report<'_>) {
    let mut lexer = Lexer { text, at: 0 };
    let mut window = Window { ahead: VecDeque::with_capacity(AHEAD), before: None, literal: None, quotes: 0 };
    let mut reported = 0;
    loop {
        while window.ahead.len() < AHEAD
            && let Some(token) = lexer.token()
        {
            window.ahead.push_back(token);
        }
        let Some(first) = window.ahead.front().copied() else { return };
        if first.start >= reported
            && let Some((rule, score, len)) = judge(&window)
        {
            let last = window.ahead.get(len.saturating_sub(1)).map_or(first.end, |token| token.end);
            reported = last;
            report.add(rule, score, first.start..last);
        }
        if report.is_full() {
            return;
        }
        if first.kind == (Kind::Quote { inside: false }) {
            window.quotes = window.quotes.saturating_add(1);
            let behind = |token: Token<'_>| match token.kind {
                Kind::Compare => Literal::Compared,
                _ => Literal::Other,
            };
            window.literal = match window.literal {
                Some(_) => None,
                None => Some(window.before.map_or(Literal::Other, behind)),
            };
        }
        window.before = window.ahead.pop_front();
    }
}

/// What begins at the window's first token: rule, score, and how many tokens.
fn judge(window: &Window<'_>) -> Option<(&'static str, f32, usize)> {
    match window.kind(0)? {
        Kind::Quote { .. } => after_quote(window),
        Kind::Number(_) => {
            let constant = tautology(window, 1).map(|len| ("sink.sql.tautology", 0.85, len));
            constant.or_else(|| or_subquery(window, 1))
        }
        Kind::Semicolon => statement(window, 1).map(|len| ("sink.sql.stacked-statement", 0.9, len)),
        Kind::Word(_) => word(window),
        Kind::Close => or_subquery(window, 1),
        _ => None,
    }
}

/// What follows the quote that ends a literal: a comment, a condition, an order by number.
fn after_quote(window: &Window<'_>) -> Option<(&'static str, f32, usize)> {
    let next = window.skip(1, Kind::Close);
    match window.kind(next)? {
        Kind::Comment { last } => {
            let unbalanced = window.quotes.is_multiple_of(2) && window.kind(0) == Some(Kind::Quote { inside: false });
            (unbalanced && last).then_some(("sink.sql.comment-after-quote", 0.85, next + 1))
        }
        Kind::Word(_) | Kind::Concat => {
            if let Some(len) = condition(window, next) {
                return Some(("sink.sql.tautology", 0.95, len));
            }
            let ordered = window.is_word(next, &["order", "group"]) && window.is_word(next + 1, &["by"]);
            let counted = ordered && window.number(next + 2).is_some();
            if counted || (window.is_word(next, &["having"]) && window.number(next + 1).is_some()) {
                return Some(("sink.sql.clause-after-quote", 0.85, next + 3));
            }
            or_subquery(window, next)
        }
        _ => None,
    }
}

fn is_junction(window: &Window<'_>, index: usize) -> bool {
    window.kind(index) == Some(Kind::Concat) || window.is_word(index, &["or", "and", "xor"])
}

/// `or x = y` behind a quote, whatever x and y are; `or 1` with a comment behind; `or` and a function of time.
fn condition(window: &Window<'_>, index: usize) -> Option<usize> {
    if !is_junction(window, index) {
        return None;
    }
    let index = index + 1;
    // `status = 'open' and owner = 'jo'`: the quote ends a literal that began behind a comparison here, and a column follows.
    let named = matches!(window.kind(index), Some(Kind::Word(_))) && window.kind(index + 1) == Some(Kind::Compare);
    if named && window.literal == Some(Literal::Compared) && window.is_quote(index + 2) {
        return None;
    }
    let index = if window.is_word(index, &["not"]) { index + 1 } else { index };
    if let Some(len) = time_function(window, index) {
        return Some(len);
    }
    let after = window.skip(window.operand(index)?, Kind::Close);
    match window.kind(after) {
        Some(Kind::Compare) => window.operand(after + 1).or(Some(after + 1)),
        Some(Kind::Comment { .. }) if window.number(index).is_some() || window.is_word(index, &["true"]) => {
            Some(after + 1)
        }
        Some(Kind::Word(_)) if window.is_word(after, &["like", "rlike", "regexp", "in", "between", "is"]) => {
            let number = window.number(index).is_some() && window.number(after + 1).is_some();
            let constant = number || window.is_quote(after + 1) || window.kind(after + 1) == Some(Kind::Open);
            (constant || window.is_word(after + 1, &["null"])).then_some(after + 2)
        }
        _ => None,
    }
}

/// `1 or 2=2` behind a number: both sides constant.
fn tautology(window: &Window<'_>, index: usize) -> Option<usize> {
    let index = window.skip(index, Kind::Close);
    if !is_junction(window, index) {
        return None;
    }
    if let Some(len) = time_function(window, index + 1) {
        return Some(len);
    }
    let left = window.skip(index + 1, Kind::Open);
    let is_compared =
        window.kind(left + 1) == Some(Kind::Compare) || window.is_word(left + 1, &["like", "rlike", "regexp"]);
    let compared = is_compared && window.number(left + 2).is_some();
    (window.number(left).is_some() && compared).then_some(left + 3)
}

/// `and (select …`, `or exists (select …`
fn or_subquery(window: &Window<'_>, index: usize) -> Option<(&'static str, f32, usize)> {
    if !is_junction(window, index) {
        return None;
    }
    let open = if window.is_word(index + 1, &["exists", "not"]) { index + 2 } else { index + 1 };
    let inner = window.skip(open, Kind::Open);
    (inner > open && window.is_word(inner, &["select"])).then_some(("sink.sql.subquery", 0.9, inner + 1))
}

/// A statement's verb with what must follow it.
fn statement(window: &Window<'_>, index: usize) -> Option<usize> {
    let next = index + 1;
    let Some(Kind::Word(verb)) = window.kind(index) else { return None };
    let name_at = |index| matches!(window.kind(index), Some(Kind::Word(_)));
    let fits = match verb.to_ascii_lowercase().as_str() {
        "drop" | "alter" | "create" => {
            let objects = [
                "table",
                "database",
                "schema",
                "view",
                "index",
                "user",
                "procedure",
                "function",
                "column",
                "role",
                "trigger",
                "login",
            ];
            window.is_word(next, &objects) && (name_at(next + 1) || window.is_quote(next + 1))
        }
        "insert" | "merge" | "replace" => window.is_word(next, &["into"]) && name_at(next + 1),
        "delete" => window.is_word(next, &["from"]) && name_at(next + 1) && ends_clause(window, next + 2),
        "update" => name_at(next) && window.is_word(next + 1, &["set"]) && window.kind(next + 3) == Some(Kind::Compare),
        "truncate" => window.is_word(next, &["table"]),
        "select" => selects(window, next),
        "exec" | "execute" => {
            window.is_word(next, &["immediate", "xp_cmdshell", "sp_executesql", "master"])
                || matches!(window.kind(next), Some(Kind::Open | Kind::Quote { .. }))
        }
        "declare" => matches!(window.kind(next), Some(Kind::Word(name)) if name.starts_with('@')),
        "shutdown" => ends_clause(window, next) || window.is_word(next, &["with"]),
        "waitfor" => window.is_word(next, &["delay", "time"]),
        "grant" => {
            window.is_word(next, &["all", "select", "insert", "update", "delete", "execute"])
                && window.is_word(next + 1, &["on", "privileges"])
        }
        _ => false,
    };
    fits.then_some(next + 2)
}

/// Whether a clause may end here: the end of the text, a sign of SQL, or a word that begins the next clause.
fn ends_clause(window: &Window<'_>, index: usize) -> bool {
    match window.kind(index) {
        None
        | Some(Kind::Semicolon | Kind::Comment { .. } | Kind::Quote { .. } | Kind::Close | Kind::Comma | Kind::Dot) => {
            true
        }
        Some(Kind::Word(_)) => {
            window.is_word(index, &["where", "join", "limit", "order", "group", "union", "inner", "left", "having"])
        }
        _ => false,
    }
}

/// Whether a list of columns and a `from` follow, or constants that prose would not have there.
fn selects(window: &Window<'_>, index: usize) -> bool {
    match window.kind(index) {
        Some(Kind::Star | Kind::Number(_) | Kind::Quote { .. } | Kind::Open) => return true,
        Some(Kind::Word(first)) if first.starts_with('@') => return true,
        Some(Kind::Word(_)) if window.is_word(index, &["null"]) => return true,
        Some(Kind::Word(_)) => {}
        _ => return false,
    }
    let mut at = index;
    loop {
        match (window.kind(at), window.kind(at + 1)) {
            (Some(Kind::Word(_)), Some(Kind::Open | Kind::Comment { .. })) => return true,
            (Some(Kind::Word(_)), Some(Kind::Comma | Kind::Dot)) => at += 2,
            (Some(Kind::Number(_) | Kind::Star), Some(Kind::Comma)) => return true,
            (Some(Kind::Word(_) | Kind::Star), Some(Kind::Word(_))) => {
                return window.is_word(at + 1, &["from"]) && from_ends(window, at + 2);
            }
            _ => return false,
        }
    }
}

fn from_ends(window: &Window<'_>, index: usize) -> bool {
    matches!(window.kind(index), Some(Kind::Word(_)))
        && (ends_clause(window, index + 1) || window.kind(index + 1) == Some(Kind::Open))
}

/// Words that mean something wherever they stand: UNION SELECT, functions of time and of files, the catalogue.
fn word(window: &Window<'_>) -> Option<(&'static str, f32, usize)> {
    if window.is_word(0, &["union"]) {
        let next = if window.is_word(1, &["all", "distinct"]) { 2 } else { 1 };
        let select = window.skip(next, Kind::Open);
        let fits = window.is_word(select, &["select"]) && selects(window, select + 1);
        return fits.then_some(("sink.sql.union-select", 0.95, select + 2));
    }
    if is_junction(window, 0) {
        // `or 1=1` with equal sides is a tautology wherever it stands.
        let left = window.skip(1, Kind::Open);
        let equal = window.kind(left + 1) == Some(Kind::Compare)
            && window.number(left).is_some()
            && window.number(left) == window.number(left + 2);
        return equal.then_some(("sink.sql.tautology", 0.9, left + 3));
    }
    if let Some(len) = time_function(window, 0) {
        return Some(("sink.sql.time-function", 0.9, len));
    }
    let called = window.kind(1) == Some(Kind::Open);
    let file = called && window.is_word(0, &["load_file", "extractvalue", "updatexml", "pg_read_file", "utl_inaddr"]);
    let into = window.is_word(0, &["into"]) && window.is_word(1, &["outfile", "dumpfile"]) && window.is_quote(2);
    let catalogue =
        window.is_word(0, &["information_schema", "sqlite_master", "pg_catalog"]) && window.kind(1) == Some(Kind::Dot);
    let shell = window.is_word(0, &["xp_cmdshell", "xp_dirtree", "sp_oacreate"]);
    (file || into || catalogue || shell).then_some(("sink.sql.dangerous-object", 0.85, 2))
}

/// `pg_sleep(5)`, `benchmark(1000, …)`, `waitfor delay '…'`, and `sleep(5)` where SQL stands before it.
fn time_function(window: &Window<'_>, index: usize) -> Option<usize> {
    let called = window.kind(index + 1) == Some(Kind::Open);
    let counted = called && window.number(index + 2).is_some();
    let before = if index == 0 { window.before.map(|token| token.kind) } else { window.kind(index - 1) };
    let in_sql = match before {
        Some(Kind::Word(word)) => {
            ["and", "or", "select", "if", "then", "xor"].iter().any(|known| word.eq_ignore_ascii_case(known))
        }
        Some(Kind::Quote { .. } | Kind::Concat | Kind::Comma | Kind::Open) => true,
        _ => false,
    };
    let always = counted && window.is_word(index, &["pg_sleep", "benchmark", "receive_message"]);
    let sleeps = counted && in_sql && window.is_word(index, &["sleep"]);
    let waits =
        window.is_word(index, &["waitfor"]) && window.is_word(index + 1, &["delay"]) && window.is_quote(index + 2);
    (always || sleeps || waits).then_some(index + 3)
}

/// The tokens' places, for the tests.
#[cfg(test)]
pub(super) fn token_spans(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut lexer = Lexer { text, at: 0 };
    std::iter::from_fn(|| lexer.token()).map(|token| token.start..token.end).collect()
}
