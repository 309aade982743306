//! Who does what, and what comes of it.

use registry_auth_engine::engine::{Engine, Principal, Report, Simulated, Situation};
use registry_auth_engine::{RequestHead, UnixTime};

use crate::words::{Asked, Wish};

/// What somebody wants to do, and what each request gets.
#[derive(Clone, Debug)]
pub struct Case {
    /// The words.
    pub words: String,
    /// Each request with its report, in order.
    pub reports: Vec<(Asked, Report)>,
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
        }
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

    /// What the client would be told, if it is refused: the message of the configuration.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        match &self.stops_at()?.1.outcome {
            Simulated::Refused(_, message) => message.as_deref(),
            Simulated::Allowed(_) | Simulated::Answered(_) | Simulated::Unknown(_) => None,
        }
    }
}
