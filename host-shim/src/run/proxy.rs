//! The configuration that Envoy has: written to its folder, confirmed by Envoy, and taken back when
//! Envoy refuses it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use registry_auth_render::envoy::{BOOTSTRAP, FILTER, closed};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::admin::Admin;
use super::change::{Files, changed, gone, versioned};
use super::confirm::{self, Reception, Subscriptions};
use super::folder::Folder;
use super::lines::Heard;
use super::live::Live;

/// Time between two questions.
const POLL: Duration = Duration::from_millis(25);
/// How long Envoy may take to read a file. It compiles the module meanwhile, on a busy machine for
/// some seconds.
const READ: Duration = Duration::from_mins(1);
/// How long what Envoy has accepted may wait for names and certificates.
const WARM: Duration = Duration::from_secs(15);

/// How often writing a file of before is tried again.
const RESTORES: u32 = 5;
/// Time before it is.
const RESTORE_PAUSE: Duration = Duration::from_millis(500);

/// The page with the number of requests in progress, those to the intake not among them.
const REQUESTS: &str = "/stats?filter=^http.registry.downstream_rq_active$";

/// The configuration of one Envoy.
pub(crate) struct Proxy {
    folder: Folder,
    admin: Admin,
    heard: Heard,
    files: Files,
    live: Live,
    generation: u64,
    /// True if Envoy may not have all of `files`: a change has failed, and so has taking it back.
    is_torn: bool,
}

/// Why a configuration is not live.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The file cannot be written.
    #[error("{0}")]
    Unwritten(String),
    /// Envoy has refused a file.
    #[error("Envoy refuses {file}: {reason}")]
    ByEnvoy {
        /// The name of the file.
        file: String,
        /// Envoy's reason.
        reason: String,
    },
    /// Envoy has not read a file in time.
    #[error("Envoy has not read {0} in time")]
    Unread(String),
    /// A change has failed, and Envoy cannot be given the configuration of before.
    #[error("{reason}; and the configuration of before cannot be restored: {restoring}")]
    NotRestored {
        /// Why the change has failed.
        reason: String,
        /// Why it cannot be taken back.
        restoring: String,
    },
    /// Envoy has accepted everything, and waits for something that does not come.
    #[error("a listener or cluster of Envoy waits for a certificate or a name{0}")]
    Warming(String),
}

impl Refused {
    /// Why the change has failed, and what came of taking it back.
    fn with(self, restored: Result<(), String>) -> Self {
        match restored {
            Ok(()) => self,
            Err(restoring) => Self::NotRestored {
                reason: self.to_string(),
                restoring,
            },
        }
    }
}

impl Proxy {
    /// Writes the files for the first start of Envoy.
    ///
    /// # Errors
    /// They cannot be written.
    pub(crate) fn write(
        folder: Folder,
        admin: Admin,
        heard: Heard,
        files: Files,
        live: Live,
    ) -> anyhow::Result<Self> {
        let generation = 1;
        for (name, text) in &files {
            if name == BOOTSTRAP {
                folder.replace(name, text)?;
            } else {
                folder.replace(name, &versioned(text, generation))?;
                live.expect(name, generation);
            }
        }
        Ok(Self {
            folder,
            admin,
            heard,
            files,
            live,
            generation,
            is_torn: false,
        })
    }

    /// Returns the number of the configuration that is live.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Waits until Envoy uses what was written for its first start.
    ///
    /// # Errors
    /// See [`Refused`].
    pub(crate) async fn started(&self) -> Result<(), Refused> {
        let before = Subscriptions::default();
        for name in changed(&Files::new(), &self.files) {
            if confirm::is_confirmed(&name) {
                self.confirmed(&name, self.generation, &before).await?;
            }
        }
        self.warmed().await
    }

