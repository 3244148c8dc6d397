//! The one reader of files. It reads regular files only, follows symbolic links (Kubernetes mounts are made of them) and
//! never reads more than it was allowed.

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Why a file was not read. The messages name no path: the caller knows it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not there.
    #[error("not found")]
    NotFound,
    /// It is a directory, a pipe or a device.
    #[error("not a regular file")]
    NotAFile,
    /// It is larger than the caller allows.
    #[error("larger than {limit_bytes} bytes")]
    TooLarge {
        /// The caller's cap.
        limit_bytes: u64,
    },
    /// The system refused.
    #[error("{0}")]
    Io(#[source] io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            _ => Self::Io(error),
        }
    }
}

/// Reads a regular file of at most `max_bytes` bytes.
///
/// # Errors
/// [`ReadError`] where it is missing, not a regular file, too large, or may not be read.
pub fn read_bounded(path: &Path, max_bytes: u64) -> Result<Vec<u8>, ReadError> {
    // Asked before it is opened: opening a pipe would wait for its writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(ReadError::NotAFile);
    }
    let mut content = Vec::new();
    File::open(path)?.take(max_bytes.saturating_add(1)).read_to_end(&mut content)?;
    if u64::try_from(content.len()).map_or(true, |len| len > max_bytes) {
        return Err(ReadError::TooLarge { limit_bytes: max_bytes });
    }
    Ok(content)
}

/// A file that a configuration was made of: a change of any of them is a change of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceFile {
    /// Its path, as reached from the gateway file.
    pub path: PathBuf,
    /// SHA-256 of its content.
    pub sha256: [u8; 32],
}

impl SourceFile {
    /// Notes a file with its content.
    pub(super) fn of(path: &Path, content: &[u8]) -> Self {
        Self { path: path.to_owned(), sha256: Sha256::digest(content).into() }
    }
}

/// SHA-256 over names and contents. Sorted first, so that the order in which a directory is listed does not matter; names
/// are relative to the gateway file, so that the same files in another place have the same hash.
pub(super) fn hash_of(base: &Path, files: &mut Vec<SourceFile>) -> [u8; 32] {
    files.sort();
    files.dedup();
    let mut hasher = Sha256::new();
    for file in files {
        let name = file.path.strip_prefix(base).unwrap_or(&file.path).as_os_str().as_encoded_bytes();
        hasher.update(u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(name);
        hasher.update(file.sha256);
    }
    hasher.finalize().into()
}

/// Largest file that a configuration is made of.
const MAX_SOURCE_BYTES: u64 = 16 << 20;

/// SHA-256 over the files of a configuration as they are now, with files that were added to the folder of policies or
/// taken away from it: equal as long as loading again would read the same.
pub fn fingerprint(files: &[SourceFile], policies_directory: &Path) -> [u8; 32] {
    let mut paths: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
    if let Ok(mut listing) = list_yaml(policies_directory) {
        paths.append(&mut listing.yaml);
        paths.append(&mut listing.misnamed);
    }
    paths.sort();
    paths.dedup();
    let mut hasher = Sha256::new();
    for path in paths {
        hasher.update(path.as_os_str().as_encoded_bytes());
        match read_bounded(&path, MAX_SOURCE_BYTES) {
            Ok(content) => hasher.update(Sha256::digest(content)),
            Err(error) => hasher.update(error.to_string()),
        }
    }
    hasher.finalize().into()
}

/// What a directory of policies holds.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// `*.yaml`, sorted by name.
    pub yaml: Vec<PathBuf>,
    /// Files that look meant (`.yml`, `.YAML`), and would otherwise be ignored in silence.
    pub misnamed: Vec<PathBuf>,
}

/// Most entries of a policies directory that are looked at.
const MAX_ENTRIES: usize = 4_096;

/// Lists the `*.yaml` files directly in a directory. Hidden files (editors' copies, Kubernetes' `..data`) are left out.
pub(super) fn list_yaml(directory: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for (index, entry) in std::fs::read_dir(directory)?.enumerate() {
        if index >= MAX_ENTRIES {
            return Err(io::Error::other(format!("more than {MAX_ENTRIES} entries")));
        }
        let path = entry?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        let Some(extension) = path.extension().and_then(|extension| extension.to_str()) else { continue };
        if hidden || path.is_dir() {
            continue;
        }
        match extension {
            "yaml" => listing.yaml.push(path),
            other if other.eq_ignore_ascii_case("yaml") || other.eq_ignore_ascii_case("yml") => {
                listing.misnamed.push(path);
            }
            _ => {}
        }
    }
    listing.yaml.sort();
    listing.misnamed.sort();
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_exactly_the_cap_is_read_and_one_byte_more_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        std::fs::write(&path, [7u8; 10]).unwrap();
        assert_eq!(read_bounded(&path, 10).unwrap().len(), 10);
        assert!(matches!(read_bounded(&path, 9), Err(ReadError::TooLarge { limit_bytes: 9 })));
    }

    #[test]
    fn missing_files_directories_and_devices_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(read_bounded(&directory.path().join("no"), 10), Err(ReadError::NotFound)));
        assert!(matches!(read_bounded(directory.path(), 10), Err(ReadError::NotAFile)));
        assert!(matches!(read_bounded(Path::new("/dev/zero"), 10), Err(ReadError::NotAFile)));
    }

    #[test]
    fn only_yaml_files_directly_in_the_directory_are_listed() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b.yaml", "a.yaml", "c.yml", "D.YAML", ".a.yaml", "a.yaml~", "README.md"] {
            std::fs::write(directory.path().join(name), "x").unwrap();
        }
        std::fs::create_dir_all(directory.path().join("tests.yaml")).unwrap();
        let names = |paths: &[PathBuf]| -> Vec<String> {
            paths.iter().filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect()
        };
        let listing = list_yaml(directory.path()).unwrap();
        assert_eq!(names(&listing.yaml), ["a.yaml", "b.yaml"]);
        assert_eq!(names(&listing.misnamed), ["D.YAML", "c.yml"]);
    }
}
