//! The house keeps its shape: the arrows of `src/README.md` between the parts, a doc at the top of every file, and files that
//! one can read in a sitting. Parses `use` and paths as text; modules under `#[cfg(test)]` may look anywhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The longest file, in lines.
const MAX_LINES: usize = 600;

/// The stages in the order of the path; each may name those above it.
const STAGES: [&str; 7] = ["accept", "admit", "decode", "inspect", "policy", "redact", "upstream"];

/// Which parts a part may name, besides itself.
fn allowed(part: &str) -> Vec<&'static str> {
    if let Some(stage) = part.strip_prefix("stages::") {
        let position = STAGES.iter().position(|known| *known == stage).expect("a stage of the list");
        let above = STAGES[..position].iter().map(|stage| match *stage {
            "accept" => "stages::accept",
            "admit" => "stages::admit",
            "decode" => "stages::decode",
            "inspect" => "stages::inspect",
            "policy" => "stages::policy",
            _ => "stages::redact",
        });
        return ["config", "state", "model"].into_iter().chain(above).collect();
    }
    match part {
        "main" => vec!["cli"],
        "cli" => vec!["admin", "pipeline", "snapshot", "config", "observe", "model"],
        "admin" => vec!["pipeline", "snapshot", "observe", "model"],
        "pipeline" => vec!["snapshot", "stages", "state", "observe", "model"],
        "snapshot" => vec!["stages", "state", "config", "model"],
        "observe" | "config" | "state" => vec!["model"],
        "model" | "lib" | "stages" => vec![],
        other => panic!("src/{other} has no place in the map: add its arrows to DESIGN §2, src/README.md and here"),
    }
}

/// A Rust file of `src/`, the part it belongs to, and its text.
struct Source {
    path: PathBuf,
    part: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("src/ can be listed") {
            let path = entry.expect("src/ can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = String::from_utf8(std::fs::read(&path).expect("a source can be read")).expect("UTF-8");
                let inside = path.strip_prefix(&root).expect("below src/");
                found.push(Source { part: part_of(inside), text, path: path.clone() });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 20, "the sources were not found");
    found
}

fn part_of(inside: &Path) -> String {
    let names: Vec<_> = inside.iter().map(|name| name.to_string_lossy().trim_end_matches(".rs").to_owned()).collect();
    match names.as_slice() {
        [stages, stage, ..] if stages == "stages" && stage != "mod" => format!("stages::{stage}"),
        [first, ..] => first.clone(),
        [] => unreachable!("a file has a name"),
    }
}

/// Whether a file holds nothing but tests, by its name.
fn is_test_file(path: &Path) -> bool {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let in_tests = path.iter().any(|name| name == "tests");
    in_tests || stem == "tests" || stem.ends_with("_tests") || stem.ends_with("_test") || stem.starts_with("test_")
}

/// The text without comments, and without what stands under `#[cfg(test)]`.
fn shipped_code(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let mut kept = String::new();
    let mut index = 0;
    while let Some(line) = lines.get(index) {
        if line.trim() == "#[cfg(test)]" {
            index = end_of_item(&lines, index + 1);
            continue;
        }
        kept.push_str(line);
        kept.push('\n');
        index += 1;
    }
    kept
}

/// The line after an item: after its `;`, or after the brace that closes on the column it began at.
fn end_of_item(lines: &[&str], mut index: usize) -> usize {
    while lines.get(index).is_some_and(|line| line.trim_start().starts_with("#[")) {
        index += 1;
    }
    let indent = |line: &str| line.len() - line.trim_start().len();
    let Some(first) = lines.get(index) else { return index };
    if first.trim_end().ends_with(';') || first.trim_end().ends_with('}') {
        return index + 1;
    }
    let column = indent(first);
    while let Some(line) = lines.get(index) {
        index += 1;
        if indent(line) == column && line.trim_start().starts_with(['}', ')']) {
            break;
        }
    }
    index
}

/// The parts that a text names as `crate::part`, in plain and in grouped form.
fn named_parts(code: &str) -> BTreeSet<String> {
    let dense: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let mut parts = BTreeSet::new();
    for root in ["crate::", "portcullis::"] {
        for (at, _) in dense.match_indices(root) {
            let rest = &dense[at + root.len()..];
            for path in first_names(rest) {
                let stages =
                    path.strip_prefix("stages::").map(|inner| first_names(inner).into_iter().map(|s| name(&s)));
                match stages {
                    Some(stages) => parts.extend(stages.map(|stage| format!("stages::{stage}"))),
                    None => {
                        parts.insert(name(&path));
                    }
                }
            }
        }
    }
    parts.remove("");
    parts
}

/// `{a::b, c}` as its members, anything else as itself.
fn first_names(rest: &str) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else { return vec![rest.to_owned()] };
    let mut depth = 0_usize;
    let mut members = vec![String::new()];
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(String::new());
                continue;
            }
            _ => {}
        }
        members.last_mut().expect("never empty").push(c);
    }
    members
}

