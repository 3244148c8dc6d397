//! What must load, and what it must become.

use super::super::settings::{
    Access, Credential, FindingMatch, OpenRoutes, Provider, Reaction, RouteFormat, ToolPolicy,
};
use super::*;
use crate::model::settings::Rate;
use crate::model::{Action, Category, Mode, Origin};
use std::time::Duration;

fn read(name: &str) -> String {
    String::from_utf8(super::super::read_bounded(&repository().join(name), 1 << 20).unwrap()).unwrap()
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_shipped_gateway_and_policies_load_without_any_environment() {
    let loaded =
        load(&repository().join("gateway.yaml"), &|_| None).unwrap_or_else(|faults| panic!("{}", faults.render()));
    let gateway = &loaded.gateway;
    assert!(gateway.listeners.iter().all(|listener| listener.address.ip().is_loopback()));
    assert!(gateway.health.ip().is_loopback() && gateway.admin.ip().is_loopback());
    let configured: Vec<bool> =
        gateway.upstreams.iter().map(|upstream| !matches!(upstream.api_key, Credential::NotConfigured)).collect();
    assert_eq!(configured, [false, false, true]);
    let names: Vec<&str> = loaded.policies.iter().map(|policy| policy.id.as_str()).collect();
    assert!(names.contains(&"default") && names.contains(&"strict"));
    assert!(loaded.policies.iter().all(|policy| policy.mode == Mode::Enforce));
}

#[test]
fn everything_that_the_shipped_file_only_mentions_loads_too() {
    let shipped = read("gateway.yaml");
    // What stands behind `# ` and looks like a key, a list item or a mapping, except a file that is not there.
    let example = regex::Regex::new(r"^(\s*)# (\s*(?:- )?[a-z][a-z0-9_-]*:(?: .*)?)$").unwrap();
    let all_on: String = shipped
        .lines()
        .filter(|line| !line.contains("/run/secrets"))
        .map(|line| example.replace(line, "$1$2").into_owned() + "\n")
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let files = [
        ("policies/default.yaml", read("policies/default.yaml")),
        ("policies/strict.yaml", read("policies/strict.yaml")),
        ("support.schema.json", "{}".to_owned()),
        ("private-ca.pem", "-----BEGIN CERTIFICATE-----".to_owned()),
    ];
    for (name, content) in &files {
        write_all(directory.path(), &[(name, content)]);
    }
    write_all(directory.path(), &[("gateway.yaml", &all_on)]);
    let loaded = load(&directory.path().join("gateway.yaml"), &|_| None)
        .unwrap_or_else(|faults| panic!("{}\n{all_on}", faults.render()));
    assert_eq!(loaded.gateway.routes.len(), 2, "{all_on}");
    assert_eq!(loaded.gateway.clients.len(), 1);
    assert_eq!(loaded.gateway.limits, super::super::settings::Limits::default());
    assert_eq!(loaded.gateway.addresses, super::super::defaults::addresses());
    assert!(loaded.gateway.tracing.is_some() && loaded.gateway.record.file.is_some());
}

#[test]
fn a_full_gateway_becomes_the_settings_that_it_says() {
    let hash = "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08";
    let digits = "1".repeat(64);
    let gateway = format!(
        "\
listeners:
  - {{ address: '0.0.0.0:8080', open_routes: allow }}
upstreams:
  compatible: {{ provider: openai, base_url: 'http://127.0.0.1:8000/openai/v1/', models: gpt-4o* }}
  mine: {{ provider: agent, base_url: 'https://${{env:SET}}.example', api_key: '${{env:SET}}', timeouts: {{ total: 5m }} }}
routes:
  - {{ name: chat, path: /v1/, upstreams: compatible, policy: default, access: [a], cors_origins: ['https://x.example:8443'] }}
  - {{ name: agent, path: /agents/a/, dialect: json, text: [/message, /m/*/c~1d], schema: s.json, upstreams: [mine], policy: default, access: open }}
clients:
  - {{ name: a, key_sha256: [{hash}, {digits}], limits: {{ requests: 60/min, tokens: 100000/min, concurrency: 2 }} }}
addresses: {{ requests_per_second: 20, refusals: unlimited }}
"
    );
    let files = [("gateway.yaml", gateway.as_str()), ("s.json", r#"{"type": "object"}"#)];
    let loaded = load_files(&files).unwrap_or_else(|faults| panic!("{}", faults.render()));
    let gateway = loaded.gateway;
    assert_eq!(gateway.listeners[0].open_routes, OpenRoutes::Allow);
    let url = gateway.upstreams[0].base_url.clone().unwrap();
    assert_eq!((url.tls, url.host.as_str(), url.port, url.path.as_str()), (false, "127.0.0.1", 8000, "/openai"));
    assert_eq!(gateway.upstreams[1].provider, Provider::Agent);
    assert_eq!(gateway.upstreams[1].base_url.clone().unwrap().host, "from-the-environment.example");
    assert!(matches!(&gateway.upstreams[1].api_key, Credential::Key(key) if key.expose() == "from-the-environment"));
    assert_eq!(gateway.upstreams[1].timeouts.total, Duration::from_secs(300));
    assert!(matches!(&gateway.routes[0].access, Access::Clients(clients) if clients.len() == 1));
    let RouteFormat::Json(format) = &gateway.routes[1].format else { panic!("not a JSON route") };
    assert_eq!(format.text, ["/message", "/m/*/c~1d"]);
    assert!(format.schema.is_some());
    assert_eq!(gateway.clients[0].key_sha256.len(), 2);
    assert_eq!(gateway.clients[0].limits.requests, [Rate { count: 60, per: Duration::from_secs(60) }]);
    assert_eq!(gateway.addresses.requests_per_second, Some(20));
    assert_eq!(gateway.addresses.refusals, None);
    let names: Vec<_> = loaded.files.iter().map(|file| file.path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["gateway.yaml", "default.yaml", "s.json"]);
}

#[test]
fn the_samples_of_the_design_load_but_for_the_budget() {
    let policy = "\
policy: default
mode: enforce                       # or shadow: record what would have happened
when_inspection_fails: block
rules:
  - { id: injection-user,     finding: injection, origin: [user, unknown],           min_score: 0.90, action: block }
  - { id: injection-indirect, finding: injection, origin: [tool_result, document],   min_score: 0.70, action: block }
  - { id: injection-operator, finding: injection, origin: [system, developer],       min_score: 0.95, action: flag }
  - { id: secrets-out,        finding: secret,    direction: request,                action: redact }
  - { id: pii-back,           finding: pii,       direction: response,               action: redact }
tools:
  allow: [search, get_weather]
  arguments: { max_chars_per_field: 10000, deny: [sql_injection, command_injection, path_traversal, ssrf] }
";
    let loaded = load_files(&[("policies/default.yaml", policy), ("policies/core.yaml", PACK)]).unwrap();
    let policy = &loaded.policies[0];
    assert_eq!(policy.rules.len(), 5);
    assert_eq!(policy.rules[0].finding, FindingMatch::Category(Category::Injection));
    assert_eq!(policy.rules[0].origins, [Origin::User, Origin::Unknown]);
    assert!((policy.rules[0].min_score - 0.9).abs() < f32::EPSILON);
    assert_eq!(policy.rules[3].action, Action::Redact);
    assert_eq!(policy.tools.allow.as_ref().map(Vec::len), Some(2));
    assert_eq!(loaded.packs[0].signatures[0].patterns, ["ignore previous"]);
}

#[test]
fn settings_of_tools_are_read_and_have_defaults() {
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let policy = format!(
        "policy: default\nrules: []\ntools:\n  undeclared: block\n  arguments: {{ schema: off }}\n  definitions:\n    pinned: block\n    \
         shadowed: block\n    cross_references: off\n    pins: {{ search: {hash} }}\n"
    );
    let tools = load_files(&[("policies/default.yaml", &policy)]).unwrap().policies[0].tools.clone();
    assert_eq!((tools.undeclared, tools.schema), (Reaction::Block, Reaction::Off));
    let definitions = &tools.definitions;
    assert_eq!((definitions.changed, definitions.shadowed), (Reaction::Block, Reaction::Block));
    assert_eq!(definitions.cross_references, Reaction::Off);
    assert_eq!(
        definitions.pins.first().map(|(name, hash)| (name.as_str(), hash[..2].to_vec())),
        Some(("search", vec![0x9f, 0x86]))
    );
    let tools =
        load_files(&[("policies/default.yaml", "policy: default\nrules: []\n")]).unwrap().policies[0].tools.clone();
    assert_eq!(tools, ToolPolicy::default());
    assert_eq!(
        (tools.undeclared, tools.schema, tools.definitions.changed),
        (Reaction::Flag, Reaction::Flag, Reaction::Flag)
    );
}

#[test]
fn the_hash_follows_contents_and_names_and_not_the_place_or_the_order() {
    let extra = [("policies/a.yaml", PACK)];
    let hash = load_files(&extra).unwrap().hash;
    assert_eq!(hash, load_files(&extra).unwrap().hash, "another directory");
    assert_ne!(hash, load_files(&[("policies/b.yaml", PACK)]).unwrap().hash, "another name");
    assert_ne!(hash, load_files(&[("policies/a.yaml", &format!("{PACK}# x\n"))]).unwrap().hash, "another content");
}

#[test]
fn policies_are_read_from_the_named_directory_and_not_from_below_it() {
    let gateway = format!("{GATEWAY}policies: elsewhere\n");
    let files = [
        ("gateway.yaml", gateway.as_str()),
        ("policies/default.yaml", "policy: [broken"),
        ("elsewhere/default.yaml", POLICY),
        ("elsewhere/tests/case.yaml", "not: a policy"),
        ("elsewhere/README.md", "# no YAML"),
    ];
    assert_eq!(load_files(&files).unwrap().policies.len(), 1);
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_change_nothing() {
    let gateway = format!("\u{feff}{}", GATEWAY.replace('\n', "\r\n"));
    assert!(load_files(&[("gateway.yaml", &gateway)]).is_ok());
    let faults = load_files(&[("gateway.yaml", &gateway.replace("policy: default", "policy: other"))]).unwrap_err();
    assert_eq!(faults.list()[0].line, 7);
    assert!(faults.render().contains("policy: other"));
}

#[test]
fn an_empty_list_of_origins_means_all_in_a_pack_and_is_refused_in_a_policy() {
    let pack = PACK.replace("    languages", "    origins: []\n    languages");
    assert!(load_files(&[("policies/pack.yaml", &pack)]).unwrap().packs[0].signatures[0].origins.is_empty());
    assert!(load_files(&[("policies/default.yaml", &POLICY.replace("action", "origin: [], action"))]).is_err());
}

#[test]
fn the_examples_of_the_readme_load() {
    let readme = read("policies/README.md");
    let blocks: Vec<&str> = readme.split("```").filter_map(|block| block.strip_prefix("yaml\n")).collect();
    let [policy, pack] = blocks[..] else { panic!("two examples are expected") };
    let loaded = load_files(&[("policies/default.yaml", policy), ("policies/pack.yaml", pack)])
        .unwrap_or_else(|faults| panic!("{}", faults.render()));
    assert_eq!((loaded.policies.len(), loaded.packs.len()), (1, 1));
}
