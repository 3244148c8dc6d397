//! Which route and endpoint a canonical path names. The longest prefix wins, and the endpoint is looked up below it only:
//! a path that a longer route does not know is not tried on a shorter one, which could have a weaker policy.

use super::admitted::Destination;
use crate::config::settings::{Route, RouteFormat};
use crate::model::{Cause, Endpoint, Refusal, RouteId, Stage};
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;

/// Endpoints below a provider route, with the path that a provider knows them by.
const ENDPOINTS: [(&str, &str, Endpoint); 7] = [
    ("chat/completions", "/v1/chat/completions", Endpoint::ChatCompletions),
    ("completions", "/v1/completions", Endpoint::Completions),
    ("responses", "/v1/responses", Endpoint::Responses),
    ("embeddings", "/v1/embeddings", Endpoint::Embeddings),
    ("moderations", "/v1/moderations", Endpoint::Moderations),
    ("messages", "/v1/messages", Endpoint::Messages),
    ("messages/count_tokens", "/v1/messages/count_tokens", Endpoint::CountTokens),
];

/// What stands unescaped in a model's name.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'@');

/// Bytes of a model's name in a path.
const MAX_MODEL_BYTES: usize = 256;

/// The routes of one configuration.
#[derive(Debug)]
pub(super) struct Routes {
    /// Longest prefix first.
    table: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    prefix: String,
    id: RouteId,
    index: usize,
    is_json: bool,
}

/// What a request asks for, by path alone.
struct Asked {
    endpoint: Endpoint,
    upstream_path: Cow<'static, str>,
}

impl Routes {
    pub(super) fn compile(routes: &[Route]) -> Self {
        let mut table: Vec<Entry> = routes
            .iter()
            .enumerate()
            .map(|(index, route)| Entry {
                prefix: route.path.clone(),
                id: route.id.clone(),
                index,
                is_json: matches!(route.format, RouteFormat::Json(_)),
            })
            .collect();
        table.sort_by_key(|entry| std::cmp::Reverse(entry.prefix.len()));
        Self { table }
    }

    /// The place of the route that a path falls under, in the order of the configuration.
    pub(super) fn index_of(&self, path: &str) -> Option<usize> {
        self.entry(path).map(|(entry, _)| entry.index)
    }

    /// The value of `Allow` for a path; `None` where no endpoint has it.
    pub(super) fn allowed(&self, path: &str) -> Option<&'static str> {
        let (entry, rest) = self.entry(path)?;
        let asked = entry.ask(rest, IsAnthropic::No)?;
        Some(if asked.endpoint.is_listing() { "GET" } else { "POST" })
    }

    /// Finds route and endpoint.
    ///
    /// # Errors
    /// `UnknownEndpoint`, or `MethodNotAllowed` where only the method is wrong.
    pub(super) fn find(&self, method: &Method, path: &str, dialect: IsAnthropic) -> Result<Destination, Refusal> {
        let unknown = || Refusal::new(Stage::Admit, Cause::UnknownEndpoint);
        let (entry, rest) = self.entry(path).ok_or_else(unknown)?;
        let Asked { endpoint, upstream_path } = entry.ask(rest, dialect).ok_or_else(unknown)?;
        let wanted = if endpoint.is_listing() { Method::GET } else { Method::POST };
        if *method != wanted {
            return Err(Refusal::new(Stage::Admit, Cause::MethodNotAllowed));
        }
        Ok(Destination { route: entry.id.clone(), route_index: entry.index, endpoint, upstream_path })
    }

    /// The longest route that a path is below, with the rest of the path.
    fn entry<'p>(&self, path: &'p str) -> Option<(&Entry, &'p str)> {
        self.table.iter().find_map(|entry| {
            let is_bare = entry.is_json && entry.prefix.strip_suffix('/') == Some(path);
            let rest = if is_bare { "" } else { path.strip_prefix(entry.prefix.as_str())? };
            Some((entry, rest))
        })
    }
}

/// Whether a request carries `anthropic-version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IsAnthropic {
    /// It does.
    Yes,
    /// It does not.
    No,
}

impl Entry {
    fn ask(&self, rest: &str, dialect: IsAnthropic) -> Option<Asked> {
        if self.is_json {
            return rest
                .is_empty()
                .then_some(Asked { endpoint: Endpoint::AgentJson, upstream_path: Cow::Borrowed("/") });
        }
        if let Some((_, path, endpoint)) = ENDPOINTS.iter().find(|(name, _, _)| *name == rest) {
            return Some(Asked { endpoint: *endpoint, upstream_path: Cow::Borrowed(path) });
        }
        let endpoint = match dialect {
            IsAnthropic::Yes => Endpoint::AnthropicModels,
            IsAnthropic::No => Endpoint::OpenAiModels,
        };
        let model = rest.strip_prefix("models")?;
        if model.is_empty() {
            return Some(Asked { endpoint, upstream_path: Cow::Borrowed("/v1/models") });
        }
        let model = model.strip_prefix('/')?;
        if model.is_empty() || model.len() > MAX_MODEL_BYTES || model.contains('/') {
            return None;
        }
        let upstream_path = format!("/v1/models/{}", utf8_percent_encode(model, ESCAPED));
        Some(Asked { endpoint, upstream_path: Cow::Owned(upstream_path) })
    }
}

/// The path that a provider knows an endpoint by.
#[cfg(test)]
pub(super) fn default_upstream_path(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::AgentJson => "/",
        Endpoint::OpenAiModels | Endpoint::AnthropicModels => "/v1/models",
        _ => ENDPOINTS.iter().find(|(_, _, listed)| *listed == endpoint).map_or("/", |(_, path, _)| path),
    }
}
