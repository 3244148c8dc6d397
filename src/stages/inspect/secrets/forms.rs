//! What is no provider's: private keys, JSON Web Tokens, connection strings, HTTP headers, files of logins, and names that
//! values are assigned to.

use super::assignment::Kind::{self, Key, Password, Token};
use super::structured;
use super::table::Shape::{Assignment, Block, Own};
use super::table::{Row, known};

const fn assigned(literal: &'static str, kind: Kind) -> Row {
    match kind {
        Password => known(literal, "secret.generic.password", "PASSWORD", 0.6, Assignment(kind)),
        _ => known(literal, "secret.generic.assignment", "SECRET", 0.6, Assignment(kind)),
    }
}

pub(super) const ROWS: &[Row] = &[
    known(
        "-----BEGIN ",
        "secret.private-key",
        "PRIVATE_KEY",
        0.99,
        Block(
            structured::private_key,
            "PEM, OpenSSH or PGP private key, from BEGIN to END (or to the end of the text)",
        ),
    ),
    // Base64 of `-----BEGI`: kubeconfig's `client-key-data`.
    known(
        "LS0tLS1CRUdJ",
        "secret.private-key",
        "PRIVATE_KEY",
        0.98,
        Own(structured::encoded_private_key, "base64 of such a block"),
    ),
    known(
        "eyJ",
        "secret.jwt",
        "JWT",
        0.95,
        Own(structured::jwt, "three parts (five if encrypted), the first of which decodes to JSON with `alg`"),
    ),
    known(
        "://",
        "secret.connection-string",
        "PASSWORD",
        0.9,
        Own(structured::url_password, "the password of `scheme://user:password@host`"),
    ),
    known(
        "bearer ",
        "secret.http.bearer",
        "BEARER_TOKEN",
        0.7,
        Own(structured::bearer, "20 or more of 0-9A-Za-z-._~+/= that look random"),
    ),
    known("basic ", "secret.http.basic", "BASIC_CREDENTIALS", 0.9, Own(structured::basic, "base64 of `user:password`")),
    known(
        "machine ",
        "secret.netrc.password",
        "PASSWORD",
        0.9,
        Own(structured::netrc, "the password of `machine … login … password …`"),
    ),
    assigned("password", Password),
    assigned("passwd", Password),
    assigned("passphrase", Password),
    assigned("passwort", Password),
    assigned("pwd", Password),
    assigned("api_key", Key),
    assigned("api-key", Key),
    assigned("api key", Key),
    assigned("apikey", Key),
    assigned("access_key", Key),
    assigned("access-key", Key),
    assigned("accesskey", Key),
    assigned("private_key", Key),
    assigned("secret", Key),
    assigned("token", Token),
];
