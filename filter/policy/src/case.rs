//! Who does what, and what each request gets.

use std::sync::Arc;

use registry_auth_engine::engine::{Engine, Principal, Report, Simulated, Situation};
use registry_auth_engine::reason::Reason;
use registry_auth_engine::request::CertificateSummary;
use registry_auth_engine::trace::Step;
use registry_auth_engine::{Connection, KeyRing, RequestHead, UnixTime};

use crate::words::{Asked, Wish};

/// What somebody wants to do, and what each request gets.
#[derive(Clone, Debug)]
pub struct Case {
    /// The words.
    pub words: String,
    /// Each request with its report, in order.
    pub reports: Vec<(Asked, Report)>,
    /// The patterns that match the repository that was checked last and do not decide.
    pub hidden: Vec<Arc<str>>,
    /// The smallest changes with which it would be allowed, if it is refused and somebody has looked
    /// for them.
    pub nearest: Vec<String>,
}

/// Who asks, and how that is known.
#[derive(Clone, Copy, Debug)]
pub enum Caller<'a> {
    /// As somebody says: nothing is verified.
    Said(&'a Principal),
    /// Whoever sends this value of `Authorization`, which is verified with these keys of the
    /// sources.
    Credential(&'a str, &'a KeyRing),
    /// Whoever shows this certificate, in PEM. A proxy would have verified it.
    Certificate(&'a str),
    /// Whoever shows a certificate of which a proxy says no more than this.
    Summary(&'a CertificateSummary<'a>),
}

impl Caller<'_> {
    /// Asks the engine about one request.
    pub(crate) fn asks(
        self,
        engine: &Engine,
        asked: &Asked,
        wish: &Wish,
        situation: Situation,
    ) -> Report {
        let situation = Situation {
            tags_exist: wish.tag_exists.or(situation.tags_exist),
            ..situation
        };
        let mut head = RequestHead {
            method: asked.method.as_bytes(),
            path: asked.path.as_bytes(),
            ..RequestHead::default()
        };
        match self {
            Self::Said(principal) => engine.simulate(principal, &head, situation),
            Self::Credential(authorization, keys) => {
                head.authorization = vec![authorization.as_bytes()];
                engine.explain(&head, keys, situation)
            }
            Self::Certificate(pem) => {
                head.connection = Connection {
                    certificate: pem.as_bytes(),
                    ..connection()
                };
                engine.explain(&head, &KeyRing::of(engine.sources()), situation)
            }
            Self::Summary(summary) => {
                head.connection = Connection {
                    summary: Some(*summary),
                    ..connection()
                };
                engine.explain(&head, &KeyRing::of(engine.sources()), situation)
            }
        }
    }
}

/// A connection with a client certificate.
const fn connection() -> Connection<'static> {
    Connection {
        peer: b"",
        // There is no certificate without TLS.
        tls_version: b"TLSv1.3",
        mtls: true,
        certificate: b"",
        summary: None,
    }
}

impl Case {
    /// Asks the engine about each request of a wish. `tags_exist` is what the registry would say of
    /// tags, unless the words say it.
    #[must_use]
    pub fn of(
        engine: &Engine,
        principal: &Principal,
        wish: &Wish,
        now: UnixTime,
        tags_exist: Option<bool>,
    ) -> Self {
        let situation = Situation { now, tags_exist };
        Self::by(engine, Caller::Said(principal), wish, situation)
    }

    /// As [`of`](Self::of), for a caller that may have a real credential.
    #[must_use]
    pub fn by(engine: &Engine, caller: Caller<'_>, wish: &Wish, situation: Situation) -> Self {
        let reports = wish
            .requests
            .iter()
            .map(|asked| (asked.clone(), caller.asks(engine, asked, wish, situation)));
        Self {
            words: wish.words.clone(),
            reports: reports.collect(),
            hidden: Vec::new(),
            nearest: Vec::new(),
        }
    }

    /// The same with the patterns that the deciding one hides. It takes time with their number.
    #[must_use]
    pub fn with_hidden(mut self, engine: &Engine) -> Self {
        let shown = self.stops_at().or_else(|| self.reports.last());
        let steps = shown.map_or(&[][..], |(_, report)| &report.steps);
        let user = steps.iter().find_map(|step| match step {
            Step::Caller { user, .. } => Some(user.as_str()).filter(|user| !user.is_empty()),
            _ => None,
        });
        let repository = steps.iter().rev().find_map(|step| match step {
            Step::Check { repository, .. } => Some(repository.as_str()),
            _ => None,
        });
        let mut patterns = repository.map_or_else(Vec::new, |name| engine.patterns(name, user));
        if !patterns.is_empty() {
            patterns.remove(0);
        }
        self.hidden = patterns;
        self
    }

    /// The first request that does not get what it asks for, with its report.
    #[must_use]
    pub fn stops_at(&self) -> Option<&(Asked, Report)> {
        let mut reports = self.reports.iter();
        reports.find(|(_, report)| !report.outcome.is_granted())
    }

    /// Returns true if every request is granted.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        self.stops_at().is_none()
    }

    /// Why claims make nobody of the caller, where no message of the configuration says it: then
    /// everything is refused, whatever the rules are.
    #[must_use]
    pub fn is_of_nobody(&self) -> Option<&'static str> {
        match &self.stops_at()?.1.outcome {
            Simulated::Refused(
                reason @ (Reason::UnknownIssuer | Reason::MappingFailed | Reason::WrongAudience),
                None,
            ) => Some(reason.descriptor().label),
            _ => None,
        }
    }

    /// What the client would see, if it is refused: the message of the configuration.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        match &self.stops_at()?.1.outcome {
            Simulated::Refused(_, message) => message.as_deref(),
            Simulated::Allowed(_) | Simulated::Answered(_) | Simulated::Unknown(_) => None,
        }
    }
}
