//! Members that an expression reads and that are never there.

use registry_auth_cel::Members;

use super::Diagnostics;
use super::unknown_key;

impl Diagnostics {
    /// Warns of each `NAME.x` that an expression at `path` reads, and that is not among `known`: zot
    /// starts with it, and refuses later. `follows` says whom.
    pub(crate) fn check_members(
        &mut self,
        path: &str,
        name: &str,
        reads: &Members,
        known: &[&str],
        follows: &str,
    ) {
        let Members::These(reads) = reads else {
            return;
        };
        let unknown = reads.iter();
        for read in unknown.filter(|read| !known.contains(&read.as_str())) {
            let advice = match unknown_key::meant(read, known) {
                Some(meant) => format!("did you mean `{name}.{meant}`?"),
                None if known.is_empty() => format!("no `{name}` is defined before it"),
                None => format!("there is `{name}.{}`", known.join(&format!("`, `{name}."))),
            };
            self.warn(
                path,
                format!("`{name}.{read}` is never there, so {follows}; {advice}"),
            );
        }
    }
}
