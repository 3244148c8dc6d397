//! `portcullis keys`: makes clients' keys. A key is shown once, to the person who asked for it; the gateway and its YAML know
//! only its hash.

use crate::model::Secret;
use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use zeroize::Zeroize;

/// Random characters of a key: 40 of 62 are 238 bits.
const KEY_CHARS: usize = 40;

/// Longest key that is hashed, in bytes.
const MAX_KEY_BYTES: u64 = 4_096;

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `keys new`: prints a new key and the line for the YAML.
///
/// # Errors
/// When the system gives no random numbers, or the output is closed.
pub fn new(out: &mut dyn Write) -> anyhow::Result<()> {
    let key = new_key()?;
    writeln!(out, "key (shown this once): {}", key.expose())?;
    writeln!(out, "key_sha256: {}", hash(key.expose().as_bytes()))?;
    Ok(())
}

/// `keys hash`: reads a key and prints its hash. One newline at the end, as `echo` and editors leave it, is dropped.
///
/// # Errors
/// When the key is empty, longer than 4 KiB, or holds what could not stand in a header.
pub fn hash_from(input: &mut dyn Read, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    input.take(MAX_KEY_BYTES + 1).read_to_end(&mut bytes).context("reading the key from standard input")?;
    let key = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let key = key.strip_suffix(b"\r").unwrap_or(key);
    let verdict = if bytes.len() as u64 > MAX_KEY_BYTES {
        Err("the key is longer than 4096 bytes")
    } else if key.is_empty() {
        Err("the key is empty")
    } else if !key.iter().all(u8::is_ascii_graphic) {
        Err("the key holds a space, a line break or a character that cannot stand in a header")
    } else {
        Ok(hash(key))
    };
    bytes.zeroize();
    match verdict {
        Ok(hash) => Ok(writeln!(out, "key_sha256: {hash}")?),
        Err(reason) => bail!(reason),
    }
}

fn new_key() -> anyhow::Result<Secret> {
    let mut key = String::with_capacity(3 + KEY_CHARS);
    key.push_str("pk-");
    let mut random = [0u8; 64];
    while key.len() < 3 + KEY_CHARS {
        getrandom::fill(&mut random).context("asking the system for random numbers")?;
        // Bytes from 248 on are dropped: 248 is 4 × 62, so that every character is as likely as any other.
        for byte in random.iter().filter(|byte| **byte < 248) {
            if key.len() < 3 + KEY_CHARS
                && let Some(letter) = ALPHABET.get(usize::from(*byte % 62))
            {
                key.push(char::from(*letter));
            }
        }
    }
    random.zeroize();
    Ok(Secret::new(key))
}

/// SHA-256 in hexadecimal, as coreutils print it.
fn hash(key: &[u8]) -> String {
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn keys_differ_and_have_the_documented_form() {
        let keys: HashSet<String> = (0..100).map(|_| new_key().unwrap().expose().to_owned()).collect();
        assert_eq!(keys.len(), 100);
        let all: String = keys.iter().flat_map(|key| key.strip_prefix("pk-").unwrap().chars()).collect();
        assert_eq!(all.len(), 100 * KEY_CHARS);
        // 4000 draws miss one of 62 characters with a chance of about 10⁻²⁶.
        assert_eq!(all.chars().collect::<HashSet<_>>().len(), 62);
    }

    #[test]
    fn the_printed_hash_is_that_of_the_printed_key() {
        let mut out = Vec::new();
        new(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let key = text.lines().next().unwrap().rsplit(' ').next().unwrap();
        let mut hashed = Vec::new();
        hash_from(&mut format!("{key}\r\n").as_bytes(), &mut hashed).unwrap();
        assert_eq!(text.lines().nth(1).unwrap(), String::from_utf8(hashed).unwrap().trim_end());
    }

    #[test]
    fn the_hash_is_what_sha256sum_prints() {
        let mut out = Vec::new();
        hash_from(&mut &b"test"[..], &mut out).unwrap();
        assert_eq!(out, b"key_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n");
    }

    #[test]
    fn what_cannot_be_a_key_is_refused_and_not_echoed() {
        for key in [&b""[..], b"\n", b"two words", b"two\nlines", "sch\u{f6}n".as_bytes(), &[b'a'; 5000]] {
            let mut out = Vec::new();
            let error = hash_from(&mut &*key, &mut out).unwrap_err().to_string();
            assert!(out.is_empty() && !error.contains("two"));
        }
    }
}
