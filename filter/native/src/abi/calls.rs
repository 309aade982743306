//! The functions of Envoy that are called.
#![expect(
    unsafe_code,
    reason = "imported functions that take addresses; there is no safe path to Envoy"
)]

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::slice;

use registry_auth_engine::fields::Fields;

use super::declared::{self as envoy, Buffer, Header};
use super::handles::{Config, Stream};

const EMPTY: Buffer = Buffer {
    place: ptr::null(),
    length: 0,
};
const REQUEST_HEADERS: u32 = 0;
const RECEIVED: u32 = 0;
const BUFFERED: u32 = 1;
const OK: u32 = 0;

fn buffer(bytes: &[u8]) -> Buffer {
    Buffer {
        place: bytes.as_ptr(),
        length: bytes.len(),
    }
}

/// What is where Envoy says; nothing where it says null.
///
/// # Safety
/// The bytes are there and do not change for `'a`.
pub(super) unsafe fn bytes<'a>(buffer: Buffer) -> &'a [u8] {
    if buffer.place.is_null() || buffer.length == 0 {
        return &[];
    }
    // SAFETY: the caller's.
    unsafe { slice::from_raw_parts(buffer.place, buffer.length) }
}

/// The headers of Envoy, in the form of [`Fields::parse`].
///
/// # Safety
/// As [`bytes`], for each name and value, while this runs.
pub(super) unsafe fn written(headers: &[Header]) -> Option<Vec<u8>> {
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let texts: usize = headers
        .iter()
        .map(|header| header.name.length + header.value.length + 10)
        .sum();
    // The bytes behind texts are zero from the start.
    let mut written = vec![0; 4 + texts];
    let (count, rest) = written.split_at_mut_checked(4)?;
    count.copy_from_slice(&number(headers.len()).to_le_bytes());
    let (lengths, mut rest) = rest.split_at_mut_checked(8 * headers.len())?;
    for (header, both) in headers.iter().zip(lengths.chunks_exact_mut(8)) {
        let [name, value] = [header.name, header.value].map(|text| u64::from(number(text.length)));
        both.copy_from_slice(&(name | value << 32).to_le_bytes());
        for text in [header.name, header.value] {
            // SAFETY: the caller's.
            let text = unsafe { bytes(text) };
            let (place, behind) = rest.split_at_mut_checked(text.len())?;
            place.copy_from_slice(text);
            rest = behind.get_mut(1..)?;
        }
    }
    Some(written)
}

fn headers(fields: &Fields) -> Vec<Header> {
    let header = |(name, value)| Header {
        name: buffer(name),
        value: buffer(value),
    };
    fields.iter().map(header).collect()
}

/// Writes a line to Envoy's log, from any thread; `level` counts from 0, trace.
pub(crate) fn log(level: u32, message: &[u8]) {
    // SAFETY: the buffer is that of a slice that outlives the call.
    unsafe { envoy::log(level, buffer(message)) }
}

/// Returns true if Envoy only checks its configuration (`--mode validate`); on the main thread.
pub(crate) fn is_validation() -> bool {
    envoy::is_validation_mode()
}

impl Stream {
    /// All request headers, in the form of [`Fields::parse`]; `None` if there are none any more.
    pub(crate) fn request_headers(self) -> Option<Vec<u8>> {
        // SAFETY: the stream is alive (see `abi.rs`).
        let count = unsafe { envoy::http_get_headers_size(self, REQUEST_HEADERS) };
        let mut headers = vec![
            Header {
                name: EMPTY,
                value: EMPTY
            };
            count
        ];
        let place = headers.as_mut_ptr();
        // SAFETY: there are as many places as Envoy has said, and nothing changed since.
        unsafe { envoy::http_get_headers(self, REQUEST_HEADERS, place) }
            // SAFETY: Envoy's texts live until a header is changed.
            .then(|| unsafe { written(&headers) })
            .flatten()
    }

    /// Replaces all copies of a request header.
    pub(crate) fn set_header(self, name: &[u8], value: &[u8]) -> bool {
        let (name, value) = (buffer(name), buffer(value));
        // SAFETY: buffers of slices that outlive the call.
        self.rerouted(unsafe { envoy::http_set_header(self, REQUEST_HEADERS, name, value) })
    }

    /// Removes all copies of a request header: its value is set to none, which is not the same as an empty one.
    pub(crate) fn remove_header(self, name: &[u8]) -> bool {
        // SAFETY: the buffer of a slice that outlives the call, and none.
        self.rerouted(unsafe { envoy::http_set_header(self, REQUEST_HEADERS, buffer(name), EMPTY) })
    }

