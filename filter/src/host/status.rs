//! How a host call failed, by the numbers of proxy-wasm (`proxy_status_t`), which the host of a program uses too.

/// The status of a host call that failed: any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status(u32);

impl Status {
    #[cfg(target_arch = "wasm32")]
    const OK: u32 = 0;
    /// There is no such thing.
    pub(super) const NOT_FOUND: Self = Self(1);
    /// The host says that a value is where it is not.
    #[cfg(target_arch = "wasm32")]
    pub(super) const INVALID_MEMORY_ACCESS: Self = Self(6);
    /// Another value is there.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) const CAS_MISMATCH: Self = Self(8);
    /// The host cannot do it now, or there is no host; or a call of WASI failed, whose numbers are others.
    pub(super) const INTERNAL_FAILURE: Self = Self(10);
    /// The host has no such call, or this library was built without it.
    pub(super) const UNIMPLEMENTED: Self = Self(12);

    /// Reads what a host call returns.
    ///
    /// # Errors
    /// Every other number than that of success.
    #[cfg(target_arch = "wasm32")]
    pub(super) const fn check(status: u32) -> HostResult<()> {
        if status == Self::OK {
            Ok(())
        } else {
            Err(Self(status))
        }
    }
}

/// What a host call returns.
pub(super) type HostResult<T> = Result<T, Status>;
