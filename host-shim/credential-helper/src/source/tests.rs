//! Sources as they are written, and which is found.

use super::*;

#[test]
fn a_source_is_read_as_text() {
    let rows = [
        ("github", "Github"),
        ("gitlab", r#"Gitlab { variable: "REGISTRY_TOKEN" }"#),
        ("gitlab:MY_TOKEN", r#"Gitlab { variable: "MY_TOKEN" }"#),
        ("env", r#"Env { variable: "REGISTRY_AUTH_TOKEN" }"#),
        ("file:/a:b", r#"File { path: "/a:b" }"#),
        (
            "kubernetes",
            r#"Kubernetes { path: "/var/run/secrets/registry/token" }"#,
        ),
        ("kubernetes:/t", r#"Kubernetes { path: "/t" }"#),
        (
            "aws:eu-central-1",
            r#"Aws { region: Some("eu-central-1") }"#,
        ),
        ("azure", "Azure { client_id: None }"),
        (
            "spiffe:spiffe://a/b",
            r#"Spiffe { id: Some("spiffe://a/b") }"#,
        ),
        ("exec:get a", r#"Exec { program: "get", arguments: ["a"] }"#),
        (
            "GitHub",
            "unknown source: write github, gitlab, file, env, kubernetes, gcp,",
        ),
        ("", "unknown source: write"),
        (
            "file",
            r#"`file` needs a path: write `file:/var/run/secrets/registry/token`, in JSON {"file": "#,
        ),
        ("exec:", "`exec` needs a program"),
        ("gcp:a", "`gcp` has no argument: write `gcp`"),
        ("env:eyJ.tops3cret", "`env` takes the name of a variable"),
        ("gitlab:1A", "`gitlab` takes the name of a variable"),
    ];
    for (text, expected) in rows {
        let found = match text.parse::<Source>() {
            Ok(source) => format!("{source:?}"),
            Err(error) => error.to_string(),
        };
        assert!(found.starts_with(expected), "{text}: {found}");
    }
}

/// The rows: variables, a file of the machine with its text, and the source that is found.
#[test]
fn the_first_source_that_is_there_is_taken() {
    let rows: &[(&[&str], &str, &str, &str)] = &[
        (&[GITHUB_URL, GITHUB_TOKEN, GITLAB], "", "", "github"),
        (&[GITHUB_URL, GITLAB, ENV], "", "", "gitlab"),
        (&[GITHUB_TOKEN, ENV, SPIFFE_SOCKET], "", "", "env"),
        (
            &[SPIFFE_SOCKET],
            "var/run/secrets/registry/token",
            "t",
            "kubernetes",
        ),
        (&["K_SERVICE", "AWS_ACCESS_KEY_ID"], "", "", "gcp"),
        (
            &[],
            "sys/class/dmi/id/product_name",
            "Google Compute Engine\n",
            "gcp",
        ),
        (
            &["AWS_CONTAINER_CREDENTIALS_FULL_URI", SPIFFE_SOCKET],
            "",
            "",
            "aws",
        ),
        (&[], "sys/class/dmi/id/sys_vendor", "Amazon EC2\n", "aws"),
        (
            &[SPIFFE_SOCKET],
            "sys/class/dmi/id/sys_vendor",
            "QEMU\n",
            "spiffe",
        ),
        (
            &[],
            "sys/class/dmi/id/chassis_asset_tag",
            "7783-7084-3265-9085-8269-3286-77\n",
            "azure",
        ),
        (&["HOME"], "", "", ""),
    ];
    for (variables, file, text, expected) in rows {
        let root = crate::owned::tests::private();
        if !file.is_empty() {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let set: Vec<_> = variables.iter().map(|name| (*name, "x")).collect();
        let found = Source::detect(&Environment::new(&set, root.path()));
        let found = found.as_ref().map_or("", Source::name);
        assert_eq!(found, *expected, "{variables:?} {file}");
    }
}
