//! What tests promise about reads, for a proxy that is running.

use registry_auth_engine::UnixTime;
use registry_auth_engine::engine::{Engine, Principal, Simulated};

use super::PolicyTest;
use crate::case::Case;
use crate::words::Wish;

/// Words of a test that only read.
#[derive(Clone, Debug)]
pub struct Read {
    /// The requests, and what the configuration says of them.
    pub case: Case,
    /// What the proxy has to do.
    pub wanted: Wanted,
}

/// What a proxy has to do with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Forward all of them.
    Allowed,
    /// Refuse one of them, with this status if the configuration refuses it too.
    Refused(Option<u16>),
}

impl PolicyTest {
    /// Returns true if it is about a caller without a credential.
    #[must_use]
    pub const fn is_anonymous(&self) -> bool {
        matches!(self.principal, Principal::Anonymous)
    }

    /// Returns its words that only read: of the API of a registry, and each request is GET or HEAD.
    #[must_use]
    pub fn reads(&self, engine: &Engine, now: UnixTime) -> Vec<Read> {
        let case = |wish| Case::of(engine, &self.principal, wish, now, None);
        let allow = self.allow.iter().filter(|wish| is_read(wish));
        let allow = allow.map(|wish| Read {
            case: case(wish),
            wanted: Wanted::Allowed,
        });
        let deny = self.deny.iter().map(|(wish, _)| wish);
        let deny = deny.filter(|wish| is_read(wish)).map(|wish| {
            let case = case(wish);
            let status = case
                .stops_at()
                .and_then(|(_, report)| match report.outcome {
                    Simulated::Refused(reason, _) => Some(reason.descriptor().status),
                    _ => None,
                });
            Read {
                case,
                wanted: Wanted::Refused(status),
            }
        });
        allow.chain(deny).collect()
    }
}

fn is_read(wish: &Wish) -> bool {
    wish.requests.iter().all(|asked| {
        let reads = matches!(asked.method.as_str(), "GET" | "HEAD");
        // Other paths may do something upon a GET.
        reads && (asked.path == "/v2" || asked.path.starts_with("/v2/"))
    })
}
