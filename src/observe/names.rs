//! Names of span attributes, in one place, because the GenAI conventions are still changing.
//!
//! Source: OpenTelemetry semantic conventions for HTTP (stable) and for generative AI (development).

pub(super) const OPERATION: &str = "gen_ai.operation.name";
pub(super) const PROVIDER: &str = "gen_ai.provider.name";
pub(super) const REQUEST_MODEL: &str = "gen_ai.request.model";
pub(super) const RESPONSE_ID: &str = "gen_ai.response.id";
pub(super) const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub(super) const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
pub(super) const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub(super) const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";

pub(super) const ERROR_TYPE: &str = "error.type";
pub(super) const METHOD: &str = "http.request.method";
pub(super) const STATUS: &str = "http.response.status_code";
pub(super) const RESEND_COUNT: &str = "http.request.resend_count";
pub(super) const SERVICE_VERSION: &str = "service.version";

pub(super) const REQUEST_ID: &str = "portcullis.request_id";
pub(super) const ROUTE: &str = "portcullis.route";
pub(super) const ENDPOINT: &str = "portcullis.endpoint";
pub(super) const CLIENT: &str = "portcullis.client";
pub(super) const UPSTREAM: &str = "portcullis.upstream";
pub(super) const POLICY: &str = "portcullis.policy";
pub(super) const MODE: &str = "portcullis.policy.mode";
pub(super) const REQUEST_VERDICT: &str = "portcullis.request.verdict";
pub(super) const ANSWER_VERDICT: &str = "portcullis.answer.verdict";
pub(super) const CAUSE: &str = "portcullis.outcome.cause";
pub(super) const STAGE: &str = "portcullis.outcome.stage";
pub(super) const STREAM_END: &str = "portcullis.stream.end";
pub(super) const SNAPSHOT: &str = "portcullis.snapshot";
pub(super) const DEMO: &str = "portcullis.demo";
