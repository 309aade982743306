//! The host calls of proxy-wasm ABI 0.2.1 that the module may use.

use wasmtime::{Caller, ExternType, Linker, Module, Result, Store, Val, bail};

use super::guest::{Guest, deserialize, serialize};
use super::{Callout, Failure, Fields, HostState, Metric, Status, foreign, wasi};
use registry_auth_harness::client::Response;

/// Host calls that the SDK always imports, but filters under test may not use: they return
/// [`Status::Unimplemented`].
const UNUSED: &[&str] = &[
    "proxy_register_shared_queue",
    "proxy_resolve_shared_queue",
    "proxy_dequeue_shared_queue",
    "proxy_enqueue_shared_queue",
    "proxy_close_stream",
    "proxy_grpc_call",
    "proxy_grpc_stream",
    "proxy_grpc_send",
    "proxy_grpc_cancel",
    "proxy_grpc_close",
    "proxy_get_status",
];

macro_rules! host_calls {
    ($linker:ident; $($name:ident($($argument:ident: $type:ty),*) |$guest:ident| $body:block)*) => {$(
        $linker.func_wrap("env", stringify!($name), |mut caller: Caller<'_, HostState>, $($argument: $type),*| {
            call(&mut caller, stringify!($name), |$guest| $body)
        })?;
    )*};
}

/// Creates a linker for `module`.
///
/// # Errors
/// The module imports something that this host does not have; the message lists it.
pub(crate) fn link(module: &Module) -> Result<Linker<HostState>> {
    let mut linker = Linker::new(module.engine());
    link_environment(&mut linker)?;
    link_maps(&mut linker)?;
    link_effects(&mut linker)?;
    link_metrics(&mut linker)?;
    wasi::link(&mut linker)?;
    // Looking up a definition requires a store, but uses only its engine.
    let mut probe = Store::new(module.engine(), HostState::default());
    let mut unknown = Vec::new();
    for import in module.imports() {
        let (from, name) = (import.module(), import.name());
        match import.ty() {
            ExternType::Func(kind) if from == "env" && UNUSED.contains(&name) => {
                linker.func_new(from, name, kind, |_, _, results| {
                    if let Some(result) = results.first_mut() {
                        *result = Val::I32(Status::Unimplemented as i32);
                    }
                    Ok(())
                })?;
            }
            ExternType::Func(_) if linker.get(&mut probe, from, name).is_ok() => {}
            _ => unknown.push(format!("`{from}.{name}`")),
        }
    }
    if !unknown.is_empty() {
        bail!(
            "the module imports what the harness does not have: {}",
            unknown.join(", ")
        );
    }
    Ok(linker)
}

