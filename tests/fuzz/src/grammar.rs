//! The OCI grammar by its letter, read another way than the engine does.

/// Returns true if a text is a repository name.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let inside =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    let component = |text: &str| {
        let word = |end: Option<char>| end.is_some_and(char::is_alphanumeric);
        let pairs = text.as_bytes().windows(2);
        let mixed = pairs
            .filter(|pair| pair.iter().all(|byte| b"._-".contains(byte)))
            .any(|pair| pair[0] != pair[1]);
        text.bytes().all(inside)
            && word(text.chars().next())
            && word(text.chars().next_back())
            && !mixed
    };
    name.len() <= 255
        && name.split('/').all(component)
        && !name.contains("..")
        && !name.contains("___")
}

/// Returns true if a text is a tag or a digest, which a registry may use in its own paths.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-:+=".contains(&byte))
}
