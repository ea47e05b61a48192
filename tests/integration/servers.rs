//! Servers on the loopback, so that proofs and pushes meet the protocols of real ones: `git daemon` and HTTP.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::common::Sandbox;
use crate::proofs::{SHA1, purge, rewritten, value};

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that ends with the test.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts a program that listens on the port that `arguments` puts into its arguments; `None` if it is not there.
    fn start(sandbox: &Sandbox, program: &str, arguments: impl Fn(u16) -> Vec<String>) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = sandbox.program(program, arguments(port)).into_command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Self { child: command.spawn().ok()?, port };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if server.child.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(start.elapsed() < PATIENCE, "{program} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The part between HTTP and `git http-backend`, which is a CGI program.
const GATEWAY: &str = r#"
import http.server, os, subprocess, sys
class Gateway(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        env = dict(os.environ, PATH_INFO=path, QUERY_STRING=query, REQUEST_METHOD=self.command,
            CONTENT_TYPE=self.headers.get("Content-Type", ""), CONTENT_LENGTH=str(len(body)), REMOTE_USER="x",
            HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""),
            GIT_PROTOCOL=self.headers.get("Git-Protocol", ""), GIT_PROJECT_ROOT=sys.argv[2], GIT_HTTP_EXPORT_ALL="1")
        answer = subprocess.run(["git", "http-backend"], input=body, env=env, stdout=subprocess.PIPE).stdout
        head, _, content = answer.partition(b"\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = [int(value.split()[0]) for name, value in headers if name == "Status"]
        self.send_response((status or [200])[0])
        for name, value in headers:
            if name != "Status": self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
    do_POST = do_GET
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Gateway).serve_forever()
"#;

/// Pushes, and proves that the server is clean, which it is at the end only.
fn exercise(sandbox: &Sandbox, address: &str, password: &str) {
    sandbox.git(["-C", "dev", "remote", "set-url", "origin", address]);
    let run = |arguments: &[&str]| {
        let run = sandbox.kbsec([&["rewrite"], arguments].concat()).run();
        run.keeps(&value()).keeps(password)
    };
    let prove =
        ["prove", "dev", "--value-file", "value", "--maps", "maps", "--before", "before.git", "--remote"];
    let prove = [&prove[..], &["origin"]].concat();
    drop(run(&prove).code(1).says("P3 still-on-ref").says("refs/heads/main (it points to the old history)"));
    let push = ["push", "dev", "--maps", "maps", "--remote", "origin"];
    let plan = run(&[&push[..], &["--dry-run"]].concat()).code(0);
    let digits = plan.stdout.lines().find_map(|line| line.strip_prefix("plan ")).unwrap();
    drop(run(&[&push[..], &["--confirm", digits]].concat()).code(3).says("every reference is new"));
    drop(run(&prove).code(1).says("P3 still-on-ref").says("refs/pull/7/head"));
    sandbox.git(["-C", "origin.git", "update-ref", "-d", "refs/pull/7/head"]);
    drop(run(&prove).code(1).says("P3 still-served").says("handed out by its id"));
    purge(sandbox, "origin.git");
    drop(run(&prove).code(0).says("P3 gone"));
}

#[test]
fn the_git_protocol() {
    let sandbox = rewritten(SHA1);
    let base = sandbox.path("").to_string_lossy().into_owned();
    let server = Server::start(&sandbox, "git", |port| {
        let words = ["daemon", "--export-all", "--reuseaddr", "--listen=127.0.0.1", "--enable=receive-pack"];
        let mut words: Vec<String> = words.map(str::to_owned).to_vec();
        words.extend([format!("--port={port}"), format!("--base-path={base}"), base.clone()]);
        words
    });
    let Some(server) = server else { return };
    exercise(&sandbox, &format!("git://127.0.0.1:{}/origin.git", server.port), "no password");
}

#[test]
fn the_http_protocol_with_a_password_in_the_address() {
    let sandbox = rewritten(SHA1);
    let base = sandbox.path("").to_string_lossy().into_owned();
    let server = Server::start(&sandbox, "python3", |port| {
        vec!["-c".into(), GATEWAY.into(), port.to_string(), base.clone()]
    });
    let Some(server) = server else { return };
    let password = ["s3c", "ret-pw"].concat();
    exercise(&sandbox, &format!("http://me:{password}@127.0.0.1:{}/origin.git", server.port), &password);
}
