//! The hub's pages as HTML.
//!
//! A page is a struct of [`pages`] with the name of its template; [`Renderer::render`] puts the [`Chrome`] that all
//! pages share around it. Templates are in `hub/templates` (embedded in release builds, read from disk in debug ones);
//! folders of `template_paths` come first, and a template there may extend the built-in one as
//! `{% extends "templates/page.html" %}`.
//!
//! To add a page: a template that extends `page.html`, a struct in [`pages`], an entry in `tests::every_page`.
//! The rules that the tests keep: no inline script, style or event handler, no address outside the hub, everything
//! escaped unless an administrator wrote it. What an administrator writes may have scripts and styles of its own: they
//! carry the page's nonce.

pub mod error_page;
pub mod pages;

mod environment;
mod nonce;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use hub_types::names;
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, Value};
use serde::Serialize;
use serde_json::{Map, json};

use crate::assets;
use crate::config::JupyterHub;

pub use error_page::{ErrorPage, Link};

/// What all pages share: who is looking, where the hub is, what the navigation shows.
///
/// In templates: `prefix` (the base URL), `hub_prefix` (also as `base_url`, the name that JupyterHub's templates use for
/// it), `user` (null, or `name`, `escaped_name`, `admin`, `administers_services`), `xsrf`, `services`, `version`, `announcement`, `announced`, `login_url`,
/// `logout_url`, `logo_url`, `site_name`, `page_id` (the template's name without `.html`), `csp_nonce`,
/// `static_url(path)`.
#[derive(Clone, Default, PartialEq)]
pub struct Chrome {
    /// Base URL of the deployment, with both slashes: `/` or `/prefix/`.
    pub base_url: String,
    /// Prefix of the hub's own pages: `{base_url}hub/`.
    pub hub_prefix: String,
    /// Name of the user who is logged in.
    pub user: Option<String>,
    /// Whether the navigation links to the admin page.
    pub admin: bool,
    /// Whether the navigation links to the page that tells how services are.
    pub administers_services: bool,
    /// Value of the `_xsrf` cookie that goes with this page, for the hidden field of its forms.
    pub xsrf: String,
    /// What `<script>` and `<style>` elements need that stand in the page itself: the policy of its answer names it.
    pub nonce: String,
    /// Services that this user may open.
    pub services: Vec<NavService>,
    /// Version in the footer.
    pub version: String,
    /// Markup that an administrator wrote, shown as it is above the page. `announcement_<page>` and `announcement` of
    /// `template_vars` replace it.
    pub announcement: Option<String>,
    /// What a service says above the page, as text.
    pub announced: Option<String>,
}

impl std::fmt::Debug for Chrome {
    /// Without the `_xsrf` value, which is as good as the cookie, and the nonce.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chrome")
            .field("hub_prefix", &self.hub_prefix)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// A service in the navigation and on the home page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NavService {
    /// What the link says.
    pub name: String,
    /// Where it leads: a path, or an http(s) URL; anything else becomes a link to nowhere.
    pub href: String,
}

/// A page: data for one template.
pub trait Page: Serialize {
    /// File name of the template.
    const TEMPLATE: &'static str;

    /// What the page shares with all others.
    fn chrome(&self) -> &Chrome;

    /// A template that is used instead if it exists, such as `404.html` for one kind of error.
    fn special_template(&self) -> Option<String> {
        None
    }
}

/// Why a page could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A folder of `template_paths` is not there.
    #[error("template_paths: {path} is not a folder; create it or remove it from the configuration", path = .0.display())]
    NoSuchFolder(PathBuf),
    /// The page's data could not be turned into template variables.
    #[error("page {template}: its data cannot be serialised: {source}")]
    Data {
        /// The page's template.
        template: &'static str,
        /// What serde said.
        source: serde_json::Error,
    },
    /// The template is missing, malformed, or uses a variable that does not exist.
    #[error("template {template}: {source}; if it is your own, compare it with the built-in one")]
    Template {
        /// The template that was asked for.
        template: String,
        /// What the template engine said, with file and line.
        source: minijinja::Error,
    },
}

/// What an administrator may change about the pages.
#[derive(Debug, Clone, Default)]
pub struct RenderOptions {
    /// Folders that are searched for templates before the built-in ones, first wins.
    pub template_paths: Vec<PathBuf>,
    /// Extra variables of every template. `site_name` and `logo_url` rename and rebrand the hub.
    pub template_vars: Map<String, serde_json::Value>,
}

