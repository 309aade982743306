//! What a root context wants to be sent to a cluster.

use std::sync::Arc;

use registry_auth_engine::fields::Fields;

use crate::post::Post;

/// A request to a cluster.
pub(crate) struct Job {
    pub(crate) from: Sender,
    pub(crate) cluster: Vec<u8>,
    pub(crate) headers: Fields,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout_millis: u32,
}

/// Who has sent a request, and its number there.
pub(crate) struct Sender {
    pub(crate) call: u32,
    /// Where it is; the main thread if absent.
    pub(crate) post: Option<Arc<Post>>,
}
