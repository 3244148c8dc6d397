use super::super::cpu_time::cpu_time_of;
use super::*;
use proptest::prelude::*;
use serde_json::json;

fn judged(schema: &Value, arguments: &str) -> Fit {
    match read_json(arguments) {
        Some(value) => fit(schema, &value, arguments.len()),
        None => Fit::Misfit("json"),
    }
}

#[test]
fn each_keyword_refuses_what_it_forbids_and_nothing_else() {
    let weather = json!({"type": "object", "properties": {"city": {"type": "string", "minLength": 1, "maxLength": 5},
        "days": {"type": "integer", "minimum": 1, "maximum": 7}, "unit": {"enum": ["c", "f"]}},
        "required": ["city"], "additionalProperties": false});
    let rows = [
        (&weather, r#"{"city":"Bern","days":3.0,"unit":"c"}"#, Fit::Fits),
        (&weather, r#"{"days":3}"#, Fit::Misfit("required")),
        (&weather, r#"{"city":7}"#, Fit::Misfit("type")),
        (&weather, r#"{"city":""}"#, Fit::Misfit("minLength")),
        (&weather, r#"{"city":"Zürich"}"#, Fit::Misfit("maxLength")),
        (&weather, r#"{"city":"Zürih"}"#, Fit::Fits),
        (&weather, r#"{"city":"Bern","days":8}"#, Fit::Misfit("maximum")),
        (&weather, r#"{"city":"Bern","days":1.5}"#, Fit::Misfit("type")),
        (&weather, r#"{"city":"Bern","unit":"k"}"#, Fit::Misfit("enum")),
        (&weather, r#"{"city":"Bern","shell":"id"}"#, Fit::Misfit("additionalProperties")),
        (&weather, r#"["Bern"]"#, Fit::Misfit("type")),
        (&weather, r#"{"city":"Bern","city":"Rome"}"#, Fit::Misfit("json")),
        (&weather, r#"{"city":"Bern"#, Fit::Misfit("json")),
        (&weather, r#"{"city":"Bern"} {}"#, Fit::Misfit("json")),
    ];
    for (schema, arguments, wanted) in rows {
        assert_eq!(judged(schema, arguments), wanted, "{arguments}");
    }
}

#[test]
fn lists_combinations_and_references_are_followed() {
    let rows = [
        (json!({"items": {"type": "string"}, "maxItems": 2, "uniqueItems": true}), r#"["a","b"]"#, Fit::Fits),
        (json!({"items": {"type": "string"}}), "[1]", Fit::Misfit("type")),
        (json!({"maxItems": 2}), "[1,2,3]", Fit::Misfit("maxItems")),
        (json!({"uniqueItems": true}), "[1,1]", Fit::Misfit("uniqueItems")),
        (json!({"contains": {"const": 1}}), "[2]", Fit::Misfit("contains")),
        (json!({"prefixItems": [{"type": "string"}], "items": false}), r#"["a",1]"#, Fit::Misfit("items")),
        (json!({"items": [{"type": "string"}], "additionalItems": false}), r#"["a",1]"#, Fit::Misfit("items")),
        (json!({"anyOf": [{"type": "string"}, {"type": "null"}]}), "null", Fit::Fits),
        (json!({"anyOf": [{"type": "string"}, {"type": "null"}]}), "1", Fit::Misfit("anyOf")),
        (json!({"oneOf": [{"type": "number"}, {"minimum": 3}]}), "5", Fit::Misfit("oneOf")),
        (json!({"oneOf": [{"type": "number"}, {"minimum": 3}]}), "1", Fit::Fits),
        (json!({"not": {"const": 1}}), "1.0", Fit::Misfit("not")),
        (
            json!({"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"minimum": 2}}),
            r#""a""#,
            Fit::Misfit("minLength"),
        ),
        (
            json!({"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"minimum": 2}}),
            "1",
            Fit::Misfit("minimum"),
        ),
        (json!({"type": "string", "nullable": true}), "null", Fit::Fits),
        (json!({"pattern": "^[a-z]+$"}), r#""A""#, Fit::Misfit("pattern")),
        (
            json!({"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": false}),
            r#"{"x-a":"b"}"#,
            Fit::Fits,
        ),
        (
            json!({"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": false}),
            r#"{"y":"b"}"#,
            Fit::Misfit("additionalProperties"),
        ),
        (json!({"dependentRequired": {"a": ["b"]}}), r#"{"a":1}"#, Fit::Misfit("dependentRequired")),
        (json!({"propertyNames": {"maxLength": 1}}), r#"{"ab":1}"#, Fit::Misfit("propertyNames")),
        (json!({"multipleOf": 0.1}), "0.3", Fit::Fits),
        (json!({"multipleOf": 2}), "3", Fit::Misfit("multipleOf")),
        (json!({"minimum": 1, "exclusiveMinimum": true}), "1", Fit::Misfit("minimum")),
        (json!({"exclusiveMaximum": 1}), "1", Fit::Misfit("exclusiveMaximum")),
        (json!(false), "1", Fit::Misfit("false")),
    ];
    for (schema, arguments, wanted) in rows {
        assert_eq!(judged(&schema, arguments), wanted, "{schema} {arguments}");
    }
    let tree = json!({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}, "additionalProperties": false}}});
    assert_eq!(judged(&tree, r#"{"children":[{"children":[]},{}]}"#), Fit::Fits);
    assert_eq!(judged(&tree, r#"{"children":[{"children":[{"x":1}]}]}"#), Fit::Misfit("additionalProperties"));
}

#[test]
fn what_is_not_evaluated_never_speaks_against_a_call() {
    let look_around = json!({"pattern": "^(?!x)a"});
    assert_eq!(judged(&look_around, r#""x""#), Fit::Fits);
    assert_eq!(judged(&json!({"not": look_around}), r#""a""#), Fit::Fits);
    assert_eq!(judged(&json!({"oneOf": [look_around, {"type": "string"}]}), r#""a""#), Fit::Fits);
    assert_eq!(judged(&json!({"format": "email", "type": "any", "required": true}), "{}"), Fit::Fits);
}

#[test]
fn schema_of_elsewhere_or_without_end_is_told_and_not_passed() {
    for reference in ["https://example.com/schema.json", "other.json#/a", "#/nowhere", "#anchor"] {
        assert!(matches!(judged(&json!({"$ref": reference}), "1"), Fit::Unjudged(_)), "{reference}");
    }
    assert!(matches!(judged(&json!({"$ref": "#"}), "1"), Fit::Unjudged(_)));
    assert!(matches!(judged(&json!({"anyOf": [{"$ref": "#"}]}), "1"), Fit::Unjudged(_)));
}

#[test]
fn references_that_double_at_each_level_end_in_bounded_time() {
    let twice = json!({"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}});
    let chain: Map<String, Value> = (0..60)
        .map(|n| {
            (
                format!("d{n}"),
                json!({"allOf": [{"$ref": format!("#/$defs/d{}", n + 1)}, {"$ref": format!("#/$defs/d{}", n + 1)}]}),
            )
        })
        .chain([("d60".to_owned(), json!({"type": "object"}))])
        .collect();
    let chain = json!({"$ref": "#/$defs/d0", "$defs": chain});
    let deep = format!("{}1{}", r#"{"a":"#.repeat(60), "}".repeat(60));
    let long = "a".repeat(1 << 20);
    let many: Vec<_> = (0..2_000).map(|n| format!("{long}{n}").get(..60).map(ToOwned::to_owned)).collect();
    let nested = json!({"items": {"enum": many}});
    let items = format!("[{}]", vec![format!("\"{}\"", "a".repeat(60)); 5_000].join(","));
    for (schema, arguments) in [(twice, deep.as_str()), (chain, "{}"), (nested, items.as_str())] {
        let took = cpu_time_of(|| assert!(matches!(judged(&schema, arguments), Fit::Unjudged(_))));
        assert!(took.as_millis() < 400, "{took:?}");
    }
}

proptest! {
    #[test]
    fn no_schema_and_no_arguments_make_it_panic(
        keyword in "(type|enum|items|properties|required|anyOf|\\$ref|not|if|pattern|minLength|patternProperties|multipleOf)",
        inner in prop_oneof![Just(json!(null)), Just(json!(0)), Just(json!("#")), Just(json!(["a", {}])), Just(json!({"a": {"type": "string"}}))],
        value in prop_oneof![Just(json!({"a": 1})), Just(json!([1, "a"])), Just(json!("a")), Just(json!(1e300)), Just(json!(null))],
    ) {
        fit(&json!({keyword: inner}), &value, 10);
    }
}
