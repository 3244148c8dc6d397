//! Who may call, and how much.

use crate::support::config::{CLIENT_KEY, sha256_hex};
use crate::support::{ATTACK, Config, Gateway, Mock, Reply, Request, chat_request, eventually, stream_request};
use serde_json::json;
use std::time::Duration;

#[test]
fn request_without_a_known_key_is_401_and_goes_nowhere() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock).one_client(""));
    let strangers = [
        chat_request("hi"),
        chat_request("hi").key("wrong"),
        chat_request("hi").key(&CLIENT_KEY[1..]),
        chat_request("hi").key(&sha256_hex(CLIENT_KEY)),
        chat_request("hi").header("authorization", &format!("Basic {CLIENT_KEY}")),
        chat_request("hi").header("authorization", ""),
    ];
    for stranger in &strangers {
        let answer = gateway.send(stranger);
        assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_api_key"), "{}", answer.text());
    }
    let message =
        Request::post("/v1/messages").header("x-api-key", "wrong").json(&json!({"model": "m", "messages": []}));
    assert_eq!(gateway.send(&message).json()["error"]["type"], "authentication_error");
    assert_eq!(mock.bytes(), 0);
    assert_eq!(gateway.send(&chat_request("hi").key(CLIENT_KEY)).status, 200);
}

#[test]
fn client_of_another_route_is_403() {
    let mock = Mock::provider();
    let config = Config::new(&mock)
        .one_client("")
        .routes("  - { name: chat, path: /v1/, upstreams: [mock], policy: default, access: [other-team] }")
        .more(&format!("  - {{ name: other-team, key_sha256: {} }}", sha256_hex("other-key")));
    let gateway = Gateway::start(&config);
    let answer = gateway.send(&chat_request("hi").key(CLIENT_KEY));
    assert_eq!((answer.status, mock.bytes()), (403, 0), "{}", answer.text());
    assert_eq!(gateway.send(&chat_request("hi").key("other-key")).status, 200);
}

#[test]
fn requests_above_the_rate_are_429_with_the_headers_that_clients_read() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock).one_client("requests: [3/min]"));
    let request = chat_request("hi").key(CLIENT_KEY);
    for round in 0..3 {
        let answer = gateway.send(&request);
        assert_eq!(answer.status, 200, "round {round}: {}", answer.text());
        assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("3"), "{}", answer.head);
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some((2 - round).to_string().as_str()));
    }
    let answer = gateway.send(&request);
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limit_exceeded"), "{}", answer.text());
    let wait: u64 = answer.header("retry-after").expect("says when").parse().expect("whole seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    let wait_ms: u64 = answer.header("retry-after-ms").expect("says when").parse().expect("milliseconds");
    assert!(wait_ms <= wait * 1000 && wait_ms + 1000 > wait * 1000, "{wait_ms} ms against {wait} s");
    assert_eq!(mock.requests(), 3);
}

#[test]
fn parallel_burst_gets_no_more_than_the_rate() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock).one_client("requests: [5/min]"));
    let answered = std::thread::scope(|scope| {
        let calls: Vec<_> =
            (0..24).map(|_| scope.spawn(|| gateway.send(&chat_request("hi").key(CLIENT_KEY)).status)).collect();
        calls.into_iter().filter_map(|call| call.join().ok()).filter(|status| *status == 200).count()
    });
    assert_eq!((answered, mock.requests()), (5, 5));
}

#[test]
fn concurrency_is_bounded_and_given_back() {
    let mock = Mock::in_order(vec![Reply::stream().delta("first").stall(), Reply::chat("Hello")]);
    let gateway = Gateway::start(&Config::new(&mock).one_client("concurrency: 1"));
    let mut live = gateway.connect();
    live.send(&stream_request("hi").key(CLIENT_KEY).render());
    live.read_until("first");
    let answer = gateway.send(&chat_request("hi").key(CLIENT_KEY));
    assert_eq!((answer.status, mock.requests()), (429, 1), "{}", answer.text());
    assert!(answer.header("retry-after").is_some(), "{}", answer.head);
    drop(live);
    eventually("the place was given back when the client left", || {
        (gateway.send(&chat_request("hi").key(CLIENT_KEY)).status == 200).then_some(())
    });
}

/// A request that may bring 10 tokens, which is what is reserved for it beside its prompt.
fn short(text: &str, stream: bool) -> Request {
    let messages = json!([{"role": "user", "content": text}]);
    let body = json!({"model": "m", "max_tokens": 10, "stream": stream, "messages": messages});
    Request::post("/v1/chat/completions").key(CLIENT_KEY).json(&body)
}

