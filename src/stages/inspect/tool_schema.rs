//! Whether the arguments of a tool call fit the JSON Schema that the request declared for the tool.
//!
//! The schema and the arguments both come from outside, so the work has to be bounded whatever they say: references that
//! meet themselves on one place of the arguments make a compiled validator take time exponential in the depth of the arguments.
//! Hence an interpreter with a count of steps, over the keywords of draft 2020-12 that tools use (and the older spellings of
//! them); nothing is compiled but patterns. What it does not evaluate (`format`, `unevaluatedProperties`, patterns with look-around)
//! counts as fitting, and never decides under `not`, `oneOf` or `if`.
//! Source: JSON Schema 2020-12, "Validation" and "Core".

use serde_json::{Map, Value};
use std::collections::HashSet;

/// Longest schema that is evaluated, in bytes.
pub(super) const MAX_SCHEMA_BYTES: usize = 256 * 1024;
/// Steps for one call; a step is a keyword, an entry of a list or a stretch of text. About 2 ms.
const MAX_STEPS: usize = 40_000;
/// Steps more for each byte of the arguments.
const STEPS_PER_BYTE: usize = 4;
/// How deep schemas apply to each other.
const MAX_DEPTH: usize = 160;
/// Bytes of text that are compared or counted in one step.
const BYTES_PER_STEP: usize = 64;
/// What compiling a pattern costs, in steps.
const STEPS_PER_PATTERN: usize = 500;
/// Largest automaton of a pattern, in bytes.
const PATTERN_BYTES: usize = 64 * 1024;

