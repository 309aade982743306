//! Bounds on the text and on the tree, so that neither parser nor evaluation can run out of a 1 MiB
//! stack.

use cel_interpreter::IdedExpr;
use cel_interpreter::common::ast::Expr;

use super::error::CompileError;
use super::limits::{MAX_BRACKETS, MAX_CHAIN, MAX_DEPTH, MAX_LOOPS, MAX_SOURCE};
use super::syntax::children;

/// Bounds the text in one pass, before the parser sees it.
pub(super) fn check_source(source: &str) -> Result<(), CompileError> {
    if source.len() > MAX_SOURCE {
        return Err(CompileError::TooLong);
    }
    let mut scan = Scan {
        levels: Vec::new(),
        current: Level::default(),
        outer: 0,
    };
    let mut rest = source.as_bytes();
    let mut raw = false;
    while let Some((&byte, tail)) = rest.split_first() {
        match byte {
            b'\'' | b'"' => {
                rest = after_string(rest, byte, raw);
                raw = false;
                continue;
            }
            b'`' => {
                rest = after(tail, |text| text.starts_with(b"`"), 1);
                continue;
            }
            b'/' if tail.starts_with(b"/") => {
                rest = after(tail, |text| text.starts_with(b"\n"), 1);
                continue;
            }
            _ => scan.read(byte, tail)?,
        }
        // A literal's prefix is one or two of r, R, b, B; taking any r before a quote for one only
        // counts more.
        raw = matches!(byte, b'r' | b'R') || (raw && matches!(byte, b'b' | b'B'));
        rest = tail;
    }
    Ok(())
}

/// Bounds the tree, without recursion.
pub(super) fn check_tree(tree: &IdedExpr) -> Result<(), CompileError> {
    let mut open = vec![(tree, 1)];
    while let Some((node, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return Err(CompileError::TooDeep);
        }
        children(node, &mut |child| open.push((child, depth + 1)));
    }
    Ok(())
}

/// Bounds loops in loops, of which each multiplies the work. [`super::budget`] bounds what the
/// claims make of it.
pub(super) fn check_loops(tree: &IdedExpr) -> Result<(), CompileError> {
    let mut open = vec![(tree, 0)];
    while let Some((node, outer)) = open.pop() {
        let loops = match &node.expr {
            // A loop over nothing only binds a name.
            Expr::Comprehension(found) if !matches!(&found.iter_range.expr, Expr::List(list) if list.elements.is_empty()) => {
                outer + 1
            }
            _ => outer,
        };
        if loops > MAX_LOOPS {
            return Err(CompileError::TooManyLoops);
        }
        children(node, &mut |child| open.push((child, loops)));
    }
    Ok(())
}

#[derive(Clone, Copy, Default)]
struct Level {
    /// Links since the last `&&`, `||` or comma: those three do not deepen a chain, the parser
    /// balances them.
    links: usize,
    /// `?`, which `&&` and `||` do not end.
    conditionals: usize,
}

struct Scan {
    levels: Vec<Level>,
    current: Level,
    outer: usize,
}

impl Scan {
    fn read(&mut self, byte: u8, tail: &[u8]) -> Result<(), CompileError> {
        match byte {
            b'(' | b'[' | b'{' => {
                self.current.links += 1;
                self.outer += self.current.links + self.current.conditionals;
                self.levels.push(std::mem::take(&mut self.current));
            }
            b')' | b']' | b'}' => {
                if let Some(level) = self.levels.pop() {
                    self.current = level;
                    self.outer -= level.links + level.conditionals;
                }
            }
            b',' => self.current = Level::default(),
            b'&' | b'|' => self.current.links = 0,
            b'?' => self.current.conditionals += 1,
            b'.' | b'+' | b'-' | b'*' | b'/' | b'%' | b'!' | b'<' | b'>' => self.current.links += 1,
            b'=' if !tail.starts_with(b"=") => self.current.links += 1,
            // The operator `in`; counting other words that end like it does no harm.
            b'n' if tail
                .first()
                .is_some_and(|next| !next.is_ascii_alphanumeric()) =>
            {
                self.current.links += 1;
            }
            _ => {}
        }
        if self.levels.len() > MAX_BRACKETS
            || self.outer + self.current.links + self.current.conditionals > MAX_CHAIN
        {
            return Err(CompileError::TooDeep);
        }
        Ok(())
    }
}

