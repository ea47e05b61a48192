//! A request: one GET over plain HTTP/1.1, with limits on time and size, to this machine unless allowed otherwise.
//!
//! Redirects are not followed: where a service sends its callers is part of the answer. Section numbers are those of
//! RFC 9112.

mod body;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::context::{Context, Network};

/// What a service answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// Such as 200.
    pub(super) status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    /// Without transfer encoding; cut at the limit.
    pub(super) body: Vec<u8>,
    /// From the connection to the last byte.
    pub(super) elapsed: Duration,
}

impl Answer {
    /// The first header of this name, in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Whether the status is 2xx.
    pub(super) fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HttpError {
    /// The user allows no connections.
    #[error("the network is off")]
    Off,
    /// The user allows connections to this machine only.
    #[error("{0} is another machine, and only this one may be asked")]
    NotLocal(String),
    /// The address is not understood.
    #[error("{0} is no http:// address")]
    BadAddress(String),
    /// This needs TLS, which this client has not.
    #[error("{0} needs TLS, which this check does not speak")]
    NeedsTls(String),
    /// The name is not known.
    #[error("the name {0} is not known")]
    NoSuchHost(String),
    /// Nobody listens.
    #[error("connection refused by {0}")]
    Refused(String),
    /// It took too long.
    #[error("no answer from {0} within {1} ms")]
    Timeout(String, u64),
    /// It closed before it had answered.
    #[error("{0} closed the connection without an answer")]
    Closed(String),
    /// It answered something else than HTTP.
    #[error("{0} does not speak HTTP")]
    NotHttp(String),
    /// The system says no.
    #[error("{0}: {1}")]
    Failed(String, String),
}

impl HttpError {
    /// Whether the request was not even tried, so that nothing is known.
    pub(super) fn is_untried(&self) -> bool {
        matches!(self, Self::Off | Self::NotLocal(_) | Self::BadAddress(_) | Self::NeedsTls(_))
    }
}

/// The most bytes of an answer that are kept.
const MOST_BYTES: usize = 8 << 20;
/// The most bytes of status line and headers.
const MOST_HEAD: usize = 64 << 10;

/// An address in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query, at least `/`.
    pub(super) target: String,
}

impl Address {
    /// Reads `http://host:port/path?query`. User names and passwords are refused: they would be sent in the clear.
    pub(super) fn parse(url: &str) -> Result<Self, HttpError> {
        let bad = || HttpError::BadAddress(url.to_owned());
        if url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://")) {
            return Err(HttpError::NeedsTls(url.to_owned()));
        }
        let rest = url.strip_prefix("http://").ok_or_else(bad)?;
        let (authority, target) = rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at(at));
        let target = target.split('#').next().unwrap_or_default();
        let printable = |text: &str| text.bytes().all(|byte| (0x21..0x7f).contains(&byte));
        if authority.contains('@') || !printable(authority) || !printable(target) {
            return Err(bad());
        }
        let bracketed = authority.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (host, port) = match bracketed {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(80), |port| port.parse().map_err(|_| bad()))?;
        if host.is_empty() {
            return Err(bad());
        }
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Self { host: host.to_owned(), port, target })
    }

    fn shown(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{host}:{}", self.port)
    }
}

/// Asks for a document.
pub(super) fn get(context: &Context, url: &str) -> Result<Answer, HttpError> {
    let address = Address::parse(url)?;
    let started = Instant::now();
    let deadline = started + context.timeout;
    let stream = connect(context, &address, deadline)?;
    let mut exchange = Exchange { stream, name: address.shown(), deadline, timeout: context.timeout };
    let accept = "application/json, text/plain;q=0.9, */*;q=0.1";
    let head = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: kbsec\r\nAccept: {accept}\r\nConnection: close\r\n\r\n",
        address.target,
        address.shown()
    );
    exchange.send(head.as_bytes())?;
    let (status, headers, rest) = exchange.head()?;
    let mut answer = Answer { status, headers, body: Vec::new(), elapsed: Duration::ZERO };
    answer.body = exchange.body(&answer, rest)?;
    answer.elapsed = started.elapsed();
    Ok(answer)
}

