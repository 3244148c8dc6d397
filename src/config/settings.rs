//! The YAML as the operator wrote it, checked: units parsed, references resolvable, nothing compiled. Every field says its
//! unit, default and why. These types are made only by [`super::load()`].

use crate::model::settings::{AddressLimits, BreakerSettings, ClientLimits, RecordSettings, TraceSettings};
use crate::model::{
    Action, Category, ClientId, Direction, FailureChoice, Mode, ModelName, Origin, PolicyId, RouteId, RuleId, Secret,
    StreamPolicy, UpstreamId,
};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// `gateway.yaml`: where traffic comes in and goes.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// Sockets that take clients' traffic; at least one.
    pub listeners: Vec<Listener>,
    /// Probes and metrics, without content: may bind the pod's address. Default: 127.0.0.1:9091.
    pub health: SocketAddr,
    /// Status; loopback only. Default: 127.0.0.1:9090.
    pub admin: SocketAddr,
    /// Upstreams in the order written.
    pub upstreams: Vec<Upstream>,
    /// Routes in the order written; the longest matching path prefix wins.
    pub routes: Vec<Route>,
    /// Known clients.
    pub clients: Vec<Client>,
    /// Limits of the process and of one exchange.
    pub limits: Limits,
    /// Limits per address.
    pub addresses: AddressLimits,
    /// Records.
    pub record: RecordSettings,
    /// OpenTelemetry; `None` exports nothing.
    pub tracing: Option<TraceSettings>,
    /// Life cycle.
    pub shutdown: Shutdown,
}

/// One socket for clients.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Address to bind.
    pub address: SocketAddr,
    /// Whether open routes may be served on an address that is not loopback. Default: `false`, and then such a
    /// combination is an error at load. Written `open_routes: allow`.
    pub open_routes: OpenRoutes,
}

/// Whether a listener outside loopback may serve routes that ask for no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenRoutes {
    /// An error at load (default).
    LoopbackOnly,
    /// The operator allowed it in words (`open_routes: allow`).
    Allow,
}

/// Limits of the process and of one exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Request body cap in bytes; 413 above. Default: 32 MiB.
    pub request_body_bytes: u64,
    /// Cap of an answer that is read whole, in bytes; 502 above. Default: 32 MiB.
    pub response_body_bytes: u64,
    /// Cap of one server-sent event, in bytes. Default: 1 MiB.
    pub event_bytes: u64,
    /// Request head cap in bytes. Default: 64 KiB (Azure and tracing headers are large).
    pub head_bytes: u64,
    /// Depth of JSON. Default and maximum: 64.
    pub json_depth: usize,
    /// Values in one body (a node budget against width bombs). Default: 500 000.
    pub json_nodes: usize,
    /// Connections at once over all listeners. Default: 10 000.
    pub connections: usize,
    /// Exchanges at once. Default: 4 096; 503 above.
    pub exchanges: usize,
    /// Time for a whole head from its first byte. Default: 10 s.
    pub head_timeout: Duration,
    /// Time for a whole request body. Default: 60 s.
    pub body_timeout: Duration,
    /// How long an idle kept-alive connection lives. Default: 75 s.
    pub keep_alive_idle: Duration,
    /// Time for the inspection of one exchange's request. Default: 2 s.
    pub inspection_time: Duration,
}

/// What happens at SIGTERM.
#[derive(Clone, Debug, PartialEq)]
pub struct Shutdown {
    /// How long `/readyz` says 503 before listeners stop accepting. Default: 1 s.
    pub delay: Duration,
    /// How long live exchanges may go on after that. Default: 30 s.
    pub drain: Duration,
}

/// A provider endpoint or an agent.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Its key under `upstreams:`.
    pub id: UpstreamId,
    /// What it speaks.
    pub provider: Provider,
    /// Scheme, host, port and optional path prefix; `None` only for `demo`. For `openai` and `anthropic` the provider's
    /// address is the default.
    pub base_url: Option<BaseUrl>,
    /// The provider's credential.
    pub api_key: Credential,
    /// Models it serves, with `*` at the end of a name as wildcard; empty means all.
    pub models: Vec<ModelName>,
    /// Timeouts.
    pub timeouts: Timeouts,
    /// Breaker.
    pub circuit_breaker: BreakerSettings,
    /// Retries.
    pub retries: Retries,
    /// Extra root certificates (PEM) for a private CA; replaces the built-in roots. Written relative to
    /// the gateway file, here resolved. Default: none.
    pub ca_file: Option<PathBuf>,
    /// Idle connections kept. Default: 64.
    pub pool: usize,
}

