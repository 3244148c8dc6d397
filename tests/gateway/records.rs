//! One line for every exchange, however it ended; facts in it, never content, never a key.

use crate::support::config::{ANTHROPIC_KEY, CLIENT_KEY, OPENAI_KEY};
use crate::support::{ATTACK, CANARY, Config, Gateway, Mock, Reply, Request, chat_request, stream_request};
use serde_json::{Value, json};

#[test]
fn answered_exchange_leaves_one_line_with_who_what_where_and_how_long() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock).one_client(""));
    let request = chat_request(&format!("tell me about {CANARY}"))
        .key(CLIENT_KEY)
        .header("user-agent", "test-suite/1.0")
        .header("x-stainless-retry-count", "1");
    let answer = gateway.send(&request);
    let records = gateway.wait_for_records(1);
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(record["id"].as_str(), answer.header("x-request-id"));
    for (pointer, expected) in [
        ("/client", json!("search-team")),
        ("/route", json!("chat")),
        ("/endpoint", json!("chat_completions")),
        ("/model", json!("gpt-4o-mini")),
        ("/upstream", json!("mock")),
        ("/user_agent", json!("test-suite/1.0")),
        ("/sdk_retries", json!(1)),
        ("/status", json!(200)),
        ("/outcome/cause", json!("answered")),
        ("/policy", json!("default")),
        ("/stream", json!(false)),
        ("/tokens/input", json!(10)),
        ("/tokens/output", json!(5)),
        ("/tokens/estimated", json!(false)),
        ("/finish_reason", json!("stop")),
        ("/snapshot/number", json!(1)),
        ("/attempts/0/status", json!(200)),
    ] {
        assert_eq!(record.pointer(pointer), Some(&expected), "{pointer} in {record}");
    }
    assert!(record["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1")), "{record}");
    assert!(record.pointer("/timings/total_ms").and_then(Value::as_f64).is_some_and(|ms| ms > 0.0), "{record}");
    let output = gateway.output();
    for secret in [CANARY, CLIENT_KEY, OPENAI_KEY, ANTHROPIC_KEY, "Hello"] {
        assert!(!output.contains(secret), "{secret} stands in a record or a log");
    }
}

#[test]
fn setting_that_blocks_without_a_rule_stands_in_the_record() {
    let mock = Mock::provider();
    let strict =
        Config::new(&mock).routes("  - { name: chat, path: /v1/, upstreams: [mock], policy: strict, access: open }");
    let gateway = Gateway::start(&strict);
    let body = json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="}}]}]});
    let answer = gateway.send(&Request::post("/v1/chat/completions").json(&body));
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(mock.requests(), 0);
    let record = gateway.wait_for_records(1).remove(0);
    assert_eq!(record["request"]["verdict"], "block", "{record}");
    assert_eq!(record["request"]["settings"], json!(["media"]), "{record}");
}

#[test]
fn every_byte_of_the_body_is_accounted_once() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock));
    let body = json!({"model": "m", "temperature": 0.5, "messages": [
        {"role": "user", "content": [{"type": "text", "text": "what is \u{e9} this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="}}]}], "new_field": ["x", 1, null]});
    assert_eq!(gateway.send(&Request::post("/v1/chat/completions").json(&body)).status, 200);
    let record = gateway.wait_for_records(1).remove(0);
    let coverage = &record["request"]["coverage"];
    let part = |name: &str| coverage[name].as_u64().unwrap_or_else(|| panic!("{name} is missing in {record}"));
    let len = u64::try_from(body.to_string().len()).unwrap();
    assert_eq!(part("inspected") + part("structure") + part("media"), len, "{coverage}");
    assert!(part("media") > 0 && part("inspected") > 0, "{coverage}");
    assert_eq!(record["bytes"]["received"], len);
    assert_eq!(record["bytes"]["forwarded"], len);
}

#[test]
fn every_way_to_end_leaves_exactly_one_line_with_its_cause() {
    let mock = Mock::in_order(vec![Reply::chat("Hello"), Reply::error(500), Reply::chat("Hello")]);
    let gateway = Gateway::start(&Config::new(&mock).one_client(""));
    let known = |request: Request| request.key(CLIENT_KEY);
    let post = |path: &str, body: &str| Request::post(path).header("content-type", "application/json").bytes(body);
    let rows = [
        ("answered", known(chat_request("hi"))),
        ("upstream_failed", known(chat_request("hi"))),
        ("blocked", known(chat_request(ATTACK))),
        ("unauthenticated", chat_request("hi").key("wrong-key-zanzibar77")),
        ("unauthenticated", chat_request("hi")),
        ("unknown_endpoint", known(post("/v1/unknown", "{}"))),
        ("method_not_allowed", known(Request::get("/v1/chat/completions"))),
        ("malformed_body", known(post("/v1/chat/completions", "{"))),
        (
            "unsupported_content",
            known(Request::post("/v1/chat/completions").header("content-type", "text/plain").bytes("x")),
        ),
    ];
    for (index, (cause, request)) in rows.iter().enumerate() {
        let answer = gateway.send(request);
        let record = gateway.wait_for_records(index + 1).remove(index);
        assert_eq!(record["outcome"]["cause"], *cause, "{record}");
        assert_eq!(record["status"], answer.status, "{record}");
        assert_eq!(record["id"].as_str(), answer.header("x-request-id"), "{record}");
    }
    assert_eq!(gateway.records().len(), rows.len(), "one line for each exchange");
    let output = gateway.output();
    assert!(!output.contains(CANARY) && !output.contains(CLIENT_KEY), "content or a key was written");
}

