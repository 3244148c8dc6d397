//! From margins and signatures to one score. A few weights on what stands out in a stretch of text: its worst windows, how
//! alike the rest is, and what signatures say. Trained on texts of sources that the windows' weights had not seen.

use super::scan::{Window, Windows};
use std::ops::Range;

/// Long windows that are judged together: about 4,000 tokens, or 20 KB of English.
const WINDOWS_TOGETHER: usize = 64;
/// Weights of the stack, the first for a constant.
pub(super) const STACK_LEN: usize = 18;

/// What signatures say about a stretch of text.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Evidence {
    /// The highest score.
    pub highest: f32,
    /// The highest score of another family.
    pub second: f32,
    /// Families with a match.
    pub families: u8,
}

impl Evidence {
    /// Collects from matches: family and score.
    pub fn of<'f>(matches: impl Iterator<Item = (&'f str, f32)>) -> Self {
        let mut families: Vec<(&str, f32)> = Vec::new();
        for (family, score) in matches {
            match families.iter_mut().find(|known| known.0 == family) {
                Some(known) => known.1 = known.1.max(score),
                None => families.push((family, score)),
            }
        }
        families.sort_by(|a, b| b.1.total_cmp(&a.1));
        let score = |at: usize| families.get(at).map_or(0.0, |family| family.1);
        Self { highest: score(0), second: score(1), families: u8::try_from(families.len()).unwrap_or(u8::MAX) }
    }
}

/// What the stack sees of a stretch of text.
pub(super) type Inputs = [f32; STACK_LEN];

/// A stretch of text as the stack sees it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stretch {
    /// Where it stands in the text.
    pub span: Range<usize>,
    /// The short window that stands out most.
    pub worst: Range<usize>,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Shape {
    short: f32,
    short_second: f32,
    long: f32,
    long_mean: f32,
}

/// The stretches of a text, in order; they overlap by one long window.
pub(super) fn stretches(windows: &Windows) -> Vec<Stretch> {
    let mut all = Vec::new();
    let mut from = 0;
    while from < windows.long.len() {
        let to = from.saturating_add(WINDOWS_TOGETHER).min(windows.long.len());
        let long = windows.long.get(from..to).unwrap_or_default();
        if let (Some(first), Some(last)) = (long.first(), long.last()) {
            let span = first.span.start..last.span.end;
            let begin = windows.short.partition_point(|window| window.span.start < span.start);
            let end = windows.short.partition_point(|window| window.span.start < span.end);
            let short = windows.short.get(begin..end).unwrap_or_default();
            all.extend(stretch(span, short, long));
        }
        if to == windows.long.len() {
            break;
        }
        from = to.saturating_sub(1);
    }
    all
}

fn stretch(span: Range<usize>, short: &[Window], long: &[Window]) -> Option<Stretch> {
    let (at, worst) = short.iter().enumerate().max_by(|a, b| a.1.margin.total_cmp(&b.1.margin))?;
    // Neighbours overlap and say the same.
    let others = short.iter().enumerate().filter(|(other, _)| other.abs_diff(at) > 1);
    let short_second = others.map(|(_, window)| window.margin).fold(LEAST_MARGIN, f32::max);
    #[allow(clippy::cast_precision_loss)]
    let shape = Shape {
        short: worst.margin,
        short_second,
        long: long.iter().map(|window| window.margin).fold(LEAST_MARGIN, f32::max),
        long_mean: long.iter().map(|window| window.margin).sum::<f32>() / long.len().max(1) as f32,
    };
    Some(Stretch { span, worst: worst.span.clone(), shape })
}

/// Margins below this say no less.
const LEAST_MARGIN: f32 = -6.0;

