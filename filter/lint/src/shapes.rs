//! What texts an expression can yield: constants with holes.

use cel_interpreter::IdedExpr;
use cel_interpreter::common::ast::{Expr, operators};

use super::expression::{Use, call, path, text};
use super::subject::Issuer;

/// More shapes than these are one that may be anything.
const MAX: usize = 64;
/// Variables in variables.
const MAX_DEPTH: usize = 16;

/// A text with holes: the constant parts between which anything may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape(Vec<String>);

impl Shape {
    /// May be any text.
    fn any() -> Self {
        Self(vec![String::new(), String::new()])
    }

    fn of(constant: &str) -> Self {
        Self(vec![constant.to_owned()])
    }

    /// Returns true if nothing is known of it.
    pub(crate) fn is_any(&self) -> bool {
        self.0.len() > 1 && self.0.iter().all(String::is_empty)
    }

    fn then(&self, other: &Self) -> Self {
        let mut parts = self.0.clone();
        let mut rest = other.0.iter();
        if let (Some(last), Some(first)) = (parts.last_mut(), rest.next()) {
            last.push_str(first);
        }
        parts.extend(rest.cloned());
        Self(parts)
    }

    /// Returns true if the text is of this shape; a hole may be empty.
    pub(crate) fn fits(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.0.as_slice() else {
            return self.0.first().is_some_and(|only| only == text);
        };
        let Some(rest) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else {
            return false;
        };
        for part in middle {
            let Some(at) = rest.find(part.as_str()) else {
                return false;
            };
            rest = rest.get(at + part.len()..).unwrap_or_default();
        }
        true
    }
}

/// As people read it: `gh/...`.
impl std::fmt::Display for Shape {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0.join("..."))
    }
}

/// The shapes of a text, or of the elements of a list.
pub(crate) fn of(issuer: &Issuer<'_>, node: &IdedExpr) -> Vec<Shape> {
    let shapes = shapes(issuer, node, MAX_DEPTH);
    if shapes.len() > MAX {
        vec![Shape::any()]
    } else {
        shapes
    }
}

fn shapes(issuer: &Issuer<'_>, node: &IdedExpr, depth: usize) -> Vec<Shape> {
    let any = || vec![Shape::any()];
    let Some(depth) = depth.checked_sub(1) else {
        return any();
    };
    if let Some(text) = text(node) {
        return vec![Shape::of(text)];
    }
    if let Some(["vars", name]) = path(node)
        .as_ref()
        .map(|path| path.iter().map(String::as_str).collect::<Vec<_>>())
        .as_deref()
    {
        let variables = issuer.variables.iter().zip(issuer.of(Use::Variable));
        let variable = variables.filter(|(known, _)| *known == name).last();
        return variable.map_or_else(any, |(_, written)| shapes(issuer, &written.tree, depth));
    }
    if let Expr::List(list) = &node.expr {
        let elements = list.elements.iter();
        return elements
            .flat_map(|element| shapes(issuer, element, depth))
            .collect();
    }
    match call(node) {
        Some((operators::ADD, arguments)) => sum(issuer, &arguments, depth),
        Some((operators::CONDITIONAL, arguments)) => {
            let chosen = arguments.iter().skip(1);
            chosen
                .flat_map(|chosen| shapes(issuer, chosen, depth))
                .collect()
        }
        _ => any(),
    }
}

/// Texts are joined, lists are added.
fn sum(issuer: &Issuer<'_>, arguments: &[&IdedExpr], depth: usize) -> Vec<Shape> {
    let [one, other] = arguments else {
        return vec![Shape::any()];
    };
    let (ones, others) = (shapes(issuer, one, depth), shapes(issuer, other, depth));
    if is_list(one, depth) || is_list(other, depth) {
        return [ones, others].concat();
    }
    if ones.len() * others.len() > MAX {
        return vec![Shape::any()];
    }
    let joined = ones
        .iter()
        .flat_map(|one| others.iter().map(|other| one.then(other)));
    joined.collect()
}

fn is_list(node: &IdedExpr, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    if matches!(node.expr, Expr::List(_) | Expr::Comprehension(_)) {
        return true;
    }
    match call(node) {
        Some((operators::ADD | operators::CONDITIONAL, arguments)) => {
            arguments.iter().any(|argument| is_list(argument, depth))
        }
        Some(("split", _)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_fits_a_shape_with_holes() {
        let shape = |parts: &[&str]| Shape(parts.iter().map(|part| (*part).to_owned()).collect());
        let rows = [
            (shape(&["a"]), "a", true),
            (shape(&["a"]), "ab", false),
            (shape(&["gh/", ""]), "gh/x", true),
            (shape(&["gh/", ""]), "gl/x", false),
            (shape(&["", ":", "/", "!"]), "a:b/c!", true),
            (shape(&["", ":", "/", "!"]), "a/b:c!", false),
            (shape(&["aa", "aa"]), "aaa", false),
        ];
        for (shape, text, fits) in rows {
            assert_eq!(shape.fits(text), fits, "{shape} {text}");
        }
    }
}