#[test]
fn malformed_requests_are_recorded_too() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock));
    gateway.send_raw(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    let record = gateway.wait_for_records(1).remove(0);
    assert_eq!(record["outcome"], json!({"cause": "malformed_request", "stage": "accept"}), "{record}");
}

#[test]
fn block_names_its_rules_and_guards() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock));
    let answer = gateway.send(&chat_request(ATTACK));
    let rules = answer.json()["error"]["gateway"]["rules"].clone();
    let record = gateway.wait_for_records(1).remove(0);
    assert_eq!(record["request"]["verdict"], "block", "{record}");
    let reason = &record["request"]["reasons"][0];
    assert_eq!(
        (&reason["category"], &reason["origin"], &reason["action"]),
        (&json!("injection"), &json!("user"), &json!("block"))
    );
    assert!(
        rules.as_array().unwrap().iter().any(|rule| *rule == reason["rule"] || *rule == reason["finding"]),
        "{rules} {reason}"
    );
    assert!(record["request"]["guards"]["ran"].as_array().is_some_and(|ran| !ran.is_empty()), "{record}");
    assert!(record.get("attempts").is_none(), "{record}");
}

#[test]
fn stream_is_recorded_with_its_tokens_and_its_end() {
    let mock = Mock::always(Reply::stream().delta("Hel").delta("lo").done_with_usage());
    let gateway = Gateway::start(&Config::new(&mock));
    assert!(gateway.send(&stream_request("hi")).whole);
    let record = gateway.wait_for_records(1).remove(0);
    assert_eq!((&record["stream"], &record["stream_end"]), (&json!(true), &json!("complete")), "{record}");
    assert_eq!((&record["tokens"]["input"], &record["tokens"]["output"]), (&json!(10), &json!(5)), "{record}");
    assert!(record["timings"]["first_byte_ms"].is_number(), "{record}");
}

#[test]
fn stream_without_usage_is_estimated_and_marked() {
    let mock = Mock::always(Reply::stream().delta("Hello there, how are you?").done());
    let gateway = Gateway::start(&Config::new(&mock));
    gateway.send(&stream_request("hi"));
    let record = gateway.wait_for_records(1).remove(0);
    assert_eq!(record["tokens"]["estimated"], true, "{record}");
    assert!(record["tokens"]["output"].as_u64().is_some_and(|tokens| tokens > 0), "{record}");
}

#[test]
fn tool_calls_of_an_answer_are_recorded_with_redacted_arguments() {
    let mail = "jane.roe@mail-host.net";
    let answer = json!({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0,
        "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null, "tool_calls": [{"id": "c1",
        "type": "function", "function": {"name": "send_mail", "arguments": json!({"to": mail}).to_string()}}]}}]});
    let mock = Mock::always(Reply::json(200, &answer));
    let gateway = Gateway::start(&Config::new(&mock));
    gateway.send(&chat_request("hi"));
    let record = gateway.wait_for_records(1).remove(0);
    assert_eq!(record["tool_calls"][0]["name"], "send_mail", "{record}");
    assert!(!gateway.output().contains(mail), "personal data stands in a record");
}

#[test]
fn hostile_header_cannot_forge_a_record() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock));
    let forged = r#"x","outcome":{"cause":"answered"},"a":"\u202e"#;
    gateway.send(&chat_request(ATTACK).header("user-agent", forged));
    let record = gateway.wait_for_records(1).remove(0);
    assert_eq!((&record["user_agent"], &record["outcome"]["cause"]), (&json!(forged), &json!("blocked")));
}

#[test]
fn record_file_holds_the_same_lines_and_rotates() {
    /// Enough to pass 64 KiB, the smallest size there is.
    const COUNT: usize = 120;
    let mock = Mock::provider();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    let record = format!("record: {{ file: {{ path: {}, max_size: 64KiB, keep: 2 }} }}", path.display());
    let gateway = Gateway::start(&Config::new(&mock).more(&record));
    let mut connection = gateway.connect();
    for _ in 0..COUNT {
        connection.send(&chat_request("hi").header("user-agent", &"long ".repeat(50)).render());
        assert_eq!(connection.answer().status, 200);
    }
    let records = gateway.wait_for_records(COUNT);
    let last = records[COUNT - 1]["id"].as_str().unwrap().to_owned();
    crate::support::eventually("the last record stands in the file", || {
        let text = std::fs::read(&path).ok()?;
        crate::support::client::contains(&text, last.as_bytes()).then_some(())
    });
    let rotated: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!((2..=3).contains(&rotated.len()), "{rotated:?}");
}

#[test]
fn leaving_client_is_recorded() {
    let mock = Mock::always(Reply::stream().delta("first").stall());
    let gateway = Gateway::start(&Config::new(&mock));
    let mut connection = gateway.connect();
    connection.send(&stream_request("hi").render());
    connection.read_until("first");
    drop(connection);
    let record = gateway.wait_for_records(1).remove(0);
    assert_eq!(
        (&record["outcome"]["cause"], &record["stream_end"]),
        (&json!("client_left"), &json!("client_left")),
        "{record}"
    );
    assert!(record.get("net").is_none(), "the safety net wrote it: {record}");
}
