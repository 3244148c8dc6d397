use super::*;
use proptest::prelude::*;

const LIMITS: JsonLimits = JsonLimits { depth: 64, nodes: 10_000 };

fn fault(body: &str) -> JsonFaultKind {
    match Json::parse(body, LIMITS) {
        Ok(_) => panic!("accepted"),
        Err(fault) => fault.kind,
    }
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    use JsonFaultKind as K;
    for (body, kind) in [
        (r#"{"a":1,"a":2}"#, K::DuplicateKey),
        (r#"{"role":1,"r\u006fle":2}"#, K::DuplicateKey),
        (r#"["\ud800"]"#, K::LoneSurrogate),
        (r#"["\ud800\u0041"]"#, K::LoneSurrogate),
        (r#"["\udc00\ud800"]"#, K::LoneSurrogate),
        ("[\"a\nb\"]", K::ControlCharacter),
        ("[NaN]", K::UnexpectedByte),
        ("[Infinity]", K::UnexpectedByte),
        ("[-Infinity]", K::BadNumber),
        ("[01]", K::BadNumber),
        ("[-01]", K::BadNumber),
        ("[1.]", K::BadNumber),
        ("[1e]", K::BadNumber),
        ("[1e999]", K::NumberOutOfRange),
        ("[-1E+400]", K::NumberOutOfRange),
        ("[1] 2", K::TrailingBytes),
        ("[1] // x", K::TrailingBytes),
        ("[/* x */1]", K::UnexpectedByte),
        ("\u{feff}[1]", K::ByteOrderMark),
        ("[1,]", K::UnexpectedByte),
        (r#"{"a":1,}"#, K::UnexpectedByte),
        ("[,1]", K::UnexpectedByte),
        ("[1 2]", K::UnexpectedByte),
        (r#"{"a" 1}"#, K::UnexpectedByte),
        (r#"{a:1}"#, K::UnexpectedByte),
        (r#"["\x41"]"#, K::BadEscape),
        (r#"["\u+041"]"#, K::BadEscape),
        (r#"["\u00"#, K::BadEscape),
        ("[tru]", K::BadLiteral),
        ("", K::UnexpectedEnd),
        ("[", K::UnexpectedEnd),
        (r#"["abc"#, K::UnexpectedEnd),
        ("[}", K::UnexpectedByte),
    ] {
        assert_eq!(fault(body), kind, "{body}");
    }
    assert_eq!(fault(&format!("[{}]", "9".repeat(400))), K::NumberOutOfRange);
}

#[test]
fn a_wide_object_with_one_equal_key_is_refused_and_one_without_is_not() {
    let members: Vec<String> = (0..3000).map(|n| format!("\"k{n}\":{n}")).collect();
    assert!(Json::parse(&format!("{{{}}}", members.join(",")), LIMITS).is_ok());
    assert_eq!(fault(&format!("{{{},\"k\\u0030\":0}}", members.join(","))), JsonFaultKind::DuplicateKey);
}

#[test]
fn nesting_ends_at_the_limit_and_not_at_the_stack() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Json::parse(&nested(64), LIMITS).is_ok());
    assert_eq!(fault(&nested(65)), JsonFaultKind::TooDeep);
    assert_eq!(fault(&"[".repeat(1_000_000)), JsonFaultKind::TooDeep);
    let greedy = JsonLimits { depth: usize::MAX, nodes: usize::MAX };
    assert!(Json::parse(&nested(65), greedy).is_err(), "no configuration goes deeper than walkers may recurse");
}

#[test]
fn values_are_counted_against_their_budget() {
    let limits = JsonLimits { depth: 64, nodes: 3 };
    assert!(Json::parse("[1,2]", limits).is_ok());
    assert_eq!(
        Json::parse("[1,2,3]", limits).map(|_| ()).map_err(|fault| fault.kind),
        Err(JsonFaultKind::TooManyValues)
    );
}

#[test]
fn faults_carry_no_content() {
    let fault = Json::parse(r#"{"hunter2":1,"hunter2":1}"#, LIMITS).map(|_| ()).unwrap_err();
    assert_eq!(fault.to_string(), "duplicate_key at byte 14");
}

#[test]
fn a_span_over_a_surrogate_pair_maps_to_both_escapes() {
    let (text, map) = unescape(r"a\ud83d\ude00b", 10);
    assert_eq!(&*text, "a😀b");
    assert_eq!(map.source_span(1..5), 11..23);
    assert_eq!(map.source_span(5..6), 23..24);
    assert_eq!(map.source_span(0..1), 10..11);
}

#[test]
fn members_are_found_by_their_unescaped_name() {
    let json = Json::parse(r#"{"x":[1,{"y":2}],"r\u006fle":"us\u0065r"}"#, LIMITS).unwrap();
    assert_eq!(json.member_text(0, "role").as_deref(), Some("user"));
    assert_eq!(json.children(0).count(), 2);
}

/// All strings of a parsed value: keys and values, in no order.
fn strings(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => into.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| strings(item, into)),
        serde_json::Value::Object(members) => members.iter().for_each(|(key, member)| {
            into.push(key.clone());
            strings(member, into);
        }),
        _ => {}
    }
}

fn agree(body: &str) -> Result<(), TestCaseError> {
    let theirs = serde_json::from_str::<serde_json::Value>(body);
    match (Json::parse(body, LIMITS), theirs) {
        (Ok(json), Ok(value)) => {
            let mut expected = Vec::new();
            strings(&value, &mut expected);
            let mut found: Vec<String> = Vec::new();
            for id in 0..json.len() {
                if json.key_span(id).is_some() {
                    found.push(json.key(id).into_owned());
                }
                found.extend(json.text(id).map(Cow::into_owned));
            }
            expected.sort();
            found.sort();
            prop_assert_eq!(found, expected);
        }
        (Err(_), Err(_)) => {}
        (Err(fault), Ok(_)) => prop_assert!(
            matches!(fault.kind, JsonFaultKind::DuplicateKey | JsonFaultKind::TooDeep),
            "only ours refuses: {} in {:?}",
            fault,
            body
        ),
        (Ok(_), Err(error)) => prop_assert!(false, "only theirs refuses: {} in {:?}", error, body),
    }
    Ok(())
}

fn document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        r#""([a-z/]|\\[nrt"\\/bf]|\\u00[0-7][0-9a-fA-F]|\\ud83d\\ude0[0-9]){0,6}""#,
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[ {} ]", items.join(" ,\n"))),
            prop::collection::vec(("[a-d]{0,2}", inner), 0..6).prop_map(|members| {
                let members: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn well_formed_documents_read_as_serde_json_reads_them(body in document()) {
        agree(&body)?;
    }

    #[test]
    fn damaged_documents_are_judged_as_serde_json_judges_them(
        body in document(),
        at in any::<prop::sample::Index>(),
        with in prop::sample::select(vec!["", "\"", "\\", "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", "\\u", "\\ud800", "\n", "\u{1}", "x", " "]),
    ) {
        let borders: Vec<usize> = body.char_indices().map(|(index, _)| index).collect();
        let start = borders[at.index(borders.len())];
        let end = start + body[start..].chars().next().map_or(0, char::len_utf8);
        agree(&format!("{}{}{}", &body[..start], with, &body[end..]))?;
        agree(&format!("{}{}{}", &body[..start], with, &body[start..]))?;
    }

    #[test]
    fn any_span_of_the_text_maps_to_raw_bytes_that_unescape_to_it(text in "[a-z\n\"\\\\é😀]{0,12}", escape_all in any::<bool>()) {
        let raw: String = if escape_all {
            text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
        } else {
            let quoted = serde_json::to_string(&text).unwrap();
            quoted[1..quoted.len() - 1].to_owned()
        };
        let (unescaped_text, map) = unescape(&raw, 0);
        prop_assert_eq!(&*unescaped_text, text.as_str());
        let borders: Vec<usize> = text.char_indices().map(|(index, _)| index).chain([text.len()]).collect();
        for (index, start) in borders.iter().enumerate() {
            for end in &borders[index + 1..] {
                let source = map.source_span(*start..*end);
                prop_assert_eq!(super::text::unescaped(&raw[source]), &text[*start..*end]);
            }
        }
    }
}
