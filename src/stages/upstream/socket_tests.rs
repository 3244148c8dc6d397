//! The way to an answer's head through real sockets: what the client side gets, and what the upstream received.

use super::harness::{BODY, Gateway, cause, chat, failures, listing};
use super::scripted::{Scripted, Step, demo, free_port, reply, upstream_at};
use super::*;
use crate::config::settings;
use crate::model::outcome::RetryAdvice;
use crate::model::{Cause, Endpoint, RequestId};
use crate::stages::accept::Head;
use crate::stages::redact::Outbound;
use crate::state::breaker::BreakerState;
use http::{HeaderMap, HeaderValue, Method};
use std::time::{Duration, Instant};

#[tokio::test]
async fn upstream_gets_our_credential_our_host_and_nothing_of_the_clients() {
    let script = Scripted::play([Step::Reply(reply(200, "x-request-id: theirs\r\n", "{}"))]).await;
    let mut headers = HeaderMap::new();
    for name in ["authorization", "x-api-key", "cookie", "x-forwarded-for", "host", "traceparent", "transfer-encoding"]
    {
        headers.insert(name, HeaderValue::from_static("client-secret"));
    }
    headers.insert("content-length", HeaderValue::from_static("999"));
    headers.insert("openai-project", HeaderValue::from_static("p1"));
    let mut settings = upstream_at("a", script.port);
    settings.base_url.as_mut().unwrap().path = "/base".to_owned();
    let gateway = Gateway::new(&[settings]);
    let mut answer = gateway.send(&chat(headers)).await.result.unwrap();
    assert_eq!(answer.body.read_whole(100).await.unwrap(), b"{}");
    assert_eq!(answer_headers(&answer.headers).get("x-upstream-request-id").unwrap(), "theirs");

    let received = script.received().pop().unwrap();
    assert!(received.starts_with("POST /base/v1/chat/completions HTTP/1.1\r\n"), "{received}");
    assert!(received.ends_with(std::str::from_utf8(BODY).unwrap()));
    for line in [
        format!("host: 127.0.0.1:{}", script.port),
        format!("content-length: {}", BODY.len()),
        "authorization: Bearer sk-ours".to_owned(),
        "accept-encoding: identity".to_owned(),
        "content-type: application/json".to_owned(),
        "openai-project: p1".to_owned(),
        "x-request-id: req_".to_owned(),
    ] {
        assert_eq!(received.matches(&line).count(), 1, "{line} in {received}");
    }
    assert!(!received.contains("client-secret") && !received.contains("999"), "{received}");
}

#[tokio::test]
async fn anthropic_gets_its_key_in_its_own_header() {
    let script = Scripted::play([Step::Reply(reply(200, "", "{}"))]).await;
    let settings = settings::Upstream { provider: settings::Provider::Anthropic, ..upstream_at("a", script.port) };
    let head = Head::for_tests(Method::POST, "/v1/messages", HeaderMap::new());
    let sent = Gateway::new(&[settings]).send(&Outbound::for_tests(head, Endpoint::Messages, BODY)).await;
    assert!(sent.result.is_ok());
    let received = script.received().pop().unwrap();
    assert!(received.contains("x-api-key: sk-ours\r\n") && !received.contains("authorization"), "{received}");
}

#[tokio::test]
async fn refused_connection_is_tried_again_and_told_as_unreachable() {
    let gateway = Gateway::new(&[upstream_at("a", free_port())]);
    let sent = gateway.chat().await;
    assert_eq!(cause(&sent), Cause::UpstreamUnreachable);
    assert_eq!(failures(&sent), [Some("connect"); 3]);
    assert_eq!(gateway.failures("a"), 1, "one exchange counts once, however often it tried");
}

#[tokio::test]
async fn completion_lost_after_it_was_written_goes_to_the_next_upstream_and_not_to_the_same_again() {
    let (first, second) =
        (Scripted::play([Step::Reset]).await, Scripted::play([Step::Reply(reply(200, "", "{}"))]).await);
    let gateway = Gateway::new(&[upstream_at("a", first.port), upstream_at("b", second.port)]);
    let sent = gateway.chat().await;
    assert_eq!(failures(&sent), [Some("reset"), None]);
    assert_eq!(sent.result.unwrap().upstream.as_str(), "b");
    assert_eq!((first.received().len(), second.received().len()), (1, 1));
    assert_eq!((gateway.failures("a"), gateway.failures("b")), (1, 0));
}