fn link_environment(linker: &mut Linker<HostState>) -> Result<()> {
    host_calls! { linker;
        proxy_log(level: u32, address: u32, size: u32) |guest| {
            let line = guest.read(address, size)?;
            let level = ["trace", "debug", "info", "warn", "error", "critical"].get(level as usize).unwrap_or(&"?");
            guest.state().log.push(format!("{level}: {}", String::from_utf8_lossy(&line)));
            Ok(())
        }
        proxy_get_log_level(result: u32) |guest| { guest.write_u32(result, 0) }
        proxy_get_current_time_nanoseconds(result: u32) |guest| {
            let nanos = nanoseconds(guest.state());
            guest.write(result, &nanos.to_le_bytes())
        }
        proxy_set_tick_period_milliseconds(period: u32) |guest| {
            guest.state().tick = period;
            Ok(())
        }
        proxy_get_property(path: u32, path_size: u32, result: u32, result_size: u32) |guest| {
            let mut path = guest.read(path, path_size)?;
            // The SDK separates parts with NUL, and some callers end with one.
            if path.last() == Some(&0) {
                path.pop();
            }
            let value = guest.state().property(&path).ok_or(Status::NotFound)?;
            guest.give(result, result_size, &value)
        }
        proxy_set_property(path: u32, path_size: u32, value: u32, value_size: u32) |guest| {
            let (path, value) = (guest.text(path, path_size)?, guest.text(value, value_size)?);
            if guest.state().plain {
                guest.state().fatal = Some(format!("unknown attribute `{path}`"));
            }
            // As in Envoy: a root context has no stream to set it of.
            guest.state().stream().map_err(|_| Status::NotFound)?.attributes.insert(path, value);
            Ok(())
        }
        proxy_get_shared_data(key: u32, key_size: u32, result: u32, result_size: u32, cas: u32) |guest| {
            let key = guest.read(key, key_size)?;
            let (value, version) = guest.state().shared()?.get(&key).ok_or(Status::NotFound)?;
            guest.write_u32(cas, version)?;
            guest.give(result, result_size, &value)
        }
        proxy_set_shared_data(key: u32, key_size: u32, value: u32, value_size: u32, cas: u32) |guest| {
            let (key, value) = (guest.read(key, key_size)?, guest.read(value, value_size)?);
            guest.state().shared()?.set(&key, value, cas).map_err(|_| Status::CasMismatch)
        }
        proxy_call_foreign_function(name: u32, name_size: u32, argument: u32, argument_size: u32, result: u32, result_size: u32) |guest| {
            let (name, argument) = (guest.read(name, name_size)?, guest.read(argument, argument_size)?);
            if guest.state().plain {
                let name = String::from_utf8_lossy(&name);
                guest.state().fatal = Some(format!("unknown foreign function `{name}`"));
            }
            if name != b"verify_signature" || !guest.state().verifies {
                return Err(Status::NotFound);
            }
            let answer = foreign::verify_signature(&argument).ok_or(Status::BadArgument)?;
            guest.give(result, result_size, &answer)
        }
        proxy_set_effective_context(context: u32) |guest| {
            let state = guest.state();
            if !state.streams.contains_key(&context) && !state.roots.contains(&context) {
                return Err(Status::BadArgument);
            }
            state.effective = context;
            Ok(())
        }
        proxy_done() |guest| { let _ = guest; Ok(()) }
    }
    Ok(())
}

fn link_maps(linker: &mut Linker<HostState>) -> Result<()> {
    host_calls! { linker;
        proxy_get_header_map_pairs(map: u32, result: u32, result_size: u32) |guest| {
            let bytes = serialize(fields(guest.state(), map)?);
            guest.give(result, result_size, &bytes)
        }
        proxy_set_header_map_pairs(map: u32, address: u32, size: u32) |guest| {
            let new = deserialize(&guest.read(address, size)?).ok_or(Status::BadArgument)?;
            *request_fields(guest.state(), map)? = new;
            Ok(())
        }
        proxy_get_header_map_value(map: u32, key: u32, key_size: u32, result: u32, result_size: u32) |guest| {
            let key = guest.read(key, key_size)?;
            // As in Envoy, the first of several values.
            let value = fields(guest.state(), map)?.iter().find(|(name, _)| name.eq_ignore_ascii_case(&key));
            let value = value.map(|(_, value)| value.clone()).ok_or(Status::NotFound)?;
            guest.give(result, result_size, &value)
        }
        proxy_add_header_map_value(map: u32, key: u32, key_size: u32, value: u32, value_size: u32) |guest| {
            let (key, value) = (guest.read(key, key_size)?, guest.read(value, value_size)?);
            request_fields(guest.state(), map)?.push((key.to_ascii_lowercase(), value));
            Ok(())
        }
        proxy_replace_header_map_value(map: u32, key: u32, key_size: u32, value: u32, value_size: u32) |guest| {
            let (key, value) = (guest.read(key, key_size)?, guest.read(value, value_size)?);
            let fields = request_fields(guest.state(), map)?;
            let place = fields.iter().position(|(name, _)| name.eq_ignore_ascii_case(&key)).unwrap_or(fields.len());
            fields.retain(|(name, _)| !name.eq_ignore_ascii_case(&key));
            fields.insert(place.min(fields.len()), (key.to_ascii_lowercase(), value));
            Ok(())
        }
        proxy_remove_header_map_value(map: u32, key: u32, key_size: u32) |guest| {
            let key = guest.read(key, key_size)?;
            request_fields(guest.state(), map)?.retain(|(name, _)| !name.eq_ignore_ascii_case(&key));
            Ok(())
        }
        proxy_get_buffer_bytes(buffer: u32, start: u32, size: u32, result: u32, result_size: u32) |guest| {
            // Some hosts take sizes for signed.
            if i32::try_from(size).is_err() {
                return Err(Status::BadArgument);
            }
            let bytes = buffer_bytes(guest.state(), buffer)?;
            let start = (start as usize).min(bytes.len());
            let end = start.saturating_add(size as usize).min(bytes.len());
            guest.give(result, result_size, bytes.get(start..end).unwrap_or_default())
        }
        proxy_get_buffer_status(buffer: u32, length: u32, flags: u32) |guest| {
            let size = buffer_bytes(guest.state(), buffer)?.len();
            guest.write_u32(length, u32::try_from(size).unwrap_or(u32::MAX))?;
            guest.write_u32(flags, 0)
        }
        proxy_set_buffer_bytes(buffer: u32, start: u32, size: u32, address: u32, length: u32) |guest| {
            let new = guest.read(address, length)?;
            if buffer != REQUEST_BODY {
                return Err(Status::BadArgument);
            }
            let visible = &mut guest.state().stream()?.visible;
            let start = (start as usize).min(visible.len());
            let end = start.saturating_add(size as usize).min(visible.len());
            visible.splice(start..end, new);
            Ok(())
        }
    }
    Ok(())
}

