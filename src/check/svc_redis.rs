//! `svc.redis`: whether the cache answers, and whether it throws away what it should keep.

use std::io::{Read as _, Write as _};
use std::time::Instant;

use super::context::Context;
use super::http::{self, Address, HttpError};
use super::json_text::Kind;
use super::services::Services;
use super::verdict::Verdict;
use super::{Check, Need, config_file, show};

pub(super) const CHECK: Check = Check {
    id: "svc.redis",
    title: "The cache answers and has memory left",
    why: "Without its cache every call goes to what lies behind it, and tokens of hosts are not found.",
    needs: &[Need::Network],
    answer,
};

const PORT: u16 = 6379;
/// What is asked: whether it is there, and how it is; neither changes anything.
const ASKED: &[u8] = b"PING\r\nINFO memory\r\nQUIT\r\n";
/// Bytes of an answer.
const MOST: u64 = 256 << 10;

fn answer(context: &Context) -> Vec<Verdict> {
    let adapter = config_file::value(context, &["platform", "adapters", "cache"]);
    let is_used = adapter.as_ref().and_then(|node| node.text()).is_some_and(|text| text.contains("redis"));
    let address = address(context);
    let place = format!("{}:{}", address.host, address.port);
    let started = Instant::now();
    let text = match ask(context, &address, started) {
        Ok(text) => text,
        Err(error) if error.is_untried() => {
            return vec![Verdict::unknown("redis", error.to_string()).at(place)];
        }
        Err(error) if is_used => {
            let value = format!("{error}: every call misses the cache");
            return vec![Verdict::fail("redis", value).expected("PONG").fix("kb-dev start redis").at(place)];
        }
        Err(error) => {
            return vec![Verdict::warn("redis", format!("{error}; {}", unused(context))).at(place)];
        }
    };
    vec![judge(context, &text, &show::duration(started.elapsed())).at(place)]
}

fn judge(context: &Context, text: &str, took: &str) -> Verdict {
    let first = text.lines().next().unwrap_or_default();
    if first.starts_with("-NOAUTH") || first.starts_with("-WRONGPASS") {
        return Verdict::pass("redis", format!("answers in {took}, and asks for a password"));
    }
    if first.starts_with("-LOADING") {
        return Verdict::warn("redis", "it is still loading its data").fix("ask again in a minute");
    }
    if first != "+PONG" {
        let told = context.shorten(first, 60);
        return Verdict::fail("redis", format!("it does not answer like Redis: {told}")).expected("PONG");
    }
    let number = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok());
    let (used, most) = (number("used_memory:"), number("maxmemory:").filter(|most| *most > 0));
    match used.zip(most) {
        Some((used, most)) => {
            let share = used.saturating_mul(100) / most;
            let value = format!("PONG in {took}, {} of {} ({share} %)", show::bytes(used), show::bytes(most));
            match share {
                95.. => Verdict::warn("redis", value)
                    .expected("below 95 %")
                    .fix("it throws entries away: raise maxmemory, or find what fills it"),
                _ => Verdict::pass("redis", value),
            }
        }
        None => {
            let used = used.map_or_else(String::new, |used| format!(", {} in use", show::bytes(used)));
            Verdict::pass("redis", format!("PONG in {took}{used}"))
        }
    }
}

fn ask(context: &Context, address: &Address, started: Instant) -> Result<String, HttpError> {
    let name = format!("{}:{}", address.host, address.port);
    let mut stream = http::connect(context, address, started + context.timeout)?;
    let failed = |error: std::io::Error| HttpError::Failed(name.clone(), error.to_string());
    let limits = stream.set_write_timeout(Some(context.timeout));
    limits.and_then(|()| stream.set_read_timeout(Some(context.timeout))).map_err(failed)?;
    stream.write_all(ASKED).map_err(failed)?;
    let mut bytes = Vec::new();
    // It closes after QUIT; what came before a timeout still says something.
    let read = stream.take(MOST).read_to_end(&mut bytes);
    if bytes.is_empty() {
        let timeout = u64::try_from(context.timeout.as_millis()).unwrap_or(u64::MAX);
        return Err(match read {
            Ok(_) => HttpError::Closed(name),
            Err(_) => HttpError::Timeout(name, timeout),
        });
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Where it is: as the user says, the configuration, or the list of services. A password in an address is not used.
fn address(context: &Context) -> Address {
    let option = |key: &str| config_file::value(context, &["platform", "adapterOptions", "cache", key]);
    let text = |key: &str| option(key).and_then(|node| node.text().map(str::to_owned));
    let url = context.bases.get("redis").cloned().or_else(|| text("url"));
    let parsed = url.and_then(|url| {
        let (_, rest) = url.split_once("://")?;
        let authority = rest.split('/').next()?.rsplit('@').next()?;
        Address::parse(&format!("http://{authority}")).ok().map(|address| {
            let has_port = authority.rsplit(':').next().is_some_and(|port| port.parse::<u16>().is_ok());
            Address { port: if has_port { address.port } else { PORT }, ..address }
        })
    });
    let told = option("port").and_then(|node| match node.kind {
        Kind::Number(port) => Some(port as u16),
        _ => None,
    });
    let listed = Services::of(context).get("redis").and_then(|service| service.port);
    let host = text("host").filter(|host| !host.contains('$')).unwrap_or_else(|| "127.0.0.1".to_owned());
    parsed.unwrap_or_else(|| Address { host, port: told.or(listed).unwrap_or(PORT), target: "/".to_owned() })
}

/// Why it may be fine that it does not answer.
fn unused(context: &Context) -> String {
    config_file::problem(context).unwrap_or_else(|| "the configuration does not use it".to_owned())
}
