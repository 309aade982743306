//! What the filter costs in the real Envoy, compared with Envoy's own filters; `cargo xtask bench`
//! builds what it needs and starts it.

mod body;
mod chain;
mod companion;
mod count_table;
mod empty;
mod figure;
mod goal;
mod instructions;
mod lane;
mod load;
mod login;
mod memory;
mod meter;
mod opa;
mod options;
mod others;
mod page;
mod probe;
mod profile;
mod results;
mod rounds;
mod row;
mod run;
mod stand;
mod start;
mod zot;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};

use crate::companion::Programs;
use crate::figure::Figure;
use crate::load::Generator;
use crate::options::Options;
use crate::results::Results;
use crate::stand::Files;
use registry_auth_harness::exit;
use registry_auth_harness::machine::Machine;

/// Bytes of a body, in the full run and in the quick one.
const BODY: u64 = 1 << 32;
/// Bodies for each round: a difference of some percent has to show, and the resolution of CPU time
/// is 10 ms.
const BODIES: usize = 2;
/// Starts of `run`, if it alone is measured.
const RUNS: usize = 5;
const SHORT_BODY: u64 = 1 << 24;

fn main() -> ExitCode {
    exit::code(run())
}

fn run() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [flag, request] = arguments.as_slice()
        && flag == "--profile"
    {
        return profile::show(request);
    }
    if let [flag] = arguments.as_slice()
        && flag == "--run"
    {
        show(&run::measure(RUNS)?);
        return Ok(());
    }
    if let [flag] = arguments.as_slice()
        && flag == "--login"
    {
        show(&login::measure(RUNS)?);
        return Ok(());
    }
    let options = Options::read(arguments.into_iter())?;
    let files = Files::find()?;
    let programs = Programs::find(options.zot.clone());
    if options.instructions {
        return count(&options, &files, &programs);
    }
    let rows = row::selected(&options.rows, &programs);
    ensure!(
        !rows.is_empty(),
        "there is no such row: {}",
        options.rows.join(", ")
    );
    // wrk measures whole seconds.
    let generator = if options.quick {
        Generator::Own
    } else {
        Generator::best()
    };
    let machine = Machine::this()?;
    let rows = rounds::measure(&rows, &options.plan, &generator, &files, &programs)?;
    let figures = if options.has_figures() {
        figures(&options, &files)?
    } else {
        Vec::new()
    };
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let module_size = files.size()? as f64;
    let results = Results {
        machine,
        generator,
        plan: options.plan,
        rows,
        figures,
        module_size,
    };
    report(&results, &options, &files)
}

/// Counts instructions, and prints their table.
#[expect(
    clippy::print_stdout,
    reason = "the table is what the program is asked for"
)]
fn count(options: &Options, files: &Files, programs: &Programs) -> Result<()> {
    let rows = if options.rows.is_empty() {
        instructions::ROWS.map(str::to_owned).to_vec()
    } else {
        options.rows.clone()
    };
    let counted = instructions::measure(&row::selected(&rows, programs), files)?;
    let table = count_table::table(&Machine::this()?, &counted);
    println!("{table}");
    if options.write {
        page::write_instructions(&table)?;
    }
    Ok(())
}

/// Prints figures alone.
#[expect(
    clippy::print_stdout,
    reason = "the table is what the program is asked for"
)]
fn show(figures: &[Figure]) {
    print!("{}", results::table_of_figures(figures));
}

/// Measures the figures other than the rows.
fn figures(options: &Options, files: &Files) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    eprintln!("bodies");
    let (rounds, size) = if options.quick {
        (1, SHORT_BODY)
    } else {
        (BODIES * options.plan.rounds, BODY)
    };
    figures.extend(body::measure(rounds, size, files)?);
    eprintln!("start");
    let patterns = if options.quick {
        start::FEW
    } else {
        start::PATTERNS
    };
    figures.extend(start::configure(options.plan.rounds, patterns, files)?);
    eprintln!("pushes");
    figures.extend(start::push(options.plan.rounds, files)?);
    eprintln!("run");
    figures.extend(run::measure(options.plan.rounds)?);
    if !options.quick {
        eprintln!("memory");
        figures.extend(memory::measure(&options.plan, files)?);
    }
    Ok(figures)
}

#[expect(
    clippy::print_stdout,
    reason = "the table is what the program is asked for"
)]
fn report(results: &Results, options: &Options, files: &Files) -> Result<()> {
    let page = results.page();
    let others = others::table(results);
    let json = files.folder.join("results.json");
    fs::write(&json, format!("{:#}\n", results.to_json()))
        .context("the results cannot be written")?;
    println!("{page}");
    println!("{others}");
    if options.write {
        page::write(&page, &others)?;
    }
    Ok(())
}
