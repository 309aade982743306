//! Where things are on the host of Envoy.

/// The longest path of a socket (`sun_path` of Linux, with its end).
const MAX_SOCKET: usize = 107;

/// Paths on the host of Envoy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The module.
    pub module: String,
    /// A folder that only Envoy's user may write to, absolute: for the sockets of the admin
    /// interface (`admin.sock`) and of the intake (`intake.sock`), and for the files of
    /// [`directory`][super::directory].
    pub folder: String,
    /// The system's authorities, in PEM.
    pub system_authorities: String,
}

impl Default for Place {
    /// As in an image or a package of a Linux distribution.
    fn default() -> Self {
        Self {
            module: "/usr/lib/registry-auth/registry-auth.wasm".to_owned(),
            folder: "/run/registry-auth".to_owned(),
            system_authorities: "/etc/ssl/certs/ca-certificates.crt".to_owned(),
        }
    }
}

impl Place {
    /// Returns the path of the socket of the admin interface.
    #[must_use]
    pub fn admin(&self) -> String {
        self.file("admin.sock")
    }

    /// Returns the path of the socket that keys are pushed to.
    #[must_use]
    pub fn intake(&self) -> String {
        self.file("intake.sock")
    }

    /// Returns what is wrong with the folder, if anything is: Envoy would not start.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        if !self.folder.starts_with('/') {
            Some("must be absolute: Envoy and registry-auth may run in different folders")
        } else if self.intake().len() > MAX_SOCKET {
            Some("is too long: the path of a socket in it would have more than 107 bytes")
        } else {
            None
        }
    }

    /// Returns the path of a file in the folder.
    pub(super) fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.folder.trim_end_matches('/'))
    }
}
