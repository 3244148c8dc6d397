//! One row per literal: what stands at it or behind it, under which rule and label it is reported, and how sure one is.

use super::shapes::{Alphabet, is_placeholder, looks_random, may_begin, may_end, run, slice};
use super::{Hit, assignment, structured};
use Alphabet::{Alnum, Base64, Dotted, LowerHex, Path, Percent, Upper, Word};
use std::ops::Range;

/// A literal and what it announces.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) literal: &'static str,
    pub(super) rule: &'static str,
    pub(super) label: &'static str,
    score: f32,
    pub(super) shape: Shape,
}

/// How a credential is recognised at its literal.
#[derive(Debug)]
pub(super) enum Shape {
    /// The literal (in this case of letters) and a run of so many characters: the credential is both.
    Prefix(Alphabet, usize, usize),
    /// The same, but only the run is the credential.
    After(Alphabet, usize, usize),
    /// A random run of exactly so many characters shortly after the literal, which is a word in any case of letters.
    Near(Alphabet, usize, usize),
    /// A check of its own.
    Own(fn(&str, Range<usize>) -> Option<Hit>),
    /// A block that reaches far: its checks are not nested.
    Block(fn(&str, Range<usize>) -> Option<Hit>),
    /// A name that values are assigned to.
    Assignment(assignment::Kind),
}

/// No upper limit: safe only with alphabets in whose runs [`may_begin`] allows one place.
const ANY: usize = usize::MAX;
/// How far behind a word its credential is looked for, in bytes.
const NEAR: usize = 100;

impl Row {
    /// Looks at one place where the literal stands.
    pub(super) fn check(&self, text: &str, at: Range<usize>) -> Option<Hit> {
        let bytes = text.as_bytes();
        let hit = |span| Some(Hit { span, score: self.score });
        match self.shape {
            Shape::Prefix(of, min, max) => {
                let tail = self.tail(bytes, &at, of, min, max)?;
                hit(at.start..tail.end)
            }
            Shape::After(of, min, max) => hit(self.tail(bytes, &at, of, min, max)?),
            Shape::Near(of, min, max) => hit(near(bytes, at.end, of, min, max)?),
            Shape::Own(check) | Shape::Block(check) => check(text, at),
            Shape::Assignment(kind) => assignment::check(text, at, kind),
        }
    }

    fn tail(&self, bytes: &[u8], at: &Range<usize>, of: Alphabet, min: usize, max: usize) -> Option<Range<usize>> {
        if slice(bytes, at.clone()) != self.literal.as_bytes() || !may_begin(bytes, at.start) {
            return None;
        }
        let tail = run(bytes, at.end, of, max.saturating_add(1));
        let fits = (min..=max).contains(&tail.len()) && may_end(bytes, tail.end);
        (fits && !is_placeholder(slice(bytes, tail.clone()))).then_some(tail)
    }
}

/// The first random-looking run of a fitting length that begins at most [`NEAR`] bytes after `from`.
pub(super) fn near(bytes: &[u8], from: usize, of: Alphabet, min: usize, max: usize) -> Option<Range<usize>> {
    let mut at = from;
    while at < from.saturating_add(NEAR).min(bytes.len()) {
        let found = run(bytes, at, of, max.saturating_add(1));
        let value = slice(bytes, found.clone());
        let begins = at.checked_sub(1).and_then(|before| bytes.get(before)).is_none_or(|before| !of.has(*before));
        if begins && (min..=max).contains(&found.len()) && looks_random(value) && !is_hash(of, value) {
            return Some(found);
        }
        at = found.end.max(at).saturating_add(1);
    }
    None
}

/// Where an alphabet is wider than hex, a value of nothing but hex digits is a hash and not the credential.
fn is_hash(of: Alphabet, value: &[u8]) -> bool {
    !matches!(of, LowerHex | Alnum) && value.iter().all(u8::is_ascii_hexdigit)
}

const fn row(literal: &'static str, rule: &'static str, label: &'static str, score: f32, shape: Shape) -> Row {
    Row { literal, rule, label, score, shape }
}

