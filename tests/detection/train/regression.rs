//! Logistic regression on hashed features of windows, and on the inputs of the stack.
//!
//! A text is a bag of windows of which some are an attack: in the first round only texts of few windows teach, and in each
//! further round the windows of an attack that score highest (multiple-instance learning; Andrews et al. 2002). Steps are AdaGrad's
//! (Duchi et al. 2011).

use super::corpus::{Doc, Kind};
use portcullis::stages::inspect::training::{INPUTS, LEAST};
use std::collections::BTreeMap;

const ROUNDS: usize = 3;
const EPOCHS: usize = 4;
const LEARNING_RATE: f32 = 0.3;
const RIDGE: f32 = 1e-4;
/// What AdaGrad begins with: features that are seen a few times only move little.
const FIRST_SQUARE: f32 = 0.1;
/// A source of so many texts weighs one a text; smaller ones weigh more, up to `MOST_WEIGHT`, larger ones less.
const USUAL_SOURCE: f32 = 300.0;
const MOST_WEIGHT: f32 = 3.0;
/// Weight of our own hard negatives, which are short.
const HARD_WEIGHT: f32 = 3.0;
/// Weight of all attacks together, against that of all benign texts.
const ATTACK_SHARE: f32 = 0.35;
/// Windows of an ordinary text that teach.
const BENIGN_WINDOWS: usize = 6;
/// Windows of a jailbreak that teach, of those that score highest; of an instruction inside content it is one.
const ATTACK_WINDOWS: usize = 8;
/// Largest share of weights that quantising may clip.
const CLIPPED: f64 = 0.0005;

/// The features of every window of a text.
pub struct Rows(Vec<Vec<u32>>);

impl Rows {
    pub fn new(windows: Vec<Vec<u32>>) -> Self {
        Self(windows)
    }
}

/// What was learned.
pub struct Trained {
    pub weights: Vec<f32>,
    pub bias: f32,
}

impl Trained {
    fn margin(&self, row: &[u32]) -> f32 {
        row.iter().map(|&feature| self.weights[feature as usize]).sum::<f32>() * norm(row) + self.bias
    }
}

fn norm(row: &[u32]) -> f32 {
    1.0 / (row.len().max(LEAST as usize) as f32).sqrt()
}

/// One window that teaches.
#[derive(Clone, Copy)]
struct Lesson {
    doc: usize,
    window: usize,
    weight: f32,
}

/// Trains on the texts `among`.
pub fn train(docs: &[Doc], rows: &[&Rows], among: &dyn Fn(&Doc) -> bool, table: usize) -> Trained {
    let mut sizes: BTreeMap<(&str, bool), f32> = BTreeMap::new();
    for doc in docs.iter().filter(|doc| among(doc)) {
        *sizes.entry((&doc.source, doc.is_attack())).or_default() += 1.0;
    }
    let mut trained = Trained { weights: vec![0.0; table], bias: -2.0 };
    for round in 0..ROUNDS {
        let mut lessons = Vec::new();
        for (index, doc) in docs.iter().enumerate().filter(|(_, doc)| among(doc)) {
            let size = sizes.get(&(doc.source.as_str(), doc.is_attack())).copied().unwrap_or(1.0);
            let hard = if doc.own && doc.kind == Kind::Hard { HARD_WEIGHT } else { 1.0 };
            let weight = (USUAL_SOURCE / size).sqrt().min(MOST_WEIGHT) * hard;
            let mut add = |window: usize, weight: f32| lessons.push(Lesson { doc: index, window, weight });
            choose(doc.kind, &rows[index].0, round, weight, &trained, &mut add);
        }
        let epochs = if round + 1 == ROUNDS { EPOCHS } else { EPOCHS / 2 };
        trained = descend(docs, rows, lessons, table, epochs);
    }
    trained
}

fn choose(kind: Kind, rows: &[Vec<u32>], round: usize, weight: f32, known: &Trained, add: &mut dyn FnMut(usize, f32)) {
    let margins = || rows.iter().map(|row| known.margin(row)).collect::<Vec<f32>>();
    match kind {
        Kind::Naive => {}
        Kind::Indirect if round == 0 && rows.len() > 2 => {}
        Kind::Attack | Kind::Indirect if round == 0 => {
            let share = weight / (rows.len() as f32).sqrt().min(3.0);
            (0..rows.len().min(8)).for_each(|window| add(window, share));
        }
        Kind::Attack | Kind::Indirect => {
            let margins = margins();
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by(|&a, &b| margins[b].total_cmp(&margins[a]));
            let most = if kind == Kind::Indirect { 1 } else { ATTACK_WINDOWS };
            let best = order.first().map_or(0.0, |&first| margins[first]);
            order.retain(|&window| margins[window] > best - 1.0);
            order.truncate(most);
            let share = weight / order.len().max(1) as f32;
            order.into_iter().for_each(|window| add(window, share));
        }
        Kind::Benign | Kind::Hard => {
            let share = weight / (rows.len() as f32).sqrt().sqrt();
            let step = (rows.len() / BENIGN_WINDOWS).max(1);
            (0..rows.len()).step_by(step).for_each(|window| add(window, share));
            if round > 0 && step > 1 {
                let margins = margins();
                let worst = (0..rows.len()).max_by(|&a, &b| margins[a].total_cmp(&margins[b]));
                worst.into_iter().filter(|window| window % step != 0).for_each(|window| add(window, share));
            }
        }
    }
}