#[test]
fn tokens_are_counted_from_the_providers_usage() {
    let mock = Mock::provider(); // 15 tokens an answer
    let gateway = Gateway::start(&Config::new(&mock).one_client("tokens: 40/min"));
    let request = short("hi", false);
    let statuses: Vec<u16> = (0..4).map(|_| gateway.send(&request).status).collect();
    assert_eq!(statuses[0], 200);
    assert_eq!(statuses[3], 429, "60 tokens were given under a limit of 40: {statuses:?}");
    let refused = gateway.send(&request);
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").is_some(), "{}", refused.head);
    assert!(mock.requests() <= 3);
}

#[test]
fn tokens_of_streams_are_counted_too() {
    let mock = Mock::always(Reply::stream().delta("Hello").done_with_usage());
    let gateway = Gateway::start(&Config::new(&mock).one_client("tokens: 40/min"));
    let request = short("hi", true);
    let statuses: Vec<u16> = (0..4).map(|_| gateway.send(&request).status).collect();
    assert_eq!((statuses[0], statuses[3]), (200, 429), "{statuses:?}");
}

#[test]
fn client_that_leaves_before_the_first_byte_pays_for_its_prompt() {
    let mock = Mock::in_order(vec![Reply::slow(Duration::from_secs(30)), Reply::chat("Hello")]);
    let gateway = Gateway::start(&Config::new(&mock).one_client("tokens: 300/min"));
    let request = short(&"word ".repeat(180), false); // about 225 tokens
    let mut connection = gateway.connect();
    connection.send(&request.render());
    mock.wait_for_requests(1);
    drop(connection);
    let record = gateway.wait_for_records(1).remove(0);
    assert_eq!(record["outcome"]["cause"], "client_left", "{record}");
    assert_eq!(record["tokens"]["estimated"], true, "{record}");
    assert_eq!(gateway.send(&request).status, 429, "the upstream had read the prompt");
}

#[test]
fn one_clients_limit_is_not_anothers() {
    let mock = Mock::provider();
    let config = Config::new(&mock)
        .one_client("requests: [1/min]")
        .more(&format!("  - {{ name: other-team, key_sha256: {} }}", sha256_hex("other-key")));
    let gateway = Gateway::start(&config);
    assert_eq!(gateway.send(&chat_request("hi").key(CLIENT_KEY)).status, 200);
    assert_eq!(gateway.send(&chat_request("hi").key(CLIENT_KEY)).status, 429);
    assert_eq!(gateway.send(&chat_request("hi").key("other-key")).status, 200);
}

#[test]
fn repeated_refusals_start_a_cool_down_and_it_ends() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock).more("addresses: { refusals: 3, window: 10s, cool_down: 1s }"));
    for _ in 0..3 {
        assert_eq!(gateway.send(&chat_request(ATTACK)).status, 400);
    }
    let answer = gateway.send(&chat_request("hi"));
    assert_eq!((answer.status, mock.bytes()), (429, 0), "{}", answer.text());
    assert!(answer.header("retry-after").is_some(), "{}", answer.head);
    eventually("the cool-down ended", || (gateway.send(&chat_request("hi")).status == 200).then_some(()));
}

#[test]
fn guessing_keys_starts_a_cool_down() {
    let mock = Mock::provider();
    let gateway = Gateway::start(
        &Config::new(&mock).one_client("").more("addresses: { refusals: 3, window: 10s, cool_down: 30s }"),
    );
    let statuses: Vec<u16> =
        (0..5).map(|guess| gateway.send(&chat_request("hi").key(&format!("guess-{guess}"))).status).collect();
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
}

#[test]
fn flood_from_one_address_is_429() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock).more("addresses: { requests_per_second: 2 }"));
    let statuses: Vec<u16> = (0..12).map(|_| gateway.send(&chat_request("hi")).status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(statuses[0], 200);
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), mock.requests());
}

#[test]
fn connections_and_exchanges_above_the_gateways_own_limit_are_503() {
    let mock = Mock::in_order(vec![Reply::stream().delta("first").stall(), Reply::chat("Hello")]);
    let gateway = Gateway::start(&Config::new(&mock).more("limits: { exchanges: 1 }"));
    let mut live = gateway.connect();
    live.send(&stream_request("hi").render());
    live.read_until("first");
    let answer = gateway.send(&chat_request("hi"));
    assert_eq!((answer.status, mock.requests()), (503, 1), "{}", answer.text());
    assert!(answer.header("retry-after").is_some(), "{}", answer.head);
}
