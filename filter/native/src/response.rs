//! What a cluster has answered.

/// A response. Without a status where there is none.
#[derive(Default)]
pub(crate) struct Response {
    /// The number of the request at the root context that has sent it.
    pub(crate) call: u32,
    /// In the form of [`Fields::parse`].
    pub(crate) headers: Vec<u8>,
    pub(crate) body: Vec<u8>,
}
