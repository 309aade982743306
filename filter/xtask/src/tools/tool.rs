//! A program for tests and demo.

/// A program, where it comes from, and a call that shows that it starts.
pub(crate) struct Tool {
    pub(super) name: &'static str,
    pub(super) source: Source,
    pub(super) probe: [&'static str; 2],
}

/// Where a program comes from.
pub(super) enum Source {
    /// A virtual environment in its own folder, from a requirements file.
    NewEnvironment(&'static str, &'static str),
    /// A virtual environment in its own folder, with one wheel that needs no other.
    Wheel(&'static str, &'static str),
    /// Further wheels for an existing environment.
    Wheels(&'static str, &'static str),
    /// A Go command, built from source, and its version.
    Go(&'static str, &'static str),
    /// Its own folder with the packages of a lock file of npm.
    Npm(&'static str, &'static str),
    /// A program of this repository, with a lock file of its own: its folder.
    Crate(&'static str),
    /// Its own folder with packages of Debian and Ubuntu, in the version of the system, and their
    /// programs. Without apt there are none.
    Debian(
        &'static str,
        &'static [&'static str],
        &'static [&'static str],
    ),
}
