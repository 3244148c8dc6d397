//! What is forwarded is what was inspected: the same bytes, the provider's credential, none of the client's.

use crate::support::config::{ANTHROPIC_KEY, CLIENT_KEY, OPENAI_KEY};
use crate::support::{Config, Gateway, Mock, Reply, Request, chat, chat_request, stream_request};
use serde_json::{Value, json};

#[test]
fn body_is_forwarded_byte_for_byte() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock));
    // White space, escapes, key order, number forms and unknown fields are the client's business.
    let bodies = [
        "{ \"messages\" :\t[ {\"content\":\"caf\\u00e9 \\/ \\ud83d\\ude00 \u{e9}\",\"role\":\"user\"} ],\r\n \"model\":\"gpt-4o-mini\" }",
        r#"{"model":"gpt-4o-mini","temperature":1.0E+0,"seed":12345678901234567890123,"top_p":0.10,"messages":[{"role":"user","content":"hi"}]}"#,
        r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":""}],"x_new":null,"y":[[],{},true]}"#,
    ];
    for (index, body) in bodies.iter().enumerate() {
        let request = Request::post("/v1/chat/completions").header("content-type", "application/json").bytes(*body);
        let answer = gateway.send(&request);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(mock.seen()[index].body, body.as_bytes());
    }
}

#[test]
fn large_body_in_chunks_is_forwarded_byte_for_byte() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock));
    let body = chat(&"The tide tables of the harbour are read aloud. ".repeat(6000)).to_string();
    let mut connection = gateway.connect();
    connection.send(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    for piece in body.as_bytes().chunks(60_000) {
        connection.send(format!("{:x}\r\n", piece.len()).as_bytes());
        connection.send(piece);
        connection.send(b"\r\n");
    }
    connection.send(b"0\r\n\r\n");
    assert_eq!(connection.answer().status, 200);
    assert!(mock.only().body == body.as_bytes(), "the body was changed");
}

#[test]
fn credentials_are_swapped_whatever_header_the_client_used() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock).one_client(""));
    let requests = [
        chat_request("hi").key(CLIENT_KEY),
        chat_request("hi").header("x-api-key", CLIENT_KEY),
        chat_request("hi").header("api-key", CLIENT_KEY),
    ];
    for (index, request) in requests.iter().enumerate() {
        let answer = gateway.send(request);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let seen = &mock.seen()[index];
        assert_eq!(seen.header("authorization"), [format!("Bearer {OPENAI_KEY}")]);
        assert!(!seen.text().contains(CLIENT_KEY), "the client's key reached the upstream: {}", seen.head);
    }
}

#[test]
fn anthropic_gets_its_own_credential_and_the_clients_version_headers() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock).one_client(""));
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 8, "messages": [{"role": "user", "content": "hi"}]});
    let request = Request::post("/v1/messages")
        .header("x-api-key", CLIENT_KEY)
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", "tools-2024-04-04")
        .json(&body);
    let answer = gateway.send(&request);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = mock.only();
    assert_eq!(seen.header("x-api-key"), [ANTHROPIC_KEY]);
    assert_eq!(seen.header("anthropic-version"), ["2023-06-01"]);
    assert_eq!(seen.header("anthropic-beta"), ["tools-2024-04-04"]);
    assert!(seen.header("authorization").is_empty() && !seen.text().contains(CLIENT_KEY), "{}", seen.head);
}

#[test]
fn cookies_forwarding_headers_and_hop_by_hop_headers_stay_here() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock));
    let request = chat_request("hi")
        .header("cookie", "session=s3ss10n")
        .header("proxy-authorization", "Basic c2VjcmV0")
        .header("x-goog-api-key", "goog-k3y")
        .header("x-forwarded-for", "203.0.113.9")
        .header("te", "trailers")
        .header("keep-alive", "timeout=5")
        .header("openai-organization", "org-1");
    assert_eq!(gateway.send(&request).status, 200);
    let seen = mock.only();
    for secret in ["s3ss10n", "c2VjcmV0", "goog-k3y", "203.0.113.9"] {
        assert!(!seen.text().contains(secret), "{secret} reached the upstream: {}", seen.head);
    }
    assert!(seen.header("te").is_empty() && seen.header("keep-alive").is_empty(), "{}", seen.head);
    assert_eq!(seen.header("openai-organization"), ["org-1"]);
    assert_eq!(seen.header("host"), [format!("127.0.0.1:{}", mock.port())]);
    assert_eq!(seen.header("content-length").len(), 1);
}

