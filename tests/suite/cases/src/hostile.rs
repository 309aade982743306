//! Hostile headers: the request is refused, and the next one is served.

use anyhow::{Context as _, Error};
use registry_auth_harness::client::Request;
use registry_auth_harness::scenario::{self, Scenarios};
use registry_auth_harness::substrate::{Substrate, now};

const TARGET: &str = "/v2/team/app/tags/list";
/// What the filter says.
pub const REFUSED: u16 = 401;
/// What Envoy says, before the filter, of a head that is no HTTP, and of one that is too large.
const MALFORMED: u16 = 400;
const TOO_LARGE: u16 = 431;

/// A request with such a header.
pub struct Row {
    /// Its description.
    pub name: &'static str,
    /// Names and values, each character a byte; `{}` is a good credential.
    headers: &'static [(&'static str, &'static str)],
    /// This number of further bytes in the last value.
    padding: usize,
    /// The status in Envoy; it is 401 where the head comes to the module in any case.
    pub envoy: u16,
}

const fn row(
    name: &'static str,
    headers: &'static [(&'static str, &'static str)],
    envoy: u16,
) -> Row {
    Row {
        name,
        headers,
        padding: 0,
        envoy,
    }
}

/// The requests.
pub const ROWS: &[Row] = &[
    row(
        "a credential of bytes that are no UTF-8",
        &[("authorization", "\u{ff}\u{fe}\u{80}")],
        REFUSED,
    ),
    row(
        "a token of such bytes",
        &[("authorization", "Bearer \u{c3}\u{28}.\u{ff}.\u{a0}\u{a1}")],
        REFUSED,
    ),
    row(
        "a good token with such a byte behind it",
        &[("authorization", "{}\u{ff}")],
        REFUSED,
    ),
    row(
        "Basic credentials of such bytes",
        &[("authorization", "Basic \u{ff}\u{ff}==")],
        REFUSED,
    ),
    row(
        "a user agent of such bytes",
        &[("user-agent", "\u{ff}\u{c0}\u{80}")],
        REFUSED,
    ),
    row(
        "a forwarded address of such bytes",
        &[("x-forwarded-for", "\u{ff}, \u{80}")],
        REFUSED,
    ),
    Row {
        padding: 60 * 1024,
        ..row(
            "60 KiB of authorization",
            &[("authorization", "Bearer ")],
            REFUSED,
        )
    },
    Row {
        padding: 60 * 1024,
        ..row(
            "60 KiB behind a good token",
            &[("authorization", "{}.")],
            REFUSED,
        )
    },
    Row {
        padding: 200 * 1024,
        ..row(
            "more than Envoy takes",
            &[("authorization", "Bearer ")],
            TOO_LARGE,
        )
    },
    row(
        "two credentials, both good",
        &[("authorization", "{}"), ("authorization", "{}")],
        REFUSED,
    ),
    row(
        "two credentials, the second bad",
        &[("authorization", "{}"), ("Authorization", "Bearer x")],
        REFUSED,
    ),
    row(
        "a name of every odd byte that a token may have",
        &[("!#$%&'*+-.^`|~", "{}")],
        REFUSED,
    ),
    row(
        "a name with an underscore",
        &[("authorization_", "{}")],
        REFUSED,
    ),
    row(
        "a name with a byte that is not ASCII",
        &[("authorizatio\u{f1}", "{}")],
        MALFORMED,
    ),
    row(
        "a name with a space behind it",
        &[("authorization ", "{}")],
        MALFORMED,
    ),
    row(
        "a name with a space in it",
        &[("authorization x", "{}")],
        MALFORMED,
    ),
    row(
        "a name with a quote",
        &[("\"authorization\"", "{}")],
        MALFORMED,
    ),
    row("no name", &[("", "{}")], MALFORMED),
];

impl Row {
    /// Returns the request, with a valid credential in place of `{}`.
    #[must_use]
    pub fn request(&self, credential: &str) -> Request {
        let mut request = Request::new("GET", TARGET);
        for (name, value) in self.headers {
            request = request.header(name, &value.replace("{}", credential));
        }
        if let Some((_, value)) = request.headers.last_mut() {
            value.extend(std::iter::repeat_n(b'a', self.padding));
        }
        request
    }
}

/// The configuration of the smoke test on `substrate`, and a credential that is good there.
///
/// # Errors
/// The substrate does not start.
pub fn serve(substrate: &mut dyn Substrate) -> Result<(usize, String), Error> {
    let file = Scenarios::read(&scenario::folder().join("smoke.json"))?;
    let config = substrate.serve(
        file.configs
            .get("team")
            .context("no configuration `team`")?,
    )?;
    substrate.start()?;
    let token = file
        .tokens
        .get("ci")
        .context("no token `ci`")?
        .mint(now())?;
    Ok((config, format!("Bearer {token}")))
}

/// A request that is good.
#[must_use]
pub fn good(credential: &str) -> Request {
    Request::new("GET", TARGET).header("authorization", credential)
}
