//! The load of the benchmark: 32 kept-alive connections, each sending its next request when the last answer is there.
//! Measures what the proxy's process spent (user + system time of `/proc/PID/stat`) for each request, and latencies.
//!
//! Usage: `load SECONDS KEY nginx=ADDRESS,PID gateway=ADDRESS,PID` — SECONDS for each of the 28 measurements.

use std::fmt::Write as _;
use std::io::{Error, Result};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CONNECTIONS: u64 = 32;

/// Kernel clock ticks a second in `/proc/PID/stat`; 100 on every Linux that Rust's standard library runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Rounds over all proxies, so that a slow moment of the machine does not hit one of them alone.
const ROUNDS: usize = 2;

/// Different bodies of the `seen` mode; sent again and again.
const SEEN_BODIES: u64 = 8;

#[derive(Clone)]
struct Proxy {
    name: String,
    address: SocketAddr,
    pid: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Text {
    /// The same few bodies again.
    Seen,
    /// Every body has text that was never sent before.
    New,
}

#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    body_bytes: usize,
    streamed: bool,
}

const CASES: [Case; 4] = [
    Case { name: "400 B", body_bytes: 400, streamed: false },
    Case { name: "8 KB", body_bytes: 8 * 1024, streamed: false },
    Case { name: "64 KB", body_bytes: 64 * 1024, streamed: false },
    Case { name: "stream of 60", body_bytes: 400, streamed: true },
];

/// What was measured of one proxy in one case, all rounds together.
#[derive(Default, Clone)]
struct Measured {
    cpu_seconds: f64,
    requests: u64,
    errors: u64,
    latencies_us: Vec<u32>,
}

impl Measured {
    fn cpu_us(&self) -> f64 {
        self.cpu_seconds * 1e6 / (self.requests.max(1) as f64)
    }

    fn latency(&mut self, percent: usize) -> u32 {
        self.latencies_us.sort_unstable();
        let index = self.latencies_us.len() * percent / 100;
        self.latencies_us.get(index).copied().unwrap_or_default()
    }

    fn latencies(&mut self) -> String {
        format!("{}/{}", self.latency(50), self.latency(99))
    }

    fn add(&mut self, other: Self) {
        self.cpu_seconds += other.cpu_seconds;
        self.requests += other.requests;
        self.errors += other.errors;
        self.latencies_us.extend(other.latencies_us);
    }
}

/// A chat request of about `len` bytes. Equal seeds give equal bodies.
fn body(len: usize, streamed: bool, seed: u64) -> String {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut text = String::with_capacity(len + 256);
    let _ = write!(
        text,
        r#"{{"model":"gpt-4o-mini","temperature":0.7,"stream":{streamed},"messages":[{{"role":"system","content":"You are a helpful assistant of a ferry company."}}"#
    );
    let mut role = "user";
    loop {
        let _ = write!(text, r#",{{"role":"{role}","content":""#);
        let until = (text.len() + 900).min(len.saturating_sub(4));
        loop {
            text.push_str(random.word());
            if text.len() >= until {
                break;
            }
            text.push(' ');
        }
        text.push_str("\"}");
        if text.len() + 64 >= len && role == "user" {
            break;
        }
        role = if role == "user" { "assistant" } else { "user" };
    }
    text.push_str("]}");
    text
}

/// Xorshift: the same words for the same seed, quick enough not to be the bottleneck.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn word(&mut self) -> &'static str {
        const WORDS: [&str; 64] = [
            "the",
            "a",
            "of",
            "to",
            "and",
            "in",
            "harbour",
            "ferry",
            "island",
            "ticket",
            "morning",
            "evening",
            "train",
            "bicycle",
            "weather",
            "wind",
            "small",
            "early",
            "late",
            "which",
            "when",
            "price",
            "family",
            "child,",
            "return",
            "single",
            "would",
            "please",
            "booking",
            "number",
            "island.",
            "between",
            "before",
            "after",
            "about",
            "summer",
            "winter",
            "crossing",
            "cabin",
            "window",
            "seat",
            "luggage",
            "allowed",
            "company",
            "office",
            "opens",
            "closes",
            "Monday",
            "Sunday",
            "captain",
            "bridge",
            "water",
            "delay",
            "refund",
            "question",
            "answer",
            "because",
            "travel",
            "north",
            "south",
            "it's",
            "\\\"express\\\"",
            "caf\u{e9}",
            "18",
        ];
        WORDS[usize::try_from(self.next() >> 58).unwrap_or_default()]
    }
}

fn request(key: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: bench.test\r\nuser-agent: load/1\r\nauthorization: Bearer {key}\r\n\
         accept: application/json\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Reads one answer into `buffer`; whether it was a 200.
async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<bool> {
    buffer.clear();
    let head_end = loop {
        if let Some(at) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            break at + 4;
        }
        read_more(stream, buffer).await?;
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).to_ascii_lowercase();
    let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length:"));
    if let Some(length) = length {
        let length: usize = length.trim().parse().map_err(Error::other)?;
        while buffer.len() < head_end + length {
            read_more(stream, buffer).await?;
        }
    } else {
        while !buffer.ends_with(b"\r\n0\r\n\r\n") {
            read_more(stream, buffer).await?;
        }
    }
    Ok(head.starts_with("http/1.1 200"))
}

async fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    match stream.read_buf(buffer).await? {
        0 => Err(Error::other("the proxy closed the connection")),
        _ => Ok(()),
    }
}

