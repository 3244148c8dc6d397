//! `portcullis eval`: how well the shipped detection does on labelled texts. Runs the real stages in process: no network, no
//! file but those asked for, and no text in anything it prints.
//!
//! | file | for |
//! |---|---|
//! | `rows` | the labelled texts and where they are read from |
//! | `body` | the smallest real request around a text |
//! | `judge` | all texts through the stages, on some threads |
//! | `transforms`, `alphabets` | the disguises that `--obfuscate` puts on |
//! | `ranking` | thresholds, recall at a rate of false alarms, AUC |
//! | `report` | the figures by group |
//! | `tables` | the figures for people: text or Markdown |
//! | `floors` | the least that a run must reach |

mod alphabets;
mod body;
mod floors;
mod judge;
mod ranking;
mod report;
mod rows;
mod tables;
mod transforms;

use crate::config::{self, settings};
use crate::pipeline::Rehearsal;
use crate::snapshot::Offline;
use anyhow::{Context, anyhow, bail};
use body::Speaker;
use report::Report;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A floor or a ceiling does not hold.
const FLOORS_VIOLATED: u8 = 1;
/// Usage, configuration, or a file that cannot be read.
const COULD_NOT_RUN: u8 = 2;

/// What to measure and where to put it.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The configuration; policies are read from `policies/` beside it.
    #[arg(long, default_value = "gateway.yaml", conflicts_with = "policies")]
    config: PathBuf,
    /// A folder of policies and packs, instead of a configuration.
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// The policy that judges.
    #[arg(long, default_value = "default")]
    policy: String,
    /// Who says every text; by default what its row says, else the user.
    #[arg(long = "as", value_enum)]
    speaker: Option<Speaker>,
    /// Also disguise attacks and benign texts in every way known.
    #[arg(long)]
    obfuscate: bool,
    /// Attacks and benign texts that are disguised, at most so many of each, evenly spread.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    sample: usize,
    /// Threads that judge.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Print the README's tables as Markdown.
    #[arg(long)]
    markdown: bool,
    /// Write all figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write one line of JSON per text: place, label and score, never the text.
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    /// Floors and ceilings that must hold; exit code 1 where one does not.
    #[arg(long, value_name = "FILE")]
    floors: Option<PathBuf>,
    /// Write floors and ceilings that this run keeps with a margin.
    #[arg(long, value_name = "FILE")]
    write_floors: Option<PathBuf>,
    /// Room below each figure; a tenth of it above each rate of false alarms.
    #[arg(long, default_value_t = 0.03, value_name = "SHARE")]
    margin: f64,
    /// Files `*.jsonl` and `*.jsonl.gz`, or folders of them.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Measures. Exit code: 0 done, 1 floors violated, 2 wrong usage, bad configuration or unreadable texts.
pub fn run(arguments: &Arguments) -> ExitCode {
    match measure(arguments) {
        Ok(violations) if violations.is_empty() => ExitCode::SUCCESS,
        Ok(violations) => {
            eprint!("{}", floors::render(&violations));
            ExitCode::from(FLOORS_VIOLATED)
        }
        Err(error) => {
            eprintln!("portcullis: {error:#}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn measure(arguments: &Arguments) -> anyhow::Result<Vec<floors::Violation>> {
    // Before the long part: whoever mistyped a name should not wait for it.
    let floors = arguments.floors.as_deref().map(floors::Floors::read).transpose()?;
    let rehearsal = Rehearsal::new(compile(arguments)?);
    let rows = rows::read(&arguments.paths, arguments.speaker)?;
    let threads = usize::from(arguments.threads);
    let judged = judge::all(&rehearsal, &rows, threads)?;
    let mut report = Report::of(&rows, &judged);
    if arguments.obfuscate {
        report.disguised = judge::disguised(&rehearsal, &rows, &judged, report.cuts, arguments.sample, threads)?;
    }
    let figures = report.figures();
    if let Some(path) = &arguments.json {
        write(path, &(serde_json::to_string_pretty(&report.json(&figures))? + "\n"))?;
    }
    if let Some(path) = &arguments.scores {
        write(path, &report::score_lines(&rows, &judged))?;
    }
    if let Some(path) = &arguments.write_floors {
        write(path, &floors::Floors::below(&figures, arguments.margin).to_json()?)?;
    }
    // Last, so that a reader who has seen enough (`| head`) costs no file.
    let shown = if arguments.markdown { tables::markdown(&report) } else { tables::text(&report) };
    std::io::stdout().write_all(shown.as_bytes()).context("standard output")?;
    Ok(floors.map(|floors| floors.violations(&figures)).unwrap_or_default())
}

/// The named policy and all packs.
fn compile(arguments: &Arguments) -> anyhow::Result<Offline> {
    let (policies, packs) = match &arguments.policies {
        Some(folder) => config::load_policies(folder),
        None => {
            config::load(&arguments.config, &config::process_environment).map(|loaded| (loaded.policies, loaded.packs))
        }
    }
    .map_err(|faults| anyhow!("the configuration is bad\n{}", faults.render()))?;
    let policy = named(&policies, &arguments.policy)?;
    Ok(Offline::compile(policy, &packs)?)
}

fn named<'a>(policies: &'a [settings::Policy], name: &str) -> anyhow::Result<&'a settings::Policy> {
    if let Some(policy) = policies.iter().find(|policy| policy.id.as_str() == name) {
        return Ok(policy);
    }
    let known: Vec<&str> = policies.iter().map(|policy| policy.id.as_str()).collect();
    bail!("there is no policy `{name}`; there are: {}", known.join(", "))
}

fn write(path: &Path, content: &str) -> anyhow::Result<()> {
    std::fs::write(path, content).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests;
