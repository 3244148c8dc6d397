//! The events of a stream. Each event is judged as it comes and nothing is held back yet: text that is split over two
//! events is not put together here.

use super::budget::TimeBudget;
use super::engine::Inspector;
use super::findings::Examined;
use crate::config::settings::ToolPolicy;
use crate::stages::decode::Decoded;
use std::sync::Arc;

/// Looks at one streamed answer. Give it every event in order, then call [`StreamInspector::finish`].
#[derive(Debug)]
pub struct StreamInspector {
    inspector: Arc<Inspector>,
}

impl StreamInspector {
    /// Begins a stream.
    pub fn new(inspector: Arc<Inspector>) -> Self {
        Self { inspector }
    }

    /// Takes one event; gives the events that can be judged now, in order.
    pub fn push(
        &mut self,
        decoded: Decoded,
        tools: &ToolPolicy,
        budget: &TimeBudget<'_>,
    ) -> impl Iterator<Item = Examined> + use<> {
        std::iter::once(self.inspector.answer(decoded, tools, budget))
    }

    /// Bytes held back now.
    pub fn hold(&self) -> usize {
        0
    }

    /// Ends the stream; gives the events that were held back.
    pub fn finish(&mut self) -> impl Iterator<Item = Examined> + use<> {
        std::iter::empty()
    }
}
