//! Credentials that must be found whole, and texts that must stay silent. All values are made up; literals are put together
//! at run time where a scanner of repositories would take them for real.

use super::super::cpu_time::cpu_time_of;
use super::*;
use base64::Engine as _;
use proptest::prelude::*;

fn scan(text: &str) -> Vec<Sighting> {
    let mut out = Vec::new();
    secrets().scan(text, &mut out);
    for sighting in &out {
        assert!(text.get(sighting.span.clone()).is_some_and(|found| !found.is_empty()), "span fits: {sighting:?}");
        assert_eq!(sighting.category, Category::Secret);
    }
    out
}

fn secrets() -> &'static Secrets {
    static SECRETS: std::sync::OnceLock<Secrets> = std::sync::OnceLock::new();
    SECRETS.get_or_init(Secrets::compile)
}

pub(super) fn seen(text: &str) -> Vec<(String, String)> {
    scan(text).iter().map(|found| (found.rule.as_str().to_owned(), text[found.span.clone()].to_owned())).collect()
}

/// Characters that look random, the same for each call.
pub(super) fn noise(alphabet: &str, len: usize) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        letters[usize::try_from(state % u64::try_from(letters.len()).unwrap()).unwrap()]
    };
    (0..len).map(|_| next()).collect()
}

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &str = "0123456789abcdef";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A token of GitHub's classic form with a checksum that fits.
pub(super) fn github_token(prefix: &str) -> String {
    let random = noise(ALNUM, 30);
    let digits: Vec<char> = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".chars().collect();
    let mut rest = crc_of(random.as_bytes());
    let mut tail = String::new();
    for _ in 0..6 {
        tail.insert(0, digits[usize::try_from(rest % 62).unwrap()]);
        rest /= 62;
    }
    format!("{prefix}{random}{tail}")
}

/// CRC-32 by polynomial division over a bit list: another way than the detector's.
fn crc_of(bytes: &[u8]) -> u64 {
    let mut bits: Vec<bool> = bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)).collect();
    bits.iter_mut().take(32).for_each(|bit| *bit = !*bit);
    bits.extend([false; 32]);
    let polynomial: Vec<bool> = (0..33).map(|bit| 0x1_04C1_1DB7u64 >> (32 - bit) & 1 == 1).collect();
    for start in 0..bits.len() - 32 {
        if bits[start] {
            polynomial.iter().enumerate().for_each(|(offset, bit)| bits[start + offset] ^= bit);
        }
    }
    let rest = &bits[bits.len() - 32..];
    (0..32).map(|bit| u64::from(!rest[bit]) << bit).sum()
}

