//! The model file: weights of every feature at two window sizes, the weights of the stack, and the scale of the score.
//!
//! Little-endian throughout: `PCLM`, version (u16), bits of the table (u16), fingerprint of the concept list (u64), then for each
//! window size the value of one step of a weight and the bias (f32 each), the number of stack weights (u16) and they (f32), the
//! number of points of the scale (u16) and they (margin and score, f32 each), and the table: for each of 2^bits features a signed
//! byte a window size. `tests/detection/train.rs` writes it, bit for bit the same from the same texts.

use super::stack::{STACK_LEN, Scale};
use std::hash::Hasher;

const MAGIC: &[u8; 4] = b"PCLM";
/// Counts up whenever features, windows or the stack change their meaning.
const VERSION: u16 = 1;
/// Table sizes that are read.
const BITS: std::ops::RangeInclusive<u16> = 10..=18;
/// Points of a scale at most.
const MOST_POINTS: u16 = 64;

/// The two window sizes, in tokens. Windows begin every half of their size.
pub(super) const WINDOW_TOKENS: [usize; 2] = [32, 128];

/// Features that a window counts for at least, so that a few words alone do not weigh like a sentence.
pub(super) const LEAST_FEATURES: u32 = 40;

/// Weights for one window size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line {
    /// What one step of a weight is worth.
    pub step: f32,
    /// What an empty window scores.
    pub bias: f32,
}

impl Line {
    /// The margin of a window: above zero leans to an attack.
    pub fn margin(self, sum: i32, features: u32) -> f32 {
        // Sums of at most some thousand signed bytes are exact in f32.
        #[allow(clippy::cast_precision_loss)]
        let (sum, features) = (sum as f32, features.max(LEAST_FEATURES) as f32);
        sum * self.step / features.sqrt() + self.bias
    }
}

/// A model, read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Model {
    pub lines: [Line; 2],
    pub stack: [f32; STACK_LEN],
    pub scale: Scale,
    /// Signed bytes, one for each window size, by feature.
    table: Vec<[i8; 2]>,
}

/// Why a model file cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// It is no model, or of another version.
    #[error("not a classifier model of this version")]
    Foreign,
    /// It was trained with another list of concepts.
    #[error("the classifier model belongs to another list of concepts: train again")]
    OtherConcepts,
    /// It ends early, or its numbers make no sense.
    #[error("the classifier model is damaged")]
    Damaged,
}

impl Model {
    /// Builds a model from its parts; `table` must have a power of two entries.
    pub fn new(lines: [Line; 2], stack: [f32; STACK_LEN], scale: Scale, table: Vec<[i8; 2]>) -> Option<Self> {
        let bits = u16::try_from(table.len().checked_ilog2()?).ok()?;
        let sound = table.len().is_power_of_two() && BITS.contains(&bits);
        sound.then_some(Self { lines, stack, scale, table })
    }

    /// A model that gives every text the score zero.
    pub fn empty() -> Option<Self> {
        let scale = Scale::new(vec![(0.0, 0.0), (1.0, 0.0)])?;
        Self::new([Line { step: 0.0, bias: 0.0 }; 2], [0.0; STACK_LEN], scale, vec![[0; 2]; 1 << BITS.start()])
    }

