//! API tokens of users.

use http::Method;
use hub_types::names::escape;
use hub_types::secret::Token;
use hub_types::token::{NewToken, TokenModel};
use serde::Deserialize;

use super::users::user_path;
use super::{ClientError, HubClient};

impl HubClient {
    /// The tokens of a user (`GET /users/NAME/tokens`, scope `read:tokens`), without their secrets.
    ///
    /// # Errors
    /// [`ClientError::Status`] with 404 when there is no such user.
    pub async fn tokens(&self, user: &str) -> Result<Vec<TokenModel>, ClientError> {
        #[derive(Deserialize)]
        struct Reply {
            api_tokens: Vec<TokenModel>,
        }
        let path = format!("{}/tokens", user_path(user));
        let reply: Reply = self.json(self.request(Method::GET, &path)).await?;
        Ok(reply.api_tokens)
    }

    /// One token of a user (`GET /users/NAME/tokens/ID`, scope `read:tokens`); `None` when there is none (404).
    ///
    /// # Errors
    /// [`ClientError`], as every call.
    pub async fn token(&self, user: &str, id: &str) -> Result<Option<TokenModel>, ClientError> {
        self.found(self.request(Method::GET, &token_path(user, id)))
            .await
    }

    /// Makes a token for a user (`POST /users/NAME/tokens`, scope `tokens`). The secret is told only here; in the model it
    /// is left out, so that the model can be logged and kept.
    ///
    /// # Errors
    /// [`ClientError::Status`] with 400 when a scope is unknown or not the user's, 404 when there is no such user;
    /// [`ClientError::BadReply`] when the hub tells no secret.
    pub async fn create_token(
        &self,
        user: &str,
        new: &NewToken,
    ) -> Result<(Token, TokenModel), ClientError> {
        let path = format!("{}/tokens", user_path(user));
        let call = self.request(Method::POST, &path).json(new);
        let url = call.url.clone();
        let mut model: TokenModel = self.json(call).await?;
        match model.token.take() {
            Some(secret) => Ok((Token::from_config(secret), model)),
            None => Err(ClientError::BadReply {
                url,
                reason: "it tells no token".to_owned(),
            }),
        }
    }

    /// Revokes a token of a user (`DELETE /users/NAME/tokens/ID`, scope `tokens`).
    ///
    /// # Errors
    /// [`ClientError::Status`] with 404 when there is none.
    pub async fn revoke_token(&self, user: &str, id: &str) -> Result<(), ClientError> {
        self.status(self.request(Method::DELETE, &token_path(user, id)))
            .await
            .map(drop)
    }
}

/// `/users/NAME/tokens/ID`.
fn token_path(user: &str, id: &str) -> String {
    format!("{}/tokens/{}", user_path(user), escape(id))
}
