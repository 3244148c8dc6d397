//! Brings a request path into the one form that routing, authorisation and forwarding use (RFC 3986 §6.2.2): decoded
//! once, without dot segments or doubled slashes. What a second decoder could read differently is refused, never
//! guessed at. The result goes through this once; nobody downstream decodes again.

use super::fault::Fault;

/// Gives the canonical form of a path that begins with `/`.
///
/// # Errors
/// [`Fault::Path`] where an escape hides a separator, a control byte or another escape, where the path leaves its root,
/// carries `;` parameters, or is not UTF-8.
pub(super) fn canonical(raw: &str) -> Result<String, Fault> {
    let decoded = decode(raw.as_bytes())?;
    if !decoded.starts_with('/') {
        return Err(Fault::Path);
    }
    if !decoded.contains("/.") && !decoded.contains("//") {
        return Ok(decoded);
    }
    fold_segments(&decoded)
}

fn decode(raw: &[u8]) -> Result<String, Fault> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied();
    while let Some(byte) = bytes.next() {
        let plain = match byte {
            b'%' => {
                let escaped = hex(bytes.next())? << 4 | hex(bytes.next())?;
                // `%25` would leave an escape for a second decoder; the others change what a segment is.
                if matches!(escaped, b'%' | b'/' | b'\\' | b';' | b'?' | b'#') {
                    return Err(Fault::Path);
                }
                escaped
            }
            b';' | b'\\' => return Err(Fault::Path),
            _ => byte,
        };
        decoded.push(plain);
    }
    let text = String::from_utf8(decoded).map_err(|_| Fault::Path)?;
    if text.chars().any(is_treacherous) { Err(Fault::Path) } else { Ok(text) }
}

/// Control characters, and characters that a compatibility mapping (NFKC) would turn into a separator or a dot.
fn is_treacherous(symbol: char) -> bool {
    symbol.is_control()
        || matches!(symbol, '\u{2024}'..='\u{2026}' | '\u{2028}'..='\u{202e}' | '\u{2044}' | '\u{2215}' | '\u{29f8}')
        || matches!(symbol, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fe68}')
        || matches!(symbol, '\u{fe52}' | '\u{ff0e}' | '\u{ff0f}' | '\u{ff3c}' | '\u{ff05}' | '\u{fffd}')
}

fn hex(digit: Option<u8>) -> Result<u8, Fault> {
    digit.and_then(|byte| char::from(byte).to_digit(16)).and_then(|value| u8::try_from(value).ok()).ok_or(Fault::Path)
}

fn fold_segments(decoded: &str) -> Result<String, Fault> {
    let mut folded = String::with_capacity(decoded.len());
    let last = decoded.rsplit('/').next().unwrap_or_default();
    for segment in decoded.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                let parent = folded.rfind('/').ok_or(Fault::Path)?;
                folded.truncate(parent);
            }
            name => {
                folded.push('/');
                folded.push_str(name);
            }
        }
    }
    if folded.is_empty() || matches!(last, "" | "." | "..") {
        folded.push('/');
    }
    Ok(folded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_paths_have_one_canonical_form() {
        for (raw, wanted) in [
            ("/v1/chat/completions", "/v1/chat/completions"),
            ("/", "/"),
            ("//v1//chat", "/v1/chat"),
            ("/v1/./chat/", "/v1/chat/"),
            ("/a/../v1/models", "/v1/models"),
            ("/a/%2e%2e/v1", "/v1"),
            ("/%76%31/models", "/v1/models"),
            ("/v1/models/ft:gpt%20x", "/v1/models/ft:gpt x"),
            ("/v1/.hidden", "/v1/.hidden"),
            ("/v1/..", "/"),
            ("/v1/a/.", "/v1/a/"),
            ("/caf%C3%A9", "/café"),
            ("///", "/"),
        ] {
            assert_eq!(canonical(raw).as_deref(), Ok(wanted), "{raw}");
        }
    }

    #[test]
    fn paths_that_two_readers_would_read_differently_are_refused() {
        for raw in [
            "",
            "v1",
            "/..",
            "/v1/../../etc",
            "/%2e%2e",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/%252e%252e",
            "/a%25",
            "/a;b",
            "/a%3bb",
            "/a%00",
            "/a%0d%0ab",
            "/a%7f",
            "/a%c0%ae",
            "/a%ff",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%+2",
            "/a%3fb",
            "/a%23b",
            "/%ef%bc%8e%ef%bc%8e/",
            "/a%e2%80%8bb",
            "/a%e2%88%95b",
            "/%c2%85",
        ] {
            assert_eq!(canonical(raw), Err(Fault::Path), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn canonising_twice_changes_nothing(raw in "/[a-z./%0-9A-F]{0,40}") {
            if let Ok(once) = canonical(&raw) {
                prop_assert_eq!(canonical(&once), Ok(once.clone()));
                prop_assert!(!once.split('/').any(|segment| segment == ".." || segment == "."));
            }
        }

        #[test]
        fn no_path_makes_it_panic(raw in ".{0,60}") {
            let _ = canonical(&raw);
        }
    }
}
