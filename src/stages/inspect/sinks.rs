//! stub
use super::Sighting;
use crate::model::Category;
pub fn scan_sinks(_text: &str, _sinks: &[Category], _out: &mut Vec<Sighting>) {}
