//! Every page, with ordinary, missing and hostile texts.

use std::collections::BTreeSet;
use std::fs;

use serde_json::json;

use super::pages::{LoginPage, LogoutPage};
use super::{Chrome, ErrorPage, RenderError, RenderOptions, Renderer, samples};
use crate::assets;

const HOSTILE: &str = "'\"><img src=x onerror=alert(1)></title></script><!--{{ 7*7 }}";

fn renderer() -> Renderer {
    Renderer::new(RenderOptions::default()).unwrap()
}

/// A start tag: its name and its attributes, values still as they stand in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn shape(&self) -> String {
        let names: Vec<_> = self
            .attributes
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        format!("{} {}", self.name, names.join(" "))
    }

    fn attribute(&self, wanted: &str) -> Option<String> {
        self.attributes
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| unescape(value))
    }
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

/// Start tags of a document as a browser would see them. Our templates quote every attribute value with `"`, which
/// makes this small reader exact: anything else that looks like a tag is found as one.
fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let end = rest
            .find(|c: char| c.is_whitespace() || c == '>' || c == '/')
            .unwrap_or(rest.len());
        let mut tag = Tag {
            name: rest[..end].to_ascii_lowercase(),
            attributes: Vec::new(),
        };
        rest = &rest[end..];
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
            if rest.is_empty() || rest.starts_with('>') {
                break;
            }
            let end = rest
                .find(|c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/'))
                .unwrap_or(rest.len());
            let name = rest[..end].to_ascii_lowercase();
            rest = &rest[end..];
            let mut value = "";
            if let Some(quoted) = rest.strip_prefix("=\"") {
                let end = quoted.find('"').expect("a value without its closing quote");
                value = &quoted[..end];
                rest = &quoted[end + 1..];
            }
            tag.attributes.push((name, value.to_owned()));
        }
        tags.push(tag);
    }
    tags
}

#[test]
fn every_page_renders_with_full_and_minimal_data() {
    let renderer = renderer();
    for (name, html) in samples::all(&renderer, "ada")
        .into_iter()
        .chain(samples::minimal(&renderer))
    {
        let html = html.unwrap_or_else(|error| panic!("{name}: {error:#}\n{error:?}"));
        assert!(html.starts_with("<!doctype html>"), "{name}: {html}");
        assert!(html.trim_end().ends_with("</html>"), "{name}");
    }
}

#[test]
fn hostile_text_stays_text() {
    let renderer = renderer();
    let ordinary = samples::all(&renderer, "ada");
    let hostile = samples::all(&renderer, HOSTILE);
    for ((name, ordinary), (_, hostile)) in ordinary.into_iter().zip(hostile) {
        let (ordinary, hostile) = (ordinary.unwrap(), hostile.unwrap());
        let shape = |html: &str| tags(html).iter().map(Tag::shape).collect::<Vec<_>>();
        // The page of another user's server differs in its words only.
        assert_eq!(shape(&ordinary), shape(&hostile), "{name}");
        assert!(!hostile.contains("<!--"), "{name}: a comment");
        assert_eq!(hostile.matches("</title>").count(), 1, "{name}");
        assert_eq!(
            hostile.matches("</script>").count(),
            tags(&hostile)
                .iter()
                .filter(|tag| tag.name == "script")
                .count()
        );
        assert!(
            unescape(&hostile).contains(HOSTILE),
            "{name}: the text is shown as it is"
        );
    }
}

#[test]
fn hostile_links_keep_their_target() {
    let html = samples::all(&renderer(), HOSTILE).swap_remove(0).1.unwrap();
    let action = tags(&html)
        .iter()
        .find(|tag| tag.name == "form")
        .and_then(|tag| tag.attribute("action"));
    assert_eq!(action, Some(format!("/hub/login?next={HOSTILE}")));
    for address in ["javascript:alert(1)", "//evil.example", "data:text/html,x"] {
        let page = LoginPage {
            login_service: Some("x".to_owned()),
            authenticator_login_url: Some(address.to_owned()),
            ..LoginPage::default()
        };
        let html = renderer().render(&page).unwrap();
        assert!(!html.contains(address), "{address}");
    }
}

