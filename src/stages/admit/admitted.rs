//! A request that somebody may make: who, on which route, and the permits it holds until it ends.

use crate::model::{ClientId, Endpoint, RouteId};
use crate::stages::accept::Head;
use crate::state::ExchangePermit;

/// An admitted request. Only `admit` makes it. Dropping it gives its permits back.
#[derive(Debug)]
pub struct Admitted {
    head: Head,
    route: RouteId,
    route_index: usize,
    endpoint: Endpoint,
    client: ClientId,
    permit: ExchangePermit,
}

impl Admitted {
    pub(in crate::stages::admit) fn new(
        head: Head,
        route: RouteId,
        route_index: usize,
        endpoint: Endpoint,
        client: ClientId,
        permit: ExchangePermit,
    ) -> Self {
        Self { head, route, route_index, endpoint, client, permit }
    }

    /// An admitted request made by hand, for tests of later stages.
    #[cfg(test)]
    pub(crate) fn for_tests(head: Head, endpoint: Endpoint) -> Self {
        Self::new(head, RouteId::new("test"), 0, endpoint, ClientId::anonymous(), ExchangePermit::unlimited())
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

    /// Who asks.
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// Gives up the head and the permit, which must live until the exchange ends.
    pub(in crate::stages) fn into_parts(self) -> (Head, ExchangePermit) {
        (self.head, self.permit)
    }
}
