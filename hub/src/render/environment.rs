//! The template engine as the hub's pages need it: loader, escaping, filters and functions.

use std::path::PathBuf;

use hub_types::time;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, TemplateSource, UndefinedBehavior,
    Value, path_loader,
};
use rust_embed::Embed;

use super::nonce::with_nonce;
use crate::assets;

#[derive(Embed)]
#[folder = "templates/"]
struct BuiltIn;

/// Prefix under which a template reaches the built-in one of a name that `template_paths` overrides.
const BUILT_IN_PREFIX: &str = "templates/";

/// The name under which our escaping is registered; see [`write_value`].
const ESCAPING: &str = "markupsafe";

pub(super) fn build(template_paths: &[PathBuf]) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_loader(loader(template_paths));
    environment.set_auto_reload(cfg!(debug_assertions));
    environment.set_auto_escape_callback(|_| AutoEscape::Custom(ESCAPING.into()));
    environment.set_formatter(write_value);
    // A misspelt variable in our own templates is an error; templates written for Jinja count on its leniency.
    environment.set_undefined_behavior(if template_paths.is_empty() {
        UndefinedBehavior::SemiStrict
    } else {
        UndefinedBehavior::Lenient
    });
    environment.add_filter("href", safe_href);
    environment.add_filter("utc", utc);
    environment.add_filter("trusted", trusted);
    environment.add_function("static_url", static_url);
    environment
}

/// `templates/NAME` is the built-in NAME; any other name is looked for in `template_paths` first.
fn loader(
    folders: &[PathBuf],
) -> impl Fn(&str) -> Result<Option<TemplateSource>, Error> + Send + Sync + use<> {
    let folders: Vec<_> = folders.iter().cloned().map(path_loader).collect();
    move |name| {
        if let Some(name) = name.strip_prefix(BUILT_IN_PREFIX) {
            return Ok(built_in(name));
        }
        for folder in &folders {
            if let Some(source) = folder(name)? {
                return Ok(Some(source));
            }
        }
        Ok(built_in(name))
    }
}

fn built_in(name: &str) -> Option<TemplateSource> {
    let file = BuiltIn::get(name)?;
    let source = TemplateSource::new(String::from_utf8_lossy(&file.data).into_owned());
    // In debug builds the file is on disk and may be edited while the hub runs.
    let (name, hash) = (name.to_owned(), file.metadata.sha256_hash());
    Some(source.with_uptodate_check(move || {
        BuiltIn::get(&name).is_some_and(|file| file.metadata.sha256_hash() == hash)
    }))
}

/// Writes a value as Jinja with markupsafe does: the five characters `&<>"'` become entities, and nothing else.
///
/// The engine's own HTML escaping also rewrites `/`, which breaks URLs in places where entities are not decoded. A
/// missing value (`None`) prints nothing.
fn write_value(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    if value.is_none() || value.is_undefined() {
        return Ok(());
    }
    if value.is_safe() || matches!(state.auto_escape(), AutoEscape::None) {
        return write!(out, "{value}").map_err(Error::from);
    }
    match value.as_str() {
        Some(text) => out.write_str(&escape(text)),
        None => out.write_str(&escape(&value.to_string())),
    }
    .map_err(Error::from)
}

/// The five characters that can end text or an attribute value, as entities.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Filter `href`: the value where a link or form may lead, `#` where it would run a script or look like another site.
///
/// Allowed: paths of this host (`/x`, not `//x` or `/\x`) and http(s) URLs. Browsers drop tabs and line ends inside a
/// URL and leading control characters, so a value with any control character is refused too.
fn safe_href(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    let scheme_end = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    let web = scheme_end.starts_with("http://") || scheme_end.starts_with("https://");
    let path = text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/\\");
    if (web || path) && !text.chars().any(char::is_control) {
        text.to_owned()
    } else {
        "#".to_owned()
    }
}

/// Filter `trusted`: markup that an administrator wrote, as it stands; its scripts and styles get the page's nonce.
fn trusted(state: &State, value: &Value) -> Value {
    let nonce = state.lookup("csp_nonce");
    let nonce = nonce.as_ref().and_then(Value::as_str).unwrap_or_default();
    Value::from_safe_string(with_nonce(value.as_str().unwrap_or_default(), nonce))
}

/// Filter `utc`: a timestamp of the wire for people, `22 Nov 2026, 03:30 UTC`.
fn utc(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    match time::parse(text) {
        Some(time) => time.format("%-d %b %Y, %H:%M UTC").to_string(),
        None => text.to_owned(),
    }
}

/// Function `static_url(path)`: address of one of the hub's static files, with its version.
fn static_url(state: &State, path: &str) -> Result<String, Error> {
    let prefix = state.lookup("hub_prefix");
    let prefix = prefix.as_ref().and_then(Value::as_str).ok_or_else(|| {
        Error::new(
            ErrorKind::UndefinedError,
            "static_url needs the variable hub_prefix",
        )
    })?;
    Ok(assets::url(prefix, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_leaves_slashes_alone() {
        assert_eq!(
            escape("</a href='\"&x/y\"'>"),
            "&lt;/a href=&#39;&#34;&amp;x/y&#34;&#39;&gt;"
        );
        let environment = build(&[]);
        let text = environment
            .render_str(
                "{{ '/a/<b>' }} {{ none }} {{ 1 }} {{ '<i>' | safe }} {{ ['<'] }} {{ '<' | e }}",
                (),
            )
            .unwrap();
        assert_eq!(text, "/a/&lt;b&gt;  1 <i> [&#39;&lt;&#39;] &lt;");
    }

    #[test]
    fn links_lead_to_pages_only() {
        for good in [
            "/",
            "/hub/login?next=%2Fhub%2F",
            "http://a.example/x",
            "HTTPS://a.example/",
        ] {
            assert_eq!(safe_href(&Value::from(good)), good);
        }
        for bad in [
            "",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\tscript:x",
            "\u{1}javascript:x",
            "data:text/html,x",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "hub/home",
            "vbscript:x",
            " /x",
        ] {
            assert_eq!(safe_href(&Value::from(bad)), "#", "{bad:?}");
        }
        assert_eq!(safe_href(&Value::from(())), "#");
    }

    #[test]
    fn what_administrators_write_gets_the_nonce() {
        let text = build(&[])
            .render_str(
                "{{ form | trusted }}{{ none | trusted }}",
                minijinja::context! { form => "<script>1</script>", csp_nonce => "a\"b" },
            )
            .unwrap();
        assert_eq!(text, "<script nonce=\"a&#34;b\">1</script>");
    }

    #[test]
    fn times_are_readable() {
        assert_eq!(
            utc(&Value::from("2026-11-02T03:30:07.624000Z")),
            "2 Nov 2026, 03:30 UTC"
        );
        assert_eq!(utc(&Value::from("junk")), "junk");
    }

    #[test]
    fn missing_variables_are_errors_in_built_in_templates() {
        let environment = build(&[]);
        assert!(environment.render_str("{{ nothing }}", ()).is_err());
        assert_eq!(
            environment
                .render_str("{% if nothing %}x{% endif %}", ())
                .unwrap(),
            ""
        );
    }
}
