//! Labelled texts: one JSON object a line, in `*.jsonl` or `*.jsonl.gz`.
//!
//! | field | |
//! |---|---|
//! | `label` | 1 attack, 0 benign; must be there |
//! | `text` | the text; or |
//! | `messages` | OpenAI's messages as they stand, for attacks that are split over several |
//! | `source`, `kind`, `lang`, `family` | groups of the report; the file's name, `attack` or `benign`, `?`, none where not written |
//! | `origin` | who says it: `user` (default), `tool_result`, `document` |
//! | `pad`, `pad_bytes`, `pad_at` | a text file beside this one, whose paragraphs go around the text until it has so many bytes; where in it the text stands (0 to 1) |
//!
//! Other fields are for their authors. A row that is broken is an error with its file and line: figures must not rest on
//! half of the texts.

use super::body::Speaker;
use crate::config::read_bounded;
use crate::model::Untrusted;
use anyhow::{Context, anyhow, bail};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest file, in bytes as stored.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// Largest file after decompression, in bytes.
const MAX_TEXT_BYTES: u64 = 1 << 30;
/// Largest text around which paragraphs may be put, in bytes.
const MAX_PADDED_BYTES: usize = 4 << 20;

/// Which side a text is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// Must be found.
    Attack,
    /// Must pass.
    Benign,
}

/// What is said.
#[derive(Debug)]
pub enum Said {
    /// By one speaker.
    Text(Untrusted<String>),
    /// As OpenAI's messages.
    Messages(Untrusted<String>),
}

/// One labelled text.
#[derive(Debug)]
pub struct Row {
    /// Its corpus.
    pub source: String,
    /// Its line in its file, from 1.
    pub line: usize,
    /// Its side.
    pub label: Label,
    /// What sort of attack or of benign text.
    pub kind: String,
    /// Its language as a tag; `?` where not known.
    pub lang: String,
    /// A finer sort, in the project's own cases.
    pub family: Option<String>,
    /// Who says it.
    pub speaker: Speaker,
    /// The text.
    pub said: Said,
}

/// A row as written.
#[derive(Deserialize)]
struct Written {
    label: u8,
    text: Option<String>,
    messages: Option<Value>,
    source: Option<String>,
    kind: Option<String>,
    lang: Option<String>,
    family: Option<String>,
    origin: Option<Speaker>,
    pad: Option<String>,
    pad_bytes: Option<usize>,
    pad_at: Option<f64>,
}

/// Reads all files and folders, in the order of their names. `speaker` goes before what rows say.
///
/// # Errors
/// What cannot be read, with its file and line; and no row at all.
pub fn read(paths: &[PathBuf], speaker: Option<Speaker>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for path in paths {
        for file in files(path)? {
            let mut reader = Reader { file: &file, speaker, pads: HashMap::new() };
            rows.extend(reader.rows()?);
        }
    }
    if rows.is_empty() {
        bail!("no rows were read");
    }
    Ok(rows)
}

fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.exists() {
        bail!("{}: not found", path.display());
    }
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("{}", path.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let file = entry.with_context(|| format!("{}", path.display()))?.path();
        if stem(&file).is_some() {
            found.push(file);
        }
    }
    if found.is_empty() {
        bail!("{}: no `*.jsonl` or `*.jsonl.gz` in this folder", path.display());
    }
    found.sort();
    Ok(found)
}

/// The name of a file of rows without its ending.
fn stem(file: &Path) -> Option<&str> {
    let name = file.file_name()?.to_str()?;
    name.strip_suffix(".jsonl").or_else(|| name.strip_suffix(".jsonl.gz"))
}

struct Reader<'a> {
    file: &'a Path,
    speaker: Option<Speaker>,
    /// Paragraphs of the files that `pad` names.
    pads: HashMap<String, Vec<String>>,
}