#[tokio::test]
async fn listing_lost_after_it_was_written_is_sent_again() {
    let script = Scripted::play([Step::Reset, Step::Reply(reply(200, "", "{}"))]).await;
    let sent = Gateway::of(&script).send(&listing()).await;
    assert_eq!(failures(&sent), [Some("reset"), None]);
    assert!(script.received().iter().all(|request| !request.contains("content-type")));
}

#[tokio::test]
async fn server_error_is_tried_again_and_the_next_answer_taken() {
    let script = Scripted::play([
        Step::ReplyAndClose(reply(500, "", "key sk-echo")),
        Step::ReplyAndClose(reply(529, "", "")),
        Step::Reply(reply(200, "", "{}")),
    ])
    .await;
    let gateway = Gateway::of(&script);
    let sent = gateway.chat().await;
    assert_eq!(failures(&sent), [Some("server_error"), Some("server_error"), None]);
    assert_eq!(
        sent.attempts.iter().map(|attempt| attempt.status).collect::<Vec<_>>(),
        [Some(500), Some(529), Some(200)]
    );
    sent.result.unwrap().body.read_whole(100).await.unwrap();
    assert_eq!(gateway.failures("a"), 0);
}

#[tokio::test]
async fn upstream_that_keeps_failing_opens_its_breaker_and_is_then_left_alone() {
    let script = Scripted::play((0..9).map(|_| Step::ReplyAndClose(reply(503, "", "")))).await;
    let mut settings = upstream_at("a", script.port);
    settings.retries.attempts = 0;
    let gateway = Gateway::new(&[settings]);
    for _ in 0..5 {
        assert_eq!(cause(&gateway.chat().await), Cause::UpstreamFailed);
    }
    assert_eq!(gateway.breaker("a").state(Instant::now()), BreakerState::Open);
    let sent = gateway.chat().await;
    assert_eq!((cause(&sent), sent.attempts.len()), (Cause::NoUpstream, 0));
    let RetryAdvice::After(wait) = sent.result.unwrap_err().retry else { panic!("no advice") };
    assert!(wait > Duration::from_secs(20), "{wait:?}");
    assert_eq!(script.received().len(), 5);
}

#[tokio::test]
async fn upstream_that_says_no_retry_is_not_tried_again() {
    let script = Scripted::play([Step::Reply(reply(500, "x-should-retry: false\r\n", ""))]).await;
    let sent = Gateway::of(&script).chat().await;
    assert_eq!((cause(&sent), sent.attempts.len()), (Cause::UpstreamFailed, 1));
}

#[tokio::test]
async fn short_retry_after_of_a_429_is_waited_for() {
    let script = Scripted::play([
        Step::ReplyAndClose(reply(429, "retry-after-ms: 60\r\n", "")),
        Step::Reply(reply(200, "", "{}")),
    ])
    .await;
    let gateway = Gateway::of(&script);
    let begun = Instant::now();
    let sent = gateway.chat().await;
    assert_eq!(failures(&sent), [Some("rate_limited"), None]);
    assert!(begun.elapsed() >= Duration::from_millis(60));
    assert_eq!(gateway.failures("a"), 0);
}

#[tokio::test]
async fn long_retry_after_of_a_429_is_passed_on_and_the_upstream_left_alone_until_then() {
    let script = Scripted::play([Step::ReplyAndClose(reply(429, "retry-after: 7\r\n", ""))]).await;
    let gateway = Gateway::of(&script);
    let sent = gateway.chat().await;
    assert_eq!((cause(&sent), sent.attempts.len()), (Cause::UpstreamRateLimited, 1));
    assert_eq!(sent.result.unwrap_err().retry, RetryAdvice::After(Duration::from_secs(7)));
    let again = gateway.chat().await;
    assert_eq!((cause(&again), again.attempts.len()), (Cause::UpstreamRateLimited, 0));
    assert_eq!(script.received().len(), 1);
    assert_eq!(gateway.breaker("a").state(Instant::now()), BreakerState::Closed);
}

#[tokio::test]
async fn rate_limited_upstream_hands_over_to_the_next() {
    let first = Scripted::play([Step::ReplyAndClose(reply(429, "", ""))]).await;
    let second = Scripted::play([Step::Reply(reply(200, "", "{}"))]).await;
    let sent = Gateway::new(&[upstream_at("a", first.port), upstream_at("b", second.port)]).chat().await;
    assert_eq!(failures(&sent), [Some("rate_limited"), None]);
}

