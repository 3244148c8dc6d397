//! Which of the bytes that no text guard reads are media in the sense of a policy.
//!
//! In a request all of them are. In an answer some are not: signatures and encrypted reasoning, which a client must get
//! back untouched (Anthropic `signature` and `redacted_thinking`, OpenAI `encrypted_content`). They are known by the key they
//! stand under; whatever is not known counts as media, so that `media: block` holds for formats we have not met.

use std::ops::Range;

/// Longest stretch before a value that is searched for its key, and longest object that is searched for its type, in bytes.
const REACH: usize = 256;

/// Whether an answer holds images, audio or files.
pub(super) fn answer_has_media(body: &str, media: &[Range<usize>]) -> bool {
    media.iter().any(|span| !is_signed_block(body.as_bytes(), span))
}

fn is_signed_block(body: &[u8], span: &Range<usize>) -> bool {
    let Some(before) = body.get(..span.start) else { return false };
    let near = before.get(before.len().saturating_sub(REACH)..).unwrap_or(before);
    match key_before(near) {
        Some((b"signature" | b"encrypted_content", _)) => true,
        // `data` holds audio in OpenAI's answers: only the block type tells.
        Some((b"data", in_object)) => {
            let after = body.get(span.end..body.len().min(span.end.saturating_add(REACH))).unwrap_or(b"");
            let rest = after.split(|byte| matches!(byte, b'{' | b'}')).next().unwrap_or(b"");
            says_redacted_thinking(in_object) || says_redacted_thinking(rest)
        }
        _ => false,
    }
}

/// The key that the value after `near` stands under, and the part of its object before it.
fn key_before(near: &[u8]) -> Option<(&[u8], &[u8])> {
    let near = near.strip_suffix(b"\"").unwrap_or(near).trim_ascii_end();
    let near = near.strip_suffix(b":")?.trim_ascii_end().strip_suffix(b"\"")?;
    let open = memchr::memrchr(b'"', near)?;
    let (before, key) = (near.get(..open)?, near.get(open.checked_add(1)?..)?);
    let object = before.rsplit(|byte| matches!(byte, b'{' | b'}')).next().unwrap_or(b"");
    Some((key, object))
}

fn says_redacted_thinking(part: &[u8]) -> bool {
    memchr::memmem::find(part, b"\"redacted_thinking\"").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media_in(body: &str, value: &str) -> bool {
        let start = body.find(value).expect("value stands in the body");
        let inner = answer_has_media(body, std::slice::from_ref(&(start..start + value.len())));
        // Decoders may count the quotes in.
        let outer = answer_has_media(body, std::slice::from_ref(&(start - 1..start + value.len() + 1)));
        assert_eq!(inner, outer);
        inner
    }

    #[test]
    fn signed_and_encrypted_blocks_are_not_media() {
        assert!(!media_in(r#"{"type":"signature_delta","signature" : "U0lH"}"#, "U0lH"));
        assert!(!media_in(r#"{"content":[{"type":"redacted_thinking","data":"RU5D"}]}"#, "RU5D"));
        assert!(!media_in(r#"{"content":[{"data":"RU5D","type":"redacted_thinking"}]}"#, "RU5D"));
        assert!(!media_in(r#"{"type":"reasoning","encrypted_content":"RU5D"}"#, "RU5D"));
    }

    #[test]
    fn generated_images_and_audio_are_media_also_beside_a_signed_block() {
        assert!(media_in(r#"{"data":[{"b64_json":"aVZC"}]}"#, "aVZC"));
        assert!(media_in(r#"{"message":{"audio":{"id":"a","data":"UklG"}}}"#, "UklG"));
        assert!(media_in(r#"[{"type":"redacted_thinking","data":"x"},{"data":"UklG"}]"#, "UklG"));
        assert!(media_in(r#"{"data":"UklG","next":{"type":"redacted_thinking"}}"#, "UklG"));
        assert!(
            answer_has_media("short", std::slice::from_ref(&(100..200))),
            "a span that does not fit is not waved through"
        );
    }
}
