//! The URLs that a request can go to: `http` and `https` in the form in which the standard for URLs writes them.
//!
//! A host in this form is lower-case ASCII or an address; there is no user name, since `fetch` refuses one.

use super::super::language::{Language, Pattern, TooLarge, Units};

/// What a host of this form may be made of, addresses in brackets aside (WHATWG URL, forbidden domain code points).
pub(super) fn in_host() -> Units {
    Units::among(&[('!', '"'), ('$', '$'), ('&', '.'), ('0', '9'), (';', ';'), ('=', '='), ('_', '~')])
}

/// The host of such a URL, without its port; an IPv6 address with its brackets. `None` for other texts.
#[must_use]
pub fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    match authority.find(']') {
        Some(end) => authority.get(..=end),
        None => authority.split(':').next(),
    }
}

/// All such URLs.
///
/// # Errors
/// None; the algebra has a limit, and this is far from it.
pub fn language() -> Result<Language, TooLarge> {
    let name = Pattern::new().one(in_host()).many(in_host());
    let address = Units::among(&[('0', ':'), ('a', 'f'), ('.', '.')]);
    let address = Pattern::new().text("[").one(address.clone()).many(address).text("]");
    Language::any([&name, &address].map(with_host))
}

/// All such URLs whose host matches a pattern that speaks of characters of hosts only.
pub(super) fn with_host(host: &Pattern) -> Result<Language, TooLarge> {
    let digits = Units::among(&[('0', '9')]);
    let visible = Units::among(&[('!', '~')]);
    let mut patterns = Vec::new();
    for scheme in ["https://", "http://"] {
        let named = Pattern::new().text(scheme).then(host);
        patterns.push(named.clone().text("/").many(visible.clone()));
        let port = named.text(":").one(digits.clone()).many(digits.clone());
        patterns.push(port.text("/").many(visible.clone()));
    }
    Language::of_any(&patterns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_urls_are_told() {
        let urls = language().unwrap();
        for (url, expected) in [
            ("https://api.example.com/v1?x=1", Some("api.example.com")),
            ("http://localhost:8080/", Some("localhost")),
            ("https://[::1]:443/", Some("[::1]")),
            ("https://xn--bcher-kva.example/", Some("xn--bcher-kva.example")),
        ] {
            assert_eq!(host(url), expected);
            assert!(urls.contains(url), "{url}");
        }
        for url in
            ["ftp://x/", "https://", "https:///", "https://UPPER/", "https://user@host/", "https://a b/"]
        {
            assert!(!urls.contains(url), "{url}");
        }
        assert_eq!(urls.witness().as_deref(), Some("http://a/"));
    }
}
