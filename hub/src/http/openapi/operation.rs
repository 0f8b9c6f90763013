//! What is said of one method of one path.

use std::collections::BTreeMap;

use axum::http::Method;
use hub_types::page::PAGINATION_MEDIA_TYPE;
use hub_types::scope::ScopeName;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::schemas;
use crate::domain::action::Action;

/// What operations are grouped by, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tag {
    Hub,
    Users,
    Servers,
    Tokens,
    Groups,
    Services,
    Shares,
    ShareCodes,
    Roles,
    Proxy,
    OAuth,
    LookUps,
}

impl Tag {
    pub(crate) const ALL: &[Tag] = &[
        Tag::Hub,
        Tag::Users,
        Tag::Servers,
        Tag::Tokens,
        Tag::Groups,
        Tag::Services,
        Tag::Shares,
        Tag::ShareCodes,
        Tag::Roles,
        Tag::Proxy,
        Tag::OAuth,
        Tag::LookUps,
    ];

    /// Name and a sentence.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Tag::Hub => ("Hub", "The hub itself, and who is asking."),
            Tag::Users => ("Users", "Users, their activity and their sessions."),
            Tag::Servers => (
                "Servers",
                "Users' servers. The default server has an empty name.",
            ),
            Tag::Tokens => ("Tokens", "API tokens of users."),
            Tag::Groups => ("Groups", "Groups, their members and properties."),
            Tag::Services => (
                "Services",
                "Services of the configuration, and those that were registered at run time.",
            ),
            Tag::Shares => (
                "Shares",
                "With whom servers are shared: the owner's side and the recipient's.",
            ),
            Tag::ShareCodes => (
                "Share codes",
                "Invitations that become shares when somebody accepts them.",
            ),
            Tag::Roles => ("Roles", "Roles that are made at run time."),
            Tag::Proxy => ("Proxy", "The routes of the proxy."),
            Tag::OAuth => (
                "OAuth",
                "How servers and services log users in: the OAuth 2 provider.",
            ),
            Tag::LookUps => (
                "Look-ups",
                "Whose token or cookie is this? For services of JupyterHub 0.7 and 0.8.",
            ),
        }
    }
}

/// Who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody, without credentials.
    Anybody,
    /// Whoever has a valid token or login; what they see depends on it.
    Known,
    /// Whoever has a valid token; cookies do not count.
    Token,
    /// A person with the hub's login cookie.
    Browser,
    /// Whoever holds one of these scopes for what the path names.
    AnyOf(&'static [ScopeName]),
    /// The same with one list for each kind of thing that the path can name.
    ByKind(&'static [&'static [ScopeName]]),
}

impl Access {
    /// The scopes of which one is needed.
    pub(crate) fn scopes(self) -> Vec<&'static ScopeName> {
        match self {
            Access::AnyOf(scopes) => scopes.iter().collect(),
            Access::ByKind(kinds) => kinds.iter().copied().flatten().collect(),
            Access::Anybody | Access::Known | Access::Token | Access::Browser => Vec::new(),
        }
    }
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
}

impl Place {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
        }
    }
}

/// A parameter. Those of the path are always required, others never unless they say so.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) text: &'static str,
    pub(crate) schema: Value,
    pub(crate) required: bool,
}

impl Parameter {
    pub(crate) fn query(name: &'static str, schema: Value, text: &'static str) -> Self {
        Self {
            name,
            place: Place::Query,
            text,
            schema,
            required: false,
        }
    }

    pub(crate) fn header(name: &'static str, schema: Value, text: &'static str) -> Self {
        Self {
            place: Place::Header,
            ..Self::query(name, schema, text)
        }
    }

    pub(crate) fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// The body of a request.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) kind: &'static str,
    pub(crate) schema: Value,
    pub(crate) example: Value,
    pub(crate) required: bool,
}

impl Body {
    /// JSON that must be there.
    pub(crate) fn json(schema: Value, example: Value) -> Self {
        Self {
            kind: "application/json",
            schema,
            example,
            required: true,
        }
    }

    /// JSON that may be missing.
    pub(crate) fn optional(schema: Value, example: Value) -> Self {
        Self {
            required: false,
            ..Self::json(schema, example)
        }
    }

    /// A form as browsers and OAuth clients send it.
    pub(crate) fn form(schema: Value, example: Value) -> Self {
        Self {
            kind: "application/x-www-form-urlencoded",
            ..Self::json(schema, example)
        }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) text: &'static str,
    /// Media type and schema; none for an empty body.
    pub(crate) content: Option<(&'static str, Value)>,
}

/// What is said of one method of one path.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) tag: Tag,
    pub(crate) summary: &'static str,
    /// More than the summary; paragraphs.
    pub(crate) text: Vec<&'static str>,
    pub(crate) access: Access,
    /// Whether the body can stand in for a credential.
    pub(crate) by_body: bool,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Option<Body>,
    pub(crate) answers: BTreeMap<u16, Answer>,
    /// Ours: JupyterHub has nothing like it.
    pub(crate) extension: bool,
    pub(crate) deprecated: bool,
}

