//! The one door to the CEL crate.

/// A JSON document in the form that CEL reads, converted once.
#[derive(Clone, Debug)]
pub struct Document(());

impl Document {
    /// The document without members.
    #[must_use]
    pub const fn empty() -> Self {
        Self(())
    }
}
