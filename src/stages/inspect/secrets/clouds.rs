//! Clouds, hosting, networks and infrastructure.

use super::providers;
use super::shapes::Alphabet::{Alnum, Base64, Dotted, Hex, Lower, LowerHex, Percent, Upper, Word};
use super::structured;
use super::table::Shape::{After, Own, Parts, Prefix, Told, ToldUuid};
use super::table::{ANY, Row, UUID, known, observed, part};

const fn aws_id(literal: &'static str) -> Row {
    known(literal, "secret.aws.access-key-id", "AWS_ACCESS_KEY_ID", 0.97, Prefix(Upper, 16, 16))
}

const fn aws_secret(literal: &'static str) -> Row {
    known(
        literal,
        "secret.aws.secret-access-key",
        "AWS_SECRET_ACCESS_KEY",
        0.9,
        Own(structured::aws_secret, "40 of 0-9A-Za-z+/ of both cases, random, shortly behind the name"),
    )
}

/// AWS writes the kind of credential at the beginning of what it encodes.
const fn aws_session(literal: &'static str) -> Row {
    observed(literal, "secret.aws.session-token", "AWS_SESSION_TOKEN", 0.95, Prefix(Base64, 100, 4_000))
}

/// Microsoft puts a mark at a fixed place of its newer keys, so that scanners know them.
const fn azure_mark(literal: &'static str, rule: &'static str, label: &'static str) -> Row {
    known(
        literal,
        rule,
        label,
        0.97,
        Own(providers::azure_marked, "the mark stands at its place in 52, 56, 84 or 88 characters of base64"),
    )
}

const fn digitalocean(literal: &'static str) -> Row {
    known(literal, "secret.digitalocean.token", "DIGITALOCEAN_TOKEN", 0.99, Prefix(LowerHex, 64, 64))
}

const fn vault(literal: &'static str) -> Row {
    known(literal, "secret.vault.token", "VAULT_TOKEN", 0.97, Prefix(Word, 20, 400))
}

const fn planetscale(literal: &'static str) -> Row {
    known(literal, "secret.planetscale.token", "PLANETSCALE_TOKEN", 0.98, Prefix(Dotted, 32, 64))
}

const fn doppler(literal: &'static str) -> Row {
    known(literal, "secret.doppler.token", "DOPPLER_TOKEN", 0.98, Prefix(Dotted, 40, 64))
}