#[test]
fn nothing_inline_and_nothing_from_elsewhere() {
    let renderer = renderer();
    for (name, html) in samples::all(&renderer, "ada") {
        let html = html.unwrap();
        for tag in tags(&html) {
            assert_ne!(tag.name, "style", "{name}");
            assert!(
                tag.name != "script" || tag.attribute("src").is_some(),
                "{name}: inline script"
            );
            for (attribute, value) in &tag.attributes {
                assert!(
                    attribute != "style" && !attribute.starts_with("on"),
                    "{name}: {tag:?}"
                );
                let address = matches!(
                    attribute.as_str(),
                    "src" | "href" | "action" | "data-progress-url"
                );
                assert!(
                    !address
                        || value.is_empty()
                        || (value.starts_with('/') && !value.starts_with("//"))
                        || value.starts_with('#'),
                    "{name}: {tag:?}"
                );
            }
        }
    }
}

#[test]
fn every_static_file_exists_and_the_page_is_light() {
    let renderer = renderer();
    for (name, html) in samples::all(&renderer, "ada") {
        let html = html.unwrap();
        let urls: BTreeSet<String> = tags(&html)
            .iter()
            .filter_map(|tag| tag.attribute("src").or_else(|| tag.attribute("href")))
            .filter(|url| url.contains("/static/"))
            .collect();
        assert!(urls.len() >= 4, "{name}: {urls:?}");
        let mut bytes = html.len();
        for url in urls {
            let (path, version) = url
                .strip_prefix("/hub/static/")
                .and_then(|url| url.split_once("?v="))
                .expect(&url);
            let asset = assets::lookup(path).unwrap_or_else(|| panic!("{name}: {url}"));
            assert_eq!(asset.version(), version);
            bytes += asset.bytes.len();
        }
        assert!(bytes < 60_000, "{name}: {bytes} bytes in all");
    }
}

/// A page that loads itself again takes from people what they read (WCAG 2.2.1): scripts replace a part of it, and without
/// scripts people press "Look again".
#[test]
fn no_page_loads_itself_again_and_each_that_waits_says_how_to_look() {
    let templates = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
    for file in fs::read_dir(templates).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap().to_lowercase();
        assert!(!text.contains("http-equiv"), "{}", path.display());
    }
    for (name, html) in samples::all(&renderer(), "ada") {
        let tags = tags(&html.unwrap());
        let has = |wanted| tags.iter().any(|tag| tag.attribute(wanted).is_some());
        let waits = has("data-refresh") || has("data-wait") || has("data-progress-url");
        let link = tags
            .iter()
            .any(|tag| tag.attribute("id").as_deref() == Some("look-again"));
        assert_eq!(link, waits, "{name}");
    }
}

/// A script reads a page again with the token of a form only; without one it would load the whole page again and again.
#[test]
fn what_looks_again_by_itself_has_the_token_for_it() {
    let mut seen = 0;
    for (name, html) in samples::all(&renderer(), "ada") {
        let tags = tags(&html.unwrap());
        if !tags
            .iter()
            .any(|tag| tag.attribute("data-refresh").is_some())
        {
            continue;
        }
        seen += 1;
        let holds = tags.iter().any(|tag| {
            tag.attribute("data-xsrf")
                .is_some_and(|token| !token.is_empty())
                || tag.attribute("name").as_deref() == Some("_xsrf")
        });
        assert!(holds, "{name}: no token");
    }
    assert!(seen > 3, "{seen} samples wait for something");
}

/// Whether the text of another element is its name.
fn named_by_another(tags: &[Tag], tag: &Tag) -> bool {
    tag.attribute("aria-labelledby").is_some_and(|id| {
        let other = |tag: &Tag| tag.attribute("id").as_ref() == Some(&id);
        tags.iter().any(other)
    })
}

