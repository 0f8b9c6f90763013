//! Groups of users.

use futures_util::stream::{Stream, StreamExt as _};
use http::Method;
use hub_types::group::GroupModel;
use hub_types::names::escape;
use hub_types::page::Page;
use serde_json::{Map, Value, json};

use super::{ClientError, HubClient};

impl HubClient {
    /// Groups as a stream of pages (`GET /groups`, scope `list:groups`).
    pub fn groups(
        &self,
    ) -> impl Stream<Item = Result<Page<Vec<GroupModel>>, ClientError>> + Send + use<> {
        let url = format!("{}/groups", self.api_url());
        self.pages("/groups", String::new())
            .map(move |page| page.and_then(|page| page.all(&url)))
    }

    /// One group (`GET /groups/NAME`, scope `read:groups`); `None` when there is none, or this token may not see it (404).
    ///
    /// # Errors
    /// [`ClientError`], as every call.
    pub async fn group(&self, name: &str) -> Result<Option<GroupModel>, ClientError> {
        self.found(self.request(Method::GET, &group_path(name)))
            .await
    }

    /// Creates a group (`POST /groups/NAME`, scope `admin:groups`).
    ///
    /// # Errors
    /// [`ClientError::Status`] with 409 when there is one of this name.
    pub async fn create_group(&self, name: &str) -> Result<GroupModel, ClientError> {
        let call = self.request(Method::POST, &group_path(name));
        self.json(call).await
    }

    /// Deletes a group (`DELETE /groups/NAME`, scope `delete:groups`); its members stay.
    ///
    /// # Errors
    /// [`ClientError::Status`] with 404 when there is no such group.
    pub async fn delete_group(&self, name: &str) -> Result<(), ClientError> {
        let call = self.request(Method::DELETE, &group_path(name));
        self.status(call).await.map(drop)
    }

    /// Puts users into a group (`POST /groups/NAME/users`, scope `groups`); those that are in it stay.
    ///
    /// # Errors
    /// [`ClientError::Status`] with 404 when there is no such group, 400 when there is no such user.
    pub async fn add_to_group(
        &self,
        group: &str,
        users: &[&str],
    ) -> Result<GroupModel, ClientError> {
        let call = self.request(Method::POST, &format!("{}/users", group_path(group)));
        self.json(call.json(&json!({ "users": users }))).await
    }

    /// Takes users out of a group (`DELETE /groups/NAME/users`, scope `groups`).
    ///
    /// # Errors
    /// As [`add_to_group`](Self::add_to_group).
    pub async fn remove_from_group(
        &self,
        group: &str,
        users: &[&str],
    ) -> Result<GroupModel, ClientError> {
        let call = self.request(Method::DELETE, &format!("{}/users", group_path(group)));
        self.json(call.json(&json!({ "users": users }))).await
    }

    /// Replaces the free-form properties of a group (`PUT /groups/NAME/properties`, scope `groups`).
    ///
    /// # Errors
    /// [`ClientError::Status`] with 404 when there is no such group.
    pub async fn set_group_properties(
        &self,
        group: &str,
        properties: &Map<String, Value>,
    ) -> Result<GroupModel, ClientError> {
        let call = self.request(Method::PUT, &format!("{}/properties", group_path(group)));
        self.json(call.json(properties)).await
    }
}

/// `/groups/NAME`.
fn group_path(name: &str) -> String {
    format!("/groups/{}", escape(name))
}
