//! `registry-auth playground`: the page in which a configuration can be tried out, served by this
//! program.

mod own;
mod page;
mod server;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tempfile::NamedTempFile;
use tokio::time::sleep;

use own::Own;
use page::Page;
use server::Server;

/// How long the browser has for the file that leads it to the page.
const READ_WITHIN: Duration = Duration::from_mins(1);

/// Serves a page that shows what a configuration decides, and why
///
/// The page decides in the browser, with the engine of the filter, and sends nothing anywhere. It
/// follows the file when it changes, and never writes it. The address that is printed holds a
/// random part: whoever knows it can read the configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The configuration, JSON or YAML; samples if absent
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the page is served; another address than one of this host's own (127.0.0.1) lets
    /// other hosts read the configuration
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Open the page in the browser of this system
    #[arg(long)]
    open: bool,
}

/// Serves until the process ends.
///
/// # Errors
/// There is no page, the file cannot be read, or the address cannot be bound.
#[expect(
    clippy::print_stdout,
    reason = "the address is what the command is asked for"
)]
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let page = Page::find()?;
    let own = arguments.config.as_deref().map(Own::new).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    runtime.block_on(async {
        let server = Server::bind(arguments.listen, page, own).await?;
        let url = server.url();
        if !arguments.listen.ip().is_loopback() {
            eprintln!(
                "warning: other hosts can reach this page, without TLS: whoever learns its address can read the configuration"
            );
        }
        println!("{url}");
        if arguments.open {
            open(&url);
        }
        // What leads the browser here is removed at the end.
        tokio::select! {
            () = server.run() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Asks the system for its browser; the address was printed in any case. Every user of this host can
/// see the arguments of programs: the browser gets a file that this user alone can read, and that leads
/// to the address.
fn open(url: &str) {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let started = leading_to(url).and_then(|file| {
        Command::new(program)
            .arg(file.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(file)
    });
    match started {
        Ok(file) => drop(tokio::spawn(async move {
            sleep(READ_WITHIN).await;
            drop(file);
        })),
        Err(error) => {
            eprintln!("warning: cannot start `{program}` ({error}): open the address in a browser");
        }
    }
}

/// A page that leads to an address. It is removed when it is dropped.
fn leading_to(url: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix("registry-auth-")
        .suffix(".html")
        .tempfile()?;
    write!(
        file,
        "<!doctype html>\n<meta charset=\"utf-8\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta http-equiv=\"refresh\" content=\"0; url={url}\">\n<title>registry-auth playground</title>\n\
         <a href=\"{url}\">registry-auth playground</a>\n"
    )?;
    Ok(file)
}
