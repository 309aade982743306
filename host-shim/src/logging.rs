//! Structured logs: one JSON object per line, on stderr.

use std::str::FromStr;

use registry_auth_controller::SILENT;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Targets of lines that `run` logs for others: Envoy, its access log, and the filter in it.
const FORWARDED: [&str; 3] = ["envoy", "access", "filter"];
/// The crate of `registry-auth controller`.
const CONTROLLER: &str = "registry_auth_controller";

/// Starts logging at `level`, a value of the configuration's `log.level`; any other value means
/// `info`.
///
/// The level applies to our own events. Those of libraries are logged from `warn` on: below it the
/// AWS SDK describes requests.
pub(crate) fn start(level: Option<&str>) {
    let level = level
        .and_then(|level| LevelFilter::from_str(level).ok())
        .unwrap_or(LevelFilter::INFO);
    let ours = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target(env!("CARGO_CRATE_NAME"), level)
        .with_target(CONTROLLER, level)
        .with_target(SILENT, LevelFilter::OFF)
        .with_targets(FORWARDED.map(|target| (target, level)));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_writer(std::io::stderr);
    tracing_subscriber::registry().with(ours).with(lines).init();
}
