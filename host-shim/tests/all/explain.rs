//! `registry-auth explain` and `test`: the samples of their page, and what is bad.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use registry_auth_engine::keys::{Kind, SigningKey};
use serde_json::json;

use crate::shim::{Folder, command, output};

const PAGE: &str = include_str!("../../../docs/explain.md");

/// A block of the page between fences: what follows the first fence, and the text.
fn blocks() -> Vec<(&'static str, &'static str)> {
    blocks_of(PAGE)
}

/// The blocks of a page.
pub(crate) fn blocks_of(page: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut parts = page.split("```");
    let mut blocks = Vec::new();
    // Text and blocks take turns.
    while let (Some(_), Some(block)) = (parts.next(), parts.next()) {
        blocks.extend(block.split_once('\n'));
    }
    blocks
}

/// Writes the files of the page.
pub(crate) fn files(folder: &Folder) -> anyhow::Result<()> {
    for (info, text) in blocks() {
        if let Some((_, name)) = info.split_once(' ') {
            folder.write(name, text)?;
        }
    }
    Ok(())
}

/// Runs the binary in a folder. Returns its exit status and what it wrote.
pub(crate) async fn run(
    folder: &Path,
    words: &str,
) -> anyhow::Result<(Option<i32>, String, String)> {
    let words: Vec<_> = words.split(' ').collect();
    let mut command = command(&words);
    command.current_dir(folder);
    let output = output(command).await?;
    let text = |bytes| String::from_utf8(bytes);
    Ok((
        output.status.code(),
        text(output.stdout)?,
        text(output.stderr)?,
    ))
}

#[tokio::test]
async fn the_samples_of_the_page_are_what_the_commands_print() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    files(&folder)?;
    let mut count = 0;
    for (_, sample) in blocks().into_iter().filter(|(info, _)| *info == "console") {
        let (line, expected) = sample
            .split_once('\n')
            .context("a command and its output")?;
        let words = line.strip_prefix("$ registry-auth ").context("a command")?;
        let (_, found, errors) = run(&folder.path(""), words).await?;
        assert_eq!(found, expected, "{line}\n{errors}");
        count += 1;
    }
    ensure!(count == 8, "{count} samples");
    Ok(())
}

#[tokio::test]
async fn a_question_ends_with_its_status_and_bad_input_with_advice() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    files(&folder)?;
    folder.write("list.json", "[1]")?;
    folder.write("no-issuer.json", "{}")?;
    folder.write(
        "broken.yaml",
        "http: { accessControl: { repositories: { \"a/**\": { defaultPolicy: [reed] } } } }",
    )?;
    folder.write(
        "near.json",
        r#"{ "iss": "https://token.actions.githubusercontent.com/" }"#,
    )?;
    folder.write(
        "audience.json",
        r#"{ "iss": "https://token.actions.githubusercontent.com", "aud": "x" }"#,
    )?;
    folder.write("missing.json", r#"{ "iss": "https://token.actions.githubusercontent.com", "repository_owner_id": "9919" }"#)?;
    let rows = [
        ("--claims claims.json pull acme/app:v1", 0, "ALLOWED"),
        (
            "--claims claims.json --tag-exists yes push acme/app:v1",
            0,
            "ALLOWED",
        ),
        (
            "--claims claims.json --json catalog",
            0,
            "\"granted\": true",
        ),
        (
            "--anonymous pull acme/app:v1",
            3,
            "REFUSED 401 UNAUTHORIZED",
        ),
        (
            "--claims near.json list acme/app",
            3,
            "differ by upper case or by the `/` at the end",
        ),
        ("--claims audience.json list acme/app", 3, "wrong_audience"),
        (
            "--claims missing.json list acme/app",
            3,
            "the token has no `claims.repository`",
        ),
        ("--claims claims.json --at 1 list acme/app", 0, "ALLOWED"),
        (
            "--anonymous steal acme/app",
            1,
            "`steal` is nothing that a client does",
        ),
        (
            "--claims none.json list acme/app",
            1,
            "cannot read `none.json`",
        ),
        (
            "--claims list.json list acme/app",
            1,
            "no JSON object of claims",
        ),
        ("--claims no-issuer.json list acme/app", 1, "have no `iss`"),
        (
            "--token-file claims.json list acme/app",
            1,
            "holds no token",
        ),
        ("list acme/app", 2, "required"),
        (
            "--user ann --anonymous list acme/app",
            2,
            "cannot be used with",
        ),
    ];
    for (words, status, text) in rows {
        let words = format!("explain --config policy.yaml {words}");
        let (found, out, errors) = run(&folder.path(""), &words).await?;
        assert_eq!(found, Some(status), "{words}: {out}{errors}");
        let both = format!("{out}{errors}");
        assert!(both.contains(text), "{words}: {both}");
    }
    // A proxy of one's own verifies the certificate: nothing says how.
    folder.write(
        "own.json",
        r#"{ "http": { "auth": { "mtls": {} }, "accessControl": { "repositories": { "**": { "defaultPolicy": ["read"] } } } },
             "proxy": { "upstreamCluster": "registry" }, "tests": [{ "as": { "user": "ann" }, "allow": ["pull a:v1"] }] }"#,
    )?;
    let rows = [
        ("explain --config own.json --user ann pull a:v1", "ALLOWED"),
        ("test --config own.json", "1 test, 3 requests: ok"),
        (
            "who --config own.json --repository a --action read",
            "everybody with a credential",
        ),
        ("what --config own.json --user ann", "**"),
        ("diff own.json own.json", ""),
    ];
    for (words, text) in rows {
        let (status, out, errors) = run(&folder.path(""), words).await?;
        assert_eq!(status, Some(0), "{words}: {out}{errors}");
        assert!(out.contains(text), "{words}: {out}");
    }
    folder.write(
        "odd.json",
        r#"{ "iss": "https://token.actions.githubusercontent.com", "aud": "registry.example.com", "repository_owner_id": "9919",
             "repository": "x\nREFUSED\r\u001b[31m\u202e", "ref": "r" }"#,
    )?;
    for more in ["", "--json "] {
        let words = format!("explain --config policy.yaml --claims odd.json {more}list acme/app");
        let (_, out, _) = run(&folder.path(""), &words).await?;
        let is_seen = |character: char| !character.is_control() && character != '\u{202e}';
        assert!(out.lines().all(|line| line.chars().all(is_seen)), "{out:?}");
        assert!(!out.lines().any(|line| line.trim() == "REFUSED"), "{out}");
    }
    for name in ["Team/app", "team/app:v1", "../app", ""] {
        let words = format!("who --config policy.yaml --action read --repository {name}");
        let (status, out, errors) = run(&folder.path(""), &words).await?;
        assert_eq!(status, Some(1), "{name}: {out}{errors}");
        assert!(errors.contains("is no name of a repository"), "{errors}");
    }
    let (status, _, errors) = run(
        &folder.path(""),
        "explain --config broken.yaml --anonymous catalog",
    )
    .await?;
    assert!(status == Some(1) && errors.contains("reed"), "{errors}");
    Ok(())
}

