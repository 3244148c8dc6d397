//! Monitoring, logs, analytics and data services.

use super::providers;
use super::shapes::Alphabet::{Alnum, Base64, Hex, LowerHex, Upper, Word};
use super::table::Shape::{Own, Parts, Prefix, Told};
use super::table::{Row, known, observed, part};

const fn datadog(literal: &'static str, len: usize) -> Row {
    match len {
        32 => known(literal, "secret.datadog.api-key", "DATADOG_API_KEY", 0.8, Told(LowerHex, 32, 32)),
        _ => known(literal, "secret.datadog.app-key", "DATADOG_APP_KEY", 0.8, Told(LowerHex, 40, 40)),
    }
}

const fn grafana_own(literal: &'static str) -> Row {
    known(
        literal,
        "secret.grafana.api-key",
        "GRAFANA_API_KEY",
        0.96,
        Own(providers::grafana, "60 or more of base64: JSON with the key, its name and its organisation"),
    )
}

pub(super) const ROWS: &[Row] = &[
    known(
        "sntrys_",
        "secret.sentry.org-token",
        "SENTRY_TOKEN",
        0.98,
        Own(providers::sentry_org, "base64 of JSON, `_` and 43 of base64"),
    ),
    known("sntryu_", "secret.sentry.user-token", "SENTRY_TOKEN", 0.98, Prefix(LowerHex, 64, 64)),
    datadog("datadog", 32),
    datadog("datadog", 40),
    datadog("dd_api_key", 32),
    datadog("dd-api-key", 32),
    datadog("dd_app_key", 40),
    datadog("dd-application-key", 40),
    known("NRAK-", "secret.newrelic.user-key", "NEWRELIC_USER_KEY", 0.97, Prefix(Upper, 27, 27)),
    known("NRII-", "secret.newrelic.insert-key", "NEWRELIC_INSERT_KEY", 0.96, Prefix(Word, 32, 32)),
    known(
        "FFFFNRAL",
        "secret.newrelic.license-key",
        "NEWRELIC_LICENSE_KEY",
        0.96,
        Own(providers::newrelic_license, "32 of 0-9a-f before it"),
    ),
    known(
        "glsa_",
        "secret.grafana.service-account",
        "GRAFANA_TOKEN",
        0.98,
        Parts(&[part(Alnum, 32, 32, "_"), part(Hex, 8, 8, "")]),
    ),
    known("glc_", "secret.grafana.cloud-token", "GRAFANA_CLOUD_TOKEN", 0.96, Prefix(Base64, 40, 400)),
    grafana_own("eyJrIjoi"),
    known(
        "dt0c01.",
        "secret.dynatrace.token",
        "DYNATRACE_TOKEN",
        0.98,
        Parts(&[part(Upper, 24, 24, "."), part(Upper, 64, 64, "")]),
    ),
    known(
        "dt0s01.",
        "secret.dynatrace.token",
        "DYNATRACE_TOKEN",
        0.98,
        Parts(&[part(Upper, 8, 24, "."), part(Upper, 64, 64, "")]),
    ),
    known("phx_", "secret.posthog.api-key", "POSTHOG_API_KEY", 0.95, Prefix(Alnum, 40, 64)),
    known(
        "sk.eyJ",
        "secret.mapbox.secret-token",
        "MAPBOX_SECRET_TOKEN",
        0.97,
        Parts(&[part(Word, 40, 200, "."), part(Word, 20, 32, "")]),
    ),
    observed("algolia", "secret.algolia.api-key", "ALGOLIA_API_KEY", 0.7, Told(LowerHex, 32, 32)),
    observed("rollbar", "secret.rollbar.token", "ROLLBAR_TOKEN", 0.7, Told(LowerHex, 32, 32)),
    observed("honeycomb", "secret.honeycomb.api-key", "HONEYCOMB_API_KEY", 0.7, Told(Alnum, 22, 32)),
];