fn samples() -> Vec<(&'static str, String)> {
    let alnum = |len| noise(ALNUM, len);
    let hex = |len| noise(HEX, len);
    vec![
        ("secret.openai.api-key", format!("sk-{}T3BlbkFJ{}", alnum(20), alnum(20))),
        ("secret.openai.api-key", format!("sk-proj-{}-{}_{}", alnum(40), alnum(30), alnum(20))),
        ("secret.openai.api-key", format!("sk-svcacct-{}", alnum(60))),
        ("secret.anthropic.api-key", format!("sk-ant-api03-{}-{}AA", alnum(50), alnum(42))),
        ("secret.openrouter.api-key", format!("sk-or-v1-{}", hex(64))),
        ("secret.google.api-key", format!("AIza{}", alnum(35))),
        ("secret.google.client-secret", format!("GOCSPX-{}", alnum(28))),
        ("secret.aws.access-key-id", format!("AKIA{}", noise(UPPER, 16))),
        ("secret.aws.access-key-id", format!("ASIA{}", noise(UPPER, 16))),
        ("secret.aws.access-key-id", "AKIAIOSFODNN7EXAMPLE".to_owned()),
        ("secret.github.token", github_token("ghp_")),
        ("secret.github.token", github_token("ghs_")),
        ("secret.github.fine-grained-token", format!("github_pat_{}_{}", alnum(22), alnum(59))),
        ("secret.gitlab.token", format!("glpat-{}", alnum(20))),
        ("secret.slack.token", format!("xoxb-{}-{}-{}", "123456789012", "123456789012", alnum(24))),
        ("secret.slack.webhook", format!("hooks.slack.com/services/T0{}/B0{}/{}", alnum(8), alnum(8), alnum(24))),
        ("secret.stripe.api-key", format!("sk_live_{}", alnum(24))),
        ("secret.twilio.api-key", format!("SK{}", hex(32))),
        ("secret.sendgrid.api-key", format!("SG.{}.{}", alnum(22), alnum(43))),
        ("secret.npm.token", format!("npm_{}", alnum(36))),
        ("secret.pypi.token", format!("pypi-AgEIcHlwaS5vcmc{}", alnum(120))),
        ("secret.huggingface.token", format!("hf_{}", alnum(34))),
        ("secret.digitalocean.token", format!("dop_v1_{}", hex(64))),
        ("secret.telegram.token", format!("1234567890:AA{}", alnum(33))),
        ("secret.shopify.token", format!("shpat_{}", hex(32))),
        ("secret.square.token", format!("sq0atp-{}", alnum(22))),
        ("secret.mailgun.api-key", format!("key-{}", hex(32))),
        ("secret.databricks.token", format!("dapi{}", hex(32))),
        ("secret.groq.api-key", format!("gsk_{}", alnum(52))),
        ("secret.xai.api-key", format!("xai-{}", alnum(80))),
        ("secret.replicate.token", format!("r8_{}", alnum(37))),
        ("secret.vault.token", format!("hvs.{}", alnum(90))),
        ("secret.age.key", format!("AGE-SECRET-KEY-1{}", noise("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58))),
        ("secret.azure.client-secret", format!("aB38Q~{}", alnum(34))),
        ("secret.azure.api-key", format!("{}JQQJ99{}", alnum(52), alnum(26))),
        ("secret.jwt", jwt()),
        ("secret.openai.api-key", format!("sk-admin-{}", alnum(60))),
        ("secret.anthropic.api-key", format!("sk-ant-admin01-{}AA", alnum(91))),
        ("secret.anthropic.api-key", format!("sk-ant-oat01-{}AA", alnum(91))),
        ("secret.terraform.token", format!("{}.atlasv1.{}", alnum(14), alnum(67))),
        ("secret.mailchimp.api-key", format!("{}-us12", hex(32))),
        ("secret.azure.storage-key", format!("{}+ASt{}==", alnum(76), alnum(6))),
        ("secret.azure.devops-token", format!("{}AZDO{}", alnum(76), alnum(4))),
        ("secret.azure.cosmos-key", format!("{}ACDb{}==", alnum(76), alnum(6))),
        ("secret.azure.search-key", format!("{}AzSe{}", alnum(42), alnum(6))),
        ("secret.azure.function-key", format!("{}AzFu{}==", alnum(44), alnum(6))),
        ("secret.azure.registry-key", format!("{}+ACR{}", alnum(42), alnum(6))),
        ("secret.onepassword.secret-key", format!("A3-{}-{}-ABC12-D3EFG-HJ4KL", noise(UPPER, 6), noise(UPPER, 11))),
        ("secret.atlassian.api-token", format!("ATATT3{}=0A1B2C3D", alnum(180))),
        ("secret.atlassian.access-token", format!("ATCTT3{}=0A1B2C3D", alnum(180))),
        ("secret.octopus.api-key", format!("API-{}", noise(UPPER, 26))),
        ("secret.notion.token", format!("secret_{}", alnum(43))),
        ("secret.twitter.bearer", format!("AAAAAAAAAAAAAAAAAAAAA{}%3D{}", alnum(30), alnum(50))),
        ("secret.braintree.token", format!("access_token$production${}${}", noise("abc0123456789xyz", 16), hex(32))),
        ("secret.newrelic.license-key", format!("{}FFFFNRAL", hex(32))),
        ("secret.sentry.org-token", format!("sntrys_eyJ{}_{}", alnum(90), alnum(43))),
        ("secret.grafana.api-key", grafana()),
        ("secret.private-key", kubeconfig_key()),
    ]
}

fn grafana() -> String {
    base64::engine::general_purpose::STANDARD
        .encode(format!("{{\"k\":\"{}\",\"n\":\"ci\",\"id\":1}}", noise(ALNUM, 32)))
}

fn kubeconfig_key() -> String {
    let block = format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", noise(ALNUM, 64));
    base64::engine::general_purpose::STANDARD.encode(block)
}

fn jwt() -> String {
    // {"alg":"HS256","typ":"JWT"}.{"sub":"1"}
    format!("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.{}", noise(ALNUM, 43))
}

#[test]
fn each_format_is_found_whole_in_every_surrounding() {
    for (rule, value) in samples() {
        let frames = [
            value.clone(),
            format!("my key is {value}, keep it"),
            format!("\"{value}\""),
            format!("X={value}\n"),
            format!("{{\\\"k\\\":\\\"{value}\\\"}}"),
            format!("first\\n{value}\\nlast"),
            format!("（{value}）密钥"),
            format!("curl 'https://h/?k=%20{value}'"),
        ];
        for text in frames {
            let found = seen(&text);
            let fits = |(found_rule, span): &(String, String)| found_rule == rule && *span == value;
            assert!(found.iter().any(fits), "{rule} in {text}: {found:?}");
        }
    }
}

#[test]
fn known_format_is_not_reported_again_as_an_assignment() {
    let key = format!("sk-proj-{}", noise(ALNUM, 48));
    let found = seen(&format!("api_key = \"{key}\""));
    assert_eq!(found, [("secret.openai.api-key".to_owned(), key)]);
}

#[test]
fn credential_is_found_by_the_words_before_it() {
    let base64 = format!("{}/{}", noise(ALNUM, 20), noise(ALNUM, 19));
    let hex = noise(HEX, 32);
    let account = format!("{}==", noise(ALNUM, 86));
    let (mixed, okta, vault) = (noise(ALNUM, 40), format!("00{}", noise(ALNUM, 40)), format!("s.{}", noise(ALNUM, 24)));
    let asana = format!("1/1200000000000000:{hex}");
    let mailgun = format!("{hex}-{}-{}", noise(HEX, 8), noise(HEX, 8));
    let adyen = format!("AQE{}", noise(ALNUM, 100));
    let discord = format!("{}.{}.{}", noise(ALNUM, 26), noise(ALNUM, 6), noise(ALNUM, 38));
    let netrc = "hunter2x".to_owned();
    for (rule, text, value) in [
        ("secret.aws.secret-access-key", format!("aws_secret_access_key = {base64}"), &base64),
        ("secret.aws.secret-access-key", format!("{{\"SecretAccessKey\": \"{base64}\"}}"), &base64),
        ("secret.aws.secret-access-key", format!("AKIAIOSFODNN7EXAMPLE,{base64}"), &base64),
        ("secret.aws.secret-access-key", format!("aws_secret_access_key={base64}"), &base64),
        ("secret.twilio.auth-token", format!("Twilio auth: {hex}"), &hex),
        ("secret.mistral.api-key", format!("MISTRAL_API_KEY={hex}"), &hex),
        ("secret.cohere.api-key", format!("CO_API_KEY for cohere, key {mixed}"), &mixed),
        ("secret.cloudflare.token", format!("CLOUDFLARE_API_TOKEN={mixed}"), &mixed),
        ("secret.okta.token", format!("Authorization: SSWS {okta}"), &okta),
        ("secret.okta.token", format!("OKTA_API_TOKEN={okta}"), &okta),
        ("secret.vault.token", format!("VAULT_TOKEN={vault}"), &vault),
        ("secret.asana.token", format!("asana token: {asana}"), &asana),
        ("secret.mailgun.api-key", format!("MAILGUN={mailgun}"), &mailgun),
        ("secret.adyen.api-key", format!("ADYEN_API_KEY={adyen}"), &adyen),
        ("secret.discord.token", format!("DISCORD_TOKEN={discord}"), &discord),
        ("secret.netrc.password", "machine h.example login bob password hunter2x".to_owned(), &netrc),
        ("secret.npm.auth-token", format!("//registry.example/:_authToken={mixed}"), &mixed),
        ("secret.azure.storage-key", format!("AccountName=x;AccountKey={account};E"), &account),
    ] {
        assert!(seen(&text).contains(&(rule.to_owned(), value.clone())), "{text}: {:?}", seen(&text));
    }
}

#[test]
fn private_key_is_cut_from_begin_to_end_or_to_the_end_of_the_text() {
    let block = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE KEY-----";
    assert_eq!(seen(&format!("a\n{block}\nb")), [("secret.private-key".to_owned(), block.to_owned())]);
    let open = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz";
    assert_eq!(seen(&format!("a {open}")), [("secret.private-key".to_owned(), open.to_owned())]);
    let pgp = "-----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----";
    assert_eq!(seen(pgp).len(), 1);
    let service_account = r#"{"type":"service_account","private_key":"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n","x":1}"#;
    assert!(
        seen(service_account).iter().any(|(rule, span)| rule == "secret.private-key" && span.ends_with("KEY-----"))
    );
    assert!(scan("-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----").is_empty());
    assert!(scan("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----").is_empty());
}

#[test]
fn passwords_in_urls_and_headers_are_found_without_their_surroundings() {
    for (rule, text, value) in [
        ("secret.connection-string", "postgres://app:s3cr3tPw@db:5432/x", "s3cr3tPw"),
        ("secret.connection-string", "mongodb+srv://u:p%40ss@h.example/x", "p%40ss"),
        ("secret.connection-string", "redis://:hunter2@cache:6379", "hunter2"),
        ("secret.connection-string", "https://bob:a@b@host/", "a@b"),
        ("secret.http.basic", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA=="),
        ("secret.http.bearer", "authorization: bearer a8Kd93kLs02Mdk29sLwe8s", "a8Kd93kLs02Mdk29sLwe8s"),
        ("secret.generic.password", "password: hunter2", "hunter2"),
        ("secret.generic.password", "DB_PASSWORD=\"pa ss w0rd!\"", "pa ss w0rd!"),
        ("secret.generic.password", "my password is Tr0ub4dor&3", "Tr0ub4dor"),
        ("secret.generic.password", "the password is: hunter2.", "hunter2"),
        ("secret.generic.password", "{\\\"password\\\": \\\"hunter22\\\"}", "hunter22"),
        ("secret.generic.assignment", "api_key = \"a8Kd93kLs02Mdk29\"", "a8Kd93kLs02Mdk29"),
        ("secret.generic.assignment", "client_secret=a8Kd93kLs02Mdk29&x=1", "a8Kd93kLs02Mdk29"),
        (
            "secret.generic.assignment",
            "X-Api-Key: 550e8400-e29b-41d4-a716-446655440000",
            "550e8400-e29b-41d4-a716-446655440000",
        ),
    ] {
        assert!(seen(text).contains(&(rule.to_owned(), value.to_owned())), "{text}: {:?}", seen(text));
    }
}

#[test]
fn near_misses_stay_silent() {
    let image = format!("data:image/png;base64,{}", noise(&format!("{ALNUM}+/"), 20_000));
    let texts = [
        "the id is 550e8400-e29b-41d4-a716-446655440000",
        "commit da39a3ee5e6b4b0d3255bfef95601890afd80709 fixes it",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-ant-your-key-goes-here-please-0000",
        "api_key = YOUR_API_KEY",
        "api_key = os.environ[\"OPENAI_API_KEY\"]",
        "api_key: ${OPENAI_API_KEY}",
        "password: <your password>",
        "password = getpass()",
        "Your password must contain 8 characters",
        "password: required",
        "The secret is patience.",
        "max_tokens: 4096, token_type: bearer",
        "total tokens: 123456789012345678",
        "the bearer of bad news, a basic understanding of it",
        "class=\"sk-toggleable__label-arrow sk-estimator-doc-link-fitted\"",
        "https://example.com:8080/@user and http://user@host/",
        "postgres://user:password@localhost/db and redis://:${PASS}@h",
        "task-force sk-learn risk-averse-investor-2024-report-for-everyone",
        "AKIA is the prefix; ghp_ too; AIzaSy… and eyJ.eyJ.eyJ",
        "secret_name = prod-db-credentials-01, token_url: https://a.example/oauth2/token1",
        "1234567890:AAA",
        image.as_str(),
    ];
    for text in texts {
        assert_eq!(seen(text), [], "{}", text.get(..60).unwrap_or(text));
    }
}

#[test]
fn github_token_without_its_checksum_counts_less() {
    let good = github_token("ghp_");
    let mut bad = good.clone();
    bad.replace_range(39..40, if good.ends_with('0') { "1" } else { "0" });
    assert!(scan(&good)[0].score > 0.95);
    assert!(scan(&bad)[0].score < 0.8);
}

#[test]
fn flood_of_secrets_becomes_one_sighting_to_the_end() {
    let text = "password: hunter2 ".repeat(MAX_SIGHTINGS + 50);
    let found = scan(&text);
    assert_eq!(found.len(), MAX_SIGHTINGS + 1);
    let last = found.last().expect("found");
    assert_eq!((last.rule.as_str(), last.span.end, last.score), ("secret.too-many", text.len(), 1.0));
    assert!(last.span.start <= found[MAX_SIGHTINGS - 1].span.end + 18);
}

#[test]
fn repeated_literals_cost_linear_time() {
    for row in table::rows() {
        for filler in ["", "="] {
            let unit = format!("{}{filler}", row.literal);
            let text = unit.repeat(12_000 / unit.len());
            let secrets = secrets();
            let took = cpu_time_of(|| secrets.scan(&text, &mut Vec::new()));
            assert!(took.as_millis() < 300, "{unit:?} took {took:?}");
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_spans_fit(
        parts in prop::collection::vec(prop_oneof![
            ".{0,6}",
            (0..table::rows().count()).prop_map(|index| table::rows().nth(index).expect("a row").literal.to_owned()),
            "[a-zA-Z0-9]{10,50}",
            "[=: \"'\\\\.@/-]{1,3}",
        ], 0..12)
    ) {
        scan(&parts.concat());
    }

    #[test]
    fn key_is_found_between_any_words(before in "[a-z é\u{4e2d}]{0,30}[ \"=(,]", after in "[ \",)\\n].{0,20}") {
        let key = format!("AKIA{}", noise(UPPER, 16));
        let text = format!("{before}{key}{after}");
        let at = before.len()..before.len() + key.len();
        prop_assert!(scan(&text).iter().any(|found| found.span == at));
    }
}