/// What is known of arguments after looking at them with their schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Nothing in the schema speaks against them.
    Fits,
    /// This keyword of the schema does; `json` if they are no JSON, or JSON with a key written twice.
    Misfit(&'static str),
    /// The schema could not be evaluated, and why.
    Unjudged(&'static str),
}

/// The schema refers to another document, or to a place in itself that is not there.
const ELSEWHERE: &str = "a tool's schema refers to what is not in it: no work can be done on it";
const BEYOND_BUDGET: &str = "a tool's schema asks for more than the work budget";

enum Stop {
    Misfit(&'static str),
    Unjudged(&'static str),
}

/// Looks at arguments with a schema. Long arguments may take more steps, so that an honest long list is judged.
pub(super) fn fit(schema: &Value, arguments: &Value, arguments_bytes: usize) -> Fit {
    let steps = MAX_STEPS.saturating_add(arguments_bytes.saturating_mul(STEPS_PER_BYTE));
    let mut check = Check { root: schema, steps, left_out: 0 };
    match check.apply(schema, arguments, 0) {
        Ok(()) => Fit::Fits,
        Err(Stop::Misfit(keyword)) => Fit::Misfit(keyword),
        Err(Stop::Unjudged(reason)) => Fit::Unjudged(reason),
    }
}

/// Whether an application of a schema fits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tried {
    Yes,
    No,
    /// Something in it was left out, so that a yes means little.
    Unsure,
}

struct Check<'a> {
    root: &'a Value,
    steps: usize,
    /// Keywords met that are not evaluated.
    left_out: usize,
}

impl<'a> Check<'a> {
    fn spend(&mut self, steps: usize) -> Result<(), Stop> {
        self.steps = self.steps.checked_sub(steps).ok_or(Stop::Unjudged(BEYOND_BUDGET))?;
        Ok(())
    }

    fn tried(&mut self, schema: &Value, value: &Value, depth: usize) -> Result<Tried, Stop> {
        let before = self.left_out;
        match self.apply(schema, value, depth) {
            Ok(()) if self.left_out > before => Ok(Tried::Unsure),
            Ok(()) => Ok(Tried::Yes),
            Err(Stop::Misfit(_)) => Ok(Tried::No),
            Err(unjudged) => Err(unjudged),
        }
    }

    fn apply(&mut self, schema: &Value, value: &Value, depth: usize) -> Result<(), Stop> {
        self.spend(1)?;
        if depth > MAX_DEPTH {
            return Err(Stop::Unjudged(BEYOND_BUDGET));
        }
        let depth = depth.saturating_add(1);
        let schema = match schema {
            Value::Object(schema) => schema,
            Value::Bool(false) => return Err(Stop::Misfit("false")),
            // `true`, or nothing that a schema can be: nobody reads it as a restriction.
            _ => return Ok(()),
        };
        self.spend(schema.len())?;
        if let Some(reference) = schema.get("$ref") {
            let target = self.target(reference)?;
            self.apply(target, value, depth)?;
        }
        if ["$dynamicRef", "unevaluatedProperties", "unevaluatedItems", "dependentSchemas", "dependencies"]
            .iter()
            .any(|keyword| schema.contains_key(*keyword))
        {
            self.left_out = self.left_out.saturating_add(1);
        }
        if value.is_null() && schema.get("nullable") == Some(&Value::Bool(true)) {
            return Ok(());
        }
        self.kind_and_values(schema, value)?;
        match value {
            Value::Object(members) => self.object(schema, members, depth)?,
            Value::Array(elements) => self.array(schema, elements, depth)?,
            Value::String(text) => self.string(schema, text)?,
            Value::Number(number) => number_fits(schema, number.as_f64().unwrap_or(0.0))?,
            Value::Null | Value::Bool(_) => {}
        }
        self.combinations(schema, value, depth)
    }

    /// The schema that a local reference names (`#`, `#/$defs/node`).
    fn target(&mut self, reference: &Value) -> Result<&'a Value, Stop> {
        let text = reference.as_str().unwrap_or_default();
        self.spend(1 + text.len() / BYTES_PER_STEP)?;
        let pointer = text.strip_prefix('#').ok_or(Stop::Unjudged(ELSEWHERE))?;
        let pointer = percent_encoding::percent_decode_str(pointer).decode_utf8_lossy();
        self.root.pointer(&pointer).ok_or(Stop::Unjudged(ELSEWHERE))
    }

    fn kind_and_values(&mut self, schema: &Map<String, Value>, value: &Value) -> Result<(), Stop> {
        let named = match schema.get("type") {
            Some(Value::String(name)) => is_of_type(value, name),
            Some(Value::Array(names)) => {
                self.spend(names.len())?;
                names.iter().filter_map(Value::as_str).any(|name| is_of_type(value, name))
            }
            _ => true,
        };
        if !named {
            return Err(Stop::Misfit("type"));
        }
        if let Some(constant) = schema.get("const")
            && !self.equal(constant, value)?
        {
            return Err(Stop::Misfit("const"));
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            let mut met = false;
            for known in values {
                met |= self.equal(known, value)?;
            }
            if !met {
                return Err(Stop::Misfit("enum"));
            }
        }
        Ok(())
    }

    /// Equality of JSON, in which `1` is `1.0`.
    fn equal(&mut self, one: &Value, other: &Value) -> Result<bool, Stop> {
        self.spend(1)?;
        Ok(match (one, other) {
            (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
            (Value::String(one), Value::String(other)) => {
                self.spend(one.len().min(other.len()) / BYTES_PER_STEP)?;
                one == other
            }
            (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
                for (one, other) in one.iter().zip(other) {
                    if !self.equal(one, other)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Object(one), Value::Object(other)) if one.len() == other.len() => {
                for (key, one) in one {
                    let Some(other) = other.get(key) else { return Ok(false) };
                    if !self.equal(one, other)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Array(_) | Value::Object(_), _) => false,
            (one, other) => one == other,
        })
    }

    fn object(&mut self, schema: &Map<String, Value>, members: &Map<String, Value>, depth: usize) -> Result<(), Stop> {
        count_fits(schema, members.len(), "minProperties", "maxProperties")?;
        if let Some(Value::Array(required)) = schema.get("required") {
            self.spend(required.len())?;
            if required.iter().filter_map(Value::as_str).any(|name| !members.contains_key(name)) {
                return Err(Stop::Misfit("required"));
            }
        }
        if let Some(Value::Object(dependent)) = schema.get("dependentRequired") {
            for (name, needed) in dependent.iter().filter(|(name, _)| members.contains_key(*name)) {
                let needed = needed.as_array().map(Vec::as_slice).unwrap_or_default();
                self.spend(needed.len().saturating_add(name.len() / BYTES_PER_STEP))?;
                if needed.iter().filter_map(Value::as_str).any(|name| !members.contains_key(name)) {
                    return Err(Stop::Misfit("dependentRequired"));
                }
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let patterns = self.patterns(schema.get("patternProperties"))?;
        let additional = schema.get("additionalProperties");
        let names = schema.get("propertyNames");
        for (name, member) in members {
            self.spend(1)?;
            let named = properties.and_then(|properties| properties.get(name));
            if let Some(schema) = named {
                self.apply(schema, member, depth)?;
            }
            let mut met = named.is_some();
            for (pattern, schema) in &patterns {
                self.spend(1 + name.len() / BYTES_PER_STEP)?;
                // A pattern that could not be read may be the one that covers this name.
                let Some(pattern) = pattern else {
                    met = true;
                    continue;
                };
                if pattern.is_match(name) {
                    met = true;
                    self.apply(schema, member, depth)?;
                }
            }
            match additional {
                Some(Value::Bool(false)) if !met => return Err(Stop::Misfit("additionalProperties")),
                Some(additional) if !met => self.apply(additional, member, depth)?,
                _ => {}
            }
            if let Some(schema) = names
                && self.tried(schema, &Value::String(name.clone()), depth)? == Tried::No
            {
                return Err(Stop::Misfit("propertyNames"));
            }
        }
        Ok(())
    }

    fn patterns<'s>(&mut self, schemas: Option<&'s Value>) -> Result<Vec<(Option<regex::Regex>, &'s Value)>, Stop> {
        let Some(Value::Object(schemas)) = schemas else { return Ok(Vec::new()) };
        let mut patterns = Vec::new();
        for (pattern, schema) in schemas {
            patterns.push((self.pattern(pattern)?, schema));
        }
        Ok(patterns)
    }

    /// `None` for what the linear-time engine does not take.
    fn pattern(&mut self, pattern: &str) -> Result<Option<regex::Regex>, Stop> {
        self.spend(STEPS_PER_PATTERN.saturating_add(pattern.len()))?;
        let compiled =
            regex::RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).build();
        if compiled.is_err() {
            self.left_out = self.left_out.saturating_add(1);
        }
        Ok(compiled.ok())
    }

    fn array(&mut self, schema: &Map<String, Value>, elements: &[Value], depth: usize) -> Result<(), Stop> {
        count_fits(schema, elements.len(), "minItems", "maxItems")?;
        // Draft 2020-12 has `prefixItems` and `items`; before, a list of `items` and `additionalItems`.
        let (first, rest) = match (schema.get("prefixItems"), schema.get("items")) {
            (Some(Value::Array(first)), rest) => (first.as_slice(), rest),
            (_, Some(Value::Array(first))) => (first.as_slice(), schema.get("additionalItems")),
            (_, rest) => (&[] as &[Value], rest),
        };
        for (index, element) in elements.iter().enumerate() {
            self.spend(1)?;
            match first.get(index).or(rest) {
                Some(Value::Bool(false)) => return Err(Stop::Misfit("items")),
                Some(schema) => self.apply(schema, element, depth)?,
                None => {}
            }
        }
        if let Some(wanted) = schema.get("contains") {
            let mut met = elements.is_empty() && schema.get("minContains").and_then(Value::as_u64) == Some(0);
            for element in elements {
                met |= self.tried(wanted, element, depth)? != Tried::No;
            }
            if !met {
                return Err(Stop::Misfit("contains"));
            }
        }
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
            let mut seen = HashSet::new();
            for element in elements {
                let text = element.to_string();
                self.spend(1 + text.len() / BYTES_PER_STEP)?;
                if !seen.insert(text) {
                    return Err(Stop::Misfit("uniqueItems"));
                }
            }
        }
        Ok(())
    }

    fn string(&mut self, schema: &Map<String, Value>, text: &str) -> Result<(), Stop> {
        if schema.contains_key("minLength") || schema.contains_key("maxLength") {
            self.spend(text.len() / BYTES_PER_STEP)?;
            count_fits(schema, text.chars().count(), "minLength", "maxLength")?;
        }
        if let Some(Value::String(pattern)) = schema.get("pattern") {
            self.spend(text.len() / BYTES_PER_STEP)?;
            if self.pattern(pattern)?.is_some_and(|pattern| !pattern.is_match(text)) {
                return Err(Stop::Misfit("pattern"));
            }
        }
        Ok(())
    }

    fn combinations(&mut self, schema: &Map<String, Value>, value: &Value, depth: usize) -> Result<(), Stop> {
        let list = |name: &str| schema.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for part in list("allOf") {
            self.apply(part, value, depth)?;
        }
        let either = list("anyOf");
        let mut met = either.is_empty();
        for part in either {
            met = met || self.tried(part, value, depth)? != Tried::No;
        }
        if !met {
            return Err(Stop::Misfit("anyOf"));
        }
        let one_of = list("oneOf");
        let (mut sure, mut possible) = (0_usize, 0_usize);
        for part in one_of {
            let tried = self.tried(part, value, depth)?;
            sure = sure.saturating_add(usize::from(tried == Tried::Yes));
            possible = possible.saturating_add(usize::from(tried != Tried::No));
        }
        if !one_of.is_empty() && (sure > 1 || possible == 0) {
            return Err(Stop::Misfit("oneOf"));
        }
        if let Some(part) = schema.get("not")
            && self.tried(part, value, depth)? == Tried::Yes
        {
            return Err(Stop::Misfit("not"));
        }
        let branch = match schema.get("if") {
            None => return Ok(()),
            Some(condition) => match self.tried(condition, value, depth)? {
                Tried::Yes => schema.get("then"),
                Tried::No => schema.get("else"),
                Tried::Unsure => None,
            },
        };
        branch.map_or(Ok(()), |branch| self.apply(branch, value, depth))
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        // No type of JSON (`any`, `float`): nobody can tell what was meant.
        _ => true,
    }
}

fn count_fits(schema: &Map<String, Value>, count: usize, least: &'static str, most: &'static str) -> Result<(), Stop> {
    let limit = |name: &str| schema.get(name).and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    if limit(least).is_some_and(|limit| count < limit) {
        return Err(Stop::Misfit(least));
    }
    if limit(most).is_some_and(|limit| count > limit) {
        return Err(Stop::Misfit(most));
    }
    Ok(())
}

fn number_fits(schema: &Map<String, Value>, number: f64) -> Result<(), Stop> {
    let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
    // Draft 4 writes `exclusiveMinimum: true` beside `minimum`.
    let is_exclusive = |name: &str| schema.get(name) == Some(&Value::Bool(true));
    let below = |least: f64| if is_exclusive("exclusiveMinimum") { number <= least } else { number < least };
    let above = |most: f64| if is_exclusive("exclusiveMaximum") { number >= most } else { number > most };
    if limit("minimum").is_some_and(below) {
        return Err(Stop::Misfit("minimum"));
    }
    if limit("maximum").is_some_and(above) {
        return Err(Stop::Misfit("maximum"));
    }
    if limit("exclusiveMinimum").is_some_and(|least| number <= least) {
        return Err(Stop::Misfit("exclusiveMinimum"));
    }
    if limit("exclusiveMaximum").is_some_and(|most| number >= most) {
        return Err(Stop::Misfit("exclusiveMaximum"));
    }
    if let Some(step) = limit("multipleOf").filter(|step| *step > 0.0) {
        let ratio = number / step;
        // `0.3` is a multiple of `0.1` to everybody but binary fractions.
        if (ratio - ratio.round()).abs() > 1e-9 * ratio.abs().max(1.0) {
            return Err(Stop::Misfit("multipleOf"));
        }
    }
    Ok(())
}

/// Reads a JSON text, in which no key may stand twice: two readers would see two values.
pub(super) fn read_json(text: &str) -> Option<Value> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde::de::DeserializeSeed::deserialize(Unambiguous, &mut reader).ok()?;
    reader.end().ok()?;
    Some(value)
}

struct Unambiguous;

impl<'de> serde::de::DeserializeSeed<'de> for Unambiguous {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> serde::de::Visitor<'de> for Unambiguous {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON without equal keys")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element_seed(Self)? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(Self)?;
            if members.insert(key, value).is_some() {
                return Err(serde::de::Error::custom("equal keys"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
#[path = "tool_schema_tests.rs"]
mod tests;