impl Operation {
    /// An operation that needs a credential and nothing else.
    pub(crate) fn new(tag: Tag, summary: &'static str) -> Self {
        Self {
            tag,
            summary,
            text: Vec::new(),
            access: Access::Known,
            by_body: false,
            parameters: Vec::new(),
            body: None,
            answers: BTreeMap::new(),
            extension: false,
            deprecated: false,
        }
    }

    /// An operation that needs permission for `A`.
    pub(crate) fn needs<A: Action>(tag: Tag, summary: &'static str) -> Self {
        Self::new(tag, summary).access(Access::AnyOf(A::SCOPES))
    }

    pub(crate) fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// The body can say who asks, in place of a credential.
    pub(crate) fn or_by_body(mut self) -> Self {
        self.by_body = true;
        self
    }

    /// Adds a paragraph.
    pub(crate) fn text(mut self, text: &'static str) -> Self {
        self.text.push(text);
        self
    }

    pub(crate) fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    pub(crate) fn body(mut self, body: Body) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) fn extension(mut self) -> Self {
        self.extension = true;
        self
    }

    pub(crate) fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// An answer of any kind.
    pub(crate) fn with(
        mut self,
        status: u16,
        text: &'static str,
        kind: &'static str,
        schema: Value,
    ) -> Self {
        let content = Some((kind, schema));
        self.answers.insert(status, Answer { text, content });
        self
    }

    /// An answer in JSON.
    pub(crate) fn json(self, status: u16, text: &'static str, schema: Value) -> Self {
        self.with(status, text, "application/json", schema)
    }

    /// An answer that is a model.
    pub(crate) fn model<T: ToSchema>(self, status: u16, text: &'static str) -> Self {
        self.json(status, text, schemas::of::<T>())
    }

    /// An answer that is a list of models.
    pub(crate) fn list<T: ToSchema>(self, status: u16, text: &'static str) -> Self {
        self.json(status, text, schemas::list_of::<T>())
    }

    /// An answer without a body.
    pub(crate) fn empty(mut self, status: u16, text: &'static str) -> Self {
        let content = None;
        self.answers.insert(status, Answer { text, content });
        self
    }

    /// An error, with the body that errors of the API have.
    pub(crate) fn error(self, status: u16, text: &'static str) -> Self {
        let body = schemas::of::<hub_types::error::ErrorBody>();
        self.json(status, text, body)
    }

    /// The arguments that choose a page.
    fn page_arguments(self) -> Self {
        let number = json!({"type": "integer", "minimum": 0});
        let mut offset = number.clone();
        offset["maximum"] = json!(i64::MAX);
        self.parameter(Parameter::query(
            "offset",
            offset,
            "How many items come before the page.",
        ))
        .parameter(Parameter::query(
            "limit",
            number,
            "How many items the page has at most; less than 1 is 1, and the hub has a maximum of its own \
             (`JupyterHub.api_page_max_limit`).",
        ))
    }

    /// A list that is told in pages to those who accept them, and bare to all others.
    pub(crate) fn page_or(self, text: &'static str, items: Value) -> Self {
        const ACCEPT: &str = "Answers a bare list, as long as a page can be, unless the request accepts pages \
            (`Accept: application/jupyterhub-pagination+json`).";
        debug_assert!(ACCEPT.contains(PAGINATION_MEDIA_TYPE));
        let either = json!({"anyOf": [items.clone(), schemas::page(items)]});
        self.page_arguments().text(ACCEPT).json(200, text, either)
    }

    /// A list that is always told in pages.
    pub(crate) fn pages_of<T: ToSchema>(self, text: &'static str) -> Self {
        let page = schemas::page(schemas::list_of::<T>());
        self.page_arguments().json(200, text, page)
    }

    /// Whether a request can be wrong in itself.
    pub(crate) fn can_be_malformed(&self) -> bool {
        self.body.is_some() || self.parameters.iter().any(|one| one.place != Place::Path)
    }
}

/// An operation with where it is served.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    /// Under `{base}hub/api`, with parameters in braces: `/users/{user}`.
    pub(crate) path: String,
    pub(crate) method: Method,
    pub(crate) operation: Operation,
}

impl Served {
    /// A name that no other operation has: `get-users-user-server`.
    pub(crate) fn id(&self) -> String {
        let mut words = vec![self.method.as_str().to_lowercase()];
        let segments = self.path.strip_prefix('/').unwrap_or(&self.path);
        words.extend(segments.split('/').map(|segment| match segment {
            "" if segments.is_empty() => "version".to_owned(),
            "" => "default".to_owned(),
            segment => segment.trim_matches(['{', '}']).replace('.', "-"),
        }));
        words.join("-")
    }

    /// The names in braces, in order.
    pub(crate) fn path_parameters(&self) -> impl Iterator<Item = &str> {
        self.path
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Whether the path names a default server by its empty name.
    pub(crate) fn by_empty_name(&self) -> bool {
        self.path.contains("//") || (self.path.len() > 1 && self.path.ends_with('/'))
    }
}