/// Opens a connection, for services that do not speak HTTP too.
pub(super) fn connect(
    context: &Context,
    address: &Address,
    deadline: Instant,
) -> Result<TcpStream, HttpError> {
    if context.network == Network::Off {
        return Err(HttpError::Off);
    }
    let name = address.shown();
    let timeout = || HttpError::Timeout(name.clone(), milliseconds(context.timeout));
    let addresses = resolve(address, deadline).ok_or_else(timeout)??;
    if context.network == Network::Local && !addresses.iter().all(|address| address.ip().is_loopback()) {
        return Err(HttpError::NotLocal(address.host.clone()));
    }
    let mut last = HttpError::NoSuchHost(address.host.clone());
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(timeout());
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = told(&error, &name, context.timeout),
        }
    }
    Err(last)
}

/// Looks a name up. That cannot be interrupted, so another thread does it, and is left behind when it takes too long.
fn resolve(address: &Address, deadline: Instant) -> Option<Result<Vec<SocketAddr>, HttpError>> {
    let (host, port) = (address.host.clone(), address.port);
    if let Ok(ip) = host.parse() {
        return Some(Ok(vec![SocketAddr::new(ip, port)]));
    }
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs();
        let found = found.map(Iterator::collect).map_err(|_| HttpError::NoSuchHost(host));
        // Nobody listens any more if it took too long.
        let _ = tell.send(found);
    });
    told.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
}

/// A connection during one request.
struct Exchange {
    stream: TcpStream,
    name: String,
    deadline: Instant,
    timeout: Duration,
}

impl Exchange {
    fn send(&mut self, bytes: &[u8]) -> Result<(), HttpError> {
        let sent = self.stream.set_write_timeout(Some(self.timeout));
        sent.and_then(|()| self.stream.write_all(bytes)).map_err(|error| self.told(&error))
    }

    /// Reads some more bytes; 0 at the end.
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, HttpError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(HttpError::Timeout(self.name.clone(), milliseconds(self.timeout)));
        }
        loop {
            let read = self.stream.set_read_timeout(Some(left)).and_then(|()| self.stream.read(bytes));
            match read {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read.map_err(|error| self.told(&error)),
            }
        }
    }

    /// Status, headers, and what came after them.
    fn head(&mut self) -> Result<Head, HttpError> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let read = self.read(&mut buffer)?;
            bytes.extend_from_slice(&buffer[..read]);
            if !b"HTTP/".starts_with(&bytes[..bytes.len().min(5)]) || bytes.len() > MOST_HEAD {
                return Err(HttpError::NotHttp(self.name.clone()));
            }
            if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
                let rest = bytes.split_off(end + 4);
                return parse_head(&bytes, rest).ok_or_else(|| HttpError::NotHttp(self.name.clone()));
            }
            if read == 0 {
                return Err(HttpError::Closed(self.name.clone()));
            }
        }
    }

    /// The body: by chunks, by its length, or up to the end (section 6.3).
    fn body(&mut self, answer: &Answer, rest: Vec<u8>) -> Result<Vec<u8>, HttpError> {
        let is_chunked = answer
            .header("transfer-encoding")
            .is_some_and(|how| how.to_ascii_lowercase().contains("chunked"));
        let length = answer.header("content-length").and_then(|length| length.trim().parse::<usize>().ok());
        let mut bytes = rest;
        let mut buffer = [0; 16 << 10];
        loop {
            let done = match (is_chunked, length) {
                (true, _) => body::is_complete(&bytes),
                (false, Some(length)) => bytes.len() >= length,
                (false, None) => false,
            };
            if done || bytes.len() >= MOST_BYTES {
                break;
            }
            match self.read(&mut buffer)? {
                0 => break,
                read => bytes.extend_from_slice(&buffer[..read]),
            }
        }
        bytes.truncate(MOST_BYTES.min(length.filter(|_| !is_chunked).unwrap_or(MOST_BYTES)));
        Ok(if is_chunked { body::joined(&bytes) } else { bytes })
    }

    fn told(&self, error: &std::io::Error) -> HttpError {
        told(error, &self.name, self.timeout)
    }
}

type Head = (u16, Vec<(String, String)>, Vec<u8>);

fn parse_head(bytes: &[u8], rest: Vec<u8>) -> Option<Head> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let header = |line: &str| {
        line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    Some((status, lines.filter_map(header).collect(), rest))
}

fn told(error: &std::io::Error, name: &str, timeout: Duration) -> HttpError {
    let name = name.to_owned();
    match error.kind() {
        ErrorKind::ConnectionRefused => HttpError::Refused(name),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => HttpError::Timeout(name, milliseconds(timeout)),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
            HttpError::Closed(name)
        }
        _ => HttpError::Failed(name, error.to_string()),
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
