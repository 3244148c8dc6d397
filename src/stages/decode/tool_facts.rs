//! Tools that a body declares and calls, with the bytes where each stands.
//!
//! Sources: OpenAI API reference, "Chat" and "Responses" (function, custom, `namespace` and `mcp` tools; 2026-01), Anthropic API
//! reference, "Tool use" (2026-01).

use super::canvas::Canvas;
use super::fields::Unusable;
use super::json::{Json, Kind};
use crate::model::Untrusted;
use std::ops::Range;

/// Most tools that one request may declare, nested ones counted. OpenAI takes 128 functions; gateways to many tool servers offer
/// some hundreds. What a guard does for each of them has to end.
pub const MAX_TOOLS: usize = 1024;

/// A tool that a request declares.
#[derive(Debug, Clone)]
pub struct ToolDefinition {
    /// What a call of it is named.
    pub name: Untrusted<String>,
    /// The namespace or the server that it belongs to, where it stands inside one.
    pub namespace: Option<Untrusted<String>>,
    /// What kind of tool it is.
    pub form: ToolForm,
    /// The bytes of the whole definition in the body, braces and all.
    pub definition: Range<usize>,
    /// The bytes of the schema of its parameters (`parameters`, `input_schema`), where it has one.
    pub schema: Option<Range<usize>>,
    /// Whether the provider promises that calls fit the schema (`strict: true`).
    pub is_strict: bool,
    /// Indices of the segments that the definition's texts are.
    pub segments: Range<usize>,
}

/// What kind of tool a definition declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolForm {
    /// Called with arguments in JSON.
    Function,
    /// Called with free text.
    Custom,
    /// The provider's own, known by its type.
    BuiltIn,
    /// A server of tools that the provider asks (`mcp`): which tools it has, the request does not say.
    Server,
}

/// One tool call, in a request's history or in an answer.
#[derive(Debug, Clone)]
pub struct ToolCall {
    /// The tool's name.
    pub name: Untrusted<String>,
    /// Indices of the segments that are its arguments.
    pub arguments: Vec<usize>,
    /// Who runs it, and what its arguments are.
    pub form: CallForm,
}

/// Who runs a call, and what its arguments are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallForm {
    /// The client runs it; the arguments are JSON inside the call's first segment of arguments, or empty.
    JsonText,
    /// The client runs it; the arguments are these bytes of the body.
    Json(Range<usize>),
    /// The client runs it; the arguments are free text, or of a built-in tool.
    Free,
    /// The provider runs it, or a server that it asks.
    Hosted,
}

/// A definition as marked, before the segments are numbered.
pub(super) struct DefinitionMark {
    name: String,
    namespace: Option<String>,
    form: ToolForm,
    node: usize,
    schema: Option<usize>,
    is_strict: bool,
}

impl DefinitionMark {
    /// The definition; `before` tells how many segments come before a node.
    pub(super) fn settle(self, json: &Json<'_>, before: impl Fn(usize) -> usize) -> ToolDefinition {
        ToolDefinition {
            name: Untrusted::new(self.name),
            namespace: self.namespace.map(Untrusted::new),
            form: self.form,
            definition: json.span(self.node),
            schema: self.schema.map(|schema| json.span(schema)),
            is_strict: self.is_strict,
            segments: before(self.node)..before(json.after(self.node)),
        }
    }
}

/// Notes a definition under all names that it could be known by: one allowed name must not cover for another.
///
/// # Errors
/// More than [`MAX_TOOLS`] tools.
pub(super) fn declare(
    c: &mut Canvas<'_>,
    tool: usize,
    namespace: Option<&str>,
    param: &'static str,
) -> Result<(), Unusable> {
    if c.definitions.len() >= MAX_TOOLS {
        return Err(Unusable::TooMany(param));
    }
    let json = c.json;
    let kind = json.member_text(tool, "type").filter(|kind| !matches!(&**kind, "function" | "custom"));
    if let Some(server) = server_name(json, tool, kind.as_deref()) {
        mark(c, server.clone(), namespace, ToolForm::Server, tool, tool);
        c.declare(server);
    }
    let inner = json.member(tool, "tools").filter(|inner| json.kind(*inner) == Kind::Array);
    if let Some(inner) = inner.filter(|_| kind.as_deref() == Some("namespace")) {
        let name = json.member_text(tool, "name").unwrap_or_default();
        for tool in json.children(inner) {
            // A namespace in a namespace is known by the outer name: providers have one level.
            declare(c, tool, Some(namespace.unwrap_or(&name)), param)?;
        }
        // Without tools of its own it is judged by its name, so that an empty one is no way past a list of names.
        if json.children(inner).next().is_some() {
            return Ok(());
        }
    }
    // A built-in tool is what its type says, whatever name it is given beside. Anthropic's types are their names and a
    // date (`bash`, `bash_20250124`): those are one tool, not two.
    let mut is_said_by_name = false;
    let nested = ["function", "custom"].into_iter().filter_map(|form| json.member(tool, form));
    for holder in nested.chain([tool]) {
        if let Some(name) = json.member_text(holder, "name") {
            is_said_by_name |= kind.as_ref().is_some_and(|kind| is_dated(kind, &name));
            let form = match kind {
                Some(_) => ToolForm::BuiltIn,
                None => form_of(json, tool, holder),
            };
            mark(c, name.clone().into_owned(), namespace, form, tool, holder);
            c.declare(name);
        }
    }
    if let Some(kind) = kind.filter(|_| !is_said_by_name) {
        mark(c, kind.clone().into_owned(), namespace, ToolForm::BuiltIn, tool, tool);
        c.declare(kind);
    }
    Ok(())
}

