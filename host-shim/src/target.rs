//! Values of `--envoy`: an intake, or a name that leads to many.

use std::fmt;
use std::str::FromStr;

use registry_auth_engine::url::BaseUrl;

use crate::intake::Intake;

const SCHEME: &str = "dns+";

/// Where to push keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// One intake.
    Intake(Intake),
    /// An intake at each address of a name.
    Name(Name),
}

/// A DNS name and the port of the intakes at its addresses: `dns+http://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    /// The host, without the brackets of an IPv6 address.
    pub(crate) host: String,
    /// The port.
    pub(crate) port: u16,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write `dns+http://NAME:PORT`";
        let Some(url) = text.strip_prefix(SCHEME) else {
            return text.parse().map(Self::Intake);
        };
        let url = BaseUrl::parse(url).map_err(|error| format!("{error}, {FORM}"))?;
        let url = url.url();
        if url.is_https() || url.path() != "/" {
            return Err(format!("not a name of intakes, {FORM}"));
        }
        let host = url.host().trim_start_matches('[').trim_end_matches(']');
        Ok(Self::Name(Name {
            host: host.to_owned(),
            port: url.port(),
        }))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(formatter, "{SCHEME}http://[{host}]:{port}")
        } else {
            write!(formatter, "{SCHEME}http://{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_intake_or_a_name_of_many() {
        let rows = [
            ("http://127.0.0.1:9902", Some("http://127.0.0.1:9902")),
            ("unix:/run/intake.sock", Some("unix:/run/intake.sock")),
            (
                "dns+http://intake.ns:9902",
                Some("name dns+http://intake.ns:9902"),
            ),
            (
                "dns+http://Intake.NS.svc.cluster.local.:9902/",
                Some("name dns+http://intake.ns.svc.cluster.local.:9902"),
            ),
            ("dns+http://intake", Some("name dns+http://intake:80")),
            ("dns+http://[::1]:9902", Some("name dns+http://[::1]:9902")),
            ("dns+https://intake:9902", None),
            ("dns+unix:/run/intake.sock", None),
            ("dns+http://intake:9902/path", None),
            ("dns+http://intake:0x1", None),
            ("dns+", None),
            ("dns:intake", None),
        ];
        for (text, expected) in rows {
            let parsed = Target::from_str(text).ok().map(|target| match target {
                Target::Intake(intake) => intake.to_string(),
                Target::Name(name) => format!("name {name}"),
            });
            assert_eq!(parsed.as_deref(), expected, "{text}");
        }
    }
}
