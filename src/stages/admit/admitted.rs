//! A request that somebody may make: who, on which route, and the permits it holds until it ends.

use crate::model::{ClientId, Endpoint, RouteId};
use crate::stages::accept::Head;
use crate::state::{ExchangePermit, Standing};
use std::borrow::Cow;

/// An admitted request. Only `admit` makes it. Dropping it gives its permits back.
#[derive(Debug)]
pub struct Admitted {
    head: Head,
    route: RouteId,
    route_index: usize,
    endpoint: Endpoint,
    upstream_path: Cow<'static, str>,
    client: ClientId,
    requests: Option<Standing>,
    permit: ExchangePermit,
}

/// What routing found out about a request.
#[derive(Debug)]
pub(in crate::stages::admit) struct Destination {
    pub route: RouteId,
    pub route_index: usize,
    pub endpoint: Endpoint,
    pub upstream_path: Cow<'static, str>,
}

impl Admitted {
    pub(in crate::stages::admit) fn new(
        head: Head,
        destination: Destination,
        client: ClientId,
        requests: Option<Standing>,
        permit: ExchangePermit,
    ) -> Self {
        let Destination { route, route_index, endpoint, upstream_path } = destination;
        Self { head, route, route_index, endpoint, upstream_path, client, requests, permit }
    }

    /// A request that no client sent, for commands that judge texts offline (`pipeline::rehearsal`).
    pub(crate) fn rehearsed(head: Head, endpoint: Endpoint) -> Self {
        let upstream_path = Cow::Borrowed("/");
        let destination = Destination { route: RouteId::new("rehearsal"), route_index: 0, endpoint, upstream_path };
        Self::new(head, destination, ClientId::anonymous(), None, ExchangePermit::unlimited())
    }

    /// An admitted request made by hand, for tests of later stages.
    #[cfg(test)]
    pub(crate) fn for_tests(head: Head, endpoint: Endpoint) -> Self {
        let upstream_path = super::routes::default_upstream_path(endpoint).into();
        let destination = Destination { route: RouteId::new("test"), route_index: 0, endpoint, upstream_path };
        Self::new(head, destination, ClientId::anonymous(), None, ExchangePermit::unlimited())
    }

    /// The request's head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The route it is on.
    pub fn route(&self) -> &RouteId {
        &self.route
    }

    /// The route's place in the order of `gateway.yaml`, for the snapshot's tables.
    pub fn route_index(&self) -> usize {
        self.route_index
    }

    /// What it asks for.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// The path to ask an upstream for, percent-encoded: `/v1/…` for providers, `/` for agents. The upstream's own base path
    /// goes before it.
    pub fn upstream_path(&self) -> &str {
        &self.upstream_path
    }

    /// What is left of the client's tightest request rate; `None` where it has none.
    pub fn request_standing(&self) -> Option<Standing> {
        self.requests
    }

    /// Who asks.
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// Gives up the head, the path at the upstream, and the permit, which must live until the exchange ends.
    pub(in crate::stages) fn into_parts(self) -> (Head, Cow<'static, str>, ExchangePermit) {
        (self.head, self.upstream_path, self.permit)
    }
}
