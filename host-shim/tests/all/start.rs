//! Errors with which `registry-auth serve` refuses to start.

use crate::intake::PUSH_KEY;
use crate::shim::{Folder, command, configuration, output, text};

/// Name, arguments, push key, exit status, a part of the message.
type Row<'a> = (&'a str, &'a [&'a str], Option<&'a str>, i32, &'a str);

#[tokio::test]
async fn each_refusal_to_start_is_one_line_that_says_what_is_wrong() {
    let folder = Folder::new().unwrap();
    let good = folder
        .write("good.json", &configuration("s", "1m", false).to_string())
        .unwrap();
    let idle = folder
        .write(
            "idle.json",
            r#"{"http":{"accessControl":{"repositories":{"**":{"anonymousPolicy":["read"]}}}}}"#,
        )
        .unwrap();
    let broken = folder.write("broken.json", "{\n  \"http\" 1}").unwrap();
    let missing = folder.path("missing.json");
    let (good, idle) = (text(&good).unwrap(), text(&idle).unwrap());
    let (broken, missing) = (text(&broken).unwrap(), text(&missing).unwrap());
    let intake = "http://127.0.0.1:1";
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let rows: [Row<'_>; 11] = [
        (
            "no push key",
            &["--config", good, "--envoy", intake],
            None,
            1,
            "`REGISTRY_AUTH_PUSH_KEY` is not set",
        ),
        (
            "short push key",
            &["--config", good, "--envoy", intake],
            Some("tops3cret"),
            1,
            "shorter than 32 bytes",
        ),
        (
            "nothing to do",
            &["--config", idle, "--envoy", intake],
            Some(PUSH_KEY),
            1,
            "nothing for the shim to do",
        ),
        (
            "no file",
            &["--config", missing, "--envoy", intake],
            Some(PUSH_KEY),
            1,
            "cannot read",
        ),
        (
            "not JSON",
            &["--config", broken, "--envoy", intake],
            Some(PUSH_KEY),
            1,
            "line 2, column 10",
        ),
        (
            "no envoy",
            &["--config", good],
            Some(PUSH_KEY),
            2,
            "--envoy",
        ),
        (
            "no config",
            &["--envoy", intake],
            Some(PUSH_KEY),
            2,
            "--config",
        ),
        (
            "an invalid URL",
            &["--config", good, "--envoy", "tcp://h:1"],
            Some(PUSH_KEY),
            2,
            "http://HOST:PORT",
        ),
        (
            "a port that is taken",
            &["--config", good, "--envoy", intake, "--listen", &taken],
            Some(PUSH_KEY),
            1,
            "cannot listen on",
        ),
        (
            "no address",
            &["--config", good, "--envoy", intake, "--listen", "9903"],
            Some(PUSH_KEY),
            2,
            "--listen",
        ),
        (
            "TLS",
            &["--config", good, "--envoy", "https://h:1"],
            Some(PUSH_KEY),
            2,
            "http://HOST:PORT",
        ),
    ];
    for (name, arguments, key, code, part) in rows {
        let mut command = command(&[]);
        command
            .arg("serve")
            .args(arguments)
            .envs(key.map(|key| ("REGISTRY_AUTH_PUSH_KEY", key)));
        let output = output(command).await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{name}: {said}");
        assert!(
            said.contains(part) && !said.contains("tops3cret"),
            "{name}: {said}"
        );
        if code == 1 {
            assert_eq!(said.lines().count(), 1, "{name}: {said}");
            assert!(said.starts_with("error: "), "{name}: {said}");
        }
    }
}

#[tokio::test]
async fn no_subcommand_is_wrong_usage_and_the_version_is_not() {
    for (argument, code) in [("", 2), ("explode", 2), ("--version", 0), ("--help", 0)] {
        let mut command = command(&[]);
        command.args((!argument.is_empty()).then_some(argument));
        assert_eq!(
            output(command).await.unwrap().status.code(),
            Some(code),
            "`{argument}`"
        );
    }
}
