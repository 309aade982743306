//! Vectors: a request with exactly what it needs, or with the refusal that it gets from whomever it
//! comes.
//!
//! A file of vectors is made into an ordinary scenario file. `tests/README.md` has the format.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::scenario::typed;

/// The words that `needs` may have on their own.
const NOTHING: &str = "nothing";
const IDENTITY: &str = "identity";

/// A file of vectors as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vectors {
    about: String,
    configs: Map<String, Value>,
    challenge: String,
    tokens: Map<String, Value>,
    words: BTreeMap<String, String>,
    #[serde(rename = "vectors")]
    list: Vec<Vector>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    request: String,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    forwarded: Option<String>,
    #[serde(default)]
    without: BTreeMap<String, String>,
    #[serde(default)]
    answered: bool,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    proxy: Option<u16>,
    #[serde(default)]
    config: Option<String>,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    page: Option<String>,
}

impl Vectors {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// Not JSON, or unknown or missing members, with their place.
    pub fn parse(text: &[u8]) -> Result<Self> {
        typed(registry_auth_engine::json::parse(text)?)
    }

    /// The scenario file that these vectors stand for: for each the rows that only exactly its
    /// needs can pass.
    ///
    /// # Errors
    /// A vector has a member that does not go with the others, or a placeholder that stands for
    /// nothing.
    pub fn expand(&self) -> Result<Value> {
        let mut rows = Rows {
            tokens: self.tokens.clone(),
            rows: Vec::new(),
        };
        for vector in &self.list {
            self.expand_vector(vector, &mut rows)
                .with_context(|| format!("vector `{}`", vector.request))?;
        }
        Ok(
            json!({"about": self.about, "configs": self.configs, "tokens": rows.tokens, "rows": rows.rows}),
        )
    }

    /// The rows of the table of needs: those of the vectors that belong on the page.
    #[must_use]
    pub fn needs_table(&self) -> Vec<String> {
        self.on_page()
            .filter(|(vector, _)| vector.refusal.is_none())
            .map(|(vector, note)| vector.needs_row(note))
            .collect()
    }

    /// The rows of the table of refusals.
    #[must_use]
    pub fn refusals_table(&self) -> Vec<String> {
        let row = |(vector, note): (&Vector, &str)| {
            let refusal = vector.refusal.as_ref()?;
            Some(format!(
                "| {} | {refusal} | {note} |",
                code(&vector.request)
            ))
        };
        self.on_page().filter_map(row).collect()
    }

    fn on_page(&self) -> impl Iterator<Item = (&Vector, &str)> {
        self.list
            .iter()
            .filter_map(|vector| Some((vector, vector.page.as_deref()?)))
    }

    fn expand_vector(&self, vector: &Vector, rows: &mut Rows) -> Result<()> {
        let request = self.fill(&vector.request)?;
        let (_, target) = request
            .split_once(' ')
            .context("`request` is no `METHOD TARGET`")?;
        let attempts = match &vector.refusal {
            Some(refusal) => vec![Self::refused(vector, refusal)?],
            None => self.attempts(vector, target)?,
        };
        for attempt in &attempts {
            rows.add(vector, &request, attempt);
        }
        Ok(())
    }

    fn refused(vector: &Vector, refusal: &str) -> Result<Attempt> {
        ensure!(
            vector.needs.is_empty() && vector.scope.is_empty(),
            "what is refused needs nothing"
        );
        let (status, error) = refusal
            .split_once(' ')
            .context("`refusal` is no `STATUS CODE`")?;
        let expect =
            json!({"status": status.parse::<u16>()?, "code": error, "proxy": vector.proxy});
        Ok(Attempt {
            name: String::new(),
            token: Token::AllBut(Vec::new()),
            expect,
        })
    }

    fn attempts(&self, vector: &Vector, target: &str) -> Result<Vec<Attempt>> {
        let forwarded = |target: &str| json!({"status": vector.status.unwrap_or(200), "upstream": {"path": target}});
        let target = vector
            .forwarded
            .as_ref()
            .map_or_else(|| Ok(target.to_owned()), |target| self.fill(target))?;
        if vector.needs == [NOTHING] {
            return Ok(vec![Attempt {
                name: String::new(),
                token: Token::None,
                expect: forwarded(&target),
            }]);
        }
        let expect = self.unauthorized(&self.fill(&vector.scope)?);
        let mut attempts = vec![Attempt {
            name: ", without credential".to_owned(),
            token: Token::None,
            expect,
        }];
        if vector.answered {
            return Ok(attempts);
        }
        let needs = self.needs(vector)?;
        let (name, token) = (
            ", with no more than it needs".to_owned(),
            Token::Only(needs.clone()),
        );
        attempts.push(Attempt {
            name,
            token,
            expect: forwarded(&target),
        });
        for (name, need) in vector.needs.iter().zip(needs) {
            let expect = match vector.without.get(name) {
                Some(target) => forwarded(&self.fill(target)?),
                None => json!({"status": 403, "code": "DENIED"}),
            };
            let (name, token) = (
                format!(", with everything but `{name}`"),
                Token::AllBut(vec![need]),
            );
            attempts.push(Attempt {
                name,
                token,
                expect,
            });
        }
        Ok(attempts)
    }