    /// The weights of a feature.
    pub fn weights(&self, key: u64) -> [i8; 2] {
        self.table.get(index_of(key, self.table.len())).copied().unwrap_or_default()
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// [`ModelError`] says what is wrong with it.
    pub fn read(file: &[u8]) -> Result<Self, ModelError> {
        let mut reader = Reader { rest: file };
        let (magic, version) = (reader.take::<4>()?, u16::from_le_bytes(reader.take()?));
        if magic != *MAGIC || version != VERSION {
            return Err(ModelError::Foreign);
        }
        let bits = u16::from_le_bytes(reader.take()?);
        if u64::from_le_bytes(reader.take()?) != concepts_fingerprint() {
            return Err(ModelError::OtherConcepts);
        }
        if !BITS.contains(&bits) {
            return Err(ModelError::Damaged);
        }
        let mut line = || Ok(Line { step: reader.number()?, bias: reader.number()? });
        let lines = [line()?, line()?];
        if usize::from(u16::from_le_bytes(reader.take()?)) != STACK_LEN {
            return Err(ModelError::Foreign);
        }
        let mut stack = [0.0; STACK_LEN];
        for weight in &mut stack {
            *weight = reader.number()?;
        }
        let points = u16::from_le_bytes(reader.take()?);
        if points > MOST_POINTS {
            return Err(ModelError::Damaged);
        }
        let points = (0..points).map(|_| Ok((reader.number()?, reader.number()?))).collect::<Result<Vec<_>, _>>()?;
        let scale = Scale::new(points).ok_or(ModelError::Damaged)?;
        if reader.rest.len() != 2 << bits {
            return Err(ModelError::Damaged);
        }
        let (pairs, _) = reader.rest.as_chunks::<2>();
        let table = pairs.iter().map(|pair| pair.map(u8::cast_signed)).collect();
        Self::new(lines, stack, scale, table).ok_or(ModelError::Damaged)
    }

    /// The file of this model.
    pub fn write(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let bits = u16::try_from(self.table.len().ilog2()).unwrap_or(u16::MAX);
        file.extend(MAGIC);
        file.extend(VERSION.to_le_bytes());
        file.extend(bits.to_le_bytes());
        file.extend(concepts_fingerprint().to_le_bytes());
        let numbers = self.lines.iter().flat_map(|line| [line.step, line.bias]);
        file.extend(numbers.flat_map(f32::to_le_bytes));
        file.extend(u16::try_from(STACK_LEN).unwrap_or(u16::MAX).to_le_bytes());
        file.extend(self.stack.iter().flat_map(|weight| weight.to_le_bytes()));
        let points = self.scale.points();
        file.extend(u16::try_from(points.len()).unwrap_or(u16::MAX).to_le_bytes());
        file.extend(points.iter().flat_map(|&(margin, score)| [margin, score]).flat_map(f32::to_le_bytes));
        file.extend(self.table.iter().flatten().map(|weight| weight.cast_unsigned()));
        file
    }
}

/// The place of a feature in a table of `len` entries, a power of two.
pub(super) fn index_of(key: u64, len: usize) -> usize {
    usize::try_from(key).unwrap_or(usize::MAX) & len.saturating_sub(1)
}

fn concepts_fingerprint() -> u64 {
    let mut hasher = siphasher::sip::SipHasher13::new();
    hasher.write(include_bytes!("concepts.txt"));
    hasher.finish()
}

struct Reader<'f> {
    rest: &'f [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ModelError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(ModelError::Damaged)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<f32, ModelError> {
        let number = f32::from_le_bytes(self.take()?);
        if number.is_finite() { Ok(number) } else { Err(ModelError::Damaged) }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A model that knows one thing: these keys are of attacks.
    pub fn model_of(keys: &[u64]) -> Model {
        let mut table = vec![[0, 0]; 1 << 12];
        for &key in keys {
            let index = index_of(key, table.len());
            table[index] = [100, 100];
        }
        let mut stack = [0.0; STACK_LEN];
        stack[1] = 1.0;
        let scale = Scale::new(vec![(0.0, 0.0), (10.0, 1.0)]).unwrap();
        Model::new([Line { step: 1.0, bias: -1.0 }; 2], stack, scale, table).unwrap()
    }

    #[test]
    fn file_reads_back_and_a_damaged_one_does_not() {
        let model = model_of(&[7, 9]);
        let file = model.write();
        assert_eq!(Model::read(&file), Ok(model));
        assert_eq!(Model::read(&file[..file.len() - 1]), Err(ModelError::Damaged));
        assert_eq!(Model::read(b"PK\x03\x04"), Err(ModelError::Damaged));
        assert_eq!(Model::read(b"NOPE\x01\x00"), Err(ModelError::Foreign));
        let mut other = file.clone();
        other[8] ^= 1;
        assert_eq!(Model::read(&other), Err(ModelError::OtherConcepts));
        let mut endless = file;
        endless[16..20].copy_from_slice(&f32::NAN.to_le_bytes());
        assert_eq!(Model::read(&endless), Err(ModelError::Damaged));
    }

    #[test]
    fn few_features_weigh_less_than_many() {
        let line = Line { step: 0.1, bias: 0.0 };
        assert!(line.margin(100, 3) < 100.0 * 0.1 / 3.0_f32.sqrt());
        assert_eq!(line.margin(100, 3), line.margin(100, LEAST_FEATURES));
    }
}
