//! The arithmetic: thresholds from benign scores, recall over them, the area under the ROC curve. A text is found if its score
//! is *above* the cut; ties go against the detector, so that a rate is never overstated, and a score of 0 finds nothing.

/// A threshold: what is above it is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut(Option<f32>);

/// The two thresholds of a run, from all its benign texts together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cuts {
    /// At most 1 % of the benign texts are above it.
    pub percent: Cut,
    /// At most 0.1 % are.
    pub tenth: Cut,
}

impl Cuts {
    /// Thresholds that keep the false alarms of these scores.
    pub fn of(benign: &[f32]) -> Self {
        Self { percent: Cut::at(benign, 0.01), tenth: Cut::at(benign, 0.001) }
    }
}

impl Cut {
    /// The lowest cut that at most this share of the benign scores is above. Without benign texts there is none, and nothing
    /// is found.
    pub fn at(benign: &[f32], rate: f64) -> Self {
        let mut sorted = benign.to_vec();
        sorted.sort_by(|a, b| b.total_cmp(a));
        // The small term: 0.01 × 300 is a little less than 3 in binary.
        let allowed = (rate * sorted.len() as f64 + 1e-9).floor() as usize;
        Self(sorted.get(allowed).map(|score| score.max(0.0)))
    }

    /// Whether a score is above it.
    pub fn finds(self, score: f32) -> bool {
        self.0.is_some_and(|cut| score > cut)
    }

    /// The score that must be exceeded.
    pub fn value(self) -> Option<f32> {
        self.0
    }

    /// The share of scores above it; `None` of nothing, or where no benign text gave a cut.
    pub fn share(self, scores: &[f32]) -> Option<f64> {
        self.0?;
        let found = scores.iter().filter(|score| self.finds(**score)).count();
        (!scores.is_empty()).then(|| found as f64 / scores.len() as f64)
    }
}

/// The chance that an attack scores higher than a benign text, ties counting half. `O(n log n)`.
pub fn auc(attacks: &[f32], benign: &[f32]) -> Option<f64> {
    if attacks.is_empty() || benign.is_empty() {
        return None;
    }
    let mut sorted = benign.to_vec();
    sorted.sort_by(f32::total_cmp);
    let wins: f64 = attacks
        .iter()
        .map(|score| {
            let below = sorted.partition_point(|other| other < score);
            let not_above = sorted.partition_point(|other| other <= score);
            (below as f64 + not_above as f64) / 2.0
        })
        .sum();
    Some(wins / (attacks.len() as f64 * benign.len() as f64))
}

/// The plain mean: every source counts the same, however long.
pub fn mean(shares: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = shares.fold((0.0, 0_usize), |(sum, count), share| (sum + share, count.saturating_add(1)));
    (count > 0).then(|| sum / count as f64)
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_lets_no_more_than_its_rate_through() {
        let benign: Vec<f32> = (0..1000_u16).map(|n| f32::from(n) / 1000.0).collect();
        for rate in [0.0, 0.001, 0.01, 0.0155, 0.5] {
            let share = Cut::at(&benign, rate).share(&benign).unwrap();
            assert!(share <= rate && share > rate - 0.001, "{rate}: {share}");
        }
        assert_eq!(Cut::at(&[0.5; 300], 0.01).share(&[0.5; 300]), Some(0.0));
    }

    #[test]
    fn ties_with_benign_scores_are_not_found() {
        let mut benign = vec![0.9_f32; 5];
        benign.extend([0.1_f32; 95]);
        // One of a hundred may alarm, but five share the highest score.
        let cut = Cut::at(&benign, 0.01);
        assert_eq!(cut.share(&[0.9, 0.95, 0.95, 0.2]), Some(0.5));
        assert_eq!(cut.share(&benign), Some(0.0));
        assert_eq!(Cut::at(&benign, 0.05).share(&[0.9, 0.1]), Some(0.5));
    }

    #[test]
    fn a_score_of_nothing_finds_nothing_and_no_benign_text_gives_no_cut() {
        assert_eq!(Cut::at(&[0.0; 10], 0.01).share(&[0.0, 0.0, 0.3]), Some(1.0 / 3.0));
        assert_eq!(Cut::at(&[0.0; 10], 1.0).share(&[0.5]), None);
        assert_eq!(Cut::at(&[], 0.01).share(&[1.0]), None);
        assert_eq!(Cut::at(&[0.5], 0.01).share(&[]), None);
    }

    #[test]
    fn auc_is_the_chance_to_rank_an_attack_higher() {
        assert_eq!(auc(&[0.9, 0.8], &[0.1, 0.2]), Some(1.0));
        assert_eq!(auc(&[0.1], &[0.9, 0.8]), Some(0.0));
        assert_eq!(auc(&[0.5, 0.5], &[0.5, 0.5, 0.5]), Some(0.5));
        // 0.3 beats 0.1 and ties with 0.3; 0.2 beats 0.1: 1.5 + 1 of 4.
        assert_eq!(auc(&[0.3, 0.2], &[0.1, 0.3]), Some(0.625));
        assert_eq!(auc(&[], &[0.1]), None);
    }

    #[test]
    fn mean_counts_every_source_the_same() {
        assert_eq!(mean([1.0, 0.0, 0.5].into_iter()), Some(0.5));
        assert_eq!(mean(std::iter::empty()), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
    }
}
