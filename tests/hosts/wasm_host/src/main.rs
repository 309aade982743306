//! Runs the module on the crate `proxy-wasm-host`, as lines on standard input say.

mod line;
mod plugin;
mod services;
mod stream;

use std::io::{BufRead as _, Write as _};
use std::sync::Arc;
use std::{env, fs, io};

use anyhow::{Context as _, Result};
use proxy_wasm_host::abi::v0_2_1::{Host, InMemoryStore};
use proxy_wasm_host::{Engine, Module};

use crate::line::{Command, Report};
use crate::plugin::Plugin;

/// The host, and the plugins that were started.
struct Machine {
    host: Host,
    module: Module,
    shared: Arc<InMemoryStore>,
    plugins: Vec<Plugin>,
}

fn main() -> Result<()> {
    let path = env::args().nth(1).context("give the path of the module")?;
    let bytes = fs::read(&path).with_context(|| format!("cannot read `{path}`"))?;
    let engine = Engine::new()?;
    let mut machine = Machine {
        host: Host::new(&engine)?,
        module: Module::new(&engine, &bytes)?,
        shared: Arc::default(),
        plugins: Vec::new(),
    };
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let command = serde_json::from_str(&line?).context("a line that is no command")?;
        serde_json::to_writer(&mut output, &machine.obey(command))?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

impl Machine {
    fn obey(&mut self, command: Command) -> Report {
        let (number, done) = match command {
            Command::Start {
                configuration,
                environment,
                holds_bodies,
            } => {
                let number = self.plugins.len();
                let started = Plugin::start(
                    &self.host,
                    &self.module,
                    &self.shared,
                    &configuration,
                    &environment,
                    holds_bodies,
                );
                (number, started.map(|plugin| self.plugins.push(plugin)))
            }
            Command::Request {
                plugin,
                headers,
                body,
            } => (
                plugin,
                self.plugin(plugin)
                    .and_then(|found| found.request(&headers, &body)),
            ),
            Command::Answer {
                plugin,
                callout,
                headers,
                body,
            } => (
                plugin,
                self.plugin(plugin)
                    .and_then(|found| found.answer(callout, &headers, &body)),
            ),
            Command::Tick { plugin } => (plugin, self.plugin(plugin).and_then(Plugin::tick)),
            Command::Close { plugin } => (plugin, self.plugin(plugin).and_then(Plugin::close)),
        };
        let report = self.plugins.get(number).map(Plugin::report);
        Report {
            error: done.err().map(|error| format!("{error:#}")),
            ..report.unwrap_or_default()
        }
    }

    fn plugin(&mut self, number: usize) -> Result<&mut Plugin> {
        self.plugins
            .get_mut(number)
            .context("there is no such plugin")
    }
}
