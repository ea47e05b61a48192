//! A real Prometheus that collects from a local server: alerts that fire, both families of names, percentiles.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::server::{Server, free_port};
use super::{ask, assert_told, verdicts};
use crate::common::Sandbox;

/// How long it may take to start, to collect and to evaluate.
const PATIENCE: Duration = Duration::from_secs(60);

struct Prometheus {
    child: Child,
    port: u16,
}

impl Prometheus {
    fn start(sandbox: &Sandbox, target: u16) -> Self {
        sandbox.write("prometheus/rules.yml", RULES);
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [rules.yml]\nscrape_configs:\n  - job_name: rest\n    static_configs: [{{ targets: ['127.0.0.1:{target}'] }}]\n"
        );
        let config = sandbox.write("prometheus/prometheus.yml", config);
        let port = free_port();
        let child = Command::new(program())
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", sandbox.path("prometheus/data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, port }
    }

    fn base(&self) -> String {
        format!("prometheus=http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The program; a test without it would prove nothing.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|folder| folder.join("prometheus")).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("install it: apt-get install --no-install-recommends prometheus"))
}

const RULES: &str = "groups:
  - name: kb
    rules:
      - alert: KbEventLoopLag
        expr: process_event_loop_lag_ms > 100
        annotations: { summary: 'the loop is late' }
      - alert: KbHighErrorRate
        expr: vector(0) > 1
";

/// What the service shows at its so many-th time: every second brings a hundred requests, two of which are slow.
fn metrics(time: u64) -> String {
    let total = time * 100;
    let mut text = format!(
        "process_event_loop_lag_ms 212\nkb_process_memory_rss_bytes 1073741824\nworkflow_runs_total{{status=\"running\"}} 8\nworkflow_runs_total{{status=\"queued\"}} 3\nhttp_requests_total{{route=\"/api/v1/plan\"}} {total}\n"
    );
    for (le, count) in [("100", total - time * 2), ("10000", total), ("+Inf", total)] {
        text += &format!("http_request_duration_ms_bucket{{route=\"/api/v1/plan\",le=\"{le}\"}} {count}\n");
    }
    text + &format!("http_request_duration_ms_count{{route=\"/api/v1/plan\"}} {total}\n")
}

#[test]
fn alerts_lag_jobs_and_percentiles_are_asked_of_prometheus() {
    let sandbox = Sandbox::new();
    let times = AtomicU64::new(0);
    let target = Server::with(move |path| match path {
        "/metrics" => (200, metrics(times.fetch_add(1, Ordering::Relaxed) + 1)),
        _ => (404, String::new()),
    });
    let prometheus = Prometheus::start(&sandbox, target.port);
    let base = prometheus.base();
    let started = Instant::now();
    let checks = ["prom.alert", "prom.lag", "prom.jobs", "prom.p99", "mem.rss", "--base", &base];
    let run = loop {
        let run = ask(&sandbox, checks);
        let fires =
            verdicts(&run, "prom.alert").iter().any(|one| one.starts_with("fail KbEventLoopLag: firing"));
        let is_measured = verdicts(&run, "prom.p99").iter().any(|one| one.contains("/api/v1/plan p99"));
        if fires && is_measured {
            break run;
        }
        assert!(started.elapsed() < PATIENCE, "{run:?}");
        thread::sleep(Duration::from_millis(500));
    };
    let told = verdicts(&run, "prom.alert");
    assert_told(&told, "fail KbEventLoopLag: firing", &["job=rest"]);
    assert_told(&told, "unknown KbGatewayDown: no such rule on this server", &[]);
    assert!(!told.iter().any(|one| one.contains("KbHighErrorRate")), "{told:?}");
    assert_told(
        &verdicts(&run, "prom.lag"),
        "warn rest: process_event_loop_lag_ms=212 ms, by Prometheus",
        &[],
    );
    assert_told(&verdicts(&run, "prom.p99"), "fail rest: /api/v1/plan p99", &["s (no base)"]);
    assert_told(&verdicts(&run, "mem.rss"), "pass services: rest 1.0 GiB, by Prometheus", &[]);
    let jobs = verdicts(&run, "prom.jobs");
    assert_told(&jobs, "", &["running 8, queued 3"]);
}
