//! The result of a turn of a source, or of a response to it.

/// What a turn or a response means for the requests that wait for the keys of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// They wait on.
    None,
    /// Newer keys are held: those who still lack one may wait on.
    Renewed,
    /// No keys will come: they are decided without.
    Failed,
}

impl Event {
    pub(super) const fn of(failed: bool, renewed: bool) -> Self {
        match (failed, renewed) {
            (true, _) => Self::Failed,
            (false, true) => Self::Renewed,
            (false, false) => Self::None,
        }
    }
}
