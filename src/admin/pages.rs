//! What is answered on the health and admin listeners.
//!
//! It must never answer a page to a browser that was led here by another site: the admin pages check `host`, against DNS
//! rebinding, and no answer allows cross-origin reading. Bodies of requests are never read.

use super::{Readiness, View};
use crate::model::SECURITY_HEADERS;
use crate::observe::METRICS_CONTENT_TYPE;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HOST};
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use std::net::{IpAddr, SocketAddr};

type Answer = Response<Full<Bytes>>;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// Answers a request to the health listener.
pub(super) fn health<B>(view: &dyn View, req: &Request<B>) -> Answer {
    let page = match req.uri().path() {
        "/livez" => probe(view.live(), "live", "dead"),
        "/readyz" => match view.ready() {
            Readiness::Ready => probe(true, "ready", ""),
            Readiness::Starting => probe(false, "", "starting"),
            Readiness::Draining => probe(false, "", "draining"),
        },
        "/startupz" => probe(view.ready() != Readiness::Starting, "started", "starting"),
        "/metrics" if is_reading(req.method()) => answer(StatusCode::OK, METRICS_CONTENT_TYPE, view.metrics()),
        "/metrics" => return only_reading(),
        _ => return not_found(),
    };
    if is_reading(req.method()) { page } else { only_reading() }
}

/// Answers a request to the admin listener.
pub(super) fn admin<B>(view: &dyn View, req: &Request<B>, peer: SocketAddr) -> Answer {
    if !peer.ip().to_canonical().is_loopback() {
        return answer(StatusCode::FORBIDDEN, TEXT, "forbidden");
    }
    if !is_for_loopback(req) {
        return answer(StatusCode::MISDIRECTED_REQUEST, TEXT, "misdirected");
    }
    match req.uri().path() {
        "/status" if is_reading(req.method()) => answer(StatusCode::OK, JSON, view.status().to_string()),
        "/status" => only_reading(),
        _ => not_found(),
    }
}

fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn probe(holds: bool, yes: &'static str, no: &'static str) -> Answer {
    if holds { answer(StatusCode::OK, TEXT, yes) } else { answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, no) }
}

fn not_found() -> Answer {
    answer(StatusCode::NOT_FOUND, TEXT, "not found")
}

fn only_reading() -> Answer {
    let mut answer = answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, "method not allowed");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

/// An answer with the security headers. hyper leaves the body out where the request was `HEAD`.
fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    for (name, value) in SECURITY_HEADERS {
        answer.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// Whether the request was meant for this machine: one `host`, and an authority where the target has one, both a loopback
/// name or address. A page of a site whose name was made to resolve to 127.0.0.1 sends that site's name.
fn is_for_loopback<B>(req: &Request<B>) -> bool {
    let mut hosts = req.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    host.is_some_and(|host| is_loopback(&host)) && req.uri().authority().is_none_or(is_loopback)
}

fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    !authority.as_str().contains('@')
        && match address {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => host.eq_ignore_ascii_case("localhost"),
        }
}