/// Notes the tools that a server has listed, as they stand in a request's history.
///
/// # Errors
/// More than [`MAX_TOOLS`] tools.
pub(super) fn listed(c: &mut Canvas<'_>, item: usize, list: usize) -> Result<(), Unusable> {
    let json = c.json;
    let server = json.member_text(item, "server_label");
    for tool in json.children(list).filter(|_| json.kind(list) == Kind::Array) {
        declare(c, tool, server.as_deref(), "/input")?;
    }
    Ok(())
}

fn mark(c: &mut Canvas<'_>, name: String, namespace: Option<&str>, form: ToolForm, node: usize, holder: usize) {
    let json = c.json;
    let schema = ["parameters", "input_schema"].into_iter().find_map(|key| json.member(holder, key));
    let is_strict =
        [holder, node].into_iter().filter_map(|id| json.member(id, "strict")).any(|id| json.kind(id) == Kind::True);
    let namespace = namespace.map(ToOwned::to_owned);
    c.definitions.push(DefinitionMark { name, namespace, form, node, schema, is_strict });
}

fn form_of(json: &Json<'_>, tool: usize, holder: usize) -> ToolForm {
    let has_schema = ["parameters", "input_schema"].iter().any(|key| json.member(holder, key).is_some());
    let is_custom = json.member_text(tool, "type").as_deref() == Some("custom");
    if is_custom && !has_schema { ToolForm::Custom } else { ToolForm::Function }
}

/// The name of a server of tools (OpenAI's `mcp`, Anthropic's `mcp_toolset`), where the definition is one.
fn server_name(json: &Json<'_>, tool: usize, kind: Option<&str>) -> Option<String> {
    let key = match kind? {
        "mcp" => "server_label",
        "mcp_toolset" => "mcp_server_name",
        _ => return None,
    };
    json.member_text(tool, key).map(Into::into)
}

