//! The rotated file of records: append only, one line each, readable by its owner only.
//!
//! It must never tear a line that was whole, and never let a torn one (a full disk, a kill) swallow the next. `.1` is the
//! newest rotated file.

use crate::model::settings::RecordFile as Settings;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// An open record file.
#[derive(Debug)]
pub(super) struct RecordFile {
    settings: Settings,
    file: File,
    size: u64,
}

impl RecordFile {
    /// Opens the file for appending; makes it (0600) and its folder (0700) where they are missing, and ends a torn last
    /// line.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub(super) fn open(settings: &Settings) -> io::Result<Self> {
        if let Some(folder) = settings.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&settings.path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the record file is not a regular file"));
        }
        let mut size = metadata.len();
        if size > 0 && last_byte(&mut file)? != b'\n' {
            file.write_all(b"\n")?;
            size = size.saturating_add(1);
        }
        Ok(Self { settings: settings.clone(), file, size })
    }

    /// Appends whole lines and takes what was written off the front of `lines`, so that after an error the rest can be
    /// tried again: a line that was torn stays, whole.
    ///
    /// # Errors
    ///
    /// Those of the file system; `lines` then begins with the first line that is not whole in the file.
    pub(super) fn append(&mut self, lines: &mut Vec<u8>) -> io::Result<()> {
        self.follow_path()?;
        let incoming = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        if self.size > 0 && self.size.saturating_add(incoming) > self.settings.max_bytes {
            self.rotate()?;
        }
        let (written, result) = write_counted(&mut self.file, lines);
        self.size = self.size.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        let whole = lines.get(..written).and_then(|done| memchr::memrchr(b'\n', done)).map_or(0, |at| at + 1);
        lines.drain(..whole);
        result
    }

    /// Asks the kernel to put everything on the disk.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Opens the path anew where somebody moved or removed the file: records must not go to a file that nobody sees.
    fn follow_path(&mut self) -> io::Result<()> {
        let ours = self.file.metadata()?;
        let same = std::fs::metadata(&self.settings.path)
            .is_ok_and(|theirs| (theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino()));
        if !same {
            *self = Self::open(&self.settings)?;
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        let path = &self.settings.path;
        if self.settings.keep == 0 {
            std::fs::remove_file(path)?;
        }
        for number in (1..self.settings.keep).rev() {
            rename_if_there(&numbered(path, number), &numbered(path, number.saturating_add(1)))?;
        }
        if self.settings.keep > 0 {
            rename_if_there(path, &numbered(path, 1))?;
        }
        *self = Self::open(&self.settings)?;
        Ok(())
    }
}

/// Writes as much as goes; says how much that was, whatever the end.
pub(super) fn write_counted(sink: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match sink.write(rest) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written = written.saturating_add(count).min(bytes.len()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

fn last_byte(file: &mut File) -> io::Result<u8> {
    let mut byte = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn settings(folder: &Path, max_bytes: u64, keep: usize) -> Settings {
        Settings { path: folder.join("deep/er/records.jsonl"), max_bytes, keep }
    }

    fn append(file: &mut RecordFile, line: &str) {
        let mut lines = line.as_bytes().to_vec();
        file.append(&mut lines).unwrap();
        assert!(lines.is_empty());
    }

    fn read(path: &Path) -> String {
        String::from_utf8(std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn only_the_owner_can_read_file_and_folder() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 1_000, 2);
        let _file = RecordFile::open(&settings).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&settings.path), 0o600);
        assert_eq!(mode(settings.path.parent().unwrap()), 0o700);
    }

    #[test]
    fn rotation_keeps_the_newest_files_and_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 10, 2);
        let mut file = RecordFile::open(&settings).unwrap();
        for line in ["aaaaa\n", "bbbbb\n", "ccccc\n", "ddddd\n"] {
            append(&mut file, line);
        }
        assert_eq!(read(&settings.path), "ddddd\n");
        assert_eq!(read(&numbered(&settings.path, 1)), "ccccc\n");
        assert_eq!(read(&numbered(&settings.path, 2)), "bbbbb\n");
        assert!(!numbered(&settings.path, 3).exists());
    }

    #[test]
    fn nothing_is_kept_where_nothing_is_to_be_kept() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 10, 0);
        let mut file = RecordFile::open(&settings).unwrap();
        append(&mut file, "aaaaa\n");
        append(&mut file, "bbbbb\n");
        assert_eq!(read(&settings.path), "bbbbb\n");
        assert!(!numbered(&settings.path, 1).exists());
    }

    #[test]
    fn torn_last_line_of_a_killed_process_does_not_swallow_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 1_000, 2);
        drop(RecordFile::open(&settings).unwrap());
        std::fs::write(&settings.path, "whole\nto").unwrap();
        append(&mut RecordFile::open(&settings).unwrap(), "next\n");
        assert_eq!(read(&settings.path), "whole\nto\nnext\n");
    }

    #[test]
    fn file_that_was_moved_away_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 1_000, 2);
        let mut file = RecordFile::open(&settings).unwrap();
        append(&mut file, "old\n");
        std::fs::rename(&settings.path, folder.path().join("moved")).unwrap();
        append(&mut file, "new\n");
        assert_eq!(read(&settings.path), "new\n");
    }

    #[test]
    fn partial_write_is_counted() {
        let mut room = [0; 4];
        let (written, result) = write_counted(&mut room.as_mut_slice(), b"aa\nbb\n");
        assert_eq!((written, result.unwrap_err().kind()), (4, io::ErrorKind::WriteZero));
    }

    #[test]
    fn folder_in_place_of_the_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { path: folder.path().to_owned(), max_bytes: 10, keep: 1 };
        assert!(RecordFile::open(&settings).is_err());
    }
}
