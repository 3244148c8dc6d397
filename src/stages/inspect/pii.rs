//! Stand-in until the detector of personal data is merged.

use super::Sighting;

#[derive(Debug)]
pub struct Pii;

impl Pii {
    pub fn compile() -> Self {
        Self
    }

    pub fn scan(&self, _text: &str, _out: &mut Vec<Sighting>) {}
}
