//! `portcullis check`: tells everything that is wrong with the YAML, or in one line what it holds.

use crate::config::{self, Faults, Loaded};
use std::path::Path;
use std::process::ExitCode;

/// The configuration is wrong.
const FAULTS_FOUND: u8 = 1;

/// A file that is needed could not be read, so that nothing can be said.
const COULD_NOT_RUN: u8 = 2;

/// Checks `gateway.yaml` and every file that it leads to. Faults go to standard error, the summary to standard output.
/// Exit code: 0 clean, 1 faults found, 2 a file could not be read.
pub fn run(gateway_yaml: &Path) -> ExitCode {
    match verdict(gateway_yaml, &config::process_environment) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err((code, faults)) => {
            eprintln!("{faults}");
            ExitCode::from(code)
        }
    }
}

/// The line for standard output, or the exit code and the text for standard error.
fn verdict(gateway_yaml: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<String, (u8, String)> {
    match config::load(gateway_yaml, env) {
        Ok(loaded) => Ok(format!("{}: {}", gateway_yaml.display(), summary(&loaded))),
        Err(faults) => {
            let code = if faults.any_unreadable() { COULD_NOT_RUN } else { FAULTS_FOUND };
            Err((code, format!("{}{}", faults.render(), headline(&faults))))
        }
    }
}

fn headline(faults: &Faults) -> String {
    match faults.count() {
        1 => "1 fault; nothing was loaded".to_owned(),
        count => format!("{count} faults; nothing was loaded"),
    }
}

/// What was loaded, and the first digits of its hash, which `/status` shows too.
pub fn summary(loaded: &Loaded) -> String {
    let signatures: usize = loaded.packs.iter().map(|pack| pack.signatures.len()).sum();
    let hash: String = loaded.hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!(
        "ok: {}, {}, {}, {}, {}, {} ({hash})",
        counted(loaded.gateway.listeners.len(), "listener"),
        counted(loaded.gateway.routes.len(), "route"),
        counted(loaded.gateway.upstreams.len(), "upstream"),
        counted(loaded.gateway.clients.len(), "client"),
        match loaded.policies.len() {
            1 => "1 policy".to_owned(),
            count => format!("{count} policies"),
        },
        counted(signatures, "signature"),
    )
}

fn counted(count: usize, word: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {word}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_is_clean_and_summed_up_in_one_line() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway.yaml");
        let line = verdict(&path, &|_| None).unwrap();
        assert!(line.contains("ok: 1 listener, 1 route, 3 upstreams, 0 clients, 2 policies"), "{line}");
        assert_eq!(line.lines().count(), 1);
    }

    #[test]
    fn faults_give_1_and_a_missing_file_gives_2() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.yaml");
        assert_eq!(verdict(&path, &|_| None).unwrap_err().0, COULD_NOT_RUN);
        std::fs::write(&path, "listener: []").unwrap();
        let (code, text) = verdict(&path, &|_| None).unwrap_err();
        assert_eq!(code, FAULTS_FOUND);
        assert!(text.contains("did you mean `listeners`?") && text.ends_with("faults; nothing was loaded"), "{text}");
    }
}
