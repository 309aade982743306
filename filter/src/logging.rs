//! The log: lines for the host.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use log::{LevelFilter, Metadata, Record};
use registry_auth_engine::compile;

use crate::host::{self, LogLevel};

/// The longest line of the log, in bytes. A record is shorter.
const MAX_LINE: usize = 64 * 1024;

/// The levels of the root contexts, of all threads.
static LEVELS: Mutex<BTreeMap<u32, LevelFilter>> = Mutex::new(BTreeMap::new());

struct HostLog;

/// Sends what is logged to the host, from `info` on, and where the module panicked, should it ever.
pub(crate) fn start() {
    // A second logger is refused: there is one already, and it is this one.
    let _ = log::set_logger(&HostLog);
    log::set_max_level(LevelFilter::Info);
    std::panic::set_hook(Box::new(|panic| {
        // The message may hold what a client has sent.
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        host::log(LogLevel::Critical, &format!("panicked at {place}"));
    }));
}

/// Sets the least severe level that a root context logs, and returns it. All root contexts of a VM
/// or process have one logger: it lets through what one of them wants, and what belongs to a request is
/// checked against the level of its own root context.
pub(crate) fn set_level(root: u32, level: compile::LogLevel) -> LevelFilter {
    let level = match level {
        compile::LogLevel::Trace => LevelFilter::Trace,
        compile::LogLevel::Debug => LevelFilter::Debug,
        compile::LogLevel::Info => LevelFilter::Info,
        compile::LogLevel::Warn => LevelFilter::Warn,
        compile::LogLevel::Error => LevelFilter::Error,
    };
    let mut levels = levels();
    levels.insert(root, level);
    apply(&levels);
    level
}

/// Forgets the level of a root context that is gone.
pub(crate) fn forget_level(root: u32) {
    let mut levels = levels();
    levels.remove(&root);
    apply(&levels);
}

fn levels() -> MutexGuard<'static, BTreeMap<u32, LevelFilter>> {
    LEVELS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn apply(levels: &BTreeMap<u32, LevelFilter>) {
    let most = levels.values().max().copied();
    log::set_max_level(most.unwrap_or(LevelFilter::Info));
}

/// A line of at most [`MAX_LINE`] bytes and a mark for the cut.
#[derive(Default)]
struct Line(String);

impl fmt::Write for Line {
    /// Takes what there is room for; an error ends the formatting when there is no more.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MAX_LINE.saturating_sub(self.0.len());
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(
            text.get(..text.floor_char_boundary(room))
                .unwrap_or_default(),
        );
        self.0.push_str("...");
        Err(fmt::Error)
    }
}

impl log::Log for HostLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = match record.level() {
                log::Level::Trace => LogLevel::Trace,
                log::Level::Debug => LogLevel::Debug,
                log::Level::Info => LogLevel::Info,
                log::Level::Warn => LogLevel::Warn,
                log::Level::Error => LogLevel::Error,
            };
            let mut line = Line::default();
            // It fails when the line is full; what it holds by then is what is logged.
            let _ = write!(line, "{}", record.args());
            host::log(level, &line.0);
        }
    }

    fn flush(&self) {}
}
