//! The same description for people: data of the page `api-docs.html`.

use std::fmt::Write as _;

use hub_types::paths::BaseUrl;
use hub_types::scope::ScopeName;
use serde_json::Value;

use super::document::{ABOUT, common, empty_name, example_of_path, parameters};
use super::operation::{Access, Body, Parameter, Served, Tag};
use super::schemas;
use crate::render::Chrome;
use crate::render::pages::api_docs::{
    ApiAnswer, ApiDocsPage, ApiField, ApiGroup, ApiModel, ApiOperation, ApiScope, ApiType, Piece,
};

/// The page for somebody who sees the hub at `origin`.
pub(crate) fn page(chrome: Chrome, origin: &str, operations: &[Served]) -> ApiDocsPage {
    let base = BaseUrl::new(&chrome.base_url);
    let groups = Tag::ALL
        .iter()
        .map(|tag| group(*tag, &base, origin, operations));
    ApiDocsPage {
        document_url: format!("{}/openapi.json", base.api()),
        docs_url: format!("{}api-docs", chrome.hub_prefix),
        api_url: format!("{origin}{}", base.api()),
        about: ABOUT
            .lines()
            .filter(|line| !line.is_empty())
            .map(|line| pieces(line.strip_prefix("* ").unwrap_or(line)))
            .collect(),
        groups: groups.collect(),
        models: schemas::all()
            .iter()
            .map(|(name, schema)| model(name, schema))
            .collect(),
        scopes: ScopeName::ALL
            .iter()
            .map(|scope| ApiScope {
                name: scope.as_str().to_owned(),
                description: scope.description().to_owned(),
            })
            .collect(),
        chrome,
        ..ApiDocsPage::default()
    }
}

fn group(tag: Tag, base: &BaseUrl, origin: &str, operations: &[Served]) -> ApiGroup {
    let (name, text) = tag.words();
    let of_tag = operations
        .iter()
        .filter(|served| served.operation.tag == tag);
    ApiGroup {
        id: name.to_lowercase().replace(' ', "-"),
        name: name.to_owned(),
        text: text.to_owned(),
        operations: of_tag
            .map(|served| operation(base, origin, served))
            .collect(),
    }
}

fn operation(base: &BaseUrl, origin: &str, served: &Served) -> ApiOperation {
    let of = &served.operation;
    let mut text: Vec<_> = of.text.iter().map(|text| pieces(text)).collect();
    text.extend(empty_name(served).map(pieces));
    ApiOperation {
        id: served.id(),
        method: served.method.as_str().to_owned(),
        path: format!("{}{}", base.api(), served.path),
        summary: of.summary.to_owned(),
        text,
        access: access(of.access).to_owned(),
        scopes: of
            .access
            .scopes()
            .iter()
            .map(|scope| scope.as_str().to_owned())
            .collect(),
        extension: of.extension,
        deprecated: of.deprecated,
        parameters: parameters(served).iter().map(parameter).collect(),
        body_kind: of.body.as_ref().map(|body| body.kind.to_owned()),
        body_required: of.body.as_ref().is_some_and(|body| body.required),
        body: of
            .body
            .as_ref()
            .map(|body| fields(&body.schema))
            .unwrap_or_default(),
        answers: of
            .answers
            .iter()
            .map(|(status, answer)| ApiAnswer {
                status: *status,
                text: pieces(answer.text),
                kind: answer
                    .content
                    .as_ref()
                    .map(|(media, schema)| content(media, schema)),
            })
            .collect(),
        errors: common(served),
        curl: curl(base, origin, served),
    }
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Anybody => "Anybody, without credentials.",
        Access::Known => "Whoever has a valid token or login.",
        Access::Token => "Whoever has a valid token; cookies do not count.",
        Access::Browser => "A person with the hub's login cookie.",
        Access::AnyOf(_) | Access::ByKind(_) => "",
    }
}

/// A text with what stands in backticks (or two asterisks, which only emphasise) taken out.
fn pieces(text: &str) -> Vec<Piece> {
    let text = text.replace("**", "");
    let parts = text.split('`').enumerate();
    parts
        .filter(|(_, part)| !part.is_empty())
        .map(|(number, part)| Piece {
            text: part.to_owned(),
            code: number % 2 == 1,
        })
        .collect()
}

fn parameter(of: &Parameter) -> ApiField {
    ApiField {
        name: of.name.to_owned(),
        place: of.place.as_str().to_owned(),
        kind: kind(&of.schema),
        required: of.required,
        text: pieces(of.text),
    }
}

