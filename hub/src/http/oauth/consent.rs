//! The page that asks whether an application may act for the user.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::response::Response;
use hub_types::scope::{Catalogue, Filter, FilterKind, Scope, ScopeName};

use super::authorize::Asked;
use crate::domain::oauth::authorize::Refused;
use crate::http::error::ApiError;
use crate::http::pages::Visitor;
use crate::render::pages::{ConsentClient, OAuthPage, ScopeDescription};

/// The page for a request that may be granted; `error` says why an answer to it did not count.
pub(super) fn page(
    visitor: &Visitor,
    asked: &Asked,
    status: StatusCode,
    error: Option<&str>,
) -> Result<Response, ApiError> {
    let limits = asked.client_scopes(visitor);
    let (required, catalogue) = (limits.required(), limits.bearer.catalogue);
    let page = OAuthPage {
        chrome: visitor.chrome(),
        oauth_client: ConsentClient {
            description: asked.client.description.clone(),
            identifier: asked.client.id.clone(),
            redirect_uri: asked.redirect_uri.clone(),
        },
        scope_descriptions: describe(
            (&asked.scopes, &required),
            asked.user.name.as_str(),
            catalogue,
        ),
        allowed_scopes: asked.scopes.iter().map(ToString::to_string).collect(),
        error_message: error.map(ToOwned::to_owned),
        cancel_url: Refused::Denied.location(&asked.redirect_uri, asked.state.as_deref()),
    };
    visitor.page(status, &page).map_err(|error| {
        ApiError::new(
            error.status,
            error
                .message
                .unwrap_or_else(|| "Internal Server Error".to_owned()),
        )
    })
}

/// What a client may do, in words; that it knows the user and lets them in needs none.
fn describe(
    (scopes, required): (&BTreeSet<Scope>, &BTreeSet<Scope>),
    user: &str,
    catalogue: &Catalogue,
) -> Vec<ScopeDescription> {
    let told: Vec<&Scope> = match scopes.iter().find(|scope| scope.name == ScopeName::Inherit) {
        Some(all) => vec![all],
        None => scopes.difference(required).collect(),
    };
    if told.is_empty() {
        let name = ScopeName::NoScope;
        return vec![ScopeDescription {
            scope: name.as_str().to_owned(),
            description: name.description().to_owned(),
            filter: None,
        }];
    }
    told.into_iter()
        .map(|scope| words(scope, user, catalogue))
        .collect()
}

fn words(scope: &Scope, user: &str, catalogue: &Catalogue) -> ScopeDescription {
    let filter = match &scope.filter {
        Filter::All => None,
        Filter::Own(FilterKind::User) => Some("only yourself".to_owned()),
        Filter::Is(FilterKind::User, name) if name == user => Some("only yourself".to_owned()),
        Filter::Own(kind) => Some(format!("only its own {}", kind.as_str())),
        Filter::Is(kind, name) => Some(format!("only {} {name}", kind.as_str())),
    };
    ScopeDescription {
        scope: scope.to_string(),
        description: catalogue.description(&scope.name).to_owned(),
        filter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> BTreeSet<Scope> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn in_words() {
        let required = set(&["read:users:name!user"]);
        let told = |texts: &[&str]| {
            let told = describe((&set(texts), &required), "alice", &Catalogue::builtin());
            told.into_iter()
                .map(|told| (told.scope, told.filter.unwrap_or_default()))
                .collect::<Vec<_>>()
        };
        let pair = |scope: &str, filter: &str| (scope.to_owned(), filter.to_owned());
        assert_eq!(told(&["read:users:name!user"]), [pair("(no_scope)", "")]);
        assert_eq!(
            told(&["inherit", "read:users:name!user", "proxy"]),
            [pair("inherit", "")]
        );
        assert_eq!(
            told(&[
                "read:users:name!user",
                "tokens!user=alice",
                "list:users!group=lab"
            ]),
            [
                pair("list:users!group=lab", "only group lab"),
                pair("tokens!user=alice", "only yourself")
            ]
        );
    }
}