const fn assigned(literal: &'static str, kind: assignment::Kind) -> Row {
    match kind {
        assignment::Kind::Password => row(literal, "secret.generic.password", "PASSWORD", 0.6, Shape::Assignment(kind)),
        _ => row(literal, "secret.generic.assignment", "SECRET", 0.6, Shape::Assignment(kind)),
    }
}

/// GitLab's tokens differ in their prefix only.
const fn gitlab(literal: &'static str) -> Row {
    row(literal, "secret.gitlab.token", "GITLAB_TOKEN", 0.95, Shape::Prefix(Dotted, 20, 320))
}

const fn github(literal: &'static str) -> Row {
    row(literal, "secret.github.token", "GITHUB_TOKEN", 0.99, Shape::Own(structured::github))
}

const fn slack(literal: &'static str) -> Row {
    row(literal, "secret.slack.token", "SLACK_TOKEN", 0.97, Shape::Prefix(Word, 20, 400))
}

const fn stripe(literal: &'static str) -> Row {
    row(literal, "secret.stripe.api-key", "STRIPE_API_KEY", 0.97, Shape::Prefix(Alnum, 16, 252))
}

const fn shopify(literal: &'static str) -> Row {
    row(literal, "secret.shopify.token", "SHOPIFY_TOKEN", 0.97, Shape::Prefix(Alnum, 32, 64))
}

const fn digitalocean(literal: &'static str) -> Row {
    row(literal, "secret.digitalocean.token", "DIGITALOCEAN_TOKEN", 0.99, Shape::Prefix(LowerHex, 64, 64))
}

const fn aws_id(literal: &'static str) -> Row {
    row(literal, "secret.aws.access-key-id", "AWS_ACCESS_KEY_ID", 0.97, Shape::Prefix(Upper, 16, 16))
}

const fn aws_secret(literal: &'static str) -> Row {
    row(literal, "secret.aws.secret-access-key", "AWS_SECRET_ACCESS_KEY", 0.9, Shape::Own(structured::aws_secret))
}

