//! `${env:NAME}` and `${file:/path}` in the text of `gateway.yaml`. Typed and not recursive: what comes out of a reference is
//! never looked at for another one, and never shown.

use super::files::{ReadError, SourceFile, read_bounded};
use super::reader::quoted;
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// Largest file behind `${file:…}`. Credentials are short.
const MAX_REFERENCED_BYTES: u64 = 64 << 10;

/// Where references lead.
pub(super) struct Resolver<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    /// What relative paths start from.
    base: &'a Path,
    /// Files that were read, so that a change of them is noticed.
    files: RefCell<Vec<SourceFile>>,
}

/// What a text became.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    /// It holds no reference.
    AsWritten,
    /// With the references replaced.
    Text(String),
    /// It is `${env:NAME?}` and NAME is not set.
    NotSet,
}

/// Why a reference leads nowhere. Names variables and paths, never contents.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReferenceError {
    #[error("the environment variable {} is not set, or empty", quoted(.0))]
    Unset(String),
    #[error("{} is not a reference", quoted(.0))]
    Malformed(String),
    #[error("{} must be the whole value", quoted(&format!("${{env:{_0}?}}")))]
    OptionalInside(String),
    #[error("the file `{path}` cannot be used: {reason}", path = path.display())]
    File { path: PathBuf, reason: ReadError },
    #[error("the file `{path}` is not UTF-8 text", path = path.display())]
    NotText { path: PathBuf },
}

impl<'a> Resolver<'a> {
    pub fn new(env: &'a dyn Fn(&str) -> Option<String>, base: &'a Path) -> Self {
        Self { env, base, files: RefCell::default() }
    }

    /// Gives up the files that were read.
    pub fn into_files(self) -> Vec<SourceFile> {
        self.files.into_inner()
    }

    /// A path of the YAML, seen from the gateway file.
    pub fn path(&self, written: &str) -> PathBuf {
        self.base.join(written)
    }

    /// Reads a file that the YAML names, and remembers it.
    pub fn read(&self, path: &Path, max_bytes: u64) -> Result<Vec<u8>, ReadError> {
        let content = read_bounded(path, max_bytes)?;
        self.files.borrow_mut().push(SourceFile::of(path, &content));
        Ok(content)
    }

    /// Replaces the references in a text.
    pub fn resolve(&self, text: &str) -> Result<Resolved, ReferenceError> {
        if !text.contains("${") {
            return Ok(Resolved::AsWritten);
        }
        if let Some(name) =
            text.strip_prefix("${env:").and_then(|rest| rest.strip_suffix("?}")).filter(|n| is_variable(n))
        {
            return Ok(self.variable(name).map_or(Resolved::NotSet, Resolved::Text));
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let (reference, after) =
                after.split_once('}').ok_or_else(|| ReferenceError::Malformed(format!("${{{after}")))?;
            out.push_str(&self.reference(reference)?);
            rest = after;
        }
        out.push_str(rest);
        Ok(Resolved::Text(out))
    }

    /// Empty counts as unset: an empty credential is never meant.
    fn variable(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|value| !value.is_empty())
    }

    fn reference(&self, reference: &str) -> Result<String, ReferenceError> {
        if let Some(name) = reference.strip_prefix("env:") {
            if let Some(optional) = name.strip_suffix('?').filter(|name| is_variable(name)) {
                return Err(ReferenceError::OptionalInside(optional.to_owned()));
            }
            if is_variable(name) {
                return self.variable(name).ok_or_else(|| ReferenceError::Unset(name.to_owned()));
            }
        }
        match reference.strip_prefix("file:").map(Path::new) {
            Some(path) if path.is_absolute() => self.file(path),
            _ => Err(ReferenceError::Malformed(format!("${{{reference}}}"))),
        }
    }

    fn file(&self, path: &Path) -> Result<String, ReferenceError> {
        let content = self
            .read(path, MAX_REFERENCED_BYTES)
            .map_err(|reason| ReferenceError::File { path: path.to_owned(), reason })?;
        let mut text = String::from_utf8(content).map_err(|_| ReferenceError::NotText { path: path.to_owned() })?;
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(text)
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<Resolved, String> {
        let env = |name: &str| match name {
            "HOST" => Some("example.com".to_owned()),
            "NESTED" => Some("${env:HOST}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        Resolver::new(&env, Path::new("/base")).resolve(text).map_err(|error| error.to_string())
    }

    #[test]
    fn references_are_replaced_once_and_not_again() {
        assert_eq!(resolve("https://${env:HOST}/x"), Ok(Resolved::Text("https://example.com/x".to_owned())));
        assert_eq!(resolve("${env:NESTED}"), Ok(Resolved::Text("${env:HOST}".to_owned())));
        assert_eq!(resolve("plain $HOST"), Ok(Resolved::AsWritten));
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        assert_eq!(resolve("${env:EMPTY}"), Err("the environment variable `EMPTY` is not set, or empty".to_owned()));
        assert_eq!(resolve("${env:EMPTY?}"), Ok(Resolved::NotSet));
    }

    #[test]
    fn what_is_not_a_whole_reference_is_refused() {
        for text in
            ["${HOST}", "${env:}", "${env:A-B}", "${env:HOST", "${file:relative}", "${}", "a${env:HOST?}", "${env:?}"]
        {
            assert!(resolve(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_trailing_newline_of_a_file_is_dropped_and_the_file_remembered() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, "hunter2\n\n").unwrap();
        let env = |_: &str| None;
        let resolver = Resolver::new(&env, Path::new("/"));
        let resolved = resolver.resolve(&format!("${{file:{}}}", path.display())).unwrap();
        assert_eq!(resolved, Resolved::Text("hunter2\n".to_owned()));
        assert_eq!(resolver.into_files().len(), 1);
    }
}
