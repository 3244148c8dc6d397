//! The text of every class of fault in `gateway.yaml`.

use super::*;
use insta::assert_snapshot;

#[test]
fn keys_that_are_not_known_come_with_a_suggestion() {
    assert_snapshot!(gateway_faults(&format!("{}limit: {{}}\nzzz: 1\n", gateway_with("policy: default", "polcy: default"))), @r#"
    gateway.yaml:7:5 `policy` is missing
    gateway.yaml:7:58 unknown key `polcy` (did you mean `policy`?)
    gateway.yaml:8:1 unknown key `limit` (did you mean `limits`?)
    gateway.yaml:9:1 unknown key `zzz` (known here: listeners, health, admin, upstreams, clients, routes, limits, addresses, record, tracing, shutdown, policies)
    "#);
}

#[test]
fn all_faults_of_all_files_are_shown_at_once() {
    let gateway = gateway_with("127.0.0.1:8080", "localhost").replace("upstreams: [openai", "upstreams: [opnai");
    assert_snapshot!(faults_of(&[("gateway.yaml", &gateway), ("policies/default.yaml", "policy: default\nrule: []\n"), ("policies/z.yaml", "a: [\n")]), @r#"
    gateway.yaml:2:14 `address` cannot be `localhost` (write an IP address and a port from 1 to 65535 (127.0.0.1:8080, [::1]:8080))
    gateway.yaml:7:43 unknown upstream `opnai` (did you mean `openai`?)
    default.yaml:1:1 `rules` is missing
    default.yaml:2:1 unknown key `rule` (did you mean `rules`?)
    z.yaml:1:4 not valid YAML: unclosed bracket '['
    "#);
}

#[test]
fn a_fault_is_rendered_with_its_line_a_caret_and_help() {
    let faults = load_files(&[("gateway.yaml", &gateway_with("path: /v1/", "path: /v1"))]).unwrap_err();
    let directory = faults.list()[0].file.parent().unwrap().to_str().unwrap().to_owned();
    assert_snapshot!(faults.render().replace(&directory, "DIR"), @r#"
    error: this cannot be a route's `path`
     --> DIR/gateway.yaml:7:25
      |
    7 |   - { name: chat, path: /v1, upstreams: [openai, demo], policy: default, access: open }
      |                         ^^^
      |
      = help: write `/v1/`: a path is a prefix
    "#);
}

#[test]
fn values_of_the_wrong_type_are_named() {
    let gateway = format!(
        "{}\nlimits: {{ json_depth: 65, request_body: 1000, head_timeout: 10, exchanges: '5' }}\nrecord: {{ stdout: yes }}\nhealth: 9091\nshutdown:\n",
        gateway_with("name: chat", "name: 12").replace("[openai, demo]", "{a: b}")
    );
    assert_snapshot!(gateway_faults(&gateway), @r#"
    gateway.yaml:7:13 a route's `name` must be text, but `12` without quotes is a number (write it in quotes: "12")
    gateway.yaml:7:40 an upstream must be text, not a mapping
    gateway.yaml:9:23 `json_depth` must be a whole number from 1 to 64, not `65`
    gateway.yaml:9:41 `request_body` cannot be `1000` (write a whole number and a unit: B, KiB, MiB or GiB (32MiB))
    gateway.yaml:9:61 `head_timeout` cannot be `10` (write a whole number and a unit: ms, s, m, h or d (10s, 200ms))
    gateway.yaml:9:76 `exchanges` must be a whole number from 1 to 1000000, not `5`
    gateway.yaml:10:19 `stdout` must be true or false, not `yes`
    gateway.yaml:11:9 `health` must be a mapping (`key: value`), not `9091`
    gateway.yaml:12:9 `shutdown` must be a mapping (`key: value`), but nothing stands here
    "#);
}

#[test]
fn words_that_other_yaml_readers_take_for_booleans_must_be_quoted() {
    assert_snapshot!(gateway_faults(&gateway_with("name: chat", "name: no")), @r#"gateway.yaml:7:13 a route's `name` must be text, but `no` without quotes is a boolean to many YAML readers (write it in quotes: "no")"#);
}

#[test]
fn missing_fields_are_named_where_they_belong() {
    let gateway = "listeners: []\nupstreams:\n  a: {}\n  b: { provider: agent }\n  c: { provider: openai }\nroutes:\n  - access: open\n";
    assert_snapshot!(gateway_faults(gateway), @r#"
    gateway.yaml:1:12 `listeners` must not be empty
    gateway.yaml:3:6 `provider` is missing
    gateway.yaml:4:3 `base_url` is missing: an agent has no address of its own
    gateway.yaml:5:3 `api_key` is missing (write `api_key: ${env:NAME?}`; the provider's own address takes no request without one)
    gateway.yaml:7:5 `name` is missing
    gateway.yaml:7:5 `path` is missing
    gateway.yaml:7:5 `upstreams` is missing
    gateway.yaml:7:5 `policy` is missing
    "#);
}

#[test]
fn addresses_are_judged() {
    let gateway = gateway_with("- address: 127.0.0.1:8080", "- address: 0.0.0.0:9091\n  - address: '[::]:0'")
        + "admin: { address: 10.0.0.1:9090 }\n";
    assert_snapshot!(gateway_faults(&gateway), @r#"
    gateway.yaml:2:14 0.0.0.0:9091 is already taken by 127.0.0.1:9091 (listeners, `health` (127.0.0.1:9091 unless written) and `admin` (127.0.0.1:9090) each need their own port)
    gateway.yaml:3:14 `address` cannot be `[::]:0` (write an IP address and a port from 1 to 65535 (127.0.0.1:8080, [::1]:8080))
    gateway.yaml:8:83 this route asks for no key, and 0.0.0.0:9091 can be reached from other machines (listen on 127.0.0.1, list the clients, or write `open_routes: allow` at the listener)
    gateway.yaml:9:19 `admin` must stay on a loopback address (write 127.0.0.1:9090; it shows the gateway's inside and asks for no key)
    "#);
}

#[test]
fn upstreams_are_judged() {
    let gateway = gateway_with(
        "  demo: { provider: demo }",
        "  demo: { provider: demo, base_url: 'https://a' }
  bad name: { provider: gemini }
  u1: { provider: agent, base_url: 'https://user:hunter2@host/' }
  u2: { provider: agent, base_url: 'http://10.0.0.1', api_key: x }
  u3: { provider: agent, base_url: 'https://h?x=1', retries: { base: 10s, max: 1s } }
  u4: { provider: openai, api_key: 'two words', ca_file: none.pem, models: ['a*b'] }
  u5: { provider: openai, api_key: '${env:NOPE}' }
  u6: { provider: openai, api_key: '${env:EMPTY}' }
  u7: { provider: openai, api_key: '${HOME}' }
  u8: { provider: openai, api_key: x, base_url: '${env:NOPE?}' }",
    );
    assert_snapshot!(gateway_faults(&gateway), @r#"
    gateway.yaml:5:27 `base_url` has no meaning for `demo`, which is built in and talks to nobody
    gateway.yaml:6:3 the upstream's key cannot be a name (names have 1 to 80 letters, digits, `-`, `_` and `.`, and begin with a letter or digit)
    gateway.yaml:6:25 `provider` cannot be `gemini` (it is one of openai, anthropic, agent, demo)
    gateway.yaml:7:36 `base_url` is not usable: it must not hold a user or password; a credential belongs in `api_key`
    gateway.yaml:8:36 the API key would travel unencrypted (use https://, or write `allow_plaintext: true` if the network between is trusted)
    gateway.yaml:9:36 `base_url` is not usable: it must not have a query (`?`)
    gateway.yaml:9:62 the first pause (`base`) is longer than the longest (`max`)
    gateway.yaml:10:36 `api_key` cannot be sent as a header (a key is one line of visible ASCII characters without spaces; look for a stray blank or newline)
    gateway.yaml:10:58 `ca_file` cannot be read: not found
    gateway.yaml:10:77 this cannot be a model's name (visible ASCII characters, and `*` only as the last one (gpt-4o*))
    gateway.yaml:11:36 the environment variable `NOPE` is not set, or empty (references are ${env:NAME} and ${file:/absolute/path}; `api_key` also takes ${env:NAME?})
    gateway.yaml:12:36 the environment variable `EMPTY` is not set, or empty (references are ${env:NAME} and ${file:/absolute/path}; `api_key` also takes ${env:NAME?})
    gateway.yaml:13:36 `${HOME}` is not a reference (references are ${env:NAME} and ${file:/absolute/path}; `api_key` also takes ${env:NAME?})
    gateway.yaml:14:49 `base_url` must be set (write `${env:NAME}` without the question mark: only `api_key` may be left unset)
    "#);
}

#[test]
fn routes_are_judged() {
    let gateway = "\
listeners: [{ address: '0.0.0.0:8080' }]
upstreams:
  openai: { provider: openai, api_key: k }
  mine: { provider: agent, base_url: 'http://127.0.0.1:1' }
routes:
  - { name: a, path: /v1/, upstreams: [mine, opena, openai, openai], policy: defalt, access: open }
  - { name: a, path: /v1/, upstreams: [openai], policy: default }
  - { name: c, path: /a/../b/, dialect: json, text: [message, /a~2], upstreams: [openai], policy: default, access: [bob] }
  - { name: d, path: /d/, dialect: openai, text: [], schema: s.json, upstreams: [mine], policy: default, access: any }
  - { name: e, path: /e/, text: [/a], upstreams: [openai], policy: default, access: open, cors_origins: ['*', null, 'https://a/', 'https://A'] }
";
    assert_snapshot!(gateway_faults(gateway), @r#"
    gateway.yaml:6:40 `mine` is an agent and does not speak a provider's API (add `dialect: json` and `text:` to the route, or choose a provider)
    gateway.yaml:6:46 unknown upstream `opena` (did you mean `openai`?)
    gateway.yaml:6:61 upstream `openai` is written twice
    gateway.yaml:6:78 unknown policy `defalt` (did you mean `default`?)
    gateway.yaml:6:94 this route asks for no key, and 0.0.0.0:8080 can be reached from other machines (listen on 127.0.0.1, list the clients, or write `open_routes: allow` at the listener)
    gateway.yaml:7:5 nobody could use this route: it asks for a client, and none is defined (list a client under `clients:`, or write `access: open` to ask for no key)
    gateway.yaml:7:13 a second route has the name `a`
    gateway.yaml:7:22 a second route has the path `/v1/`
    gateway.yaml:8:22 this cannot be a route's `path` (it begins and ends with `/` and has letters, digits and `-._~` between single slashes)
    gateway.yaml:8:54 this is not a JSON pointer (it begins with `/` (/message, /messages/*/content); `~` is written ~0 and `/` in a key ~1)
    gateway.yaml:8:63 this is not a JSON pointer (it begins with `/` (/message, /messages/*/content); `~` is written ~0 and `/` in a key ~1)
    gateway.yaml:8:82 `openai` is a provider and does not speak this route's JSON (a route with `dialect: json` goes to an `agent`, or to `demo`)
    gateway.yaml:8:117 unknown client `bob` (no client is defined)
    gateway.yaml:9:36 `dialect` cannot be `openai` (only `json` is written; provider routes name no dialect, since each endpoint knows its own)
    gateway.yaml:9:62 the schema `DIR/s.json` cannot be read: not found
    gateway.yaml:9:114 `access` cannot be `any` (write `open`, or a list of clients: [name, name])
    gateway.yaml:10:27 `text` needs `dialect: json` beside it
    gateway.yaml:10:85 this route asks for no key, and 0.0.0.0:8080 can be reached from other machines (listen on 127.0.0.1, list the clients, or write `open_routes: allow` at the listener)
    gateway.yaml:10:106 `cors_origins` takes no `*` and no `null`: any page could read answers (list the origins one by one: https://app.example)
    gateway.yaml:10:111 `cors_origins` takes no `*` and no `null`: any page could read answers (list the origins one by one: https://app.example)
    gateway.yaml:10:117 this is not an exact origin (scheme, host and port if it is not the default, in lower case, without a path: https://app.example)
    gateway.yaml:10:131 this is not an exact origin (scheme, host and port if it is not the default, in lower case, without a path: https://app.example)
    "#);
}

#[test]
fn schemas_that_are_not_there_or_not_schemas_are_refused() {
    let gateway = "\
listeners: [{ address: '127.0.0.1:8080' }]
upstreams: { mine: { provider: agent, base_url: 'http://127.0.0.1:1' } }
routes:
  - { name: a, path: /a/, dialect: json, text: [], schema: none.json, upstreams: [mine], policy: default, access: open }
  - { name: b, path: /b/, dialect: json, text: [], schema: bad.json, upstreams: [mine], policy: default, access: open }
  - { name: c, path: /c/, dialect: json, text: [], schema: odd.json, upstreams: [mine], policy: default, access: open }
";
    let faults = faults_of(&[("gateway.yaml", gateway), ("bad.json", "{"), ("odd.json", r#"{"type": 5}"#)]);
    assert_snapshot!(faults, @r#"
    gateway.yaml:4:60 the schema `DIR/none.json` cannot be read: not found
    gateway.yaml:5:60 the schema `DIR/bad.json` is not JSON: EOF while parsing an object at line 1 column 1
    gateway.yaml:6:60 the schema `DIR/odd.json` cannot be used: 5 is not valid under any of the schemas listed in the 'anyOf' keyword
    "#);
}

#[test]
fn clients_are_judged_and_a_key_in_the_place_of_its_hash_is_not_shown() {
    let gateway = format!(
        "{GATEWAY}clients:
  - {{ name: a, key_sha256: pk-topsecretkeyofaclient, limits: {{ requests: [60/minute], tokens: 100, budget: 50 USD/day }} }}
  - {{ name: a, key_sha256: {hash} }}
  - {{ name: anonymous, key_sha256: [{hash}] }}
  - {{ key_sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 }}
",
        hash = "ab".repeat(32)
    );
    assert_snapshot!(gateway_faults(&gateway), @r#"
    gateway.yaml:9:28 `key_sha256` is not a SHA-256 hash (write the 64 hexadecimal digits that `portcullis keys hash` prints for the key, never the key)
    gateway.yaml:9:75 `requests` cannot be `60/minute` (write a number of at least 1, `/`, and s, min, h or day (60/min))
    gateway.yaml:9:95 `tokens` cannot be `100` (write a number of at least 1, `/`, and s, min, h or day (60/min))
    gateway.yaml:9:100 money budgets are not supported yet (remove it: a limit that is written but not enforced would be worse than none)
    gateway.yaml:10:13 a second client is called `a`
    gateway.yaml:11:13 `anonymous` is what callers of open routes are called; choose another name
    gateway.yaml:11:37 this key hash is written twice; a key names one client
    gateway.yaml:12:5 `name` is missing
    gateway.yaml:12:19 this is the hash of the empty key
    "#);
    let faults = load_files(&[("gateway.yaml", &gateway)]).unwrap_err();
    assert!(!faults.render().contains("topsecret") && !faults.summary().contains("topsecret"));
}

#[test]
fn syntax_errors_have_their_line_and_column() {
    assert_snapshot!(gateway_faults("listeners:\n  - address: 127.0.0.1:8080\n   health: x\n"), @r#"gateway.yaml:3:4 not valid YAML: while parsing a block collection, did not find expected '-' indicator"#);
    assert_snapshot!(gateway_faults("a: 1\n\tb: 2\n"), @r#"gateway.yaml:1:4 not valid YAML: while scanning a plain scalar, found a tab"#);
}

#[test]
fn records_that_would_go_nowhere_are_refused() {
    assert_snapshot!(gateway_faults(&format!("{GATEWAY}record: {{ stdout: false }}\n")), @r#"gateway.yaml:8:11 records would go nowhere (leave `stdout` on, or name a `file`)"#);
}
