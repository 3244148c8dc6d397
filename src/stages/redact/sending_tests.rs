//! What leaves, made through the policy as in life.

use super::*;
use crate::config::settings::{FindingMatch, MediaChoice, Policy, Rule, ToolPolicy};
use crate::model::{
    Category, Channel, Endpoint, FailureChoice, Finding, OffsetMap, Origin, PolicyId, RuleId, Segment, StreamPolicy,
    TextKind,
};
use crate::stages::accept::Head;
use crate::stages::admit::Admitted;
use crate::stages::decode::{Edit, Exchange, StreamMarker};
use crate::stages::inspect::{Examined, Findings, GuardReport};
use crate::stages::policy::CompiledPolicy;
use http::{HeaderMap, Method};
use std::ops::Range;

const BODY: &str = r#"{"a":"mail a@b.co"}"#;

fn policy(action: Action, mode: Mode) -> CompiledPolicy {
    CompiledPolicy::compile(&Policy {
        id: PolicyId::new("test"),
        mode,
        when_inspection_fails: FailureChoice::Block,
        rules: vec![Rule {
            id: RuleId::new("r"),
            finding: FindingMatch::Category(Category::Pii),
            origins: Vec::new(),
            direction: None,
            min_score: 0.5,
            action,
        }],
        tools: ToolPolicy {
            allow: None,
            deny: Vec::new(),
            max_chars_per_field: None,
            deny_arguments: Vec::new(),
            ..ToolPolicy::default()
        },
        media: MediaChoice::Allow,
        streams: StreamPolicy::default(),
    })
}

fn segment() -> Segment {
    Segment {
        origin: Origin::User,
        channel: Channel::Content,
        kind: TextKind::Prose,
        raw: 6..17,
        unescaped: None,
        map: OffsetMap::identity(6),
        message: 0,
    }
}

fn email() -> Finding {
    Finding {
        rule: RuleId::new("pii.email"),
        category: Category::Pii,
        score: 0.9,
        segment: 0,
        origin: Origin::User,
        channel: Channel::Content,
        span: 11..17,
        label: "EMAIL",
        via: crate::model::Via::default(),
    }
}

fn cleared(list: Vec<Finding>, protocol_edits: Vec<Edit>) -> Cleared {
    let head = Head::for_tests(Method::POST, "/v1/chat/completions", HeaderMap::new());
    let admitted = Admitted::for_tests(head, Endpoint::ChatCompletions);
    let facts = RequestFacts { segments: vec![segment()], protocol_edits, ..RequestFacts::default() };
    let exchange = Exchange::for_tests(admitted, BODY.to_owned(), facts);
    let findings = Findings::for_tests(exchange, list, GuardReport::default());
    policy(Action::Redact, Mode::Enforce).clear(findings).expect("nothing blocks")
}

fn judged(form: DecodedForm, body: &str, swallow: bool, list: Vec<Finding>, action: Action, mode: Mode) -> Judged {
    let facts = AnswerFacts { segments: vec![segment()], swallow, ..AnswerFacts::default() };
    let decoded = Decoded::for_tests(form, body.to_owned(), facts);
    policy(action, mode).judge(Examined::for_tests(decoded, list, GuardReport::default()))
}

fn edit(span: Range<usize>, replacement: &str) -> Edit {
    Edit { span, replacement: replacement.to_owned() }
}

#[test]
fn request_without_edits_leaves_as_the_same_allocation() {
    let cleared = cleared(Vec::new(), Vec::new());
    let before = cleared.exchange().body().as_ptr();
    let (outbound, left) = request(cleared).expect("sendable");
    assert_eq!(outbound.body().as_ptr(), before);
    assert_eq!((outbound.edits(), outbound.received()), (0, ByteCount(19)));
    assert_eq!(left.verdict.action, Action::Allow);
}

#[test]
fn request_leaves_with_labels_and_the_gateways_own_edits() {
    let options = edit(18..18, r#","stream_options":{"include_usage":true}"#);
    let (outbound, left) = request(cleared(vec![email()], vec![options])).expect("sendable");
    let expected = r#"{"a":"mail [EMAIL]","stream_options":{"include_usage":true}}"#;
    assert_eq!(outbound.body(), expected.as_bytes());
    assert_eq!((outbound.edits(), outbound.received()), (2, ByteCount(19)));
    assert_eq!((left.verdict.action, left.facts.segments.len()), (Action::Redact, 1));
}

#[test]
fn protocol_edit_over_a_redaction_is_refused_and_nothing_leaves() {
    let unsendable = request(cleared(vec![email()], vec![edit(12..13, "x")])).expect_err("overlap");
    assert_eq!(unsendable.refusal.outcome.cause, Cause::Internal);
    assert_eq!(unsendable.left.verdict.action, Action::Redact);
}

#[test]
fn enforced_block_withholds_the_answer_and_shadow_delivers_it() {
    let blocked = judged(DecodedForm::Whole, BODY, false, vec![email()], Action::Block, Mode::Enforce);
    let withheld = answer(blocked).expect_err("blocked");
    assert_eq!((withheld.cause, withheld.decoded.body()), (Cause::AnswerBlocked, BODY));

    let shadowed = judged(DecodedForm::Whole, BODY, false, vec![email()], Action::Block, Mode::Shadow);
    let (deliverable, left) = answer(shadowed).expect("shadow");
    assert_eq!(deliverable.into_bytes(), BODY.as_bytes());
    assert_eq!(left.verdict.action, Action::Block);
}

#[test]
fn whole_answer_leaves_redacted_and_event_is_written_anew() {
    let whole = judged(DecodedForm::Whole, BODY, false, vec![email()], Action::Redact, Mode::Enforce);
    let (deliverable, _) = answer(whole).expect("delivered");
    assert_eq!(deliverable.edits(), 1);
    assert_eq!(deliverable.into_bytes(), r#"{"a":"mail [EMAIL]"}"#.as_bytes());

    let form = DecodedForm::Event { name: Some("message".to_owned()) };
    let event = judged(form.clone(), BODY, false, vec![email()], Action::Redact, Mode::Enforce);
    let (deliverable, _) = answer(event).expect("delivered");
    assert_eq!(deliverable.into_bytes(), encode::event(&form, r#"{"a":"mail [EMAIL]"}"#));

    let done = DecodedForm::Marker(StreamMarker::Done);
    let marker = judged(done.clone(), "[DONE]", false, Vec::new(), Action::Redact, Mode::Enforce);
    assert_eq!(answer(marker).expect("delivered").0.into_bytes(), encode::event(&done, "[DONE]"));
}

#[test]
fn swallowed_event_is_no_bytes_but_its_facts_remain() {
    let form = DecodedForm::Event { name: None };
    let event = judged(form, BODY, true, Vec::new(), Action::Redact, Mode::Enforce);
    let (deliverable, left) = answer(event).expect("delivered");
    assert!(deliverable.into_bytes().is_empty());
    assert!(left.facts.swallow);
}