    /// Makes other files live. Where Envoy refuses one of them, those of before are written
    /// again. If no request may be decided meanwhile, nothing passes until all else is live.
    ///
    /// # Errors
    /// See [`Refused`].
    pub(crate) async fn apply(&mut self, new: Files, is_closed: bool) -> Result<(), Refused> {
        let result = if is_closed {
            self.apply_closed(&new).await
        } else {
            self.apply_open(&new).await
        };
        result?;
        self.is_torn = false;
        for name in gone(&self.files, &new) {
            self.folder.remove(&name);
            self.live.forget(&name);
        }
        self.files = new;
        Ok(())
    }

    /// Replaces the files one after the other, while requests are decided.
    async fn apply_open(&mut self, new: &Files) -> Result<(), Refused> {
        let names = self.changed(new);
        self.generation += 1;
        let mut written = 0;
        let mut result = Ok(());
        for name in &names {
            written += 1;
            let text = new.get(name).map_or("", String::as_str);
            result = self.replace(name, text).await;
            if result.is_err() {
                break;
            }
        }
        if result.is_ok() {
            result = self.warmed().await;
        }
        let Err(error) = result else {
            return Ok(());
        };
        let names = names.get(..written).unwrap_or(&names);
        Err(error.with(self.take_back(names).await))
    }

    /// Replaces the filter by one that lets nothing pass, then the other files, and the filter last.
    /// Those of before come back in the same order.
    async fn apply_closed(&mut self, new: &Files) -> Result<(), Refused> {
        let mut names = self.changed(new);
        names.retain(|name| name != FILTER);
        self.generation += 1;
        let result = self.replace_closed(new, &names).await;
        let Err(error) = result else {
            return Ok(());
        };
        let mut restored = self.take_back(&names).await;
        if restored.is_ok() {
            restored = match self.warmed().await {
                // One that is silent finds all files when it starts.
                Err(error) if self.ask().await.is_some() => Err(error.to_string()),
                _ => self.take_back(&[FILTER.to_owned()]).await,
            };
        }
        Err(error.with(restored))
    }

    async fn replace_closed(&mut self, new: &Files, names: &[String]) -> Result<(), Refused> {
        self.replace(FILTER, &closed()).await?;
        self.generation += 1;
        // Not ready: requests are refused.
        self.live.expect(FILTER, self.generation);
        for name in names {
            let text = new.get(name).map_or("", String::as_str);
            self.replace(name, text).await?;
        }
        // Until then the clusters and listeners of before are used.
        self.warmed().await?;
        let text = new.get(FILTER).map_or("", String::as_str);
        self.replace(FILTER, text).await
    }

    /// Returns the names of the files to replace, in their order.
    fn changed(&self, new: &Files) -> Vec<String> {
        let names = if self.is_torn {
            changed(&Files::new(), new)
        } else {
            changed(&self.files, new)
        };
        names.into_iter().filter(|name| name != BOOTSTRAP).collect()
    }

    /// Returns the address on which clients connect, as Envoy says it.
    pub(crate) async fn address(&self) -> Option<String> {
        let page = self.admin.get("/listeners?format=json").await?;
        address(&page)
    }

    /// Returns the number of requests of clients in progress; `None` if Envoy does not answer.
    pub(crate) async fn requests(&self) -> Option<u64> {
        let page = self.admin.get(REQUESTS).await?;
        let (_, count) = page.trim().rsplit_once(": ")?;
        count.parse().ok()
    }

    /// Returns true if other files would change anything.
    pub(crate) fn differs(&self, new: &Files) -> bool {
        self.is_torn || self.files != *new
    }

    /// Writes one file, and waits until Envoy uses it.
    async fn replace(&self, name: &str, text: &str) -> Result<(), Refused> {
        let before = self.ask().await.unwrap_or_default();
        self.heard.take_refusal();
        self.folder
            .replace(name, &versioned(text, self.generation))
            .map_err(|error| Refused::Unwritten(format!("{error:#}")))?;
        self.live.expect(name, self.generation);
        if confirm::is_confirmed(name) {
            self.confirmed(name, self.generation, &before).await?;
        }
        Ok(())
    }

