//! Every row by its own shape: an example put together at run time must be found whole, near misses must not; and the
//! operators' table in `policies/README.md` says what the rows say.

use super::shapes::Alphabet;
use super::table::{Basis, Part, rows};
use super::tests::{noise, seen};
use super::*;

/// Signs of an alphabet in an order that mixes digits and letters, so that the noise of any length holds both.
fn signs(of: Alphabet) -> String {
    (b'!'..=b'~').filter(|byte| byte.is_ascii_alphanumeric() && of.has(*byte)).map(char::from).collect()
}

fn random(of: Alphabet, len: usize) -> String {
    noise(&signs(of), len)
}

fn random_parts(parts: &[Part]) -> String {
    parts.iter().map(|part| format!("{}{}", random(part.of, part.min), part.then)).collect()
}

fn uuid() -> String {
    random_parts(table::UUID)
}

/// What stands before the credential, and the credential; none for rows whose check is their own.
fn example(row: &Row) -> Option<(String, String)> {
    Some(match row.shape {
        Shape::Prefix(of, min, _) => (String::new(), format!("{}{}", row.literal, random(of, min.max(8)))),
        Shape::After(of, min, _) => (row.literal.to_owned(), random(of, min)),
        Shape::Parts(parts) => (String::new(), format!("{}{}", row.literal, random_parts(parts))),
        Shape::Told(of, min, _) => (format!("{} api key: ", row.literal), random(of, min)),
        Shape::ToldUuid => (format!("{}_token=", row.literal), uuid()),
        Shape::Checksum62 => (String::new(), super::tests::github_token(row.literal)),
        Shape::Own(..) | Shape::Block(..) | Shape::Assignment(_) => return None,
    })
}

fn holds(text: &str, rule: &str, value: &str) -> bool {
    seen(text).iter().any(|(found, span)| found == rule && span == value)
}

#[test]
fn example_of_each_row_is_found_whole() {
    for row in rows() {
        let Some((before, value)) = example(row) else { continue };
        for text in [format!("{before}{value}"), format!("see: {before}{value}, and\n"), format!("\"{before}{value}\"")]
        {
            assert!(holds(&text, row.rule, &value), "{} in {text}: {:?}", row.rule, seen(&text));
        }
    }
}

#[test]
fn near_miss_of_each_row_is_not_reported_under_its_rule() {
    for row in rows() {
        let Some((before, value)) = example(row) else { continue };
        let cut = value.get(..value.len() - 1).expect("ASCII");
        // Rows that another row of the same rule covers with a looser length are not cut short.
        let looser = rows().filter(|other| other.rule == row.rule && value.starts_with(other.literal)).count() > 1;
        let mut misses = vec![format!("{before}{}", row.literal)];
        if !looser && !matches!(row.shape, Shape::Checksum62) && value.len() > 12 {
            misses.push(format!("{before}{cut}"));
        }
        if before.is_empty() {
            misses.push(format!("a{value}"));
            misses.push(format!("{}{}", row.literal, "x".repeat(value.len() - row.literal.len())));
        } else {
            misses.push(value.clone());
        }
        for text in misses {
            let found = seen(&text);
            assert!(!found.iter().any(|(rule, _)| rule == row.rule), "{} in {text}: {found:?}", row.rule);
        }
    }
}

#[test]
fn told_value_needs_a_word_that_says_key_and_a_place_of_its_own() {
    for row in rows().filter(|row| matches!(row.shape, Shape::Told(..))) {
        let Shape::Told(of, min, _) = row.shape else { continue };
        let value = random(of, min);
        if row.literal.contains("key") || row.literal.contains("api") {
            continue;
        }
        for text in [
            format!("{} at commit {value}", row.literal),
            format!("{} key sha256-{value}", row.literal),
            format!("{} key /blob/{value}/x", row.literal),
        ] {
            assert!(!seen(&text).iter().any(|(rule, _)| rule == row.rule), "{text}: {:?}", seen(&text));
        }
    }
}

