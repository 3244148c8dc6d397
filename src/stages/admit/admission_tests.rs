use super::*;
use crate::config::settings::{Client, JsonFormat, Limits, Shutdown};
use crate::model::outcome::RetryAdvice;
use crate::model::settings::{AddressLimits, ClientLimits, OnRecordFull, Rate, RecordSettings};
use crate::model::{Endpoint, PolicyId, RouteId};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::time::Duration;

fn route(id: &str, path: &str, format: RouteFormat, access: Access) -> Route {
    Route {
        id: RouteId::new(id),
        path: path.to_owned(),
        format,
        upstreams: Vec::new(),
        policy: PolicyId::new("default"),
        access,
        cors_origins: vec!["https://app.example".to_owned()],
    }
}

fn client(id: &str, key: &str, limits: ClientLimits) -> Client {
    Client { id: ClientId::new(id), key_sha256: vec![Sha256::digest(key).into()], limits }
}

fn gateway() -> Gateway {
    let json = || RouteFormat::Json(JsonFormat { text: Vec::new(), schema: None });
    let loopback = SocketAddr::from(([127, 0, 0, 1], 9));
    let limited = ClientLimits {
        requests: vec![Rate { count: 2, per: Duration::from_secs(60) }],
        tokens: Some(Rate { count: 100, per: Duration::from_secs(60) }),
        concurrency: Some(1),
    };
    Gateway {
        listeners: Vec::new(),
        health: loopback,
        admin: loopback,
        upstreams: Vec::new(),
        routes: vec![
            route("chat", "/v1/", RouteFormat::Provider, Access::AnyClient),
            route("team-a", "/team-a/v1/", RouteFormat::Provider, Access::Clients(vec![ClientId::new("alice")])),
            route("support", "/agents/support/", json(), Access::Open),
            route("strict", "/v1/strict/", RouteFormat::Provider, Access::AnyClient),
        ],
        clients: vec![client("alice", "alice-key", ClientLimits::default()), client("bob", "bob-key", limited)],
        limits: Limits {
            request_body_bytes: 1,
            response_body_bytes: 1,
            event_bytes: 1,
            head_bytes: 1,
            json_depth: 1,
            json_nodes: 1,
            connections: 1,
            exchanges: 8,
            head_timeout: Duration::ZERO,
            body_timeout: Duration::ZERO,
            keep_alive_idle: Duration::ZERO,
            inspection_time: Duration::ZERO,
        },
        addresses: AddressLimits {
            requests_per_second: None,
            refusals: Some(3),
            window: Duration::from_secs(60),
            cool_down: Duration::from_secs(30),
        },
        record: RecordSettings { stdout: false, file: None, queue: 1, when_full: OnRecordFull::Count },
        tracing: None,
        shutdown: Shutdown { delay: Duration::ZERO, drain: Duration::ZERO },
    }
}

struct Door {
    admission: Admission,
    counters: Counters,
    now: Instant,
}

fn door() -> Door {
    let gateway = gateway();
    let counters = Counters::new();
    let limits: Vec<_> = gateway.clients.iter().map(|client| (client.id.clone(), client.limits.clone())).collect();
    counters.configure(&limits, &gateway.addresses, gateway.limits.exchanges);
    Door { admission: Admission::compile(&gateway), counters, now: Instant::now() }
}

fn head(method: Method, path: &str, headers: &[(&str, &str)]) -> Head {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    Head::for_tests_with_query(method, path, query, map)
}

