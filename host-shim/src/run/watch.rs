//! Watches the configuration file and the files that it names, by asking for their state: that
//! works for editors, for the links of a Kubernetes volume and for network file systems alike.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_millis(250);

/// What changes when a file is replaced or written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Signature {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The watched files, as they were when they were last read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch(BTreeMap<PathBuf, Option<Signature>>);

impl Watch {
    /// Watches these files from now on. A file that is missing may appear later.
    pub(crate) fn of(paths: &BTreeSet<PathBuf>) -> Self {
        Self(
            paths
                .iter()
                .map(|path| (path.clone(), signature(path)))
                .collect(),
        )
    }

    /// Watches exactly these files; those that are watched already, as they were.
    pub(crate) fn with(mut self, paths: &BTreeSet<PathBuf>) -> Self {
        let mut known = |path: &PathBuf| self.0.remove(path).unwrap_or_else(|| signature(path));
        Self(
            paths
                .iter()
                .map(|path| (path.clone(), known(path)))
                .collect(),
        )
    }

    /// Returns once a file has changed, and none of them has for a moment: who writes a file in
    /// place is done then.
    pub(crate) async fn changed(&self) {
        let mut last = self.0.clone();
        loop {
            sleep(INTERVAL).await;
            let now: BTreeMap<_, _> = last
                .keys()
                .map(|path| (path.clone(), signature(path)))
                .collect();
            if now == last && now != self.0 {
                return;
            }
            last = now;
        }
    }
}

/// Follows links: the target of a link may be another one now.
fn signature(path: &Path) -> Option<Signature> {
    let metadata = fs::metadata(path).ok()?;
    Some(Signature {
        device: metadata.dev(),
        inode: metadata.ino(),
        length: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_way_to_change_a_file_is_noticed() {
        type Change = fn(&Path);
        let rows: [(&str, Change); 4] = [
            ("written", |folder| {
                fs::write(folder.join("a"), "22").unwrap();
            }),
            ("renamed", |folder| {
                fs::write(folder.join("new"), "1").unwrap();
                fs::rename(folder.join("new"), folder.join("a")).unwrap();
            }),
            ("removed", |folder| {
                fs::remove_file(folder.join("a")).unwrap();
            }),
            ("appeared", |folder| {
                fs::write(folder.join("b"), "").unwrap();
            }),
        ];
        for (name, change) in rows {
            let folder = tempfile::tempdir().unwrap();
            let paths = ["a", "b"].map(|name| folder.path().join(name));
            fs::write(&paths[0], "1").unwrap();
            let watch = Watch::of(&BTreeSet::from(paths));
            let unchanged = tokio::time::timeout(Duration::from_secs(5), watch.changed());
            assert!(unchanged.await.is_err(), "{name}");
            change(folder.path());
            let changed = tokio::time::timeout(Duration::from_secs(5), watch.changed());
            assert!(changed.await.is_ok(), "{name}");
        }
    }
}
