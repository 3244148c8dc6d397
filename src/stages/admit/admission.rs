//! The door: who calls, on which route, and whether there is room. The head is judged before a byte of the body is read.

use super::admitted::Admitted;
use super::cors::{Cors, cors};
use super::principal::{Principals, refuse_key_in_query};
use super::routes::{IsAnthropic, Routes};
use crate::config::settings::{Access, Gateway, Route, RouteFormat};
use crate::model::{Cause, ClientId, Refusal, Stage};
use crate::stages::accept::Head;
use crate::state::{Counters, TokenReservation};
use std::time::Instant;

/// Routes, keys and access lists, ready to run. Part of a snapshot; its counters live elsewhere.
#[derive(Debug)]
pub struct Admission {
    routes: Routes,
    /// In the order of the configuration.
    rules: Vec<RouteRule>,
    principals: Principals,
    anonymous: ClientId,
}

#[derive(Debug)]
struct RouteRule {
    access: Access,
    cors_origins: Vec<String>,
    /// Whether a query may have parameters named like a credential: only an open agent's own endpoint.
    free_query: bool,
}

impl RouteRule {
    fn compile(route: &Route) -> Self {
        Self {
            access: route.access.clone(),
            cors_origins: route.cors_origins.clone(),
            free_query: route.access == Access::Open && matches!(route.format, RouteFormat::Json(_)),
        }
    }
}

impl Admission {
    /// Compiles the checked settings. The caller also gives the clients' limits to [`Counters::configure`].
    pub fn compile(gateway: &Gateway) -> Self {
        Self {
            routes: Routes::compile(&gateway.routes),
            rules: gateway.routes.iter().map(RouteRule::compile).collect(),
            principals: Principals::compile(&gateway.clients),
            anonymous: ClientId::anonymous(),
        }
    }

    /// Admits a request, or says why not and gives the head back for the record. In this order: the address's cool-down and
    /// rate, route and endpoint, the principal and its access, its request rates, room.
    ///
    /// # Errors
    /// `RateLimited`, `UnknownEndpoint`, `MethodNotAllowed`, `Unauthenticated`, `Forbidden`, `Overloaded`,
    /// `TooManyConcurrent`.
    pub fn admit(&self, head: Head, counters: &Counters, now: Instant) -> Result<Admitted, (Head, Refusal)> {
        match self.judge(&head, counters, now) {
            Ok(make) => Ok(make(head)),
            Err(refusal) => Err((head, refusal)),
        }
    }

    fn judge(
        &self,
        head: &Head,
        counters: &Counters,
        now: Instant,
    ) -> Result<impl FnOnce(Head) -> Admitted + use<>, Refusal> {
        counters.check_address(head.peer().ip(), now)?;
        let dialect = if head.headers().contains_key("anthropic-version") { IsAnthropic::Yes } else { IsAnthropic::No };
        let destination = self.routes.find(head.method(), head.path(), dialect)?;
        let client = self.principal(head, destination.route_index)?.clone();
        let standing = counters.check_requests(&client, now)?;
        let permit = counters.begin(&client)?;
        Ok(move |head| Admitted::new(head, destination, client, standing, permit))
    }

    fn principal(&self, head: &Head, route_index: usize) -> Result<&ClientId, Refusal> {
        let unauthenticated = || Refusal::new(Stage::Admit, Cause::Unauthenticated);
        let rule = self.rules.get(route_index).ok_or_else(unauthenticated)?;
        if !rule.free_query {
            refuse_key_in_query(head.query())?;
        }
        let known = self.principals.identify(head.headers());
        match &rule.access {
            Access::Open => Ok(known.unwrap_or(&self.anonymous)),
            Access::AnyClient => known.ok_or_else(unauthenticated),
            Access::Clients(listed) => {
                let client = known.ok_or_else(unauthenticated)?;
                if !listed.contains(client) {
                    return Err(Refusal::new(Stage::Admit, Cause::Forbidden));
                }
                Ok(client)
            }
        }
    }

    /// Sets tokens aside before a request is sent on: its prompt as estimated and the most that it may answer with.
    ///
    /// # Errors
    /// `RateLimited`; never to be retried where the request alone is larger than the client's whole rate.
    pub fn reserve_tokens(
        &self,
        client: &ClientId,
        estimate: u64,
        counters: &Counters,
        now: Instant,
    ) -> Result<TokenReservation, Refusal> {
        counters.reserve_tokens(client, estimate, now)
    }

    /// The value of `Allow` for an answer 405 to this path.
    pub fn allowed_method(&self, path: &str) -> Option<&'static str> {
        self.routes.allowed(path)
    }

    /// What a browser is told about this request. Ask before [`Self::admit`]: a preflight carries no key.
    pub fn cors(&self, head: &Head) -> Cors {
        let origins = self.routes.index_of(head.path()).and_then(|index| self.rules.get(index));
        cors(origins.map_or(&[], |rule| &rule.cors_origins), head)
    }
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