#[tokio::test]
async fn a_token_is_explained_and_no_part_of_it_is_printed() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    files(&folder)?;
    // Nobody checks the signature.
    let [header, claims] = [
        r#"{"alg":"RS256","kid":"2f1a"}"#,
        r#"{"iss":"https://token.actions.githubusercontent.com","aud":"registry.example.com","sub":"repo:acme/app","iat":1700000000,"exp":4102444800,"repository":"acme/app","repository_owner_id":"9919","ref":"refs/heads/main"}"#,
    ]
    .map(|part| URL_SAFE_NO_PAD.encode(part));
    let signature = URL_SAFE_NO_PAD.encode([7; 256]);
    folder.write("token", &format!("{header}.{claims}.{signature}\n"))?;
    let words = "explain --config policy.yaml --token-file token push acme/app:v1";
    let (status, out, errors) = run(&folder.path(""), words).await?;
    assert_eq!(status, Some(0), "{out}{errors}");
    assert!(
        out.contains("the signature of the token was not checked"),
        "{out}"
    );
    for part in [&header, &claims, &signature] {
        assert!(!out.contains(part.as_str()) && !errors.contains(part.as_str()));
    }
    Ok(())
}

#[tokio::test]
async fn a_promise_that_does_not_hold_refuses_the_configuration() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    files(&folder)?;
    let policy = fs::read_to_string(folder.path("policy.yaml"))?;
    let rows = [
        (
            "actions: [read, create, update]",
            "actions: [read, update]",
            "\"main releases\" fails: `push acme/app:v1` should be allowed",
        ),
        (
            "message: \"push a version, not latest\"",
            "message: \"no\"",
            "should be refused because `push a version`, and not because `no`",
        ),
        (
            "defaultPolicy: [read]\ntests",
            "defaultPolicy: [read, update]\ntests",
            "`push acme/app:latest` should be refused",
        ),
        (
            "- { as: anonymous,",
            "- { as: nobody,",
            "tests[2].as: must be `anonymous`",
        ),
        (
            "deny: [\"pull acme/app:v1\"] }",
            "deny: [\"steal acme/app:v1\"] }",
            "tests[2].deny[0]: `steal` is nothing",
        ),
        (
            "- { as: anonymous, deny",
            "- { as: { issuer: https://token.actions.githubusercontent.com/, claims: { repository: acme/app } }, deny",
            "is refused whatever the rules say, as the token is not accepted (unknown_issuer)",
        ),
        (
            "- { as: anonymous, deny",
            "- { as: { issuer: https://token.actions.githubusercontent.com, claims: { repository_owner_id: \"9919\" } }, deny",
            "is refused whatever the rules say, as the token is not accepted (mapping_failed)",
        ),
        (
            "deny: [\"pull acme/app:v1\"] }",
            "}",
            "tests[2]: promises nothing",
        ),
        ("- name: main", "- nam: main", "unknown field `nam`"),
    ];
    for (old, new, text) in rows {
        assert!(policy.contains(old), "{old}");
        folder.write("changed.yaml", &policy.replacen(old, new, 1))?;
        for command in ["check", "test"] {
            let short = if command == "check" { " --short" } else { "" };
            let words = format!("{command}{short} --config changed.yaml");
            let (status, out, errors) = run(&folder.path(""), &words).await?;
            assert_eq!(status, Some(1), "{words}: {out}{errors}");
            let both = format!("{out}{errors}");
            assert!(both.contains(text), "{new}, {words}: {both}");
        }
    }
    folder.write(
        "more.yaml",
        "tests: [{ as: anonymous, allow: [\"pull acme/app:v1\"] }]",
    )?;
    let (status, out, _) = run(&folder.path(""), "test --config policy.yaml more.yaml").await?;
    assert!(
        status == Some(1) && out.contains("4 tests, 28 requests: 1 FAILED"),
        "{out}"
    );
    Ok(())
}

