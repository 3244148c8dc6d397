//! What a policy says about streamed answers.

use std::time::Duration;

/// Bounds of what is held back of a streamed answer until it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPolicy {
    /// Text that may be the beginning of something, in bytes over all choices. Default: 8 KiB, which a private key needs.
    pub max_held_bytes: usize,
    /// Arguments of tool calls, which are judged when they are whole, in bytes over all calls. Above it the stream is cut.
    /// Default: 64 KiB.
    pub max_call_bytes: usize,
    /// How long text is held while the upstream says nothing. Default: 1 s.
    pub max_wait: Duration,
    /// What happens above `max_held`. Default: cut.
    pub when_full: AtBound,
    /// What happens after `max_wait`. Default: deliver, since upstreams do pause in the middle of a word.
    pub when_slow: AtBound,
    /// How a stream ends whose rest is withheld. Default: finish.
    pub on_block: OnBlock,
}

impl Default for StreamPolicy {
    fn default() -> Self {
        Self {
            max_held_bytes: 8 << 10,
            max_call_bytes: 64 << 10,
            max_wait: Duration::from_secs(1),
            when_full: AtBound::Cut,
            when_slow: AtBound::Deliver,
            on_block: OnBlock::Finish,
        }
    }
}

/// What happens to held text at a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtBound {
    /// The stream is cut.
    Cut,
    /// It is judged as it stands and delivered; what follows is judged together with it.
    Deliver,
}

/// How a stream ends that a policy cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnBlock {
    /// As the dialect ends a filtered answer: `finish_reason: content_filter`, `stop_reason: refusal`.
    Finish,
    /// With an error event.
    Error,
}