/// What an upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// OpenAI's API or one that copies it (`openai`). Credential: `Authorization: Bearer`.
    OpenAi,
    /// Anthropic's API (`anthropic`). Credential: `x-api-key`.
    Anthropic,
    /// An agent's own HTTP endpoint (`agent`). Credential: `Authorization: Bearer`, if any.
    Agent,
    /// The built-in upstream that answers without a key or a network (`demo`).
    Demo,
}

impl Provider {
    /// The name used in YAML and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Agent => "agent",
            Self::Demo => "demo",
        }
    }
}

/// An upstream's address, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port; 443 or 80 by default.
    pub port: u16,
    /// Path before the endpoint's own (`/v1/...`), without a trailing slash; may be empty. A written `/v1` at the end is
    /// dropped for `openai` and `anthropic`, since endpoints bring their own.
    pub path: String,
}

/// The credential put in last.
#[derive(Clone, Debug)]
pub enum Credential {
    /// No credential is sent.
    None,
    /// This one is sent.
    Key(Secret),
    /// `${env:NAME?}` and NAME is not set: the upstream is *not configured* and gets no traffic.
    NotConfigured,
}

/// Timeouts of an upstream, apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeouts {
    /// TCP and TLS. Default: 3 s.
    pub connect: Duration,
    /// From the request's last byte to the answer's head. Default: 60 s.
    pub first_byte: Duration,
    /// Between chunks of an answer, measured only while the gateway asks for bytes. Default: 30 s.
    pub stream_idle: Duration,
    /// Whole exchange. Default: 10 min.
    pub total: Duration,
}

/// Retries before the first byte went downstream.
#[derive(Clone, Debug, PartialEq)]
pub struct Retries {
    /// Attempts at one upstream after the first. Default: 2.
    pub attempts: u32,
    /// First pause; doubles each time, full jitter. Default: 200 ms.
    pub base: Duration,
    /// Longest pause, also for `Retry-After`; a longer `Retry-After` is not waited for. Default: 5 s.
    pub max: Duration,
}

/// Which traffic goes where under which policy.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name.
    pub id: RouteId,
    /// Path prefix, beginning and ending with `/` (a JSON route is its exact path without the last `/` too).
    pub path: String,
    /// How bodies are read.
    pub format: RouteFormat,
    /// Upstreams in failover order; at least one.
    pub upstreams: Vec<UpstreamId>,
    /// The policy's name.
    pub policy: PolicyId,
    /// Who may use it. Default: any listed client.
    pub access: Access,
    /// Origins that may read answers from a browser, exact (`https://app.example`); `*` is an error. Default: none.
    pub cors_origins: Vec<String>,
}

/// How a route's bodies are read.
#[derive(Clone, Debug)]
pub enum RouteFormat {
    /// Provider traffic: each known endpoint under the path brings its own dialect.
    Provider,
    /// An agent's own JSON endpoint (`dialect: json`).
    Json(JsonFormat),
}

/// An agent's own JSON endpoint.
#[derive(Clone, Debug)]
pub struct JsonFormat {
    /// JSON pointers (RFC 6901) of the fields that are prose from a user. `*` matches any array index. Every other string is
    /// inspected too, as a parameter.
    pub text: Vec<String>,
    /// JSON Schema (draft 2020-12 by default) that bodies must fit, parsed.
    pub schema: Option<serde_json::Value>,
}

/// Who may use a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone who reaches the listener (`access: open`).
    Open,
    /// Any client of `clients:` (default).
    AnyClient,
    /// These clients (`access: [a, b]`).
    Clients(Vec<ClientId>),
}

/// A caller with a key.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its name, in records and metrics.
    pub id: ClientId,
    /// SHA-256 of its key; several while keys rotate; at least one.
    pub key_sha256: Vec<[u8; 32]>,
    /// What it may use.
    pub limits: ClientLimits,
}

/// `policies/*.yaml` with a `policy:` key: what may pass.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name.
    pub id: PolicyId,
    /// Default: enforce.
    pub mode: Mode,
    /// When a guard cannot run or runs out of time. Default: block.
    pub when_inspection_fails: FailureChoice,
    /// For each finding the first rule that matches decides; findings that match none are allowed (and recorded).
    pub rules: Vec<Rule>,
    /// Tools that may be declared or called.
    pub tools: ToolPolicy,
    /// Images, audio and files inside bodies. Default: allow (recorded as uninspected media).
    pub media: MediaChoice,
    /// What a streamed answer may hold back, and how it ends when it is cut.
    pub streams: StreamPolicy,
}

/// One rule of a policy.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, unique in the policy.
    pub id: RuleId,
    /// What it matches.
    pub finding: FindingMatch,
    /// Origins it matches; empty means all.
    pub origins: Vec<Origin>,
    /// Direction it matches; `None` means both.
    pub direction: Option<Direction>,
    /// Least score, 0.0 to 1.0. Default: 0.5.
    pub min_score: f32,
    /// What to do.
    pub action: Action,
}

