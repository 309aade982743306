//! What Envoy calls. Each hook of the HTTP filter has to exist, or Envoy refuses the module.
#![expect(
    unsafe_code,
    reason = "exported functions that are given addresses; Envoy knows no other"
)]

use std::ffi::{c_char, c_void};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

use super::calls;
use super::declared::{Buffer, Header};
use super::handles::{Config, Stream};
use crate::guard::guard;
use crate::plugin::Plugin;
use crate::request::{self, Request};
use crate::{main_thread, version};

/// The version of the ABI, for Envoy, which only logs it.
const ABI: &std::ffi::CStr = c"v0.2.0";
const CONTINUE: u32 = 0;

/// What this module shows Envoy of a request: a [`Request`], or null where that could not be made.
type Shown = *const c_void;
/// What it shows of a configuration: a [`Plugin`].
type Configuration = *const c_void;

/// # Safety
/// It is what `filter_new` returned, and `filter_destroy` was not called.
unsafe fn shown_request(shown: Shown) -> Option<Rc<Request>> {
    let place = shown.cast::<Request>();
    if place.is_null() {
        return None;
    }
    // SAFETY: the caller's. It is held for the time of a hook, because Envoy may end it meanwhile.
    unsafe {
        Rc::increment_strong_count(place);
        Some(Rc::from_raw(place))
    }
}

/// # Safety
/// It is what `config_new` returned, and `config_destroy` was not called.
unsafe fn plugin<'a>(shown: Configuration) -> Option<&'a Plugin> {
    // SAFETY: the caller's.
    unsafe { shown.cast::<Plugin>().as_ref() }
}

#[unsafe(export_name = "envoy_dynamic_module_on_program_init")]
pub(super) extern "C" fn program_init() -> *const c_char {
    guard(ptr::null(), || {
        main_thread::start();
        if version::is_supported() {
            ABI.as_ptr()
        } else {
            ptr::null()
        }
    })
}

#[unsafe(export_name = "envoy_dynamic_module_on_http_filter_config_new")]
pub(super) extern "C" fn config_new(
    config: Config<'_>,
    name: Buffer,
    text: Buffer,
) -> Configuration {
    guard(ptr::null(), || {
        // SAFETY: Envoy's buffers live until this hook ends.
        let (name, text) = unsafe { (calls::bytes(name), calls::bytes(text)) };
        main_thread::configure(config, name, text)
            .map_or(ptr::null(), |plugin| Arc::into_raw(plugin).cast())
    })
}

#[unsafe(export_name = "envoy_dynamic_module_on_http_filter_config_destroy")]
pub(super) extern "C" fn config_destroy(shown: Configuration) {
    guard((), || {
        if !shown.is_null() {
            // SAFETY: it is what `config_new` returned, and Envoy does not use it any more.
            main_thread::end(unsafe { Arc::from_raw(shown.cast::<Plugin>()) });
        }
    });
}

#[unsafe(export_name = "envoy_dynamic_module_on_http_filter_config_scheduled")]
pub(super) extern "C" fn config_scheduled(config: Config<'_>, shown: Configuration, event: u64) {
    guard((), || {
        // SAFETY: Envoy calls this between the two.
        if let Some(plugin) = unsafe { plugin(shown) } {
            main_thread::scheduled(config, plugin, event);
        }
    });
}

#[unsafe(export_name = "envoy_dynamic_module_on_http_filter_config_http_callout_done")]
pub(super) extern "C" fn config_http_callout_done(
    config: Config<'_>,
    shown: Configuration,
    callout: u64,
    _: u32,
    headers: *const Header,
    headers_size: usize,
    chunks: *const Buffer,
    chunks_size: usize,
) {
    guard((), || {
        // SAFETY: Envoy's headers and chunks live until this hook ends; they may be null, if the callout failed.
        let (headers, body) = unsafe {
            let headers = array(headers, headers_size);
            let chunks = array(chunks, chunks_size).iter();
            let body: Vec<&[u8]> = chunks.map(|chunk| calls::bytes(*chunk)).collect();
            (calls::written(headers).unwrap_or_default(), body.concat())
        };
        // SAFETY: Envoy calls this between the two.
        if let Some(plugin) = unsafe { plugin(shown) } {
            main_thread::answered(config, plugin, callout, headers, body);
        }
    });
}

/// # Safety
/// There are that many, unless it is null, and they do not change for `'a`.
unsafe fn array<'a, T>(place: *const T, size: usize) -> &'a [T] {
    if place.is_null() || size == 0 {
        return &[];
    }
    // SAFETY: the caller's.
    unsafe { std::slice::from_raw_parts(place, size) }
}

