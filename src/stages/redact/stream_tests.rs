//! Streams through decode, inspect, policy and redact as in life: what is delivered of a text that comes in pieces is what is
//! delivered of it as a whole, wherever it is cut.

use crate::config::settings::{FindingMatch, MediaChoice, Policy, Rule, ToolPolicy};
use crate::model::{Action, Category, Endpoint, FailureChoice, Mode, PolicyId, RuleId, StreamPolicy};
use crate::stages::decode::{self, JsonLimits, StreamDecoder, StreamLimits};
use crate::stages::inspect::{DeclaredTools, Examined, Inspector, StreamInspector, TimeBudget};
use crate::stages::policy::CompiledPolicy;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

static INSPECTOR: LazyLock<Arc<Inspector>> =
    LazyLock::new(|| Arc::new(Inspector::compile(&[], &[]).expect("detectors compile")));
static TOOLS: LazyLock<ToolPolicy> =
    LazyLock::new(|| ToolPolicy { max_chars_per_field: None, ..ToolPolicy::default() });
static POLICY: LazyLock<CompiledPolicy> = LazyLock::new(|| policy(Action::Redact));

const JSON: JsonLimits = JsonLimits { depth: 32, nodes: 10_000 };

fn policy(pii: Action) -> CompiledPolicy {
    let rule = |category: Category, action| Rule {
        id: RuleId::new(category.name()),
        finding: FindingMatch::Category(category),
        origins: Vec::new(),
        direction: None,
        min_score: 0.5,
        action,
    };
    CompiledPolicy::compile(&Policy {
        id: PolicyId::new("test"),
        mode: Mode::Enforce,
        when_inspection_fails: FailureChoice::Block,
        rules: vec![rule(Category::Secret, Action::Redact), rule(Category::Pii, pii)],
        tools: TOOLS.clone(),
        media: MediaChoice::Allow,
        streams: StreamPolicy::default(),
    })
}

/// One stream through all stages.
struct Run {
    endpoint: Endpoint,
    decoder: StreamDecoder,
    inspector: StreamInspector,
    policy: &'static CompiledPolicy,
    sent: String,
    /// Findings by rule, counted.
    found: Vec<(String, u32)>,
    most_held: usize,
}

impl Run {
    fn new(endpoint: Endpoint, policy: &'static CompiledPolicy) -> Self {
        let limits = StreamLimits { event_bytes: 1 << 20, json: JSON };
        Self {
            endpoint,
            decoder: StreamDecoder::new(endpoint, limits, false),
            inspector: StreamInspector::new(Arc::clone(&INSPECTOR), policy.holding(), DeclaredTools::default()),
            policy,
            sent: String::new(),
            found: Vec::new(),
            most_held: 0,
        }
    }

    fn chunk(&mut self, bytes: &[u8]) {
        let mut events = Vec::new();
        self.decoder.push(bytes, &mut events).expect("the stream is well-formed");
        let now = Instant::now();
        let budget = TimeBudget { deadline: now + Duration::from_secs(3600), now: &|| now };
        for event in events {
            let ends = event.facts().ends_stream;
            let out = self.inspector.push(event, &TOOLS, &budget);
            self.deliver(out);
            self.most_held = self.most_held.max(self.inspector.held().text);
            if ends {
                let out = self.inspector.finish(&TOOLS);
                self.deliver(out);
            }
        }
    }

    fn deliver(&mut self, events: Vec<Examined>) {
        for examined in events {
            let judged = self.policy.judge(examined);
            for reason in &judged.verdict().reasons {
                self.found.extend((0..reason.count).map(|_| (reason.finding.to_string(), 1)));
            }
            let (deliverable, _) = super::answer(judged).expect("nothing is blocked");
            self.sent.push_str(std::str::from_utf8(&deliverable.into_bytes()).expect("text"));
        }
    }

    /// Delivered events, parsed.
    fn events(&self) -> Vec<Value> {
        let lines = self.sent.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|line| *line != "[DONE]");
        lines.map(|line| serde_json::from_str(line).expect("an event is JSON")).collect()
    }

    /// The text that a client puts together.
    fn text(&self) -> String {
        let pointer = match self.endpoint {
            Endpoint::ChatCompletions => "/choices/0/delta/content",
            Endpoint::Completions => "/choices/0/text",
            Endpoint::Messages => "/delta/text",
            Endpoint::Responses => "/delta",
            _ => "/text",
        };
        self.events().iter().filter_map(|event| event.pointer(pointer)?.as_str().map(ToOwned::to_owned)).collect()
    }

    fn findings(mut self) -> Vec<(String, u32)> {
        self.found.sort();
        self.found
    }
}

fn chat_chunk(delta: &Value, finish: Option<&str>) -> String {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
    let chunk =
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]});
    format!("data: {chunk}\n\n")
}

