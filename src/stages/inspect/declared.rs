//! The tools that a request declared, carried to its answer, so that the calls in it can be held against them.

use super::definitions::ToolList;
use super::tool_schema::{self, Fit, MAX_SCHEMA_BYTES, read_json};
use crate::config::settings::{Reaction, ToolPolicy};
use crate::model::{ClientId, Endpoint, RouteId};
use crate::stages::decode::{Exchange, ToolForm};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

const TOO_LONG: &str = "a tool's schema is longer than the work budget allows";
const NO_JSON: &str = "json";

/// The tools of one request. Cheap to clone; made by the inspection of the request, used for the answer, whole or streamed.
///
/// The default knows nothing and has nothing against any call.
#[derive(Debug, Clone, Default)]
pub struct DeclaredTools {
    inner: Option<Arc<Inner>>,
}

#[derive(Debug)]
struct Inner {
    tools: Vec<Tool>,
    by_name: HashMap<Box<str>, Vec<usize>>,
    has_server: bool,
    /// What calls of built-in tools may be named: their type, which may say more than the call (`computer_use_preview` is called
    /// `computer`), up to each `_`.
    built_in: HashSet<Box<str>>,
    policy: Watched,
    client: ClientId,
    route: RouteId,
    list: Arc<ToolList>,
}

/// What of the policy is needed for calls.
#[derive(Debug, Clone, Copy)]
struct Watched {
    schema: Reaction,
    undeclared: Reaction,
}

#[derive(Debug)]
struct Tool {
    form: ToolForm,
    /// The text of its schema, where it has one that is not too long.
    schema: Option<Box<str>>,
    is_too_long: bool,
    /// The schema, read when the first call needs it.
    read: OnceLock<Value>,
}

impl DeclaredTools {
    pub(super) fn of(exchange: &Exchange, policy: &ToolPolicy, list: Arc<ToolList>) -> Self {
        let (facts, body) = (exchange.facts(), exchange.body());
        let endpoint = exchange.admitted().endpoint();
        if !matches!(endpoint, Endpoint::ChatCompletions | Endpoint::Responses | Endpoint::Messages) {
            return Self::default();
        }
        let mut by_name: HashMap<Box<str>, Vec<usize>> = HashMap::with_capacity(facts.definitions.len());
        let mut tools = Vec::with_capacity(facts.definitions.len());
        for (index, tool) in facts.definitions.iter().enumerate() {
            by_name.entry(tool.name.expose().as_str().into()).or_default().push(index);
            let schema = tool.schema.clone().filter(|_| policy.schema != Reaction::Off);
            let text = schema.and_then(|span| body.get(span));
            let is_too_long = text.is_some_and(|text| text.len() > MAX_SCHEMA_BYTES);
            let schema = text.filter(|_| !is_too_long).map(Into::into);
            tools.push(Tool { form: tool.form, schema, is_too_long, read: OnceLock::new() });
        }
        let built_in = facts.definitions.iter().filter(|tool| tool.form == ToolForm::BuiltIn);
        let built_in = built_in.flat_map(|tool| beginnings(tool.name.expose())).map(Into::into).collect();
        let has_server = tools.iter().any(|tool| tool.form == ToolForm::Server);
        let policy = Watched { schema: policy.schema, undeclared: policy.undeclared };
        let (client, route) = (exchange.admitted().client().clone(), exchange.admitted().route().clone());
        Self { inner: Some(Arc::new(Inner { tools, by_name, has_server, built_in, policy, client, route, list })) }
    }

    /// Whether nothing is declared, or nothing is known of it.
    pub fn is_empty(&self) -> bool {
        self.inner.as_ref().is_none_or(|inner| inner.tools.is_empty())
    }

    /// Whether a call of this name, which the client would run, is of a tool that the request declares; `true` where nothing is known,
    /// or where the policy does not ask.
    pub fn declares(&self, name: &str) -> bool {
        let Some(inner) = self.inner.as_ref().filter(|inner| inner.policy.undeclared != Reaction::Off) else {
            return true;
        };
        // What tools a server has, the request does not say; a client may run them under the server's name.
        inner.by_name.contains_key(name) || inner.has_server || inner.built_in.contains(name)
    }

    /// Holds the complete text of a call's arguments against the schema of the tool. Where a name is declared several times
    /// (in several namespaces), one schema that fits is enough.
    pub fn fit(&self, name: &str, arguments: &str) -> Fit {
        let Some(inner) = self.inner.as_ref().filter(|inner| inner.policy.schema != Reaction::Off) else {
            return Fit::Fits;
        };
        let Some(indices) = inner.by_name.get(name) else { return Fit::Fits };
        let tools = || indices.iter().filter_map(|index| inner.tools.get(*index));
        // Built-in and custom tools take what they take.
        if !tools().all(|tool| tool.form == ToolForm::Function) {
            return Fit::Fits;
        }
        // Models call a tool without parameters with nothing at all.
        let arguments_text = if arguments.trim().is_empty() { "{}" } else { arguments };
        let Some(value) = read_json(arguments_text) else { return Fit::Misfit(NO_JSON) };
        let mut worst = Fit::Fits;
        for tool in tools() {
            worst = match tool.fit(&value, arguments.len()) {
                Fit::Fits => return Fit::Fits,
                misfit => misfit,
            };
        }
        worst
    }

    /// Who declared them, on which route, and their pins.
    pub(super) fn pinned(&self) -> Option<(&ClientId, &RouteId, &ToolList)> {
        let inner = self.inner.as_ref()?;
        // Whoever comes without a key could pin for everybody: on open routes only the policy's own pins count.
        (inner.client != ClientId::anonymous()).then_some((&inner.client, &inner.route, &*inner.list))
    }
}

fn beginnings(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('_').take(8).filter_map(|(at, _)| name.get(..at))
}

impl Tool {
    fn fit(&self, arguments: &Value, bytes: usize) -> Fit {
        if self.is_too_long {
            return Fit::Unjudged(TOO_LONG);
        }
        let Some(text) = &self.schema else { return Fit::Fits };
        let schema = self.read.get_or_init(|| serde_json::from_str(text).unwrap_or(Value::Null));
        tool_schema::fit(schema, arguments, bytes)
    }
}
