//! Metrics: the text that services show, what Prometheus collected of it, and the two families of names.
//!
//! The manual and the platform's documents name metrics that its code does not export (`kb_event_loop_lag_seconds`); the
//! code has others (`process_event_loop_lag_ms`). An installation may relabel one to the other, so both are looked for.

mod text;

use serde_json::Value;

pub(super) use text::parse;

use super::context::Context;
use super::http::{self, HttpError};
use super::services::{Service, Services};

/// A value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: Vec<(String, String)>,
    pub(super) value: f64,
}

impl Sample {
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Who it is about: the service, else what Prometheus calls it.
    pub(super) fn subject(&self) -> String {
        let names = ["service", "serviceId", "job", "instance"];
        names.iter().find_map(|name| self.label(name)).unwrap_or("a service").to_owned()
    }
}

/// A metric under its two names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    /// As the code exports it.
    pub(super) exported: &'static str,
    /// As the manual calls it.
    pub(super) documented: &'static str,
    /// What makes a value of the documented one comparable with one of the exported.
    pub(super) factor: f64,
}

/// Bytes of memory of a process.
pub(super) const RSS: Family =
    Family { exported: "process_rss_bytes", documented: "kb_process_memory_rss_bytes", factor: 1.0 };
/// Milliseconds by which timers are late.
pub(super) const LAG: Family =
    Family { exported: "process_event_loop_lag_ms", documented: "kb_event_loop_lag_seconds", factor: 1000.0 };
/// Milliseconds of requests.
pub(super) const LATENCY: Family =
    Family { exported: "http_request_duration_ms", documented: "kb_http_request_duration_ms", factor: 1.0 };

/// Why there are no metrics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MetricsError {
    /// Nobody answered.
    #[error("{0}")]
    Http(#[from] HttpError),
    /// The answer is none of Prometheus.
    #[error("{0} does not answer like Prometheus")]
    NotPrometheus(String),
    /// Prometheus does not understand the question.
    #[error("Prometheus says: {0}")]
    Refused(String),
}

/// Where Prometheus is unless the user says otherwise.
const PROMETHEUS: &str = "http://127.0.0.1:9090";

/// The address of Prometheus.
pub(super) fn prometheus(context: &Context) -> &str {
    context.bases.get("prometheus").map_or(PROMETHEUS, String::as_str)
}

/// A document of Prometheus's API: what stands under `data`.
pub(super) fn api(context: &Context, path: &str) -> Result<Value, MetricsError> {
    let base = prometheus(context);
    let answer = http::get(context, &format!("{base}/api/v1/{path}"))?;
    let mut body = answer.json().ok_or_else(|| MetricsError::NotPrometheus(base.to_owned()))?;
    match body.get("status").and_then(Value::as_str) {
        Some("success") => Ok(body["data"].take()),
        Some("error") => {
            let told = body.get("error").and_then(Value::as_str).unwrap_or("no reason");
            Err(MetricsError::Refused(told.to_owned()))
        }
        _ => Err(MetricsError::NotPrometheus(base.to_owned())),
    }
}

/// The values of an expression at this moment.
pub(super) fn query(context: &Context, expression: &str) -> Result<Vec<Sample>, MetricsError> {
    let time = context.now as f64 / 1000.0;
    let data = api(context, &format!("query?query={}&time={time:.3}", escape(expression)))?;
    let series = data.get("result").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(series.iter().filter_map(|one| sample(one, one.get("value")?)).collect())
}

/// The values of an expression over the last milliseconds, in so many steps, for each series.
pub(super) fn range(
    context: &Context,
    expression: &str,
    milliseconds: u64,
    steps: u64,
) -> Result<Vec<Vec<Sample>>, MetricsError> {
    let end = context.now as f64 / 1000.0;
    let length = milliseconds as f64 / 1000.0;
    let step = (length / steps as f64).max(1.0);
    let path = format!(
        "query_range?query={}&start={:.3}&end={end:.3}&step={step:.3}",
        escape(expression),
        end - length
    );
    let data = api(context, &path)?;
    let series = data.get("result").and_then(Value::as_array).cloned().unwrap_or_default();
    let values = |one: &Value| {
        let points = one.get("values").and_then(Value::as_array).cloned().unwrap_or_default();
        points.iter().filter_map(|point| sample(one, point)).collect()
    };
    Ok(series.iter().map(values).collect())
}

/// What a series has at a point: `[seconds, "value"]`.
fn sample(series: &Value, point: &Value) -> Option<Sample> {
    let value: f64 = point.get(1)?.as_str()?.parse().ok()?;
    let metric = series.get("metric")?.as_object()?;
    let labels = metric.iter().filter(|(name, _)| *name != "__name__");
    Some(Sample {
        name: metric.get("__name__").and_then(Value::as_str).unwrap_or_default().to_owned(),
        labels: labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect(),
        value,
    })
}

/// What is known of a metric now.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) samples: Vec<Sample>,
    /// Who told: `Prometheus`, or `the services themselves`.
    pub(super) source: &'static str,
    /// Who could not be asked.
    pub(super) gaps: Vec<String>,
}

/// The values of a metric now, under either name: from Prometheus, or else from the services themselves.
pub(super) fn now(context: &Context, family: Family) -> Known {
    let mut known = Known { source: "Prometheus", ..Known::default() };
    let names = format!("{{__name__=~\"{}|{}\"}}", family.exported, family.documented);
    match query(context, &names) {
        Ok(samples) if !samples.is_empty() => known.samples = samples,
        Ok(_) => known.gaps.push("Prometheus has collected neither name".to_owned()),
        Err(error) => known.gaps.push(error.to_string()),
    }
    if known.samples.is_empty() {
        known.source = "the services themselves";
        let (samples, gaps) = scrape(context);
        let is_it = |sample: &Sample| sample.name == family.exported || sample.name == family.documented;
        known.samples = samples.into_iter().filter(is_it).collect();
        known.gaps.extend(gaps);
    }
    for sample in &mut known.samples {
        if sample.name == family.documented && family.documented != family.exported {
            sample.value *= family.factor;
        }
    }
    known
}

/// Every metric that the services show, with their name as the label `service`, and who does not answer.
pub(super) fn scrape(context: &Context) -> (Vec<Sample>, Vec<String>) {
    let services = Services::of(context);
    let wanted: Vec<_> = services
        .wanted(context)
        .filter(|service| service.health.is_some() && !service.is_container)
        .collect();
    let asked: Vec<_> = std::thread::scope(|scope| {
        let ask = |service: &'_ Service| {
            let url = service.metrics();
            scope.spawn(move || url.map(|url| http::get(context, &url)))
        };
        let threads: Vec<_> = wanted.iter().map(|service| (service, ask(service))).collect();
        threads.into_iter().map(|(service, thread)| (&service.id, thread.join().ok().flatten())).collect()
    });
    let (mut samples, mut gaps) = (Vec::new(), Vec::new());
    for (id, answer) in asked {
        match answer {
            Some(Ok(answer)) if answer.is_ok() => {
                for mut sample in parse(&String::from_utf8_lossy(&answer.body)) {
                    sample.labels.push(("service".to_owned(), id.clone()));
                    samples.push(sample);
                }
            }
            Some(Ok(answer)) => gaps.push(format!("{id} answers {} for its metrics", answer.status)),
            Some(Err(error)) => gaps.push(format!("{id}: {error}")),
            None => gaps.push(format!("{id} has no address")),
        }
    }
    (samples, gaps)
}

/// Percent-encodes what stands in a query (RFC 3986 section 2.3 lists what need not be).
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
