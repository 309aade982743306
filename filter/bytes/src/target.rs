//! The request target, read once: where its parts are, and whether another parser could read it
//! differently.

/// A target of visible ASCII. Its path begins with a slash and is unambiguous: no empty, `.` or
/// `..` segment, nothing that some proxy, registry or file system treats as a separator.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Without its query.
    pub path: &'a str,
    /// Without its question mark; empty when there is none.
    pub query: &'a str,
    /// Where the last slash of the path is, and the one before it; both 0 if there is one only.
    slashes: (usize, usize),
}

/// What a byte is in a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Slash,
    Dot,
    Question,
    /// Not visible ASCII, or ambiguous: a fragment, a parameter of a segment, the slash of another
    /// system.
    Refused,
}

impl<'a> Target<'a> {
    /// Reads a raw `:path`; `None` for everything else.
    #[must_use]
    pub fn read(target: &'a [u8]) -> Option<Self> {
        let (mut slashes, mut dotted, mut before) = ((0, 0), false, Kind::Plain);
        let mut end = target.len();
        for (index, byte) in target.iter().enumerate() {
            let kind = kind(*byte);
            match kind {
                Kind::Plain => {}
                Kind::Slash if before == Kind::Slash => return None,
                Kind::Slash => slashes = (index, slashes.0),
                Kind::Dot => dotted |= before == Kind::Slash,
                Kind::Question => {
                    end = index;
                    break;
                }
                Kind::Refused => return None,
            }
            before = kind;
        }
        let target = std::str::from_utf8(target).ok()?;
        let (path, query) = target.split_at_checked(end)?;
        let query = query.strip_prefix('?').unwrap_or_default();
        let is_dots = |segment| segment == "." || segment == "..";
        if !path.starts_with('/')
            || (dotted && path.split('/').any(is_dots))
            || !query
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'#')
        {
            return None;
        }
        Some(Self {
            path,
            query,
            slashes,
        })
    }

    /// Splits the path after its first `skipped` bytes into (prefix, second-last, last) segment;
    /// `None` if the path is too short.
    #[must_use]
    pub fn last_two(&self, skipped: usize) -> Option<(&'a str, &'a str, &'a str)> {
        let (last, before) = self.slashes;
        let name = self.path.get(skipped..before)?;
        Some((
            name,
            self.path.get(before + 1..last)?,
            self.path.get(last + 1..)?,
        ))
    }
}

/// One lookup instead of ten comparisons: there are hundreds of bytes in a path.
fn kind(byte: u8) -> Kind {
    KINDS
        .get(usize::from(byte))
        .copied()
        .unwrap_or(Kind::Refused)
}

const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Refused; 256];
    let mut byte = 0;
    while byte < 256_usize {
        #[expect(
            clippy::indexing_slicing,
            clippy::cast_possible_truncation,
            reason = "less than 256"
        )]
        {
            kinds[byte] = match byte as u8 {
                b'/' => Kind::Slash,
                b'.' => Kind::Dot,
                b'?' => Kind::Question,
                b'\\' | b';' | b'#' => Kind::Refused,
                byte if byte.is_ascii_graphic() => Kind::Plain,
                _ => Kind::Refused,
            };
        }
        byte += 1;
    }
    kinds
};
