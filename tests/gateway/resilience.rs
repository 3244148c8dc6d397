//! Upstreams that fail, stall, lie or cut: what the client gets, and what the next upstream gets.

use crate::support::config::OPENAI_KEY;
use crate::support::{Config, Gateway, Mock, Reply, Request, chat_request, eventually, stream_request};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const NO_RETRIES: &str = "retries: { attempts: 0 }";

/// An upstream that may fail as often as a table has rows.
const PATIENT: &str = "retries: { attempts: 0 }, circuit_breaker: { consecutive_failures: 1000 }";

fn two(first: &Mock, second: &Mock, settings: &str) -> Config {
    Config::new(first)
        .upstream("mock", "openai", first, settings)
        .upstream("second", "openai", second, settings)
        .routes("  - { name: chat, path: /v1/, upstreams: [mock, second], policy: default, access: open }")
}

fn breaker_of(gateway: &Gateway, upstream: &str) -> String {
    let status = gateway.status();
    let upstreams = &status["upstreams"];
    let one = upstreams
        .as_array()
        .and_then(|list| list.iter().find(|one| one["id"] == upstream || one["name"] == upstream))
        .unwrap_or(&upstreams[upstream]);
    ["breaker", "state"]
        .iter()
        .find_map(|key| one[*key].as_str().or(one[*key]["state"].as_str()))
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn breaker_opens_after_failures_in_a_row_and_a_probe_closes_it() {
    let mock = Mock::in_order(vec![Reply::error(500), Reply::error(500), Reply::chat("well again")]);
    let settings =
        "retries: { attempts: 0 }, circuit_breaker: { consecutive_failures: 2, open_for: 1s, half_open_probes: 1 }";
    let gateway = Gateway::start(&Config::new(&mock).upstream("mock", "openai", &mock, settings));
    assert_eq!(breaker_of(&gateway, "mock"), "closed");
    for _ in 0..2 {
        let answer = gateway.send(&chat_request("hi"));
        assert!((500..505).contains(&answer.status), "{}", answer.text());
        assert!(!answer.text().contains("scripted failure"), "the upstream's words reached the client");
    }
    let answer = gateway.send(&chat_request("hi"));
    assert_eq!((answer.status, mock.requests()), (503, 2), "{}", answer.text());
    assert!(answer.header("retry-after").is_some(), "{}", answer.head);
    assert_eq!(breaker_of(&gateway, "mock"), "open");
    assert_eq!(gateway.health("/readyz").status, 200, "an upstream that is down does not make the gateway unready");
    eventually("a probe was let through and closed it", || {
        (gateway.send(&chat_request("hi")).status == 200).then_some(())
    });
    assert_eq!(breaker_of(&gateway, "mock"), "closed");
    assert_eq!(mock.requests(), 3);
}

#[test]
fn failed_probe_opens_the_breaker_again() {
    let mock = Mock::always(Reply::error(500));
    let settings =
        "retries: { attempts: 0 }, circuit_breaker: { consecutive_failures: 1, open_for: 1s, half_open_probes: 1 }";
    let gateway = Gateway::start(&Config::new(&mock).upstream("mock", "openai", &mock, settings));
    gateway.send(&chat_request("hi"));
    eventually("a probe was let through", || {
        gateway.send(&chat_request("hi"));
        (mock.requests() == 2).then_some(())
    });
    assert_eq!(gateway.send(&chat_request("hi")).status, 503);
    assert_eq!(mock.requests(), 2);
}

#[test]
fn request_faults_never_open_the_breaker() {
    let mock = Mock::always(Reply::error(400));
    let settings = "retries: { attempts: 0 }, circuit_breaker: { consecutive_failures: 1, open_for: 30s }";
    let gateway = Gateway::start(&Config::new(&mock).upstream("mock", "openai", &mock, settings));
    for _ in 0..3 {
        assert_eq!(gateway.send(&chat_request("hi")).status, 400);
    }
    assert_eq!((mock.requests(), breaker_of(&gateway, "mock").as_str()), (3, "closed"));
}

#[test]
fn server_error_is_retried_with_the_same_bytes() {
    let mock = Mock::in_order(vec![Reply::error(500), Reply::error(503), Reply::chat("third")]);
    let settings = "retries: { attempts: 2, base: 10ms, max: 100ms }";
    let gateway = Gateway::start(&Config::new(&mock).upstream("mock", "openai", &mock, settings));
    let answer = gateway.send(&chat_request("hi"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = mock.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|one| one.body == seen[0].body));
    let record = gateway.wait_for_records(1).remove(0);
    assert_eq!(record["attempts"].as_array().map(Vec::len), Some(3), "{record}");
}

#[test]
fn client_error_is_not_retried() {
    let statuses = [400, 404, 422];
    let mock = Mock::in_order(statuses.map(Reply::error).to_vec());
    let settings = "retries: { attempts: 2, base: 10ms, max: 100ms }";
    let gateway = Gateway::start(&Config::new(&mock).upstream("mock", "openai", &mock, settings));
    for (before, status) in statuses.iter().enumerate() {
        let answer = gateway.send(&chat_request("hi"));
        assert!((400..500).contains(&answer.status), "{status}: {}", answer.text());
        assert_eq!(mock.requests(), before + 1, "{status}");
    }
}

#[test]
fn retry_after_of_a_429_is_honoured() {
    let mock = Mock::in_order(vec![Reply::error_with(429, &[("retry-after", "1")]), Reply::chat("later")]);
    let settings = "retries: { attempts: 1, base: 10ms, max: 3s }";
    let gateway = Gateway::start(&Config::new(&mock).upstream("mock", "openai", &mock, settings));
    let started = Instant::now();
    let answer = gateway.send(&chat_request("hi"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(started.elapsed() >= Duration::from_millis(950), "it came after {:?}", started.elapsed());
    assert_eq!(mock.requests(), 2);
}

#[test]
fn long_retry_after_is_passed_on_and_not_waited_for() {
    let mock = Mock::always(Reply::error_with(429, &[("retry-after", "40")]));
    let settings = "retries: { attempts: 2, base: 10ms, max: 1s }";
    let gateway = Gateway::start(&Config::new(&mock).upstream("mock", "openai", &mock, settings));
    let started = Instant::now();
    let answer = gateway.send(&chat_request("hi"));
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limit_exceeded"), "{}", answer.text());
    assert!(started.elapsed() < Duration::from_secs(1));
    let wait: u64 = answer.header("retry-after").expect("says when").parse().expect("whole seconds");
    assert!((38..=40).contains(&wait), "{wait}");
    assert_eq!(mock.requests(), 1);
    assert_ne!(breaker_of(&gateway, "mock"), "open", "a 429 does not count towards open");
}

#[test]
fn next_upstream_gets_the_request_with_its_own_credential() {
    let (first, second) = (Mock::in_order(vec![Reply::error(500), Reply::hang_up()]), Mock::provider());
    let gateway = Gateway::start(&two(&first, &second, NO_RETRIES));
    for (index, what) in ["a server error", "a hang-up"].into_iter().enumerate() {
        let answer = gateway.send(&chat_request("hi"));
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        assert_eq!((first.requests(), second.requests()), (index + 1, index + 1), "{what}");
        assert_eq!(second.seen()[index].header("authorization"), [format!("Bearer {OPENAI_KEY}")]);
        let record = gateway.wait_for_records(index + 1).remove(index);
        let upstreams = (&record["upstream"], &record["attempts"][0]["upstream"]);
        assert_eq!(upstreams, (&json!("second"), &json!("mock")), "{what}: {record}");
    }
}

#[test]
fn upstream_that_nobody_listens_on_is_passed_over_or_502() {
    let dead = Mock::provider();
    let second = Mock::provider();
    let config = two(&dead, &second, NO_RETRIES);
    let alone = Config::new(&dead);
    drop(dead);
    assert_eq!(Gateway::start(&config).send(&chat_request("hi")).status, 200);
    let answer = Gateway::start(&alone).send(&chat_request("hi"));
    assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"), "{}", answer.text());
    assert!(!answer.text().contains("127.0.0.1"), "topology reached the client: {}", answer.text());
}

#[test]
fn slow_first_byte_is_504() {
    let mock = Mock::always(Reply::slow(Duration::from_secs(20)));
    let settings = "retries: { attempts: 0 }, timeouts: { first_byte: 200ms }";
    let gateway = Gateway::start(&Config::new(&mock).upstream("mock", "openai", &mock, settings));
    let answer = gateway.send(&chat_request("hi"));
    assert_eq!((answer.status, answer.code().as_str()), (504, "upstream_timeout"), "{}", answer.text());
    eventually("the upstream was dropped", || (mock.departures() == 1).then_some(()));
}

#[test]
fn error_inside_a_200_is_a_failure_and_counts_against_the_upstream() {
    let inside = json!({"error": {"message": "scripted failure", "type": "server_error", "code": null}});
    let mock = Mock::always(Reply::json(200, &inside));
    let settings = "retries: { attempts: 0 }, circuit_breaker: { consecutive_failures: 1, open_for: 30s }";
    let gateway = Gateway::start(&Config::new(&mock).upstream("mock", "openai", &mock, settings));
    let answer = gateway.send(&chat_request("hi"));
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert!(!answer.text().contains("scripted failure"), "the upstream's words reached the client");
    assert_eq!(breaker_of(&gateway, "mock"), "open");
}

#[test]
fn answers_that_are_not_what_the_api_promises_are_502() {
    // The scripted upstream closes after each answer; saying so keeps the gateway from reusing a connection that is going away.
    let rows = [
        ("not HTTP", Reply::raw("garbage\r\n\r\n")),
        (
            "not JSON",
            Reply::raw(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 5\r\n\r\n<html",
            ),
        ),
        (
            "HTML",
            Reply::raw(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: 6\r\n\r\n<html>",
            ),
        ),
        (
            "a body shorter than its length",
            Reply::raw("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"id\":"),
        ),
        (
            "a compressed body",
            Reply::raw(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\nconnection: close\r\ncontent-length: 4\r\n\r\n\x1f\u{8}ab",
            ),
        ),
        (
            "a redirect",
            Reply::raw(
                "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            ),
        ),
        ("a hang-up", Reply::hang_up()),
    ];
    let mock = Mock::in_order(rows.iter().map(|(_, reply)| reply.clone()).collect());
    let gateway = Gateway::start(&Config::new(&mock).upstream("mock", "openai", &mock, PATIENT));
    for (what, _) in &rows {
        let answer = gateway.send(&chat_request("hi"));
        assert_eq!(answer.status, 502, "{what}: {}", answer.text());
        assert!(answer.json()["error"]["code"].is_string(), "{what}: {}", answer.text());
        assert!(answer.header("location").is_none(), "{what}: {}", answer.head);
    }
    assert_eq!(mock.requests(), rows.len());
}

/// The stream ends with an error in its own dialect, and nothing in it looks like success.
fn assert_in_band_error(text: &str) {
    let error = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .any(|payload| serde_json::from_str::<Value>(payload).is_ok_and(|value| value["error"]["message"].is_string()));
    assert!(error, "no error event: {text}");
    assert!(!text.contains("[DONE]") && !text.contains("\"finish_reason\":\"stop\""), "it looks complete: {text}");
}

#[test]
fn truncated_stream_gets_an_error_event_and_no_done() {
    let endings = [
        ("the connection is cut", Reply::stream().delta("first").cut()),
        ("the body ends properly but without [DONE]", Reply::stream().delta("first").end()),
        ("cut in the middle of an event", Reply::stream().delta("first").chunk("data: {\"choices\":[{").cut()),
    ];
    let mock = Mock::in_order(endings.iter().map(|(_, reply)| reply.clone()).collect());
    let gateway = Gateway::start(&Config::new(&mock).upstream("mock", "openai", &mock, PATIENT));
    for (index, (what, _)) in endings.iter().enumerate() {
        let answer = gateway.send(&stream_request("hi"));
        assert!(answer.status == 200 && answer.text().contains("first"), "{what}: {}", answer.text());
        assert_in_band_error(&answer.text());
        let record = gateway.wait_for_records(index + 1).remove(index);
        assert_eq!(record["outcome"]["cause"], "upstream_truncated", "{what}: {record}");
    }
}

#[test]
fn stalled_stream_gets_an_error_event_and_the_upstream_is_dropped() {
    let mock = Mock::always(Reply::stream().delta("first").stall());
    let settings = "retries: { attempts: 0 }, timeouts: { stream_idle: 200ms }";
    let gateway = Gateway::start(&Config::new(&mock).upstream("mock", "openai", &mock, settings));
    let answer = gateway.send(&stream_request("hi"));
    assert_in_band_error(&answer.text());
    eventually("the upstream was dropped", || (mock.departures() == 1).then_some(()));
}

#[test]
fn upstream_that_stays_open_after_its_end_marker_does_not_keep_the_client_waiting() {
    let mock = Mock::always(Reply::stream().delta("all").chunk("data: [DONE]\n\n").stall());
    let gateway = Gateway::start(&Config::new(&mock));
    let began = Instant::now();
    let answer = gateway.send(&stream_request("hi"));
    assert!(answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
    assert!(began.elapsed() < Duration::from_secs(10), "the stream-idle time is 30 s: {:?}", began.elapsed());
    let record = gateway.wait_for_records(1).remove(0);
    assert_eq!(record["outcome"]["cause"], "answered");
    eventually("the upstream was dropped", || (mock.departures() == 1).then_some(()));
}

#[test]
fn truncated_anthropic_stream_gets_an_error_event() {
    let start = json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
        "model": "c", "content": [], "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}}});
    let mock = Mock::always(Reply::stream().chunk(&format!("event: message_start\ndata: {start}\n\n")).cut());
    let gateway = Gateway::start(&Config::new(&mock));
    let body = json!({"model": "c", "max_tokens": 8, "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let text = gateway.send(&Request::post("/v1/messages").json(&body)).text();
    assert!(text.contains("event: error") && text.contains("\"type\":\"error\""), "{text}");
    assert!(!text.contains("message_stop"), "{text}");
}

#[test]
fn stream_that_fails_before_its_first_event_goes_to_the_next_upstream() {
    let (first, second) =
        (Mock::always(Reply::error(503)), Mock::always(Reply::stream().delta("from the second").done()));
    let gateway = Gateway::start(&two(&first, &second, NO_RETRIES));
    let answer = gateway.send(&stream_request("hi"));
    assert!(answer.whole && answer.text().contains("from the second"), "{}", answer.text());
}

#[test]
fn client_that_leaves_drops_the_upstream_at_once() {
    let replies =
        vec![Reply::stream().delta("first").stall(), Reply::stream().stall(), Reply::slow(Duration::from_secs(30))];
    let count = replies.len();
    let mock = Mock::in_order(replies);
    let gateway = Gateway::start(&Config::new(&mock).upstream("mock", "openai", &mock, PATIENT));
    for index in 0..count {
        let mut connection = gateway.connect();
        connection.send(&stream_request("hi").render());
        mock.wait_for_requests(index + 1);
        drop(connection);
        let left = Instant::now();
        eventually("the upstream was dropped", || (mock.departures() == index + 1).then_some(()));
        assert!(left.elapsed() < Duration::from_secs(1), "it took {:?}", left.elapsed());
        let record = gateway.wait_for_records(index + 1).remove(index);
        assert_eq!(record["outcome"]["cause"], "client_left", "{record}");
    }
}

#[test]
fn connections_to_the_upstream_are_kept_and_a_dead_one_is_not_used() {
    let mock = Mock::start(|_, before| {
        if before == 1 {
            Reply { steps: [Reply::chat("Hello").steps, Reply::hang_up().steps].concat() }
        } else {
            Reply::chat("Hello")
        }
    });
    let gateway = Gateway::start(&Config::new(&mock));
    for _ in 0..4 {
        assert_eq!(gateway.send(&chat_request("hi")).status, 200);
    }
    assert_eq!(mock.requests(), 4);
}
