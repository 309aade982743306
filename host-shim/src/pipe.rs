//! Output that nobody reads to its end, as with `| head`.

use std::panic;
use std::process;

/// The exit status of a program that ends so, as of a shell: 128 and the number of SIGPIPE.
const BROKEN_PIPE: i32 = 141;

/// Ends the process without a word when what reads its standard output is gone. The standard library
/// panics then, with this text.
pub(crate) fn end_quietly() {
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let said = info.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to std") && said.contains("Broken pipe") {
            process::exit(BROKEN_PIPE);
        }
        default(info);
    }));
}
