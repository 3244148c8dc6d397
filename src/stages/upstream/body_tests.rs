//! Bodies and kept connections through real sockets: ends, stalls, cuts, caps, and what goes back to the pool.

use super::harness::{Gateway, failures};
use super::scripted::{Scripted, Step, chunk, reply, stream_start, upstream_at};
use super::*;
use crate::config::settings;
use std::time::{Duration, Instant};

#[tokio::test]
async fn connection_is_used_again_after_a_whole_answer() {
    let script = Scripted::play((0..3).map(|_| Step::Reply(reply(200, "", "{}")))).await;
    let gateway = Gateway::of(&script);
    for _ in 0..3 {
        let mut answer = gateway.chat().await.result.unwrap();
        answer.body.read_whole(100).await.unwrap();
        assert_eq!(gateway.idle("a"), 1);
    }
    assert_eq!((script.connections(), script.received().len()), (1, 3));
}

#[tokio::test]
async fn connection_is_used_again_after_a_whole_stream() {
    let stream = || Step::Reply(stream_start(&["data: 1\n\n", "data: 2\n\n"]) + "0\r\n\r\n");
    let script = Scripted::play([stream(), stream()]).await;
    let gateway = Gateway::of(&script);
    for _ in 0..2 {
        let mut answer = gateway.chat().await.result.unwrap();
        assert!(answer.is_event_stream());
        assert_eq!(answer.body.read_whole(100).await.unwrap(), b"data: 1\n\ndata: 2\n\n");
    }
    assert_eq!((script.connections(), script.received().len()), (1, 2));
}

#[tokio::test]
async fn idle_connection_that_the_upstream_closed_is_not_used() {
    let script = Scripted::play([Step::ReplyAndClose(reply(200, "", "{}")), Step::Reply(reply(200, "", "{}"))]).await;
    let gateway = Gateway::of(&script);
    gateway.chat().await.result.unwrap().body.read_whole(100).await.unwrap();
    tokio::time::timeout(Duration::from_secs(1), async {
        let sent = gateway.chat().await;
        assert_eq!(failures(&sent), [None]);
    })
    .await
    .unwrap();
    assert_eq!(script.received().len(), 2);
}

#[tokio::test]
async fn stalled_stream_is_cut_after_the_idle_time_and_counts() {
    let script = Scripted::play([Step::ReplyAndStall(stream_start(&["data: 1\n\n"]))]).await;
    let gateway = Gateway::of(&script);
    let mut answer = gateway.chat().await.result.unwrap();
    assert_eq!(answer.body.chunk().await.unwrap().unwrap(), "data: 1\n\n");
    let asked = Instant::now();
    assert_eq!(answer.body.chunk().await.unwrap().unwrap_err(), BodyFault::Idle);
    assert!(asked.elapsed() >= Duration::from_millis(150) && asked.elapsed() < Duration::from_secs(1));
    script.peer_closed().await;
    assert!(answer.body.chunk().await.is_none());
    assert_eq!(gateway.failures("a"), 1);
}

#[tokio::test]
async fn slow_but_steady_stream_is_never_cut_and_a_slow_reader_is_not_the_upstreams_fault() {
    let pieces = (0..4).map(|number| chunk(&format!("data: {number}\n\n")));
    let pieces = [stream_start(&[])].into_iter().chain(pieces).chain(["0\r\n\r\n".to_owned()]).collect();
    let script = Scripted::play([Step::ReplySlowly(pieces, Duration::from_millis(60))]).await;
    let gateway = Gateway::of(&script);
    let mut answer = gateway.chat().await.result.unwrap();
    let mut seen = 0;
    while let Some(piece) = answer.body.chunk().await {
        piece.unwrap();
        seen += 1;
        if seen == 2 {
            tokio::time::sleep(Duration::from_millis(200)).await; // longer than the idle time, but nobody asks
        }
    }
    assert_eq!(seen, 4);
}

