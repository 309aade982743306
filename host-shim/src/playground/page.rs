//! The files of the page: in this program, or in the folder `playground` next to it.
//!
//! They are in the program where it was built with them, so that one file is enough and page and
//! program are of one version. A program that was built without Node.js has none.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use anyhow::{Context as _, ensure};

include!(concat!(env!("OUT_DIR"), "/playground.rs"));

/// The files of the page by their names.
#[derive(Debug)]
pub(super) struct Page(BTreeMap<String, Cow<'static, [u8]>>);

impl Page {
    /// Returns the files in this program, or those in the folder `playground` next to it.
    ///
    /// # Errors
    /// There are none.
    pub(super) fn find() -> anyhow::Result<Self> {
        if !EMBEDDED.is_empty() {
            let files = EMBEDDED.iter();
            let files = files.map(|(name, bytes)| ((*name).to_owned(), Cow::Borrowed(*bytes)));
            return Ok(Self(files.collect()));
        }
        let program = env::current_exe().context("this program does not know where it is")?;
        let folder = program.with_file_name("playground");
        let page = Self::read(&folder).unwrap_or_default();
        ensure!(
            page.contains_key("index.html"),
            "this program was built without the page, and `{}` has none: build it by `cargo xtask playground` and `cargo xtask build`",
            folder.display()
        );
        Ok(Self(page))
    }

    fn read(folder: &Path) -> std::io::Result<BTreeMap<String, Cow<'static, [u8]>>> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if let (true, Ok(name)) = (
                entry.file_type()?.is_file(),
                entry.file_name().into_string(),
            ) {
                files.insert(name, Cow::Owned(fs::read(entry.path())?));
            }
        }
        Ok(files)
    }

    /// Returns a file and its content type; `None` if there is no such file.
    pub(super) fn file(&self, name: &str) -> Option<(&[u8], &'static str)> {
        let bytes = self.0.get(name)?;
        let content_type = match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("wasm") => "application/wasm",
            _ => "text/plain; charset=utf-8",
        };
        Some((bytes, content_type))
    }
}
