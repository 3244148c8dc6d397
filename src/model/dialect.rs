//! Wire formats and the endpoints that are known. An endpoint that is not listed here is refused.

/// A wire format: how requests, answers, stream events and errors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI's API and what copies it.
    OpenAi,
    /// Anthropic's Messages API.
    Anthropic,
    /// An agent's own JSON endpoint; its errors have OpenAI's shape, which most clients read.
    Json,
}

impl Dialect {
    /// The name used in YAML, records and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Json => "json",
        }
    }
}

/// What a request asks of a provider or an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `POST /v1/chat/completions`
    ChatCompletions,
    /// `POST /v1/completions`
    Completions,
    /// `POST /v1/responses`
    Responses,
    /// `POST /v1/embeddings`
    Embeddings,
    /// `POST /v1/moderations`
    Moderations,
    /// `GET /v1/models` and `GET /v1/models/{id}` without an `anthropic-version` header.
    OpenAiModels,
    /// `GET /v1/models` and `GET /v1/models/{id}` with an `anthropic-version` header.
    AnthropicModels,
    /// `POST /v1/messages`
    Messages,
    /// `POST /v1/messages/count_tokens`
    CountTokens,
    /// `POST` to a route of dialect `json`.
    AgentJson,
}

impl Endpoint {
    /// All endpoints, for tables and tests.
    pub const ALL: [Self; 10] = [
        Self::ChatCompletions,
        Self::Completions,
        Self::Responses,
        Self::Embeddings,
        Self::Moderations,
        Self::OpenAiModels,
        Self::AnthropicModels,
        Self::Messages,
        Self::CountTokens,
        Self::AgentJson,
    ];

    /// The wire format of its requests, answers and errors.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::ChatCompletions
            | Self::Completions
            | Self::Responses
            | Self::Embeddings
            | Self::Moderations
            | Self::OpenAiModels => Dialect::OpenAi,
            Self::AnthropicModels | Self::Messages | Self::CountTokens => Dialect::Anthropic,
            Self::AgentJson => Dialect::Json,
        }
    }

    /// The name used in records and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Completions => "completions",
            Self::Responses => "responses",
            Self::Embeddings => "embeddings",
            Self::Moderations => "moderations",
            Self::OpenAiModels => "models",
            Self::AnthropicModels => "anthropic_models",
            Self::Messages => "messages",
            Self::CountTokens => "count_tokens",
            Self::AgentJson => "agent_json",
        }
    }

    /// Whether the request is a `GET` without a body (all others are `POST` with a JSON body).
    pub fn is_listing(self) -> bool {
        matches!(self, Self::OpenAiModels | Self::AnthropicModels)
    }
}