#[tokio::test]
async fn provider_that_refuses_the_request_is_an_answer_and_no_failure() {
    for status in [400, 401, 403, 404, 409, 422] {
        let script = Scripted::play([Step::Reply(reply(status, "", r#"{"error":{}}"#))]).await;
        let gateway = Gateway::of(&script);
        let sent = gateway.chat().await;
        assert_eq!(failures(&sent), [None], "{status}");
        let mut answer = sent.result.unwrap();
        assert_eq!(answer.status.as_u16(), status);
        answer.body.read_whole(100).await.unwrap();
        drop(answer);
        assert_eq!(gateway.failures("a"), 0, "{status}");
    }
}

#[tokio::test]
async fn slow_first_byte_ends_in_a_timeout_and_the_connection_is_closed() {
    let script = Scripted::play([Step::ReplyAndStall(String::new())]).await;
    let gateway = Gateway::of(&script);
    let sent = gateway.chat().await;
    assert_eq!((cause(&sent), failures(&sent)), (Cause::UpstreamTimeout, vec![Some("first_byte_timeout")]));
    script.peer_closed().await;
    assert_eq!(gateway.failures("a"), 1);
}

#[tokio::test]
async fn total_time_bounds_tries_and_pauses_together() {
    let script = Scripted::play([Step::ReplyAndStall(String::new())]).await;
    let mut settings = upstream_at("a", script.port);
    settings.timeouts.total = Duration::from_millis(80);
    let gateway = Gateway::new(&[settings]);
    let sent = gateway.chat().await;
    assert_eq!((cause(&sent), failures(&sent)), (Cause::UpstreamTimeout, vec![Some("total_timeout")]));
    assert_eq!(gateway.failures("a"), 0);
}

#[tokio::test]
async fn client_that_leaves_before_the_head_closes_the_upstream_at_once() {
    let script = Scripted::play([Step::ReplyAndStall(String::new())]).await;
    let gateway = Gateway::of(&script);
    let left = tokio::time::timeout(Duration::from_millis(50), gateway.chat()).await;
    assert!(left.is_err());
    script.peer_closed().await;
    assert_eq!(gateway.failures("a"), 0);
}

#[tokio::test]
async fn redirects_encodings_and_nonsense_are_invalid_answers() {
    for text in [
        reply(302, "location: http://127.0.0.1:1/\r\n", ""),
        reply(304, "", ""),
        reply(200, "content-encoding: gzip\r\n", "x"),
        reply(200, "content-encoding: identity, br\r\n", "x"),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "SSH-2.0-OpenSSH_9.6\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(300_000)),
    ] {
        let script = Scripted::play([Step::ReplyAndClose(text.clone())]).await;
        let gateway = Gateway::of(&script);
        let sent = gateway.chat().await;
        let shown = &text[..text.len().min(60)];
        assert_eq!((cause(&sent), sent.attempts.len()), (Cause::UpstreamInvalid, 1), "{shown}");
        assert_eq!(gateway.failures("a"), 1, "{shown}");
    }
    let script = Scripted::play([Step::Reply(reply(200, "content-encoding: Identity\r\n", "{}"))]).await;
    assert!(Gateway::of(&script).chat().await.result.is_ok());
}

#[tokio::test]
async fn upstream_cannot_pass_itself_off_as_the_demo() {
    let script = Scripted::play([Step::Reply(reply(200, "x-portcullis-demo: true\r\n", "{}"))]).await;
    let answer = Gateway::of(&script).chat().await.result.unwrap();
    assert!(!answer.is_demo && !answer_headers(&answer.headers).contains_key(DEMO_HEADER));
}

#[tokio::test]
async fn demo_answers_through_the_same_body_and_says_so() {
    let mut answer = Gateway::new(&[demo()]).chat().await.result.unwrap();
    assert!(answer.is_demo);
    assert_eq!(answer_headers(&answer.headers).get(DEMO_HEADER).unwrap(), "true");
    let body: serde_json::Value = serde_json::from_slice(&answer.body.read_whole(10_000).await.unwrap()).unwrap();
    assert_eq!(body["object"], "chat.completion");
}

#[test]
fn exchange_can_move_between_threads() {
    fn assert_send<T: Send>(_: &T) {}
    fn assert_sync<T: Sync>(_: &T) {}
    let gateway = Gateway::new(&[demo()]);
    assert_sync(&gateway.upstreams);
    let outbound = chat(HeaderMap::new());
    let id = RequestId::from_parts(1, [7; 10]);
    let context = SendContext { request_id: &id, traceparent: None, tracestate: None, jitter_seed: 1 };
    assert_send(&gateway.upstreams.send(&outbound, &[], &context));
}