#[tokio::test]
async fn truncated_bodies_are_faults_and_count() {
    let short = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"half\":".to_owned();
    let cut = stream_start(&["data: 1\n\n"]) + "ff\r\ndata:";
    for text in [short, cut, stream_start(&["data: 1\n\n"])] {
        let script = Scripted::play([Step::ReplyAndClose(text)]).await;
        let gateway = Gateway::of(&script);
        let mut answer = gateway.chat().await.result.unwrap();
        assert_eq!(answer.body.read_whole(1000).await.unwrap_err(), BodyFault::Reset);
        assert_eq!((gateway.failures("a"), gateway.idle("a")), (1, 0));
    }
}

#[tokio::test]
async fn answer_larger_than_its_cap_is_dropped() {
    let chunked = stream_start(&["data: 123456789\n\n"]);
    for text in [reply(200, "", "0123456789abc"), chunked] {
        let script = Scripted::play([Step::ReplyAndStall(text)]).await;
        let gateway = Gateway::of(&script);
        let mut answer = gateway.chat().await.result.unwrap();
        assert_eq!(answer.body.read_whole(12).await.unwrap_err(), BodyFault::TooLarge { limit_bytes: 12 });
        script.peer_closed().await;
        assert_eq!((gateway.failures("a"), gateway.idle("a")), (0, 0));
    }
}

#[tokio::test]
async fn client_that_leaves_inside_a_stream_closes_the_upstream_at_once() {
    let script = Scripted::play([Step::ReplyAndStall(stream_start(&["data: 1\n\n"]))]).await;
    let gateway = Gateway::of(&script);
    let mut answer = gateway.chat().await.result.unwrap();
    answer.body.chunk().await.unwrap().unwrap();
    drop(answer);
    script.peer_closed().await;
    assert_eq!((gateway.failures("a"), gateway.idle("a")), (0, 0));
}

#[tokio::test]
async fn reports_of_the_pipeline_reach_the_breaker_once() {
    let script = Scripted::play((0..3).map(|_| Step::Reply(stream_start(&["data: 1\n\n"]) + "0\r\n\r\n"))).await;
    let gateway = Gateway::of(&script);
    let mut answer = gateway.chat().await.result.unwrap();
    answer.body.failed(FailureKind::Truncated);
    answer.body.failed(FailureKind::Truncated);
    answer.body.succeeded();
    assert_eq!(gateway.failures("a"), 1);
    let mut forgotten = gateway.chat().await.result.unwrap();
    forgotten.body.read_whole(100).await.unwrap();
    drop(forgotten);
    assert_eq!(gateway.failures("a"), 1, "the end of a stream alone is no success: the marker may be missing");
    let mut good = gateway.chat().await.result.unwrap();
    good.body.read_whole(100).await.unwrap();
    good.body.succeeded();
    assert_eq!(gateway.failures("a"), 0);
}

#[tokio::test]
async fn answer_that_nobody_asked_for_is_not_given_to_the_next_request() {
    let forged = reply(200, "", "{}") + &reply(200, "", "forged");
    let script = Scripted::play([Step::Reply(forged), Step::Reply(reply(200, "", "mine"))]).await;
    let gateway = Gateway::of(&script);
    assert_eq!(gateway.chat().await.result.unwrap().body.read_whole(100).await.unwrap(), b"{}");
    assert_eq!(gateway.chat().await.result.unwrap().body.read_whole(100).await.unwrap(), b"mine");
    assert_eq!(script.connections(), 2);
}

#[tokio::test]
async fn pool_keeps_no_more_than_its_size() {
    let script = Scripted::play((0..3).map(|_| Step::Reply(reply(200, "", "{}")))).await;
    let gateway = Gateway::new(&[settings::Upstream { pool: 1, ..upstream_at("a", script.port) }]);
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(gateway.chat().await.result.unwrap());
    }
    for answer in &mut answers {
        answer.body.read_whole(100).await.unwrap();
    }
    assert_eq!((script.connections(), gateway.idle("a")), (3, 1));
}