/// A chat stream that says these pieces.
fn chat<'a>(pieces: impl IntoIterator<Item = &'a str>) -> String {
    let mut stream = chat_chunk(&json!({"role": "assistant", "content": ""}), None);
    for piece in pieces {
        stream.push_str(&chat_chunk(&json!({ "content": piece }), None));
    }
    stream.push_str(&chat_chunk(&json!({}), Some("stop")));
    stream.push_str("data: [DONE]\n\n");
    stream
}

fn streamed(pieces: &[&str]) -> Run {
    let mut run = Run::new(Endpoint::ChatCompletions, &POLICY);
    run.chunk(chat(pieces.iter().copied()).as_bytes());
    run
}

/// What is delivered of a text, and found in it, when it comes as a whole answer.
fn whole(text: &str) -> (String, Vec<(String, u32)>) {
    let body = json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]});
    let decoded = decode::answer(Endpoint::ChatCompletions, body.to_string().into_bytes(), JSON).expect("an answer");
    let now = Instant::now();
    let budget = TimeBudget { deadline: now + Duration::from_secs(3600), now: &|| now };
    let judged = POLICY.judge(INSPECTOR.answer(decoded, &TOOLS, &budget));
    let reasons = judged.verdict().reasons.clone();
    let mut found: Vec<_> =
        reasons.iter().flat_map(|reason| (0..reason.count).map(|_| (reason.finding.to_string(), 1))).collect();
    found.sort();
    let (deliverable, _) = super::answer(judged).expect("nothing is blocked");
    let body: Value = serde_json::from_slice(&deliverable.into_bytes()).expect("JSON");
    let content = body.pointer("/choices/0/message/content").and_then(Value::as_str).unwrap_or_default();
    (content.to_owned(), found)
}

