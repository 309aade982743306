//! Makes the module available to `include_bytes!`: the file that `REGISTRY_AUTH_EMBED` names, as
//! `cargo xtask build` sets it, or an empty one.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

const VARIABLE: &str = "REGISTRY_AUTH_EMBED";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let module = match env::var(VARIABLE) {
        Ok(file) => {
            println!("cargo::rerun-if-changed={file}");
            fs::read(&file).map_err(|error| format!("cannot read `{file}`: {error}"))?
        }
        Err(_) => Vec::new(),
    };
    let folder = env::var_os("OUT_DIR").ok_or("no OUT_DIR")?;
    fs::write(Path::new(&folder).join("registry-auth.wasm"), module)?;
    Ok(())
}
