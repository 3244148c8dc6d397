//! What a policy decides, on findings made by hand.

use super::*;
use crate::config::settings::ToolPolicy;
use crate::model::{Category, Channel, Endpoint, OffsetMap, Origin, StreamPolicy, TextKind};
use crate::stages::accept::Head;
use crate::stages::admit::Admitted;
use crate::stages::decode::{AnswerFacts, Decoded, DecodedForm, RequestFacts};
use http::{HeaderMap, Method};
use std::ops::Range;

const BODY: &str = r#"{"a":"mail me at a@b.co now","b":"key sk-123"}"#;

fn segments() -> Vec<Segment> {
    let one = |origin, raw: Range<usize>| Segment {
        origin,
        channel: Channel::Content,
        kind: TextKind::Prose,
        map: OffsetMap::identity(raw.start),
        raw,
        unescaped: None,
        message: 0,
    };
    vec![one(Origin::User, 6..27), one(Origin::ToolResult, 34..44)]
}

fn finding(rule: &str, category: Category, score: f32, segment: usize, span: Range<usize>) -> Finding {
    let origin = segments().get(segment).map_or(Origin::Unknown, |segment| segment.origin);
    let rule = RuleId::new(rule);
    Finding {
        rule,
        category,
        score,
        segment,
        origin,
        channel: Channel::Content,
        span,
        label: "L",
        via: crate::model::Via::default(),
    }
}

fn email() -> Finding {
    finding("pii.email", Category::Pii, 0.9, 0, 17..23)
}

fn key() -> Finding {
    finding("secret.openai.api-key", Category::Secret, 0.99, 1, 38..44)
}

fn rule(id: &str, finding: FindingMatch, action: Action) -> Rule {
    Rule { id: RuleId::new(id), finding, origins: Vec::new(), direction: None, min_score: 0.5, action }
}

fn below(prefix: &str) -> FindingMatch {
    FindingMatch::Rule(RuleId::new(prefix))
}

fn settings(rules: Vec<Rule>) -> Policy {
    Policy {
        id: PolicyId::new("test"),
        mode: Mode::Enforce,
        when_inspection_fails: FailureChoice::Block,
        rules,
        tools: ToolPolicy {
            allow: None,
            deny: Vec::new(),
            max_chars_per_field: None,
            deny_arguments: Vec::new(),
            ..ToolPolicy::default()
        },
        media: MediaChoice::Allow,
        streams: StreamPolicy::default(),
    }
}

fn findings(list: Vec<Finding>, report: GuardReport, media: Vec<Range<usize>>) -> Findings {
    let head = Head::for_tests(Method::POST, "/v1/chat/completions", HeaderMap::new());
    let admitted = Admitted::for_tests(head, Endpoint::ChatCompletions);
    let facts = RequestFacts { segments: segments(), media, ..RequestFacts::default() };
    Findings::for_tests(Exchange::for_tests(admitted, BODY.to_owned(), facts), list, report)
}

fn clear(policy: &Policy, list: Vec<Finding>) -> Result<Cleared, Box<Blocked>> {
    CompiledPolicy::compile(policy).clear(findings(list, GuardReport::default(), Vec::new()))
}

fn examined(body: &str, list: Vec<Finding>, report: GuardReport, media: Vec<Range<usize>>) -> Examined {
    let facts = AnswerFacts { segments: segments(), media, ..AnswerFacts::default() };
    Examined::for_tests(Decoded::for_tests(DecodedForm::Whole, body.to_owned(), facts), list, report)
}

fn names(rules: &[RuleId]) -> Vec<&str> {
    rules.iter().map(RuleId::as_str).collect()
}

fn failed(reason: &'static str) -> GuardReport {
    GuardReport { failed: vec![("signatures", reason)], ..GuardReport::default() }
}

#[test]
fn first_matching_rule_decides_and_not_the_strictest() {
    let policy = settings(vec![
        rule("mail-ok", below("pii.email"), Action::Flag),
        rule("pii-block", FindingMatch::Category(Category::Pii), Action::Block),
    ]);
    let cleared = clear(&policy, vec![email()]).expect("the first rule only flags");
    assert_eq!(cleared.verdict().action, Action::Flag);
    assert_eq!(cleared.verdict().reasons[0].rule, Some(RuleId::new("mail-ok")));
}

