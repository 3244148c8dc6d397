//! The text of every class of fault in policies and packs.

use super::*;
use insta::assert_snapshot;

fn policy_faults(policy: &str) -> String {
    faults_of(&[("policies/default.yaml", policy)])
}

fn pack_faults(pack: &str) -> String {
    faults_of(&[("policies/pack.yaml", pack)])
}

#[test]
fn rules_are_judged() {
    let policy = "\
policy: default
mode: enforced
media: blocked
rules:
  - { id: a, finding: injection, action: redact }
  - { id: a, finding: injectoin, action: block }
  - { id: b, finding: injection.override, action: redact, origin: [user, user, tool-result] }
  - { id: c, finding: secrets.aws, action: drop, min_score: 90 }
  - { id: d, finding: secret, action: redact, direction: inbound, min_score: .nan }
  - { id: e, origin: [] }
tools:
  allow: [search, 7]
  deny: [search]
  arguments: { max_chars_per_field: 0, deny: [sql] }
";
    assert_snapshot!(policy_faults(policy), @r#"
    default.yaml:2:7 `mode` cannot be `enforced` (did you mean `enforce`?)
    default.yaml:3:8 `media` cannot be `blocked` (did you mean `block`?)
    default.yaml:5:42 `injection` cannot be redacted, only `secret` and `pii` can (choose allow, flag or block)
    default.yaml:6:11 a second rule of this policy has the id `a`
    default.yaml:6:23 `finding` cannot be `injectoin` (did you mean `injection`?)
    default.yaml:7:51 `injection` cannot be redacted, only `secret` and `pii` can (choose allow, flag or block)
    default.yaml:7:74 this origin is written twice
    default.yaml:7:80 an origin cannot be `tool-result` (did you mean `tool_result`?)
    default.yaml:8:23 `finding` cannot be `secrets.aws` (did you mean `secret`?)
    default.yaml:8:44 `action` cannot be `drop` (it is one of allow, flag, redact, block)
    default.yaml:8:61 `min_score` must be a number from 0 to 1, not `90`
    default.yaml:9:58 `direction` cannot be `inbound` (it is one of request, response)
    default.yaml:9:78 `min_score` must be a number from 0 to 1, not `.nan`
    default.yaml:10:5 `finding` is missing
    default.yaml:10:5 `action` is missing
    default.yaml:10:22 `origin` must not be empty
    default.yaml:12:19 a tool's name must be text, but `7` without quotes is a number (write it in quotes: "7")
    default.yaml:13:10 the tool `search` is allowed and denied
    default.yaml:14:37 `max_chars_per_field` (or `unlimited`) must be a whole number from 1 to 100000000, not `0`
    default.yaml:14:47 a sink cannot be `sql` (it is one of xss, sql_injection, command_injection, path_traversal, ssrf, template_injection)
    "#);
}

#[test]
fn settings_of_tools_are_judged() {
    let policy = "\
policy: default
rules: []
tools:
  undeclared: deny
  arguments: { schema: blocked, scheme: flag }
  definitions: { pinned: off, shadow: flag, cross_references: yes, pins: { search: abc, fetch: 7 } }
";
    assert_snapshot!(policy_faults(policy), @r"
    default.yaml:4:15 `undeclared` cannot be `deny` (it is one of off, flag, block)
    default.yaml:5:24 `schema` cannot be `blocked` (did you mean `block`?)
    default.yaml:5:33 unknown key `scheme` (did you mean `schema`?)
    default.yaml:6:31 unknown key `shadow` (did you mean `shadowed`?)
    default.yaml:6:63 `cross_references` cannot be `yes` (it is one of off, flag, block)
    default.yaml:6:84 this pin is not a SHA-256 hash (write the 64 hexadecimal digits of the SHA-256 of the definition, as policies/README.md says)
    default.yaml:6:96 this pin is not a SHA-256 hash (write the 64 hexadecimal digits of the SHA-256 of the definition, as policies/README.md says)
    ");
}

#[test]
fn signatures_are_judged() {
    let pack = "\
pack: core
signatures:
  - id: override.x
    family: override
    why: ''
    languages: [en, no]
    score: 1.5
    severity: grave
    view: normalized
    patterns:
      - 'good'
      - 'a(b'
      - \"x\\\\dy[z\"
      - '(?=ahead)'
      - 'a*'
      - '(\\w{1,900}){1,900}'
    references: [LLM01, OWASP-LLM11, CWE-1427, MITRE-ATLAS-AML.T0051.001, AML.T51]
    examples: { match: [], no_match: x }
";
    assert_snapshot!(pack_faults(pack), @r#"
    pack.yaml:3:9 `id` cannot be `override.x` (write injection.<family>.<name>; policies match on these parts)
    pack.yaml:5:10 `why` is empty; say in a sentence what the signature guards against
    pack.yaml:6:21 this must be text, but `no` without quotes is a boolean to many YAML readers (write it in quotes: "no")
    pack.yaml:7:12 `score` must be a number from 0 to 1, not `1.5`
    pack.yaml:8:15 `severity` cannot be `grave` (it is one of low, medium, high, critical)
    pack.yaml:9:11 `view` cannot be `normalized` (did you mean `normalised`?)
    pack.yaml:12:11 this pattern cannot be used: unclosed group (patterns are regular expressions without look-around and back-references, in single quotes)
    pack.yaml:13:9 this pattern cannot be used: unclosed character class (patterns are regular expressions without look-around and back-references, in single quotes)
    pack.yaml:14:10 this pattern cannot be used: look-around, including look-ahead and look-behind, is not supported (patterns are regular expressions without look-around and back-references, in single quotes)
    pack.yaml:15:9 this pattern cannot be used: it matches the empty text (patterns are regular expressions without look-around and back-references, in single quotes)
    pack.yaml:16:9 this pattern cannot be used: compiled it is larger than 2097152 bytes; shorten its repetitions (patterns are regular expressions without look-around and back-references, in single quotes)
    pack.yaml:17:18 `LLM01` is no reference (write OWASP-LLM01, OWASP-ASI01, MITRE-ATLAS-AML.T0051, MITRE-ATLAS-AML.T0051.001, CWE-1427 or CVE-2024-12345)
    pack.yaml:17:25 `OWASP-LLM11` is no reference (write OWASP-LLM01, OWASP-ASI01, MITRE-ATLAS-AML.T0051, MITRE-ATLAS-AML.T0051.001, CWE-1427 or CVE-2024-12345)
    pack.yaml:17:75 `AML.T51` is no reference (write OWASP-LLM01, OWASP-ASI01, MITRE-ATLAS-AML.T0051, MITRE-ATLAS-AML.T0051.001, CWE-1427 or CVE-2024-12345)
    pack.yaml:18:24 `match` must not be empty
    "#);
}

#[test]
fn names_are_unique_over_all_files() {
    let files = [("policies/a.yaml", PACK), ("policies/b.yaml", PACK), ("policies/c.yaml", POLICY)];
    assert_snapshot!(faults_of(&files), @r#"
    b.yaml:1:7 a second pack is called `core`; the first is at a.yaml:1
    b.yaml:3:9 a second signature has the id `injection.override.ignore-previous`; the first is at a.yaml:3
    default.yaml:1:9 a second policy is called `default`; the first is at c.yaml:1
    "#);
}

#[test]
fn files_that_are_neither_or_both_or_misnamed_are_refused() {
    let files = [
        ("policies/a.yaml", "rules: []\n"),
        ("policies/b.yaml", "policy: b\npack: b\n"),
        ("policies/c.yml", POLICY),
        ("policies/d.yaml", "- policy: d\n"),
        ("policies/e.yaml", ""),
    ];
    assert_snapshot!(faults_of(&files), @r#"
    a.yaml:1:1 neither `policy` nor `pack` is written in this file (begin with `policy: name` (rules) or `pack: name` (signatures))
    b.yaml:2:1 one file holds a `policy` or a `pack`, not both
    c.yml:0:0 this file would not be read: rename it to `.yaml`
    d.yaml:1:1 a file of policies must be a mapping (`key: value`), not a list
    e.yaml:0:0 the file is empty
    "#);
}

#[test]
fn references_are_plain_text_in_policies_and_packs() {
    let pack = PACK.replace("[ignore previous]", "['ignore previous ${file:/etc/passwd} ${env:SET}']");
    let loaded = load_files(&[("policies/pack.yaml", &pack)]).unwrap();
    let example = &loaded.packs[0].signatures[0].examples_match[0];
    assert_eq!(example.text, "ignore previous ${file:/etc/passwd} ${env:SET}");
    assert!(example.at.ends_with("pack.yaml:11:25"), "{}", example.at);
}

#[test]
fn a_missing_policies_directory_is_one_fault() {
    assert_snapshot!(gateway_faults(&format!("{GATEWAY}policies: nowhere\n")), @r#"gateway.yaml:8:11 the policies directory `DIR/nowhere` cannot be read: No such file or directory (os error 2) (it stands beside gateway.yaml, or where the key `policies` says)"#);
}
