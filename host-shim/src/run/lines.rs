//! The lines that Envoy writes: its log, the log of the filter in it, and the access log. Each is
//! logged again in the form of this program's own lines.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

/// `--log-format` for Envoy: a line that [`EnvoyLine::read`] reads.
pub(crate) const FORMAT: &str = r#"{"level":"%l","component":"%n","message":"%j"}"#;
/// How the message begins with which Envoy refuses a file of its configuration.
const REFUSALS: [&str; 2] = [
    "Filesystem config update rejected: ",
    "Filesystem config update failure: ",
];
/// How the message begins with which Envoy warns of what the next release changes: what this program
/// renders is for the present one.
const DEPRECATED: &str = "Deprecated field: ";
/// How the message begins that Envoy logs for a plugin.
const PLUGIN: &str = "wasm log ";

/// A line of Envoy's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EnvoyLine {
    level: Level,
    component: String,
    /// The name of the plugin whose line it is.
    plugin: Option<String>,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl EnvoyLine {
    /// Reads a line. One that Envoy wrote in another form, such as a stack trace, is a warning as a
    /// whole.
    fn read(line: &str) -> Self {
        Self::read_json(line).unwrap_or_else(|| Self {
            level: Level::Warn,
            component: "envoy".to_owned(),
            plugin: None,
            message: line.to_owned(),
        })
    }

    fn read_json(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let member = |name| value.get(name)?.as_str();
        let level = match member("level")? {
            "trace" => Level::Trace,
            "debug" => Level::Debug,
            "info" => Level::Info,
            "warning" => Level::Warn,
            _ => Level::Error,
        };
        let message = member("message")?;
        let level = if message.starts_with(DEPRECATED) {
            Level::Debug
        } else {
            level
        };
        let of_plugin = message
            .strip_prefix(PLUGIN)
            .and_then(|rest| rest.split_once(": "));
        let (plugin, message) = match of_plugin {
            Some((plugin, message)) => (Some(plugin.to_owned()), message),
            None => (None, message),
        };
        Some(Self {
            level,
            component: member("component")?.to_owned(),
            plugin,
            message: message.trim_end().to_owned(),
        })
    }

    /// Returns why Envoy refused a file, if this is what the line says.
    fn refusal(&self) -> Option<&str> {
        REFUSALS
            .iter()
            .find_map(|start| self.message.strip_prefix(start))
    }

    fn log(&self) {
        let Self {
            level,
            component,
            plugin,
            message,
        } = self;
        macro_rules! log {
            ($level:ident) => {
                match plugin {
                    Some(_) => tracing::$level!(target: "filter", "{message}"),
                    None => tracing::$level!(target: "envoy", component, "{message}"),
                }
            };
        }
        match level {
            Level::Trace => log!(trace),
            Level::Debug => log!(debug),
            Level::Info => log!(info),
            Level::Warn => log!(warn),
            Level::Error => log!(error),
        }
    }
}

/// What the log of Envoy has said last; clones refer to the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<Last>>);

#[derive(Debug, Default)]
struct Last {
    refusal: Option<String>,
    error: Option<String>,
}

impl Heard {
    /// Returns why Envoy last refused a file, and forgets it.
    pub(crate) fn take_refusal(&self) -> Option<String> {
        self.change(|last| last.refusal.take())
    }

    /// Returns the last error of Envoy itself, and forgets it.
    pub(crate) fn take_error(&self) -> Option<String> {
        self.change(|last| last.error.take())
    }

    fn hear(&self, line: &EnvoyLine) {
        if let Some(refusal) = line.refusal() {
            self.change(|last| last.refusal = Some(refusal.to_owned()));
        } else if line.level == Level::Error && line.plugin.is_none() {
            self.change(|last| last.error = Some(line.message.clone()));
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Last) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Logs the lines of Envoy's log until it ends.
pub(crate) async fn log_envoy(stream: impl AsyncRead + Unpin, heard: Heard) {
    each_line(stream, |line| {
        let line = EnvoyLine::read(line);
        heard.hear(&line);
        line.log();
    })
    .await;
}

/// Logs the lines of the access log until it ends.
pub(crate) async fn log_requests(stream: impl AsyncRead + Unpin) {
    each_line(stream, |line| {
        tracing::info!(target: "access", "{line}");
    })
    .await;
}

async fn each_line(stream: impl AsyncRead + Unpin, mut log: impl FnMut(&str)) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        match stream.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end();
                if !text.is_empty() {
                    log(text);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_envoy_and_of_the_filter_are_told_apart() {
        let line = |level, component: &str, plugin: Option<&str>, message: &str| EnvoyLine {
            level,
            component: component.to_owned(),
            plugin: plugin.map(str::to_owned),
            message: message.to_owned(),
        };
        let rows = [
            (
                r#"{"level":"info","component":"wasm","message":"wasm log filter registry-auth: started: a"}"#,
                line(
                    Level::Info,
                    "wasm",
                    Some("filter registry-auth"),
                    "started: a",
                ),
            ),
            (
                r#"{"level":"critical","component":"wasm","message":"Plugin registry-auth failed to load"}"#,
                line(
                    Level::Error,
                    "wasm",
                    None,
                    "Plugin registry-auth failed to load",
                ),
            ),
            (
                r#"{"level":"warning","component":"config","message":"a \"b\"\nc\n"}"#,
                line(Level::Warn, "config", None, "a \"b\"\nc"),
            ),
            (
                r#"{"level":"warning","component":"misc","message":"Deprecated field: a"}"#,
                line(Level::Debug, "misc", None, "Deprecated field: a"),
            ),
            (
                "Caught Segmentation fault",
                line(Level::Warn, "envoy", None, "Caught Segmentation fault"),
            ),
            (
                r#"{"level":"info"}"#,
                line(Level::Warn, "envoy", None, r#"{"level":"info"}"#),
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(EnvoyLine::read(text), expected, "{text}");
        }
    }

    #[test]
    fn the_last_refusal_is_kept_until_it_is_taken() {
        let heard = Heard::default();
        for (level, message) in [
            ("warning", "Filesystem config update rejected: one"),
            ("warning", "Filesystem config update rejected: two"),
            ("critical", "three"),
            ("warning", "four"),
        ] {
            let line =
                serde_json::json!({"level": level, "component": "config", "message": message});
            heard.hear(&EnvoyLine::read(&line.to_string()));
        }
        assert_eq!(heard.take_refusal().as_deref(), Some("two"));
        assert_eq!(heard.take_refusal(), None);
        assert_eq!(heard.take_error().as_deref(), Some("three"));
        assert_eq!(heard.take_error(), None);
    }
}
