//! The choice among upstreams, and what a reload keeps.

use super::super::scripted::{demo, upstream_at};
use super::*;
use crate::model::Secret;

fn compiled(upstreams: &[settings::Upstream]) -> Upstreams {
    Upstreams::compile(upstreams, &Breakers::new(), None).unwrap()
}

fn ids(upstreams: &[settings::Upstream]) -> Vec<UpstreamId> {
    upstreams.iter().map(|upstream| upstream.id.clone()).collect()
}

fn chosen(upstreams: &[settings::Upstream], endpoint: Endpoint, model: Option<&str>) -> Result<Vec<String>, Cause> {
    compiled(upstreams)
        .candidates(&ids(upstreams), endpoint, model)
        .map(|list| list.iter().map(|upstream| upstream.id().as_str().to_owned()).collect())
        .map_err(|refusal| refusal.outcome.cause)
}

fn with_provider(id: &str, provider: Provider) -> settings::Upstream {
    settings::Upstream { provider, ..upstream_at(id, 1) }
}

fn not_configured(id: &str) -> settings::Upstream {
    settings::Upstream { api_key: Credential::NotConfigured, ..upstream_at(id, 1) }
}

#[test]
fn every_endpoint_goes_only_to_those_who_speak_it() {
    let all = [
        with_provider("openai", Provider::OpenAi),
        with_provider("anthropic", Provider::Anthropic),
        with_provider("agent", Provider::Agent),
    ];
    for endpoint in Endpoint::ALL {
        let expected = match endpoint.dialect() {
            crate::model::Dialect::OpenAi => "openai",
            crate::model::Dialect::Anthropic => "anthropic",
            crate::model::Dialect::Json => "agent",
        };
        assert_eq!(chosen(&all, endpoint, None).unwrap(), [expected], "{endpoint:?}");
    }
}

#[test]
fn demo_answers_only_while_no_other_upstream_of_the_route_is_configured() {
    for endpoint in Endpoint::ALL {
        assert_eq!(chosen(&[not_configured("openai"), demo()], endpoint, Some("gpt-4o")).unwrap(), ["demo"]);
    }
    let both = [upstream_at("openai", 1), demo()];
    assert_eq!(chosen(&both, Endpoint::ChatCompletions, None).unwrap(), ["openai"]);
    assert_eq!(chosen(&both, Endpoint::Messages, None).unwrap_err(), Cause::NoUpstream);
}

#[test]
fn model_that_nobody_lists_is_unknown_and_an_endpoint_that_nobody_speaks_has_no_upstream() {
    let mut listed = upstream_at("openai", 1);
    listed.models = vec![ModelName::new("gpt-4o"), ModelName::new("o3-*")];
    let all = [listed, settings::Upstream { models: vec![ModelName::new("gpt-4o")], ..upstream_at("second", 1) }];
    let chat = |model| chosen(&all, Endpoint::ChatCompletions, Some(model));
    assert_eq!(chat("gpt-4o").unwrap(), ["openai", "second"]);
    assert_eq!(chat("o3-mini").unwrap(), ["openai"]);
    for unknown in ["gpt-4o-mini", "o3", "GPT-4o", ""] {
        assert_eq!(chat(unknown).unwrap_err(), Cause::UnknownModel, "{unknown}");
    }
    assert_eq!(chosen(&all, Endpoint::OpenAiModels, None).unwrap(), ["openai", "second"]);
    assert_eq!(chosen(&all, Endpoint::Messages, Some("gpt-4o")).unwrap_err(), Cause::NoUpstream);
    assert_eq!(chosen(&[], Endpoint::Messages, None).unwrap_err(), Cause::NoUpstream);
}

#[test]
fn reload_keeps_the_line_to_a_host_that_did_not_change() {
    let breakers = Breakers::new();
    let line = |upstreams: &Upstreams| match &upstreams.get(&UpstreamId::new("a")).unwrap().reach {
        Reach::Network { line, .. } => Arc::clone(line),
        other => panic!("{other:?}"),
    };
    let before = Upstreams::compile(&[upstream_at("a", 1)], &breakers, None).unwrap();
    let mut changed = upstream_at("a", 1);
    changed.api_key = Credential::Key(Secret::new("sk-new".to_owned()));
    let same_host = Upstreams::compile(&[changed], &breakers, Some(&before)).unwrap();
    assert!(Arc::ptr_eq(&line(&before), &line(&same_host)));
    let other_port = Upstreams::compile(&[upstream_at("a", 2)], &breakers, Some(&before)).unwrap();
    assert!(!Arc::ptr_eq(&line(&before), &line(&other_port)));
    let mut with_tls = upstream_at("a", 1);
    with_tls.base_url.as_mut().unwrap().tls = true;
    let with_tls = Upstreams::compile(&[with_tls], &breakers, Some(&before)).unwrap();
    assert!(!Arc::ptr_eq(&line(&before), &line(&with_tls)));
}

#[test]
fn credential_that_cannot_stand_in_a_header_is_an_error_and_is_not_shown() {
    let mut upstream = upstream_at("a", 1);
    upstream.api_key = Credential::Key(Secret::new("sk-hidden\r\nx: y".to_owned()));
    let error = Upstreams::compile(&[upstream], &Breakers::new(), None).unwrap_err();
    assert!(matches!(error, UpstreamError::CredentialInvalid { .. }));
    assert!(!format!("{error:?} {error}").contains("hidden"));
}

#[test]
fn debug_of_an_upstream_shows_no_credential() {
    let shown = format!("{:?}", compiled(&[upstream_at("a", 1), with_provider("b", Provider::Anthropic)]));
    assert!(!shown.contains("sk-ours"), "{shown}");
}
