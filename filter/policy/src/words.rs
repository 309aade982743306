//! What the words of a client mean as requests: `push team/app:v1`, or `PUT /v2/team/app/manifests/v1`.

use std::fmt;

/// The digest in requests for a blob, which stands for any.
pub(crate) const DIGEST: &str =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// The id in requests of an upload.
const UPLOAD: &str = "upload";
/// The tag of an image that names none.
const LATEST: &str = "latest";
const VERBS: &str = "pull, push, overwrite, delete, mount, list or catalog";
const METHODS: [&str; 7] = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"];

/// What somebody wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The words.
    pub words: String,
    /// The requests of a client that does it, in order.
    pub requests: Vec<Asked>,
    /// Whether the tag that is pushed exists, if the words say so.
    pub tag_exists: Option<bool>,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
}

/// Words that mean nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// The first word is no verb and no method.
    #[error(
        "`{0}` is nothing that a client does: write {VERBS} and an image, or a request such as `GET /v2/team/app/tags/list`"
    )]
    Verb(String),
    /// The words behind the verb are missing, or too many.
    #[error("`{verb}` needs {needs}, such as `{example}`")]
    Image {
        /// The verb.
        verb: &'static str,
        /// What has to follow.
        needs: &'static str,
        /// How it is written.
        example: &'static str,
    },
    /// A request without a path.
    #[error("the path of a request begins with `/`, and nothing follows it: `{0}`")]
    Path(String),
}

impl fmt::Display for Asked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)
    }
}

impl Wish {
    /// Reads words.
    ///
    /// # Errors
    /// They mean nothing.
    pub fn read(words: &str) -> Result<Self, WordsError> {
        let parts: Vec<_> = words.split_whitespace().collect();
        let (verb, rest) = match parts.as_slice() {
            [] => return Err(WordsError::Verb(String::new())),
            [verb, rest @ ..] => (*verb, rest),
        };
        let wish = |requests, tag_exists| Self {
            words: parts.join(" "),
            requests,
            tag_exists,
        };
        if METHODS.contains(&verb) {
            return match rest {
                [path] if path.starts_with('/') => Ok(wish(vec![asked(verb, path)], None)),
                _ => Err(WordsError::Path(words.to_owned())),
            };
        }
        let one = |verb, example| match rest {
            [image] => Ok(Image::read(image)),
            _ => Err(WordsError::Image {
                verb,
                needs: "an image",
                example,
            }),
        };
        Ok(match verb {
            "pull" => wish(one("pull", "pull team/app:v1")?.pull(), None),
            "push" => wish(one("push", "push team/app:v1")?.push(), None),
            "overwrite" => {
                let image = one("overwrite", "overwrite team/app:v1")?;
                wish(image.push(), Some(true))
            }
            "delete" => {
                let image = one("delete", "delete team/app:v1")?;
                wish(vec![asked("DELETE", &image.manifest())], None)
            }
            "list" => {
                let image = one("list", "list team/app")?;
                let path = format!("/v2/{}/tags/list", image.repository);
                wish(vec![asked("GET", &path)], None)
            }
            "mount" => match rest {
                [target, "from", source] => {
                    let [target, source] =
                        [target, source].map(|image| Image::read(image).repository);
                    let path = format!("/v2/{target}/blobs/uploads/?mount={DIGEST}&from={source}");
                    wish(vec![asked("POST", &path)], None)
                }
                _ => {
                    return Err(WordsError::Image {
                        verb: "mount",
                        needs: "two repositories",
                        example: "mount team/app from team/base",
                    });
                }
            },
            "catalog" if rest.is_empty() => wish(vec![asked("GET", "/v2/_catalog")], None),
            other => return Err(WordsError::Verb(other.to_owned())),
        })
    }
}

impl Wish {
    /// The repository that the words name, if they are a verb and an image.
    #[must_use]
    pub fn repository(&self) -> Option<String> {
        self.image().map(|(_, image)| image.repository)
    }

    /// The same with another tag, in short words. None if the words name no image, or have no use
    /// for a tag.
    #[must_use]
    pub fn with_tag(&self, tag: &str) -> Option<Self> {
        let (verb, image) = self.image().filter(|(verb, _)| *verb != "list")?;
        Self::read(&format!("{verb} {}:{tag}", image.repository)).ok()
    }

    /// The same with another verb, in short words.
    #[must_use]
    pub fn with_verb(&self, verb: &str) -> Option<Self> {
        let (_, image) = self.image()?;
        let name = image.name(verb);
        Self::read(&format!("{verb} {name}")).ok()
    }

    /// The same in another repository, in short words.
    #[must_use]
    pub fn with_repository(&self, repository: &str) -> Option<Self> {
        let (verb, image) = self.image()?;
        let repository = repository.to_owned();
        let name = Image {
            repository,
            ..image
        }
        .name(verb);
        Self::read(&format!("{verb} {name}")).ok()
    }

    /// The verb and the image of the words.
    #[must_use]
    pub fn verb(&self) -> Option<&str> {
        self.image().map(|(verb, _)| verb)
    }

    fn image(&self) -> Option<(&str, Image)> {
        let (verb, name) = self.words.split_once(' ')?;
        let is_image = !METHODS.contains(&verb) && !name.contains(' ');
        is_image.then(|| (verb, Image::read(name)))
    }
}

/// A name such as `registry.example.com/team/app:v1`.
struct Image {
    repository: String,
    reference: String,
}

