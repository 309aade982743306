//! Who does what, and what each request gets.

use std::sync::Arc;

use registry_auth_engine::engine::{Engine, Principal, Report, Simulated, Situation};
use registry_auth_engine::keys::KeySet;
use registry_auth_engine::trace::Step;
use registry_auth_engine::{RequestHead, UnixTime};

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
        let situation = Situation {
            now,
            tags_exist: wish.tag_exists.or(tags_exist),
        };
        let reports = wish.requests.iter().map(|asked| {
            let head = RequestHead {
                method: asked.method.as_bytes(),
                path: asked.path.as_bytes(),
                ..RequestHead::default()
            };
            (asked.clone(), engine.simulate(principal, &head, situation))
        });
        Self {
            words: wish.words.clone(),
            reports: reports.collect(),
            hidden: Vec::new(),
        }
    }

    /// As [`of`](Self::of), for the holder of a token whose issuer has these keys: the token is
    /// verified.
    #[must_use]
    pub fn of_token(
        engine: &Engine,
        (token, keys): (&str, &KeySet),
        wish: &Wish,
        now: UnixTime,
        tags_exist: Option<bool>,
    ) -> Self {
        let situation = Situation {
            now,
            tags_exist: wish.tag_exists.or(tags_exist),
        };
        let authorization = format!("Bearer {token}");
        let reports = wish.requests.iter().map(|asked| {
            let head = RequestHead {
                method: asked.method.as_bytes(),
                path: asked.path.as_bytes(),
                authorization: vec![authorization.as_bytes()],
                ..RequestHead::default()
            };
            (asked.clone(), engine.explain(&head, keys, situation))
        });
        Self {
            words: wish.words.clone(),
            reports: reports.collect(),
            hidden: Vec::new(),
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

    /// What the client would see, if it is refused: the message of the configuration.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        match &self.stops_at()?.1.outcome {
            Simulated::Refused(_, message) => message.as_deref(),
            Simulated::Allowed(_) | Simulated::Answered(_) | Simulated::Unknown(_) => None,
        }
    }
}
