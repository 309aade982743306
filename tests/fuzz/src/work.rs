//! The work of a piece of code, counted: bytes that it allocates. Unlike time it is the same on
//! every machine.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[expect(
    unsafe_code,
    reason = "the interface of allocators; every call is handed on as it is"
)]
// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: usize) {
    // Threads that end allocate when the counter is gone already.
    let _ = BYTES.try_with(|total| total.set(total.get().wrapping_add(bytes)));
}

/// Does some work; fails when it allocates more than `most` bytes.
pub fn bounded<T>(most: usize, work: impl FnOnce() -> T) -> T {
    let before = BYTES.get();
    let result = work();
    let used = BYTES.get().wrapping_sub(before);
    assert!(
        used <= most,
        "{used} bytes were allocated, {most} are the limit"
    );
    result
}

/// Reads `input`; fails when that allocates more than a hundred times its size, and room for what
/// is always there.
pub fn linear<'a, T>(input: &'a [u8], work: impl FnOnce(&'a [u8]) -> T) -> T {
    bounded(64 * 1024 + 100 * input.len(), || work(input))
}
