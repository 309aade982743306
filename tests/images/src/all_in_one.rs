//! The image of `envoy/Dockerfile` is built, where buildah can run: on a base made here, with the
//! Envoy of `.tools`.

use std::fs;

use serde_json::Value;

use crate::layouts::{Layout, VERSION};
use crate::programs::{path, program, succeed, tool};

#[test]
fn the_dockerfile_makes_an_image_of_base_and_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    let containers = home.join(".config/containers");
    fs::create_dir_all(&containers).expect("a folder");
    let accepted = r#"{"default": [{"type": "insecureAcceptAnything"}]}"#;
    fs::write(containers.join("policy.json"), accepted).expect("a file");
    let buildah = || {
        let mut command = tool("bin/buildah");
        for (option, name) in [("--root", "storage"), ("--runroot", "run")] {
            command.arg(option).arg(folder.path().join(name));
        }
        command.arg("--storage-driver=vfs").env("HOME", &home);
        command
    };
    if !program("bin/buildah").exists()
        || buildah()
            .arg("images")
            .output()
            .is_ok_and(|o| !o.status.success())
    {
        assert!(std::env::var_os("CI").is_none(), "buildah has to run in CI");
        eprintln!("not run: buildah cannot run here");
        return;
    }
    let context = folder.path().join("context");
    fs::create_dir_all(context.join("base")).expect("a folder");
    // A base with a stand-in for Envoy: nothing of it is run.
    fs::write(context.join("base/envoy"), "#!/bin/sh\n").expect("a file");
    fs::write(
        context.join("base/Dockerfile"),
        "FROM scratch\nCOPY envoy /usr/local/bin/envoy\n",
    )
    .expect("a file");
    let build = || {
        let mut command = buildah();
        command.args(["build", "--isolation=chroot", "--quiet"]);
        command
    };
    succeed(
        build()
            .arg("--tag=localhost/envoy-base")
            .arg(context.join("base")),
    );
    let layout = Layout::read("registry-auth");
    let pulled = format!("oci:{}", layout.reference());
    let image = succeed(buildah().args(["pull", "--quiet", &pulled]));
    succeed(buildah().args(["tag", &image, "localhost/registry-auth"]));
    succeed(
        build()
            .args(["--pull-never", "--tag=localhost/all", "--file"])
            .arg(path("envoy/Dockerfile"))
            .arg("--build-arg=ENVOY_IMAGE=localhost/envoy-base")
            .arg("--build-arg=REGISTRY_AUTH_IMAGE=localhost/registry-auth")
            .arg(format!("--build-arg=VERSION={VERSION}"))
            .arg(&context),
    );
    let inspected = succeed(buildah().args(["inspect", "--type=image", "localhost/all"]));
    let inspected: Value = serde_json::from_str(&inspected).expect("JSON");
    let config = &inspected["OCIv1"]["config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"][0], "/usr/local/bin/registry-auth");
    assert_eq!(
        config["Labels"]["org.opencontainers.image.version"],
        VERSION
    );
    let container = succeed(buildah().args(["from", "--pull-never", "localhost/all"]));
    let root = succeed(buildah().args(["mount", &container]));
    for file in [
        "usr/local/bin/registry-auth",
        "usr/local/bin/envoy",
        "etc/ssl/certs/ca-certificates.crt",
    ] {
        assert!(std::path::Path::new(&root).join(file).is_file(), "{file}");
    }
    succeed(buildah().args(["rm", &container]));
}
