//! The protocol: what is on stdin, and what comes out.

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::clock::now;
use crate::settings::VARIABLE;
use crate::token::tests::token;

/// What is said, and how it ended.
struct Said {
    stdout: String,
    stderr: String,
    success: bool,
}

fn say(verb: &str, variables: &[(&str, &str)], stdin: &str) -> Said {
    let environment = Environment::new(variables, Path::new("/nowhere"));
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let answer = answer(
        verb,
        &environment,
        &mut stdin.as_bytes(),
        &mut stdout,
        &mut stderr,
    );
    let success = answer.is_ok();
    if let Err(error) = answer {
        // As the program does.
        writeln!(stdout, "{error}").unwrap();
    }
    Said {
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
        success,
    }
}

fn settings(folder: &Path) -> String {
    let path = folder.join("credentials.json");
    let settings = json!({"registries": {
        "registry.example.com": {"audience": "registry.example.com", "source": "env", "username": "github"},
        "other.example.com:5000": {"source": {"env": "OTHER"}},
        "any.example.com": {"audience": "registry.example.com"},
    }});
    std::fs::write(&path, settings.to_string()).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&path, mode).unwrap();
    path.to_str().unwrap().to_owned()
}

fn of(aud: &Value, left: i64) -> String {
    token(&json!({"aud": aud, "exp": now() + left, "sub": "tops3cret"}))
}

#[test]
fn a_credential_has_the_bytes_that_clients_read() {
    let folder = crate::owned::tests::private();
    let file = settings(folder.path());
    let token = of(&json!("registry.example.com"), 300);
    let variables = [(VARIABLE, file.as_str()), ("REGISTRY_AUTH_TOKEN", &token)];
    for server in [
        "https://registry.example.com/v2/",
        "registry.example.com",
        "registry.example.com/team/app",
        "Registry.example.com\n",
        " http://registry.example.com \r\n",
    ] {
        let said = say("get", &variables, server);
        let expected = format!(
            r#"{{"ServerURL":"{}","Username":"github","Secret":"{token}"}}"#,
            server.trim()
        );
        assert_eq!(said.stdout, format!("{expected}\n"), "{server}");
        assert_eq!((said.success, said.stderr.as_str()), (true, ""), "{server}");
    }
}

/// The rows: verb, stdin, stdout, how it begins, and a part of stderr.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of rows")]
fn every_verb_says_what_clients_read() {
    let folder = crate::owned::tests::private();
    let file = settings(folder.path());
    let not_found = "credentials not found in native keychain\n";
    let login = |server: &str, user: &str| {
        json!({"ServerURL": server, "Username": user, "Secret": "tops3cret"}).to_string()
    };
    let long = "a".repeat(70_000);
    let rows = [
        ("get", "unknown.example.com", not_found, ""),
        ("get", "https://index.docker.io/v1/", not_found, ""),
        ("get", "other.example.com", not_found, ""),
        ("get", "", "no credentials server URL\n", ""),
        ("get", " \r\n", "no credentials server URL\n", ""),
        (
            "get",
            &long,
            "stdin cannot be read, or has more than 65536 bytes of text\n",
            "",
        ),
        (
            "get",
            "registry.example.com",
            "registry.example.com: env: REGISTRY_AUTH_TOKEN is not set: put the token into it\n",
            "",
        ),
        (
            "get",
            "other.example.com:5000",
            "other.example.com:5000: env: OTHER is not set: put",
            "",
        ),
        (
            "get",
            "any.example.com",
            "any.example.com: no source of tokens is here: looked for github,",
            "",
        ),
        (
            "store",
            &login("https://registry.example.com", "a"),
            "",
            "nothing is stored: a token is fetched each time\n",
        ),
        (
            "store",
            &login("b.example.com", "a"),
            "",
            "nothing is stored: b.example.com is not in ",
        ),
        ("store", &login("", "a"), "no credentials server URL\n", ""),
        ("store", &login("a", ""), "no credentials username\n", ""),
        (
            "store",
            "tops3cret",
            "stdin has no JSON object with `ServerURL`,",
            "",
        ),
        (
            "erase",
            "registry.example.com",
            "",
            "nothing is erased: no credential is kept\n",
        ),
        ("erase", "unknown.example.com", "", "nothing is erased"),
        ("erase", "", "no credentials server URL\n", ""),
        (
            "list",
            "unused",
            "{\"any.example.com\":\"token\",\"other.example.com:5000\":\"token\",\"registry.example.com\":\"github\"}\n",
            "",
        ),
        (
            "version",
            "",
            "docker-credential-registry-auth (registry-auth) 0.",
            "",
        ),
        (
            "fetch",
            "",
            "docker-credential-registry-auth: unknown action: fetch: write get, store,",
            "",
        ),
    ];
    for (verb, stdin, stdout, stderr) in rows {
        let said = say(verb, &[(VARIABLE, &file)], stdin);
        assert!(
            said.stdout.starts_with(stdout),
            "{verb} {stdin}: {}",
            said.stdout
        );
        assert_eq!(
            stdout.is_empty(),
            said.stdout.is_empty(),
            "{verb} {stdin}: {}",
            said.stdout
        );
        assert!(
            said.stderr.contains(stderr),
            "{verb} {stdin}: {}",
            said.stderr
        );
        assert_eq!(
            stderr.is_empty(),
            said.stderr.is_empty(),
            "{verb} {stdin}: {}",
            said.stderr
        );
        assert!(
            said.stdout.lines().count() <= 1 && said.stderr.lines().count() <= 1,
            "{verb}"
        );
        assert!(!format!("{}{}", said.stdout, said.stderr).contains("tops3cret"));
        let is_error = !stdout.is_empty() && !matches!(verb, "list" | "version");
        assert_eq!(said.success, !is_error, "{verb} {stdin}");
    }
}

