//! What a browser does with a login: it follows redirects and keeps cookies, host by host.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use registry_auth_harness::client::{self, Request, Response};

/// How many redirects are followed.
const REDIRECTS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(20);

/// A browser without a screen.
#[derive(Default)]
pub(crate) struct Browser {
    cookies: BTreeMap<(SocketAddr, String), String>,
}

impl Browser {
    /// Opens a page, wherever redirects lead to. Returns its path and the answer.
    pub(crate) fn open(&mut self, host: SocketAddr, target: &str) -> Result<(String, Response)> {
        let (mut host, mut target) = (host, target.to_owned());
        for _ in 0..REDIRECTS {
            let answer = self.send(host, Request::new("GET", &target))?;
            if !(300..400).contains(&answer.status) {
                return Ok((target, answer));
            }
            let location = answer.header("location").context("a redirect to nowhere")?;
            if let Some(absolute) = location.strip_prefix("http://") {
                let (authority, path) = absolute.split_once('/').context("no path")?;
                host = authority.parse().context("a host of another machine")?;
                target = format!("/{path}");
            } else {
                ensure!(location.starts_with('/'), "a redirect to `{location}`");
                target = location;
            }
        }
        bail!("more than {REDIRECTS} redirects")
    }

    /// Sends a request with the cookies of the host, and keeps those of the answer.
    pub(crate) fn send(&mut self, host: SocketAddr, request: Request) -> Result<Response> {
        let cookies = self.cookies.iter().filter(|((of, _), _)| *of == host);
        let cookies: Vec<_> = cookies
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        let request = if cookies.is_empty() {
            request
        } else {
            request.header("cookie", &cookies.join("; "))
        };
        let answer = client::send(host, &request, PATIENCE)?;
        let set = answer.headers.iter();
        let set = set.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        for (_, value) in set {
            let value = String::from_utf8_lossy(value);
            let (cookie, attributes) = value.split_once(';').unwrap_or((&value, ""));
            let (name, value) = cookie.split_once('=').context("a cookie without a name")?;
            let key = (host, name.to_owned());
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, value.to_owned());
            }
        }
        Ok(answer)
    }
}
