//! The log: lines for the host.

use log::{LevelFilter, Metadata, Record};
use registry_auth::config::LogLevel;

use crate::host::{self, Loudness};

struct HostLog;

/// Sends what is logged to the host, from `info` on, and where the module panicked, should it ever.
pub(crate) fn start() {
    // A second logger is refused: there is one already, and it is this one.
    let _ = log::set_logger(&HostLog);
    log::set_max_level(LevelFilter::Info);
    std::panic::set_hook(Box::new(|panic| {
        // The message may hold what a client has sent.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        host::log(Loudness::Critical, &format!("panicked at {place}"));
    }));
}

/// Logs what is at least as loud.
pub(crate) fn set_level(level: LogLevel) {
    log::set_max_level(match level {
        LogLevel::Trace => LevelFilter::Trace,
        LogLevel::Debug => LevelFilter::Debug,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Warn => LevelFilter::Warn,
        LogLevel::Error => LevelFilter::Error,
    });
}

impl log::Log for HostLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let loudness = match record.level() {
                log::Level::Trace => Loudness::Trace,
                log::Level::Debug => Loudness::Debug,
                log::Level::Info => Loudness::Info,
                log::Level::Warn => Loudness::Warn,
                log::Level::Error => Loudness::Error,
            };
            host::log(loudness, &record.args().to_string());
        }
    }

    fn flush(&self) {}
}
