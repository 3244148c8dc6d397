//! What the end of a stream has to know of the events before it: which choices, blocks and numbers the client has seen.
//! Events count when they were delivered, not when they were read: a cut must close what the client saw opened, no more.

use std::collections::VecDeque;

/// A content block of Anthropic's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Open(u64),
    Closed(u64),
}

/// What one event changes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Step {
    pub(super) started: bool,
    pub(super) created: Option<u64>,
    pub(super) block: Option<Block>,
    pub(super) sequence: Option<u64>,
    /// Choices as bits; those from 64 on share the last one.
    choices: u64,
    finished: u64,
}

impl Step {
    /// A choice appeared.
    pub(super) fn choice_seen(&mut self, number: u32) {
        self.choices |= bit(number);
    }

    /// A choice ended.
    pub(super) fn choice_finished(&mut self, number: u32) {
        self.finished |= bit(number);
    }
}

fn bit(number: u32) -> u64 {
    1 << number.min(63)
}

/// What the client has seen.
#[derive(Debug, Default)]
pub(super) struct Frame {
    seen: Step,
    open_block: Option<u64>,
    /// Events read and not yet said to be delivered.
    pending: VecDeque<Step>,
}

impl Frame {
    /// An event was read.
    pub(super) fn read(&mut self, step: Step) {
        self.pending.push_back(step);
    }

    /// The oldest event read was delivered.
    pub(super) fn delivered(&mut self) {
        if let Some(step) = self.pending.pop_front() {
            self.apply(step);
        }
    }

    fn apply(&mut self, step: Step) {
        self.seen.started |= step.started;
        self.seen.created = step.created.or(self.seen.created);
        self.seen.sequence = step.sequence.or(self.seen.sequence);
        self.seen.choices |= step.choices;
        self.seen.finished |= step.finished;
        match step.block {
            Some(Block::Open(index)) => self.open_block = Some(index),
            Some(Block::Closed(index)) if self.open_block == Some(index) => self.open_block = None,
            _ => {}
        }
    }

    /// Whether the client saw the stream's first event.
    pub(super) fn is_started(&self) -> bool {
        self.seen.started
    }

    /// When the answer was made, in seconds since the epoch, as the upstream says.
    pub(super) fn created(&self) -> u64 {
        self.seen.created.unwrap_or(0)
    }

    /// The block that the client saw opened and not closed.
    pub(super) fn open_block(&self) -> Option<u64> {
        self.open_block
    }

    /// The number of the next event, where events are numbered.
    pub(super) fn next_sequence(&self) -> u64 {
        self.seen.sequence.map_or(0, |last| last.saturating_add(1))
    }

    /// Choices that have not ended; the first one where none was seen.
    pub(super) fn open_choices(&self) -> Vec<u32> {
        let seen = if self.seen.choices == 0 { 1 } else { self.seen.choices };
        (0..64).filter(|number| seen & !self.seen.finished & (1 << number) != 0).collect()
    }
}
