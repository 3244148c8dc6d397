use super::*;
use crate::model::{Action, Category, Cause, Origin, RuleId, Stage};
use crate::observe::Reason;
use serde_json::Value;

fn started(unix_ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(unix_ms)
}

fn record() -> Record {
    Record::new(RequestId::from_parts(1, [2; 10]), started(1_700_000_000_123))
}

#[test]
fn times_are_rfc_3339_in_utc() {
    for (unix_ms, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (951_868_799_999, "2000-02-29T23:59:59.999Z"),
        (951_868_800_000, "2000-03-01T00:00:00.000Z"),
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ] {
        let line = Record::new(RequestId::from_parts(1, [2; 10]), started(unix_ms)).to_json_line();
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["started"], text);
    }
}

#[test]
fn hostile_strings_cannot_end_the_line_or_forge_a_field() {
    let mut record = record();
    let hostile = "x\r\n{\"status\":200}\u{1b}[31m\u{202e}\u{2028}\",\"net\":true,\"a\":\"";
    record.user_agent = Some(Excerpt::of(hostile));
    record.model = Some(Excerpt::of(hostile));
    record.method = Some(Excerpt::of(hostile));
    record.refuse_path("/v1/\u{85}secret?key=sk-123");
    record.tool_calls.push(ToolUse { name: Excerpt::of(hostile), arguments: Some(Excerpt::of(hostile)) });
    let line = record.to_json_line();
    assert!(line.replace('…', "").bytes().all(|byte| (0x20..0x7F).contains(&byte)), "{line}");
    let value: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["user_agent"], hostile);
    assert_eq!(value["status"], Value::Null);
    assert!(value.get("net").is_none());
    assert!(!line.contains("sk-123"));
}

#[test]
fn line_is_bounded_whatever_is_put_in() {
    let mut record = record();
    let long = "\u{e0041}".repeat(100_000);
    record.user_agent = Some(Excerpt::of(&long));
    record.model = Some(Excerpt::of(&long));
    record.answer_model = Some(Excerpt::of(&long));
    record.upstream_id = Some(Excerpt::of(&long));
    record.detail = Some(Excerpt::of(&long));
    record.refuse_path(&long);
    for index in 0..10_000u32 {
        record.tool_calls.push(ToolUse { name: Excerpt::of(&long), arguments: Some(Excerpt::of(&long)) });
        record.request.reasons.push(Reason {
            rule: Some(RuleId::new("injection-user")),
            finding: RuleId::new("injection.override.ignore-previous"),
            category: Category::Injection,
            origin: Origin::User,
            action: Action::Block,
            count: index,
            score: 0.987,
        });
    }
    let line = record.to_json_line();
    assert!(line.len() < 128 * 1024, "{} bytes", line.len());
    let value: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["request"]["reasons"][64]["left_out"], 10_000 - 64);
    assert_eq!(value["request"]["reasons"][0]["score"], 0.99);
}

#[test]
fn outcome_times_and_attempts_are_written_in_the_words_of_the_project() {
    let mut record = record();
    record.outcome = Some(Outcome { cause: Cause::UpstreamTimeout, stage: Stage::Upstream });
    record.timings.total = Some(Duration::from_micros(1_500));
    record.attempts.push(Attempt {
        upstream: UpstreamId::new("openai"),
        status: None,
        failure: Some("first_byte_timeout"),
        started_after: Duration::ZERO,
        elapsed: Duration::from_secs(60),
    });
    record.trace = Some(TraceContext::continue_or_start(None, 1.0, [0xAB; 24]));
    let value: Value = serde_json::from_str(&record.to_json_line()).unwrap();
    assert_eq!(value["outcome"], serde_json::json!({ "cause": "upstream_timeout", "stage": "upstream" }));
    assert_eq!(value["timings"]["total_ms"], 1.5);
    assert_eq!(value["attempts"][0]["failure"], "first_byte_timeout");
    assert_eq!(value["attempts"][0]["elapsed_ms"], 60_000.0);
    assert_eq!(value["trace_id"], "ab".repeat(16));
}
