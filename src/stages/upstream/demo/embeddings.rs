//! Embeddings in OpenAI's shape: small vectors that depend on the input alone, of length one, without any meaning.

use super::MODEL;
use super::prompt::input_words;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// Numbers of a vector where the request does not say.
const DIMENSIONS: usize = 8;
/// Numbers of all vectors of one answer together.
const MAX_NUMBERS: usize = 65_536;

/// The vectors, or `None` where there is no input or too much of it.
pub(super) fn embeddings(request: &Value) -> Option<Value> {
    let inputs: Vec<&Value> = match request.get("input")? {
        Value::Array(items) if items.is_empty() => return None,
        // A list of numbers is one text in tokens; a list of anything else is a list of texts.
        Value::Array(items) if !items.iter().all(Value::is_number) => items.iter().collect(),
        input => vec![input],
    };
    let dimensions = match request.get("dimensions").and_then(Value::as_u64) {
        None => DIMENSIONS,
        Some(0) => return None,
        Some(dimensions) => usize::try_from(dimensions).ok()?,
    };
    if inputs.len().checked_mul(dimensions)? > MAX_NUMBERS {
        return None;
    }
    let as_base64 = request.get("encoding_format").and_then(Value::as_str) == Some("base64");
    let data: Vec<_> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = vector(&input.to_string(), dimensions);
            let embedding = if as_base64 { json!(base64_of(&vector)) } else { json!(vector) };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    let words = input_words(request);
    let usage = json!({ "prompt_tokens": words, "total_tokens": words });
    Some(json!({ "object": "list", "data": data, "model": MODEL, "usage": usage }))
}

/// Hashed numbers from -1 to 1, scaled to length one.
fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut hasher = SipHasher13::new();
    hasher.write(text.as_bytes());
    let seed = hasher.finish();
    let mut vector: Vec<f32> = (0..dimensions)
        .map(|index| {
            let mut hasher = SipHasher13::new_with_keys(seed, u64::try_from(index).unwrap_or(u64::MAX));
            hasher.write_u8(0);
            let [high, low, ..] = hasher.finish().to_be_bytes();
            f32::from(i16::from_be_bytes([high, low])) / 32_768.0
        })
        .collect();
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|number| *number /= length);
    }
    vector
}

/// Little-endian 32-bit floats, as the SDKs read them.
fn base64_of(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}
