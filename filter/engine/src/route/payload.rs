//! As what a registry may read the body of a forwarded request.

use super::Route;

/// Which media types a request is forwarded with. Registries written in Go read parameters of POST,
/// PUT and PATCH from a form in the body before those of the query, so under `/v2` no form is
/// forwarded: parameters come from the target, which was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// As the client says: the path is not under `/v2`.
    Any,
    /// Anything but a form.
    NoForm,
    /// Bytes (OCI distribution spec, "Pushing blobs").
    Bytes,
}

impl Route<'_> {
    /// The payload of this route.
    #[must_use]
    pub const fn payload(&self) -> Payload {
        match self {
            Self::Public | Self::Token | Self::Login(_) => Payload::Any,
            Self::StartUpload(..) | Self::ContinueUpload(_) | Self::CancelUpload(_) => {
                Payload::Bytes
            }
            Self::Base
            | Self::Catalog(_)
            | Self::Tags(_)
            | Self::PullManifest(..)
            | Self::PushManifest(..)
            | Self::DeleteManifest(..)
            | Self::PullBlob(_)
            | Self::DeleteBlob(_)
            | Self::UploadStatus(_)
            | Self::Referrers(_)
            | Self::Extension => Payload::NoForm,
        }
    }
}
