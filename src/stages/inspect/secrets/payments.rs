//! Payments and trade.

use super::providers;
use super::shapes::Alphabet::{Alnum, Base64, Hex, LowerHex, Word};
use super::table::Shape::{Own, Parts, Prefix, Told};
use super::table::{Row, UUID, known, observed, part};

const fn stripe(literal: &'static str) -> Row {
    known(literal, "secret.stripe.api-key", "STRIPE_API_KEY", 0.97, Prefix(Alnum, 16, 252))
}

const fn shopify(literal: &'static str) -> Row {
    known(literal, "secret.shopify.token", "SHOPIFY_TOKEN", 0.97, Prefix(Alnum, 32, 64))
}

pub(super) const ROWS: &[Row] = &[
    stripe("sk_live_"),
    stripe("sk_test_"),
    stripe("rk_live_"),
    stripe("rk_test_"),
    known("whsec_", "secret.stripe.webhook-secret", "STRIPE_WEBHOOK_SECRET", 0.95, Prefix(Base64, 24, 100)),
    shopify("shpat_"),
    shopify("shpca_"),
    shopify("shppa_"),
    shopify("shpss_"),
    known("sq0atp-", "secret.square.token", "SQUARE_TOKEN", 0.98, Prefix(Word, 22, 22)),
    known("sq0csp-", "secret.square.secret", "SQUARE_SECRET", 0.98, Prefix(Word, 43, 43)),
    known("EAAA", "secret.square.token", "SQUARE_TOKEN", 0.85, Prefix(Word, 60, 60)),
    known(
        "access_token$",
        "secret.braintree.token",
        "BRAINTREE_TOKEN",
        0.98,
        Own(providers::braintree, "`production` or `sandbox`, `$`, 16 of 0-9a-z, `$` and 32 of 0-9a-f"),
    ),
    observed("paypal", "secret.paypal.client-secret", "PAYPAL_CLIENT_SECRET", 0.8, Told(Word, 80, 80)),
    observed(
        "adyen",
        "secret.adyen.api-key",
        "ADYEN_API_KEY",
        0.85,
        Own(providers::adyen, "`AQE` and 80 or more of base64 shortly behind the name"),
    ),
    known("access-production-", "secret.plaid.token", "PLAID_TOKEN", 0.98, Parts(UUID)),
    known("access-sandbox-", "secret.plaid.token", "PLAID_TOKEN", 0.95, Parts(UUID)),
    observed("plaid", "secret.plaid.secret", "PLAID_SECRET", 0.75, Told(LowerHex, 30, 30)),
    known("rzp_live_", "secret.razorpay.key-id", "RAZORPAY_KEY_ID", 0.95, Prefix(Alnum, 14, 14)),
    known(
        "FLWSECK-",
        "secret.flutterwave.secret-key",
        "FLUTTERWAVE_SECRET_KEY",
        0.98,
        Parts(&[part(Hex, 32, 32, "-X")]),
    ),
    known(
        "FLWSECK_TEST-",
        "secret.flutterwave.secret-key",
        "FLUTTERWAVE_SECRET_KEY",
        0.97,
        Parts(&[part(Hex, 32, 32, "-X")]),
    ),
    known("shippo_live_", "secret.shippo.token", "SHIPPO_TOKEN", 0.98, Prefix(LowerHex, 40, 40)),
    known("shippo_test_", "secret.shippo.token", "SHIPPO_TOKEN", 0.95, Prefix(LowerHex, 40, 40)),
    known("EZAK", "secret.easypost.api-key", "EASYPOST_API_KEY", 0.96, Prefix(Alnum, 54, 54)),
    known("EZTK", "secret.easypost.api-key", "EASYPOST_API_KEY", 0.96, Prefix(Alnum, 54, 54)),
    known("duffel_live_", "secret.duffel.token", "DUFFEL_TOKEN", 0.97, Prefix(Word, 43, 43)),
    known("amzn.mws.", "secret.amazon.mws-token", "AMAZON_MWS_TOKEN", 0.97, Parts(UUID)),
];