impl Reader<'_> {
    fn rows(&mut self) -> anyhow::Result<Vec<Row>> {
        let shown = self.file.display();
        let stem = stem(self.file).ok_or_else(|| anyhow!("{shown}: neither `*.jsonl` nor `*.jsonl.gz`"))?.to_owned();
        let content = content(self.file).with_context(|| format!("{shown}"))?;
        let mut rows = Vec::new();
        for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let number = index.saturating_add(1);
            rows.push(self.row(line, number, &stem).with_context(|| format!("{shown}:{number}"))?);
        }
        Ok(rows)
    }

    fn row(&mut self, line: &[u8], number: usize, stem: &str) -> anyhow::Result<Row> {
        // serde's own message can quote a value of the row.
        let written: Written =
            serde_json::from_slice(line).map_err(|error| anyhow!("not a row: {}", without_values(&error)))?;
        let label = match written.label {
            0 => Label::Benign,
            1 => Label::Attack,
            other => bail!("`label` is {other}; it is 1 for an attack and 0 for a benign text"),
        };
        let said = match (written.text, written.messages) {
            (Some(text), None) => {
                let text = match &written.pad {
                    Some(pad) => self.padded(&text, pad, written.pad_bytes, written.pad_at)?,
                    None => text,
                };
                Said::Text(Untrusted::new(text))
            }
            (None, Some(messages @ Value::Array(_))) => Said::Messages(Untrusted::new(messages.to_string())),
            _ => bail!("a row has either a `text` or a list of `messages`"),
        };
        let side = if label == Label::Attack { "attack" } else { "benign" };
        Ok(Row {
            source: written.source.unwrap_or_else(|| stem.to_owned()),
            line: number,
            label,
            kind: written.kind.unwrap_or_else(|| side.to_owned()),
            lang: written.lang.unwrap_or_else(|| "?".to_owned()),
            family: written.family,
            speaker: self.speaker.or(written.origin).unwrap_or(Speaker::User),
            said,
        })
    }

    /// A text among paragraphs of a file beside this one, so that a long document needs no long row.
    fn padded(&mut self, text: &str, pad: &str, bytes: Option<usize>, at: Option<f64>) -> anyhow::Result<String> {
        let bytes = bytes.ok_or_else(|| anyhow!("`pad` needs `pad_bytes`"))?;
        let at = at.unwrap_or(0.5);
        if bytes > MAX_PADDED_BYTES || !(0.0..=1.0).contains(&at) {
            bail!("`pad_bytes` is at most {MAX_PADDED_BYTES}, `pad_at` between 0 and 1");
        }
        if pad.contains(['/', '\\']) {
            bail!("`pad` names a file beside this one");
        }
        if !self.pads.contains_key(pad) {
            let path = self.file.parent().unwrap_or(Path::new("")).join(pad);
            let content = read_bounded(&path, MAX_FILE_BYTES).with_context(|| format!("`pad`: {}", path.display()))?;
            let content = String::from_utf8(content).with_context(|| format!("`pad`: {}", path.display()))?;
            let paragraphs: Vec<String> =
                content.split("\n\n").map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect();
            self.pads.insert(pad.to_owned(), paragraphs);
        }
        let paragraphs = self.pads.get(pad).map(Vec::as_slice).unwrap_or_default();
        if paragraphs.is_empty() {
            bail!("`pad`: `{pad}` holds no paragraph");
        }
        Ok(surround(text, paragraphs, bytes, at))
    }
}

/// Puts paragraphs around a text. Which paragraph comes first depends on the text's length, so that documents differ.
fn surround(text: &str, paragraphs: &[String], bytes: usize, at: f64) -> String {
    let mut whole = String::with_capacity(bytes.saturating_add(1024));
    let mut is_in = false;
    for paragraph in paragraphs.iter().cycle().skip(text.len() % paragraphs.len().max(1)) {
        if !is_in && whole.len() as f64 >= at * bytes.saturating_sub(text.len()) as f64 {
            whole.push_str(text);
            whole.push_str("\n\n");
            is_in = true;
        }
        if is_in && whole.len() >= bytes {
            break;
        }
        whole.push_str(paragraph);
        whole.push_str("\n\n");
    }
    whole
}

fn content(file: &Path) -> anyhow::Result<Vec<u8>> {
    let stored = read_bounded(file, MAX_FILE_BYTES)?;
    if file.extension().is_none_or(|extension| extension != "gz") {
        return Ok(stored);
    }
    let mut content = Vec::new();
    MultiGzDecoder::new(stored.as_slice())
        .take(MAX_TEXT_BYTES.saturating_add(1))
        .read_to_end(&mut content)
        .context("cannot be decompressed")?;
    if u64::try_from(content.len()).map_or(true, |len| len > MAX_TEXT_BYTES) {
        bail!("larger than {MAX_TEXT_BYTES} bytes when decompressed");
    }
    Ok(content)
}

/// What is wrong with a line, without what it holds.
fn without_values(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "a field is missing or has the wrong type",
        serde_json::error::Category::Eof => "the line ends too early",
        _ => "not JSON",
    };
    format!("{what} (column {})", error.column())
}