#[test]
fn dotted_prefix_matches_whole_names_only() {
    assert!(is_at_or_below("secret.aws.access-key-id", "secret.aws"));
    assert!(is_at_or_below("secret.aws", "secret.aws"));
    assert!(!is_at_or_below("secret.awsome", "secret.aws"));
    assert!(!is_at_or_below("secret", "secret.aws"));
}

#[test]
fn origin_direction_and_score_must_all_fit() {
    let mut wanted = rule("r", FindingMatch::Category(Category::Secret), Action::Block);
    wanted.origins = vec![Origin::ToolResult];
    wanted.direction = Some(Direction::Request);
    wanted.min_score = 0.99;
    assert!(clear(&settings(vec![wanted.clone()]), vec![key()]).is_err());
    let changes: [fn(&mut Rule); 3] = [
        |rule| rule.origins = vec![Origin::User],
        |rule| rule.direction = Some(Direction::Response),
        |rule| rule.min_score = 0.995,
    ];
    for change in changes {
        let mut other = wanted.clone();
        change(&mut other);
        let cleared = clear(&settings(vec![other]), vec![key()]).expect("no rule matches");
        assert_eq!(cleared.verdict().action, Action::Allow);
        assert_eq!(cleared.verdict().reasons[0].rule, None, "an allowed finding is recorded all the same");
    }
}

#[test]
fn score_that_is_not_a_number_counts_as_high() {
    let mut odd = key();
    odd.score = f32::NAN;
    assert!(clear(&settings(vec![rule("r", below("secret"), Action::Block)]), vec![odd]).is_err());
}

#[test]
fn block_names_policy_rules_then_detector_rules_each_once_and_keeps_the_exchange() {
    let policy =
        settings(vec![rule("no-keys", below("secret"), Action::Block), rule("cut-mail", below("pii"), Action::Redact)]);
    let blocked = clear(&policy, vec![email(), key(), key()]).expect_err("blocked");
    assert_eq!(names(&blocked.refusal.rules), ["no-keys", "secret.openai.api-key"]);
    assert_eq!(blocked.refusal.outcome.cause, Cause::Blocked);
    assert_eq!(blocked.exchange().body(), BODY);
    assert_eq!(blocked.verdict.reasons[0].count, 2);
    assert_eq!(blocked.verdict.reasons[1].action, Action::Redact);
    assert_eq!(blocked.private().masked(BODY, 34..44, 100), "key [L]");
}

#[test]
fn redactions_are_merged_sorted_and_clipped_to_their_string() {
    let policy =
        settings(vec![rule("cut", below("pii"), Action::Redact), rule("cut2", below("secret"), Action::Redact)]);
    let wide = finding("pii.phone", Category::Pii, 0.9, 0, 20..40);
    let cleared = clear(&policy, vec![key(), wide, email()]).expect("redacted");
    let spans: Vec<_> = cleared.into_parts().1.into_iter().map(|cut| cut.span).collect();
    assert_eq!(spans, [17..27, 38..44]);
}

#[test]
fn finding_outside_its_string_cuts_all_of_it_and_one_without_string_blocks() {
    let policy = settings(vec![rule("cut", below("pii"), Action::Redact)]);
    let stray = finding("pii.email", Category::Pii, 0.9, 0, 40..44);
    assert_eq!(clear(&policy, vec![stray]).expect("cut").into_parts().1[0].span, 6..27);
    let lost = finding("pii.email", Category::Pii, 0.9, 7, 17..23);
    let blocked = clear(&policy, vec![lost]).expect_err("fails closed");
    assert_eq!(blocked.refusal.outcome.cause, Cause::Internal);
}

#[test]
fn shadow_records_a_block_but_changes_nothing() {
    let mut policy =
        settings(vec![rule("cut", below("pii"), Action::Redact), rule("no", below("secret"), Action::Block)]);
    policy.mode = Mode::Shadow;
    let cleared = clear(&policy, vec![email(), key()]).expect("shadow never blocks");
    assert_eq!((cleared.verdict().action, cleared.verdict().mode), (Action::Block, Mode::Shadow));
    assert!(cleared.into_parts().1.is_empty());
}