impl Image {
    /// Reads a name as docker does: the first component is a host if it has a dot or a port.
    fn read(name: &str) -> Self {
        let name = match name.split_once('/') {
            Some((host, rest)) if host == "localhost" || host.contains(['.', ':']) => rest,
            _ => name,
        };
        let (repository, reference) = match name.split_once('@') {
            Some((repository, digest)) => (without_tag(repository), digest),
            None => match name.rsplit_once(':') {
                Some((repository, tag)) if !tag.contains('/') => (repository, tag),
                _ => (name, LATEST),
            },
        };
        Self {
            repository: repository.to_owned(),
            reference: reference.to_owned(),
        }
    }

    /// The name behind a verb.
    fn name(&self, verb: &str) -> String {
        let between = if self.reference.contains(':') {
            '@'
        } else {
            ':'
        };
        match verb {
            "list" => self.repository.clone(),
            _ => format!("{}{between}{}", self.repository, self.reference),
        }
    }

    fn manifest(&self) -> String {
        format!("/v2/{}/manifests/{}", self.repository, self.reference)
    }

    fn pull(&self) -> Vec<Asked> {
        let (manifest, repository) = (self.manifest(), &self.repository);
        vec![
            asked("HEAD", &manifest),
            asked("GET", &manifest),
            asked("GET", &format!("/v2/{repository}/blobs/{DIGEST}")),
        ]
    }

    fn push(&self) -> Vec<Asked> {
        let (manifest, repository) = (self.manifest(), &self.repository);
        let uploads = format!("/v2/{repository}/blobs/uploads/");
        vec![
            asked("HEAD", &format!("/v2/{repository}/blobs/{DIGEST}")),
            asked("POST", &uploads),
            asked("PATCH", &format!("{uploads}{UPLOAD}")),
            asked("PUT", &format!("{uploads}{UPLOAD}?digest={DIGEST}")),
            asked("PUT", &manifest),
        ]
    }
}

/// A tag in front of a digest means nothing.
fn without_tag(repository: &str) -> &str {
    match repository.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => repository,
    }
}

fn asked(method: &str, path: &str) -> Asked {
    Asked {
        method: method.to_owned(),
        path: path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_requests_of_a_client() {
        let rows: [(&str, &[&str], Option<bool>); 11] = [
            (
                "pull team/app:v1",
                &[
                    "HEAD /v2/team/app/manifests/v1",
                    "GET /v2/team/app/manifests/v1",
                    "GET /v2/team/app/blobs/DIGEST",
                ],
                None,
            ),
            (
                "push  registry.example.com:5000/team/app",
                &[
                    "HEAD /v2/team/app/blobs/DIGEST",
                    "POST /v2/team/app/blobs/uploads/",
                    "PATCH /v2/team/app/blobs/uploads/upload",
                    "PUT /v2/team/app/blobs/uploads/upload?digest=DIGEST",
                    "PUT /v2/team/app/manifests/latest",
                ],
                None,
            ),
            (
                "delete app@DIGEST",
                &["DELETE /v2/app/manifests/DIGEST"],
                None,
            ),
            (
                "delete app:v1@DIGEST",
                &["DELETE /v2/app/manifests/DIGEST"],
                None,
            ),
            (
                "delete localhost/app:v1",
                &["DELETE /v2/app/manifests/v1"],
                None,
            ),
            (
                "delete team/app:v1",
                &["DELETE /v2/team/app/manifests/v1"],
                None,
            ),
            ("list team/app", &["GET /v2/team/app/tags/list"], None),
            ("catalog", &["GET /v2/_catalog"], None),
            (
                "mount team/app from team/base",
                &["POST /v2/team/app/blobs/uploads/?mount=DIGEST&from=team/base"],
                None,
            ),
            (
                "PUT /v2/x/manifests/1?tag=2",
                &["PUT /v2/x/manifests/1?tag=2"],
                None,
            ),
            (
                "overwrite a:1",
                &[
                    "HEAD /v2/a/blobs/DIGEST",
                    "POST /v2/a/blobs/uploads/",
                    "PATCH /v2/a/blobs/uploads/upload",
                    "PUT /v2/a/blobs/uploads/upload?digest=DIGEST",
                    "PUT /v2/a/manifests/1",
                ],
                Some(true),
            ),
        ];
        for (words, expected, tag_exists) in rows {
            let wish = Wish::read(&words.replace("DIGEST", DIGEST)).unwrap();
            let found: Vec<_> = wish.requests.iter().map(ToString::to_string).collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|request| request.replace("DIGEST", DIGEST))
                .collect();
            assert_eq!(found, expected, "{words}");
            assert_eq!(wish.tag_exists, tag_exists, "{words}");
        }
    }

    #[test]
    fn other_words_are_refused_with_what_to_write() {
        let rows = [
            ("", "write pull, push"),
            ("steal team/app", "`steal` is nothing"),
            ("pull", "`pull` needs an image, such as `pull team/app:v1`"),
            ("push a b", "`push` needs an image"),
            ("mount a b", "`mount` needs two repositories"),
            ("mount a into b", "such as `mount team/app from team/base`"),
            ("catalog x", "`catalog` is nothing"),
            ("GET", "begins with `/`"),
            ("GET v2/", "begins with `/`"),
            ("GET /v2/ x", "nothing follows it"),
        ];
        for (words, expected) in rows {
            let error = Wish::read(words).unwrap_err().to_string();
            assert!(error.contains(expected), "{words}: {error}");
        }
    }
}