/// What follows the string literal at the start of `text`; nothing when it does not end.
fn after_string(text: &[u8], quote: u8, raw: bool) -> &[u8] {
    let triple = [quote; 3];
    let end: &[u8] = if text.starts_with(&triple) {
        &triple
    } else {
        triple.get(..1).unwrap_or_default()
    };
    let mut rest = text.get(end.len()..).unwrap_or_default();
    while let Some((&byte, tail)) = rest.split_first() {
        if rest.starts_with(end) {
            return rest.get(end.len()..).unwrap_or_default();
        }
        let escaped = byte == b'\\' && !raw;
        rest = if escaped {
            tail.get(1..).unwrap_or_default()
        } else {
            tail
        };
    }
    rest
}

fn after(mut text: &[u8], ends: impl Fn(&[u8]) -> bool, length: usize) -> &[u8] {
    while !text.is_empty() && !ends(text) {
        text = text.get(1..).unwrap_or_default();
    }
    text.get(length..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expression, Scope};

    #[test]
    fn text_that_nests_too_deep_never_reaches_the_parser() {
        let rows = [
            ("(".repeat(32) + "1" + &")".repeat(32), true),
            ("(".repeat(33) + "1" + &")".repeat(33), false),
            ("claims".to_owned() + &".a".repeat(64), true),
            ("claims".to_owned() + &".a".repeat(65), false),
            ("1".to_owned() + &" + 1".repeat(64), true),
            ("1".to_owned() + &" + 1".repeat(65), false),
            ("!".repeat(65) + "true", false),
            ("-".repeat(65) + "1", false),
            ("true ? 1 : ".repeat(65) + "1", false),
            ("true && false ? 1 : ".repeat(65) + "1", false),
            ("1".to_owned() + &" in [1]".repeat(70), false),
            ("[".repeat(33), false),
            ("'".to_owned() + &"(".repeat(900) + "'", true),
            ("r'\\' + ".to_owned() + &"(".repeat(33), false),
            ("'''it's (((( '''".to_owned() + " + '\\'((('", true),
            ("')))' + ".to_owned() + &"(".repeat(33), false),
            (
                "claims.a == 1".to_owned() + &" || claims.a == 2".repeat(200),
                true,
            ),
            ("[1".to_owned() + &", 1 + 1".repeat(400) + "]", true),
            ("// ((((\n".repeat(40) + "1", true),
            (" ".repeat(4097), false),
        ];
        for (source, accepted) in rows {
            assert_eq!(check_source(&source).is_ok(), accepted, "{source}");
        }
    }

    /// The largest sources that the limits let through, on the stack of a wasm module.
    #[test]
    fn what_is_accepted_fits_a_small_stack() {
        let sources = [
            "(".repeat(32) + "claims.a" + &")".repeat(32),
            "claims".to_owned() + &".a".repeat(64),
            "1".to_owned() + &" + 1".repeat(64),
            "!".repeat(63) + "claims.b",
            "true ? 1 : ".repeat(63) + "1",
            "claims.list.map(x, ".repeat(4) + "x" + &")".repeat(4),
            "claims.list.exists(x, ".repeat(4) + "true" + &")".repeat(4),
            "string(claims.a)".to_owned() + &".trim()".repeat(30),
            "string(claims.a) in [".repeat(15) + "'1'" + &"]".repeat(15),
            "claims.list[int(".repeat(15) + "'0'" + &")]".repeat(15),
            "dyn([".repeat(16) + "1" + &"])".repeat(16),
            "claims.b".to_owned() + &" || claims.b".repeat(330),
            "[".repeat(32) + &"]".repeat(32),
            "{1:".repeat(31) + "1" + &"}".repeat(31),
            "claims.?a".to_owned() + &".optMap(x, x)".repeat(25),
            "claims.?a.optMap(x, ".repeat(31) + "1" + &")".repeat(31),
            "string(".repeat(31) + "1" + &")".repeat(31),
        ];
        let run = move || {
            let claims = crate::Document::from_claims(
                serde_json::json!({"a": 1, "b": false, "list": [1]})
                    .as_object()
                    .unwrap(),
            );
            let mut accepted = 0;
            for source in &sources {
                if let Ok(expression) = Expression::compile(source, Scope::Claims) {
                    accepted += 1;
                    let mut bindings = crate::Bindings::claims(&claims);
                    let _ = bindings.define("x", &expression);
                }
            }
            accepted
        };
        // Frames of an unoptimised build are some ten times larger than those of the module.
        let stack = if cfg!(debug_assertions) {
            10 << 20
        } else {
            1 << 20
        };
        let accepted = std::thread::Builder::new()
            .stack_size(stack)
            .spawn(run)
            .unwrap()
            .join()
            .unwrap();
        assert_eq!(accepted, 15);
    }
}