/// One connection until the deadline: latencies and errors.
async fn connection(
    proxy: Proxy,
    key: String,
    case: Case,
    text: Text,
    number: u64,
    until: Instant,
) -> Result<Measured> {
    let mut stream = TcpStream::connect(proxy.address).await?;
    stream.set_nodelay(true)?;
    let seen: Vec<_> =
        (1..=SEEN_BODIES).map(|seed| request(&key, &body(case.body_bytes, case.streamed, seed))).collect();
    // Seeds of new texts must differ between connections and between runs.
    let started = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_err(Error::other)?;
    let mut seed = started.as_nanos() as u64 ^ (number << 56);
    let mut measured = Measured::default();
    let mut buffer = Vec::with_capacity(64 * 1024);
    while Instant::now() < until {
        seed = seed.wrapping_add(1);
        let fresh = (text == Text::New).then(|| request(&key, &body(case.body_bytes, case.streamed, seed)));
        let bytes = fresh.as_ref().unwrap_or(&seen[(seed % SEEN_BODIES) as usize]);
        let begun = Instant::now();
        stream.write_all(bytes).await?;
        let good = read_answer(&mut stream, &mut buffer).await?;
        measured.latencies_us.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
        measured.requests += 1;
        measured.errors += u64::from(!good);
    }
    Ok(measured)
}

/// User and system time of a process so far, in seconds.
fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/stat"))?).into_owned();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: f64 = after_name.split(' ').skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_SECOND)
}

async fn run(proxy: &Proxy, key: &str, case: Case, text: Text, duration: Duration) -> Result<Measured> {
    let before = cpu_seconds(proxy.pid)?;
    let until = Instant::now() + duration;
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|number| tokio::spawn(connection(proxy.clone(), key.to_owned(), case, text, number, until)))
        .collect();
    let mut all = Measured::default();
    for task in tasks {
        all.add(task.await.map_err(Error::other)??);
    }
    all.cpu_seconds = cpu_seconds(proxy.pid)? - before;
    Ok(all)
}

/// Both proxies in turn, [`ROUNDS`] times, each after a short warm-up.
async fn compare(
    nginx: &Proxy,
    gateway: &Proxy,
    key: &str,
    case: Case,
    text: Text,
    duration: Duration,
) -> Result<[Measured; 2]> {
    let mut sums = [Measured::default(), Measured::default()];
    for _ in 0..ROUNDS {
        for (proxy, sum) in [nginx, gateway].into_iter().zip(&mut sums) {
            run(proxy, key, case, text, duration / 10).await?;
            sum.add(run(proxy, key, case, text, duration).await?);
        }
    }
    Ok(sums)
}

fn parse(argument: &str) -> Option<Proxy> {
    let (name, rest) = argument.split_once('=')?;
    let (address, pid) = rest.split_once(',')?;
    Some(Proxy { name: name.to_owned(), address: address.parse().ok()?, pid: pid.parse().ok()? })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match arguments.as_slice() {
        [seconds, key, nginx, gateway] => {
            seconds.parse::<f64>().ok().zip(parse(nginx).zip(parse(gateway))).map(|rest| (rest, key.clone()))
        }
        _ => None,
    };
    let Some(((seconds, (nginx, gateway)), key)) = parsed else {
        eprintln!("usage: load SECONDS KEY nginx=ADDRESS,PID gateway=ADDRESS,PID");
        std::process::exit(2);
    };
    let duration = Duration::from_secs_f64(seconds);
    println!("CPU of the proxy per request in µs, and latency in µs; {CONNECTIONS} connections, text seen before\n");
    println!(
        "{:<13} {:>9} {:>9} {:>7} {:>17} {:>17}",
        "request", "nginx", "gateway", "ratio", "nginx p50/p99", "gateway p50/p99"
    );
    let mut seen_us = Vec::new();
    let mut errors = 0;
    for case in CASES {
        let [mut first, mut second] = compare(&nginx, &gateway, &key, case, Text::Seen, duration).await?;
        println!(
            "{:<13} {:>9.1} {:>9.1} {:>6.2}x {:>17} {:>17}",
            case.name,
            first.cpu_us(),
            second.cpu_us(),
            second.cpu_us() / first.cpu_us(),
            first.latencies(),
            second.latencies(),
        );
        errors += first.errors + second.errors;
        seen_us.push((first.cpu_us(), second.cpu_us()));
    }
    println!("\nText that was never sent before; what nginx spends more on it is not inspection and is subtracted\n");
    println!("{:<13} {:>9} {:>9} {:>12} {:>17}", "request", "nginx", "gateway", "µs per KB", "gateway p50/p99");
    for (case, (nginx_seen, gateway_seen)) in CASES.into_iter().zip(seen_us).filter(|(case, _)| !case.streamed) {
        let [first, mut second] = compare(&nginx, &gateway, &key, case, Text::New, duration).await?;
        let inspection = (second.cpu_us() - gateway_seen) - (first.cpu_us() - nginx_seen);
        println!(
            "{:<13} {:>9.1} {:>9.1} {:>12.1} {:>17}",
            case.name,
            first.cpu_us(),
            second.cpu_us(),
            inspection / (case.body_bytes as f64 / 1024.0),
            second.latencies(),
        );
        errors += first.errors + second.errors;
    }
    println!("\n{errors} answers were not 200 ({} and {})", nginx.name, gateway.name);
    if errors > 0 { Err(Error::other("a benchmark of errors measures nothing")) } else { Ok(()) }
}
