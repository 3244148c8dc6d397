//! Life cycle: probes, metrics, status, reload, drain, exit codes, and the walls between the listeners.

use crate::support::config::CLIENT_KEY;
use crate::support::gateway::run;
use crate::support::{ATTACK, Config, Gateway, Mock, Reply, Request, chat_request, eventually, stream_request};
use serde_json::{Value, json};

#[test]
fn probes_answer_on_the_health_listener_without_content() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock));
    for path in ["/livez", "/readyz", "/startupz"] {
        let answer = gateway.health(path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.text().contains("mock"), "{path} shows topology: {}", answer.text());
    }
    assert_eq!(gateway.health("/status").status, 404);
    assert_eq!(gateway.health("/v1/models").status, 404);
}

#[test]
fn metrics_count_what_happened() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock));
    gateway.send(&chat_request("hi"));
    gateway.send(&chat_request(ATTACK));
    gateway.wait_for_records(2);
    let answer = gateway.health("/metrics");
    assert_eq!(answer.status, 200);
    let text = answer.text();
    for part in ["outcome=\"answered\"", "outcome=\"blocked\"", "build_info", "_seconds", "_total"] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    let foreign =
        text.lines().filter(|line| !line.starts_with('#') && !line.is_empty() && !line.starts_with("portcullis_"));
    let foreign: Vec<_> = foreign.filter(|line| !line.starts_with("process_")).collect();
    assert!(foreign.is_empty(), "names without our prefix: {foreign:?}");
}

#[test]
fn invented_models_and_paths_do_not_become_labels() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock));
    for index in 0..20 {
        let body = json!({"model": format!("invented-{index}"), "messages": [{"role": "user", "content": "hi"}]});
        gateway.send(&Request::post("/v1/chat/completions").json(&body));
        gateway.send(&Request::post(&format!("/v1/invented-{index}")).json(&body));
    }
    gateway.wait_for_records(40);
    assert!(!gateway.health("/metrics").text().contains("invented-"), "a client chose a label");
}

#[test]
fn status_shows_the_snapshot_and_the_breakers_and_no_keys() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock).one_client(""));
    let text = gateway.admin("/status").text();
    let status: Value = serde_json::from_str(&text).expect("status is JSON");
    assert_eq!(status["snapshot"]["number"], 1, "{status}");
    assert!(status["snapshot"]["hash"].as_str().is_some_and(|hash| hash.len() >= 8), "{status}");
    assert!(text.contains("mock") && text.contains("closed") && text.contains("uptime"), "{status}");
    assert!(!text.contains("upstream-key") && !text.contains(CLIENT_KEY), "a key is shown: {status}");
}

#[test]
fn admin_and_health_are_not_reachable_through_a_route() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock));
    let status = gateway.status().to_string();
    for path in ["/status", "/livez", "/metrics", "/v1/../status", "/v1/status", "//status"] {
        let answer = gateway.send(&Request::get(path));
        assert!((400..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
        assert!(!answer.text().contains("snapshot"), "{path}: {status}");
    }
    let admin = gateway.admin("/v1/models");
    assert_eq!((admin.status, mock.bytes()), (404, 0));
}

#[test]
fn admin_refuses_a_browser_that_was_lured_there() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock));
    for host in ["evil.test", "127.0.0.1.evil.test", "localhost.evil.test"] {
        let answer = gateway.send_to_admin(&Request::get("/status").host(host));
        assert!((400..500).contains(&answer.status), "{host}: {}", answer.text());
        assert!(!answer.text().contains("snapshot"), "{host}: {}", answer.text());
    }
    let answer =
        gateway.send_to_admin(&Request::get("/status").host("localhost").header("origin", "https://evil.test"));
    assert!(answer.header("access-control-allow-origin").is_none(), "{}", answer.head);
    assert!(answer.header("x-content-type-options").is_some_and(|value| value == "nosniff"), "{}", answer.head);
}

#[test]
fn own_answers_carry_security_headers() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock));
    for answer in [gateway.send(&chat_request(ATTACK)), gateway.send(&Request::get("/nowhere"))] {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{}", answer.head);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.head);
        assert!(answer.header("content-security-policy").is_some(), "{}", answer.head);
        assert!(answer.header("x-request-id").is_some(), "{}", answer.head);
        assert!(answer.header("server").is_none(), "{}", answer.head);
    }
}

