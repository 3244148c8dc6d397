//! Which strings of an event continue a text that earlier events began. A *lane* is one such text: the content of a choice,
//! the arguments of one tool call. What stands in no lane is whole in its event.

/// One text that a stream says piece by piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LaneId {
    /// The choice, the block or the item of output.
    pub output: u32,
    /// The part of the output: a tool call of a choice, a part of an item.
    pub part: u32,
    /// The field of the dialect that carries it.
    pub field: LaneField,
}

/// What a lane carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LaneField {
    /// What the user reads.
    Content,
    /// The model's own refusal.
    Refusal,
    /// Reasoning or thinking.
    Reasoning,
    /// The words of an audio answer.
    Transcript,
    /// The arguments of a tool call: they mean something only when they are whole.
    Arguments,
}

/// A piece of a lane in one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LanePiece {
    /// The lane.
    pub lane: LaneId,
    /// The segment that holds the text; `None` where the event belongs to the lane and holds no text of it.
    pub segment: Option<usize>,
}

/// Lanes that an event ends, after its own pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneEnd {
    /// All lanes.
    All,
    /// Those of one output.
    Output(u32),
    /// Those of one part of an output.
    Part(u32, u32),
}

impl LaneEnd {
    /// Whether it ends this lane.
    pub fn ends(self, lane: LaneId) -> bool {
        match self {
            Self::All => true,
            Self::Output(output) => lane.output == output,
            Self::Part(output, part) => lane.output == output && lane.part == part,
        }
    }
}
