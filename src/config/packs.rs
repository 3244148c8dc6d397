//! `policies/*.yaml` with a `pack:` key: injection signatures. Patterns are compiled here once, under the size limits that an
//! operator's mistake could otherwise break, so that a bad one is reported where it stands.

use super::faults::Place;
use super::policies::read_origins;
use super::reader::{Fields, Reader};
use super::settings::{Example, Pack, Severity, Signature, SignatureView};
use super::tree::{Node, Value};
use crate::model::RuleId;
use regex_automata::meta;

/// Largest compiled form of one pattern, in bytes: what `inspect` allows. Ordinary signatures take some tens of KiB.
const MAX_COMPILED_BYTES: usize = 2 << 20;

/// Longest pattern as written, in bytes.
const MAX_PATTERN_BYTES: usize = 4_096;

const VIEWS: [(&str, SignatureView); 3] =
    [("raw", SignatureView::Raw), ("normalised", SignatureView::Normalised), ("hidden", SignatureView::Hidden)];

/// Examples in one list of a signature; they are scanned at every load.
const MAX_EXAMPLES: usize = 100;

/// Longest example, in bytes.
const MAX_EXAMPLE_BYTES: usize = 4_096;

/// How references are written.
const REFERENCE_HELP: &str =
    "write OWASP-LLM01, OWASP-ASI01, MITRE-ATLAS-AML.T0051, MITRE-ATLAS-AML.T0051.001, CWE-1427 or CVE-2024-12345";

/// Deepest nesting of a pattern.
const MAX_PATTERN_DEPTH: u32 = 64;

/// Reads a pack; its name is read apart, as for policies.
pub(super) fn read(r: &mut Reader<'_>, mut f: Fields<'_>, name: String) -> (Pack, Vec<(RuleId, Place)>) {
    let mut signatures = Vec::new();
    let mut ids = Vec::new();
    if let Some(node) = f.need(r, "signatures") {
        for item in r.list(node, "`signatures`") {
            signatures.extend(read_signature(r, item, &mut ids));
        }
    }
    f.finish(r);
    (Pack { name, signatures }, ids)
}

fn read_signature(r: &mut Reader<'_>, node: &Node, ids: &mut Vec<(RuleId, Place)>) -> Option<Signature> {
    let mut f = r.map(node, "a signature")?;
    let id = f.need(r, "id").and_then(|n| Some((read_id(r, n)?, n.place)));
    ids.extend(id.clone());
    let family = f.need(r, "family").and_then(|n| r.name(n, "`family`"));
    let why = f.need(r, "why").and_then(|n| {
        let why = r.text(n, "`why`")?;
        if why.trim().is_empty() {
            r.fault(n.place, "`why` is empty; say in a sentence what the signature guards against");
        }
        Some(why)
    });
    let languages = f.need(r, "languages").map(|n| texts(r, n, "`languages`"));
    let score = f.need(r, "score").and_then(|n| {
        // Scores are f32 throughout.
        #[allow(clippy::cast_possible_truncation)]
        r.share(n, "`score`").map(|score| score as f32)
    });
    let severity = f
        .need(r, "severity")
        .and_then(|n| r.word(n, "`severity`", &Severity::ALL.map(|severity| (severity.name(), severity))));
    let view = f.or("view", SignatureView::Normalised, |n, what| r.word(n, what, &VIEWS));
    let patterns = f.need(r, "patterns").map(|n| read_patterns(r, n));
    let origins = f.or("origins", Vec::new(), |n, what| match &n.value {
        // Packs are maintained as a table with the same keys throughout; in them an empty list says "all".
        Value::List(items) if items.is_empty() => None,
        _ => Some(read_origins(r, n, what)),
    });
    let references = f.need(r, "references").map(|n| read_references(r, n));
    let examples = f.need(r, "examples").and_then(|n| read_examples(r, n));
    f.finish(r);
    let (examples_match, examples_no_match) = examples?;
    Some(Signature {
        id: id?.0,
        family: family?,
        why: why?,
        languages: languages?,
        score: score?,
        severity: severity?,
        patterns: patterns?,
        view,
        origins,
        references: references?,
        examples_match,
        examples_no_match,
    })
}

fn read_id(r: &mut Reader<'_>, node: &Node) -> Option<RuleId> {
    let id = r.name(node, "a signature's `id`")?;
    let parts: Vec<&str> = id.split('.').collect();
    if parts.len() < 3 || parts.first() != Some(&"injection") || parts.iter().any(|part| part.is_empty()) {
        let help = "write injection.<family>.<name>; policies match on these parts";
        r.fault_with_help(node.place, format!("`id` cannot be {}", r.shown(node)), help);
    }
    Some(RuleId::new(id))
}

fn read_examples(r: &mut Reader<'_>, node: &Node) -> Option<(Vec<Example>, Vec<Example>)> {
    let mut f = r.map(node, "`examples`")?;
    let positive = f.need(r, "match").map(|n| example_list(r, n, "`match`"));
    let negative = f.need(r, "no_match").map(|n| example_list(r, n, "`no_match`"));
    f.finish(r);
    Some((positive?, negative?))
}