#[test]
fn labels_are_upper_case_and_rules_are_hierarchical() {
    for row in rows() {
        assert!(
            row.label.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'),
            "{row:?}"
        );
        assert!(row.rule.starts_with("secret.") && row.rule.split('.').all(|part| !part.is_empty()), "{row:?}");
        assert!((0.5..=1.0).contains(&row.score), "{row:?}");
    }
}

#[test]
fn sixty_providers_and_more_have_a_rule() {
    let providers: std::collections::BTreeSet<_> = rows()
        .filter_map(|row| row.rule.split('.').nth(1))
        .filter(|name| !matches!(*name, "generic" | "http" | "netrc"))
        .collect();
    assert!(providers.len() >= 60, "{}: {providers:?}", providers.len());
}

fn lengths(min: usize, max: usize) -> String {
    match (min, max) {
        (min, max) if min == max => min.to_string(),
        (min, usize::MAX) => format!("{min} or more"),
        (min, max) => format!("{min} to {max}"),
    }
}

fn checked(row: &Row) -> String {
    match row.shape {
        Shape::Prefix(of, min, max) => format!("{} of {}", lengths(min, max), of.words()),
        Shape::After(of, min, max) => format!("{} of {} behind it", lengths(min, max), of.words()),
        Shape::Parts(parts) => {
            let parts: Vec<String> = parts
                .iter()
                .map(|part| {
                    let then = if part.then.is_empty() { String::new() } else { format!(" `{}`", part.then) };
                    format!("{} of {}{then}", lengths(part.min, part.max), part.of.words())
                })
                .collect();
            parts.join(", ")
        }
        Shape::Told(of, min, max) => {
            format!("{} of {}, random, shortly behind the name and a word such as *key*", lengths(min, max), of.words())
        }
        Shape::ToldUuid => "a UUID shortly behind the name and a word such as *key*".to_owned(),
        Shape::Checksum62 => "36 of 0-9A-Za-z, the last 6 the CRC-32 in base 62 (0.7 without it)".to_owned(),
        Shape::Own(_, what) | Shape::Block(_, what) => what.to_owned(),
        Shape::Assignment(assignment::Kind::Password) => {
            "a value of 6 or more with letters and digits or marks behind the name".to_owned()
        }
        Shape::Assignment(assignment::Kind::Key) => {
            "a value of 12 or more with letters and digits behind the name".to_owned()
        }
        Shape::Assignment(assignment::Kind::Token) => {
            "a value of 16 or more with letters and digits behind the name".to_owned()
        }
    }
}

#[test]
fn operators_table_says_what_the_rows_check() {
    let mut lines = vec!["| id | label | what is checked | known from |".to_owned(), "|---|---|---|---|".to_owned()];
    let mut done = std::collections::BTreeSet::new();
    for first in rows().filter(|row| done.insert(row.rule)) {
        let mut checks: Vec<(String, Vec<&str>)> = Vec::new();
        for row in rows().filter(|row| row.rule == first.rule) {
            let check = checked(row);
            match checks.iter_mut().find(|(known, _)| *known == check) {
                Some((_, literals)) => literals.push(row.literal),
                None => checks.push((check, vec![row.literal])),
            }
        }
        let cells: Vec<String> = checks
            .into_iter()
            .map(|(check, literals)| {
                let literals: Vec<String> =
                    literals.iter().map(|literal| format!("`{}`", literal.trim_end())).collect();
                format!("{}: {check}", literals.join(" "))
            })
            .collect();
        let documented = rows().any(|row| row.rule == first.rule && row.basis == Basis::Documented);
        let basis = if documented { "issuer" } else { "observation" };
        lines.push(format!("| `{}` | `[{}]` | {} | {basis} |", first.rule, first.label, cells.join("; ")));
    }
    super::super::pii::tables::hold("secrets", &lines.join("\n"));
}
