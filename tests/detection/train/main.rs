//! Makes the model file of the classifier, bit for bit the same from the same texts, and tells how well it does on sources that
//! it has not seen.
//!
//! Usage: `train CORPORA TRAINING OUT` — CORPORA is a folder of `*.jsonl.gz` (README of the public corpora), TRAINING one of
//! `*.jsonl` of our own writing; rows have `text`, `label` (1 attack, 0 benign), `kind`, `lang`. Prints no text.
//!
//! Sources are dealt to four folds, attacks and benign apart; sources of one making go together. For each fold, weights are
//! trained on the others and say what the stack would see of the fold's texts; the stack and the score are trained on that, so
//! that neither relies on what weights remember. The weights that are shipped are trained on everything. Our own texts and
//! the examples of the packs teach, and nothing is measured on them. Arithmetic is IEEE addition, multiplication, division and square root
//! only, in a fixed order: it does not depend on a machine's mathematical library.

mod corpus;
mod regression;
mod report;

use corpus::{Doc, FOLDS, Kind};
use portcullis::model::Origin;
use portcullis::stages::inspect::training::{self, INPUTS, Match, Matcher, SCORES, Trial};
use regression::{Rows, Trained};
use std::error::Error;
use std::path::Path;

/// Table entries: two to this power.
const BITS: u32 = 17;

/// How many times as many false alarms hard negatives may give: role prompts, talk about attacks, code that builds prompts.
const HARD_SHARE: f64 = 12.0;

/// What is known of a text before any training.
struct Seen {
    windows: [Rows; 2],
    view: String,
    matches: Vec<Match>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [corpora, own, out] = arguments.as_slice() else { return Err("usage: train CORPORA TRAINING OUT".into()) };
    let packs = packs()?;
    let docs = corpus::load(Path::new(corpora), Path::new(own), &packs)?;
    let matcher = Matcher::compile(&packs)?;
    let seen: Vec<Seen> = in_two_threads(docs.len(), |index| see(&docs[index], &matcher));
    eprintln!("{} texts", docs.len());

    let mut inputs: Vec<Option<[f32; INPUTS]>> = vec![None; docs.len()];
    let folds = in_two_threads(FOLDS, |fold| {
        let mut trial = trial(&docs, &seen, &|doc| doc.fold != fold)?;
        Some(inputs_of(&docs, &seen, &mut trial, &|doc| doc.fold == fold))
    });
    for (index, row) in folds.into_iter().collect::<Option<Vec<_>>>().ok_or("a table has no power of two")?.concat() {
        inputs[index] = Some(row);
    }

    // Measured with stacks that have not seen the fold either.
    let mut sums = vec![None; docs.len()];
    for fold in 0..FOLDS {
        let stack = regression::stack(&docs, &inputs, &|doc| doc.fold != fold);
        for (index, _) in docs.iter().enumerate().filter(|(_, doc)| doc.fold == fold) {
            sums[index] = inputs[index].map(|row| weigh(&stack, &row));
        }
    }
    report::print(&docs, &sums);
    for (name, column) in [("short windows alone", 1), ("long windows alone", 6), ("signatures alone", 11)] {
        let only: Vec<Option<f32>> = inputs.iter().map(|row| row.map(|row| row[column])).collect();
        report::line(name, &docs, &only);
    }

    let stack = regression::stack(&docs, &inputs, &|_| true);
    let all: Vec<Option<f32>> = inputs.iter().map(|row| row.map(|row| weigh(&stack, &row))).collect();
    let points = calibrated(&docs, &all).ok_or("too few benign texts to calibrate with")?;
    eprintln!("score {points:?}\nstack {stack:?}");
    let model = trial(&docs, &seen, &|_| true).and_then(|trial| trial.write(stack, points)).ok_or("no model")?;
    std::fs::write(out, &model)?;
    eprintln!("{out}: {} bytes", model.len());
    Ok(())
}