#[tokio::test]
async fn policies_to_begin_with_are_fine_and_covered() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    files(&folder)?;
    for kind in [
        "github",
        "gitlab",
        "kubernetes",
        "oss",
        "teams",
        "spiffe",
        "flux",
    ] {
        let (_, policy, _) = run(&folder.path(""), &format!("init {kind}")).await?;
        folder.write("begin.yaml", &policy)?;
        for command in [
            "check --config begin.yaml",
            "test --min 100 --config begin.yaml",
        ] {
            let (status, out, errors) = run(&folder.path(""), command).await?;
            assert_eq!(status, Some(0), "{kind}, {command}: {out}{errors}");
            let warned = errors.lines().any(|line| line.starts_with("warning"));
            assert!(!warned, "{kind}: {errors}");
        }
    }
    let words = "test --min 100 --config policy.yaml";
    let (status, out, errors) = run(&folder.path(""), words).await?;
    assert_eq!(status, Some(1), "{out}{errors}");
    assert!(out.contains("validations[0]  never false"), "{out}");
    assert!(errors.contains("less than 100 %"), "{errors}");
    let (status, _, _) = run(&folder.path(""), "init nothing").await?;
    assert_eq!(status, Some(2));
    Ok(())
}

#[tokio::test]
async fn a_token_is_verified_with_the_keys_of_its_issuer() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    files(&folder)?;
    let key = |seed: u8| SigningKey::new(Kind::Ed25519, &[seed; 32], Some("k"));
    let (own, other) = (key(1)?, key(2)?);
    for (name, key) in [("own.json", &own), ("other.json", &other)] {
        let set = json!({ "keys": [key.to_jwk(false)?] });
        folder.write(name, &set.to_string())?;
    }
    folder.write("none.json", "{ \"keys\": [] }")?;
    let claims = json!({
        "iss": "https://token.actions.githubusercontent.com", "aud": "registry.example.com", "sub": "s", "iat": 1,
        "exp": 4_102_444_800_u64, "repository": "acme/app", "repository_owner_id": "9919", "ref": "refs/heads/main",
    });
    let [header, claims] = [json!({ "alg": "EdDSA", "kid": "k" }), claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(own.sign(signed.as_bytes()));
    folder.write("token", &format!("{signed}.{signature}\n"))?;
    let rows = [
        (
            "--jwks own.json",
            0,
            "token    EdDSA, key k, issuer https://token.actions",
        ),
        ("--jwks other.json", 3, "bad_signature"),
        ("--jwks none.json", 1, "holds no usable key"),
        ("--jwks token", 1, "it is not JSON"),
        ("--jwks missing.json", 1, "cannot read `missing.json`"),
        ("", 0, "the signature of the token was not checked"),
    ];
    for (keys, status, text) in rows {
        let words =
            format!("explain --config policy.yaml --token-file token {keys} push acme/app:v1");
        let words = words.replace("  ", " ");
        let (found, out, errors) = run(&folder.path(""), &words).await?;
        assert_eq!(found, Some(status), "{words}: {out}{errors}");
        let both = format!("{out}{errors}");
        assert!(both.contains(text), "{words}: {both}");
        assert!(
            !both.contains(&signature) && !both.contains(&claims),
            "{both}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_file_without_an_end_is_an_error_and_a_reader_that_leaves_is_none() -> anyhow::Result<()>
{
    let folder = Folder::new()?;
    files(&folder)?;
    let (status, _, errors) = run(&folder.path(""), "check --config /dev/zero").await?;
    assert_eq!(status, Some(1));
    ensure!(
        errors.contains("longer than 64 MiB") && errors.lines().count() == 1,
        "{errors}"
    );
    let mut command = command(&[
        "explain",
        "--config",
        "policy.yaml",
        "--anonymous",
        "catalog",
    ]);
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    command.current_dir(folder.path("")).stdout(writer);
    let child = command.stderr(std::process::Stdio::piped()).spawn()?;
    let output = child.wait_with_output().await?;
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(String::from_utf8(output.stderr)?, "");
    Ok(())
}
