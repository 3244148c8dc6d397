use super::*;
use crate::model::{
    Cause, ClientId, Endpoint, Mode, ModelName, Origin, Outcome, RequestId, RouteId, RuleId, Stage, UpstreamId,
};
use crate::observe::{Attempt, Coverage, Excerpt, Reason, StreamEnd, Tokens};
use std::time::Duration;

fn record() -> Record {
    let mut record = Record::new(RequestId::from_parts(1, [2; 10]), UNIX_EPOCH);
    record.route = Some(RouteId::new("chat"));
    record.client = Some(ClientId::new("search-team"));
    record.endpoint = Some(Endpoint::ChatCompletions);
    record.outcome = Some(Outcome { cause: Cause::Blocked, stage: Stage::Policy });
    record.status = Some(400);
    record.mode = Some(Mode::Enforce);
    record.model = Some(Excerpt::of("client-chosen-name"));
    record.timings.total = Some(Duration::from_millis(20));
    record.bytes.received = 100;
    record
}

fn reason(action: Action, count: u32) -> Reason {
    Reason {
        rule: Some(RuleId::new("injection-user")),
        finding: RuleId::new("injection.override"),
        category: Category::Injection,
        origin: Origin::User,
        action,
        count,
        score: 0.9,
    }
}

fn has(page: &str, sample: &str) -> bool {
    page.lines().any(|line| line == sample)
}

#[test]
fn one_record_moves_every_metric_that_it_speaks_of() {
    let metrics = Metrics::new();
    let mut record = record();
    record.request.reasons.extend([reason(Action::Block, 2), reason(Action::Block, 1)]);
    record.request.coverage = Some(Coverage { body: 100, inspected: 60, structure: 39, media: 0 });
    record.request.guards.scanned_bytes = 60;
    record.request.guards.failed.push(("pii", "time"));
    record.listed_model = Some(ModelName::new("gpt-4o"));
    record.tokens = Some(Tokens { input: 7, output: 0, estimated: false });
    record.stream_end = Some(StreamEnd::Cut);
    record.attempts.push(Attempt {
        upstream: UpstreamId::new("openai"),
        status: Some(500),
        failure: Some("server_error"),
        started_after: Duration::ZERO,
        elapsed: Duration::ZERO,
    });
    metrics.observe(&record);
    let page = metrics.encode();
    for sample in [
        r#"portcullis_requests_total{route="chat",endpoint="chat_completions",outcome="blocked",stage="policy",status="400"} 1"#,
        r#"portcullis_client_requests_total{client="search-team",outcome="blocked"} 1"#,
        r#"portcullis_findings_total{category="injection",direction="request",action="block"} 3"#,
        r#"portcullis_blocked_total{category="injection",direction="request",mode="enforce"} 1"#,
        r#"portcullis_request_duration_seconds_bucket{le="0.025",route="chat"} 1"#,
        r#"portcullis_tokens_total{route="chat",model="gpt-4o",direction="request"} 7"#,
        r#"portcullis_attempts_total{upstream="openai",result="server_error"} 1"#,
        r#"portcullis_guard_failures_total{guard="pii",direction="request"} 1"#,
        r#"portcullis_streams_total{how="cut"} 1"#,
        r#"portcullis_bytes_total{flow="received"} 100"#,
        r#"portcullis_inspected_bytes_total{how="scanned"} 60"#,
        "portcullis_unaccounted_bytes_total 1",
    ] {
        assert!(has(&page, sample), "{sample} is missing in\n{page}");
    }
}

#[test]
fn nothing_that_a_client_or_upstream_chose_becomes_a_label() {
    let metrics = Metrics::new();
    for status in [0, 99, 600, u16::MAX] {
        let mut record = record();
        record.route = None;
        record.status = Some(status);
        record.method = Some(Excerpt::of("EVIL"));
        record.refuse_path("/client-chosen-path");
        record.tokens = Some(Tokens { input: 1, output: 1, estimated: true });
        metrics.observe(&record);
    }
    let page = metrics.encode();
    assert!(!page.contains("client-chosen") && !page.contains("EVIL"), "{page}");
    assert!(page.contains(r#"route="none""#) && page.contains(r#"status="none"} 4"#), "{page}");
}

#[test]
fn configured_names_are_escaped_in_labels() {
    let metrics = Metrics::new();
    let mut record = record();
    record.route = Some(RouteId::new("a\"} 1\nevil 2"));
    metrics.observe(&record);
    assert!(!metrics.encode().lines().any(|line| line.starts_with("evil")));
}

#[test]
fn breakers_are_asked_at_each_scrape() {
    let metrics = Metrics::new();
    assert!(!metrics.encode().contains("breaker_state{"));
    metrics.ask_breakers(|| {
        vec![(UpstreamId::new("a"), BreakerState::Open), (UpstreamId::new("b"), BreakerState::Closed)]
    });
    let page = metrics.encode();
    assert!(has(&page, r#"portcullis_upstream_breaker_state{upstream="a"} 2"#), "{page}");
    assert!(has(&page, r#"portcullis_upstream_breaker_state{upstream="b"} 0"#), "{page}");
}

#[test]
fn only_the_snapshot_in_force_is_shown() {
    let metrics = Metrics::new();
    metrics.snapshot_in_force(1, "aaaa".into());
    metrics.reloaded(ReloadResult::Loaded, UNIX_EPOCH + Duration::from_secs(5));
    metrics.snapshot_in_force(2, "bbbb".into());
    metrics.reloaded(ReloadResult::Refused, UNIX_EPOCH + Duration::from_secs(9));
    let page = metrics.encode();
    assert!(has(&page, r#"portcullis_config_snapshot_info{hash="bbbb"} 1"#) && !page.contains("aaaa"), "{page}");
    assert!(has(&page, "portcullis_config_last_reload_successful 0"));
    assert!(has(&page, "portcullis_config_last_reload_success_timestamp_seconds 5"));
}

#[test]
fn closed_connection_is_no_longer_counted() {
    let metrics = Metrics::new();
    let first = metrics.connection();
    let _second = metrics.connection();
    drop(first);
    assert!(has(&metrics.encode(), "portcullis_connections 1"));
}
