//! The image of the native program.

use std::path::Path;

use serde_json::json;

use super::annotations::Build;
use super::base::Base;
use super::descriptor::{Descriptor, Platform, SBOM};
use super::layer::Files;
use super::layout::Layout;
use super::manifest::{self, Image, Kind};

/// Where the program is in the image.
const PROGRAM: &str = "usr/local/bin/registry-auth";
/// The user that it runs as: no user of a node has this number.
const USER: &str = "65532:65532";
const TITLE: &str = "registry-auth";
const DESCRIPTION: &str =
    "key shim and command line of registry-auth: serve, check, render, and the module";

/// Writes the image with its bill of materials, and returns the descriptor of the index.
///
/// # Errors
/// The layout cannot be written.
pub(crate) fn write(
    folder: &Path,
    program: &[u8],
    base: &Base,
    architecture: &str,
    sbom: &[u8],
    build: &Build,
) -> anyhow::Result<Descriptor> {
    let annotations = build.annotations(TITLE, DESCRIPTION);
    let mut layout = Layout::create(folder)?;
    let mut files = Files::default();
    files.file(PROGRAM, 0o755, program);
    let image = Image {
        layers: vec![base.files.layer()?, files.layer()?],
        platform: Platform::linux(architecture),
        config: json!({
            "User": USER,
            "Entrypoint": [format!("/{PROGRAM}")],
            "Cmd": ["--help"],
            "Env": [
                "PATH=/usr/local/bin",
                "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
            ],
            "WorkingDir": "/",
            "Labels": annotations,
        }),
    };
    let image = image.store(&layout, Kind::Oci, &annotations)?;
    let attached = manifest::referrer(&layout, &image, SBOM, sbom, &annotations)?;
    let index = manifest::index(&layout, &[image], &annotations)?;
    let of_index = manifest::referrer(&layout, &index, SBOM, sbom, &annotations)?;
    layout.tag(index.clone(), &build.version);
    layout.referrer(attached);
    layout.referrer(of_index);
    layout.finish()?;
    Ok(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_builds_give_the_same_image() {
        let folder = tempfile::tempdir().unwrap();
        let mut base = Base::default();
        base.files.folder("tmp", 0o1777);
        let [one, other] = ["one", "other"].map(|name| {
            let folder = folder.path().join(name);
            write(
                &folder,
                b"program",
                &base,
                "amd64",
                b"{}",
                &Build::of_test(),
            )
            .unwrap()
        });
        assert_eq!(one, other);
        base.files.folder("var", 0o755);
        let folder = folder.path().join("changed");
        let changed = write(
            &folder,
            b"program",
            &base,
            "amd64",
            b"{}",
            &Build::of_test(),
        );
        assert_ne!(changed.unwrap().digest, one.digest);
    }
}