fn model(name: &str, schema: &Value) -> ApiModel {
    ApiModel {
        name: name.to_owned(),
        text: pieces(description(schema)),
        fields: fields(schema),
    }
}

fn description(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

/// The fields of an object.
fn fields(schema: &Value) -> Vec<ApiField> {
    let required = |name: &str| {
        let names = schema["required"].as_array();
        names.is_some_and(|names| names.iter().any(|one| one == name))
    };
    let Some(properties) = schema["properties"].as_object() else {
        return Vec::new();
    };
    let mut all: Vec<ApiField> = properties
        .iter()
        .filter(|(_, field)| !field.is_boolean())
        .map(|(name, field)| ApiField {
            name: name.clone(),
            place: String::new(),
            kind: kind(field),
            required: required(name),
            text: pieces(description(field)),
        })
        .collect();
    all.sort_by_key(|field| !field.required);
    all
}

/// What the body of an answer is.
fn content(media: &str, schema: &Value) -> ApiType {
    if media == "application/json" {
        return kind(schema);
    }
    ApiType {
        words: media.to_owned(),
        model: None,
    }
}

fn words(words: impl Into<String>) -> ApiType {
    ApiType {
        words: words.into(),
        model: None,
    }
}

/// A schema in a few words.
fn kind(schema: &Value) -> ApiType {
    if let Some(to) = schema["$ref"].as_str() {
        return ApiType {
            words: String::new(),
            model: to.rsplit('/').next().map(ToOwned::to_owned),
        };
    }
    if let Some(kind) = composed(schema) {
        return kind;
    }
    match &schema["type"] {
        Value::String(one) => words(one),
        Value::Array(several) => {
            let names: Vec<_> = several.iter().filter_map(Value::as_str).collect();
            words(names.join(" | "))
        }
        _ => words("anything"),
    }
}

/// What is made of other schemas, or is one of some words.
fn composed(schema: &Value) -> Option<ApiType> {
    let within = |before: &str, inner: &Value| {
        let inner = kind(inner);
        ApiType {
            words: format!("{before}{}", inner.words),
            ..inner
        }
    };
    for choice in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema[choice].as_array().and_then(|all| all.first())
            && schema["properties"].is_null()
        {
            return Some(kind(first));
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let values = values
            .iter()
            .filter_map(Value::as_str)
            .filter(|text| !text.is_empty());
        return Some(words(values.collect::<Vec<_>>().join(" | ")));
    }
    if !schema["items"].is_null() {
        return Some(within("list of ", &schema["items"]));
    }
    if !schema["properties"]["_pagination"].is_null() {
        return Some(within("page: ", &schema["properties"]["items"]));
    }
    if schema["additionalProperties"]["$ref"].is_string() {
        return Some(within("by name: ", &schema["additionalProperties"]));
    }
    None
}

/// A command line that can be pasted; what the reader must put in is in capitals, or a variable.
fn curl(base: &BaseUrl, origin: &str, served: &Served) -> String {
    let mut path = served.path.clone();
    for name in served.path_parameters() {
        path = path.replace(&format!("{{{name}}}"), example_of_path(name));
    }
    let mut line = "curl".to_owned();
    // Writing to a text does not fail.
    if served.method != "GET" {
        let _ = write!(line, " -X {}", served.method);
    }
    match served.operation.access {
        Access::Anybody => {}
        Access::Browser => line.push_str(" -b \"jupyterhub-hub-login=$COOKIE\""),
        _ => line.push_str(" -H \"Authorization: token $TOKEN\""),
    }
    let _ = write!(
        line,
        " \\\n  '{origin}{}{path}{}'",
        base.api(),
        required_query(served)
    );
    if let Some(body) = &served.operation.body {
        line.push_str(&data(body));
    }
    line
}

fn required_query(served: &Served) -> String {
    let parameters = served.operation.parameters.iter();
    let required = parameters.filter(|one| one.required && one.place.as_str() == "query");
    let pairs: Vec<_> = required.map(|one| format!("{}=VALUE", one.name)).collect();
    if pairs.is_empty() {
        String::new()
    } else {
        format!("?{}", pairs.join("&"))
    }
}

fn data(body: &Body) -> String {
    match (&body.example, body.kind) {
        (Value::Object(fields), "application/x-www-form-urlencoded") => fields
            .iter()
            .map(|(name, value)| {
                let value = value.as_str().unwrap_or("VALUE");
                format!(" \\\n  -d '{name}={value}'")
            })
            .collect(),
        (Value::String(text), _) => format!(" \\\n  -d '{text}'"),
        (example, _) => format!(" \\\n  -H 'Content-Type: application/json' -d '{example}'"),
    }
}