    /// Adds a request header. Envoy takes no empty values.
    pub(crate) fn add_header(self, name: &[u8], value: &[u8]) -> bool {
        let (name, value) = (buffer(name), buffer(value));
        // SAFETY: buffers of slices that outlive the call.
        self.rerouted(unsafe { envoy::http_add_header(self, REQUEST_HEADERS, name, value) })
    }

    /// Has Envoy choose the route by the headers that there are now: those that clients sent must not decide it.
    fn rerouted(self, is_changed: bool) -> bool {
        // SAFETY: the stream is alive (see `abi.rs`).
        unsafe { envoy::http_clear_route_cache(self) }
        is_changed
    }

    /// Answers the request. Envoy may call hooks of it meanwhile.
    pub(crate) fn respond(self, status: u32, details: &[u8], fields: &Fields, body: &[u8]) {
        let mut headers = headers(fields);
        // SAFETY: buffers of slices that outlive the call.
        unsafe {
            envoy::http_send_response(
                self,
                status,
                headers.as_mut_ptr(),
                headers.len(),
                buffer(body),
                buffer(details),
            );
        }
    }

    /// Lets the request go on. Envoy may call hooks of it meanwhile.
    pub(crate) fn go_on(self) {
        // SAFETY: the stream is alive (see `abi.rs`).
        unsafe { envoy::http_filter_continue_decoding(self) }
    }

    /// How many bytes of the body are held or have come now.
    pub(crate) fn body_size(self) -> usize {
        // SAFETY: the stream is alive (see `abi.rs`).
        let size = |body| unsafe { envoy::http_get_body_size(self, body) };
        self.bodies().map(size).sum()
    }

    /// These bytes, up to this number.
    pub(crate) fn body(self, max: usize) -> Vec<u8> {
        let mut whole = Vec::new();
        for body in self.bodies() {
            // SAFETY: the stream is alive (see `abi.rs`).
            let count = unsafe { envoy::http_get_body_chunks_size(self, body) };
            let mut chunks = vec![EMPTY; count];
            let place = chunks.as_mut_ptr();
            // SAFETY: there are as many places as Envoy has said, and nothing changed since.
            if unsafe { envoy::http_get_body_chunks(self, body, place) } {
                for chunk in chunks {
                    // SAFETY: Envoy's bytes live until the body is changed.
                    let chunk = unsafe { bytes(chunk) };
                    let room = max.saturating_sub(whole.len());
                    whole.extend_from_slice(chunk.get(..room).unwrap_or(chunk));
                }
            }
        }
        whole
    }

    /// What is held, and what has come now, which may be the same.
    fn bodies(self) -> impl Iterator<Item = u32> {
        // SAFETY: the stream is alive (see `abi.rs`).
        let same = unsafe { envoy::http_received_buffered_request_body(self) };
        [BUFFERED, RECEIVED]
            .into_iter()
            .take(if same { 1 } else { 2 })
    }

    /// An attribute that is text; `None` if Envoy has none.
    pub(crate) fn text(self, attribute: u32) -> Option<Vec<u8>> {
        let mut value = EMPTY;
        let place = &raw mut value;
        // SAFETY: Envoy writes a buffer to a place of that size; its bytes live until this hook ends.
        unsafe { envoy::http_filter_get_attribute_string(self, attribute, place) }
            // SAFETY: as above.
            .then(|| unsafe { bytes(value) }.to_vec())
    }

    /// An attribute that is true or false.
    pub(crate) fn flag(self, attribute: u32) -> Option<bool> {
        let mut value = false;
        let place = &raw mut value;
        // SAFETY: Envoy writes a bool to a place of that size.
        unsafe { envoy::http_filter_get_attribute_bool(self, attribute, place) }.then_some(value)
    }

    /// Sets a value of the filter state. Returns false if it is set already: Envoy throws an exception then.
    pub(crate) fn set_state(self, name: &[u8], value: &[u8]) -> bool {
        let (name, value, mut held) = (buffer(name), buffer(value), EMPTY);
        let place = &raw mut held;
        // SAFETY: buffers of slices that outlive the calls, and a place for a buffer.
        unsafe {
            !envoy::http_get_filter_state_bytes(self, name, place)
                && envoy::http_set_filter_state_bytes(self, name, value)
        }
    }

