//! Memory that the host asks for, to hand over a value: ours until the host call ends, then the
//! value's.

use std::cell::RefCell;
use std::ptr;

/// Zeros that a buffer is filled with, piece by piece: filling it byte by byte is slow. Most heads are
/// one piece. They take no bytes of the module.
const BLANK: [u8; 4096] = [0; 4096];

thread_local! {
    static LENT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Returns a buffer of `size` bytes for the host to write to before its call ends; null if memory
/// is exhausted.
pub(crate) fn lend(size: usize) -> *mut u8 {
    let mut bytes = Vec::new();
    if bytes.try_reserve_exact(size).is_err() {
        return ptr::null_mut();
    }
    while bytes.len() < size {
        bytes.extend_from_slice(BLANK.get(..size - bytes.len()).unwrap_or(&BLANK));
    }
    let place = bytes.as_mut_ptr();
    LENT.with_borrow_mut(|lent| lent.push(bytes));
    place
}

/// Takes back what was lent during a host call, and gives the value that the host says is there.
/// `None` if it was not lent, or is shorter than that. No bytes are a value, wherever they are.
pub(super) fn take_back(place: *const u8, size: usize) -> Option<Vec<u8>> {
    LENT.with_borrow_mut(|lent| {
        let index = lent.iter().position(|bytes| ptr::eq(bytes.as_ptr(), place));
        let value = index.map(|index| lent.swap_remove(index));
        lent.clear();
        if size == 0 {
            return Some(Vec::new());
        }
        let mut value = value.filter(|value| size <= value.len())?;
        value.truncate(size);
        Some(value)
    })
}
