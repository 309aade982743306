//! The store in a real Redis.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use super::*;
use crate::secret::Secret;

/// A server on a socket in a folder of its own.
struct Server {
    folder: tempfile::TempDir,
    process: Child,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = Self::run(folder.path());
        Self { folder, process }
    }

    fn run(folder: &Path) -> Child {
        let tools = std::env::var_os("REGISTRY_AUTH_TOOLS").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools"),
            PathBuf::from,
        );
        Command::new(tools.join("bin/redis-server"))
            .args(["--port", "0", "--unixsocket", "socket", "--save", ""])
            .args(["--requirepass", "sesame"])
            .current_dir(folder)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("`cargo xtask test --only shim` installs the program redis-server")
    }

    fn store(&self, password: &str) -> Redis {
        let socket = self.folder.path().join("socket");
        let url = format!("unix://{}?pass={password}", socket.display());
        Redis::new(&Secret::new(url.into_bytes()), "zotsession").unwrap()
    }
}

/// Waits until a store answers.
async fn answering(store: &Redis) {
    let answers = async {
        while store.ended(at(0)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), answers).await;
    waited.expect("the server does not answer");
}

#[tokio::test]
#[ignore = "needs the program redis-server"]
async fn a_server_keeps_what_it_is_given() {
    let server = Server::start();
    let store = server.store("sesame");
    answering(&store).await;
    keeps_what_it_is_given(&store).await;
    // Another replica.
    let other = server.store("sesame");
    assert_eq!(other.keys(None).await, store.keys(None).await);
    assert_eq!(other.take_once("state", at(100), at(0)).await, Ok(false));
    assert_eq!(other.take_once("brief", at(0), at(0)).await, Ok(true));
}

#[tokio::test]
#[ignore = "needs the program redis-server"]
async fn a_server_that_is_gone_is_an_error_until_it_is_back() {
    let mut server = Server::start();
    let store = server.store("sesame");
    answering(&store).await;
    server.process.kill().await.unwrap();
    let gone = store.key("x").await;
    assert!(matches!(gone, Err(StoreError::Unavailable(_))), "{gone:?}");
    server.process = Server::run(server.folder.path());
    answering(&store).await;
    assert_eq!(store.key("x").await, Ok(None));
}

#[tokio::test]
#[ignore = "needs the program redis-server"]
async fn no_error_has_the_password() {
    let server = Server::start();
    answering(&server.store("sesame")).await;
    let error = server.store("wrong-secret").key("x").await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(
        !text.contains("secret") && text.contains("refuses"),
        "{text}"
    );
}

#[tokio::test]
async fn a_url_that_cannot_be_used_is_not_repeated() {
    let error = Redis::new(&Secret::new(b"redis:/ann:secret@".to_vec()), "x")
        .err()
        .unwrap();
    assert!(!error.to_string().contains("secret"), "{error}");
}