#[unsafe(export_name = "envoy_dynamic_module_on_http_filter_new")]
pub(super) extern "C" fn filter_new(shown: Configuration, _: Stream) -> Shown {
    guard(ptr::null(), || {
        let place = shown.cast::<Plugin>();
        let is_of = |known: &Arc<Plugin>| ptr::eq(Arc::as_ptr(known), place);
        let plugin = || {
            // SAFETY: it is what `config_new` returned, and lives until `config_destroy`.
            unsafe {
                Arc::increment_strong_count(place);
                Arc::from_raw(place)
            }
        };
        Rc::into_raw(Rc::new(Request::new(is_of, plugin))).cast()
    })
}

#[unsafe(export_name = "envoy_dynamic_module_on_http_filter_request_headers")]
pub(super) extern "C" fn request_headers(stream: Stream, shown: Shown, ended: bool) -> u32 {
    // SAFETY: Envoy calls this between the two.
    request::headers(stream, unsafe { shown_request(shown) }.as_deref(), ended)
}

#[unsafe(export_name = "envoy_dynamic_module_on_http_filter_request_body")]
pub(super) extern "C" fn request_body(stream: Stream, shown: Shown, ended: bool) -> u32 {
    // SAFETY: Envoy calls this between the two.
    request::body(
        stream,
        unsafe { shown_request(shown) }.as_deref(),
        Some(ended),
    )
}

#[unsafe(export_name = "envoy_dynamic_module_on_http_filter_request_trailers")]
pub(super) extern "C" fn request_trailers(stream: Stream, shown: Shown) -> u32 {
    // SAFETY: Envoy calls this between the two.
    request::body(stream, unsafe { shown_request(shown) }.as_deref(), None)
}

#[unsafe(export_name = "envoy_dynamic_module_on_http_filter_scheduled")]
pub(super) extern "C" fn scheduled(_: Stream, shown: Shown, event: u64) {
    // SAFETY: Envoy calls this between the two.
    request::scheduled(unsafe { shown_request(shown) }.as_deref(), event);
}

/// From now on it is not answered and not continued any more.
#[unsafe(export_name = "envoy_dynamic_module_on_http_filter_stream_complete")]
pub(super) extern "C" fn stream_complete(_: Stream, shown: Shown) {
    // SAFETY: Envoy calls this between the two.
    request::forget(unsafe { shown_request(shown) }.as_deref());
}

#[unsafe(export_name = "envoy_dynamic_module_on_http_filter_destroy")]
pub(super) extern "C" fn filter_destroy(shown: Shown) {
    if shown.is_null() {
        return;
    }
    // SAFETY: it is what `filter_new` returned, and Envoy does not use it any more.
    let ended = unsafe { Rc::from_raw(shown.cast::<Request>()) };
    request::forget(Some(&ended));
    guard((), || drop(ended));
}

/// Responses pass as they are.
#[unsafe(export_name = "envoy_dynamic_module_on_http_filter_response_headers")]
pub(super) extern "C" fn response_headers(_: Stream, _: Shown, _: bool) -> u32 {
    CONTINUE
}

#[unsafe(export_name = "envoy_dynamic_module_on_http_filter_response_body")]
pub(super) extern "C" fn response_body(_: Stream, _: Shown, _: bool) -> u32 {
    CONTINUE
}

#[unsafe(export_name = "envoy_dynamic_module_on_http_filter_response_trailers")]
pub(super) extern "C" fn response_trailers(_: Stream, _: Shown) -> u32 {
    CONTINUE
}

/// Hooks without a use here.
macro_rules! unused {
    ($($name:ident($($argument:ty),*);)*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $name($(_: $argument),*) {}
    )*};
}

unused! {
    envoy_dynamic_module_on_http_filter_http_callout_done(Stream, Shown, u64, u32, *const Header, usize, *const Buffer, usize);
    envoy_dynamic_module_on_http_filter_http_stream_headers(Stream, Shown, u64, *const Header, usize, bool);
    envoy_dynamic_module_on_http_filter_http_stream_data(Stream, Shown, u64, *const Buffer, usize, bool);
    envoy_dynamic_module_on_http_filter_http_stream_trailers(Stream, Shown, u64, *const Header, usize);
    envoy_dynamic_module_on_http_filter_http_stream_complete(Stream, Shown, u64);
    envoy_dynamic_module_on_http_filter_http_stream_reset(Stream, Shown, u64, u32);
    envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(Stream, Shown);
    envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(Stream, Shown);
    envoy_dynamic_module_on_http_filter_cluster_host_set_change(*const c_void);
}
