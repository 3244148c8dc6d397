//! Requests: from received bytes to an [`Exchange`], or a refusal. Nothing that the dialect's walker did not see as a whole
//! comes out of here.

use super::agent_json::{self, Pointer};
use super::canvas::Canvas;
use super::exchange::{Edit, Exchange, RequestFacts};
use super::fields::{Steering, Unusable};
use super::json::{Json, JsonFault, JsonFaultKind, JsonLimits, Kind};
use super::{anthropic, openai_chat, openai_responses, openai_text};
use crate::config::settings::{JsonFormat, RouteFormat};
use crate::model::{Cause, Direction, Endpoint, Refusal, Stage, TextKind};
use crate::stages::accept::Received;
use crate::stages::admit::Admitted;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

/// Why a route's format cannot be used. All texts in it are the operator's own.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The JSON Schema is none.
    #[error("the JSON Schema cannot be used: {reason} (at {at:?})")]
    InvalidSchema {
        /// JSON pointer into the schema.
        at: String,
        /// What is wrong there.
        reason: String,
    },
    /// A pointer of `text:` is no JSON pointer.
    #[error("`{pointer}` is not a JSON pointer: it begins with `/`, and `~` is written `~0`, `/` inside a name `~1`")]
    InvalidPointer {
        /// As written.
        pointer: String,
    },
}

/// Decodes the requests of one route.
#[derive(Debug)]
pub struct Decoder {
    limits: JsonLimits,
    prose: Vec<Pointer>,
    schema: Option<jsonschema::Validator>,
}

impl Decoder {
    /// Compiles a route's format.
    ///
    /// # Errors
    /// [`SchemaError`] where a pointer or the schema cannot be used.
    pub fn for_route(format: &RouteFormat, limits: JsonLimits) -> Result<Self, SchemaError> {
        let RouteFormat::Json(JsonFormat { text, schema }) = format else {
            return Ok(Self { limits, prose: Vec::new(), schema: None });
        };
        let pointer =
            |text: &String| Pointer::parse(text).ok_or_else(|| SchemaError::InvalidPointer { pointer: text.clone() });
        let prose = text.iter().map(pointer).collect::<Result<_, _>>()?;
        let schema = schema.as_ref().map(compile).transpose()?;
        Ok(Self { limits, prose, schema })
    }

    /// Decodes one request.
    ///
    /// # Errors
    /// A [`Refusal`]: the content type, the JSON, the schema, or a field that steers the gateway is not what the endpoint
    /// takes.
    pub fn request(&self, admitted: Admitted, received: Received) -> Result<Exchange, Refusal> {
        let endpoint = admitted.endpoint();
        check_query(endpoint, admitted.head().query())?;
        let bytes = received.into_bytes();
        if endpoint.is_listing() {
            if !bytes.is_empty() {
                return Err(malformed("a listing takes no body"));
            }
            return Ok(Exchange::new(admitted, String::new(), RequestFacts::default()));
        }
        check_content(admitted.head().headers())?;
        let body = String::from_utf8(bytes).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            fault(JsonFault { kind: JsonFaultKind::NotUtf8, offset })
        })?;
        let facts = self.facts(endpoint, &body)?;
        Ok(Exchange::new(admitted, body, facts))
    }

    fn facts(&self, endpoint: Endpoint, body: &str) -> Result<RequestFacts, Refusal> {
        let json = Json::parse(body, self.limits).map_err(fault)?;
        if json.kind(0) != Kind::Object {
            return Err(malformed("the top level is not an object"));
        }
        let is_agent = endpoint == Endpoint::AgentJson;
        if is_agent && let Some(schema) = &self.schema {
            check_schema(schema, body)?;
        }
        let unnamed = if is_agent { TextKind::Parameter } else { TextKind::Prose };
        let mut canvas = Canvas::new(&json, Direction::Request, unnamed);
        let steering = self.mark(&mut canvas, endpoint)?;
        let asks_usage = matches!(endpoint, Endpoint::ChatCompletions | Endpoint::Completions) && steering.stream;
        let edit = if asks_usage { ask_for_usage(&json, steering.stream_options)? } else { None };
        let swept = canvas.sweep();
        Ok(RequestFacts {
            segments: swept.segments,
            model: steering.model,
            stream: steering.stream,
            max_tokens: steering.max_tokens,
            declared_tools: swept.declared_tools,
            definitions: swept.definitions,
            tool_calls: swept.tool_calls,
            media: swept.media,
            usage_was_spliced: edit.is_some(),
            protocol_edits: edit.into_iter().collect(),
            coverage: swept.coverage,
        })
    }

    fn mark(&self, canvas: &mut Canvas<'_>, endpoint: Endpoint) -> Result<Steering, Unusable> {
        match endpoint {
            Endpoint::ChatCompletions => openai_chat::request(canvas),
            Endpoint::Completions | Endpoint::Embeddings | Endpoint::Moderations => {
                openai_text::request(canvas, endpoint)
            }
            Endpoint::Responses => openai_responses::request(canvas),
            Endpoint::Messages | Endpoint::CountTokens => anthropic::request(canvas),
            Endpoint::AgentJson => {
                agent_json::request(canvas, &self.prose);
                Ok(Steering::default())
            }
            // Listings have no body; they were answered before.
            Endpoint::OpenAiModels | Endpoint::AnthropicModels => Ok(Steering::default()),
        }
    }
}