fn descend(docs: &[Doc], rows: &[&Rows], mut lessons: Vec<Lesson>, table: usize, epochs: usize) -> Trained {
    let total = |attacks: bool| -> f32 {
        lessons.iter().filter(|lesson| docs[lesson.doc].is_attack() == attacks).map(|lesson| lesson.weight).sum()
    };
    let up = total(false) / total(true).max(1.0) * ATTACK_SHARE;
    let mut trained = Trained { weights: vec![0.0; table], bias: -2.0 };
    let mut squares = vec![FIRST_SQUARE; table];
    let mut bias_squares = 1.0_f32;
    let mut random = 88_172_645_463_325_252_u64;
    for epoch in 0..epochs {
        shuffle(&mut lessons, &mut random);
        let rate = LEARNING_RATE / (1.0 + epoch as f32 * 0.5);
        for lesson in &lessons {
            let row = &rows[lesson.doc].0[lesson.window];
            let attack = docs[lesson.doc].is_attack();
            let (label, weight) = if attack { (1.0, lesson.weight * up) } else { (0.0, lesson.weight) };
            let slope = (sigmoid(trained.margin(row)) - label) * weight;
            if slope.abs() < 1e-4 {
                continue;
            }
            let norm = norm(row);
            for &feature in row {
                let feature = feature as usize;
                let gradient = slope * norm + RIDGE * trained.weights[feature];
                squares[feature] += gradient * gradient;
                trained.weights[feature] -= rate * gradient / squares[feature].sqrt();
            }
            bias_squares += slope * slope;
            trained.bias -= rate * slope / bias_squares.sqrt();
        }
    }
    trained
}

fn shuffle(lessons: &mut [Lesson], random: &mut u64) {
    for last in (1..lessons.len()).rev() {
        // xorshift (Marsaglia 2003).
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        lessons.swap(last, (*random % (last as u64 + 1)) as usize);
    }
}

/// 1 / (1 + e^-x) by a series, so that every machine computes the same.
fn sigmoid(x: f32) -> f32 {
    let x = f64::from(x.clamp(-30.0, 30.0));
    // e^-x = (e^(-x/1024))^1024
    let small = -x / 1024.0;
    let mut power = 1.0 + small * (1.0 + small / 2.0 * (1.0 + small / 3.0 * (1.0 + small / 4.0)));
    for _ in 0..10 {
        power *= power;
    }
    (1.0 / (1.0 + power)) as f32
}

/// Signed bytes, and what one step of them is worth.
pub fn quantise(weights: &[f32]) -> (f32, Vec<i8>) {
    let mut sizes: Vec<f32> = weights.iter().map(|weight| weight.abs()).filter(|&size| size > 0.0).collect();
    sizes.sort_by(f32::total_cmp);
    let kept = (sizes.len() as f64 * (1.0 - CLIPPED)) as usize;
    let largest = sizes.get(kept.min(sizes.len().saturating_sub(1))).copied().unwrap_or(1.0);
    let step = largest / 127.0;
    (step, weights.iter().map(|weight| (weight / step).round().clamp(-127.0, 127.0) as i8).collect())
}

/// Trains the stack on the inputs of the texts `among`, sources weighing alike.
pub fn stack(docs: &[Doc], inputs: &[Option<[f32; INPUTS]>], among: &dyn Fn(&Doc) -> bool) -> [f32; INPUTS] {
    const STEPS: usize = 3_000;
    let mut sizes: BTreeMap<(&str, bool), f64> = BTreeMap::new();
    let taught: Vec<(&Doc, &[f32; INPUTS])> = docs
        .iter()
        .zip(inputs)
        .filter(|(doc, _)| doc.kind != Kind::Naive && among(doc))
        .filter_map(|(doc, row)| Some((doc, row.as_ref()?)))
        .collect();
    for (doc, _) in &taught {
        *sizes.entry((&doc.source, doc.is_attack())).or_default() += 1.0;
    }
    let weight = |doc: &Doc| 1.0 / sizes.get(&(doc.source.as_str(), doc.is_attack())).copied().unwrap_or(1.0).sqrt();
    let total: f64 = taught.iter().map(|(doc, _)| weight(doc)).sum();
    let mut weights = [0.0_f64; INPUTS];
    let (mut mean, mut square) = ([0.0_f64; INPUTS], [0.0_f64; INPUTS]);
    // Adam (Kingma and Ba 2015) on the whole set: few inputs, no noise.
    for step in 1..=STEPS {
        let mut slope = [0.0_f64; INPUTS];
        for (doc, row) in &taught {
            let sum: f64 = weights.iter().zip(*row).map(|(weight, &input)| weight * f64::from(input)).sum();
            let label = if doc.is_attack() { 1.0 } else { 0.0 };
            let error = (f64::from(sigmoid(sum as f32)) - label) * weight(doc) / total;
            slope.iter_mut().zip(*row).for_each(|(slope, &input)| *slope += error * f64::from(input));
        }
        let (mut first, mut second) = (1.0, 1.0);
        for _ in 0..step.min(2_000) {
            first *= 0.9;
            second *= 0.999;
        }
        for index in 0..INPUTS {
            let gradient = slope[index] + 1e-4 * weights[index];
            mean[index] = 0.9 * mean[index] + 0.1 * gradient;
            square[index] = 0.999 * square[index] + 0.001 * gradient * gradient;
            let (mean, square) = (mean[index] / (1.0 - first), square[index] / (1.0 - second));
            weights[index] -= 0.02 * mean / (square.sqrt() + 1e-9);
            // Nothing that stands out makes a text more ordinary: what looks so is the accident of a source.
            if index > 0 {
                weights[index] = weights[index].max(0.0);
            }
        }
    }
    weights.map(|weight| weight as f32)
}
