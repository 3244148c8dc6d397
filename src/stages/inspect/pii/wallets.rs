//! Addresses of crypto currencies by their checksums: base58check (double SHA-256), bech32 and bech32m (BIP 173, BIP 350).

use super::kinds::Kind;
use sha2::{Digest, Sha256};

/// What a token is, if an address.
pub(super) fn wallet(value: &[u8]) -> Option<Kind> {
    match value {
        [b'1' | b'3', ..] if (26..=35).contains(&value.len()) => base58_fits(value).then_some(Kind::Bitcoin),
        [b'b' | b'B', b'c' | b'C', b'1', rest @ ..] if (11..=87).contains(&rest.len()) => {
            bech32_fits(rest).then_some(Kind::Bitcoin)
        }
        [b'0', b'x', rest @ ..] if rest.len() == 40 && rest.iter().all(u8::is_ascii_hexdigit) => {
            let kinds = rest.iter().fold(0u128, |kinds, byte| kinds | 1u128.checked_shl(u32::from(*byte)).unwrap_or(0));
            // Zeros and the like are no address of anybody.
            (kinds.count_ones() >= 8).then_some(Kind::Ethereum)
        }
        _ => None,
    }
}

/// 25 bytes: version, hash of 20, and the first four of the double SHA-256 of both.
fn base58_fits(value: &[u8]) -> bool {
    const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut bytes = [0u8; 25];
    for sign in value {
        let Some(digit) = DIGITS.iter().position(|known| known == sign) else { return false };
        let mut carry = u32::try_from(digit).unwrap_or(0);
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 58;
            [*byte, ..] = carry.to_le_bytes();
            carry >>= 8;
        }
        if carry != 0 {
            return false;
        }
    }
    let Some((body, check)) = bytes.split_last_chunk::<4>() else { return false };
    matches!(body.first(), Some(0 | 5)) && Sha256::digest(Sha256::digest(body)).starts_with(check)
}

/// The polynomial over the prefix `bc` and the part behind its `1`: 1 for bech32, a constant of its own for bech32m.
fn bech32_fits(part: &[u8]) -> bool {
    const SIGNS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATOR: [u32; 5] = [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3];
    const M: u32 = 0x2BC8_30A3;
    let upper = part.iter().any(u8::is_ascii_uppercase);
    if upper && part.iter().any(u8::is_ascii_lowercase) {
        return false;
    }
    // The prefix expanded: high bits, a zero, low bits.
    let prefix = [3u32, 3, 0, 2, 3];
    let step = |sum: u32, value: u32| {
        let top = sum >> 25;
        let shifted = (sum & 0x01FF_FFFF) << 5 ^ value;
        GENERATOR
            .iter()
            .enumerate()
            .fold(shifted, |sum, (bit, term)| if top >> bit & 1 == 1 { sum ^ term } else { sum })
    };
    let start = prefix.into_iter().fold(1, step);
    let sum = part.iter().try_fold(start, |sum, sign| {
        let value = SIGNS.iter().position(|known| *known == sign.to_ascii_lowercase())?;
        Some(step(sum, u32::try_from(value).ok()?))
    });
    matches!(sum, Some(1 | M))
}
