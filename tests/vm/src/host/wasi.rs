//! The functions of WASI preview 1 that Envoy offers to modules.

use wasmtime::{Caller, Linker, Result, bail};

use super::guest::Guest;
use super::{HostState, Status};

const MODULE: &str = "wasi_snapshot_preview1";
const SUCCESS: i32 = 0;
const BAD_DESCRIPTOR: i32 = 8;
const FAULT: i32 = 21;
const NOT_CAPABLE: i32 = 76;

/// Names of all functions of this module.
pub(super) fn link(linker: &mut Linker<HostState>) -> Result<()> {
    linker.func_wrap(
        MODULE,
        "random_get",
        |mut caller: Caller<'_, HostState>, address: u32, size: u32| {
            call(&mut caller, "random_get", |guest| {
                let bytes: Vec<u8> = (0..size).map(|_| next_random(guest.state())).collect();
                guest.write(address, &bytes)
            })
        },
    )?;
    linker.func_wrap(
        MODULE,
        "clock_time_get",
        |mut caller: Caller<'_, HostState>, _: u32, _: u64, address: u32| {
            call(&mut caller, "clock_time_get", |guest| {
                let nanos = super::imports::nanoseconds(guest.state());
                guest.write(address, &nanos.to_le_bytes())
            })
        },
    )?;
    linker.func_wrap(
        MODULE,
        "environ_sizes_get",
        |mut caller: Caller<'_, HostState>, count: u32, size: u32| {
            call(&mut caller, "environ_sizes_get", |guest| {
                let entries = entries(guest.state());
                guest.write_u32(count, length(entries.len()))?;
                guest.write_u32(size, length(entries.iter().map(Vec::len).sum()))
            })
        },
    )?;
    linker.func_wrap(
        MODULE,
        "environ_get",
        |mut caller: Caller<'_, HostState>, mut pointer: u32, mut place: u32| {
            call(&mut caller, "environ_get", |guest| {
                for entry in entries(guest.state()) {
                    guest.write_u32(pointer, place)?;
                    guest.write(place, &entry)?;
                    pointer = pointer.saturating_add(4);
                    place = place.saturating_add(length(entry.len()));
                }
                Ok(())
            })
        },
    )?;
    for name in ["args_sizes_get", "args_get"] {
        linker.func_wrap(
            MODULE,
            name,
            move |mut caller: Caller<'_, HostState>, count: u32, size: u32| {
                call(&mut caller, "args", |guest| {
                    if name == "args_sizes_get" {
                        guest.write_u32(count, 0)?;
                        guest.write_u32(size, 0)?;
                    }
                    Ok(())
                })
            },
        )?;
    }
    link_files(linker)?;
    linker.func_wrap(MODULE, "sched_yield", |_: Caller<'_, HostState>| SUCCESS)?;
    linker.func_wrap(
        MODULE,
        "proc_exit",
        |_: Caller<'_, HostState>, code: u32| -> Result<()> {
            bail!("the module ended itself with status {code}")
        },
    )?;
    Ok(())
}

/// Writes standard output and error to the log; there are no other files.
fn link_files(linker: &mut Linker<HostState>) -> Result<()> {
    linker.func_wrap(
        MODULE,
        "fd_write",
        |mut caller: Caller<'_, HostState>,
         descriptor: u32,
         vectors: u32,
         count: u32,
         written: u32| {
            if !(1..=2).contains(&descriptor) {
                return BAD_DESCRIPTOR;
            }
            call(&mut caller, "fd_write", |guest| {
                let mut text = Vec::new();
                for index in 0..count {
                    let (address, size) = (
                        guest.read_u32(vectors.saturating_add(index.saturating_mul(8)))?,
                        guest.read_u32(
                            vectors
                                .saturating_add(index.saturating_mul(8))
                                .saturating_add(4),
                        )?,
                    );
                    text.extend(guest.read(address, size)?);
                }
                guest.state().log.push(format!(
                    "output: {}",
                    String::from_utf8_lossy(&text).trim_end()
                ));
                guest.write_u32(written, length(text.len()))
            })
        },
    )?;
    linker.func_wrap(MODULE, "fd_close", |_: u32| BAD_DESCRIPTOR)?;
    linker.func_wrap(MODULE, "fd_fdstat_get", |_: u32, _: u32| BAD_DESCRIPTOR)?;
    linker.func_wrap(MODULE, "fd_read", |_: u32, _: u32, _: u32, _: u32| {
        BAD_DESCRIPTOR
    })?;
    linker.func_wrap(MODULE, "fd_seek", |_: u32, _: i64, _: u32, _: u32| {
        BAD_DESCRIPTOR
    })?;
    linker.func_wrap(MODULE, "fd_prestat_get", |_: u32, _: u32| BAD_DESCRIPTOR)?;
    linker.func_wrap(MODULE, "fd_prestat_dir_name", |_: u32, _: u32, _: u32| {
        BAD_DESCRIPTOR
    })?;
    Ok(())
}

fn call(
    caller: &mut Caller<'_, HostState>,
    name: &'static str,
    work: impl FnOnce(&mut Guest<'_, '_>) -> Result<(), Status>,
) -> i32 {
    if caller.data_mut().enter(name).is_some() {
        return NOT_CAPABLE;
    }
    if work(&mut Guest(caller)).is_ok() {
        SUCCESS
    } else {
        FAULT
    }
}

fn entries(state: &HostState) -> Vec<Vec<u8>> {
    state
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}\0").into_bytes())
        .collect()
}

fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// `SplitMix64`: the same bytes in each run, so that budgets hold.
fn next_random(state: &mut HostState) -> u8 {
    state.random = state.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = state.random;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let [byte, ..] = (mixed ^ (mixed >> 31)).to_le_bytes();
    byte
}