fn name(path: &str) -> String {
    path.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

#[test]
fn parts_name_only_what_the_map_allows() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !is_test_file(&source.path)) {
        let allowed = allowed(&source.part);
        for named in named_parts(&shipped_code(&source.text)) {
            let itself = named == source.part || source.part.split("::").next() == Some(named.as_str());
            let fits =
                allowed.iter().any(|one| *one == named || named.strip_prefix("stages::").is_some() && *one == "stages");
            // `crate::name!` and items at the crate's root are not parts.
            let is_part = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(&named).is_dir()
                || Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(format!("{named}.rs")).is_file()
                || named.starts_with("stages::");
            if is_part && !itself && !fits {
                wrong.push(format!("{}: `{}` names `{named}`", source.path.display(), source.part));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that the map does not have:\n{}", wrong.join("\n"));
}

#[test]
fn stages_are_the_folders_of_src_stages_in_alphabetical_order() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/stages");
    let found: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().trim_end_matches(".rs").to_owned())
        .filter(|name| name != "mod")
        .collect();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), STAGES);
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    for source in sources().iter().filter(|source| !is_test_file(&source.path)) {
        // The crate's own documentation is `src/README.md`.
        let documented =
            ["//! ", "#![doc = include_str!(\"README.md\")]"].iter().any(|doc| source.text.starts_with(doc));
        assert!(documented, "{} does not begin with `//!`", source.path.display());
    }
}

#[test]
fn every_file_can_be_read_in_a_sitting() {
    for source in sources() {
        let lines = source.text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines; split it", source.path.display());
    }
}

#[test]
fn unsafe_code_is_forbidden_and_nothing_relaxes_it() {
    let manifest = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let manifest = String::from_utf8(manifest).unwrap();
    let lints = manifest.split("[lints.rust]").nth(1).expect("Cargo.toml has [lints.rust]");
    let lints = lints.split("\n[").next().unwrap_or_default();
    assert!(lints.contains("unsafe_code = \"forbid\""), "{lints}");
    for source in sources() {
        assert!(!shipped_code(&source.text).contains("unsafe "), "{}", source.path.display());
    }
}

#[test]
fn work_left_for_later_is_not_in_the_sources() {
    for source in sources() {
        for mark in ["TODO", "FIXME", "#[ignore", "todo!(", "unimplemented!("] {
            assert!(!source.text.contains(mark), "{} contains {mark}", source.path.display());
        }
    }
}

#[test]
fn parser_of_this_test_sees_grouped_and_plain_names_and_skips_tests() {
    let code = "use crate::{model::{A, B}, config, stages::{accept::X, redact}};\nfn f(x: crate::state::Y) {}\n\
                // crate::comment\n#[cfg(test)]\nuse crate::pipeline;\n#[cfg(test)]\nmod tests {\n    use crate::admin;\n}\nuse crate::observe;\n";
    let parts: Vec<_> = named_parts(&shipped_code(code)).into_iter().collect();
    assert_eq!(parts, ["config", "model", "observe", "stages::accept", "stages::redact", "state"]);
}
