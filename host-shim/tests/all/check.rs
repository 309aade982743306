//! `registry-auth check`.

mod zot;

use std::path::Path;

use serde_json::{Value, json};

use crate::issuer::certificate;
use crate::sample::{FIRST, with};
use crate::shim::{Folder, command, configuration, output, text};

/// Runs `check` on a file and returns the exit status and the lines of stderr.
async fn check(
    folder: &Folder,
    name: &str,
    content: &str,
) -> anyhow::Result<(Option<i32>, Vec<String>)> {
    check_for("proxy", folder, name, content).await
}

/// Runs `check` with a value of `--for`.
pub(crate) async fn check_for(
    target: &str,
    folder: &Folder,
    name: &str,
    content: &str,
) -> anyhow::Result<(Option<i32>, Vec<String>)> {
    let file = folder.write(name, content)?;
    let output = output(command(&[
        "check",
        "--short",
        "--zot",
        "--for",
        target,
        "--config",
        text(&file)?,
    ]))
    .await?;
    let out = String::from_utf8(output.stdout)?;
    let is_fine = out.contains(&format!("{name}: ok, ")) && out.lines().count() == 1;
    anyhow::ensure!(is_fine == output.status.success(), "on stdout: {out}");
    let lines = String::from_utf8(output.stderr)?;
    let mut lines: Vec<String> = lines.lines().map(without_place).collect();
    if !output.status.success() {
        // How many there are.
        lines.pop();
    }
    Ok((output.status.code(), lines))
}

/// `FILE:LINE:COLUMN: LEVEL[ID]: PATH: MESSAGE` as `LEVEL: PATH: MESSAGE`.
fn without_place(line: &str) -> String {
    let level = ["error", "danger", "warning"]
        .into_iter()
        .find_map(|level| {
            let (before, behind) = line.split_once(&format!(": {level}["))?;
            let (_, message) = behind.split_once("]: ")?;
            (!before.contains(' ')).then(|| format!("{level}: {message}"))
        });
    level.unwrap_or_else(|| line.to_owned())
}

/// Returns a configuration with this bearer section.
fn with_bearer(bearer: &Value) -> Value {
    let repositories = json!({"**": {"anonymousPolicy": ["read"]}});
    json!({"http": {"auth": {"bearer": bearer}, "accessControl": {"repositories": repositories}}})
}

fn oidc(member: &str, value: &str) -> Value {
    json!({"oidc": [
        {"issuer": "https://i.example", "audiences": ["a"], "cluster": "i"},
        {"issuer": "https://j.example", "audiences": ["a"], "cluster": "j", member: value}
    ]})
}

#[tokio::test]
async fn a_good_configuration_is_silent_in_json_and_in_yaml() {
    let folder = Folder::new().unwrap();
    let mut good = configuration("s", "1m", false);
    good["http"]["auth"]["bearer"] =
        json!({"oidc": {"issuer": "https://i.example", "audiences": "a", "cluster": "i"}});
    good["http"]["accessControl"]["repositories"]["**"] = json!({"defaultPolicy": ["read"]});
    // JSON is YAML too; the third file is in block style.
    let yaml = "http:\n  auth:\n    bearer:\n      oidc:\n        - issuer: https://i.example\n          audiences: a\n          cluster: i\n  accessControl:\n    repositories:\n      '**':\n        defaultPolicy: [read]\n";
    for (name, content) in [
        ("a.json", good.to_string().as_str()),
        ("b.yml", &good.to_string()),
        ("c.yaml", yaml),
    ] {
        assert_eq!(
            check(&folder, name, content).await.unwrap(),
            (Some(0), vec![]),
            "{name}"
        );
    }
}

