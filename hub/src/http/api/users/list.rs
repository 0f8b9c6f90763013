//! `GET /users`: a page of the users that the caller may list.

use axum::extract::{OriginalUri, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use hub_types::scope::{FilterKind, Reach, ScopeName};

use super::super::body::quoted;
use super::super::page::Asked;
use super::{include_stopped, user_models};
use crate::db::{UserFilter, UserOrder, UserState, UsersOnly, users};
use crate::domain::principal::Principal;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, argument};
use crate::state::AppState;

pub(in crate::http::api) const LIST: &[ScopeName] = &[ScopeName::ListUsers];

pub(in crate::http::api) async fn list(
    State(state): State<AppState>,
    Auth(caller): Auth,
    OriginalUri(uri): OriginalUri,
    asked: Asked,
) -> Result<Response, ApiError> {
    let only = reachable(&caller)?;
    let page = asked.page()?;
    let filter = UserFilter {
        only,
        ..filter(&uri)?
    };
    if filter.order == UserOrder::LastActivity {
        // Shown is what is known by now; the order must be that of what is shown.
        state.identities.write_uses().await?;
    }
    let found = users::page(&state.db, &filter, page.offset, page.limit).await?;
    let models = user_models(&state, &caller, &found.users, include_stopped(&uri)).await?;
    Ok(page.answer(models, found.total))
}

/// The users that the caller's `list:users` reaches; none for everybody. A filter that means neither a user nor a group
/// gives nothing, never everything, and takes nothing from the others.
pub(in crate::http::api) fn reachable(caller: &Principal) -> Result<Option<UsersOnly>, ApiError> {
    let reach = caller.reach(LIST)?;
    if *reach == Reach::All {
        return Ok(None);
    }
    let names = |kind| reach.values(kind).map(ToOwned::to_owned).collect();
    let only = UsersOnly {
        users: names(FilterKind::User),
        groups: names(FilterKind::Group),
    };
    if only == UsersOnly::default() {
        return Err(ApiError::silent(StatusCode::FORBIDDEN));
    }
    Ok(Some(only))
}

fn filter(uri: &Uri) -> Result<UserFilter, ApiError> {
    let argument = |name: &str| argument(uri, name);
    let state = match argument("state").as_deref() {
        None | Some("") => None,
        Some("active") => Some(UserState::Active),
        Some("ready") => Some(UserState::Ready),
        Some("inactive") => Some(UserState::Inactive),
        Some(other) => {
            return Err(ApiError::bad_request(format!(
                "Unrecognized state filter: {}",
                quoted(other)
            )));
        }
    };
    let sort = argument("sort").unwrap_or_else(|| "id".to_owned());
    let order = match sort.strip_prefix('-').unwrap_or(&sort) {
        "id" => UserOrder::Id,
        "name" => UserOrder::Name,
        "last_activity" => UserOrder::LastActivity,
        _ => {
            let text = format!(
                "sort must be 'id', 'name', or 'last_activity', not {}",
                quoted(&sort)
            );
            return Err(ApiError::bad_request(text));
        }
    };
    let name_contains = argument("name_filter").filter(|part| !part.is_empty());
    Ok(UserFilter {
        state,
        name_contains,
        order,
        descending: sort.starts_with('-'),
        ..UserFilter::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let read = |query: &str| filter(&format!("/users?{query}").parse().unwrap());
        let known = read("state=ready&name_filter=a%25&sort=-last_activity").unwrap();
        assert_eq!(
            (
                known.state,
                known.name_contains.as_deref(),
                known.order,
                known.descending
            ),
            (
                Some(UserState::Ready),
                Some("a%"),
                UserOrder::LastActivity,
                true
            )
        );
        for (query, message) in [
            ("state=zzz", "Unrecognized state filter: 'zzz'"),
            (
                "sort=-x",
                "sort must be 'id', 'name', or 'last_activity', not '-x'",
            ),
        ] {
            assert_eq!(read(query).unwrap_err().message(), Some(message));
        }
    }
}
