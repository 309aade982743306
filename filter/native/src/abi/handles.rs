//! What Envoy names its objects by.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// The filter of one request, as Envoy knows it. Stays on the thread of the request.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stream(NonNull<c_void>);

#[cfg(test)]
impl Stream {
    /// The stream of a request of the fake Envoy.
    pub(super) fn fake(place: *mut c_void) -> Self {
        Self(NonNull::new(place).unwrap_or(NonNull::dangling()))
    }

    /// Its address.
    pub(super) fn place(self) -> *mut c_void {
        self.0.as_ptr()
    }
}

/// A configuration, as Envoy knows it; for the time of a hook of the main thread.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct Config<'a>(NonNull<c_void>, PhantomData<&'a c_void>);

#[cfg(test)]
impl Config<'_> {
    /// A configuration of the fake Envoy.
    pub(super) fn fake() -> Self {
        Self(NonNull::dangling(), PhantomData)
    }
}
