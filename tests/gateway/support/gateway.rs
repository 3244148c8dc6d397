//! The real binary, started on free ports with a configuration of its own.

use super::client::{Answer, Connection, Request};
use super::config::{Addresses, Config};
use super::ports;
use super::wait::{DEADLINE, eventually};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_portcullis");

/// A running gateway; killed when dropped.
pub struct Gateway {
    child: Child,
    folder: TempDir,
    addresses: Addresses,
    stdout: Arc<Mutex<Vec<String>>>,
    stderr: Arc<Mutex<Vec<String>>>,
}

impl Gateway {
    /// Starts and waits until it is ready. A port that was taken meanwhile is another attempt.
    pub fn start(config: &Config) -> Self {
        for _ in 0..4 {
            let mut gateway = Self::spawn(config);
            if gateway.becomes_ready() {
                return gateway;
            }
            let log = gateway.log();
            assert!(log.to_lowercase().contains("in use"), "the gateway did not start:\n{log}");
        }
        panic!("no free ports in four attempts");
    }

    fn spawn(config: &Config) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let [listener, health, admin] = ports::free_addresses();
        let addresses = Addresses { listener, health, admin };
        let path = config.write(folder.path(), addresses);
        let mut child = Command::new(BINARY)
            .args(["serve", "--config"])
            .arg(path)
            .current_dir(folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = collect_lines(child.stdout.take().expect("stdout is piped"));
        let stderr = collect_lines(child.stderr.take().expect("stderr is piped"));
        Self { child, folder, addresses, stdout, stderr }
    }

    fn becomes_ready(&mut self) -> bool {
        let started = Instant::now();
        while started.elapsed() < 2 * DEADLINE {
            if let Ok(Some(_)) = self.child.try_wait() {
                return false;
            }
            if std::net::TcpStream::connect(self.addresses.health).is_ok() && self.health("/readyz").status == 200 {
                return true;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        panic!("the gateway did not become ready:\n{}", self.log());
    }

    /// Sends a request on a connection of its own and reads the answer.
    pub fn send(&self, request: &Request) -> Answer {
        self.send_raw(&request.render())
    }

    /// Sends these bytes on a connection of their own and reads the answer.
    pub fn send_raw(&self, bytes: &[u8]) -> Answer {
        let mut connection = self.connect();
        connection.send(bytes);
        connection.answer()
    }

    /// A connection to the listener.
    pub fn connect(&self) -> Connection {
        Connection::open(self.addresses.listener)
    }

    /// Whether the listener takes connections.
    pub fn listens(&self) -> bool {
        std::net::TcpStream::connect(self.addresses.listener).is_ok()
    }

    /// `GET` on the health listener.
    pub fn health(&self, path: &str) -> Answer {
        let mut connection = Connection::open(self.addresses.health);
        connection.send(&Request::get(path).render());
        connection.answer()
    }

    /// `GET` on the admin listener, as an operator on this machine.
    pub fn admin(&self, path: &str) -> Answer {
        self.send_to_admin(&Request::get(path).host("127.0.0.1"))
    }

    /// Sends a request to the admin listener.
    pub fn send_to_admin(&self, request: &Request) -> Answer {
        let mut connection = Connection::open(self.addresses.admin);
        connection.send(&request.render());
        connection.answer()
    }

    /// `/status`.
    pub fn status(&self) -> Value {
        self.admin("/status").json()
    }

    /// All records so far.
    pub fn records(&self) -> Vec<Value> {
        let lines = self.stdout.lock().expect("no thread panics with the lock");
        lines.iter().map(|line| serde_json::from_str(line).expect("each line of stdout is a JSON record")).collect()
    }

    /// Waits until there are `count` records and returns them.
    pub fn wait_for_records(&self, count: usize) -> Vec<Value> {
        eventually("the exchange was recorded", || Some(self.records()).filter(|records| records.len() >= count))
    }

    /// Everything it wrote: records and log.
    pub fn output(&self) -> String {
        let records = self.stdout.lock().expect("no thread panics with the lock").join("\n");
        format!("{records}\n{}", self.log())
    }

    /// Its log.
    pub fn log(&self) -> String {
        self.stderr.lock().expect("no thread panics with the lock").join("\n")
    }

    /// Writes another configuration with the same addresses over the present one.
    pub fn rewrite(&self, config: &Config) {
        config.write(self.folder.path(), self.addresses);
    }

    /// Where `gateway.yaml` is.
    pub fn config_path(&self) -> PathBuf {
        self.folder.path().join("gateway.yaml")
    }

    /// Sends a signal by its name (`HUP`, `TERM`).
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "the signal could not be sent");
    }

    /// Waits for the process to end.
    pub fn wait_for_exit(&mut self) -> ExitStatus {
        eventually("the process ended", || self.child.try_wait().expect("a child can be waited for"))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the gateway's log:\n{}", self.log());
        }
    }
}

fn collect_lines(pipe: impl Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let filled = Arc::clone(&lines);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let Ok(line) = line else { return };
            filled.lock().expect("no thread panics with the lock").push(line);
        }
    });
    lines
}

/// Runs the binary to its end with these arguments: exit code, standard output, standard error.
pub fn run(arguments: &[&str]) -> (i32, String, String) {
    let output =
        Command::new(BINARY).args(arguments).env_clear().stdin(Stdio::null()).output().expect("the binary starts");
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}
