//! The reads of tests, sent to a proxy that is running.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use hyper::Method;
use hyper::header::HeaderValue;
use registry_auth_engine::engine::Engine;
use registry_auth_engine::url::BaseUrl;
use registry_auth_policy::show;
use registry_auth_policy::tests::{PolicyTest, Read, Wanted};
use rustls::ClientConfig;

use super::outcome::{Problem, Suite, Tested};
use crate::clock::wall_clock;
use crate::fetch;
use crate::token;
use crate::trust::{Authorities, TrustError};

/// Which proxy, and with which tokens.
#[derive(Debug, clap::Args)]
pub(super) struct LiveArguments {
    /// Send the reads of the tests, wanted and unwanted ones, to the proxy at this URL; never a
    /// write
    #[arg(long = "live", value_name = "URL")]
    url: Option<String>,
    /// The token for the test of this name, from a file; may be repeated. Tests without one are not
    /// sent, unless they are anonymous
    #[arg(long = "token", value_name = "NAME=FILE", requires = "url")]
    tokens: Vec<String>,
    /// PEM file of the authorities that vouch for the proxy; the system's when absent
    #[arg(long, value_name = "FILE", requires = "url")]
    cacert: Option<PathBuf>,
}

/// A proxy that is running.
struct Proxy {
    url: BaseUrl,
    tls: Result<Arc<ClientConfig>, TrustError>,
}

/// What a proxy did with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It was forwarded. A registry may not have what was asked for, or send it from elsewhere.
    Allowed,
    Refused,
    /// Nothing is known: the proxy, or the registry, is not well.
    Unclear,
}

impl Verdict {
    const fn of(status: u16) -> Self {
        match status {
            200..=399 | 404 | 416 => Self::Allowed,
            400 | 401 | 403 | 405 | 429 => Self::Refused,
            _ => Self::Unclear,
        }
    }
}

/// A name of this machine.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl LiveArguments {
    /// Sends what can be sent. None if no proxy is named.
    ///
    /// # Errors
    /// The arguments are wrong, or the proxy cannot be reached.
    pub(super) fn run<'a>(
        &self,
        tests: impl Iterator<Item = &'a PolicyTest> + Clone,
        engine: &Engine,
    ) -> anyhow::Result<Option<Suite>> {
        let Some(text) = &self.url else {
            return Ok(None);
        };
        let url = BaseUrl::parse(text).map_err(|error| {
            anyhow::anyhow!("`{text}` {error}; write --live https://registry.example.com")
        })?;
        let tokens = self.tokens(tests.clone())?;
        if !tokens.is_empty() && !url.url().is_https() && !is_loopback(url.url().host()) {
            bail!("tokens are not sent without TLS to another machine: write `--live https://...`");
        }
        let authorities = match &self.cacert {
            Some(path) => Authorities::File(path.clone()),
            None => Authorities::System,
        };
        let proxy = Proxy {
            url,
            tls: authorities.client_config(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("no runtime")?;
        let mut suite = Suite {
            is_live: true,
            ..Suite::new(&format!("live {text}"))
        };
        for test in tests {
            let token = tokens.get(test.name.as_str());
            runtime.block_on(proxy.run(test, token, engine, &mut suite))?;
        }
        Ok(Some(suite))
    }

    /// The `Authorization` for each test that has one.
    fn tokens<'a>(
        &self,
        tests: impl Iterator<Item = &'a PolicyTest> + Clone,
    ) -> anyhow::Result<BTreeMap<&str, HeaderValue>> {
        let mut tokens = BTreeMap::new();
        for given in &self.tokens {
            // A name may have `=`, and a file seldom has.
            let (name, path) = given
                .rsplit_once('=')
                .context("--token needs the name of a test and a file: --token NAME=FILE")?;
            if !tests.clone().any(|test| test.name == name) {
                let names: Vec<_> = tests.map(|test| format!("`{}`", test.name)).collect();
                bail!(
                    "--token: no test has the name `{name}`; there are {}",
                    names.join(", ")
                );
            }
            let authorization = token::authorization(Path::new(path))
                .map_err(|error| anyhow::anyhow!("--token: {error}"))?;
            if tokens.insert(name, authorization).is_some() {
                bail!("--token: there are two tokens for the test `{name}`");
            }
        }
        Ok(tokens)
    }
}

impl Proxy {
    /// Sends the reads of one test.
    async fn run(
        &self,
        test: &PolicyTest,
        token: Option<&HeaderValue>,
        engine: &Engine,
        suite: &mut Suite,
    ) -> anyhow::Result<()> {
        let reads = test.reads(engine, wall_clock());
        let left_out = if token.is_none() && !test.is_anonymous() {
            Some("it has no token")
        } else if reads.is_empty() {
            Some("it has no reads")
        } else {
            None
        };
        let mut tested = Tested {
            path: test.path.clone(),
            name: test.name.clone(),
            left_out,
            problems: Vec::new(),
        };
        for read in reads.iter().filter(|_| left_out.is_none()) {
            let answers = self.send(read, token).await?;
            suite.requests += answers.len();
            tested.problems.extend(problem(read, &answers));
        }
        suite.tests.push(tested);
        Ok(())
    }

    /// Sends the requests of some words until one is not forwarded. Returns the statuses.
    async fn send(&self, read: &Read, token: Option<&HeaderValue>) -> anyhow::Result<Vec<u16>> {
        let mut statuses = Vec::new();
        for (asked, _) in &read.case.reports {
            let method = match asked.method.as_str() {
                "GET" => Method::GET,
                "HEAD" => Method::HEAD,
                other => bail!("{other} is no read, and is not sent"),
            };
            let url = self.url.join(&asked.path);
            let status = fetch::status(method, &url, &self.tls, token).await;
            let status = status.with_context(|| format!("{asked} cannot be sent to {url}"))?;
            statuses.push(status);
            if Verdict::of(status) != Verdict::Allowed {
                break;
            }
        }
        Ok(statuses)
    }
}

/// What is wrong with the answers to some words, if anything.
fn problem(read: &Read, statuses: &[u16]) -> Option<Problem> {
    let words = &read.case.words;
    let last = statuses.last().copied().unwrap_or_default();
    let refused = Verdict::of(last) == Verdict::Refused;
    let what = match read.wanted {
        Wanted::Allowed if Verdict::of(last) == Verdict::Allowed => return None,
        Wanted::Allowed if refused => format!("`{words}` should be allowed"),
        // A status that the configuration has for it, whatever it means otherwise.
        Wanted::Refused(Some(wanted)) if statuses.contains(&wanted) => return None,
        Wanted::Refused(None) if refused => return None,
        Wanted::Refused(Some(wanted)) if refused => {
            format!("`{words}` should be refused with {wanted}")
        }
        Wanted::Refused(_) if Verdict::of(last) == Verdict::Allowed => {
            format!("`{words}` should be refused")
        }
        Wanted::Allowed | Wanted::Refused(_) => {
            format!("`{words}`: the proxy or the registry fails, which says nothing")
        }
    };
    let asked = read.case.reports.iter().map(|(asked, _)| asked);
    let answers = asked
        .zip(statuses)
        .map(|(asked, status)| format!("{status} to {asked}"));
    let answers: Vec<_> = answers.collect();
    Some(Problem {
        what: format!("{what}; the answers are {}", answers.join(", ")),
        trace: format!("the configuration says\n{}", show::text(&read.case)),
    })
}