    /// Writes the files of before, the last one first. `/readyz` waits for each of them.
    ///
    /// # Errors
    /// One cannot be written, or Envoy refuses it.
    async fn take_back(&mut self, names: &[String]) -> Result<(), String> {
        self.generation += 1;
        self.is_torn = true;
        let before = self.ask().await.unwrap_or_default();
        self.heard.take_refusal();
        // All are written before Envoy is asked about any: one that starts meanwhile reads them.
        for name in names.iter().rev() {
            let Some(text) = self.files.get(name) else {
                self.folder.remove(name);
                self.live.forget(name);
                continue;
            };
            self.live.expect(name, self.generation);
            self.restore(name, &versioned(text, self.generation))
                .await?;
        }
        for name in names.iter().rev() {
            if !self.files.contains_key(name) || !confirm::is_confirmed(name) {
                continue;
            }
            if let Err(error) = self.confirmed(name, self.generation, &before).await {
                tracing::error!(file = name, reason = %error, "the configuration of before is not confirmed");
                return match error {
                    // It is in the folder, where Envoy finds it when it starts.
                    Refused::Unread(_) => Ok(()),
                    error => Err(error.to_string()),
                };
            }
        }
        self.is_torn = false;
        Ok(())
    }

    /// Writes one file of before, and tries again if that fails.
    async fn restore(&self, name: &str, text: &str) -> Result<(), String> {
        let mut tries = 0;
        while let Err(error) = self.folder.replace(name, text) {
            tracing::error!(file = name, reason = %format!("{error:#}"), "writing the configuration of before failed");
            if tries == RESTORES {
                return Err(format!("{error:#}"));
            }
            tries += 1;
            sleep(RESTORE_PAUSE).await;
        }
        Ok(())
    }

    async fn confirmed(
        &self,
        name: &str,
        version: u64,
        before: &Subscriptions,
    ) -> Result<(), Refused> {
        let deadline = Instant::now() + READ;
        loop {
            let now = self.ask().await.unwrap_or_default();
            match now.reception(name, version, before) {
                Reception::Accepted => return Ok(()),
                Reception::Refused => {
                    return Err(Refused::ByEnvoy {
                        file: name.to_owned(),
                        reason: self.reason().await,
                    });
                }
                Reception::Unread if Instant::now() >= deadline => {
                    return Err(Refused::Unread(name.to_owned()));
                }
                Reception::Unread => sleep(POLL).await,
            }
        }
    }

    /// Waits until no listener and no cluster waits.
    async fn warmed(&self) -> Result<(), Refused> {
        let deadline = Instant::now() + WARM;
        while self.ask().await.is_none_or(|now| now.is_warming()) {
            if Instant::now() >= deadline {
                let reason = self.heard.take_refusal();
                let reason = reason.map(|reason| format!(": {reason}"));
                return Err(Refused::Warming(reason.unwrap_or_default()));
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// The reason is in the log, which comes on another way.
    async fn reason(&self) -> String {
        for _ in 0..20 {
            if let Some(reason) = self.heard.take_refusal() {
                return reason.trim().to_owned();
            }
            sleep(POLL).await;
        }
        "see its log".to_owned()
    }

    async fn ask(&self) -> Option<Subscriptions> {
        let page = self.admin.get(confirm::PAGE).await?;
        Some(Subscriptions::read(&page))
    }
}

/// Reads the page `/listeners`: the only listener that is not a socket is that of clients.
fn address(page: &str) -> Option<String> {
    let page: Value = serde_json::from_str(page).ok()?;
    page.get("listener_statuses")?
        .as_array()?
        .iter()
        .find_map(|listener| {
            let socket = listener.pointer("/local_address/socket_address")?;
            let address: IpAddr = socket.get("address")?.as_str()?.parse().ok()?;
            let port = u16::try_from(socket.get("port_value")?.as_u64()?).ok()?;
            Some(SocketAddr::new(address, port).to_string())
        })
}
