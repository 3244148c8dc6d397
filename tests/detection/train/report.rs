//! How well sums tell attacks from ordinary texts.

use super::corpus::{Doc, Kind};
use std::collections::{BTreeMap, BTreeSet};

/// Sums of the texts of a kind with their weights, the highest first; every source weighs the same.
pub fn weighted(docs: &[Doc], sums: &[Option<f32>], kind: Kind) -> Vec<(f32, f64)> {
    let ordinary = || docs.iter().zip(sums).filter(|(doc, _)| doc.kind == kind && !doc.own);
    let mut sizes: BTreeMap<&str, f64> = BTreeMap::new();
    ordinary().for_each(|(doc, _)| *sizes.entry(&doc.source).or_default() += 1.0);
    let sources = sizes.len() as f64;
    let mut all: Vec<(f32, f64)> =
        ordinary().filter_map(|(doc, sum)| Some(((*sum)?, 1.0 / sizes.get(doc.source.as_str())? / sources))).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all
}

/// The sum that a share of them exceeds.
pub fn above(benign: &[(f32, f64)], share: f64) -> Option<f32> {
    let mut passed = 0.0;
    benign
        .iter()
        .find(|(_, weight)| {
            passed += weight;
            passed > share
        })
        .map(|entry| entry.0)
}

struct Rates<'d> {
    attacks: Vec<(&'d Doc, f32)>,
    benign: Vec<(&'d Doc, f32)>,
    hard: Vec<(&'d Doc, f32)>,
}

fn rates<'d>(docs: &'d [Doc], sums: &[Option<f32>]) -> Rates<'d> {
    let of = |kinds: &[Kind]| {
        let held = docs.iter().zip(sums).filter(|(doc, _)| !doc.own && kinds.contains(&doc.kind));
        held.filter_map(|(doc, sum)| Some((doc, (*sum)?))).collect()
    };
    Rates { attacks: of(&[Kind::Attack, Kind::Indirect]), benign: of(&[Kind::Benign]), hard: of(&[Kind::Hard]) }
}

fn share(all: &[(&Doc, f32)], threshold: f32, of: impl Fn(&Doc) -> bool) -> f64 {
    let chosen: Vec<f32> = all.iter().filter(|(doc, _)| of(doc)).map(|entry| entry.1).collect();
    chosen.iter().filter(|&&sum| sum > threshold).count() as f64 / chosen.len().max(1) as f64
}

fn area(attacks: &[(&Doc, f32)], benign: &[(&Doc, f32)]) -> f64 {
    let mut all: Vec<(f32, bool)> =
        attacks.iter().map(|entry| (entry.1, true)).chain(benign.iter().map(|entry| (entry.1, false))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    let (mut below, mut ranked) = (0.0, 0.0);
    for (_, attack) in all {
        if attack { ranked += below } else { below += 1.0 }
    }
    ranked / (attacks.len() as f64 * benign.len() as f64)
}

/// One line of figures.
pub fn line(name: &str, docs: &[Doc], sums: &[Option<f32>]) {
    let Rates { attacks, benign, hard } = rates(docs, sums);
    let weighted = weighted(docs, sums, Kind::Benign);
    let (Some(one), Some(tenth)) = (above(&weighted, 0.01), above(&weighted, 0.001)) else { return };
    let sources: BTreeSet<&str> = attacks.iter().map(|(doc, _)| doc.source.as_str()).collect();
    let macro_ = |threshold| {
        sources.iter().map(|source| share(&attacks, threshold, |doc| doc.source == *source)).sum::<f64>()
            / sources.len() as f64
    };
    println!(
        "{name:24} AUC {:.3}  recall @1 % {:.3} (macro {:.3}, English {:.3}, others {:.3})  @0.1 % {:.3} (macro {:.3})  hard above {:.3} / {:.3}  benign pooled {:.4} / {:.4}",
        area(&attacks, &benign),
        share(&attacks, one, |_| true),
        macro_(one),
        share(&attacks, one, |doc| doc.lang == "en"),
        share(&attacks, one, |doc| doc.lang != "en"),
        share(&attacks, tenth, |_| true),
        macro_(tenth),
        share(&hard, one, |_| true),
        share(&hard, tenth, |_| true),
        share(&benign, one, |_| true),
        share(&benign, tenth, |_| true),
    );
}

/// The whole report: a line, and one for each source and language.
pub fn print(docs: &[Doc], sums: &[Option<f32>]) {
    line("all together", docs, sums);
    let Rates { attacks, benign, hard } = rates(docs, sums);
    let weighted = weighted(docs, sums, Kind::Benign);
    let (Some(one), Some(tenth)) = (above(&weighted, 0.01), above(&weighted, 0.001)) else { return };
    let group = |title: &str, all: &[(&Doc, f32)], by: &dyn Fn(&Doc) -> &str| {
        let names: BTreeSet<String> = all.iter().map(|(doc, _)| by(doc).to_owned()).collect();
        for name in names {
            let count = all.iter().filter(|(doc, _)| by(doc) == name).count();
            let (low, high) = (share(all, one, |doc| by(doc) == name), share(all, tenth, |doc| by(doc) == name));
            println!("  {title:10} {name:22} {count:6}  {:6.2} %  {:6.2} %", 100.0 * low, 100.0 * high);
        }
    };
    group("attacks", &attacks, &|doc| &doc.source);
    group("language", &attacks, &|doc| &doc.lang);
    group("benign", &benign, &|doc| &doc.source);
    group("hard", &hard, &|doc| &doc.source);
}
