//! An Envoy for tests, with the functions that the module calls: requests that are texts, and what came of them.
#![expect(
    unsafe_code,
    reason = "functions that are given addresses, as Envoy's are"
)]

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;

use super::handles::{Config, Stream};

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Buffer {
    pub(super) place: *const u8,
    pub(super) length: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Header {
    pub(super) name: Buffer,
    pub(super) value: Buffer,
}

/// A request, whose address is that of its stream.
#[derive(Default)]
pub(super) struct Request {
    pub(super) headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// What has come of its body now, and what is held.
    pub(super) body: Vec<u8>,
    pub(super) held: Vec<u8>,
    pub(super) status: u32,
    pub(super) reply: Vec<u8>,
    pub(super) reply_headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// Envoy has chosen a route by the headers.
    pub(super) is_routed: bool,
    pub(super) goes_on: bool,
}

thread_local! {
    /// How many schedulers exist.
    pub(super) static SCHEDULERS: Cell<isize> = const { Cell::new(0) };
    /// What was added to counters.
    pub(super) static ADDED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

const NONE: Buffer = Buffer {
    place: ptr::null(),
    length: 0,
};

fn shown(bytes: &[u8]) -> Buffer {
    Buffer {
        place: bytes.as_ptr(),
        length: bytes.len(),
    }
}

fn read(buffer: Buffer) -> Vec<u8> {
    // SAFETY: the module's buffers outlive the call.
    unsafe { super::calls::bytes(buffer) }.to_vec()
}

/// The request of a stream. One test has it at a time.
unsafe fn request<'a>(stream: Stream) -> &'a mut Request {
    // SAFETY: tests make streams of the addresses of requests, which outlive them.
    unsafe { &mut *stream.place().cast::<Request>() }
}

pub(super) unsafe fn log(_: u32, message: Buffer) {
    read(message);
}

pub(super) fn is_validation_mode() -> bool {
    true
}

pub(super) unsafe fn http_get_headers_size(stream: Stream, _: u32) -> usize {
    unsafe { request(stream) }.headers.len()
}

pub(super) unsafe fn http_get_headers(stream: Stream, _: u32, headers: *mut Header) -> bool {
    for (index, (name, value)) in unsafe { request(stream) }.headers.iter().enumerate() {
        let header = Header {
            name: shown(name),
            value: shown(value),
        };
        // SAFETY: there are as many places as the module asked for.
        unsafe { headers.add(index).write(header) };
    }
    true
}

pub(super) unsafe fn http_set_header(stream: Stream, _: u32, name: Buffer, value: Buffer) -> bool {
    let is_removed = value.place.is_null();
    let (name, value) = (read(name), read(value));
    let headers = &mut unsafe { request(stream) }.headers;
    headers.retain(|(held, _)| *held != name);
    if !is_removed {
        headers.push((name, value));
    }
    true
}

pub(super) unsafe fn http_add_header(stream: Stream, _: u32, name: Buffer, value: Buffer) -> bool {
    unsafe { request(stream) }
        .headers
        .push((read(name), read(value)));
    true
}

pub(super) unsafe fn http_clear_route_cache(stream: Stream) {
    unsafe { request(stream) }.is_routed = false;
}

pub(super) unsafe fn http_send_response(
    stream: Stream,
    status: u32,
    headers: *mut Header,
    headers_size: usize,
    body: Buffer,
    _: Buffer,
) {
    let request = unsafe { request(stream) };
    assert_eq!(request.status, 0, "a second reply");
    (request.status, request.reply) = (status, read(body));
    for index in 0..headers_size {
        // SAFETY: there are as many as the module says.
        let header = unsafe { headers.add(index).read() };
        let (name, value) = (read(header.name), read(header.value));
        request.reply_headers.push((name, value));
    }
}

pub(super) unsafe fn http_filter_continue_decoding(stream: Stream) {
    unsafe { request(stream) }.goes_on = true;
}

unsafe fn body<'a>(stream: Stream, body: u32) -> &'a [u8] {
    let request = unsafe { request(stream) };
    if body == 0 {
        &request.body
    } else {
        &request.held
    }
}

pub(super) unsafe fn http_get_body_size(stream: Stream, kind: u32) -> usize {
    unsafe { body(stream, kind) }.len()
}

pub(super) unsafe fn http_get_body_chunks_size(stream: Stream, kind: u32) -> usize {
    unsafe { body(stream, kind) }.chunks(3).count()
}

pub(super) unsafe fn http_get_body_chunks(stream: Stream, kind: u32, chunks: *mut Buffer) -> bool {
    for (index, chunk) in unsafe { body(stream, kind) }.chunks(3).enumerate() {
        // SAFETY: there are as many places as the module asked for.
        unsafe { chunks.add(index).write(shown(chunk)) };
    }
    true
}

pub(super) unsafe fn http_received_buffered_request_body(_: Stream) -> bool {
    false
}

pub(super) unsafe fn http_filter_get_attribute_string(
    _: Stream,
    id: u32,
    value: *mut Buffer,
) -> bool {
    let address = id == 24;
    let found = if address {
        shown(b"192.0.2.1:1234")
    } else {
        NONE
    };
    // SAFETY: a place of the module's.
    unsafe { value.write(found) };
    address
}

pub(super) unsafe fn http_filter_get_attribute_bool(_: Stream, _: u32, _: *mut bool) -> bool {
    false
}

pub(super) unsafe fn http_set_filter_state_bytes(_: Stream, _: Buffer, _: Buffer) -> bool {
    true
}

pub(super) unsafe fn http_get_filter_state_bytes(_: Stream, _: Buffer, _: *mut Buffer) -> bool {
    false
}

pub(super) unsafe fn http_filter_scheduler_new(_: Stream) -> *mut c_void {
    SCHEDULERS.set(SCHEDULERS.get() + 1);
    ptr::dangling_mut()
}

pub(super) unsafe fn http_filter_scheduler_commit(_: *mut c_void, _: u64) {}

pub(super) unsafe fn http_filter_scheduler_delete(_: *mut c_void) {
    SCHEDULERS.set(SCHEDULERS.get() - 1);
}

pub(super) unsafe fn http_filter_config_scheduler_new(_: Config<'_>) -> *mut c_void {
    ptr::null_mut()
}

pub(super) unsafe fn http_filter_config_scheduler_commit(_: *mut c_void, _: u64) {}

pub(super) unsafe fn http_filter_config_scheduler_delete(_: *mut c_void) {}

pub(super) unsafe fn http_filter_config_http_callout(
    _: Config<'_>,
    _: *mut u64,
    _: Buffer,
    _: *mut Header,
    _: usize,
    _: Buffer,
    _: u64,
) -> u32 {
    2
}

pub(super) unsafe fn http_filter_config_define_counter(
    _: Config<'_>,
    _: Buffer,
    _: *mut Buffer,
    _: usize,
    number: *mut usize,
) -> u32 {
    // SAFETY: a place of the module's.
    unsafe { number.write(1) };
    0
}

pub(super) unsafe fn http_filter_config_define_gauge(
    config: Config<'_>,
    name: Buffer,
    labels: *mut Buffer,
    labels_size: usize,
    number: *mut usize,
) -> u32 {
    unsafe { http_filter_config_define_counter(config, name, labels, labels_size, number) }
}

pub(super) unsafe fn http_filter_config_increment_counter(
    _: Config<'_>,
    _: usize,
    _: *mut Buffer,
    _: usize,
    more: u64,
) -> u32 {
    ADDED.with_borrow_mut(|added| added.push(more));
    0
}

pub(super) unsafe fn http_filter_config_set_gauge(
    _: Config<'_>,
    _: usize,
    _: *mut Buffer,
    _: usize,
    _: u64,
) -> u32 {
    0
}