fn link_effects(linker: &mut Linker<HostState>) -> Result<()> {
    host_calls! { linker;
        proxy_continue_stream(kind: u32) |guest| {
            if kind != 0 {
                return Err(Status::BadArgument);
            }
            guest.state().stream()?.resumed = true;
            Ok(())
        }
        proxy_send_local_response(status: u32, details: u32, details_size: u32, body: u32, body_size: u32, headers: u32, headers_size: u32, grpc: i32) |guest| {
            let (details, _) = (guest.text(details, details_size)?, grpc);
            let body = guest.read(body, body_size)?;
            // As in Envoy: a response to HEAD has headers and no body.
            let is_head = guest.state().stream()?.is_head();
            let body = if is_head { Vec::new() } else { body };
            let headers = deserialize(&guest.read(headers, headers_size)?).ok_or(Status::BadArgument)?;
            let headers = headers.into_iter().map(|(name, value)| (String::from_utf8_lossy(&name).to_lowercase(), value));
            let status = u16::try_from(status).map_err(|_| Status::BadArgument)?;
            let reply = Response { status, headers: headers.collect(), body };
            let stream = guest.state().stream()?;
            if stream.reply.is_none() {
                (stream.reply, stream.details) = (Some(reply), details);
            }
            Ok(())
        }
        proxy_http_call(cluster: u32, cluster_size: u32, headers: u32, headers_size: u32, body: u32, body_size: u32, trailers: u32, trailers_size: u32, timeout: u32, result: u32) |guest| {
            let cluster = guest.text(cluster, cluster_size)?;
            let headers = deserialize(&guest.read(headers, headers_size)?).ok_or(Status::BadArgument)?;
            let body = guest.read(body, body_size)?;
            // An empty map has the number of its fields; some hosts insist on it.
            let trailers = guest.read(trailers, trailers_size)?;
            if trailers.len() < size_of::<u32>() || deserialize(&trailers).is_none() {
                return Err(Status::BadArgument);
            }
            let complete = [":method", ":path", ":authority"].iter().all(|wanted| has(&headers, wanted));
            let state = guest.state();
            if !complete || !state.clusters.contains(&cluster) {
                return Err(Status::BadArgument);
            }
            state.last_callout += 1;
            let (token, context) = (state.last_callout, state.effective);
            state.callouts.insert(token, Callout { token, context, cluster, headers, body, timeout });
            guest.write_u32(result, token)
        }
    }
    Ok(())
}

