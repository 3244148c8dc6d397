//! What the scripted upstream answers: steps, written byte for byte.

use serde_json::{Value, json};
use std::time::Duration;

/// One step of an answer.
#[derive(Clone, Debug)]
pub enum Step {
    /// Writes these bytes at once.
    Send(Vec<u8>),
    /// Waits, and ends the connection early when the peer leaves meanwhile.
    Pause(Duration),
    /// Closes the connection.
    Close,
}

/// An answer. The connection is kept for the next request unless a step closes it.
#[derive(Clone, Debug)]
pub struct Reply {
    pub steps: Vec<Step>,
}

impl Reply {
    /// These bytes as they are, and then the connection is closed.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { steps: vec![Step::Send(bytes.into()), Step::Close] }
    }

    /// A JSON answer.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::with_headers(status, &[], body)
    }

    /// A JSON answer with headers beside the usual ones.
    pub fn with_headers(status: u16, headers: &[(&str, &str)], body: &Value) -> Self {
        let body = body.to_string();
        let extra: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let text = format!(
            "HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{extra}\r\n{body}",
            body.len()
        );
        Self { steps: vec![Step::Send(text.into_bytes())] }
    }

    /// A chat answer with this text and 10 + 5 tokens.
    pub fn chat(text: &str) -> Self {
        Self::json(
            200,
            &json!({
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini",
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
            }),
        )
    }

    /// A message of Anthropic's API with this text.
    pub fn message(text: &str) -> Self {
        Self::json(
            200,
            &json!({
                "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
                "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
                "usage": {"input_tokens": 10, "output_tokens": 5}
            }),
        )
    }

    /// An answer that fits the endpoint at this path.
    pub fn of_endpoint(path: &str) -> Self {
        let body = match path {
            "/v1/messages" => return Self::message("Hello"),
            "/v1/messages/count_tokens" => json!({"input_tokens": 10}),
            "/v1/completions" => json!({
                "id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m",
                "choices": [{"index": 0, "text": "Hello", "finish_reason": "stop", "logprobs": null}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
            }),
            "/v1/responses" => json!({
                "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed", "error": null,
                "output": [{"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
                    "content": [{"type": "output_text", "text": "Hello", "annotations": []}]}],
                "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
            }),
            "/v1/embeddings" => json!({
                "object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}],
                "usage": {"prompt_tokens": 10, "total_tokens": 10}
            }),
            "/v1/moderations" => json!({
                "id": "modr-1", "model": "m",
                "results": [{"flagged": false, "categories": {"violence": false}, "category_scores": {"violence": 0.01}}]
            }),
            "/v1/models" => json!({"object": "list", "data": []}),
            path if path.starts_with("/agents/") => json!({"reply": "Hello"}),
            _ => return Self::chat("Hello"),
        };
        Self::json(200, &body)
    }

    /// An answer of this status in OpenAI's error shape.
    pub fn error(status: u16) -> Self {
        Self::error_with(status, &[])
    }

    /// The same with more headers.
    pub fn error_with(status: u16, headers: &[(&str, &str)]) -> Self {
        let body =
            json!({"error": {"message": "scripted failure", "type": "server_error", "param": null, "code": null}});
        Self::with_headers(status, headers, &body)
    }

    /// Nothing for this long, then a chat answer.
    pub fn slow(pause: Duration) -> Self {
        let mut reply = Self::chat("late");
        reply.steps.insert(0, Step::Pause(pause));
        reply
    }

    /// The connection is closed without an answer.
    pub fn hang_up() -> Self {
        Self { steps: vec![Step::Close] }
    }

    /// The head of an event stream, to be followed by [`Self::event`].
    pub fn stream() -> Self {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        Self { steps: vec![Step::Send(head.as_bytes().to_vec())] }
    }

    /// Writes one chunk.
    pub fn chunk(mut self, text: &str) -> Self {
        self.steps.push(Step::Send(format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()));
        self
    }

    /// Writes one `data:` event.
    pub fn event(self, payload: &Value) -> Self {
        self.chunk(&format!("data: {payload}\n\n"))
    }

    /// Writes one event of a chat stream with this text.
    pub fn delta(self, text: &str) -> Self {
        self.event(&chunk_of(&json!({"content": text}), &Value::Null))
    }

    /// Ends a chat stream as OpenAI does, without usage.
    pub fn done(self) -> Self {
        self.event(&chunk_of(&json!({}), &json!("stop"))).chunk("data: [DONE]\n\n").end()
    }

    /// Ends a chat stream with a usage event of 10 + 5 tokens before `[DONE]`.
    pub fn done_with_usage(self) -> Self {
        let usage = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini",
            "choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        });
        self.event(&chunk_of(&json!({}), &json!("stop"))).event(&usage).chunk("data: [DONE]\n\n").end()
    }

    /// Ends the chunked body.
    pub fn end(mut self) -> Self {
        self.steps.push(Step::Send(b"0\r\n\r\n".to_vec()));
        self
    }

    /// Waits.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.steps.push(Step::Pause(pause));
        self
    }

    /// Waits for longer than any test lives, or until the peer leaves.
    pub fn stall(self) -> Self {
        self.pause(Duration::from_secs(60))
    }

    /// Closes the connection in the middle.
    pub fn cut(mut self) -> Self {
        self.steps.push(Step::Close);
        self
    }
}

fn chunk_of(delta: &Value, finish_reason: &Value) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    })
}