impl Stretch {
    /// What the stack sees, with what signatures say.
    pub fn inputs(&self, evidence: &Evidence) -> Inputs {
        let Shape { short, short_second, long, long_mean } = self.shape;
        let bounded = |margin: f32| margin.clamp(LEAST_MARGIN, -LEAST_MARGIN);
        let above = |margin: f32, knee: f32| (bounded(margin) - knee).max(0.0);
        let is = |yes: bool| if yes { 1.0 } else { 0.0 };
        [
            1.0,
            bounded(short),
            above(short, 0.0),
            above(short, 2.0),
            bounded(short_second),
            above(short_second, 0.0),
            bounded(long),
            above(long, 0.0),
            above(long, 2.0),
            bounded(long_mean),
            above(long_mean, 0.0),
            evidence.highest,
            is(evidence.highest >= 0.5),
            is(evidence.highest >= 0.7),
            is(evidence.highest >= 0.9),
            evidence.second,
            is(evidence.second >= 0.5),
            f32::from(evidence.families.min(4)),
        ]
    }
}

/// The stack's sum.
pub(super) fn weigh(weights: &Inputs, inputs: &Inputs) -> f32 {
    weights.iter().zip(inputs).map(|(weight, input)| weight * input).sum()
}

/// Leads the stack's sum to a score from 0 to 1 by straight lines between points.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    points: Vec<(f32, f32)>,
}

impl Scale {
    /// `None` unless there are two points at least, and both coordinates ascend.
    pub fn new(points: Vec<(f32, f32)>) -> Option<Self> {
        let ascends = points.windows(2).all(|pair| matches!(pair, [a, b] if a.0 < b.0 && a.1 <= b.1));
        let bounded = points.iter().all(|point| (0.0..=1.0).contains(&point.1));
        (points.len() >= 2 && ascends && bounded).then_some(Self { points })
    }

    pub fn points(&self) -> &[(f32, f32)] {
        &self.points
    }

    /// The score of a sum.
    pub fn score(&self, sum: f32) -> f32 {
        let after = self.points.partition_point(|point| point.0 <= sum);
        let before = after.checked_sub(1).and_then(|at| self.points.get(at));
        match (before, self.points.get(after)) {
            (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (sum - a.0) / (b.0 - a.0),
            (Some(only), None) | (None, Some(only)) => only.1,
            (None, None) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_counted_by_family() {
        let matches = [("override", 0.6), ("override", 0.9), ("persona", 0.4)];
        let evidence = Evidence::of(matches.into_iter());
        assert_eq!(evidence, Evidence { highest: 0.9, second: 0.4, families: 2 });
        assert_eq!(Evidence::of(std::iter::empty()), Evidence::default());
    }

    #[test]
    fn scale_is_straight_between_points_and_flat_beyond() {
        let scale = Scale::new(vec![(0.0, 0.1), (2.0, 0.5), (3.0, 0.9)]).unwrap();
        for (sum, score) in [(-5.0, 0.1), (0.0, 0.1), (1.0, 0.3), (2.0, 0.5), (2.5, 0.7), (9.0, 0.9)] {
            assert!((scale.score(sum) - score).abs() < 1e-6, "{sum}");
        }
        assert!(Scale::new(vec![(0.0, 0.1)]).is_none());
        assert!(Scale::new(vec![(0.0, 0.5), (1.0, 0.1)]).is_none());
        assert!(Scale::new(vec![(0.0, 0.5), (0.0, 0.6)]).is_none());
    }

    #[test]
    fn stretches_cover_every_long_window_and_overlap() {
        let window =
            |at: usize, len: usize| Window { margin: if at == 9_000 { 5.0 } else { -1.0 }, span: at..at + len };
        let windows = Windows {
            short: (0..800).map(|n| window(n * 15, 30)).collect(),
            long: (0..200).map(|n| window(n * 60, 120)).collect(),
        };
        let all = stretches(&windows);
        assert_eq!((all[0].span.start, all.last().unwrap().span.end), (0, 199 * 60 + 120));
        assert!(all.windows(2).all(|pair| pair[1].span.start < pair[0].span.end));
        assert!(all.iter().any(|stretch| stretch.worst == (9_000..9_030)));
    }
}