    /// What other threads reach the request by.
    pub(crate) fn scheduler(self) -> Option<StreamScheduler> {
        // SAFETY: the stream is alive (see `abi.rs`).
        let place = unsafe { envoy::http_filter_scheduler_new(self) };
        NonNull::new(place).map(StreamScheduler)
    }
}

/// Schedules events of a request, from any thread.
pub(crate) struct StreamScheduler(NonNull<c_void>);

// SAFETY: the ABI allows it from any thread; it is used by one at a time, which holds it.
unsafe impl Send for StreamScheduler {}

impl StreamScheduler {
    /// Schedules an event; nothing happens when the request has ended.
    pub(crate) fn commit(&self, event: u64) {
        // SAFETY: the scheduler exists until it is dropped.
        unsafe {
            envoy::http_filter_scheduler_commit(self.0.as_ptr(), event);
        }
    }
}

impl Drop for StreamScheduler {
    fn drop(&mut self) {
        // SAFETY: it is not used afterwards.
        unsafe { envoy::http_filter_scheduler_delete(self.0.as_ptr()) }
    }
}

impl Config<'_> {
    /// Defines a counter or a gauge with these labels; gives its number.
    pub(crate) fn define(self, is_gauge: bool, name: &str, labels: &[&str]) -> Option<usize> {
        let mut labels: Vec<Buffer> = labels
            .iter()
            .map(|label| buffer(label.as_bytes()))
            .collect();
        let (place, size) = (labels.as_mut_ptr(), labels.len());
        let (name, mut number) = (buffer(name.as_bytes()), 0);
        let at = &raw mut number;
        // SAFETY: buffers that outlive the call, and a place for a number.
        let result = unsafe {
            if is_gauge {
                envoy::http_filter_config_define_gauge(self, name, place, size, at)
            } else {
                envoy::http_filter_config_define_counter(self, name, place, size, at)
            }
        };
        (result == OK).then_some(number)
    }

    /// Adds to a counter, or sets a gauge.
    pub(crate) fn write(
        self,
        is_gauge: bool,
        number: usize,
        labels: &[String],
        value: u64,
    ) -> bool {
        let mut labels: Vec<Buffer> = labels
            .iter()
            .map(|label| buffer(label.as_bytes()))
            .collect();
        let (place, size) = (labels.as_mut_ptr(), labels.len());
        // SAFETY: buffers that outlive the call.
        let result = unsafe {
            if is_gauge {
                envoy::http_filter_config_set_gauge(self, number, place, size, value)
            } else {
                envoy::http_filter_config_increment_counter(self, number, place, size, value)
            }
        };
        result == OK
    }

    /// Sends a request to a cluster; gives the number of the callout.
    pub(crate) fn call(
        self,
        cluster: &[u8],
        fields: &Fields,
        body: &[u8],
        timeout_millis: u32,
    ) -> Option<u64> {
        let mut headers = headers(fields);
        let mut callout = 0;
        // SAFETY: buffers that outlive the call, and a place for a number.
        let result = unsafe {
            envoy::http_filter_config_http_callout(
                self,
                &raw mut callout,
                buffer(cluster),
                headers.as_mut_ptr(),
                headers.len(),
                buffer(body),
                timeout_millis.into(),
            )
        };
        (result == OK).then_some(callout)
    }

    /// What other threads reach the main thread by.
    pub(crate) fn scheduler(self) -> Option<ConfigScheduler> {
        // SAFETY: the configuration is alive (see `abi.rs`).
        let place = unsafe { envoy::http_filter_config_scheduler_new(self) };
        NonNull::new(place).map(ConfigScheduler)
    }
}

/// Schedules events of a configuration on the main thread, from any thread.
pub(crate) struct ConfigScheduler(NonNull<c_void>);

// SAFETY: the ABI allows it from any thread, and it has no state that a call changes.
unsafe impl Send for ConfigScheduler {}
// SAFETY: as above.
unsafe impl Sync for ConfigScheduler {}

impl ConfigScheduler {
    /// Schedules an event; nothing happens when the configuration has ended.
    pub(crate) fn commit(&self, event: u64) {
        // SAFETY: the scheduler exists until it is dropped.
        unsafe {
            envoy::http_filter_config_scheduler_commit(self.0.as_ptr(), event);
        }
    }
}

impl Drop for ConfigScheduler {
    fn drop(&mut self) {
        // SAFETY: it is not used afterwards.
        unsafe { envoy::http_filter_config_scheduler_delete(self.0.as_ptr()) }
    }
}