#[test]
fn credentials_in_the_query_stay_here() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock));
    for query in ["key=s3cr3t", "beta=true&api_key=s3cr3t", "k%65y=s3cr3t"] {
        let path = format!("/v1/chat/completions?{query}");
        gateway.send(&Request::post(&path).json(&chat("hi")));
    }
    assert!(mock.seen().iter().all(|seen| !seen.text().contains("s3cr3t")), "a key in the query reached the upstream");
    gateway.wait_for_records(3);
    assert!(!gateway.output().contains("s3cr3t"), "a key in the query was written");
}

#[test]
fn trace_context_goes_on_to_the_upstream() {
    let mock = Mock::provider();
    let collector = Mock::always(Reply::json(200, &json!({})));
    let tracing = format!("tracing: {{ endpoint: \"http://127.0.0.1:{}\" }}", collector.port());
    let gateway = Gateway::start(&Config::new(&mock).more(&tracing));
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = chat_request("hi").header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"));
    assert_eq!(gateway.send(&request).status, 200);
    let seen = mock.only();
    assert!(seen.header("traceparent").iter().any(|value| value.contains(trace)), "{}", seen.head);
}

#[test]
fn answer_reaches_the_client_with_both_request_ids_and_without_topology() {
    let body = json!({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0,
        "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}]});
    let headers = [("x-request-id", "upstream-id-1"), ("server", "secret-server/1.0"), ("set-cookie", "a=b")];
    let mock = Mock::always(Reply::with_headers(200, &headers, &body));
    let gateway = Gateway::start(&Config::new(&mock));
    let answer = gateway.send(&chat_request("hi"));
    assert_eq!(answer.body, body.to_string().as_bytes(), "an answer without findings is passed as it is");
    assert!(answer.header("x-request-id").is_some_and(|id| id.starts_with("req_")), "{}", answer.head);
    assert_eq!(answer.header("x-upstream-request-id"), Some("upstream-id-1"));
    assert_eq!(answer.header("set-cookie"), None);
    assert!(!answer.head.contains("secret-server"), "{}", answer.head);
}

#[test]
fn stream_without_usage_asked_for_gets_it_spliced_in_and_the_chunk_swallowed() {
    let mock = Mock::always(Reply::stream().delta("Hel").delta("lo").done_with_usage());
    let gateway = Gateway::start(&Config::new(&mock));
    let answer = gateway.send(&stream_request("hi"));
    assert!(answer.whole, "the stream ended early: {}", answer.text());
    assert_eq!(mock.only().json()["stream_options"]["include_usage"], true);
    let text = answer.text();
    assert!(text.contains("Hel") && text.contains("[DONE]"), "{text}");
    assert!(
        !text.contains("prompt_tokens") && !text.contains("\"choices\":[]"),
        "the usage chunk was delivered: {text}"
    );
    let record = gateway.wait_for_records(1).remove(0).to_string();
    assert!(record.contains(":10") && record.contains(":5"), "the tokens are missing in the record: {record}");
}

#[test]
fn stream_with_usage_asked_for_keeps_the_clients_bytes_and_its_chunk() {
    let mock = Mock::always(Reply::stream().delta("Hello").done_with_usage());
    let gateway = Gateway::start(&Config::new(&mock));
    let body = json!({"model": "m", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "hi"}]});
    let answer = gateway.send(&Request::post("/v1/chat/completions").json(&body));
    assert_eq!(mock.only().body, body.to_string().as_bytes());
    assert!(answer.text().contains("prompt_tokens"), "{}", answer.text());
}

#[test]
fn events_flow_one_by_one_while_the_upstream_is_still_writing() {
    let mock = Mock::always(Reply::stream().delta("first").stall());
    let gateway = Gateway::start(&Config::new(&mock));
    let mut connection = gateway.connect();
    connection.send(&stream_request("hi").render());
    let head = connection.read_until("first").to_lowercase();
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    assert!(head.contains("cache-control: no-cache") && head.contains("x-accel-buffering: no"), "{head}");
}

