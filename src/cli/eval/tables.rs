//! The figures for people: all of them as text, or the README's few as Markdown.

use super::judge::Kept;
use super::ranking::mean;
use super::report::{Group, Report};
use std::fmt::Write;

/// Languages with fewer attacks are not shown in the README.
const LEAST_FOR_README: usize = 10;

/// Width at which the README's prose is wrapped, in characters.
const WIDTH: usize = 150;

/// A table with a first column of names.
struct Table {
    title: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// All figures.
pub fn text(report: &Report) -> String {
    let mut out = summary(report);
    let mut tables = vec![
        groups("by source", &report.sources),
        groups("by kind", &report.kinds),
        groups("by language", &report.languages),
    ];
    if !report.families.is_empty() {
        tables.push(groups("by family", &report.families));
    }
    tables.push(groups("by origin: every text from every mouth", &report.origins));
    if !report.disguised.is_empty() {
        tables.push(disguises(report));
    }
    for table in &tables {
        table.write_text(&mut out);
    }
    if let Some(kept) = report.kept_reversible() {
        // Writing to a string does not fail.
        let _ = writeln!(out, "\nreversible disguises keep {} of what is found plain, on average", percent(Some(kept)));
    }
    out
}

/// The tables of the README.
pub fn markdown(report: &Report) -> String {
    let (attacks, benign) = (report.pooled.attacks.count, report.pooled.benign.count);
    let mut out = format!("{attacks} attacks and {benign} benign texts of {} sources.\n", report.sources.len());
    let by_mouth = |name: &str, kind: &str| {
        let wanted = format!("{name}, {kind}");
        report.origins.iter().find(|group| group.name == wanted)
    };
    let rows = report.kinds.iter().flat_map(|kind| {
        let tool = by_mouth("tool_result", &kind.name);
        let side = |attacks: bool| {
            let of = |group: &Group| if attacks { group.attacks } else { group.benign };
            let own = of(kind);
            let user = by_mouth("user", &kind.name).map(of);
            (own.count > 0).then(|| {
                vec![
                    format!("{}{}", if attacks { "attacks, " } else { "" }, kind.name),
                    own.count.to_string(),
                    percent(user.and_then(|side| side.blocked.share())),
                    percent(tool.map(of).and_then(|side| side.blocked.share())),
                    percent(own.flagged.share()),
                    percent(own.at_percent),
                    percent(own.at_tenth),
                ]
            })
        };
        [side(true), side(false)].into_iter().flatten()
    });
    let head =
        vec!["", "texts", "blocked as user", "as tool result", "flagged or blocked", "over the 1 % threshold", "0.1 %"];
    let mut by_kind = Table { title: "", head, rows: rows.collect() };
    by_kind.rows.sort_by_key(|row| row.first().is_none_or(|name| !name.starts_with("attacks")));
    by_kind.write_markdown(&mut out);

    let pooled = &report.pooled;
    let [macro_percent, macro_tenth] = report.macro_recall;
    let mut sums = Table { title: "", head: vec!["all attacks", "at 1 % false alarms", "at 0.1 %"], rows: Vec::new() };
    let mut add = |name: &str, percent_share, tenth_share| {
        sums.rows.push(vec![name.to_owned(), percent(percent_share), percent(tenth_share)]);
    };
    add("found, pooled", pooled.attacks.at_percent, pooled.attacks.at_tenth);
    add("found, mean over sources", macro_percent, macro_tenth);
    if let Some(english) = report.languages.iter().find(|group| group.name == "en") {
        add("found, English", english.attacks.at_percent, english.attacks.at_tenth);
    }
    let others =
        || report.languages.iter().filter(|group| group.name != "en" && group.attacks.count >= LEAST_FOR_README);
    add(
        "found, mean over the other languages",
        mean(others().filter_map(|group| group.attacks.at_percent)),
        mean(others().filter_map(|group| group.attacks.at_tenth)),
    );
    sums.write_markdown(&mut out);
    let _ = writeln!(out, "\nAUC {}.", pooled.auc.map_or("–".to_owned(), |auc| format!("{auc:.3}")));
    let languages: Vec<String> =
        others().map(|group| format!("{} {}", group.name, percent(group.attacks.at_percent))).collect();
    if !languages.is_empty() {
        wrap(&format!("By language at 1 %: {}.", languages.join(", ")), &mut out);
    }
    if !report.disguised.is_empty() {
        out.push('\n');
        let kept: Vec<String> =
            report.disguised.iter().map(|one| format!("{} {}", one.name, percent(one.found.share()))).collect();
        let mean = percent(report.kept_reversible());
        let kept = kept.join(", ");
        wrap(
            &format!(
                "Found plain and still found in disguise: {mean} on average over the reversible disguises; {kept}."
            ),
            &mut out,
        );
    }
    out.push('\n');
    wrap(&time(report), &mut out);
    out
}

/// Adds a paragraph in lines of bounded width. A number stays with its percent sign.
fn wrap(text: &str, out: &mut String) {
    let mut used = 0_usize;
    for word in text.replace(" %", "\u{1}%").split(' ') {
        let length = word.chars().count();
        if used > 0 && used.saturating_add(length) >= WIDTH {
            out.push('\n');
            used = 0;
        } else if used > 0 {
            out.push(' ');
        }
        out.push_str(&word.replace('\u{1}', " "));
        used = used.saturating_add(length).saturating_add(1);
    }
    out.push('\n');
}

fn summary(report: &Report) -> String {
    let pooled = &report.pooled;
    let mut out = format!("{} attacks, {} benign texts\n", pooled.attacks.count, pooled.benign.count);
    let cut =
        |cut: Option<f32>| cut.map_or("none: no benign texts".to_owned(), |score| format!("score above {score:.4}"));
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<34}{value}");
    };
    line("threshold of 1 % false alarms", cut(report.cuts.percent.value()));
    line("threshold of 0.1 %", cut(report.cuts.tenth.value()));
    line("AUC", pooled.auc.map_or("–".to_owned(), |auc| format!("{auc:.4}")));
    let both = |[a, b]: [Option<f64>; 2]| format!("{} / {}", percent(a), percent(b));
    line("recall at 1 % / 0.1 %, pooled", both([pooled.attacks.at_percent, pooled.attacks.at_tenth]));
    line("recall at 1 % / 0.1 %, per source", both(report.macro_recall));
    line("attacks blocked / flagged", both([pooled.attacks.blocked.share(), pooled.attacks.flagged.share()]));
    line("benign blocked / flagged", both([pooled.benign.blocked.share(), pooled.benign.flagged.share()]));
    if report.incomplete > 0 {
        line("not finished by a guard", report.incomplete.to_string());
    }
    out.push_str(&time(report));
    out.push('\n');
    out
}

