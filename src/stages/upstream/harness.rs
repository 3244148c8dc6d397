//! Upstreams over scripted sockets, as tests use them.

use super::scripted::{Scripted, upstream_at};
use super::*;
use crate::config::settings;
use crate::model::{Cause, Endpoint, RequestId, UpstreamId};
use crate::stages::accept::Head;
use crate::stages::redact::Outbound;
use crate::state::breaker::Breakers;
use http::{HeaderMap, Method};
use std::time::Instant;

pub(super) const BODY: &[u8] = br#"{"model":"m","messages":[]}"#;

pub(super) struct Gateway {
    pub(super) upstreams: Upstreams,
    ids: Vec<UpstreamId>,
}

impl Gateway {
    pub(super) fn new(settings: &[settings::Upstream]) -> Self {
        let upstreams = Upstreams::compile(settings, &Breakers::new(), None).unwrap();
        Self { upstreams, ids: settings.iter().map(|upstream| upstream.id.clone()).collect() }
    }

    pub(super) fn of(script: &Scripted) -> Self {
        Self::new(&[upstream_at("a", script.port)])
    }

    pub(super) async fn send(&self, outbound: &Outbound) -> Sent {
        let id = RequestId::from_parts(1, [7; 10]);
        let context = SendContext { request_id: &id, traceparent: None, tracestate: None, jitter_seed: 1 };
        let candidates = self.upstreams.candidates(&self.ids, outbound.endpoint(), None).unwrap();
        self.upstreams.send(outbound, &candidates, &context).await
    }

    pub(super) async fn chat(&self) -> Sent {
        self.send(&chat(HeaderMap::new())).await
    }

    pub(super) fn failures(&self, id: &str) -> u32 {
        self.breaker(id).snapshot(Instant::now()).consecutive_failures
    }

    pub(super) fn breaker(&self, id: &str) -> &crate::state::breaker::Breaker {
        self.upstreams.get(&UpstreamId::new(id)).unwrap().breaker()
    }

    pub(super) fn idle(&self, id: &str) -> usize {
        match &self.upstreams.get(&UpstreamId::new(id)).unwrap().reach {
            upstreams::Reach::Network { line, .. } => line.pool.len(),
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn chat(headers: HeaderMap) -> Outbound {
    Outbound::for_tests(Head::for_tests(Method::POST, "/v1/chat/completions", headers), Endpoint::ChatCompletions, BODY)
}

pub(super) fn listing() -> Outbound {
    Outbound::for_tests(Head::for_tests(Method::GET, "/v1/models", HeaderMap::new()), Endpoint::OpenAiModels, b"")
}

pub(super) fn cause(sent: &Sent) -> Cause {
    sent.result.as_ref().map(|answer| answer.status).expect_err("an answer came").outcome.cause
}

pub(super) fn failures(sent: &Sent) -> Vec<Option<&'static str>> {
    sent.attempts.iter().map(|attempt| attempt.failure).collect()
}
