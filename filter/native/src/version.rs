//! Which Envoy this is. The ABI does not say it, and Envoy loads a module that was made for another one.
//!
//! Each minor version of Envoy adds functions to the ABI: their number in the symbol table of the program identifies it. One that
//! lacks a function that is called does not come here: the dynamic linker refuses the module, and names the function.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use log::error;

/// Major and minor version of the Envoy that the module is made for.
pub(crate) const SUPPORTED: (u8, u8) = (1, 40);
/// How many functions its ABI has.
const FUNCTIONS: usize = 781;
const PREFIX: &[u8] = b"envoy_dynamic_module_callback_";
/// The program of this process.
const PROGRAM: &str = "/proc/self/exe";

/// Returns true if this is the Envoy that the module is made for; the log says what it is otherwise.
pub(crate) fn is_supported() -> bool {
    let (major, minor) = SUPPORTED;
    let found = match File::open(PROGRAM).ok().and_then(|file| functions(&file)) {
        Some(FUNCTIONS) => return true,
        Some(found) => format!("has {found} functions"),
        None => format!("cannot be read ({PROGRAM})"),
    };
    error!(
        "the native module is made for Envoy {major}.{minor}, whose ABI of dynamic modules has {FUNCTIONS} functions; that of this one {found}: take Envoy {major}.{minor}, or the WebAssembly module"
    );
    false
}

/// A section of an ELF file: its type, its place, and the section that it belongs to.
struct Section {
    kind: u32,
    offset: u64,
    size: u64,
    link: usize,
}

/// Counts the functions of the ABI that a program has; `None` if the file is no ELF program of this machine's kind.
fn functions(file: &File) -> Option<usize> {
    /// `SHT_DYNSYM`.
    const SYMBOLS: u32 = 11;
    const SYMBOL: usize = 24;
    let sections = sections(file)?;
    let symbols = sections.iter().find(|section| section.kind == SYMBOLS)?;
    let names = content(file, sections.get(symbols.link)?)?;
    let symbols = content(file, symbols)?;
    let is_function = |symbol: &&[u8]| {
        // A name, four bytes behind it the section: none if it is only used.
        let name = number(symbol, 0, 4).and_then(|place| names.get(usize::try_from(place).ok()?..));
        let is_there = number(symbol, 6, 2).is_some_and(|section| section != 0);
        is_there && name.is_some_and(|name| name.starts_with(PREFIX))
    };
    Some(symbols.chunks_exact(SYMBOL).filter(is_function).count())
}

/// The sections of an ELF file of 64 bits, little-endian.
fn sections(file: &File) -> Option<Vec<Section>> {
    const HEADER: u64 = 64;
    const MAGIC: &[u8] = b"\x7fELF\x02\x01";
    let header = read(file, 0, HEADER)?;
    if !header.starts_with(MAGIC) {
        return None;
    }
    let (offset, size, count) = (
        number(&header, 40, 8)?,
        number(&header, 58, 2)?,
        number(&header, 60, 2)?,
    );
    let size = usize::try_from(size).ok().filter(|size| *size > 0)?;
    let table = read(file, offset, count.checked_mul(size as u64)?)?;
    let section = |entry: &[u8]| {
        Some(Section {
            kind: u32::try_from(number(entry, 4, 4)?).ok()?,
            offset: number(entry, 24, 8)?,
            size: number(entry, 32, 8)?,
            link: usize::try_from(number(entry, 40, 4)?).ok()?,
        })
    };
    table.chunks_exact(size).map(section).collect()
}

fn content(file: &File, section: &Section) -> Option<Vec<u8>> {
    read(file, section.offset, section.size)
}

fn read(file: &File, offset: u64, size: u64) -> Option<Vec<u8>> {
    /// Larger than all that is read.
    const LARGEST: u64 = 16 * 1024 * 1024;
    let size = usize::try_from(size.min(LARGEST)).ok()?;
    let mut bytes = vec![0; size];
    file.read_exact_at(&mut bytes, offset).ok()?;
    Some(bytes)
}

/// A number of this many bytes, little-endian.
fn number(bytes: &[u8], offset: usize, size: usize) -> Option<u64> {
    let bytes = bytes.get(offset..offset.checked_add(size)?)?;
    let digit = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    Some(bytes.iter().rev().fold(0, digit))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_functions_of_a_program_are_counted() {
        // This program has those that its tests define, and uses no others.
        let file = File::open(PROGRAM).unwrap();
        assert!(sections(&file).is_some());
        assert!(functions(&file).is_some_and(|count| count < FUNCTIONS));
    }

    #[test]
    fn a_file_that_is_no_program_has_none() {
        let path = std::env::temp_dir().join(format!("registry-auth-elf-{}", std::process::id()));
        for content in [&b""[..], b"text", &[0x7f; 100], b"\x7fELF\x02\x01"] {
            File::create(&path).unwrap().write_all(content).unwrap();
            assert_eq!(functions(&File::open(&path).unwrap()), None);
        }
        std::fs::remove_file(path).unwrap();
    }
}