#[tokio::test]
async fn all_errors_are_printed_with_their_paths_in_json_and_in_yaml() {
    let folder = Folder::new().unwrap();
    let mut bad = configuration("s", "1m", false);
    bad["http"]["auth"]["bearer"]["awsSecretsManager"]["regoin"] = json!("x");
    bad["http"]["accessControl"]["repositories"]["**"]["anonymousPolicy"] = json!(["wirte"]);
    for name in ["bad.json", "bad.yaml"] {
        let (code, lines) = check(&folder, name, &bad.to_string()).await.unwrap();
        assert_eq!(code, Some(1), "{name}: {lines:?}");
        for path in [
            "http.auth.bearer.awsSecretsManager",
            "http.accessControl.repositories",
        ] {
            assert!(
                lines
                    .iter()
                    .any(|line| line.starts_with(&format!("error: {path}"))),
                "{name}: {path}: {lines:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_parsed_is_one_error_with_its_place() {
    let folder = Folder::new().unwrap();
    let rows = [
        ("a.json", "{\n  \"http\" 1}", "error: not valid JSON"),
        (
            "a.yaml",
            "http:\n  realm: [",
            "error: this bracket is not closed",
        ),
    ];
    for (name, content, part) in rows {
        let (code, lines) = check(&folder, name, content).await.unwrap();
        assert_eq!((code, lines.len()), (Some(1), 1), "{lines:?}");
        assert!(lines[0].contains(part), "{lines:?}");
    }
}

#[tokio::test]
async fn a_warning_is_printed_and_is_no_error() {
    let folder = Folder::new().unwrap();
    let mut open = configuration("s", "1m", false);
    open["http"]
        .as_object_mut()
        .unwrap()
        .remove("accessControl");
    let (code, lines) = check(&folder, "open.json", &open.to_string())
        .await
        .unwrap();
    assert_eq!(code, Some(0), "{lines:?}");
    let warning =
        "warning: http.accessControl: is absent: every authenticated caller may do everything";
    assert!(lines.iter().any(|line| line == warning), "{lines:?}");
}

/// Each of these once dropped the section with a warning at most, which gave every authenticated
/// caller full access.
#[tokio::test]
async fn access_control_that_gets_lost_is_an_error() {
    let folder = Folder::new().unwrap();
    let auth = "http:\n  auth:\n    bearer:\n      oidc:\n        - issuer: https://i.example\n          audiences: a\n          cluster: i\n";
    let policy = "\n    repositories:\n      '**':\n        defaultPolicy: [read]\n";
    let rows = [
        (
            format!("  accesControl:{policy}"),
            "error: http.accesControl: unknown key; did you mean `accessControl`",
        ),
        (
            format!("  accessControls:{policy}"),
            "error: http.accessControls: unknown key; did you mean `accessControl`",
        ),
        (
            format!("  access_control:{policy}"),
            "error: http.access_control: unknown key; did you mean `accessControl`",
        ),
        (
            "  accessControl:\n".to_owned(),
            "error: http.accessControl: is null",
        ),
        (
            "accessControl:\n  repositories: {}\n".to_owned(),
            "error: accessControl: unknown key here; did you mean `http.accessControl`",
        ),
    ];
    for (rest, error) in rows {
        let (code, lines) = check(&folder, "lost.yaml", &format!("{auth}{rest}"))
            .await
            .unwrap();
        assert_eq!(code, Some(1), "{rest}: {lines:?}");
        assert!(
            lines.iter().any(|line| line.starts_with(error)),
            "{rest}: {lines:?}"
        );
    }
    for (name, content, error) in [
        (
            "mark.json",
            "\u{feff}{}",
            "error: begins with a byte order mark",
        ),
        ("empty.json", "", "error: is empty; write: an object"),
        ("empty.yaml", "", "error: is empty; write: an object"),
    ] {
        let (code, lines) = check(&folder, name, content).await.unwrap();
        assert_eq!((code, lines.len()), (Some(1), 1), "{name}: {lines:?}");
        assert!(lines[0].contains(error), "{name}: {lines:?}");
    }
}

#[tokio::test]
async fn files_that_a_configuration_names_are_read_and_checked() {
    let folder = Folder::new().unwrap();
    let keys = folder.write("keys.pem", FIRST).unwrap();
    let garbage = folder.write("garbage.pem", "tops3cret").unwrap();
    let missing = folder.path("missing.pem");
    let cert = |cert: &str| json!({"realm": "r", "service": "s", "cert": cert, "audiences": ["a"], "issuer": "i"});
    let ca = "http.auth.bearer.oidc[1].certificateAuthorityFile";
    let file = |path: &str| oidc("certificateAuthorityFile", path);
    let rows = [
        ("a key", cert(text(&keys).unwrap()), None),
        (
            "a CA file",
            file(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../tests/fixtures/certificates/ca.pem"
            )),
            None,
        ),
        (
            "no path",
            cert("MFkw\nEwYH"),
            Some("http.auth.bearer.cert: is neither PEM nor JWKS text"),
        ),
        (
            "no file",
            cert(text(&missing).unwrap()),
            Some("http.auth.bearer.cert: cannot read"),
        ),
        (
            "no key",
            cert(text(&garbage).unwrap()),
            Some("http.auth.bearer.cert: the file"),
        ),
        ("no CA file", file(text(&missing).unwrap()), Some(ca)),
        (
            "a CA file without a certificate",
            file(text(&keys).unwrap()),
            Some(ca),
        ),
        (
            "a CA file of garbage",
            file(text(&garbage).unwrap()),
            Some(ca),
        ),
    ];
    for (name, bearer, expected) in rows {
        let (code, lines) = check(&folder, "files.json", &with_bearer(&bearer).to_string())
            .await
            .unwrap();
        let errors: Vec<_> = lines
            .iter()
            .filter(|line| line.starts_with("error: "))
            .collect();
        assert!(
            lines.iter().all(|line| !line.contains("tops3cret")),
            "{name}: {lines:?}"
        );
        match expected {
            None => assert_eq!((code, errors.len()), (Some(0), 0), "{name}: {lines:?}"),
            Some(start) => {
                assert_eq!((code, errors.len()), (Some(1), 1), "{name}: {lines:?}");
                assert!(
                    errors[0].starts_with(&format!("error: {start}")),
                    "{name}: {errors:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_issuer_that_is_pushed_has_files_that_can_be_used() {
    let folder = Folder::new().unwrap();
    let write = |name, content| folder.write(name, content).unwrap();
    let (ca, token) = (certificate("issuer-ca"), write("token", "eyJ.e30.x\n"));
    let (keys, garbage, empty) = (
        write("keys.pem", FIRST),
        write("garbage", "tops3cret tops3cret"),
        write("empty", "\n"),
    );
    let missing = folder.path("missing");
    let both =
        |ca: &Path, token: &Path| json!({"certificateAuthorityFile": ca, "tokenFile": token});
    let place = |member: &str| format!("http.auth.bearer.oidc[0].{member}: ");
    let (at_ca, at_token) = (place("certificateAuthorityFile"), place("tokenFile"));
    // (members, start of the only error)
    let rows = [
        (both(&ca, &token), None),
        (
            both(&missing, &token),
            Some(format!("{at_ca}cannot read `")),
        ),
        (
            both(&keys, &token),
            Some(format!("{at_ca}is not the PEM text of a certificate")),
        ),
        (
            both(&empty, &token),
            Some(format!("{at_ca}is not the PEM text of a certificate")),
        ),
        (
            both(&ca, &missing),
            Some(format!("{at_token}cannot read `")),
        ),
        (both(&ca, &garbage), Some(format!("{at_token}the file `"))),
        (both(&ca, &empty), Some(format!("{at_token}the file `"))),
        (
            json!({"keySource": "callout", "cluster": "i", "tokenFile": token}),
            Some(format!("{at_token}is read by `registry-auth serve` only")),
        ),
        (
            json!({"keySource": "callout", "cluster": "i", "tokenFile": missing}),
            Some(format!("{at_token}is read by `registry-auth serve` only")),
        ),
        (
            json!({"certificateAuthority": "tops3cret"}),
            Some(format!(
                "{}is not the PEM text",
                place("certificateAuthority")
            )),
        ),
        (
            json!({"keySource": "shim"}),
            Some(format!(
                "{}`shim` is not a source of keys",
                place("keySource")
            )),
        ),
    ];
    for (members, expected) in rows {
        let entry = with(
            &json!({"issuer": "https://i.example", "audiences": ["a"], "keySource": "push"}),
            &members,
        );
        let mut document = with_bearer(&json!({"oidc": [entry]}));
        document["proxy"] = json!({"pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}});
        document["http"]["accessControl"]["repositories"]["**"] =
            json!({"defaultPolicy": ["read"]});
        let (code, lines) = check(&folder, "push.json", &document.to_string())
            .await
            .unwrap();
        assert!(
            lines.iter().all(|line| !line.contains("tops3cret")),
            "{members}: {lines:?}"
        );
        match expected {
            None => assert_eq!((code, lines), (Some(0), vec![]), "{members}"),
            Some(start) => {
                assert_eq!((code, lines.len()), (Some(1), 1), "{members}: {lines:?}");
                assert!(
                    lines[0].starts_with(&format!("error: {start}")),
                    "{members}: {lines:?}"
                );
            }
        }
    }
}