fn is_dated(kind: &str, name: &str) -> bool {
    let date = kind.strip_prefix(name).and_then(|rest| rest.strip_prefix('_'));
    date.is_some_and(|date| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::super::canvas::Swept;
    use super::super::fields::Steering;
    use super::super::json::JsonLimits;
    use super::super::{anthropic, openai_chat, openai_responses};
    use super::*;
    use crate::model::{Direction, Origin, TextKind};

    const LIMITS: JsonLimits = JsonLimits { depth: 64, nodes: 100_000 };

    type Walker = fn(&mut Canvas<'_>) -> Result<Steering, Unusable>;

    fn swept(walker: Walker, body: &str) -> Result<Swept, Unusable> {
        let json = Json::parse(body, LIMITS).unwrap();
        let mut canvas = Canvas::new(&json, Direction::Request, TextKind::Prose);
        walker(&mut canvas)?;
        Ok(canvas.sweep())
    }

    /// Namespace, name, form, schema, strictness of each definition.
    fn declared(walker: Walker, body: &str) -> Vec<(String, ToolForm, String, bool)> {
        let swept = swept(walker, body).unwrap();
        let definitions = swept.definitions.iter().map(|tool| {
            let namespace = tool.namespace.as_ref().map(|name| format!("{}.", name.expose())).unwrap_or_default();
            let schema = tool.schema.clone().map_or("", |span| body.get(span).unwrap());
            let definition = body.get(tool.definition.clone()).unwrap();
            assert!(definition.starts_with('{') && definition.ends_with('}'), "{definition}");
            let segments = swept.segments.get(tool.segments.clone()).unwrap();
            assert!(segments.iter().all(|segment| segment.origin == Origin::ToolDefinition));
            (format!("{namespace}{}", tool.name.expose()), tool.form, schema.to_owned(), tool.is_strict)
        });
        definitions.collect()
    }

    fn row(name: &str, form: ToolForm, schema: &str, is_strict: bool) -> (String, ToolForm, String, bool) {
        (name.to_owned(), form, schema.to_owned(), is_strict)
    }

    #[test]
    fn functions_of_chat_are_known_with_schema_and_strictness() {
        let body = r#"{"messages":[],"tools":[
            {"type":"function","function":{"name":"a","strict":true,"parameters":{"type":"object"}}},
            {"type":"custom","custom":{"name":"b","description":"free text"}}],
            "functions":[{"name":"c","parameters":{}}]}"#;
        assert_eq!(
            declared(openai_chat::request, body),
            [
                row("a", ToolForm::Function, r#"{"type":"object"}"#, true),
                row("b", ToolForm::Custom, "", false),
                row("c", ToolForm::Function, "{}", false)
            ]
        );
    }

    #[test]
    fn tools_of_responses_are_known_inside_namespaces_and_servers_too() {
        let body = r#"{"input":[{"type":"mcp_list_tools","server_label":"wiki","tools":[
            {"name":"read","input_schema":{"type":"object"},"description":"Reads."}]}],
            "tools":[{"type":"function","name":"a","strict":true,"parameters":{}},
            {"type":"namespace","name":"crm","tools":[{"type":"function","name":"find","parameters":{}}]},
            {"type":"namespace","name":"empty","tools":[]},
            {"type":"mcp","server_label":"wiki","server_url":"https://example.com"},
            {"type":"web_search"},{"type":"custom","name":"sql"}]}"#;
        let swept = swept(openai_responses::request, body).unwrap();
        let names: Vec<_> = swept.declared_tools.iter().map(|name| name.expose().as_str()).collect();
        assert_eq!(names, ["read", "a", "find", "empty", "namespace", "wiki", "mcp", "web_search", "sql"]);
        let found = declared(openai_responses::request, body);
        let functions: Vec<_> = found.iter().filter(|row| row.1 == ToolForm::Function).map(|row| &*row.0).collect();
        assert_eq!(functions, ["wiki.read", "a", "crm.find"]);
        assert!(found.contains(&row("wiki", ToolForm::Server, "", false)));
        assert!(found.contains(&row("sql", ToolForm::Custom, "", false)));
    }

    #[test]
    fn tools_of_anthropic_are_known_with_built_in_ones_under_their_names() {
        let body = r#"{"messages":[],"tools":[{"name":"a","input_schema":{"type":"object"}},
            {"type":"custom","name":"b","input_schema":{}},{"type":"bash_20250124","name":"bash"}]}"#;
        assert_eq!(
            declared(anthropic::request, body),
            [
                row("a", ToolForm::Function, r#"{"type":"object"}"#, false),
                row("b", ToolForm::Function, "{}", false),
                row("bash", ToolForm::BuiltIn, "", false)
            ]
        );
    }

    #[test]
    fn a_second_name_does_not_cover_for_the_first() {
        let body = r#"{"messages":[],"tools":[{"type":"function","name":"safe","function":{"name":"shell"}}]}"#;
        let names: Vec<_> = declared(openai_chat::request, body).into_iter().map(|row| row.0).collect();
        assert_eq!(names, ["shell", "safe"]);
    }

    #[test]
    fn calls_tell_who_runs_them_and_where_their_arguments_are() {
        let chat = r#"{"messages":[{"role":"assistant","tool_calls":[
            {"function":{"name":"a","arguments":"{}"}},{"type":"custom","custom":{"name":"b","input":"x"}},
            {"function":{"name":"c","arguments":{"d":1}}}]}]}"#;
        let claude = r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","name":"a","input":{"b":1}},
            {"type":"server_tool_use","name":"web_search","input":{"query":"x"}}]}]}"#;
        let responses = r#"{"input":[{"type":"function_call","name":"a","arguments":"{}"},
            {"type":"mcp_call","name":"b","arguments":"{}"},{"type":"shell_call","action":{"commands":["ls"]}},
            {"type":"web_search_call","action":{"query":"x"}}]}"#;
        let forms = |walker: Walker, body: &str| -> Vec<String> {
            let calls = swept(walker, body).unwrap().tool_calls;
            let form = |call: &ToolCall| match &call.form {
                CallForm::Json(span) => format!("{} {}", call.name.expose(), body.get(span.clone()).unwrap()),
                other => format!("{} {other:?}", call.name.expose()),
            };
            calls.iter().map(form).collect()
        };
        assert_eq!(forms(openai_chat::request, chat), ["a JsonText", "b Free", "c {\"d\":1}"]);
        assert_eq!(forms(anthropic::request, claude), ["a {\"b\":1}", "web_search Hosted"]);
        assert_eq!(
            forms(openai_responses::request, responses),
            ["a JsonText", "b Hosted", "shell Free", "web_search Hosted"]
        );
    }

    #[test]
    fn more_tools_than_the_limit_are_refused() {
        let body = |count: usize| {
            let tools: Vec<_> = (0..count).map(|number| format!(r#"{{"name":"t{number}"}}"#)).collect();
            format!(r#"{{"messages":[],"tools":[{}]}}"#, tools.join(","))
        };
        assert!(swept(anthropic::request, &body(MAX_TOOLS)).is_ok());
        assert_eq!(swept(anthropic::request, &body(MAX_TOOLS + 1)).err(), Some(Unusable::TooMany("/tools")));
    }
}