/// A configuration with an agent at this path, by which one can tell which configuration is in force.
fn with_agent(mock: &Mock, path: &str) -> Config {
    Config::new(mock).upstream("agent", "agent", mock, "retries: { attempts: 0 }").routes(&format!(
        "  - {{ name: agent, path: {path}/, dialect: json, text: [/message], upstreams: [agent], policy: default, access: open }}"
    ))
    .more("addresses: { refusals: 100000 }") // polling for a route that is not there yet must not start a cool-down
}

fn status_at(gateway: &Gateway, path: &str) -> u16 {
    gateway.send(&Request::post(path).json(&json!({"message": "hi"}))).status
}

#[test]
fn sighup_takes_the_new_configuration() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&with_agent(&mock, "/agents/old"));
    gateway.rewrite(&with_agent(&mock, "/agents/new"));
    gateway.signal("HUP");
    eventually("the new route answers", || (status_at(&gateway, "/agents/new") == 200).then_some(()));
    assert_eq!(status_at(&gateway, "/agents/old"), 404);
    assert!(gateway.status()["snapshot"]["number"].as_u64().is_some_and(|number| number >= 2));
}

#[test]
fn changed_file_is_noticed_without_a_signal() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&with_agent(&mock, "/agents/old"));
    gateway.rewrite(&with_agent(&mock, "/agents/new"));
    eventually("the new route answers", || (status_at(&gateway, "/agents/new") == 200).then_some(()));
}

#[test]
fn bad_file_is_refused_whole_and_the_last_good_one_stays() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&with_agent(&mock, "/agents/old"));
    let hash = gateway.status()["snapshot"]["hash"].clone();
    gateway.rewrite(&with_agent(&mock, "/agents/new").more("lisstners: []"));
    gateway.signal("HUP");
    eventually("the reload was refused in the log", || gateway.log().contains("lisstners").then_some(()));
    assert_eq!(status_at(&gateway, "/agents/old"), 200);
    assert_eq!(status_at(&gateway, "/agents/new"), 404);
    assert_eq!(gateway.status()["snapshot"]["hash"], hash);
    gateway.rewrite(&with_agent(&mock, "/agents/new"));
    gateway.signal("HUP");
    eventually("a good file is taken again", || (status_at(&gateway, "/agents/new") == 200).then_some(()));
}

#[test]
fn changed_policy_is_in_force_after_a_reload() {
    let mock = Mock::provider();
    let policy =
        |action: &str| format!("policy: mine\nrules:\n  - {{ id: r, finding: injection, action: {action} }}\n");
    let config = |action: &str| {
        Config::new(&mock)
            .policy("mine.yaml", &policy(action))
            .routes("  - { name: chat, path: /v1/, upstreams: [mock], policy: mine, access: open }")
    };
    let gateway = Gateway::start(&config("flag"));
    assert_eq!(gateway.send(&chat_request(ATTACK)).status, 200);
    gateway.rewrite(&config("block"));
    gateway.signal("HUP");
    eventually("the new policy blocks", || (gateway.send(&chat_request(ATTACK)).status == 400).then_some(()));
}

#[test]
fn reload_does_not_disturb_a_live_stream_and_keeps_the_rates() {
    let mock = Mock::in_order(vec![
        Reply::chat("Hello"),
        Reply::stream().delta("first").pause(std::time::Duration::from_millis(400)).delta("second").done(),
    ]);
    let config = |more: &str| Config::new(&mock).one_client("requests: [2/min]").more(more);
    let gateway = Gateway::start(&config(""));
    assert_eq!(gateway.send(&chat_request("hi").key(CLIENT_KEY)).status, 200);
    let mut live = gateway.connect();
    live.send(&stream_request("hi").key(CLIENT_KEY).render());
    live.read_until("first");
    gateway.rewrite(&config("shutdown: { drain: 29s }"));
    gateway.signal("HUP");
    eventually("it was reloaded", || gateway.status()["snapshot"]["number"].as_u64().filter(|number| *number >= 2));
    let text = live.read_until("[DONE]");
    assert!(text.contains("second"), "{text}");
    let answer = gateway.send(&chat_request("hi").key(CLIENT_KEY));
    assert_eq!(answer.status, 429, "a reload forgot what the client had used");
}