    /// The needs as the policy's condition spells them: `ACTION REPOSITORY REFERENCE`, each with
    /// its blank.
    fn needs(&self, vector: &Vector) -> Result<Vec<String>> {
        if vector.needs == [IDENTITY] {
            return Ok(Vec::new());
        }
        ensure!(!vector.needs.is_empty(), "neither `needs` nor `refusal`");
        let known = |name: &String| vector.needs.contains(name);
        ensure!(
            vector.without.keys().all(known),
            "`without` names what is not among `needs`"
        );
        vector
            .needs
            .iter()
            .map(|need| {
                let filled = self.fill(need)?;
                match filled.split(' ').collect::<Vec<_>>()[..] {
                    ["read" | "create" | "update" | "delete", _] => Ok(filled + " "),
                    ["read" | "create" | "update" | "delete", _, _] => Ok(filled),
                    _ => bail!("`{need}` is no need"),
                }
            })
            .collect()
    }

    fn unauthorized(&self, scope: &str) -> Value {
        let scope = if scope.is_empty() {
            String::new()
        } else {
            format!(",scope=\"{scope}\"")
        };
        json!({"status": 401, "code": "UNAUTHORIZED", "challenge": format!("{}{scope}", self.challenge)})
    }

    /// Replaces `${WORD}` by what the file says, and `${TEXT*NUMBER}` by that number of copies of
    /// the text.
    fn fill(&self, text: &str) -> Result<String> {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (word, after) = after.split_once('}').context("`${` without `}`")?;
            result.push_str(before);
            match word.rsplit_once('*') {
                Some((text, times)) => result.push_str(&text.repeat(times.parse()?)),
                None => result.push_str(
                    self.words
                        .get(word)
                        .with_context(|| format!("there is no word `{word}`"))?,
                ),
            }
            rest = after;
        }
        Ok(result + rest)
    }
}

impl Vector {
    fn needs_row(&self, note: &str) -> String {
        let need = |need: &String| {
            let text = if matches!(need.as_str(), NOTHING | IDENTITY) {
                need.clone()
            } else {
                code(need)
            };
            match self.without.get(need) {
                Some(path) => format!("{text} (without it {} is forwarded)", code(path)),
                None => text,
            }
        };
        let needs = self.needs.iter().map(need).collect::<Vec<_>>().join(", ");
        let scope = if self.scope.is_empty() {
            "none".to_owned()
        } else {
            code(&self.scope)
        };
        let forwarded = self
            .forwarded
            .as_ref()
            .map(|target| format!("{} is forwarded", code(target)));
        let note = Some(note.to_owned()).filter(|note| !note.is_empty());
        let cell = [Some(needs), forwarded, note]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("; ");
        format!("| {} | {cell} | {scope} |", code(&self.request))
    }
}

/// A text in the page's type, each `${WORD}` as `WORD`.
fn code(text: &str) -> String {
    format!("`{}`", text.replace("${", "").replace('}', ""))
}

/// One way to send a vector's request, and what must come of it.
struct Attempt {
    name: String,
    token: Token,
    expect: Value,
}

/// What an attempt presents.
enum Token {
    /// No credential.
    None,
    /// A token that allows these and nothing else.
    Only(Vec<String>),
    /// A token that allows everything but these.
    AllBut(Vec<String>),
}

/// Rows of a scenario file, and the tokens that they name.
struct Rows {
    tokens: Map<String, Value>,
    rows: Vec<Value>,
}

impl Rows {
    fn add(&mut self, vector: &Vector, request: &str, attempt: &Attempt) {
        let token = match &attempt.token {
            Token::None => None,
            Token::Only(needs) => Some(self.token("only", "allow", needs)),
            Token::AllBut(needs) => Some(self.token("all but", "deny", needs)),
        };
        let config = vector.config.as_deref().unwrap_or("map");
        let body = request.starts_with('P').then_some("{}");
        self.rows.push(json!({
            "name": format!("{config}: {}{}", vector.request, attempt.name), "config": config, "request": request,
            "token": token, "body": body, "expect": attempt.expect,
        }));
    }

    /// The token of this claim; its name says what is in it.
    fn token(&mut self, name: &str, claim: &str, needs: &[String]) -> String {
        let name = format!("{name}: {}", needs.join(", "));
        self.tokens.insert(
            name.clone(),
            json!({"like": "ci", "claims": {(claim): needs}}),
        );
        name
    }
}

#[cfg(test)]
mod tests;
