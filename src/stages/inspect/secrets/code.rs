//! Code hosts, package registries, builds and quality.

use super::providers;
use super::shapes::Alphabet::{Alnum, Base64, Dotted, Hex, Lower, LowerHex, Word};
use super::table::Shape::{After, Checksum62, Own, Parts, Prefix, Told, ToldUuid};
use super::table::{Row, known, observed, part};

/// GitLab's tokens differ in their prefix only.
const fn gitlab(literal: &'static str) -> Row {
    known(literal, "secret.gitlab.token", "GITLAB_TOKEN", 0.95, Prefix(Dotted, 20, 320))
}

const fn github(literal: &'static str) -> Row {
    known(literal, "secret.github.token", "GITHUB_TOKEN", 0.99, Checksum62)
}

const fn sonar(literal: &'static str) -> Row {
    known(literal, "secret.sonarqube.token", "SONARQUBE_TOKEN", 0.96, Prefix(LowerHex, 40, 40))
}

pub(super) const ROWS: &[Row] = &[
    github("ghp_"),
    github("gho_"),
    github("ghu_"),
    github("ghs_"),
    github("ghr_"),
    known("github_pat_", "secret.github.fine-grained-token", "GITHUB_TOKEN", 0.99, Prefix(Word, 40, 255)),
    gitlab("glpat-"),
    gitlab("gldt-"),
    gitlab("glrt-"),
    gitlab("glrtr-"),
    gitlab("glcbt-"),
    gitlab("glptt-"),
    gitlab("glft-"),
    gitlab("glimt-"),
    gitlab("glagent-"),
    gitlab("gloas-"),
    gitlab("glsoat-"),
    gitlab("glffct-"),
    gitlab("glwt-"),
    known("GR1348941", "secret.gitlab.token", "GITLAB_TOKEN", 0.95, Prefix(Word, 20, 40)),
    known("ATBB", "secret.bitbucket.app-password", "BITBUCKET_APP_PASSWORD", 0.97, Prefix(Alnum, 32, 32)),
    known(
        "ATATT3",
        "secret.atlassian.api-token",
        "ATLASSIAN_API_TOKEN",
        0.98,
        Own(providers::atlassian, "150 to 250 of 0-9A-Za-z_-, and `=` with 8 hexadecimal digits where they stand"),
    ),
    known(
        "ATCTT3",
        "secret.atlassian.access-token",
        "ATLASSIAN_ACCESS_TOKEN",
        0.98,
        Own(providers::atlassian, "150 to 250 of 0-9A-Za-z_-, and `=` with 8 hexadecimal digits where they stand"),
    ),
    known("npm_", "secret.npm.token", "NPM_TOKEN", 0.99, Checksum62),
    known("_authToken=", "secret.npm.auth-token", "NPM_AUTH_TOKEN", 0.9, After(Base64, 20, 400)),
    known("pypi-AgE", "secret.pypi.token", "PYPI_TOKEN", 0.99, Prefix(Word, 50, super::table::ANY)),
    known("rubygems_", "secret.rubygems.api-key", "RUBYGEMS_API_KEY", 0.98, Prefix(LowerHex, 48, 48)),
    known("cio", "secret.cratesio.token", "CRATESIO_TOKEN", 0.95, Prefix(Alnum, 32, 32)),
    known("oy2", "secret.nuget.api-key", "NUGET_API_KEY", 0.95, Prefix(Lower, 43, 43)),
    known("dckr_pat_", "secret.docker.token", "DOCKER_TOKEN", 0.98, Prefix(Word, 24, 40)),
    known("dckr_oat_", "secret.docker.token", "DOCKER_TOKEN", 0.98, Prefix(Word, 24, 48)),
    observed("AKC", "secret.artifactory.api-key", "ARTIFACTORY_API_KEY", 0.85, Prefix(Alnum, 64, 80)),
    // Base64 of `reftkn:01:`.
    observed("cmVmdGtuOjAxOj", "secret.artifactory.token", "ARTIFACTORY_TOKEN", 0.97, Prefix(Base64, 50, 60)),
    sonar("sqp_"),
    sonar("squ_"),
    sonar("sqa_"),
    known(
        "CCIPAT_",
        "secret.circleci.token",
        "CIRCLECI_TOKEN",
        0.97,
        Parts(&[part(Alnum, 20, 24, "_"), part(LowerHex, 40, 40, "")]),
    ),
    observed("circleci", "secret.circleci.token", "CIRCLECI_TOKEN", 0.7, Told(LowerHex, 40, 40)),
    known("bkua_", "secret.buildkite.token", "BUILDKITE_TOKEN", 0.96, Prefix(LowerHex, 40, 40)),
    known(
        "PMAK-",
        "secret.postman.api-key",
        "POSTMAN_API_KEY",
        0.98,
        Parts(&[part(LowerHex, 24, 24, "-"), part(LowerHex, 34, 34, "")]),
    ),
    known("CLOJARS_", "secret.clojars.token", "CLOJARS_TOKEN", 0.96, Prefix(LowerHex, 60, 60)),
    observed("snyk", "secret.snyk.token", "SNYK_TOKEN", 0.75, ToldUuid),
    known(
        "API-",
        "secret.octopus.api-key",
        "OCTOPUS_API_KEY",
        0.85,
        Own(providers::octopus, "26 of 0-9A-Z with letters and digits, random"),
    ),
    known("ico-", "secret.infracost.api-key", "INFRACOST_API_KEY", 0.9, Prefix(Alnum, 32, 32)),
    known("rdme_", "secret.readme.api-key", "README_API_KEY", 0.95, Prefix(Lower, 70, 70)),
    known("figd_", "secret.figma.token", "FIGMA_TOKEN", 0.96, Prefix(Word, 36, 64)),
    known("lin_api_", "secret.linear.api-key", "LINEAR_API_KEY", 0.97, Prefix(Alnum, 40, 48)),
    known("lin_oauth_", "secret.linear.oauth-token", "LINEAR_OAUTH_TOKEN", 0.97, Prefix(Alnum, 40, 72)),
    known("ntn_", "secret.notion.token", "NOTION_TOKEN", 0.97, Prefix(Alnum, 40, 60)),
    known(
        "secret_",
        "secret.notion.token",
        "NOTION_TOKEN",
        0.9,
        Own(providers::notion, "43 of 0-9A-Za-z of both cases, random"),
    ),
    known(
        "pat",
        "secret.airtable.token",
        "AIRTABLE_TOKEN",
        0.97,
        Parts(&[part(Alnum, 14, 14, "."), part(LowerHex, 64, 64, "")]),
    ),
    known(
        "pat.",
        "secret.harness.token",
        "HARNESS_TOKEN",
        0.96,
        Parts(&[part(Word, 22, 22, "."), part(Hex, 24, 24, "."), part(Alnum, 20, 20, "")]),
    ),
    known(
        "asana",
        "secret.asana.token",
        "ASANA_TOKEN",
        0.8,
        Own(providers::asana, "digits with `/` between, `:` and 32 of 0-9a-f shortly behind the name"),
    ),
    known("tfp_", "secret.typeform.token", "TYPEFORM_TOKEN", 0.95, Prefix(Word, 44, 64)),
    known("CFPAT-", "secret.contentful.token", "CONTENTFUL_TOKEN", 0.97, Prefix(Word, 43, 43)),
    known("sl.", "secret.dropbox.token", "DROPBOX_TOKEN", 0.95, Prefix(Word, 120, 2_000)),
];