/// Longest query that is passed on, in bytes.
const MAX_QUERY_BYTES: usize = 512;

/// No guard reads a query. An agent could take text from it, so an agent's endpoint has none; a provider's has options of a
/// few plain words (`beta=true`, `limit=20`, `after_id=…`), in which no sentence fits.
fn check_query(endpoint: Endpoint, query: Option<&str>) -> Result<(), Refusal> {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(()) };
    let is_plain = query.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"=&_-.:,".contains(&byte));
    if endpoint != Endpoint::AgentJson && is_plain && query.len() <= MAX_QUERY_BYTES {
        return Ok(());
    }
    Err(Refusal::new(Stage::Decode, Cause::MalformedRequest).detail("a query that cannot be inspected"))
}

/// Compiles a schema. Patterns run on the linear-time engine, and nothing is fetched.
fn compile(schema: &serde_json::Value) -> Result<jsonschema::Validator, SchemaError> {
    jsonschema::options().with_pattern_options(jsonschema::PatternOptions::regex()).build(schema).map_err(|error| {
        SchemaError::InvalidSchema { at: error.instance_path().to_string(), reason: error.to_string() }
    })
}

fn check_schema(schema: &jsonschema::Validator, body: &str) -> Result<(), Refusal> {
    let value: serde_json::Value =
        serde_json::from_str(body).map_err(|_| malformed("the validator cannot read the body"))?;
    // Only the place in the operator's schema is told: the place in the body is made of the client's words.
    schema.validate(&value).map_err(|error| {
        Refusal::new(Stage::Decode, Cause::SchemaMismatch).detail(format!("schema rule {}", error.schema_path()))
    })
}

fn malformed(detail: &'static str) -> Refusal {
    Refusal::new(Stage::Decode, Cause::MalformedBody).detail(detail)
}

fn fault(fault: JsonFault) -> Refusal {
    Refusal::new(Stage::Decode, Cause::MalformedBody).detail(fault.to_string())
}

/// Exactly one `application/json` (in UTF-8, if it says), and no content encoding (THREATS 16, 19).
fn check_content(headers: &HeaderMap) -> Result<(), Refusal> {
    let unsupported = |detail| Err(Refusal::new(Stage::Decode, Cause::UnsupportedContent).detail(detail));
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(content_type), None) = (types.next(), types.next()) else {
        return unsupported("not exactly one content-type");
    };
    if !content_type.to_str().is_ok_and(is_json_in_utf8) {
        return unsupported("content-type");
    }
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    match (encodings.next(), encodings.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"identity") => Ok(()),
        _ => unsupported("content-encoding"),
    }
}

fn is_json_in_utf8(value: &str) -> bool {
    let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
    let charset = parameters.trim();
    let is_utf8 = charset.is_empty()
        || charset.split_once('=').is_some_and(|(name, value)| {
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
            name.eq_ignore_ascii_case("charset") && value.eq_ignore_ascii_case("utf-8")
        });
    essence.trim().eq_ignore_ascii_case("application/json") && is_utf8
}

/// The edit that makes a stream tell its usage; `None` where the client asked for it already.
fn ask_for_usage(json: &Json<'_>, options: Option<usize>) -> Result<Option<Edit>, Unusable> {
    let insert = |at: usize, text: &str| Edit { span: at..at, replacement: text.to_owned() };
    let Some(options) = options else {
        // The object is not empty: it has `stream`.
        let at = json.span(0).start + 1;
        return Ok(Some(insert(at, r#""stream_options":{"include_usage":true},"#)));
    };
    let span = json.span(options);
    match json.kind(options) {
        Kind::Null => Ok(Some(Edit { span, replacement: r#"{"include_usage":true}"#.to_owned() })),
        Kind::Object => match json.member(options, "include_usage") {
            None if json.children(options).next().is_none() => {
                Ok(Some(insert(span.start + 1, r#""include_usage":true"#)))
            }
            None => Ok(Some(insert(span.start + 1, r#""include_usage":true,"#))),
            Some(asked) => match json.kind(asked) {
                Kind::True => Ok(None),
                Kind::False | Kind::Null => Ok(Some(Edit { span: json.span(asked), replacement: "true".to_owned() })),
                _ => Err(Unusable::WrongType("/stream_options/include_usage")),
            },
        },
        _ => Err(Unusable::WrongType("/stream_options")),
    }
}