#[test]
fn forms_carry_the_xsrf_token_and_fields_have_labels() {
    for (name, html) in samples::all(&renderer(), "ada") {
        let tags = tags(&html.unwrap());
        let posts = tags
            .iter()
            .filter(|tag| tag.name == "form" && tag.attribute("method").as_deref() == Some("post"))
            .count();
        let hidden = |tag: &&Tag| tag.attribute("name").as_deref() == Some("_xsrf");
        assert_eq!(
            tags.iter().filter(hidden).count(),
            posts,
            "{name}: one _xsrf per form"
        );
        for tag in tags
            .iter()
            .filter(|tag| matches!(tag.name.as_str(), "input" | "select"))
        {
            if tag.attribute("type").as_deref() == Some("hidden")
                || tag.attribute("aria-label").is_some()
                || named_by_another(&tags, tag)
            {
                continue;
            }
            let id = tag.attribute("id").expect("an id");
            let labelled = tags
                .iter()
                .any(|label| label.name == "label" && label.attribute("for").as_ref() == Some(&id));
            assert!(labelled, "{name}: {id}");
        }
        let mut ids = BTreeSet::new();
        for id in tags.iter().filter_map(|tag| tag.attribute("id")) {
            assert!(ids.insert(id.clone()), "{name}: id {id} twice");
        }
    }
}

#[test]
fn folders_of_the_administrator_come_first() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "page.html",
        "{% extends \"templates/page.html\" %}{% block footer %}<footer>{{ motto }} {{ missing }}</footer>{% endblock %}",
    );
    write(
        "logout.html",
        "{% extends \"templates/logout.html\" %}{% block title %}Bye {{ super() }}{% endblock %}",
    );
    write(
        "418.html",
        "{% extends \"error.html\" %}{% block h %}<h1>short and stout</h1>{% endblock %}",
    );
    let template_vars = json!({ "motto": "<i>we & you</i>", "announcement": "<b>hello</b>", "announcement_login": "<b>exam</b>", "site_name": "Physics" });
    let options = RenderOptions {
        template_paths: vec![folder.path().to_owned()],
        template_vars: template_vars.as_object().cloned().unwrap_or_default(),
    };
    let renderer = Renderer::new(options).unwrap();
    let logout = renderer.render(&LogoutPage::default()).unwrap();
    assert!(
        logout.contains("<title>Bye Signed out · Physics</title>"),
        "{logout}"
    );
    assert!(
        logout.contains("<footer>&lt;i&gt;we &amp; you&lt;/i&gt; </footer>"),
        "{logout}"
    );
    assert!(
        logout.contains("<b>hello</b>") && !logout.contains("<b>exam</b>"),
        "{logout}"
    );
    let login = renderer.render(&LoginPage::default()).unwrap();
    assert!(
        login.contains("<b>exam</b>") && !login.contains("<b>hello</b>"),
        "{login}"
    );
    let teapot = renderer.render_error(&ErrorPage::new(
        Chrome::default(),
        http::StatusCode::IM_A_TEAPOT,
        None,
    ));
    assert!(teapot.contains("short and stout"), "{teapot}");
}

#[test]
fn broken_templates_are_named_and_errors_still_shown() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("error.html"), "{% if %}").unwrap();
    let missing = folder.path().join("none");
    let error = Renderer::new(RenderOptions {
        template_paths: vec![missing.clone()],
        ..RenderOptions::default()
    })
    .unwrap_err();
    assert!(
        matches!(&error, RenderError::NoSuchFolder(path) if *path == missing),
        "{error}"
    );

    let options = RenderOptions {
        template_paths: vec![folder.path().to_owned()],
        ..RenderOptions::default()
    };
    let renderer = Renderer::new(options).unwrap();
    let page = ErrorPage::new(Chrome::default(), http::StatusCode::FORBIDDEN, None)
        .with_message("<not> yours");
    let error = renderer.render(&page).unwrap_err().to_string();
    assert!(
        error.starts_with("template error.html: ") && error.contains("error.html:1"),
        "{error}"
    );
    assert!(
        renderer
            .render_error(&page)
            .contains("<h1>403 No access</h1><p>&lt;not&gt; yours</p>")
    );
}
