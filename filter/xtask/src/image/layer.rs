//! Layers: archives in gzip that depend on nothing but the files in them.

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::Context;
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use super::descriptor;

/// The files of a layer by their path, in the order in which they are written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files(BTreeMap<String, Entry>);

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    File { content: Vec<u8>, mode: u32 },
    Folder { mode: u32 },
    Link { target: String },
}

/// A layer as it is stored, and the digest of the archive in it.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// The archive in gzip.
    pub(crate) compressed: Vec<u8>,
    /// The digest of the archive (`rootfs.diff_ids` of an image's configuration).
    pub(crate) diff_id: String,
}

impl Files {
    /// Adds a file; folders above it are added with mode 755.
    pub(crate) fn file(&mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) {
        let content = content.into();
        self.put(path, Entry::File { content, mode });
    }

    /// Adds a folder.
    pub(crate) fn folder(&mut self, path: &str, mode: u32) {
        self.put(path, Entry::Folder { mode });
    }

    /// Adds a symbolic link.
    pub(crate) fn link(&mut self, path: &str, target: &str) {
        let target = target.to_owned();
        self.put(path, Entry::Link { target });
    }

    fn put(&mut self, path: &str, entry: Entry) {
        for (end, _) in path.match_indices('/') {
            let (above, _) = path.split_at(end);
            let folder = Entry::Folder { mode: 0o755 };
            self.0.entry(above.to_owned()).or_insert(folder);
        }
        self.0.insert(path.to_owned(), entry);
    }

    /// Returns all paths, sorted.
    #[cfg(test)]
    pub(crate) fn paths(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Writes the layer. Everything belongs to root, and is of the beginning of 1970: owners and
    /// times of the machine that builds are in no image.
    ///
    /// # Errors
    /// A path is too long for an archive.
    pub(crate) fn layer(&self) -> anyhow::Result<Layer> {
        let archive = self.archive().context("cannot write an archive")?;
        let mut gzip = GzBuilder::new()
            .mtime(0)
            .operating_system(UNKNOWN_SYSTEM)
            .write(Vec::new(), Compression::best());
        gzip.write_all(&archive).context("cannot compress")?;
        Ok(Layer {
            compressed: gzip.finish().context("cannot compress")?,
            diff_id: descriptor::digest(&archive),
        })
    }

    fn archive(&self) -> std::io::Result<Vec<u8>> {
        let mut archive = Builder::new(Vec::new());
        for (path, entry) in &self.0 {
            let mut header = Header::new_gnu();
            header.set_mtime(0);
            header.set_uid(0);
            header.set_gid(0);
            match entry {
                Entry::File { content, mode } => {
                    header.set_entry_type(EntryType::Regular);
                    header.set_mode(*mode);
                    header.set_size(content.len() as u64);
                    archive.append_data(&mut header, path, content.as_slice())?;
                }
                Entry::Folder { mode } => {
                    header.set_entry_type(EntryType::Directory);
                    header.set_mode(*mode);
                    header.set_size(0);
                    archive.append_data(&mut header, format!("{path}/"), std::io::empty())?;
                }
                Entry::Link { target } => {
                    header.set_entry_type(EntryType::Symlink);
                    header.set_mode(0o777);
                    header.set_size(0);
                    archive.append_link(&mut header, path, target)?;
                }
            }
        }
        archive.into_inner()
    }
}

/// The operating system in the header of gzip (RFC 1952, 2.3.1): not said.
const UNKNOWN_SYSTEM: u8 = 255;

#[cfg(test)]
mod tests {
    use super::*;

    fn files(order: &[usize]) -> Files {
        let mut files = Files::default();
        for number in order {
            match number {
                0 => files.file("usr/bin/a", 0o755, "a"),
                1 => files.folder("tmp", 0o1777),
                _ => files.link("lib", "usr/lib"),
            }
        }
        files
    }

    #[test]
    fn the_order_of_adding_changes_nothing() {
        let one = files(&[0, 1, 2]).layer().unwrap();
        let other = files(&[2, 1, 0]).layer().unwrap();
        assert_eq!(one.compressed, other.compressed);
        assert_ne!(one.diff_id, files(&[0, 1]).layer().unwrap().diff_id);
    }

    #[test]
    fn nothing_of_the_machine_is_in_a_layer() {
        let layer = files(&[0, 1, 2]).layer().unwrap();
        // RFC 1952: the time is 4 to 7, the system 9.
        assert_eq!(layer.compressed[4..8], [0; 4]);
        assert_eq!(layer.compressed[9], 255);
        let archive = flate2::read::GzDecoder::new(layer.compressed.as_slice());
        let mut archive = tar::Archive::new(archive);
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!(header.mtime().unwrap(), 0);
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            found.push((
                entry.path().unwrap().display().to_string(),
                header.mode().unwrap(),
            ));
        }
        let expected = [
            ("lib", 0o777),
            ("tmp/", 0o1777),
            ("usr/", 0o755),
            ("usr/bin/", 0o755),
            ("usr/bin/a", 0o755),
        ];
        assert_eq!(found, expected.map(|(path, mode)| (path.to_owned(), mode)));
    }
}
