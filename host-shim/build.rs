//! Makes what the program holds available to the compiler: the module that `REGISTRY_AUTH_EMBED`
//! names, and the page in the folder that `REGISTRY_AUTH_PLAYGROUND` names, as `cargo xtask build`
//! sets them; an empty module, and no page, otherwise.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

const MODULE: &str = "REGISTRY_AUTH_EMBED";
const PAGE: &str = "REGISTRY_AUTH_PLAYGROUND";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::var_os("OUT_DIR").ok_or("no OUT_DIR")?;
    let out = Path::new(&folder);
    println!("cargo::rerun-if-env-changed={MODULE}");
    let module = match env::var(MODULE) {
        Ok(file) => {
            println!("cargo::rerun-if-changed={file}");
            fs::read(&file).map_err(|error| format!("cannot read `{file}`: {error}"))?
        }
        Err(_) => Vec::new(),
    };
    fs::write(out.join("registry-auth.wasm"), module)?;
    println!("cargo::rerun-if-env-changed={PAGE}");
    let page = match env::var(PAGE) {
        Ok(folder) => {
            println!("cargo::rerun-if-changed={folder}");
            files(&folder).map_err(|error| format!("cannot read `{folder}`: {error}"))?
        }
        Err(_) => Vec::new(),
    };
    let mut code = String::from(
        "/// The files of the page; none in a binary that was built without them.\nconst EMBEDDED: &[(&str, &[u8])] = &[\n",
    );
    for (name, path) in page {
        writeln!(code, "    ({name:?}, include_bytes!({path:?})),")?;
    }
    code.push_str("];\n");
    fs::write(out.join("playground.rs"), code)?;
    Ok(())
}

/// The files of a folder, with their names.
fn files(folder: &str) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path().canonicalize()?.display().to_string();
        files.push((entry.file_name().to_string_lossy().into_owned(), path));
    }
    files.sort();
    Ok(files)
}