#[test]
fn failed_guard_blocks_unless_the_operator_allows_it_and_then_flags() {
    let mut policy = settings(Vec::new());
    for (reason, cause) in [("time_budget", Cause::InspectionIncomplete), ("not_loaded", Cause::GuardUnavailable)] {
        let report = failed(reason);
        let refused = CompiledPolicy::compile(&policy).clear(findings(Vec::new(), report, Vec::new()));
        let blocked = refused.expect_err("fails closed");
        assert_eq!(blocked.refusal.outcome.cause, cause);
        assert_eq!(names(&blocked.refusal.rules), ["when_inspection_fails"]);
    }
    let judged = CompiledPolicy::compile(&policy).judge(examined(BODY, Vec::new(), failed("x"), Vec::new()));
    assert_eq!(judged.verdict().action, Action::Block);

    policy.when_inspection_fails = FailureChoice::Allow;
    let passed = CompiledPolicy::compile(&policy).clear(findings(Vec::new(), failed("time"), Vec::new()));
    assert_eq!(passed.expect("allowed in words").verdict().action, Action::Flag);
}

#[test]
fn rule_that_blocks_outranks_a_failed_guard_in_what_the_client_is_told() {
    let policy = settings(vec![rule("no", below("secret"), Action::Block)]);
    let refused = CompiledPolicy::compile(&policy).clear(findings(vec![key()], failed("time"), Vec::new()));
    let blocked = refused.expect_err("blocked");
    assert_eq!(blocked.refusal.outcome.cause, Cause::Blocked);
    assert_eq!(names(&blocked.refusal.rules), ["no", "when_inspection_fails", "secret.openai.api-key"]);
}

#[test]
fn media_is_blocked_only_where_the_policy_says_so_and_signatures_pass() {
    let mut policy = settings(Vec::new());
    let media = || std::iter::once(6..10).collect::<Vec<_>>();
    let with_media =
        |policy: &Policy| CompiledPolicy::compile(policy).clear(findings(Vec::new(), GuardReport::default(), media()));
    assert!(with_media(&policy).is_ok());
    policy.media = MediaChoice::Block;
    let blocked = with_media(&policy).expect_err("media");
    assert_eq!(names(&blocked.refusal.rules), ["media"]);
    assert_eq!(blocked.refusal.outcome.cause, Cause::Blocked);
    assert!(clear(&policy, Vec::new()).is_ok(), "no media, no block");

    let judge = |body: &str, span| {
        let answer = examined(body, Vec::new(), GuardReport::default(), vec![span]);
        CompiledPolicy::compile(&policy).judge(answer).verdict().action
    };
    assert_eq!(judge(r#"{"signature":"abcd"}"#, 14..18), Action::Allow);
    assert_eq!(judge(r#"{"b64_json":"abcd"}"#, 13..17), Action::Block);
}

#[test]
fn settings_of_tools_decide_where_no_rule_speaks_and_leave_the_history_alone() {
    use crate::config::settings::Reaction;
    let tool = |rule: &str| finding(rule, Category::Tool, 1.0, 0, 6..27);
    let mut policy = settings(Vec::new());
    let action_of =
        |policy: &Policy, rule: &str, direction| CompiledPolicy::compile(policy).deciding(&tool(rule), direction).1;
    let invalid = "tool.argument-invalid.required";
    for (reaction, in_answer) in
        [(Reaction::Off, Action::Allow), (Reaction::Flag, Action::Flag), (Reaction::Block, Action::Block)]
    {
        policy.tools.schema = reaction;
        policy.tools.undeclared = reaction;
        policy.tools.definitions.changed = reaction;
        for rule in [invalid, Finding::UNDECLARED_TOOL] {
            assert_eq!(action_of(&policy, rule, Direction::Response), in_answer, "{rule}");
            assert_eq!(action_of(&policy, rule, Direction::Request), in_answer.min(Action::Flag), "{rule}");
        }
        assert_eq!(action_of(&policy, Finding::DEFINITION_CHANGED, Direction::Request), in_answer);
        assert_eq!(action_of(&policy, "tool.not-allowed", Direction::Request), Action::Block);
    }
    policy.rules = vec![rule("history", below("tool.argument-invalid"), Action::Block)];
    assert_eq!(action_of(&policy, invalid, Direction::Request), Action::Block, "a rule has the say");
}