/// What a rule of a policy matches.
#[derive(Clone, Debug, PartialEq)]
pub enum FindingMatch {
    /// Every finding of a category: `finding: injection`.
    Category(Category),
    /// Findings of one detector rule, or of all below a dotted prefix: `finding: secret.aws`.
    Rule(RuleId),
}

/// Tools that may be declared in requests and called in answers.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolPolicy {
    /// Allowed names; `None` means all that are not denied.
    pub allow: Option<Vec<String>>,
    /// Denied names.
    pub deny: Vec<String>,
    /// Longest string in a tool call's arguments, in characters; `None` is unlimited. Default: 10 000.
    pub max_chars_per_field: Option<usize>,
    /// Sinks that arguments are judged by: `Xss`, `SqlInjection`, `CommandInjection`, `PathTraversal`, `Ssrf`,
    /// `TemplateInjection`. Default: none.
    pub deny_arguments: Vec<Category>,
    /// A call whose arguments do not fit the schema that the request declared. Default: flag. `Block` holds for answers; a
    /// call in the history is only recorded, since blocking it would end the conversation over what is done already.
    pub schema: Reaction,
    /// A call of a tool that the request does not declare. Default: flag. `Block` holds for answers, as above.
    pub undeclared: Reaction,
    /// The definitions that a request brings.
    pub definitions: DefinitionPolicy,
}

/// What is done about something that a guard of tools saw and no rule speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// It is not looked for.
    Off,
    /// It is recorded.
    Flag,
    /// It is refused.
    Block,
}

/// How definitions of tools are compared with each other and with those seen before.
#[derive(Clone, Debug, PartialEq)]
pub struct DefinitionPolicy {
    /// A definition that is not the one that this client sent first under this name on this route, or not the one of `pins`.
    /// Default: flag, which tells each new definition once and takes it for known then; `Block` takes none but the first.
    pub changed: Reaction,
    /// Two tools of one request whose names are equal or look equal, with different definitions. Default: flag.
    pub shadowed: Reaction,
    /// A description that tells what to do about another tool of the request. Default: flag.
    pub cross_references: Reaction,
    /// SHA-256 of the canonical JSON of the only definition that a name may have. Default: none.
    pub pins: Vec<(String, [u8; 32])>,
}

/// Whether media may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaChoice {
    /// Passed and recorded as uninspected.
    Allow,
    /// Refused.
    Block,
}

/// `policies/*.yaml` with a `pack:` key: injection signatures.
#[derive(Clone, Debug)]
pub struct Pack {
    /// Its name.
    pub name: String,
    /// Its signatures.
    pub signatures: Vec<Signature>,
}

/// One injection signature.
#[derive(Clone, Debug)]
pub struct Signature {
    /// `injection.<family>.<name>`.
    pub id: RuleId,
    /// override, role_change, prompt_extraction, forged_delimiter, hidden_characters, encoded_payload,
    /// exfiltration_link, tool_poisoning, authority_claim, refusal_suppression, …
    pub family: String,
    /// Why it matters, one sentence.
    pub why: String,
    /// Languages its patterns are in (`en`, `de`, …; `any`).
    pub languages: Vec<String>,
    /// How sure a match is, 0.0 to 1.0.
    pub score: f32,
    /// How bad it is when what it looks for gets through. Documentation for who reads a pack; policies decide by score.
    pub severity: Severity,
    /// Regular expressions over the view named by `view`, joined by "or". Case-insensitive.
    pub patterns: Vec<String>,
    /// Which view they are matched on. Default: normalised.
    pub view: SignatureView,
    /// Origins it looks at; empty means all.
    pub origins: Vec<Origin>,
    /// Standards that describe it (`OWASP-LLM01`, `MITRE-ATLAS-AML.T0051`, `CWE-1427`); at least one.
    pub references: Vec<String>,
    /// Texts that must match; at least one. They are scanned at every load.
    pub examples_match: Vec<Example>,
    /// Near misses that must not, at the full score; at least one.
    pub examples_no_match: Vec<Example>,
}

/// A text of a pack and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The text.
    pub text: String,
    /// `file:line:column`, for messages.
    pub at: String,
}

/// How bad it is when what a signature looks for gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// A nuisance.
    Low,
    /// The model leaves its task.
    Medium,
    /// The model works for someone else.
    High,
    /// Data leaves or tools act for someone else.
    Critical,
}

impl Severity {
    /// All, from the least.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name used in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// The text that a signature's patterns see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureView {
    /// As written.
    Raw,
    /// NFKC, lower case, invisible characters removed, white space folded to single spaces, common confusables mapped.
    Normalised,
    /// Only what a page does not show (comments, elements without size or ink, attributes, …), normalised.
    Hidden,
}