/// The shipped packs.
fn packs() -> Result<Vec<portcullis::config::settings::Pack>, Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("train-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let path = folder.join("gateway.yaml");
    std::fs::write(
        &path,
        format!(
            "listeners: [{{ address: \"127.0.0.1:20001\" }}]\npolicies: {}\nupstreams: {{ demo: {{ provider: demo }} }}\n\
             routes: [{{ name: chat, path: /v1/, upstreams: [demo], policy: default, access: open }}]\n",
            policies.display()
        ),
    )?;
    let loaded = portcullis::config::load(&path, &|_| None);
    std::fs::remove_dir_all(&folder)?;
    Ok(loaded.map_err(|faults| faults.summary())?.packs)
}

fn see(doc: &Doc, matcher: &Matcher) -> Seen {
    let view = training::view(&doc.text);
    let windows = training::windows(&view, BITS).map(Rows::new);
    let matches = matcher.matches(&view, Origin::User);
    Seen { windows, view, matches }
}

fn in_two_threads<T: Send>(count: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let mut done: Vec<Option<T>> = (0..count).map(|_| None).collect();
    std::thread::scope(|scope| {
        let run = &run;
        let workers: Vec<_> = (0..2)
            .map(|half| {
                scope.spawn(move || {
                    let mine: Vec<(usize, T)> = (half..count).step_by(2).map(|index| (index, run(index))).collect();
                    mine
                })
            })
            .collect();
        for worker in workers {
            for (index, value) in worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
                done[index] = Some(value);
            }
        }
    });
    done.into_iter().flatten().collect()
}

fn trial(docs: &[Doc], seen: &[Seen], among: &dyn Fn(&Doc) -> bool) -> Option<Trial> {
    let mut lines = [(0.0, 0.0); 2];
    let mut table = vec![[0_i8; 2]; 1 << BITS];
    for size in 0..2 {
        let rows: Vec<&Rows> = seen.iter().map(|seen| &seen.windows[size]).collect();
        let Trained { weights, bias } = regression::train(docs, &rows, among, 1 << BITS);
        let (step, quantised) = regression::quantise(&weights);
        lines[size] = (step, bias);
        for (entry, weight) in table.iter_mut().zip(quantised) {
            entry[size] = weight;
        }
    }
    Trial::new(lines, table)
}

fn inputs_of(
    docs: &[Doc],
    seen: &[Seen],
    trial: &mut Trial,
    among: &dyn Fn(&Doc) -> bool,
) -> Vec<(usize, [f32; INPUTS])> {
    let mut all = Vec::new();
    for (index, (_, seen)) in docs.iter().zip(seen).enumerate().filter(|(_, (doc, _))| among(doc)) {
        // The stretch whose worst windows stand out most, where there are several.
        let stretches = trial.inputs(&seen.view, &seen.matches).into_iter();
        all.extend(stretches.max_by(|a, b| (a[1] + a[6]).total_cmp(&(b[1] + b[6]))).map(|row| (index, row)));
    }
    all
}

fn weigh(stack: &[f32; INPUTS], row: &[f32; INPUTS]) -> f32 {
    stack.iter().zip(row).map(|(weight, input)| weight * input).sum()
}

/// Points of the score: where so many ordinary texts of unseen sources lie above, sources counted alike, and of those that are
/// hard no more than [`HARD_SHARE`] times as many.
fn calibrated(docs: &[Doc], sums: &[Option<f32>]) -> Option<Vec<(f32, f32)>> {
    let benign = report::weighted(docs, sums, Kind::Benign);
    let hard = report::weighted(docs, sums, Kind::Hard);
    let mut points = vec![(benign.last()?.0 - 1.0, 0.0)];
    points.push((report::above(&benign, 0.5)?, 0.1));
    points.push((report::above(&benign, 0.1)?, 0.25));
    for (score, share) in SCORES {
        let sum = report::above(&benign, f64::from(share))?.max(report::above(&hard, f64::from(share) * HARD_SHARE)?);
        points.push((sum, score));
    }
    let top = points.last()?.0;
    points.push((top + 6.0, 1.0));
    // A point that does not lie above the one before would be no point.
    let mut ascending: Vec<(f32, f32)> = Vec::new();
    for (sum, score) in points {
        let least = ascending.last().map_or(f32::MIN, |last| last.0 + 0.01);
        ascending.push((sum.max(least), score));
    }
    Some(ascending)
}
