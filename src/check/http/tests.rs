//! Requests against listeners that answer well, badly, late or not at all.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::check::tests::context;

/// A listener that gives one answer and then waits.
fn server(answer: &'static [u8], wait: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let _ = stream.read(&mut request);
        // The client may have left by then.
        let _ = stream.write_all(answer);
        thread::sleep(wait);
    });
    format!("http://{address}/health")
}

#[test]
fn answers_are_read_by_length_by_chunks_and_to_the_end() {
    let context = context(Path::new("/srv"));
    for answer in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokrest"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nok",
    ] {
        let found = get(&context, &server(answer, Duration::ZERO)).unwrap();
        assert_eq!((found.status, &found.body[..]), (200, &b"ok"[..]));
    }
}

#[test]
fn redirects_are_answers() {
    let context = context(Path::new("/srv"));
    let answer = b"HTTP/1.1 302 Found\r\nLocation: http://example.org/\r\nContent-Length: 0\r\n\r\n";
    let found = get(&context, &server(answer, Duration::ZERO)).unwrap();
    assert_eq!((found.status, found.header("location")), (302, Some("http://example.org/")));
    assert!(!found.is_ok());
}

#[test]
fn what_is_no_answer_is_told_apart_and_takes_no_longer_than_allowed() {
    let mut context = context(Path::new("/srv"));
    context.timeout = Duration::from_millis(200);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = get(&context, &format!("http://{free}/")).unwrap_err();
    assert_eq!(refused, HttpError::Refused(free.to_string()));
    let started = Instant::now();
    let late = server(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", Duration::from_secs(2));
    assert!(matches!(get(&context, &late), Err(HttpError::Timeout(_, 200))));
    assert!(started.elapsed() < Duration::from_secs(1));
    let closed = get(&context, &server(b"", Duration::ZERO)).unwrap_err();
    assert!(matches!(closed, HttpError::Closed(_)), "{closed}");
    let other = get(&context, &server(b"SSH-2.0-OpenSSH_9.2\r\n", Duration::ZERO)).unwrap_err();
    assert!(matches!(other, HttpError::NotHttp(_)), "{other}");
}

#[test]
fn only_what_the_user_allows_is_asked() {
    let mut context = context(Path::new("/srv"));
    assert_eq!(get(&context, "http://192.0.2.1/").unwrap_err(), HttpError::NotLocal("192.0.2.1".into()));
    context.network = Network::Off;
    let error = get(&context, "http://127.0.0.1:1/").unwrap_err();
    assert!(error.is_untried(), "{error}");
}

#[test]
fn addresses_are_taken_apart() {
    let parts = |url| Address::parse(url).map(|found| (found.host, found.port, found.target));
    assert_eq!(parts("http://a"), Ok(("a".into(), 80, "/".into())));
    assert_eq!(parts("http://[::1]:4000?x#y"), Ok(("::1".into(), 4000, "/?x".into())));
    assert!(matches!(parts("https://a/"), Err(HttpError::NeedsTls(_))));
    for bad in ["ftp://a", "http://", "http://u:p@a/", "http://a/\r\nX: y", "http://a:99999/", "http://a:/"] {
        assert!(matches!(parts(bad), Err(HttpError::BadAddress(_))), "{bad}");
    }
}
