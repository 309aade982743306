//! What Envoy is started with: its place, its arguments and its environment.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::net::{SocketAddr, TcpListener};

use anyhow::Context as _;
use registry_auth_render::envoy::{BOOTSTRAP, Place};

use super::binary::Binary;
use super::folder::Folder;
use super::lines::FORMAT;
use super::options::Arguments;
use super::plan::{self, Plan};
use super::process::Launch;

/// Variables of this process that Envoy gets too, besides those that the module reads. None of them
/// is a secret.
const ENVIRONMENT: [&str; 8] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "TZ",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Checks that the port of the plan is free, or finds one that is: Envoy would start without the
/// listener, and say so in its log only.
///
/// # Errors
/// The address cannot be listened on.
pub(super) fn free_port(plan: &Plan) -> anyhow::Result<u16> {
    let listener = &plan.completed.listener;
    let address = SocketAddr::new(listener.address, listener.port);
    let bound = TcpListener::bind(address).and_then(|bound| bound.local_addr());
    let bound = bound.with_context(|| {
        format!("cannot listen on `{address}` (`http.address` and `http.port`)")
    })?;
    Ok(bound.port())
}

/// Fills the private folder, and says where in it everything is.
///
/// # Errors
/// It cannot be used.
pub(super) fn place(folder: &Folder, module: &[u8]) -> anyhow::Result<Place> {
    let mut place = Place {
        module: folder.put_module(module)?.display().to_string(),
        folder: folder.path().display().to_string(),
        ..Place::default()
    };
    if let Some(file) = openssl_probe::probe().cert_file {
        place.system_authorities = file.display().to_string();
    }
    match place.problem() {
        None => Ok(place),
        Some(problem) => anyhow::bail!(
            "the folder `{}` cannot be used (set TMPDIR to another place): it {problem}",
            place.folder
        ),
    }
}

/// How Envoy is started.
pub(super) fn launch(
    arguments: &Arguments,
    plan: &Plan,
    binary: &Binary,
    folder: &Folder,
    push_key: &OsStr,
) -> Launch {
    let is_debug = matches!(plan.log_level.as_deref(), Some("debug" | "trace"));
    let components = if is_debug { "wasm:debug" } else { "wasm:info" };
    let mut all: Vec<OsString> = vec!["-c".into(), folder.path().join(BOOTSTRAP).into()];
    let fixed = [
        "--disable-hot-restart",
        "--log-format",
        FORMAT,
        "--log-level",
        "warning",
        "--component-log-level",
        components,
        "--file-flush-interval-msec",
        "1000",
        // A connection to a listener that is gone is closed five seconds after its next answer.
        "--drain-strategy",
        "immediate",
    ];
    all.extend(fixed.map(OsString::from));
    if let Some(number) = arguments.concurrency {
        all.extend(["--concurrency".into(), number.to_string().into()]);
    }
    let own = plan::push_key_of(&plan.completed);
    let read = plan.completed.environment.iter().map(String::as_str);
    let names: BTreeSet<&str> = ENVIRONMENT.into_iter().chain(read).collect();
    let mut environment: Vec<(OsString, OsString)> = names
        .into_iter()
        .filter(|name| *name != own)
        .filter_map(|name| Some((name.into(), std::env::var_os(name)?)))
        .collect();
    environment.push((own.into(), push_key.into()));
    Launch {
        program: binary.path.clone(),
        arguments: all,
        environment,
    }
}