impl Door {
    fn admit(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Result<Admitted, Cause> {
        self.admission
            .admit(head(method, path, headers), &self.counters, self.now)
            .map_err(|(_, refusal)| refusal.outcome.cause)
    }

    fn cause(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Option<Cause> {
        self.admit(method, path, headers).err()
    }
}

const ALICE: (&str, &str) = ("authorization", "Bearer alice-key");

#[test]
fn each_endpoint_is_found_below_its_route_and_mapped_to_the_providers_path() {
    let door = door();
    let version = ("anthropic-version", "2023-06-01");
    for (method, path, headers, endpoint, upstream_path) in [
        (Method::POST, "/v1/chat/completions", vec![ALICE], Endpoint::ChatCompletions, "/v1/chat/completions"),
        (Method::POST, "/v1/completions", vec![ALICE], Endpoint::Completions, "/v1/completions"),
        (Method::POST, "/v1/responses", vec![ALICE], Endpoint::Responses, "/v1/responses"),
        (Method::POST, "/v1/embeddings", vec![ALICE], Endpoint::Embeddings, "/v1/embeddings"),
        (Method::POST, "/v1/moderations", vec![ALICE], Endpoint::Moderations, "/v1/moderations"),
        (Method::POST, "/team-a/v1/messages", vec![ALICE], Endpoint::Messages, "/v1/messages"),
        (Method::POST, "/v1/messages/count_tokens", vec![ALICE], Endpoint::CountTokens, "/v1/messages/count_tokens"),
        (Method::GET, "/v1/models", vec![ALICE], Endpoint::OpenAiModels, "/v1/models"),
        (Method::GET, "/v1/models/ft:x y", vec![ALICE, version], Endpoint::AnthropicModels, "/v1/models/ft:x%20y"),
        (Method::POST, "/agents/support", vec![], Endpoint::AgentJson, "/"),
        (Method::POST, "/agents/support/", vec![], Endpoint::AgentJson, "/"),
    ] {
        let admitted = door.admit(method, path, &headers).unwrap();
        assert_eq!((admitted.endpoint(), admitted.upstream_path()), (endpoint, upstream_path), "{path}");
    }
}

#[test]
fn unknown_paths_and_wrong_methods_are_refused_and_no_shorter_route_is_tried() {
    let door = door();
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/chat",
        "/v1/chat/completions/",
        "/v1/files",
        "/v1/models/",
        "/v1/models/a/b",
        "/v1/modelsx",
        "/V1/messages",
        "/v1/strict/files",
        "/agents/support/admin",
        "/agents/supportx",
        "/agents",
        "/admin/status",
    ] {
        assert_eq!(door.cause(Method::POST, path, &[ALICE]), Some(Cause::UnknownEndpoint), "{path}");
    }
    for (method, path, allowed) in [
        (Method::GET, "/v1/chat/completions", "POST"),
        (Method::DELETE, "/v1/models/x", "GET"),
        (Method::GET, "/agents/support", "POST"),
        (Method::OPTIONS, "/v1/messages", "POST"),
    ] {
        assert_eq!(door.cause(method, path, &[ALICE]), Some(Cause::MethodNotAllowed), "{path}");
        assert_eq!(door.admission.allowed_method(path), Some(allowed));
    }
    assert_eq!(door.admission.allowed_method("/v1/files"), None);
}

#[test]
fn a_key_is_taken_from_its_headers_only_and_wrong_or_missing_is_one_answer() {
    let door = door();
    let path = "/v1/embeddings";
    for good in [ALICE, ("authorization", "bearer alice-key"), ("x-api-key", "alice-key"), ("api-key", "alice-key")] {
        assert_eq!(door.admit(Method::POST, path, &[good]).unwrap().client().as_str(), "alice", "{good:?}");
    }
    for bad in [
        vec![],
        vec![("authorization", "Bearer alice-keyx")],
        vec![("authorization", "Bearer alice-ke")],
        vec![("authorization", "Bearer ALICE-KEY")],
        vec![("authorization", "Bearer ")],
        vec![("authorization", "alice-key")],
        vec![("authorization", "Basic YWxpY2Uta2V5")],
        vec![("x-goog-api-key", "alice-key")],
        vec![("cookie", "key=alice-key")],
        vec![ALICE, ("x-api-key", "alice-key")],
        vec![("x-api-key", "alice-key"), ("x-api-key", "bob-key")],
    ] {
        assert_eq!(door.cause(Method::POST, path, &bad), Some(Cause::Unauthenticated), "{bad:?}");
    }
    for query in ["key=alice-key", "a=b&KEY=x", "%6bey=x", "api_key=x", "access_token"] {
        let asked = format!("{path}?{query}");
        assert_eq!(door.cause(Method::POST, &asked, &[ALICE]), Some(Cause::Unauthenticated), "{query}");
    }
    assert!(door.admit(Method::POST, "/v1/embeddings?beta=true&keys=1", &[ALICE]).is_ok());
}

#[test]
fn access_lists_hold_and_open_routes_know_a_client_by_its_key() {
    let door = door();
    let bob = ("x-api-key", "bob-key");
    assert_eq!(door.cause(Method::POST, "/team-a/v1/messages", &[bob]), Some(Cause::Forbidden));
    assert_eq!(door.cause(Method::POST, "/team-a/v1/messages", &[]), Some(Cause::Unauthenticated));
    let wrong = ("x-api-key", "wrong");
    let anonymous = door.admit(Method::POST, "/agents/support?key=app", &[wrong]).unwrap();
    assert_eq!(anonymous.client(), &ClientId::anonymous());
    assert_eq!(door.admit(Method::POST, "/agents/support", &[bob]).unwrap().client().as_str(), "bob");
}

#[test]
fn limits_of_a_client_hold_and_are_given_back() {
    let door = door();
    let bob = [("x-api-key", "bob-key")];
    let first = door.admit(Method::POST, "/v1/messages", &bob).unwrap();
    assert_eq!(first.request_standing().unwrap().remaining, 1);
    assert_eq!(door.cause(Method::POST, "/v1/messages", &bob), Some(Cause::TooManyConcurrent));
    drop(first);
    let (_, refusal) =
        door.admission.admit(head(Method::POST, "/v1/messages", &bob), &door.counters, door.now).unwrap_err();
    assert_eq!(refusal.outcome.cause, Cause::RateLimited);
    assert!(matches!(refusal.retry, RetryAdvice::After(wait) if wait > Duration::from_secs(20)));
    let client = ClientId::new("bob");
    let held = door.admission.reserve_tokens(&client, 100, &door.counters, door.now).unwrap();
    assert!(door.admission.reserve_tokens(&client, 1, &door.counters, door.now).is_err());
    held.settle(40);
    assert!(door.admission.reserve_tokens(&client, 60, &door.counters, door.now).is_ok());
    assert_eq!(door.counters.exchanges(), 0);
}

#[test]
fn an_address_in_cool_down_is_refused_before_anything_else() {
    let door = door();
    let peer = head(Method::GET, "/", &[]).peer().ip();
    for _ in 0..3 {
        assert!(door.admit(Method::POST, "/v1/messages", &[ALICE]).is_ok());
        door.counters.note_refusal(peer, door.now);
    }
    assert_eq!(door.cause(Method::POST, "/v1/messages", &[ALICE]), Some(Cause::RateLimited));
    assert_eq!(door.cause(Method::POST, "/nowhere", &[]), Some(Cause::RateLimited));
}

#[test]
fn cors_follows_the_route_of_the_path() {
    let door = door();
    let origin = ("origin", "https://app.example");
    assert!(matches!(door.admission.cors(&head(Method::POST, "/v1/messages", &[origin])), Cors::Expose(_)));
    assert_eq!(door.admission.cors(&head(Method::POST, "/nowhere", &[origin])), Cors::Silent);
}