#[test]
fn sigterm_turns_unready_finishes_live_streams_and_exits_with_0() {
    let mock = Mock::always(
        Reply::stream().delta("first").pause(std::time::Duration::from_millis(500)).delta("second").done(),
    );
    let mut gateway = Gateway::start(&Config::new(&mock).more("shutdown: { delay: 200ms, drain: 5s }"));
    let mut live = gateway.connect();
    live.send(&stream_request("hi").render());
    live.read_until("first");
    gateway.signal("TERM");
    eventually("it says that it is leaving", || (gateway.health("/readyz").status == 503).then_some(()));
    eventually("the listener is closed", || (!gateway.listens()).then_some(()));
    let text = live.read_until("[DONE]");
    assert!(text.contains("second"), "{text}");
    drop(live);
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
    assert_eq!(gateway.wait_for_records(1)[0]["outcome"]["cause"], "answered");
}

#[test]
fn stream_that_outlives_the_drain_gets_its_terminal_frame() {
    let mock = Mock::always(Reply::stream().delta("first").stall());
    let mut gateway = Gateway::start(&Config::new(&mock).more("shutdown: { delay: 0ms, drain: 300ms }"));
    let mut live = gateway.connect();
    live.send(&stream_request("hi").render());
    live.read_until("first");
    gateway.signal("TERM");
    let text = live.read_to_end();
    assert!(text.contains("\"error\""), "a bare close looks like success: {text}");
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
    assert_eq!(gateway.wait_for_records(1)[0]["outcome"]["cause"], "draining");
}

#[test]
fn bad_configuration_exits_with_78_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.yaml");
    std::fs::write(&path, "lisstners: []\nupstreams: {}\nroutes: [{ name: a, name: b }]\n").unwrap();
    for command in ["serve", "check"] {
        let (code, _, errors) = run(&[command, "--config", path.to_str().unwrap()]);
        let expected: &[i32] = if command == "serve" { &[78] } else { &[78, 1, 2] };
        assert!(expected.contains(&code), "{command} exited with {code}: {errors}");
    }
    let (_, output, errors) = run(&["check", "--config", path.to_str().unwrap()]);
    let said = format!("{output}{errors}");
    assert!(said.contains("lisstners") && said.contains("listeners"), "no \"did you mean\": {said}");
    assert!(said.contains("gateway.yaml:1:1") || said.contains("gateway.yaml:1"), "no place: {said}");
    assert!(said.contains("gateway.yaml:3") && said.contains('^'), "only the first fault is told, or no caret: {said}");
}

#[test]
fn missing_file_exits_with_78() {
    let (code, _, errors) = run(&["serve", "--config", "/nonexistent/gateway.yaml"]);
    assert_eq!(code, 78, "{errors}");
}

#[test]
fn check_accepts_what_serve_would_run() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock));
    let (code, _, errors) = run(&["check", "--config", gateway.config_path().to_str().unwrap()]);
    assert_eq!(code, 0, "{errors}");
}

#[test]
fn new_key_works_and_only_its_hash_is_needed() {
    let (code, output, _) = run(&["keys", "new"]);
    assert_eq!(code, 0);
    let hash = output
        .split(|c: char| !c.is_ascii_hexdigit())
        .find(|word| word.len() == 64)
        .unwrap_or_else(|| panic!("no hash in the output"))
        .to_owned();
    let words = output.split(|c: char| c.is_whitespace() || "\"'`,".contains(c));
    let key = words
        .map(str::to_owned)
        .find(|word| crate::support::config::sha256_hex(word) == hash)
        .expect("the output holds the key whose hash it shows");
    let mock = Mock::provider();
    let config = Config::new(&mock).one_client("").more(&format!("  - {{ name: newcomer, key_sha256: {hash} }}"));
    let gateway = Gateway::start(&config);
    assert_eq!(gateway.send(&chat_request("hi").key(&key)).status, 200);
    let (_, second, _) = run(&["keys", "new"]);
    assert_ne!(output, second, "two keys are the same");
}

#[test]
fn shipped_configuration_answers_from_the_demo_and_refuses_the_attack() {
    let shipped = format!("{}/gateway.yaml", env!("CARGO_MANIFEST_DIR"));
    let (code, output, errors) = run(&["check", "--config", &shipped]);
    assert_eq!(code, 0, "{output}{errors}");
}
