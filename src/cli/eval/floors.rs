//! The least that a run must reach and the most false alarms that it may have, by the name of the figure. Written by
//! `--write-floors` from a run, so that raising them is one command, and a diff shows what a change of rules did.

use super::report::{Figure, Wants};
use crate::config::read_bounded;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Largest file of floors, in bytes.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// Groups with fewer texts get no floor: one text would move them by more than a tenth.
const LEAST_TEXTS: usize = 10;
/// The margin of rates of false alarms, as a share of that of detection.
const CEILING_MARGIN: f64 = 0.1;
/// How far apart two shares must be to differ: files have four digits.
const ROUNDING: f64 = 0.00005;

/// Floors and ceilings by the name of their figure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floors {
    /// At least so much.
    pub floors: BTreeMap<String, f64>,
    /// At most so much.
    pub ceilings: BTreeMap<String, f64>,
}

/// A figure that is not what it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    name: String,
    /// `at least` or `at most`.
    bound: &'static str,
    expected: f64,
    /// The figure, and of how many texts; `None` where the run has none of this name.
    got: Option<(f64, usize)>,
}

impl Floors {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, is no file of floors, or asks for nothing.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let content = read_bounded(path, MAX_FILE_BYTES).with_context(|| format!("{}", path.display()))?;
        let floors: Self = serde_json::from_slice(&content).with_context(|| format!("{}", path.display()))?;
        if floors.floors.is_empty() && floors.ceilings.is_empty() {
            bail!("{}: neither a floor nor a ceiling is written in it", path.display());
        }
        Ok(floors)
    }

    /// What a run with these figures keeps with room for noise: the margin and one text below each rate of detection, a tenth
    /// of the margin and one text above each rate of false alarms. Bounds that would ask for nothing are left out.
    pub fn below(figures: &BTreeMap<String, Figure>, margin: f64) -> Self {
        let mut made = Self::default();
        for (name, figure) in figures.iter().filter(|(_, figure)| figure.of >= LEAST_TEXTS) {
            let one_text = 1.0 / figure.of as f64;
            match figure.wants {
                Wants::More => {
                    let floor = rounded((figure.value - margin - one_text).max(0.0));
                    if floor > 0.0 {
                        made.floors.insert(name.clone(), floor);
                    }
                }
                Wants::Less => {
                    let ceiling = rounded(figure.value + margin * CEILING_MARGIN + one_text);
                    if ceiling < 1.0 {
                        made.ceilings.insert(name.clone(), ceiling);
                    }
                }
            }
        }
        made
    }

    /// The file.
    ///
    /// # Errors
    /// None that figures can cause.
    pub fn to_json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// What does not hold, by name. A figure that is missing does not hold: a group that was lost is not a group that is well.
    pub fn violations(&self, figures: &BTreeMap<String, Figure>) -> Vec<Violation> {
        let wrong = |bound, name: &String, expected: f64, is_kept: &dyn Fn(f64) -> bool| {
            let figure = figures.get(name);
            let holds = figure.is_some_and(|figure| is_kept(figure.value));
            let got = figure.map(|figure| (figure.value, figure.of));
            (!holds).then(|| Violation { name: name.clone(), bound, expected, got })
        };
        let floors = self
            .floors
            .iter()
            .filter_map(|(name, floor)| wrong("at least", name, *floor, &|value| value >= floor - ROUNDING));
        let ceilings = self
            .ceilings
            .iter()
            .filter_map(|(name, ceiling)| wrong("at most", name, *ceiling, &|value| value <= ceiling + ROUNDING));
        floors.chain(ceilings).collect()
    }
}

fn rounded(share: f64) -> f64 {
    (share * 10_000.0).round() / 10_000.0
}

/// The violations for a terminal.
pub fn render(violations: &[Violation]) -> String {
    let mut out = String::new();
    for Violation { name, bound, expected, got } in violations {
        let got = match got {
            Some((value, of)) => format!("is {value:.4} of {of} texts"),
            None => "this run has no such figure".to_owned(),
        };
        // Writing to a string does not fail.
        let _ = writeln!(out, "{name}: expected {bound} {expected:.4}, {got}");
    }
    let plural = if violations.len() == 1 { "figure does" } else { "figures do" };
    let _ = writeln!(out, "{} {plural} not hold", violations.len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(entries: &[(&str, f64, usize, Wants)]) -> BTreeMap<String, Figure> {
        let figure = |(name, value, of, wants): &(&str, f64, usize, Wants)| {
            ((*name).to_owned(), Figure { value: *value, of: *of, wants: *wants })
        };
        entries.iter().map(figure).collect()
    }

    #[test]
    fn floors_of_a_run_hold_for_it_and_not_for_a_worse_one() {
        let run =
            |recall, alarms| figures(&[("recall", recall, 100, Wants::More), ("alarms", alarms, 1000, Wants::Less)]);
        let floors = Floors::below(&run(0.8, 0.01), 0.03);
        assert_eq!((floors.floors["recall"], floors.ceilings["alarms"]), (0.76, 0.014));
        assert_eq!(floors.violations(&run(0.8, 0.01)), []);
        assert_eq!(floors.violations(&run(0.76, 0.014)), []);
        let violations = floors.violations(&run(0.75, 0.02));
        let text = render(&violations);
        assert!(text.contains("recall: expected at least 0.7600, is 0.7500 of 100 texts"), "{text}");
        assert!(text.contains("alarms: expected at most 0.0140, is 0.0200 of 1000 texts"), "{text}");
        assert!(text.ends_with("2 figures do not hold\n"), "{text}");
    }

    #[test]
    fn a_figure_that_is_gone_does_not_hold() {
        let floors = Floors::below(&figures(&[("recall/lang=de", 0.8, 100, Wants::More)]), 0.03);
        let violations = floors.violations(&BTreeMap::new());
        assert_eq!(violations.len(), 1);
        assert!(render(&violations).contains("no such figure"));
    }

    #[test]
    fn small_groups_and_floors_of_nothing_are_left_out() {
        let run = figures(&[
            ("small", 1.0, 9, Wants::More),
            ("nothing", 0.01, 100, Wants::More),
            ("no alarm", 0.0, 100, Wants::Less),
            ("nothing but alarms", 1.0, 100, Wants::Less),
        ]);
        let floors = Floors::below(&run, 0.03);
        assert!(floors.floors.is_empty());
        assert_eq!(floors.ceilings, BTreeMap::from([("no alarm".to_owned(), 0.013)]));
    }

    #[test]
    fn a_file_that_asks_for_nothing_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("floors.json");
        for wrong in ["{\"floors\":{},\"ceilings\":{}}", "{\"floor\":{}}", "[]", ""] {
            std::fs::write(&path, wrong).unwrap();
            assert!(Floors::read(&path).is_err(), "{wrong}");
        }
        let floors = Floors { floors: BTreeMap::from([("recall".to_owned(), 0.5)]), ceilings: BTreeMap::new() };
        std::fs::write(&path, floors.to_json().unwrap()).unwrap();
        assert_eq!(Floors::read(&path).unwrap(), floors);
    }
}