/// All literals. Rows with the same literal are looked at one after the other.
pub(super) static TABLE: &[Row] = &[
    // --- model providers ------------------------------------------------------------------------------------------
    row("sk-ant-", "secret.anthropic.api-key", "ANTHROPIC_API_KEY", 0.99, Shape::Prefix(Word, 20, ANY)),
    row("sk-or-", "secret.openrouter.api-key", "OPENROUTER_API_KEY", 0.99, Shape::Prefix(Word, 20, ANY)),
    row("sk-", "secret.openai.api-key", "OPENAI_API_KEY", 0.99, Shape::Own(structured::openai)),
    row("sess-", "secret.openai.session", "OPENAI_SESSION_KEY", 0.9, Shape::Prefix(Alnum, 40, 40)),
    row("AIza", "secret.google.api-key", "GOOGLE_API_KEY", 0.98, Shape::Prefix(Word, 35, 35)),
    row("ya29.", "secret.google.oauth-token", "GOOGLE_OAUTH_TOKEN", 0.95, Shape::Prefix(Word, 30, ANY)),
    row("GOCSPX-", "secret.google.client-secret", "GOOGLE_CLIENT_SECRET", 0.98, Shape::Prefix(Word, 24, 36)),
    row("gsk_", "secret.groq.api-key", "GROQ_API_KEY", 0.97, Shape::Prefix(Alnum, 40, 64)),
    row("xai-", "secret.xai.api-key", "XAI_API_KEY", 0.98, Shape::Prefix(Alnum, 60, 120)),
    row("r8_", "secret.replicate.token", "REPLICATE_TOKEN", 0.97, Shape::Prefix(Alnum, 37, 40)),
    row("hf_", "secret.huggingface.token", "HUGGINGFACE_TOKEN", 0.97, Shape::Prefix(Alnum, 30, 40)),
    row("api_org_", "secret.huggingface.token", "HUGGINGFACE_TOKEN", 0.97, Shape::Prefix(Alnum, 30, 40)),
    row("pplx-", "secret.perplexity.api-key", "PERPLEXITY_API_KEY", 0.97, Shape::Prefix(Alnum, 40, 64)),
    row("nvapi-", "secret.nvidia.api-key", "NVIDIA_API_KEY", 0.97, Shape::Prefix(Word, 50, 80)),
    row("lsv2_", "secret.langsmith.api-key", "LANGSMITH_API_KEY", 0.97, Shape::Prefix(Word, 32, 80)),
    row("mistral", "secret.mistral.api-key", "MISTRAL_API_KEY", 0.7, Shape::Near(Alnum, 32, 32)),
    row("cohere", "secret.cohere.api-key", "COHERE_API_KEY", 0.65, Shape::Own(structured::mixed_40)),
    // --- clouds ---------------------------------------------------------------------------------------------------
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
    row("AccountKey=", "secret.azure.storage-key", "AZURE_STORAGE_KEY", 0.98, Shape::After(Base64, 80, 90)),
    row(
        "SharedAccessKey=",
        "secret.azure.shared-access-key",
        "AZURE_SHARED_ACCESS_KEY",
        0.98,
        Shape::After(Base64, 40, 90),
    ),
    row("&sig=", "secret.azure.sas-signature", "AZURE_SAS_SIGNATURE", 0.8, Shape::After(Percent, 40, 80)),
    row("Q~", "secret.azure.client-secret", "AZURE_CLIENT_SECRET", 0.95, Shape::Own(structured::azure_client_secret)),
    row("JQQJ99", "secret.azure.api-key", "AZURE_API_KEY", 0.97, Shape::Own(structured::azure_api_key)),
    row("azure", "secret.azure.api-key", "AZURE_API_KEY", 0.65, Shape::Near(LowerHex, 32, 32)),
    digitalocean("dop_v1_"),
    digitalocean("doo_v1_"),
    digitalocean("dor_v1_"),
    row("cloudflare", "secret.cloudflare.token", "CLOUDFLARE_TOKEN", 0.7, Shape::Own(structured::mixed_40)),
    row("v1.0-", "secret.cloudflare.origin-ca-key", "CLOUDFLARE_ORIGIN_CA_KEY", 0.9, Shape::Prefix(Word, 140, 200)),
    row("dapi", "secret.databricks.token", "DATABRICKS_TOKEN", 0.97, Shape::Prefix(LowerHex, 32, 32)),
    // --- code and packages ----------------------------------------------------------------------------------------
    github("ghp_"),
    github("gho_"),
    github("ghu_"),
    github("ghs_"),
    github("ghr_"),
    row("github_pat_", "secret.github.fine-grained-token", "GITHUB_TOKEN", 0.99, Shape::Prefix(Word, 40, 255)),
    gitlab("glpat-"),
    gitlab("gldt-"),
    gitlab("glrt-"),
    gitlab("glcbt-"),
    gitlab("glptt-"),
    gitlab("glft-"),
    gitlab("glagent-"),
    gitlab("gloas-"),
    row("npm_", "secret.npm.token", "NPM_TOKEN", 0.96, Shape::Prefix(Alnum, 36, 36)),
    row("pypi-", "secret.pypi.token", "PYPI_TOKEN", 0.98, Shape::Prefix(Word, 50, ANY)),
    // --- messages and payments ------------------------------------------------------------------------------------
    slack("xoxb-"),
    slack("xoxa-"),
    slack("xoxp-"),
    slack("xoxr-"),
    slack("xoxs-"),
    row("xoxe.", "secret.slack.token", "SLACK_TOKEN", 0.97, Shape::Prefix(Dotted, 20, 400)),
    row("xoxe-", "secret.slack.token", "SLACK_TOKEN", 0.97, Shape::Prefix(Word, 20, 400)),
    row("xapp-", "secret.slack.token", "SLACK_TOKEN", 0.97, Shape::Prefix(Word, 20, 400)),
    row("hooks.slack.com/services/", "secret.slack.webhook", "SLACK_WEBHOOK", 0.98, Shape::Prefix(Path, 20, 120)),
    row("hooks.slack.com/workflows/", "secret.slack.webhook", "SLACK_WEBHOOK", 0.98, Shape::Prefix(Path, 20, 160)),
    row("discord.com/api/webhooks/", "secret.discord.webhook", "DISCORD_WEBHOOK", 0.98, Shape::Prefix(Path, 60, 160)),
    row(
        "discordapp.com/api/webhooks/",
        "secret.discord.webhook",
        "DISCORD_WEBHOOK",
        0.98,
        Shape::Prefix(Path, 60, 160),
    ),
    row("discord", "secret.discord.token", "DISCORD_TOKEN", 0.85, Shape::Own(structured::discord)),
    row("bot ", "secret.discord.token", "DISCORD_TOKEN", 0.85, Shape::Own(structured::discord)),
    row(":AA", "secret.telegram.token", "TELEGRAM_TOKEN", 0.97, Shape::Own(structured::telegram)),
    row("SG.", "secret.sendgrid.api-key", "SENDGRID_API_KEY", 0.99, Shape::Own(structured::sendgrid)),
    row("SK", "secret.twilio.api-key", "TWILIO_API_KEY", 0.9, Shape::Prefix(LowerHex, 32, 32)),
    row("twilio", "secret.twilio.auth-token", "TWILIO_AUTH_TOKEN", 0.7, Shape::Near(LowerHex, 32, 32)),
    row("key-", "secret.mailgun.api-key", "MAILGUN_API_KEY", 0.85, Shape::Prefix(LowerHex, 32, 32)),
    stripe("sk_live_"),
    stripe("sk_test_"),
    stripe("rk_live_"),
    stripe("rk_test_"),
    row("whsec_", "secret.stripe.webhook-secret", "STRIPE_WEBHOOK_SECRET", 0.95, Shape::Prefix(Base64, 24, 100)),
    shopify("shpat_"),
    shopify("shpca_"),
    shopify("shppa_"),
    shopify("shpss_"),
    row("sq0atp-", "secret.square.token", "SQUARE_TOKEN", 0.98, Shape::Prefix(Word, 22, 22)),
    row("sq0csp-", "secret.square.secret", "SQUARE_SECRET", 0.98, Shape::Prefix(Word, 43, 43)),
    row("EAAA", "secret.square.token", "SQUARE_TOKEN", 0.85, Shape::Prefix(Word, 60, 60)),
    // --- vaults and keys ------------------------------------------------------------------------------------------
    row("hvs.", "secret.vault.token", "VAULT_TOKEN", 0.97, Shape::Prefix(Word, 20, 400)),
    row("hvb.", "secret.vault.token", "VAULT_TOKEN", 0.97, Shape::Prefix(Word, 20, 400)),
    row("hvr.", "secret.vault.token", "VAULT_TOKEN", 0.97, Shape::Prefix(Word, 20, 400)),
    row("vault", "secret.vault.token", "VAULT_TOKEN", 0.8, Shape::Own(structured::old_vault)),
    row("AGE-SECRET-KEY-1", "secret.age.key", "AGE_SECRET_KEY", 0.99, Shape::Prefix(Upper, 58, 58)),
    row("-----BEGIN ", "secret.private-key", "PRIVATE_KEY", 0.99, Shape::Block(structured::private_key)),
    row("eyJ", "secret.jwt", "JWT", 0.95, Shape::Own(structured::jwt)),
    row("://", "secret.connection-string", "PASSWORD", 0.9, Shape::Own(structured::url_password)),
    row("bearer ", "secret.http.bearer", "BEARER_TOKEN", 0.7, Shape::Own(structured::bearer)),
    row("basic ", "secret.http.basic", "BASIC_CREDENTIALS", 0.9, Shape::Own(structured::basic)),
    // --- names that values are assigned to ------------------------------------------------------------------------
    assigned("password", assignment::Kind::Password),
    assigned("passwd", assignment::Kind::Password),
    assigned("passphrase", assignment::Kind::Password),
    assigned("passwort", assignment::Kind::Password),
    assigned("pwd", assignment::Kind::Password),
    assigned("api_key", assignment::Kind::Key),
    assigned("api-key", assignment::Kind::Key),
    assigned("api key", assignment::Kind::Key),
    assigned("apikey", assignment::Kind::Key),
    assigned("access_key", assignment::Kind::Key),
    assigned("access-key", assignment::Kind::Key),
    assigned("accesskey", assignment::Kind::Key),
    assigned("private_key", assignment::Kind::Key),
    assigned("secret", assignment::Kind::Key),
    assigned("token", assignment::Kind::Token),
];
