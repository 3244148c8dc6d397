//! Tests through the one door, [`load`], on files in a temporary directory.

mod gateway_faults;
mod good;
mod hostile;
mod policy_faults;

use super::{Faults, Loaded, load};
use std::path::Path;

/// A gateway that loads; tests change a line of it.
const GATEWAY: &str = "\
listeners:
  - address: 127.0.0.1:8080
upstreams:
  openai: { provider: openai, api_key: '${env:KEY?}' }
  demo: { provider: demo }
routes:
  - { name: chat, path: /v1/, upstreams: [openai, demo], policy: default, access: open }
";

/// A policy that loads.
const POLICY: &str = "\
policy: default
rules:
  - { id: a, finding: injection, action: block }
";

/// A pack that loads.
const PACK: &str = "\
pack: core
signatures:
  - id: injection.override.ignore-previous
    family: override
    why: It drops the operator's instructions.
    languages: [en]
    score: 0.95
    severity: high
    patterns: ['ignore previous']
    references: [OWASP-LLM01]
    examples: { match: [ignore previous], no_match: [ignored] }
";

/// Loads files from a fresh directory; `gateway.yaml` and `policies/default.yaml` are there unless given.
fn load_files(files: &[(&str, &str)]) -> Result<Loaded, Faults> {
    let directory = tempfile::tempdir().unwrap();
    write_all(directory.path(), &[("gateway.yaml", GATEWAY), ("policies/default.yaml", POLICY)]);
    write_all(directory.path(), files);
    let env = |name: &str| match name {
        "SET" => Some("from-the-environment".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    load(&directory.path().join("gateway.yaml"), &env)
}

fn write_all(directory: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

/// The faults of a gateway file: one line each, with the help, without the directory.
fn gateway_faults(gateway: &str) -> String {
    faults_of(&[("gateway.yaml", gateway)])
}

/// The faults of some files, as [`gateway_faults`] shows them.
fn faults_of(files: &[(&str, &str)]) -> String {
    let faults = load_files(files).expect_err("this was meant to be refused");
    let lines = faults.list().iter().map(|fault| {
        let name = fault.file.file_name().unwrap().to_str().unwrap();
        let help = fault.help.as_ref().map_or_else(String::new, |help| format!(" ({help})"));
        let directory = fault.file.parent().unwrap().to_str().unwrap();
        format!("{name}:{}:{} {}{help}", fault.line, fault.column, fault.message.replace(directory, "DIR"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// [`GATEWAY`] with one piece replaced.
fn gateway_with(from: &str, to: &str) -> String {
    assert!(GATEWAY.contains(from), "{from}");
    GATEWAY.replace(from, to)
}
