//! Messages, mail, telephony and customer services.

use super::providers;
use super::shapes::Alphabet::{Alnum, Base64, Dotted, LowerHex, Path, Webhook, Word};
use super::structured;
use super::table::Shape::{Own, Parts, Prefix, Told, ToldUuid};
use super::table::{Row, UUID, known, observed, part};

const fn slack(literal: &'static str) -> Row {
    known(literal, "secret.slack.token", "SLACK_TOKEN", 0.97, Prefix(Word, 20, 400))
}

const fn slack_webhook(literal: &'static str) -> Row {
    known(literal, "secret.slack.webhook", "SLACK_WEBHOOK", 0.98, Prefix(Path, 20, 160))
}

const fn discord_webhook(literal: &'static str) -> Row {
    known(literal, "secret.discord.webhook", "DISCORD_WEBHOOK", 0.98, Prefix(Path, 60, 160))
}

const DISCORD: &str = "three parts with dots (user, time, signature) shortly behind the name";

pub(super) const ROWS: &[Row] = &[
    slack("xoxb-"),
    slack("xoxa-"),
    slack("xoxp-"),
    slack("xoxr-"),
    slack("xoxs-"),
    slack("xoxc-"),
    slack("xoxd-"),
    known("xoxe.", "secret.slack.token", "SLACK_TOKEN", 0.97, Prefix(Dotted, 20, 400)),
    slack("xoxe-"),
    slack("xapp-"),
    slack_webhook("hooks.slack.com/services/"),
    slack_webhook("hooks.slack.com/workflows/"),
    slack_webhook("hooks.slack.com/triggers/"),
    discord_webhook("discord.com/api/webhooks/"),
    discord_webhook("discordapp.com/api/webhooks/"),
    known("discord", "secret.discord.token", "DISCORD_TOKEN", 0.85, Own(structured::discord, DISCORD)),
    known("bot ", "secret.discord.token", "DISCORD_TOKEN", 0.85, Own(structured::discord, DISCORD)),
    known(
        ":AA",
        "secret.telegram.token",
        "TELEGRAM_TOKEN",
        0.97,
        Own(structured::telegram, "8 to 10 digits before, 33 of 0-9A-Za-z_- behind"),
    ),
    known(
        "SG.",
        "secret.sendgrid.api-key",
        "SENDGRID_API_KEY",
        0.99,
        Own(structured::sendgrid, "parts of 22 and 43 of 0-9A-Za-z_-, random"),
    ),
    known("SK", "secret.twilio.api-key", "TWILIO_API_KEY", 0.9, Prefix(LowerHex, 32, 32)),
    known("twilio", "secret.twilio.auth-token", "TWILIO_AUTH_TOKEN", 0.7, Told(LowerHex, 32, 32)),
    known("key-", "secret.mailgun.api-key", "MAILGUN_API_KEY", 0.85, Prefix(LowerHex, 32, 32)),
    observed(
        "mailgun",
        "secret.mailgun.api-key",
        "MAILGUN_API_KEY",
        0.85,
        Own(providers::mailgun, "32, 8 and 8 of 0-9a-f with dashes shortly behind the name"),
    ),
    known(
        "-us",
        "secret.mailchimp.api-key",
        "MAILCHIMP_API_KEY",
        0.95,
        Own(providers::mailchimp, "32 of 0-9a-f before, 1 or 2 digits behind"),
    ),
    known("postmark", "secret.postmark.token", "POSTMARK_TOKEN", 0.8, ToldUuid),
    known(
        "xkeysib-",
        "secret.brevo.api-key",
        "BREVO_API_KEY",
        0.98,
        Parts(&[part(LowerHex, 64, 64, "-"), part(Alnum, 16, 16, "")]),
    ),
    known(
        "re_",
        "secret.resend.api-key",
        "RESEND_API_KEY",
        0.93,
        Parts(&[part(Alnum, 8, 8, "_"), part(Alnum, 24, 24, "")]),
    ),
    known("webhook.office.com/webhookb2/", "secret.teams.webhook", "TEAMS_WEBHOOK", 0.97, Prefix(Webhook, 60, 300)),
    // Base64 of `tok:`.
    known("dG9rO", "secret.intercom.token", "INTERCOM_TOKEN", 0.9, Prefix(Base64, 40, 100)),
    observed("zendesk", "secret.zendesk.token", "ZENDESK_TOKEN", 0.7, Told(Alnum, 40, 40)),
    known("pat-na1-", "secret.hubspot.token", "HUBSPOT_TOKEN", 0.98, Parts(UUID)),
    known("pat-na2-", "secret.hubspot.token", "HUBSPOT_TOKEN", 0.98, Parts(UUID)),
    known("pat-eu1-", "secret.hubspot.token", "HUBSPOT_TOKEN", 0.98, Parts(UUID)),
    known("pat-ap1-", "secret.hubspot.token", "HUBSPOT_TOKEN", 0.98, Parts(UUID)),
    observed("EAACEdEose0cBA", "secret.facebook.token", "FACEBOOK_TOKEN", 0.98, Prefix(Alnum, 30, 400)),
    observed("EAAG", "secret.facebook.token", "FACEBOOK_TOKEN", 0.85, Prefix(Alnum, 100, 400)),
    observed(
        "AAAAAAAAAAAAAAAAAAAAA",
        "secret.twitter.bearer",
        "TWITTER_BEARER_TOKEN",
        0.9,
        Own(providers::twitter, "80 to 110 of 0-9A-Za-z% that look random"),
    ),
    observed("pagerduty", "secret.pagerduty.token", "PAGERDUTY_TOKEN", 0.7, Told(Word, 20, 20)),
    known(
        "okta",
        "secret.okta.token",
        "OKTA_TOKEN",
        0.85,
        Own(providers::okta, "`00` and 40 of 0-9A-Za-z_- shortly behind the name"),
    ),
    observed(
        "ssws ",
        "secret.okta.token",
        "OKTA_TOKEN",
        0.9,
        Own(providers::okta, "`00` and 40 of 0-9A-Za-z_- shortly behind the name"),
    ),
    observed("auth0", "secret.auth0.client-secret", "AUTH0_CLIENT_SECRET", 0.75, Told(Word, 64, 64)),
];
