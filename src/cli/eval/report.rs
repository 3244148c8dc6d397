//! The figures by group. All groups are held against the same two thresholds, which come from the ordinary benign texts
//! of the run (kind `benign`), or from all benign ones where these are fewer than a thousand.

use super::body::Speaker;
use super::judge::{Disguised, Judged, Kept, is_blocked, is_flagged};
use super::ranking::{Cuts, auc, mean, median};
use super::rows::{Label, Row};
use crate::pipeline::Rehearsed;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Sources with fewer attacks do not count for the mean over sources: one text would move it by a tenth or more.
const LEAST_FOR_MACRO: usize = 10;
/// Shorter texts do not count for the time per byte, in bytes.
const LEAST_FOR_TIME: u64 = 1024;

/// Everything that is shown of a run.
#[derive(Debug)]
pub struct Report {
    /// The thresholds.
    pub cuts: Cuts,
    /// All texts.
    pub pooled: Group,
    /// The mean over sources of recall at 1 % and at 0.1 %.
    pub macro_recall: [Option<f64>; 2],
    /// By source.
    pub sources: Vec<Group>,
    /// By kind.
    pub kinds: Vec<Group>,
    /// By language.
    pub languages: Vec<Group>,
    /// By family, where rows name one.
    pub families: Vec<Group>,
    /// Every text from every mouth, by speaker and kind.
    pub origins: Vec<Group>,
    /// What disguises do; empty unless asked for.
    pub disguised: Vec<Disguised>,
    /// Nanoseconds of inspection per byte: the middle text of at least 1 KB, and how many there are.
    pub time: (Option<f64>, usize),
    /// Texts that a guard did not finish.
    pub incomplete: usize,
}

/// The texts of one group. A group can hold attacks, benign texts, or both.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// The kinds in it.
    pub kinds: BTreeSet<String>,
    /// Its attacks.
    pub attacks: Side,
    /// Its benign texts.
    pub benign: Side,
    /// Its attacks against all benign texts.
    pub auc: Option<f64>,
}

/// The attacks or the benign texts of a group. For benign texts every one that is counted is a false alarm.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Side {
    /// How many texts.
    pub count: usize,
    /// Blocked by the policy.
    pub blocked: Kept,
    /// Reported by the policy, or more.
    pub flagged: Kept,
    /// Above the threshold of 1 % false alarms; `None` without a threshold or without texts.
    pub at_percent: Option<f64>,
    /// Above the threshold of 0.1 %.
    pub at_tenth: Option<f64>,
}

/// One figure with its name, for floors.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// A share, 0 to 1.
    pub value: f64,
    /// Of how many texts.
    pub of: usize,
    /// Whether more is better.
    pub wants: Wants,
}

/// Which way a figure should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// A rate of detection.
    More,
    /// A rate of false alarms.
    Less,
}

/// Texts of kind `benign` from which on they alone set the thresholds.
const LEAST_ORDINARY: usize = 1000;

/// One text of a group, as one speaker says it.
type Member<'a> = (&'a Row, &'a Rehearsed);

impl Report {
    /// Counts everything that needs no disguise.
    pub fn of(rows: &[Row], judged: &[Judged]) -> Self {
        let own: Vec<Member<'_>> = rows.iter().zip(judged).map(|(row, judged)| (row, &judged.own)).collect();
        // False alarms are counted on ordinary texts; hard negatives are told apart, unless there is hardly anything else.
        let ordinary: Vec<Member<'_>> = own.iter().filter(|(row, _)| row.kind == "benign").copied().collect();
        let benign = scores(if ordinary.len() >= LEAST_ORDINARY { &ordinary } else { &own }, Label::Benign);
        let cuts = Cuts::of(&benign);
        let grouped = |members: &[Member<'_>], key: &dyn Fn(&Row) -> Option<String>| {
            let mut groups: BTreeMap<String, Vec<Member<'_>>> = BTreeMap::new();
            for member in members {
                if let Some(name) = key(member.0) {
                    groups.entry(name).or_default().push(*member);
                }
            }
            groups.into_iter().map(|(name, members)| Group::of(name, &members, cuts, &benign)).collect::<Vec<_>>()
        };
        let sources = grouped(&own, &|row| Some(row.source.clone()));
        let counted = || sources.iter().filter(|source| source.attacks.count >= LEAST_FOR_MACRO);
        let macro_recall = [
            mean(counted().filter_map(|source| source.attacks.at_percent)),
            mean(counted().filter_map(|source| source.attacks.at_tenth)),
        ];
        let mut origins = Vec::new();
        for (index, speaker) in Speaker::ALL.into_iter().enumerate() {
            let said: Vec<Member<'_>> = rows
                .iter()
                .zip(judged)
                .filter_map(|(row, judged)| Some((row, judged.by_speaker.get(index)?)))
                .collect();
            origins.extend(grouped(&said, &|row| Some(format!("{}, {}", speaker.name(), row.kind))));
        }
        Self {
            cuts,
            pooled: Group::of("all".to_owned(), &own, cuts, &benign),
            macro_recall,
            kinds: grouped(&own, &|row| Some(row.kind.clone())),
            languages: grouped(&own, &|row| Some(row.lang.clone())),
            families: grouped(&own, &|row| row.family.clone()),
            sources,
            origins,
            disguised: Vec::new(),
            time: time(judged),
            incomplete: judged.iter().filter(|judged| !judged.own.is_complete).count(),
        }
    }

