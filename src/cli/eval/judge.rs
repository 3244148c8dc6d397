//! All texts through the stages, on some threads. What comes out does not depend on the number of threads, except times.

use super::body::{self, Speaker};
use super::ranking::{Cut, Cuts};
use super::rows::{Label, Row, Said};
use super::transforms::Transform;
use crate::model::{Action, Endpoint};
use crate::pipeline::{Rehearsal, Rehearsed};
use anyhow::{Context, anyhow};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the stages say of one row.
#[derive(Debug, Clone)]
pub struct Judged {
    /// As its own speaker says it.
    pub own: Rehearsed,
    /// As each speaker says it, in the order of [`Speaker::ALL`]; nothing for rows of messages.
    pub by_speaker: Vec<Rehearsed>,
}

/// What one disguise does.
#[derive(Debug, Clone)]
pub struct Disguised {
    /// The disguise.
    pub name: &'static str,
    /// Whether the text could be had back.
    pub is_reversible: bool,
    /// Attacks that are found plain at 1 % false alarms, and still are.
    pub found: Kept,
    /// Attacks that are blocked plain, and still are.
    pub blocked: Kept,
    /// Benign texts over the threshold, blocked, and flagged or more.
    pub alarms: [Kept; 3],
}

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// How many there are.
    pub of: usize,
    /// How many still hold.
    pub count: usize,
}

impl Kept {
    /// Counts one more.
    pub fn add(&mut self, holds: bool) {
        self.of = self.of.saturating_add(1);
        self.count = self.count.saturating_add(usize::from(holds));
    }

    /// The share; `None` of nothing.
    pub fn share(self) -> Option<f64> {
        (self.of > 0).then(|| self.count as f64 / self.of as f64)
    }
}

/// Judges every row.
///
/// # Errors
/// A row whose messages are no request.
pub fn all(rehearsal: &Rehearsal, rows: &[Row], threads: usize) -> anyhow::Result<Vec<Judged>> {
    in_parallel(rows, threads, |row| match &row.said {
        Said::Messages(messages) => {
            let own = judge(rehearsal, row, body::of_messages(messages.expose()))?;
            Ok(Judged { own, by_speaker: Vec::new() })
        }
        Said::Text(text) => {
            let as_said = |speaker| judge(rehearsal, row, body::of_text(text.expose(), speaker));
            let by_speaker = Speaker::ALL.into_iter().map(as_said).collect::<Result<Vec<_>, _>>()?;
            let place = Speaker::ALL.iter().position(|speaker| *speaker == row.speaker);
            let own = place.and_then(|place| by_speaker.get(place)).copied();
            Ok(Judged { own: own.ok_or_else(|| anyhow!("a speaker is not listed"))?, by_speaker })
        }
    })
}

/// Disguises attacks that are found or blocked plain, and benign texts, in every way, and judges them again.
///
/// # Errors
/// None that a text can cause.
pub fn disguised(
    rehearsal: &Rehearsal,
    rows: &[Row],
    judged: &[Judged],
    cuts: Cuts,
    sample: usize,
    threads: usize,
) -> anyhow::Result<Vec<Disguised>> {
    let texts = || rows.iter().zip(judged).filter(|(row, _)| matches!(row.said, Said::Text(_)));
    let attacks: Vec<_> = texts()
        .filter(|(row, plain)| {
            row.label == Label::Attack && (cuts.percent.finds(plain.own.score) || is_blocked(&plain.own))
        })
        .collect();
    let benign: Vec<_> = texts().filter(|(row, _)| row.label == Label::Benign).collect();
    let mut chosen = spread(&attacks, sample);
    chosen.extend(spread(&benign, sample));
    let mut all = Vec::new();
    for transform in Transform::ALL {
        let outcomes = in_parallel(&chosen, threads, |(row, _)| {
            let Said::Text(text) = &row.said else { return Ok(None) };
            let Some(text) = transform.apply(text.expose()) else { return Ok(None) };
            judge(rehearsal, row, body::of_text(&text, row.speaker)).map(Some)
        })?;
        all.push(summed(transform, &chosen, &outcomes, cuts.percent));
    }
    Ok(all)
}

fn summed(transform: Transform, chosen: &[(&Row, &Judged)], outcomes: &[Option<Rehearsed>], cut: Cut) -> Disguised {
    let (name, is_reversible) = (transform.name(), transform.is_reversible());
    let (mut found, mut blocked, mut alarms) = (Kept::default(), Kept::default(), [Kept::default(); 3]);
    for ((row, plain), after) in chosen.iter().zip(outcomes) {
        let Some(after) = after else { continue };
        match row.label {
            Label::Attack => {
                if cut.finds(plain.own.score) {
                    found.add(cut.finds(after.score));
                }
                if is_blocked(&plain.own) {
                    blocked.add(is_blocked(after));
                }
            }
            Label::Benign => {
                let [over, block, flag] = &mut alarms;
                over.add(cut.finds(after.score));
                block.add(is_blocked(after));
                flag.add(is_flagged(after));
            }
        }
    }
    Disguised { name, is_reversible, found, blocked, alarms }
}

/// Whether the policy refuses it.
pub fn is_blocked(one: &Rehearsed) -> bool {
    one.action == Action::Block
}

/// Whether the policy reports it, or does more.
pub fn is_flagged(one: &Rehearsed) -> bool {
    one.action != Action::Allow
}

fn judge(rehearsal: &Rehearsal, row: &Row, (endpoint, body): (Endpoint, Vec<u8>)) -> anyhow::Result<Rehearsed> {
    rehearsal.judge(endpoint, body).with_context(|| format!("{}, row {}", row.source, row.line))
}

/// At most so many, evenly spread.
fn spread<T: Copy>(all: &[T], most: usize) -> Vec<T> {
    if all.len() <= most {
        return all.to_vec();
    }
    (0..most).filter_map(|index| all.get(index.saturating_mul(all.len()) / most.max(1)).copied()).collect()
}

/// Works on all items; the results are in their order.
fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> anyhow::Result<R> + Sync,
) -> anyhow::Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return Ok(done) };
            done.push((index, work(item)?));
        }
    };
    let parts: Vec<anyhow::Result<Vec<(usize, R)>>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|one| one.join().unwrap_or_else(|_| Err(anyhow!("a worker panicked")))).collect()
    });
    let mut done = Vec::with_capacity(items.len());
    for part in parts {
        done.extend(part?);
    }
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}
