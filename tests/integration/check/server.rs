//! A service: a listener of this process that answers by path, as slowly as wanted.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// What a path answers.
#[derive(Clone)]
pub(crate) struct Page {
    path: String,
    status: u16,
    body: String,
    delay: Duration,
}

/// A page that answers at once.
pub(crate) fn page(path: &str, status: u16, body: &str) -> Page {
    Page { path: path.to_owned(), status, body: body.to_owned(), delay: Duration::ZERO }
}

impl Page {
    /// The same, later.
    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// A listener on a free port; it ends with the test.
pub(crate) struct Server {
    pub(crate) port: u16,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Answers with these pages, and 404 for all others. A page answers for its path with any query.
    pub(crate) fn start(pages: impl IntoIterator<Item = Page>) -> Self {
        let pages: Arc<Vec<Page>> = Arc::new(pages.into_iter().collect());
        Self::with(move |path| {
            let bare = path.split('?').next().unwrap_or_default();
            let found = pages.iter().find(|page| page.path == path || page.path == bare);
            found.map_or((404, "{}".to_owned()), |page| {
                thread::sleep(page.delay);
                (page.status, page.body.clone())
            })
        })
    }

    /// Answers with what the function makes of a path.
    pub(crate) fn with(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, answer) = (Arc::clone(&stop), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let answer = Arc::clone(&answer);
                thread::spawn(move || drop(stream.map(|stream| serve(stream, &*answer))));
            }
        });
        Self { port, stop }
    }

    /// `http://127.0.0.1:4000`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// As an argument of `--base`.
    pub(crate) fn base(&self, name: &str) -> String {
        format!("{name}={}", self.url())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees that it is over.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn serve(stream: TcpStream, answer: &dyn Fn(&str) -> (u16, String)) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, body) = answer(path);
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// A port on which nobody listens.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