/// Examples with their places: whether they match is known only when all packs are compiled.
fn example_list(r: &mut Reader<'_>, node: &Node, what: &str) -> Vec<Example> {
    let mut examples = Vec::new();
    let items = r.one_or_list(node, what);
    if items.len() > MAX_EXAMPLES {
        r.fault(node.place, format!("{what} has more than {MAX_EXAMPLES} examples"));
    }
    for item in items.iter().take(MAX_EXAMPLES) {
        match r.text(item, "an example") {
            Some(text) if text.trim().is_empty() => r.fault(item.place, "this example is empty"),
            Some(text) if text.len() > MAX_EXAMPLE_BYTES => {
                r.fault(item.place, format!("this example is longer than {MAX_EXAMPLE_BYTES} bytes"));
            }
            Some(text) => {
                let Place { line, column, .. } = item.place;
                examples.push(Example { text, at: format!("{}:{line}:{column}", r.source.path.display()) });
            }
            None => {}
        }
    }
    examples
}

fn read_references(r: &mut Reader<'_>, node: &Node) -> Vec<String> {
    let mut references = Vec::new();
    for item in r.one_or_list(node, "`references`") {
        let Some(reference) = r.text(item, "a reference") else { continue };
        if is_reference(&reference) {
            references.push(reference);
        } else {
            r.fault_with_help(item.place, format!("{} is no reference", r.shown(item)), REFERENCE_HELP);
        }
    }
    references
}

/// Sources: OWASP Top 10 for LLM applications 2025 and for agentic applications 2026, MITRE ATLAS, CWE, CVE.
fn is_reference(text: &str) -> bool {
    let digits = |text: &str, least: usize, most: usize| {
        (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let ten = |number: &str| digits(number, 2, 2) && (1..=10).contains(&number.parse().unwrap_or(0_u8));
    if let Some(number) = text.strip_prefix("OWASP-LLM").or_else(|| text.strip_prefix("OWASP-ASI")) {
        return ten(number);
    }
    if let Some(technique) = text.strip_prefix("MITRE-ATLAS-AML.T") {
        return match technique.split_once('.') {
            Some((technique, part)) => digits(technique, 4, 4) && digits(part, 3, 3),
            None => digits(technique, 4, 4),
        };
    }
    if let Some(number) = text.strip_prefix("CWE-") {
        return digits(number, 1, 5) && !number.starts_with('0');
    }
    text.strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(year, number)| digits(year, 4, 4) && digits(number, 4, 7))
}

/// A list of texts that are not empty; at least one.
fn texts(r: &mut Reader<'_>, node: &Node, what: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for item in r.one_or_list(node, what) {
        match r.text(item, "this") {
            Some(text) if text.trim().is_empty() => r.fault(item.place, "this text is empty"),
            Some(text) => texts.push(text),
            None => {}
        }
    }
    texts
}

fn read_patterns(r: &mut Reader<'_>, node: &Node) -> Vec<String> {
    let mut patterns = Vec::new();
    for item in r.one_or_list(node, "`patterns`") {
        let Some(pattern) = r.text(item, "a pattern") else { continue };
        if let Some((offset, reason)) = mistake_in(&pattern) {
            let place = offset.and_then(|offset| place_inside(r, item, offset)).unwrap_or(item.place);
            let help = "patterns are regular expressions without look-around and back-references, in single quotes";
            r.fault_with_help(place, format!("this pattern cannot be used: {reason}"), help);
        } else {
            patterns.push(pattern);
        }
    }
    patterns
}

/// What is wrong with a pattern, with the byte offset where that is known.
fn mistake_in(pattern: &str) -> Option<(Option<usize>, String)> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Some((None, format!("it is longer than {MAX_PATTERN_BYTES} bytes")));
    }
    let wide = is_wide(pattern);
    let parsed = regex_syntax::ParserBuilder::new()
        .case_insensitive(true)
        .unicode(wide)
        .utf8(wide)
        .nest_limit(MAX_PATTERN_DEPTH)
        .build()
        .parse(pattern);
    let hir = match parsed {
        Ok(hir) => hir,
        Err(regex_syntax::Error::Parse(error)) => {
            return Some((Some(error.span().start.offset), error.kind().to_string()));
        }
        Err(regex_syntax::Error::Translate(error)) => {
            return Some((Some(error.span().start.offset), error.kind().to_string()));
        }
        Err(_) => return Some((None, "it is not a regular expression".to_owned())),
    };
    // An expression that matches nothing at all would mark every text.
    if hir.properties().minimum_len() == Some(0) {
        return Some((None, "it matches the empty text".to_owned()));
    }
    let config = meta::Config::new().utf8_empty(false).nfa_size_limit(Some(MAX_COMPILED_BYTES));
    match meta::Builder::new().configure(config).build_from_hir(&hir) {
        Ok(_) => None,
        Err(error) if error.size_limit().is_some() => {
            Some((None, format!("compiled it is larger than {MAX_COMPILED_BYTES} bytes; shorten its repetitions")))
        }
        Err(_) => Some((None, "it cannot be compiled".to_owned())),
    }
}

/// Whether a pattern is compiled over characters. Others are compiled over bytes, where `\w`, `\s` and `\b` mean ASCII, as
/// `inspect` does.
fn is_wide(pattern: &str) -> bool {
    !pattern.is_ascii() || [r"\x{", r"\u{", r"\p", r"\P"].iter().any(|escape| pattern.contains(escape))
}

/// The place of a byte inside a scalar, where its source is its text letter by letter.
fn place_inside(r: &Reader<'_>, node: &Node, offset: usize) -> Option<Place> {
    let Value::Scalar(scalar) = &node.value else { return None };
    let verbatim = scalar.verbatim.clone()?;
    let before_quote = verbatim.start.checked_sub(usize::from(!scalar.plain))?;
    let chars = r.source.text.get(before_quote..verbatim.start.checked_add(offset)?)?.chars().count();
    Some(Place { line: node.place.line, column: node.place.column.checked_add(chars)?, len: 1 })
}