    /// All figures by name, for floors and for programs.
    pub fn figures(&self) -> BTreeMap<String, Figure> {
        let mut figures = BTreeMap::new();
        let mut add = |name: String, value: Option<f64>, of: usize, wants| {
            if let Some(value) = value {
                figures.insert(name, Figure { value, of, wants });
            }
        };
        let pooled = &self.pooled;
        add("auc".to_owned(), pooled.auc, pooled.attacks.count, Wants::More);
        let counted = self.sources.iter().filter(|source| source.attacks.count >= LEAST_FOR_MACRO).count();
        let [percent, tenth] = self.macro_recall;
        add("recall@1%/macro".to_owned(), percent, counted, Wants::More);
        add("recall@0.1%/macro".to_owned(), tenth, counted, Wants::More);
        let groups = [("source", &self.sources), ("kind", &self.kinds), ("lang", &self.languages)];
        let more = [("family", &self.families), ("origin", &self.origins)];
        let named = groups
            .into_iter()
            .chain(more)
            .flat_map(|(by, groups)| groups.iter().map(move |group| (format!("{by}={}", group.name), group)));
        for (name, group) in std::iter::once(("all".to_owned(), pooled)).chain(named) {
            let Group { attacks, benign, .. } = group;
            add(format!("recall@1%/{name}"), attacks.at_percent, attacks.count, Wants::More);
            add(format!("recall@0.1%/{name}"), attacks.at_tenth, attacks.count, Wants::More);
            add(format!("blocked/{name}"), attacks.blocked.share(), attacks.count, Wants::More);
            add(format!("flagged/{name}"), attacks.flagged.share(), attacks.count, Wants::More);
            add(format!("false-blocked/{name}"), benign.blocked.share(), benign.count, Wants::Less);
            add(format!("false-flagged/{name}"), benign.flagged.share(), benign.count, Wants::Less);
        }
        for one in &self.disguised {
            let [over, block, flag] = one.alarms;
            add(format!("kept/{}", one.name), one.found.share(), one.found.of, Wants::More);
            add(format!("kept-blocked/{}", one.name), one.blocked.share(), one.blocked.of, Wants::More);
            add(format!("false@1%/disguise={}", one.name), over.share(), over.of, Wants::Less);
            add(format!("false-blocked/disguise={}", one.name), block.share(), block.of, Wants::Less);
            add(format!("false-flagged/disguise={}", one.name), flag.share(), flag.of, Wants::Less);
        }
        if let Some(kept) = self.kept_reversible() {
            add("kept/mean-of-reversible".to_owned(), Some(kept), pooled.attacks.count, Wants::More);
        }
        figures
    }

    /// The mean of what reversible disguises keep.
    pub fn kept_reversible(&self) -> Option<f64> {
        mean(self.disguised.iter().filter(|one| one.is_reversible).filter_map(|one| one.found.share()))
    }

    /// For programs: every figure by name, with the number of texts.
    pub fn json(&self, figures: &BTreeMap<String, Figure>) -> Value {
        let figures: serde_json::Map<String, Value> = figures
            .iter()
            .map(|(name, figure)| (name.clone(), json!({ "value": figure.value, "of": figure.of })))
            .collect();
        json!({
            "attacks": self.pooled.attacks.count,
            "benign": self.pooled.benign.count,
            "thresholds": { "1%": self.cuts.percent.value(), "0.1%": self.cuts.tenth.value() },
            "incomplete": self.incomplete,
            "nanoseconds_per_byte": { "median": self.time.0, "of": self.time.1 },
            "figures": figures,
        })
    }
}

impl Group {
    fn of(name: String, members: &[Member<'_>], cuts: Cuts, benign: &[f32]) -> Self {
        let attacks = scores(members, Label::Attack);
        Self {
            name,
            kinds: members.iter().map(|(row, _)| row.kind.clone()).collect(),
            attacks: Side::of(members, Label::Attack, cuts),
            benign: Side::of(members, Label::Benign, cuts),
            auc: auc(&attacks, benign),
        }
    }
}

impl Side {
    fn of(members: &[Member<'_>], label: Label, cuts: Cuts) -> Self {
        let scores = scores(members, label);
        let mut side = Self {
            count: scores.len(),
            at_percent: cuts.percent.share(&scores),
            at_tenth: cuts.tenth.share(&scores),
            ..Self::default()
        };
        for (_, said) in members.iter().filter(|(row, _)| row.label == label) {
            side.blocked.add(is_blocked(said));
            side.flagged.add(is_flagged(said));
        }
        side
    }
}

fn scores(members: &[Member<'_>], label: Label) -> Vec<f32> {
    members.iter().filter(|(row, _)| row.label == label).map(|(_, said)| said.score).collect()
}

/// Texts that came from the cache tell nothing, so every text counts from the first mouth that says it.
fn time(judged: &[Judged]) -> (Option<f64>, usize) {
    let first = judged.iter().filter_map(|judged| judged.by_speaker.first());
    let per_byte: Vec<f64> = first
        .filter(|said| said.scanned_bytes >= LEAST_FOR_TIME && said.cached_bytes == 0)
        .map(|said| said.inspection.as_nanos() as f64 / said.scanned_bytes as f64)
        .collect();
    let count = per_byte.len();
    (median(per_byte), count)
}

/// One line of JSON per text: where it stands and what was decided, never what it says.
pub fn score_lines(rows: &[Row], judged: &[Judged]) -> String {
    let mut out = String::new();
    for (row, judged) in rows.iter().zip(judged) {
        let line = json!({
            "source": row.source,
            "line": row.line,
            "label": u8::from(row.label == Label::Attack),
            "kind": row.kind,
            "lang": row.lang,
            "family": row.family,
            "origin": row.speaker.name(),
            "score": judged.own.score,
            "action": judged.own.action.name(),
        });
        // Writing to a string does not fail.
        let _ = writeln!(out, "{line}");
    }
    out
}