fn time(report: &Report) -> String {
    let (median, count) = report.time;
    let median = median.map_or("–".to_owned(), |ns| format!("{ns:.1}"));
    format!(
        "Inspection: {median} ns per byte, the median of {count} texts of at least 1 KB, each seen for the first time as a user's \
         message; wall clock, all guards, whatever else the machine was doing."
    )
}

fn groups(title: &'static str, groups: &[Group]) -> Table {
    let head = vec![
        "", "kind", "attacks", "blocked", "flagged", "at 1 %", "at 0.1 %", "AUC", "benign", "blocked", "flagged",
        "over 1 %",
    ];
    let row = |group: &Group| {
        let Group { name, kinds, attacks, benign, auc } = group;
        let kinds = if kinds.len() > 2 { format!("{} kinds", kinds.len()) } else { join(kinds.iter()) };
        vec![
            name.clone(),
            kinds,
            count(attacks.count),
            percent(attacks.blocked.share()),
            percent(attacks.flagged.share()),
            percent(attacks.at_percent),
            percent(attacks.at_tenth),
            auc.map_or(String::new(), |auc| format!("{auc:.3}")),
            count(benign.count),
            percent(benign.blocked.share()),
            percent(benign.flagged.share()),
            percent(benign.at_percent),
        ]
    };
    Table { title, head, rows: groups.iter().map(row).collect() }
}

fn disguises(report: &Report) -> Table {
    let head = vec![
        "",
        "found plain",
        "still found",
        "blocked plain",
        "still blocked",
        "benign",
        "over 1 %",
        "blocked",
        "flagged",
    ];
    let of = |kept: Kept| count(kept.of);
    let row = |one: &super::judge::Disguised| {
        let [over, block, flag] = one.alarms;
        vec![
            one.name.to_owned(),
            of(one.found),
            percent(one.found.share()),
            of(one.blocked),
            percent(one.blocked.share()),
            of(over),
            percent(over.share()),
            percent(block.share()),
            percent(flag.share()),
        ]
    };
    Table { title: "in disguise", head, rows: report.disguised.iter().map(row).collect() }
}

fn join<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn count(count: usize) -> String {
    if count == 0 { String::new() } else { count.to_string() }
}

/// A share in percent: two digits below one percent, where false alarms live; one above.
fn percent(share: Option<f64>) -> String {
    match share.map(|share| share * 100.0) {
        None => String::new(),
        Some(all) if all >= 99.995 => "100 %".to_owned(),
        Some(none) if none < 0.005 => "0 %".to_owned(),
        Some(small) if small < 1.0 => format!("{small:.2} %"),
        Some(share) => format!("{share:.1} %"),
    }
}

impl Table {
    fn write_text(&self, out: &mut String) {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain(self.head.get(column).map(|cell| cell.chars().count())).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let mut line = |cells: &[String]| {
            let mut text = String::new();
            for (index, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                let _ = if index == 0 { write!(text, "{cell:<width$}") } else { write!(text, "  {cell:>width$}") };
            }
            let _ = writeln!(out, "{}", text.trim_end());
        };
        line(&[String::new()]);
        line(&[self.title.to_owned()]);
        line(&self.head.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
        self.rows.iter().for_each(|row| line(row));
    }

    fn write_markdown(&self, out: &mut String) {
        let _ = writeln!(out, "\n| {} |", self.head.join(" | "));
        let _ = writeln!(out, "|{}", "---|".repeat(self.head.len()));
        for row in &self.rows {
            let _ = writeln!(out, "| {} |", row.join(" | "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_show_false_alarms_of_one_in_ten_thousand_and_never_round_to_all_or_nothing() {
        let shown = [Some(1.0), Some(0.9999), Some(0.5), Some(0.0099), Some(0.0001), Some(0.0), None].map(percent);
        assert_eq!(shown, ["100 %", "100.0 %", "50.0 %", "0.99 %", "0.01 %", "0 %", ""]);
    }

    #[test]
    fn prose_is_wrapped_between_words_and_not_before_a_percent_sign() {
        let text = "word 12.3 % ".repeat(40);
        let mut out = String::new();
        wrap(text.trim(), &mut out);
        assert_eq!(out.split_whitespace().collect::<Vec<_>>(), text.split_whitespace().collect::<Vec<_>>());
        assert!(out.lines().all(|line| line.chars().count() <= WIDTH && !line.starts_with('%')), "{out}");
    }
}
