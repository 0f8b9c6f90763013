//! A person with a browser's habits but without one: cookies by path, forms with `_xsrf`, redirects on request.

use reqwest::Method;
use reqwest::header::COOKIE;

use crate::{Client, Jar, Reply};

/// Longest chain of redirects that is followed. A login through OAuth takes six.
const MAX_HOPS: usize = 20;

/// Sends requests with cookies. One visitor is one browser session.
#[derive(Debug, Clone)]
pub struct Visitor {
    client: Client,
    base: String,
    /// The cookies this visitor holds.
    pub jar: Jar,
    /// The path of every page of the last [`Visitor::follow`], redirects included.
    pub hops: Vec<String>,
}

impl Visitor {
    /// A visitor of the deployment at `base` (for example `/` or `/hub-a/`) of the client's origin.
    #[must_use]
    pub fn new(client: Client, base: &str) -> Self {
        Self {
            client: client.html(),
            base: base.to_owned(),
            jar: Jar::default(),
            hops: Vec::new(),
        }
    }

    /// `path` below the base URL: `hub/login` becomes `/hub-a/hub/login`; absolute paths and URLs stay.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        if path.starts_with('/') || path.contains("://") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        }
    }

    /// Sends one request, keeps the cookies of the reply, follows nothing.
    ///
    /// # Panics
    /// When there is no reply.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        form: Option<&[(String, String)]>,
    ) -> Reply {
        self.try_send(method, path, form)
            .await
            .unwrap_or_else(|error| panic!("no reply: {error:?}"))
    }

    /// The same; an error when there is no reply.
    ///
    /// # Errors
    /// What went wrong below HTTP.
    pub async fn try_send(
        &mut self,
        method: Method,
        path: &str,
        form: Option<&[(String, String)]>,
    ) -> Result<Reply, reqwest::Error> {
        let path = self.path(path);
        let url = self.client.url(&path);
        let host = url.host_str().unwrap_or_default();
        let mut request = self.client.request(method, &path);
        if let Some(cookies) = self.jar.header_at(host, url.path()) {
            request = request.header(COOKIE, cookies);
        }
        if let Some(form) = form {
            request = request.form(form);
        }
        let reply = self.client.try_send(request).await?;
        self.jar.store(host, &reply.headers);
        Ok(reply)
    }

    /// GET, without following a redirect.
    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    /// GET, following redirects to the end.
    ///
    /// # Panics
    /// When there is no end.
    pub async fn follow(&mut self, path: &str) -> Reply {
        self.hops = vec![self.path(path)];
        let reply = self.get(path).await;
        self.follow_on(reply).await
    }

    /// Follows the redirects that start with `reply`.
    async fn follow_on(&mut self, mut reply: Reply) -> Reply {
        while (300..400).contains(&reply.status) {
            assert!(self.hops.len() < MAX_HOPS, "no end: {:#?}", self.hops);
            let next = reply
                .url
                .join(reply.location())
                .expect("a location is a URL");
            self.hops.push(next.path().to_owned());
            reply = self.get(next.as_str()).await;
        }
        reply
    }

    /// Fills in the form of `page` (its hidden fields are sent along) and posts it to `action`; follows nothing.
    pub async fn submit(&mut self, page: &Reply, action: &str, fields: &[(&str, &str)]) -> Reply {
        let mut form = page.hidden_fields();
        form.extend(
            fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        self.send(Method::POST, action, Some(&form)).await
    }

    /// Logs in through the login page and gives back the reply to its form: 302 when it worked, 403 when not.
    pub async fn try_login(&mut self, user: &str, password: &str) -> Reply {
        let page = self.get("hub/login?next=").await.expect(200);
        self.submit(
            &page,
            "hub/login?next=",
            &[("username", user), ("password", password)],
        )
        .await
    }

    /// Logs in.
    ///
    /// # Panics
    /// When it does not work.
    pub async fn login(&mut self, user: &str, password: &str) {
        let reply = self.try_login(user, password).await;
        assert_eq!(reply.status, 302, "{user} cannot log in: {reply:#?}");
    }

    /// Opens a page and, when a confirmation of the hub comes in between, agrees to it as a person would.
    pub async fn open(&mut self, path: &str) -> Reply {
        let page = self.follow(path).await;
        if page.status != 200 || !page.url.path().ends_with("/api/oauth2/authorize") {
            return page;
        }
        let action = page.url.to_string();
        let reply = self.submit(&page, &action, &[]).await;
        self.follow_on(reply).await
    }

    /// Logs out.
    pub async fn logout(&mut self) -> Reply {
        self.follow("hub/logout").await
    }
}
