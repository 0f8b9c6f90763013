//! A visitor with cookies, before a proxy that is only imagined: paths under the hub go to the hub, others to the service.

use std::collections::BTreeMap;

use reqwest::header::{ACCEPT, COOKIE, LOCATION, SET_COOKIE};
use services::supervisor::probe_client;

pub(crate) struct Visitor {
    http: reqwest::Client,
    hub: String,
    service: String,
    cookies: BTreeMap<String, String>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) path: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl Visitor {
    pub(crate) fn new(hub: &str, service: &str) -> Self {
        Self {
            http: probe_client().unwrap(),
            hub: hub.to_owned(),
            service: service.to_owned(),
            cookies: BTreeMap::new(),
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        let origin = if path.starts_with("/hub/") {
            &self.hub
        } else {
            &self.service
        };
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let reply = self
            .http
            .get(format!("{origin}{path}"))
            .header(ACCEPT, "text/html,*/*;q=0.8")
            .header(COOKIE, cookies.join("; "))
            .send()
            .await
            .unwrap();
        for cookie in reply.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Reply {
            status: reply.status().as_u16(),
            headers: reply.headers().clone(),
            path: path.to_owned(),
            body: reply.text().await.unwrap(),
        }
    }

    /// Goes where redirects lead, as long as they lead to us or the hub.
    pub(crate) async fn open(&mut self, path: &str) -> Reply {
        let mut reply = self.get(path).await;
        for _ in 0..10 {
            let Some(location) = reply.headers.get(LOCATION) else {
                return reply;
            };
            let location = location.to_str().unwrap();
            let path = location
                .strip_prefix(&self.hub)
                .unwrap_or(location)
                .to_owned();
            reply = self.get(&path).await;
        }
        panic!("redirected for ever: {reply:?}");
    }
}
