//! The reference of the REST API for people.

use serde::Serialize;

use super::{Chrome, Page};

/// A piece of a sentence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// What it says.
    pub text: String,
    /// Whether it is something to type or to read in a program.
    pub code: bool,
}

/// A type: words, and perhaps a model that is explained on the page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ApiType {
    /// What stands before the model, or all of it: `list of `.
    pub words: String,
    /// The model.
    pub model: Option<String>,
}

/// A parameter, or a field of a body or model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ApiField {
    /// Its name.
    pub name: String,
    /// Where it stands (`path`, `query`, `header`); empty for fields.
    pub place: String,
    /// What it can be.
    pub kind: ApiType,
    /// Whether it must be there; of a model: whether it always is.
    pub required: bool,
    /// What it means.
    pub text: Vec<Piece>,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ApiAnswer {
    /// HTTP status.
    pub status: u16,
    /// When it comes.
    pub text: Vec<Piece>,
    /// What its body is; none for an empty one.
    pub kind: Option<ApiType>,
}

/// A scope with its meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ApiScope {
    /// The scope.
    pub name: String,
    /// What it allows.
    pub description: String,
}

/// One method of one path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ApiOperation {
    /// Anchor: the `operationId` of the document.
    pub id: String,
    /// `GET`, `POST`, …
    pub method: String,
    /// With the base URL, parameters in braces.
    pub path: String,
    /// A few words.
    pub summary: String,
    /// Paragraphs.
    pub text: Vec<Vec<Piece>>,
    /// Who may, when it is not a matter of scopes.
    pub access: String,
    /// Scopes of which one is needed.
    pub scopes: Vec<String>,
    /// JupyterHub has nothing like it.
    pub extension: bool,
    /// For clients of old.
    pub deprecated: bool,
    /// Parameters.
    pub parameters: Vec<ApiField>,
    /// Media type of the body; none without one.
    pub body_kind: Option<String>,
    /// Whether the body must be there.
    pub body_required: bool,
    /// Fields of the body.
    pub body: Vec<ApiField>,
    /// Answers that are its own.
    pub answers: Vec<ApiAnswer>,
    /// Statuses that it has in common with most others.
    pub errors: Vec<u16>,
    /// A command line that does it.
    pub curl: String,
}

/// Operations of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ApiGroup {
    /// Anchor.
    pub id: String,
    /// Heading.
    pub name: String,
    /// A sentence.
    pub text: String,
    /// The operations.
    pub operations: Vec<ApiOperation>,
}

/// A model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ApiModel {
    /// Its name; the anchor is `model-` and this.
    pub name: String,
    /// What it is.
    pub text: Vec<Piece>,
    /// Its fields.
    pub fields: Vec<ApiField>,
}

/// A group in the contents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ApiChapter {
    /// Its part of the reference.
    pub id: String,
    /// Its heading.
    pub name: String,
}

/// `api-docs.html`: every operation, model and scope of the REST API; [`ApiDocsPage::part`] of it is shown at a time, which
/// keeps the page light.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ApiDocsPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// Path of the OpenAPI document.
    pub document_url: String,
    /// Where the API is: origin and path.
    pub api_url: String,
    /// What holds for all operations; paragraphs.
    pub about: Vec<Vec<Piece>>,
    /// Operations.
    pub groups: Vec<ApiGroup>,
    /// Models.
    pub models: Vec<ApiModel>,
    /// Scopes.
    pub scopes: Vec<ApiScope>,
    /// Path of the overview; the parts are below it.
    pub docs_url: String,
    /// What is shown: empty for the overview, the id of a group, `models` or `scopes`.
    pub shown: String,
    /// All groups.
    pub contents: Vec<ApiChapter>,
}

impl ApiDocsPage {
    /// One part of the whole: the overview (an empty name), a group by its id, `models` or `scopes`. `None` where there is
    /// nothing of that name.
    #[must_use]
    pub fn part(self, name: &str) -> Option<Self> {
        let chapter = |group: &ApiGroup| ApiChapter {
            id: group.id.clone(),
            name: group.name.clone(),
        };
        let contents = self.groups.iter().map(chapter).collect();
        let groups: Vec<_> = self
            .groups
            .into_iter()
            .filter(|group| name.is_empty() || group.id == name)
            .collect();
        if groups.is_empty() && !["models", "scopes"].contains(&name) {
            return None;
        }
        let models = self.models.into_iter().filter(|_| name == "models");
        let scopes = self.scopes.into_iter().filter(|_| name == "scopes");
        Some(Self {
            contents,
            groups,
            models: models.collect(),
            scopes: scopes.collect(),
            shown: name.to_owned(),
            ..self
        })
    }
}
page!(ApiDocsPage, "api-docs.html");
