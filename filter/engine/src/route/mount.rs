//! Cross-repository mounts (OCI distribution spec, "Mounting a blob from another repository").

use crate::reason::Reason;

use super::query::is_read_as;
use super::{Digest, Query, Repository};

/// Sources that one mount may name. Registries read one of them; each is a decision of its own.
pub(super) const MAX_SOURCES: usize = 8;

/// Where an upload may take its blob from, instead of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mount {
    /// Nothing: the bytes follow.
    No,
    /// A blob of whichever repository has it ("automatic content discovery").
    FromAnywhere,
    /// A blob of these. Registries read one of several `from`; all must be allowed.
    From(Vec<String>),
}

impl Mount {
    /// Reads `mount` and `from`.
    ///
    /// # Errors
    /// `DigestInvalid` or `NameInvalid` for values that break the grammar, and for more than
    /// [`MAX_SOURCES`] sources.
    pub(super) fn read(query: &Query<'_>) -> Result<Self, Reason> {
        let mut asked = false;
        for digest in query.values_as_any_server_reads("mount") {
            Digest::parse(&digest)?;
            asked = true;
        }
        let mut sources = Vec::new();
        // An empty one is treated as absent, as registries do.
        for name in query
            .values_as_any_server_reads("from")
            .filter(|name| !name.is_empty())
        {
            Repository::parse_name(&name)?;
            if sources.len() >= MAX_SOURCES {
                return Err(Reason::NameInvalid);
            }
            sources.push(name.into_owned());
        }
        Ok(match (asked, sources.is_empty()) {
            (_, false) => Self::From(sources),
            (true, true) => Self::FromAnywhere,
            (false, true) => Self::No,
        })
    }
}

/// The target without `mount` and `from`: what is left asks for a plain upload. Everything else
/// stays as it was sent.
#[must_use]
pub fn without_mount(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else {
        return target.to_owned();
    };
    let mut kept = path.to_owned();
    let mut separator = '?';
    for parameter in query.split(['&', ';']) {
        let name = form_urlencoded::parse(parameter.as_bytes())
            .next()
            .map(|(name, _)| name);
        let asks = name.is_some_and(|name| is_read_as(&name, "mount") || is_read_as(&name, "from"));
        if !asks && !parameter.is_empty() {
            kept.push(separator);
            kept.push_str(parameter);
            separator = '&';
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_taken_out_however_it_is_written() {
        let rows = [
            ("/v2/a/blobs/uploads/", "/v2/a/blobs/uploads/"),
            (
                "/v2/a/blobs/uploads/?mount=x&from=b",
                "/v2/a/blobs/uploads/",
            ),
            (
                "/v2/a/blobs/uploads/?from=b&ns=docker.io&mount=x",
                "/v2/a/blobs/uploads/?ns=docker.io",
            ),
            (
                "/v2/a/blobs/uploads/?digest=d&%6dount=x&fro%6D=b&y=%20",
                "/v2/a/blobs/uploads/?digest=d&y=%20",
            ),
            (
                "/v2/a/blobs/uploads/?x=1;from=b;mount=d&&z",
                "/v2/a/blobs/uploads/?x=1&z",
            ),
            ("/v2/a/blobs/uploads/?mount&from", "/v2/a/blobs/uploads/"),
            (
                "/v2/a/blobs/uploads/?Mount=x&FROM=b&from[]=c&%20mount=d&mount%00=e&n=1",
                "/v2/a/blobs/uploads/?n=1",
            ),
            (
                "/v2/a/blobs/uploads/?mounted=1&x=from=b",
                "/v2/a/blobs/uploads/?mounted=1&x=from=b",
            ),
        ];
        for (target, kept) in rows {
            assert_eq!(without_mount(target), kept, "{target}");
        }
    }
}
