//! The address of a remote, without the credentials that people put into it.

/// `address` without user, password, query and fragment; the user of an ssh address stays, because it is no secret.
#[must_use]
pub fn without_credentials(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return scp_like(address);
    };
    let (host, path) = rest.split_at(authority_end(rest));
    let host = match host.rsplit_once('@') {
        None => host.to_owned(),
        Some((user, host)) if scheme.ends_with("ssh") => match user.split_once(':') {
            Some((user, _)) => format!("{user}@{host}"),
            None => format!("{user}@{host}"),
        },
        Some((_, host)) => host.to_owned(),
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let host = host.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

/// Where the path begins. A password may hold a slash that somebody forgot to encode: then the `@` decides.
fn authority_end(rest: &str) -> usize {
    let end = rest.find('/').unwrap_or(rest.len());
    let port = rest[..end].rsplit_once(':').map_or("", |(_, port)| port);
    let password = !rest[..end].contains('@') && !port.bytes().all(|byte| byte.is_ascii_digit());
    match rest.rfind('@').filter(|_| password) {
        Some(at) => rest[at..].find('/').map_or(rest.len(), |slash| at + slash),
        None => end,
    }
}

/// `git@host:path` stays; in `user:password@host:path`, which no git accepts but people try, both go.
fn scp_like(address: &str) -> String {
    match address.split_once('@') {
        Some((user, rest)) if user.contains(':') => rest.to_owned(),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_and_the_rest_stays() {
        let secret = "hunter2".repeat(2);
        for (address, clean) in [
            (format!("https://me:{secret}@example.org/a/b.git"), "https://example.org/a/b.git"),
            (format!("https://me:ab/{secret}@example.org/a"), "https://example.org/a"),
            (format!("https://{secret}@example.org/a"), "https://example.org/a"),
            (format!("https://me:p@{secret}@example.org:8443/a"), "https://example.org:8443/a"),
            (format!("https://example.org/a?token={secret}"), "https://example.org/a"),
            (format!("https://example.org?token={secret}"), "https://example.org"),
            (format!("ssh://git:{secret}@example.org/a"), "ssh://git@example.org/a"),
            (format!("me:{secret}@example.org:a"), "example.org:a"),
            ("git@example.org:a/b.git".into(), "git@example.org:a/b.git"),
            ("../other".into(), "../other"),
            ("https://example.org/a@b".into(), "https://example.org/a@b"),
        ] {
            assert_eq!(without_credentials(&address), clean);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_address_with_a_password_keeps_it(user in "[a-z]{1,8}", path in "[a-z/]{0,8}") {
            let address = format!("https://{user}:SECRET@host/{path}");
            proptest::prop_assert!(!without_credentials(&address).contains("SECRET"));
        }
    }
}