fn link_metrics(linker: &mut Linker<HostState>) -> Result<()> {
    host_calls! { linker;
        proxy_define_metric(kind: u32, name: u32, name_size: u32, result: u32) |guest| {
            let name = guest.text(name, name_size)?;
            if kind > 2 {
                return Err(Status::BadArgument);
            }
            let metrics = &mut guest.state().metrics;
            let number = metrics.iter().position(|metric| metric.name == name).unwrap_or_else(|| {
                metrics.push(Metric { name, value: 0 });
                metrics.len() - 1
            });
            guest.write_u32(result, u32::try_from(number).unwrap_or(u32::MAX))
        }
        proxy_increment_metric(metric: u32, offset: i64) |guest| {
            let value = metric_value(guest.state(), metric)?;
            *value = value.saturating_add_signed(offset);
            Ok(())
        }
        proxy_record_metric(metric: u32, new: u64) |guest| {
            *metric_value(guest.state(), metric)? = new;
            Ok(())
        }
        proxy_get_metric(metric: u32, result: u32) |guest| {
            let value = *metric_value(guest.state(), metric)?;
            guest.write(result, &value.to_le_bytes())
        }
    }
    Ok(())
}

fn call(
    caller: &mut Caller<'_, HostState>,
    name: &'static str,
    work: impl FnOnce(&mut Guest<'_, '_>) -> Result<(), Status>,
) -> i32 {
    let result = match caller.data_mut().enter(name) {
        Some(Failure::Status(status)) => Err(status),
        Some(Failure::Lie(lie)) => {
            caller.data_mut().lie = Some(lie);
            let result = work(&mut Guest(caller));
            caller.data_mut().lie = None;
            result
        }
        None => work(&mut Guest(caller)),
    };
    result.err().unwrap_or(Status::Ok) as i32
}

const REQUEST_HEADERS: u32 = 0;
const CALL_HEADERS: u32 = 6;
const CALL_TRAILERS: u32 = 7;
const REQUEST_BODY: u32 = 0;
const CALL_BODY: u32 = 4;
const VM_CONFIGURATION: u32 = 6;
const PLUGIN_CONFIGURATION: u32 = 7;

static NO_FIELDS: Fields = Fields::new();

fn fields(state: &mut HostState, map: u32) -> Result<&Fields, Status> {
    match map {
        REQUEST_HEADERS => Ok(&state.stream()?.headers),
        CALL_HEADERS => state
            .answer
            .as_ref()
            .map(|answer| &answer.headers)
            .ok_or(Status::BadArgument),
        CALL_TRAILERS if state.answer.is_some() => Ok(&NO_FIELDS),
        _ => Err(Status::BadArgument),
    }
}

fn request_fields(state: &mut HostState, map: u32) -> Result<&mut Fields, Status> {
    if map == REQUEST_HEADERS {
        Ok(&mut state.stream()?.headers)
    } else {
        Err(Status::BadArgument)
    }
}

fn buffer_bytes(state: &mut HostState, buffer: u32) -> Result<Vec<u8>, Status> {
    match buffer {
        REQUEST_BODY => state
            .stream()
            .map(|stream| stream.visible.clone())
            .map_err(|_| Status::NotFound),
        CALL_BODY => state
            .answer
            .as_ref()
            .map(|answer| answer.body.clone())
            .ok_or(Status::NotFound),
        VM_CONFIGURATION => Ok(state.vm_configuration.clone()),
        PLUGIN_CONFIGURATION => Ok(state.plugin_configuration.clone()),
        _ => Err(Status::NotFound),
    }
}

fn metric_value(state: &mut HostState, metric: u32) -> Result<&mut u64, Status> {
    state
        .metrics
        .get_mut(metric as usize)
        .map(|metric| &mut metric.value)
        .ok_or(Status::NotFound)
}

fn has(fields: &Fields, wanted: &str) -> bool {
    fields
        .iter()
        .any(|(name, value)| name == wanted.as_bytes() && !value.is_empty())
}

pub(super) fn nanoseconds(state: &HostState) -> u64 {
    u64::try_from(state.clock.now().millis())
        .unwrap_or(0)
        .saturating_mul(1_000_000)
}
