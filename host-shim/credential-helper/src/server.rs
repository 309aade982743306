//! The registry in what a client asks for.

/// Returns the host, with its port, of a server URL in any of the forms that clients send: with or
/// without a scheme, with or without a path, which may be that of a repository.
#[must_use]
pub fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    host.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The forms that clients were seen to send.
    #[test]
    fn every_form_of_a_server_names_its_host() {
        let rows = [
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("127.0.0.1:5000/team/app", "127.0.0.1:5000"),
            ("https://index.docker.io/v1/", "index.docker.io"),
            (
                "https://index.docker.io/v1/refresh-token",
                "index.docker.io",
            ),
            ("https://registry.example.com/v2/", "registry.example.com"),
            ("http://registry.example.com", "registry.example.com"),
            ("Registry.Example.COM:8443", "registry.example.com:8443"),
            ("[::1]:5000/team", "[::1]:5000"),
            ("", ""),
        ];
        for (url, expected) in rows {
            assert_eq!(host_of(url), expected, "{url}");
        }
    }
}
