//! Layouts go to a registry and come back the same, with what refers to them.

use serde_json::Value;

use crate::layouts::{Layout, NAMES, VERSION};
use crate::programs::{succeed, tool};
use crate::registry::Registry;

/// What the bill of materials is.
const SBOM: &str = "application/vnd.cyclonedx+json";

#[test]
fn what_is_pushed_comes_back_with_its_bill_of_materials() {
    let registry = Registry::start();
    for name in NAMES {
        let layout = Layout::read(name);
        let reference = registry.reference(&format!("{name}:{VERSION}"));
        let push = ["cp", "--recursive", "--from-oci-layout", "--to-plain-http"];
        succeed(
            tool("bin/oras")
                .args(push)
                .args([layout.reference(), reference.clone()]),
        );

        let crane = |arguments: &[&str]| {
            succeed(
                tool("bin/crane")
                    .arg("--insecure")
                    .args(arguments)
                    .arg(&reference),
            )
        };
        assert_eq!(crane(&["digest"]), layout.digest, "{name}");
        let manifest: Value = serde_json::from_str(&crane(&["manifest"])).expect("JSON");
        assert_eq!(manifest, layout.tagged(), "{name}");

        let list = ["discover", "--plain-http", "--format=json"];
        let found = succeed(tool("bin/oras").args(list).arg(&reference));
        let found: Value = serde_json::from_str(&found).expect("JSON");
        let found = found["referrers"].as_array().expect("referrers").iter();
        let found: Vec<_> = found
            .map(|each| (each["digest"].clone(), each["artifactType"].clone()))
            .collect();
        let expected = layout.referrers.iter();
        let expected: Vec<_> = expected
            .map(|digest| (Value::from(digest.as_str()), Value::from(SBOM)))
            .collect();
        assert_eq!(found, expected, "{name}");
        assert_eq!(found.len(), 1, "{name}");
    }
}

/// Every blob that was pushed has the content that its digest says, and images can be unpacked.
#[test]
fn registries_and_clients_find_the_images_whole() {
    let registry = Registry::start();
    for name in ["module", "module-oci", "registry-auth"] {
        let layout = Layout::read(name);
        let reference = registry.reference(&format!("{name}:{VERSION}"));
        let from = format!("oci:{}", layout.reference());
        let to = format!("docker://{reference}");
        let copy = [
            "--insecure-policy",
            "copy",
            "--quiet",
            "--all",
            "--dest-tls-verify=false",
        ];
        succeed(tool("bin/skopeo").args(copy).args([&from, &to]));
        let validate = ["--insecure", "validate", "--remote", &reference];
        let said = succeed(tool("bin/crane").args(validate));
        assert!(said.starts_with("PASS"), "{said}");
        let inspect = ["inspect", "--tls-verify=false", "--format={{.Digest}}"];
        assert_eq!(
            succeed(tool("bin/skopeo").args(inspect).arg(&to)),
            layout.digest,
            "{name}"
        );
    }
}

#[test]
fn manifests_say_what_they_are() {
    for name in NAMES {
        let annotations = &Layout::read(name).tagged()["annotations"];
        if name == "module-docker" {
            // Manifests of Docker have no annotations.
            assert!(annotations.is_null());
            continue;
        }
        for key in [
            "title",
            "description",
            "version",
            "licenses",
            "source",
            "created",
        ] {
            let value = annotations[format!("org.opencontainers.image.{key}")].as_str();
            assert!(
                value.is_some_and(|value| !value.is_empty()),
                "{name}: {key}"
            );
        }
    }
}

/// The program runs in what the image has, and nothing else: no shell, and as nobody.
#[test]
fn the_image_of_the_program_is_small_and_has_no_shell() {
    let layout = Layout::read("registry-auth");
    let image = layout.json(&layout.tagged()["manifests"][0]);
    let config = layout.json(&image["config"]);
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(
        config["config"]["Entrypoint"][0],
        "/usr/local/bin/registry-auth"
    );
    let folder = tempfile::tempdir().expect("a folder");
    for layer in image["layers"].as_array().expect("layers") {
        let archive = folder.path().join("layer.tar.gz");
        std::fs::write(&archive, layout.blob(layer)).expect("a file");
        let root = folder.path().join("root");
        std::fs::create_dir_all(&root).expect("a folder");
        let mut tar = std::process::Command::new("tar");
        succeed(tar.arg("-xzf").arg(&archive).arg("-C").arg(&root));
    }
    let root = folder.path().join("root");
    for absent in ["bin/sh", "usr/bin/sh", "usr/bin/apt", "usr/bin/dpkg"] {
        assert!(!root.join(absent).exists(), "{absent}");
    }
    let bundle = std::fs::read_to_string(root.join("etc/ssl/certs/ca-certificates.crt"));
    assert!(
        bundle
            .expect("certificates")
            .matches("BEGIN CERTIFICATE")
            .count()
            > 50
    );
    if !is_root() {
        assert!(std::env::var_os("CI").is_none(), "CI has to run as root");
        eprintln!("not run: the program in its own root needs root");
        return;
    }
    let mut chroot = std::process::Command::new("chroot");
    chroot.arg("--userspec=65532:65532").arg(&root);
    let said = succeed(chroot.args(["/usr/local/bin/registry-auth", "--help"]));
    assert!(said.contains("check"), "{said}");
}

fn is_root() -> bool {
    succeed(std::process::Command::new("id").arg("-u")) == "0"
}
