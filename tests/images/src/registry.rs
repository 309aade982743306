//! A real registry for one test.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::programs::tool;

/// A running registry, ended on drop.
pub(crate) struct Registry {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Registry {
    /// Starts it on a free port of loopback.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let file = folder.path().join("registry.json");
        let configuration = json!({
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": true}},
            "storage": {"filesystem": {"rootdirectory": folder.path().join("data")}},
            "http": {"addr": address.to_string()},
        });
        fs::write(&file, configuration.to_string()).expect("a file");
        let mut command = tool("bin/registry");
        command
            .arg("serve")
            .arg(file)
            .env("OTEL_TRACES_EXPORTER", "none");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        for (name, _) in std::env::vars_os() {
            // It takes every variable with this prefix for a part of its configuration.
            if name.to_string_lossy().starts_with("REGISTRY_") {
                command.env_remove(name);
            }
        }
        let child = command.spawn().expect("the registry starts");
        let registry = Self {
            child,
            address,
            _folder: folder,
        };
        for _ in 0..600 {
            if TcpStream::connect(address).is_ok() {
                return registry;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("the registry does not answer");
    }

    /// Returns the reference of a repository and tag or digest.
    pub(crate) fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