pub(super) const ROWS: &[Row] = &[
    // --- Amazon -----------------------------------------------------------------------------------------------------
    aws_id("AKIA"),
    aws_id("ASIA"),
    aws_id("ABIA"),
    aws_id("ACCA"),
    aws_secret("AKIA"),
    aws_secret("ASIA"),
    aws_secret("aws_secret"),
    aws_secret("aws secret"),
    aws_secret("secretaccesskey"),
    aws_secret("secret_access_key"),
    aws_secret("secret access key"),
    aws_session("IQoJb3JpZ2luX2Vj"),
    aws_session("FwoGZXIvYXdz"),
    // --- Google -----------------------------------------------------------------------------------------------------
    known("AIza", "secret.google.api-key", "GOOGLE_API_KEY", 0.98, Prefix(Word, 35, 35)),
    known("ya29.", "secret.google.oauth-token", "GOOGLE_OAUTH_TOKEN", 0.95, Prefix(Word, 30, ANY)),
    known("GOCSPX-", "secret.google.client-secret", "GOOGLE_CLIENT_SECRET", 0.98, Prefix(Word, 24, 36)),
    observed("1//0", "secret.google.refresh-token", "GOOGLE_REFRESH_TOKEN", 0.9, Prefix(Word, 60, 200)),
    // --- Microsoft --------------------------------------------------------------------------------------------------
    known("AccountKey=", "secret.azure.storage-key", "AZURE_STORAGE_KEY", 0.98, After(Base64, 80, 90)),
    known("SharedAccessKey=", "secret.azure.shared-access-key", "AZURE_SHARED_ACCESS_KEY", 0.98, After(Base64, 40, 90)),
    known("&sig=", "secret.azure.sas-signature", "AZURE_SAS_SIGNATURE", 0.8, After(Percent, 40, 80)),
    known("?sig=", "secret.azure.sas-signature", "AZURE_SAS_SIGNATURE", 0.8, After(Percent, 40, 80)),
    known(
        "Q~",
        "secret.azure.client-secret",
        "AZURE_CLIENT_SECRET",
        0.95,
        Own(structured::azure_client_secret, "3 characters and a digit before, 31 to 34 of 0-9A-Za-z_~.- behind"),
    ),
    known(
        "JQQJ99",
        "secret.azure.api-key",
        "AZURE_API_KEY",
        0.97,
        Own(structured::azure_api_key, "52 of 0-9A-Za-z before, 20 to 36 behind"),
    ),
    observed("azure", "secret.azure.api-key", "AZURE_API_KEY", 0.65, Told(LowerHex, 32, 32)),
    observed("cognitiveservices", "secret.azure.api-key", "AZURE_API_KEY", 0.65, Told(LowerHex, 32, 32)),
    azure_mark("+ASt", "secret.azure.storage-key", "AZURE_STORAGE_KEY"),
    azure_mark("ACDb", "secret.azure.cosmos-key", "AZURE_COSMOS_KEY"),
    azure_mark("AzSe", "secret.azure.search-key", "AZURE_SEARCH_KEY"),
    azure_mark("AzFu", "secret.azure.function-key", "AZURE_FUNCTION_KEY"),
    azure_mark("+ACR", "secret.azure.registry-key", "AZURE_REGISTRY_KEY"),
    azure_mark("AZDO", "secret.azure.devops-token", "AZURE_DEVOPS_TOKEN"),
    observed("devops", "secret.azure.devops-token", "AZURE_DEVOPS_TOKEN", 0.7, Told(Lower, 52, 52)),
    observed("azdo", "secret.azure.devops-token", "AZURE_DEVOPS_TOKEN", 0.7, Told(Lower, 52, 52)),
    // --- other clouds -----------------------------------------------------------------------------------------------
    digitalocean("dop_v1_"),
    digitalocean("doo_v1_"),
    digitalocean("dor_v1_"),
    observed("LTAI", "secret.alibaba.access-key-id", "ALIBABA_ACCESS_KEY_ID", 0.9, Prefix(Alnum, 16, 20)),
    observed("AKID", "secret.tencent.secret-id", "TENCENT_SECRET_ID", 0.9, Prefix(Alnum, 32, 32)),
    observed("linode", "secret.linode.token", "LINODE_TOKEN", 0.8, Told(LowerHex, 64, 64)),
    observed("hetzner", "secret.hetzner.token", "HETZNER_TOKEN", 0.8, Told(Alnum, 64, 64)),
    observed("hcloud", "secret.hetzner.token", "HETZNER_TOKEN", 0.8, Told(Alnum, 64, 64)),
    observed(
        "cloudflare",
        "secret.cloudflare.token",
        "CLOUDFLARE_TOKEN",
        0.7,
        Own(structured::mixed_40, "40 of 0-9A-Za-z_- of both cases shortly behind the name"),
    ),
    observed("cloudflare", "secret.cloudflare.global-key", "CLOUDFLARE_GLOBAL_KEY", 0.7, Told(LowerHex, 37, 37)),
    known("v1.0-", "secret.cloudflare.origin-ca-key", "CLOUDFLARE_ORIGIN_CA_KEY", 0.9, Prefix(Word, 140, 200)),
    observed("fastly", "secret.fastly.token", "FASTLY_TOKEN", 0.75, Told(Word, 32, 32)),
    known("fm1_", "secret.flyio.token", "FLYIO_TOKEN", 0.96, Prefix(Base64, 80, 2_000)),
    known("fm2_", "secret.flyio.token", "FLYIO_TOKEN", 0.96, Prefix(Base64, 80, 2_000)),
    observed("fo1_", "secret.flyio.token", "FLYIO_TOKEN", 0.93, Prefix(Word, 40, 60)),
    known("rnd_", "secret.render.api-key", "RENDER_API_KEY", 0.93, Prefix(Alnum, 28, 40)),
    known("HRKU-", "secret.heroku.api-key", "HEROKU_API_KEY", 0.98, Prefix(Word, 36, 64)),
    known("heroku", "secret.heroku.api-key", "HEROKU_API_KEY", 0.8, ToldUuid),
    observed("vercel", "secret.vercel.token", "VERCEL_TOKEN", 0.7, Told(Alnum, 24, 24)),
    known("vcp_", "secret.vercel.token", "VERCEL_TOKEN", 0.95, Prefix(Alnum, 24, 80)),
    known("vck_", "secret.vercel.token", "VERCEL_TOKEN", 0.95, Prefix(Alnum, 24, 80)),
    known("nfp_", "secret.netlify.token", "NETLIFY_TOKEN", 0.96, Prefix(Alnum, 36, 40)),
    known("pul-", "secret.pulumi.token", "PULUMI_TOKEN", 0.97, Prefix(LowerHex, 40, 40)),
    known(
        "tskey-",
        "secret.tailscale.key",
        "TAILSCALE_KEY",
        0.97,
        Parts(&[part(Lower, 3, 12, "-"), part(Alnum, 8, 24, "-"), part(Alnum, 16, 64, "")]),
    ),
    // --- infrastructure, secret stores, databases -------------------------------------------------------------------
    known(
        ".atlasv1.",
        "secret.terraform.token",
        "TERRAFORM_TOKEN",
        0.98,
        Own(providers::terraform, "14 of 0-9A-Za-z before, 60 to 70 of 0-9A-Za-z_- behind"),
    ),
    vault("hvs."),
    vault("hvb."),
    vault("hvr."),
    known(
        "vault",
        "secret.vault.token",
        "VAULT_TOKEN",
        0.8,
        Own(structured::old_vault, "`s.` and 24 of 0-9A-Za-z shortly behind the name"),
    ),
    known("dapi", "secret.databricks.token", "DATABRICKS_TOKEN", 0.97, Prefix(LowerHex, 32, 32)),
    known("sbp_", "secret.supabase.token", "SUPABASE_TOKEN", 0.97, Prefix(LowerHex, 40, 40)),
    known("sb_secret_", "secret.supabase.secret-key", "SUPABASE_SECRET_KEY", 0.97, Prefix(Word, 24, 64)),
    known("napi_", "secret.neon.api-key", "NEON_API_KEY", 0.95, Prefix(Alnum, 60, 68)),
    planetscale("pscale_tkn_"),
    planetscale("pscale_pw_"),
    planetscale("pscale_oauth_"),
    known("mdb_sa_sk_", "secret.mongodb.client-secret", "MONGODB_CLIENT_SECRET", 0.97, Prefix(Word, 32, 64)),
    observed("snowflake", "secret.snowflake.token", "SNOWFLAKE_TOKEN", 0.65, Told(Hex, 32, 64)),
    doppler("dp.pt."),
    doppler("dp.ct."),
    doppler("dp.sa."),
    doppler("dp.scim."),
    doppler("dp.audit."),
    known("dp.st.", "secret.doppler.token", "DOPPLER_TOKEN", 0.98, Prefix(Dotted, 40, 100)),
    known("ops_eyJ", "secret.onepassword.service-account", "ONEPASSWORD_TOKEN", 0.99, Prefix(Word, 200, 4_000)),
    known(
        "A3-",
        "secret.onepassword.secret-key",
        "ONEPASSWORD_SECRET_KEY",
        0.98,
        Own(providers::onepassword, "34 of 0-9A-Z in groups of 6, 5 and 6 or 11 and 5 with dashes"),
    ),
    known("AGE-SECRET-KEY-1", "secret.age.key", "AGE_SECRET_KEY", 0.99, Prefix(Upper, 58, 58)),
    known("sdk-", "secret.launchdarkly.sdk-key", "LAUNCHDARKLY_SDK_KEY", 0.93, Parts(UUID)),
];
