//! What a person may type next, once a configuration is live. Only on a terminal: whoever reads the
//! log by a program gets lines of JSON alone.

use std::io::{IsTerminal as _, stderr};
use std::net::SocketAddr;

use serde_json::Value;

use super::plan::Plan;

/// Prints the hint to stderr if that is a terminal.
pub(super) fn print(plan: &Plan, address: Option<&str>) {
    if let Some(address) = address.filter(|_| stderr().is_terminal()) {
        for line in lines(&plan.completed.filter, address) {
            eprintln!("{line}");
        }
    }
}

/// Returns a line for each step. Docker needs no TLS for `localhost`.
fn lines(filter: &Value, address: &str) -> Vec<String> {
    let server = match address.parse::<SocketAddr>() {
        Ok(at) if at.ip().is_unspecified() || at.ip().is_loopback() => {
            format!("localhost:{}", at.port())
        }
        _ => address.to_owned(),
    };
    let has_tokens = filter.pointer("/http/auth/bearer").is_some();
    let login = format!(
        "log in:  echo \"$TOKEN\" | docker login --username token --password-stdin {server}"
    );
    let pull = format!("pull:    docker pull {server}/REPOSITORY:TAG");
    has_tokens
        .then_some(login)
        .into_iter()
        .chain([pull])
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_hint_names_what_docker_reaches() {
        let tokens = json!({"http": {"auth": {"bearer": {}}}});
        let rows = [
            (&tokens, "127.0.0.1:8080", 2, "localhost:8080"),
            (&tokens, "0.0.0.0:8080", 2, "localhost:8080"),
            (&tokens, "[::]:8080", 2, "localhost:8080"),
            (&tokens, "10.0.0.1:443", 2, "10.0.0.1:443"),
            (&Value::Null, "127.0.0.1:8080", 1, "localhost:8080"),
        ];
        for (filter, address, count, server) in rows {
            let lines = lines(filter, address);
            assert_eq!(lines.len(), count, "{address}");
            assert!(lines.iter().all(|line| line.contains(server)), "{lines:?}");
        }
    }
}