#[test]
fn compressed_answers_are_not_asked_for() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock));
    assert_eq!(gateway.send(&chat_request("hi").header("accept-encoding", "gzip, br, zstd")).status, 200);
    let seen = mock.only();
    assert!(seen.header("accept-encoding").iter().all(|value| *value == "identity"), "{}", seen.head);
}

#[test]
fn listing_of_models_is_forwarded_without_a_body() {
    let models =
        json!({"object": "list", "data": [{"id": "gpt-4o-mini", "object": "model", "created": 1, "owned_by": "o"}]});
    let mock = Mock::always(Reply::json(200, &models));
    let gateway = Gateway::start(&Config::new(&mock));
    let answer = gateway.send(&Request::get("/v1/models"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json(), models);
    let seen = mock.only();
    assert!(seen.head.starts_with("GET /v1/models HTTP/1.1"), "{}", seen.head);
    assert_eq!(seen.header("authorization"), [format!("Bearer {OPENAI_KEY}")]);
    gateway.send(&Request::get("/v1/models").header("anthropic-version", "2023-06-01"));
    assert_eq!(mock.seen()[1].header("x-api-key"), [ANTHROPIC_KEY]);
}

#[test]
fn requests_go_where_the_model_is_served() {
    let (small, large) = (Mock::provider(), Mock::provider());
    let config = Config::new(&small)
        .upstream("mock", "openai", &small, "models: [\"small-*\"]")
        .upstream("large", "openai", &large, "models: [large-1]")
        .routes("  - { name: chat, path: /v1/, upstreams: [mock, large], policy: default, access: open }");
    let gateway = Gateway::start(&config);
    let ask = |model: &str| {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
        gateway.send(&Request::post("/v1/chat/completions").json(&body))
    };
    assert_eq!((ask("small-7").status, small.requests(), large.requests()), (200, 1, 0));
    assert_eq!((ask("large-1").status, small.requests(), large.requests()), (200, 1, 1));
    let unknown = ask("enormous");
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "model_not_found"), "{}", unknown.text());
    assert_eq!((small.requests(), large.requests()), (1, 1));
}

#[test]
fn demo_answers_only_while_nothing_else_is_configured_and_says_that_it_is_the_demo() {
    let mock = Mock::provider();
    let with_demo = |key: &str| {
        format!(
            "upstreams:\n  mock: {{ provider: openai, base_url: \"http://127.0.0.1:{}\", api_key: \"{key}\" }}\n  \
             demo: {{ provider: demo }}",
            mock.port()
        )
    };
    let route = "  - { name: chat, path: /v1/, upstreams: [mock, demo], policy: default, access: open }";
    let unset = Gateway::start(&Config::of(&with_demo("${env:A_KEY_THAT_IS_NOT_SET?}"), route));
    let answer = unset.send(&chat_request("hi"));
    assert_eq!((answer.status, answer.header("x-portcullis-demo")), (200, Some("true")), "{}", answer.text());
    assert!(answer.json()["choices"][0]["message"]["content"].is_string());
    let stream = unset.send(&stream_request("hi"));
    assert!(stream.whole && stream.text().contains("data: [DONE]"), "{}", stream.text());
    assert_eq!(mock.bytes(), 0);

    let set = Gateway::start(&Config::of(&with_demo("some-key"), route));
    let answer = set.send(&chat_request("hi"));
    assert_eq!((answer.status, answer.header("x-portcullis-demo")), (200, None));
    assert_eq!(mock.requests(), 1);
}

#[test]
fn upstream_error_that_echoes_a_key_is_mapped() {
    let body: Value = json!({"error": {"message": "Incorrect API key provided: upstream-key-for-openai", "type": "x"}});
    let mock = Mock::always(Reply::json(401, &body));
    let gateway = Gateway::start(&Config::new(&mock));
    let answer = gateway.send(&chat_request("hi"));
    assert!(answer.status >= 400, "{}", answer.text());
    assert!(!answer.text().contains(OPENAI_KEY), "our key reached the client: {}", answer.text());
    gateway.wait_for_records(1);
    assert!(!gateway.output().contains(OPENAI_KEY), "our key stands in a record or a log");
}
