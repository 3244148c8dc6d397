//! The YAML of a test's gateway. The only place in these tests that knows the keys' names besides the tests that are
//! about one key.

use super::Mock;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The credential the gateway puts in for OpenAI-like upstreams.
pub const OPENAI_KEY: &str = "upstream-key-for-openai";
/// The credential the gateway puts in for Anthropic.
pub const ANTHROPIC_KEY: &str = "upstream-key-for-anthropic";

/// A key of a known client, and its SHA-256 in [`Config::one_client`].
pub const CLIENT_KEY: &str = "client-key-for-tests";

/// What a test's `gateway.yaml` says.
#[derive(Clone)]
pub struct Config {
    written: Option<String>,
    upstreams: Vec<(String, String)>,
    routes: String,
    clients: String,
    more: String,
    policies: Vec<(String, String)>,
}

/// The sockets of one gateway.
#[derive(Clone, Copy)]
pub struct Addresses {
    pub listener: SocketAddr,
    pub health: SocketAddr,
    pub admin: SocketAddr,
}

impl Config {
    /// One OpenAI and one Anthropic upstream, both at `mock`, without retries, behind an open route with the default policy.
    pub fn new(mock: &Mock) -> Self {
        let none = Self {
            written: None,
            upstreams: Vec::new(),
            routes: "  - { name: chat, path: /v1/, upstreams: [mock, claude], policy: default, access: open }\n".into(),
            clients: String::new(),
            more: String::new(),
            policies: Vec::new(),
        };
        none.upstream("mock", "openai", mock, "retries: { attempts: 0 }").upstream(
            "claude",
            "anthropic",
            mock,
            "retries: { attempts: 0 }",
        )
    }

    /// `upstreams:` written out by the test, and these routes.
    pub fn of(upstreams: &str, routes: &str) -> Self {
        Self {
            written: Some(format!("{}\n", upstreams.trim_end())),
            upstreams: Vec::new(),
            routes: format!("{}\n", routes.trim_end()),
            clients: String::new(),
            more: String::new(),
            policies: Vec::new(),
        }
    }

    /// Adds or replaces an upstream; `settings` are further keys in flow style.
    pub fn upstream(mut self, name: &str, provider: &str, mock: &Mock, settings: &str) -> Self {
        let key = if provider == "anthropic" { ANTHROPIC_KEY } else { OPENAI_KEY };
        let port = mock.port();
        let yaml =
            format!("{{ provider: {provider}, base_url: \"http://127.0.0.1:{port}\", api_key: {key}, {settings} }}");
        self.upstreams.retain(|(known, _)| known != name);
        self.upstreams.push((name.to_owned(), yaml));
        self
    }

    /// Replaces the routes; one list item per line, indented by two.
    pub fn routes(mut self, yaml: &str) -> Self {
        self.routes = format!("{}\n", yaml.trim_end());
        self
    }

    /// The chat route for known clients only, and one client with [`CLIENT_KEY`] and these limits (flow style).
    pub fn one_client(mut self, limits: &str) -> Self {
        let hash = sha256_hex(CLIENT_KEY);
        self.clients = format!("clients:\n  - {{ name: search-team, key_sha256: {hash}, limits: {{ {limits} }} }}\n");
        self.routes("  - { name: chat, path: /v1/, upstreams: [mock, claude], policy: default }")
    }

    /// Adds top-level keys.
    pub fn more(mut self, yaml: &str) -> Self {
        self.more.push_str(yaml.trim_end());
        self.more.push('\n');
        self
    }

    /// Adds or replaces a file of the policies' folder.
    pub fn policy(mut self, file: &str, yaml: &str) -> Self {
        self.policies.push((file.to_owned(), yaml.to_owned()));
        self
    }

    /// Writes `gateway.yaml` and its policies into `folder` and returns the file's path.
    pub fn write(&self, folder: &Path, addresses: Addresses) -> PathBuf {
        let policies = folder.join("policies");
        if !policies.exists() {
            copy_shipped_policies(&policies);
        }
        for (file, yaml) in &self.policies {
            std::fs::write(policies.join(file), yaml).expect("the temporary folder can be written");
        }
        let path = folder.join("gateway.yaml");
        std::fs::write(&path, self.render(&policies, addresses)).expect("the temporary folder can be written");
        path
    }

    fn render(&self, policies: &Path, addresses: Addresses) -> String {
        let listed: String = self.upstreams.iter().map(|(name, yaml)| format!("  {name}: {yaml}\n")).collect();
        let upstreams = self.written.clone().unwrap_or_else(|| format!("upstreams:\n{listed}"));
        format!(
            "listeners:\n  - address: {}\nhealth: {{ address: {} }}\nadmin: {{ address: {} }}\npolicies: {}\n\
             {upstreams}routes:\n{}{}{}",
            addresses.listener,
            addresses.health,
            addresses.admin,
            policies.display(),
            self.routes,
            self.clients,
            self.more,
        )
    }
}

/// What `portcullis keys new` puts into the YAML.
pub fn sha256_hex(text: &str) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The tests run with the policies that are shipped.
fn copy_shipped_policies(to: &Path) {
    std::fs::create_dir_all(to).expect("the temporary folder can be written");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    for entry in std::fs::read_dir(&shipped).expect("policies/ is shipped") {
        let path = entry.expect("policies/ can be listed").path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let name = path.file_name().expect("a listed file has a name");
            std::fs::copy(&path, to.join(name)).expect("the temporary folder can be written");
        }
    }
}