impl RenderOptions {
    /// What the configuration says. A logo of one's own is served by the hub under `/hub/logo`.
    #[must_use]
    pub fn of(hub: &JupyterHub) -> Self {
        let mut vars = hub.template_vars.clone();
        if hub.logo_file.is_some() {
            let url = format!("{}logo", hub.base_url().hub());
            vars.entry("logo_url").or_insert_with(|| url.into());
        }
        Self {
            template_paths: hub.template_paths.clone(),
            template_vars: vars,
        }
    }
}

/// Renders pages; cheap to share, safe to use from many threads.
#[derive(Debug)]
pub struct Renderer {
    environment: Environment<'static>,
    vars: Map<String, serde_json::Value>,
}

impl Renderer {
    /// Prepares the template engine.
    ///
    /// # Errors
    /// When a folder of `template_paths` does not exist.
    pub fn new(options: RenderOptions) -> Result<Self, RenderError> {
        if let Some(path) = options.template_paths.iter().find(|path| !path.is_dir()) {
            return Err(RenderError::NoSuchFolder(path.clone()));
        }
        Ok(Self {
            environment: environment::build(&options.template_paths),
            vars: options.template_vars,
        })
    }

    /// Renders `page`.
    ///
    /// # Errors
    /// When its template is missing, malformed, or prints a variable that does not exist.
    pub fn render<P: Page>(&self, page: &P) -> Result<String, RenderError> {
        let context = self.context(page)?;
        if let Some(name) = page.special_template() {
            match self.environment.get_template(&name) {
                Err(error) if error.kind() == ErrorKind::TemplateNotFound => {}
                Err(source) => {
                    return Err(RenderError::Template {
                        template: name,
                        source,
                    });
                }
                Ok(_) => return self.render_named(&name, context),
            }
        }
        self.render_named(P::TEMPLATE, context)
    }

    /// Renders an error page; never fails: where even its template is broken, a bare page says what `page` says.
    #[must_use]
    pub fn render_error(&self, page: &ErrorPage) -> String {
        self.render(page).unwrap_or_else(|error| {
            tracing::error!(%error, "the error page itself cannot be rendered");
            page.bare()
        })
    }

    fn render_named(
        &self,
        name: &str,
        context: Map<String, serde_json::Value>,
    ) -> Result<String, RenderError> {
        let rendered = self
            .environment
            .get_template(name)
            .and_then(|template| template.render(Value::from(Serde(context))));
        rendered.map_err(|source| RenderError::Template {
            template: name.to_owned(),
            source,
        })
    }

    /// Variables of a page: defaults and chrome, then `template_vars`, then the page's own.
    fn context<P: Page>(&self, page: &P) -> Result<Map<String, serde_json::Value>, RenderError> {
        let page_id = P::TEMPLATE.trim_end_matches(".html");
        let mut context = chrome_variables(page.chrome(), page_id);
        context.extend(
            self.vars
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        if let Some(text) = self.vars.get(&format!("announcement_{page_id}")) {
            context.insert("announcement".to_owned(), text.clone());
        }
        match serde_json::to_value(page) {
            Ok(serde_json::Value::Object(own)) => context.extend(own),
            Ok(_) => {}
            Err(source) => {
                return Err(RenderError::Data {
                    template: P::TEMPLATE,
                    source,
                });
            }
        }
        Ok(context)
    }
}

fn chrome_variables(chrome: &Chrome, page_id: &str) -> Map<String, serde_json::Value> {
    let hub = &chrome.hub_prefix;
    let user = chrome.user.as_ref().map(
        |name| json!({ "name": name, "escaped_name": names::escape(name), "admin": chrome.admin, "administers_services": chrome.administers_services }),
    );
    let variables = json!({
        "site_name": "Hub",
        "page_id": page_id,
        "prefix": chrome.base_url,
        "base_url": hub,
        "hub_prefix": hub,
        "user": user,
        "xsrf": chrome.xsrf,
        "csp_nonce": chrome.nonce,
        "services": chrome.services,
        "version": chrome.version,
        "announcement": chrome.announcement,
        "announced": chrome.announced,
        "login_url": format!("{hub}login"),
        "logout_url": format!("{hub}logout"),
        "logo_url": assets::url(hub, "img/logo.svg"),
    });
    match variables {
        serde_json::Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// `Content-Security-Policy` of one answer: nothing inline but what has its nonce, nothing from elsewhere.
///
/// There is no `form-action`: browsers apply it to the redirects after a form too, and the login and consent forms may
/// well end at a service on another host.
#[must_use]
pub fn content_security_policy(hub_prefix: &str, nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; \
         img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; \
         report-uri {hub_prefix}security/csp-report"
    )
}
