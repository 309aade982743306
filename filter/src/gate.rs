//! What the host does with a request when a callback ends.

/// The fate of a request and its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyGate {
    /// It goes on.
    Open,
    /// It is held; its body is handed over.
    Closed,
    /// It is held, and its body with it.
    Waiting {
        /// The root context has to take its turn, because there is something to fetch.
        turn: bool,
    },
}
