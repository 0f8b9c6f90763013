//! Requests to a hub of a test, and its answers.

use std::task::Poll;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, request};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{Browser, Hub};
use crate::watch::Asked;

/// A request under way.
pub(crate) struct Call<'a> {
    pub(super) hub: &'a Hub,
    pub(super) request: request::Builder,
    pub(super) body: Body,
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn browser(self, browser: &Browser) -> Self {
        self.header("cookie", &browser.cookies)
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = Body::from(body.to_string());
        self.header("content-type", "application/json")
    }

    pub(crate) fn bytes(mut self, body: &[u8]) -> Self {
        self.body = Body::from(body.to_vec());
        self
    }

    pub(crate) fn text(mut self, body: &str) -> Self {
        self.body = Body::from(body.to_owned());
        self
    }

    pub(crate) fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.body = Body::from(body);
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// A form with files: names, file names (none for a text) and values.
    pub(crate) fn multipart(mut self, parts: &[(&str, Option<&str>, &[u8])]) -> Self {
        let mut body = Vec::new();
        for (name, file, value) in parts {
            let file = file.map_or_else(String::new, |file| {
                format!("; filename=\"{file}\"\r\nContent-Type: text/plain")
            });
            let head =
                format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
            body.extend(head.as_bytes());
            body.extend(*value);
            body.extend(b"\r\n");
        }
        body.extend(b"--edge--\r\n");
        self.body = Body::from(body);
        self.header("content-type", "multipart/form-data; boundary=edge")
    }

    /// Sends, and goes away when something has happened for the `turns`th time for which the handler waits: it never
    /// hears of that. The status, if the answer came before.
    pub(crate) async fn gone_after(self, turns: usize) -> Option<StatusCode> {
        let request = self.request.body(self.body).unwrap();
        let mut answer = Box::pin(self.hub.app.clone().oneshot(request));
        let mut left = turns;
        let answer = std::future::poll_fn(|context| {
            if left == 0 {
                return Poll::Ready(None);
            }
            left -= 1;
            answer.as_mut().poll(context).map(Some)
        });
        answer.await.map(|response| response.unwrap().status())
    }

    pub(crate) async fn send(self) -> Reply {
        let request = self.request.body(self.body).unwrap();
        let asked = Asked::of(&request);
        let response = self.hub.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let reply = Reply {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        };
        self.hub.seen.note(asked, &reply);
        reply
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }

    /// The cookies that it sets, by name, with all that follows their names.
    pub(crate) fn set_cookies(&self) -> Vec<(String, String)> {
        let lines = self.headers.get_all("set-cookie").iter();
        lines
            .map(|line| line.to_str().unwrap().split_once('=').unwrap())
            .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
            .collect()
    }

    /// The value of a cookie that it sets.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.set_cookies();
        let (_, rest) = cookies.into_iter().find(|(key, _)| key == name)?;
        Some(rest.split(';').next().unwrap_or_default().to_owned())
    }

    /// An argument of the query in `Location`.
    pub(crate) fn location_argument(&self, name: &str) -> Option<String> {
        let (_, query) = self.header("location").split_once('?')?;
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Status and message of an error.
    pub(crate) fn error(&self) -> (u16, Option<String>) {
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16(), "{self:?}");
        (
            self.status.as_u16(),
            body["message"].as_str().map(ToOwned::to_owned),
        )
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }
}