/// The rows: the token, and what is said of it.
#[test]
fn a_token_that_is_not_good_is_not_printed() {
    let folder = crate::owned::tests::private();
    let file = settings(folder.path());
    let here = json!("registry.example.com");
    let rows = [
        (of(&here, 40), ""),
        (
            of(&here, 20),
            "registry.example.com: env: the token ends in ",
        ),
        (
            of(&here, -100),
            "registry.example.com: env: the token ended 10",
        ),
        (
            of(&json!("https://github.com/acme"), 300),
            "registry.example.com: env: the token is for the audience `https://github.com/acme`, not for the audience `registry.example.com`: have it issued for this audience",
        ),
        (
            "tops3cret".to_owned(),
            "registry.example.com: env: what it gave is not a JWT",
        ),
    ];
    for (token, expected) in rows {
        let variables = [
            (VARIABLE, file.as_str()),
            ("REGISTRY_AUTH_TOKEN", &token),
            (DEBUG, "1"),
        ];
        let said = say("get", &variables, "registry.example.com");
        assert_eq!(said.success, expected.is_empty(), "{}", said.stdout);
        assert!(
            expected.is_empty() || said.stdout.starts_with(expected),
            "{}",
            said.stdout
        );
        assert!(expected.is_empty() || !said.stdout.contains(&token));
        // One that has ended is fetched again, once.
        let again = said.stderr.matches("fetching another").count();
        assert_eq!(
            again,
            usize::from(expected.contains("the token end")),
            "{}",
            said.stderr
        );
        assert!(
            said.stderr
                .contains(": source env, audience registry.example.com\n"),
            "{}",
            said.stderr
        );
        assert!(!said.stderr.contains(&token) && !said.stderr.contains("tops3cret"));
    }
}

#[test]
fn the_first_source_is_said_on_stderr_if_somebody_asks() {
    let folder = crate::owned::tests::private();
    let file = settings(folder.path());
    let token = of(&json!("registry.example.com"), 300);
    let rows = [
        (
            "1",
            "any.example.com: source gitlab, audience registry.example.com\n",
        ),
        ("0", ""),
        ("", ""),
    ];
    for (debug, expected) in rows {
        let variables = [
            (VARIABLE, file.as_str()),
            ("REGISTRY_TOKEN", &token),
            (DEBUG, debug),
        ];
        let said = say("get", &variables, "any.example.com");
        assert!(
            said.success && said.stdout.contains(&token),
            "{}",
            said.stdout
        );
        assert!(said.stderr.contains(expected), "{}", said.stderr);
        assert_eq!(expected.is_empty(), said.stderr.is_empty());
    }
}

/// Nothing about settings is printed that may be a token in the wrong place.
#[test]
fn broken_settings_end_each_verb_that_needs_them() {
    let folder = crate::owned::tests::private();
    let file = folder.path().join("credentials.json");
    std::fs::write(
        &file,
        r#"{"registries": {"a": {"source": {"env": "tops3cret.a"}}}}"#,
    )
    .unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&file, mode).unwrap();
    let login = r#"{"ServerURL":"a","Username":"b"}"#;
    for (verb, stdin) in [("get", "a"), ("list", "unused"), ("store", login)] {
        let said = say(verb, &[(VARIABLE, file.to_str().unwrap())], stdin);
        let begin = format!("`{}`: `env` takes the name of a variable", file.display());
        assert!(
            !said.success && said.stdout.starts_with(&begin),
            "{verb}: {}",
            said.stdout
        );
        assert!(!said.stdout.contains("tops3cret"));
    }
    let said = say("erase", &[(VARIABLE, file.to_str().unwrap())], "a");
    assert!(said.success);
}
