//! A request that is not decided yet, and the fact that it waits for.

use std::time::Duration;

use registry_auth_engine::facts::{Gathered, KeysAnswer, RequestBody};
use registry_auth_engine::keys::source::SourceId;
use registry_auth_engine::login::{LoginAnswer, LoginQuestion};
use registry_auth_engine::parking::Wait;
use registry_auth_engine::question::Question;
use registry_auth_engine::time::UnixTime;

use crate::head::Head;
use crate::metrics::Stage;

/// Bytes that a waiting request takes in addition to its texts.
const OVERHEAD: usize = 512;

/// A request that is not decided yet.
pub(crate) struct Pending {
    pub(crate) head: Head,
    /// How many bytes of its body have come; `None` if it has no body.
    pub(crate) body: Option<usize>,
    /// What was fetched for it so far.
    pub(crate) gathered: Gathered,
    /// When it came.
    pub(crate) began: UnixTime,
    /// Its caller was authenticated.
    pub(crate) is_verified: bool,
    /// What it waits for, and since when, to be counted.
    pub(crate) waits: Option<(Stage, UnixTime)>,
}

/// What a request waits for.
#[derive(Clone, Debug)]
pub(crate) enum Awaits {
    /// The keys of a source: none are held.
    Keys(SourceId),
    /// A fetch that is under way: the keys that are held lack the one of the token.
    UnknownKey(SourceId),
    /// The same when no fetch may begin yet.
    NextFetch(SourceId),
    /// The root context's turn, to ask the upstream.
    Turn(Question),
    /// The response to a callout.
    Response(u32, Question),
    /// A tick of the host: it can be decided.
    Tick,
    /// The end of its own body.
    Body,
    /// The root context's turn, to ask the login service.
    LoginTurn(LoginQuestion, Duration),
    /// The answer of the login service, by callout.
    Login(u32, Duration),
}

impl Awaits {
    /// How long after its arrival a request waits for this.
    const fn patience(&self) -> Duration {
        match self {
            // The next fetch begins within 5 seconds, and has as long.
            Self::UnknownKey(_) | Self::NextFetch(_) | Self::Body => Duration::from_secs(10),
            // Page after page: registries that walk a file system for each take seconds.
            Self::Turn(Question::Catalog(_)) | Self::Response(_, Question::Catalog(_)) => {
                Duration::from_mins(1)
            }
            Self::Keys(_) | Self::Turn(_) | Self::Response(..) | Self::Tick => {
                Duration::from_secs(5)
            }
            Self::LoginTurn(_, patience) | Self::Login(_, patience) => *patience,
        }
    }

    /// What a wait for this is counted as; nothing if it is the end of one.
    pub(crate) const fn stage(&self) -> Option<Stage> {
        match self {
            Self::Keys(_) | Self::UnknownKey(_) | Self::NextFetch(_) => Some(Stage::Keys),
            Self::Turn(_) | Self::Response(..) => Some(Stage::Registry),
            Self::LoginTurn(..) | Self::Login(..) => Some(Stage::Login),
            Self::Body => Some(Stage::Body),
            Self::Tick => None,
        }
    }

    /// The source whose keys it waits for.
    pub(crate) const fn source(&self) -> Option<SourceId> {
        match self {
            Self::Keys(source) | Self::UnknownKey(source) | Self::NextFetch(source) => {
                Some(*source)
            }
            Self::Turn(_)
            | Self::Response(..)
            | Self::Tick
            | Self::Body
            | Self::LoginTurn(..)
            | Self::Login(..) => None,
        }
    }
}

impl Pending {
    /// Returns the limit that applies to a request while it waits, and how many bytes are held for
    /// it.
    pub(crate) fn takes(&self, awaits: &Awaits) -> (Wait, usize) {
        let wait = match awaits {
            Awaits::Body => Wait::Body,
            Awaits::NextFetch(_) => Wait::NextFetch,
            Awaits::LoginTurn(..) | Awaits::Login(..) => Wait::Login,
            Awaits::Turn(_) | Awaits::Response(..) | Awaits::Tick if self.is_verified => {
                Wait::Verified
            }
            Awaits::Keys(_)
            | Awaits::UnknownKey(_)
            | Awaits::Turn(_)
            | Awaits::Response(..)
            | Awaits::Tick => Wait::Unverified,
        };
        let question = match awaits {
            Awaits::Turn(question) | Awaits::Response(_, question) => question.size(),
            Awaits::LoginTurn(question, _) => question.size(),
            Awaits::Keys(_)
            | Awaits::UnknownKey(_)
            | Awaits::NextFetch(_)
            | Awaits::Tick
            | Awaits::Body
            | Awaits::Login(..) => 0,
        };
        (
            wait,
            OVERHEAD + self.head.size() + self.gathered.size() + question + wait.reserved(),
        )
    }

    /// Returns true if it has waited long enough for this, or if the clock jumped back, which would
    /// prolong the wait.
    pub(crate) fn is_overdue(&self, awaits: &Awaits, now: UnixTime) -> bool {
        now < self.began || now.since(self.began) >= awaits.patience()
    }

    /// Records that the fact did not arrive, so that the engine decides without it.
    pub(crate) fn give_up(&mut self, awaits: Awaits) {
        match awaits {
            Awaits::Keys(source) | Awaits::UnknownKey(source) | Awaits::NextFetch(source) => {
                self.gathered.keys.push((source, KeysAnswer::Unavailable));
            }
            Awaits::Turn(question) | Awaits::Response(_, question) => {
                question.fail(&mut self.gathered);
            }
            Awaits::Tick => {}
            Awaits::Body => self.gathered.body = Some(RequestBody::Late),
            Awaits::LoginTurn(..) | Awaits::Login(..) => {
                self.gathered.login = Some(LoginAnswer::NONE);
            }
        }
    }
}