/// What must be found, in parts, so that no scanner takes this file for a leak, and near misses.
fn things() -> Vec<String> {
    let pem = |label: &str| {
        format!("-----BEGIN {label} KEY-----\n{}\n-----END {label} KEY-----", "MIIEow+IBAA/KCAQEA7\n".repeat(6))
    };
    [
        ["AKIA", "QYLPMN5HHHFPZAM2"].concat(),
        ["ghp", "_", "16C7e42F292c6912E7710c838347Ae178B4a"].concat(),
        ["sk-", "proj-", "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY"].concat(),
        ["sk-ant-", "api03-", "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY-_9Z"].concat(),
        [
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
            "eyJzdWIiOiIxMjM0NTY3ODkwIn0",
            "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        ]
        .join("."),
        ["xoxb", "-2345678901-2345678901234-aBcDeFgHiJkLmNoPqRsTuVwX"].concat(),
        pem("PRIVATE"),
        pem("RSA PRIVATE"),
        pem("PUBLIC"),
        "postgres://admin:s3cr3t,Pa(ss@db.internal-host.net/app".to_owned(),
        "password = \"correct horse 7 battery\"".to_owned(),
        "my password is Tr0ub4dor&3, remember".to_owned(),
        "api_key: 'a8f5f167f44f4964e6c998dee827110c'".to_owned(),
        ["Authorization: Bearer ", "mF_9.B5f-4.1JqM7hT2xYz0AbC"].concat(),
        ["1234567890", ":AA", "HdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"].concat(),
        ["datadog api key ", "a8f5f167f44f4964e6c998dee827110c"].concat(),
        "jane.roe@mail-host.net".to_owned(),
        "josé.garcía+x@correo.example.es".to_owned(),
        "4111 1111 1111 1111".to_owned(),
        "5555-5555-5555-4444".to_owned(),
        "378282246310005".to_owned(),
        "4111 1111 1111 1112".to_owned(),
        "DE89370400440532013000".to_owned(),
        "GB29 NWBK 6016 1331 9268 19".to_owned(),
        "DE88370400440532013000".to_owned(),
        "536-90-4399".to_owned(),
        "+1 (415) 555-2671".to_owned(),
        "+49 30 901820".to_owned(),
        "call 020 7946 0958".to_owned(),
        "192.0.2.17".to_owned(),
        "81.2.69.142".to_owned(),
        "2001:db8:85a3::8a2e:370:7334".to_owned(),
        "born on May 17, 1980".to_owned(),
        "date of birth: 17 May 1980".to_owned(),
        "742 Evergreen Terrace, Springfield, IL 62704".to_owned(),
        "Hauptstraße 5, 10115 Berlin".to_owned(),
        "AB 12 34 56 C".to_owned(),
        "2 84 05 2A 451 089 46".to_owned(),
        "12.345.678-5".to_owned(),
        "BIC: DEUTDEFF500".to_owned(),
        "1EG4-TE5-MK73".to_owned(),
        "550e8400-e29b-41d4-a716-446655440000".to_owned(),
        "version 1.2.3.4".to_owned(),
        "12, 1 2 3 4 5 6 7 8 9 10 11 12 13 14".to_owned(),
        "日本語のテキスト".to_owned(),
        "fn main() { println!(\"{}\", a[0]); }".to_owned(),
        "see https://example.com/a?b=c&d=e#f".to_owned(),
        "\u{1F600} \\u00e9 \n\ndata: x".to_owned(),
    ]
    .into_iter()
    .collect()
}

fn around() -> Vec<(&'static str, &'static str)> {
    vec![("", ""), ("It is ", "."), ("12 ", " 34"), ("Straße ", ", ok? The rest goes on here.")]
}

#[test]
fn text_that_is_cut_in_two_anywhere_is_delivered_as_the_whole_and_with_the_same_findings() {
    for thing in things() {
        for (before, after) in around() {
            let text = format!("{before}{thing}{after}");
            let (expected, found) = whole(&text);
            for cut in (0..=text.len()).filter(|cut| text.is_char_boundary(*cut)) {
                let (head, tail) = text.split_at(cut);
                let run = streamed(&[head, tail]);
                assert_eq!(run.text(), expected, "cut at {cut} of {text:?}");
                assert_eq!(run.findings(), found, "cut at {cut} of {text:?}");
            }
        }
    }
}

#[test]
fn encoded_word_is_read_when_it_is_whole_and_nothing_of_it_is_delivered_before() {
    let words = [
        ["TXkga2V5IGlzIEFLSUFR", "WUxQTU41SEhIRlBaQU0y"].concat(),
        ["414b49415159", "4c504d4e3548484846505a414d32"].concat(),
    ];
    for word in words {
        for (before, after) in [("", ""), ("It is ", "."), ("(", ") and")] {
            let text = format!("{before}{word}{after}");
            let (expected, found) = whole(&text);
            assert!(!expected.contains(&word) && !found.is_empty(), "{text}");
            for cut in 0..=text.len() {
                let (head, tail) = text.split_at(cut);
                let run = streamed(&[head, tail]);
                assert_eq!(run.text(), expected, "cut at {cut} of {text:?}");
                assert_eq!(run.findings(), found, "cut at {cut} of {text:?}");
            }
        }
    }
}

#[test]
fn text_that_comes_character_by_character_is_delivered_as_the_whole() {
    let things = things();
    for (index, thing) in things.iter().enumerate() {
        let next = &things[(index + 7) % things.len()];
        for (before, after) in around() {
            for joint in [" ", ", ", "", "\n"] {
                let text = format!("{before}{thing}{joint}{next}{after}");
                let (expected, found) = whole(&text);
                let pieces: Vec<String> = text.chars().map(String::from).collect();
                let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
                let run = streamed(&pieces);
                assert_eq!(run.text(), expected, "{text:?}");
                assert_eq!(run.findings(), found, "{text:?}");
            }
        }
    }
}

#[test]
fn bytes_of_the_upstream_may_be_cut_anywhere() {
    let text = format!("é \u{1F600} {} and {} end", things()[0], things()[16]);
    let stream =
        chat([text.get(..9).unwrap(), text.get(9..20).unwrap(), text.get(20..).unwrap()]).replace('é', "\\u00e9");
    let (expected, _) = whole(&text);
    for cut in 0..=stream.len() {
        let mut run = Run::new(Endpoint::ChatCompletions, &POLICY);
        let (head, tail) = stream.as_bytes().split_at(cut);
        run.chunk(head);
        run.chunk(tail);
        assert_eq!(run.text(), expected, "cut at {cut}");
        assert!(run.sent.ends_with("data: [DONE]\n\n"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_pieces_of_any_mix_are_delivered_as_the_whole(
        picks in prop::collection::vec((0usize..200, 0usize..8), 1..6),
        sizes in prop::collection::vec(1usize..24, 1..60),
    ) {
        let things = things();
        let joints = [" ", ", ", "", "\n", ". The ", ": ", " of 42 ", "\t\""];
        let mut text = String::new();
        for (pick, joint) in picks {
            text.push_str(&things[pick % things.len()]);
            text.push_str(joints[joint]);
        }
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        let mut sizes = sizes.iter().cycle();
        while !rest.is_empty() {
            let size = rest.ceil_char_boundary((*sizes.next().unwrap()).min(rest.len()));
            let (piece, tail) = rest.split_at(size);
            pieces.push(piece);
            rest = tail;
        }
        let (expected, found) = whole(&text);
        let run = streamed(&pieces);
        prop_assert_eq!(run.text(), expected);
        prop_assert_eq!(run.findings(), found);
    }
}
