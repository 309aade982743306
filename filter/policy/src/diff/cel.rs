//! The texts of expressions, as they are compared.

/// Returns an expression with runs of white space outside of its texts as one blank each.
///
/// Texts with escapes or of several lines are left as they are: two that differ by white space may
/// then be different, and never the other way round.
pub(super) fn normal(expression: &str) -> String {
    let trimmed = expression.trim();
    let is_plain = !["\\", "'''", "\"\"\"", "//"]
        .iter()
        .any(|special| trimmed.contains(special));
    if !is_plain {
        return trimmed.to_owned();
    }
    let mut normal = String::new();
    let mut quote = None;
    for char in trimmed.chars() {
        match quote {
            Some(open) if open == char => quote = None,
            None if char == '\'' || char == '"' => quote = Some(char),
            None if char.is_whitespace() => {
                if !normal.ends_with(' ') {
                    normal.push(' ');
                }
                continue;
            }
            _ => {}
        }
        normal.push(char);
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_outside_of_texts_makes_no_difference() {
        let rows = [
            (" a  ==\n 'b' ", "a == 'b'", true),
            ("a == 'b  c'", "a == 'b c'", false),
            ("a == \"b  c\"  ", "a == \"b  c\"", true),
            ("a == 'it\\'s  b'", "a == 'it\\'s b'", false),
            ("a=='b'", "a == 'b'", false),
            ("'\"  ' + a", "'\" ' + a", false),
            ("'''a  b'''", "'''a b'''", false),
        ];
        for (one, other, same) in rows {
            assert_eq!(normal(one) == normal(other), same, "{one} {other}");
        }
    }
}
