//! The page's nonce in markup that an administrator wrote: an options form, an announcement.

use super::environment::escape;

/// Elements whose start tag gets the nonce.
const RUN: [&str; 2] = ["script", "style"];

/// Elements whose content is text, whatever it looks like. Source: "Parsing HTML fragments" of the HTML standard, for a
/// browser that runs scripts.
const TEXT: [&str; 9] = [
    "script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "noscript",
];

/// Adds `nonce` to the start tag of every `<script>` and `<style>`, and to nothing that only looks like one: not inside a
/// script's own text, the value of an attribute, a comment or a text field. One that has a nonce already keeps its own out:
/// of two attributes of a name, browsers take the first.
///
/// A script that holds `<!--` and a `<script>` after it ends later for browsers than it does here; what follows it then gets a
/// nonce that it does not need.
pub(super) fn with_nonce(html: &str, nonce: &str) -> String {
    let attribute = format!(" nonce=\"{}\"", escape(nonce));
    let mut written = String::with_capacity(html.len() + 64);
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let (before, markup) = rest.split_at(start);
        written.push_str(before);
        let (taken, name) = tag(markup);
        let (taken, after) = markup.split_at(taken);
        let runs = name.is_some_and(|name| RUN.iter().any(|runs| name.eq_ignore_ascii_case(runs)));
        match name.filter(|_| runs) {
            Some(name) => {
                written.push_str(&taken[..=name.len()]);
                written.push_str(&attribute);
                written.push_str(&taken[1 + name.len()..]);
            }
            None => written.push_str(taken),
        }
        let text = name.map_or(0, |name| text_length(after, name));
        written.push_str(&after[..text]);
        rest = &after[text..];
    }
    written.push_str(rest);
    written
}

/// How long the piece of markup at the start of `markup`, a `<`, is, and its name if it is a start tag.
fn tag(markup: &str) -> (usize, Option<&str>) {
    let inner = &markup[1..];
    let to = |end: &str| {
        inner
            .find(end)
            .map_or(markup.len(), |at| 1 + at + end.len())
    };
    if let Some(comment) = inner.strip_prefix("!--") {
        // Two that browsers take for whole.
        let whole = [(">", 5), ("->", 6)];
        let whole = whole.iter().find(|(end, _)| comment.starts_with(end));
        return (whole.map_or_else(|| to("-->"), |(_, length)| *length), None);
    }
    if inner.starts_with(['!', '?']) {
        return (to(">"), None);
    }
    let closes = inner.starts_with('/');
    let named = &inner[usize::from(closes)..];
    if !named.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return (1, None);
    }
    let name = named.find(ends_name).map_or(named, |end| &named[..end]);
    let before = 1 + usize::from(closes) + name.len();
    match attributes_length(&markup[before..]) {
        Some(length) => (before + length, (!closes).then_some(name)),
        None => (markup.len(), None),
    }
}

fn ends_name(c: char) -> bool {
    c.is_ascii_whitespace() || matches!(c, '>' | '/')
}

/// How long the attributes of a tag are, with its `>`; `None` when it has no end. A quote counts only where a value begins.
fn attributes_length(text: &str) -> Option<usize> {
    let (mut quote, mut value_begins) = (None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '>') => return Some(at + 1),
            (None, '"' | '\'') if value_begins => (quote, value_begins) = (Some(c), false),
            (None, '=') => value_begins = true,
            (None, c) if c.is_ascii_whitespace() => {}
            (None, _) => value_begins = false,
        }
    }
    None
}

/// How much of what follows the start tag of an element is text.
fn text_length(after: &str, name: &str) -> usize {
    if !TEXT.iter().any(|text| name.eq_ignore_ascii_case(text)) {
        return 0;
    }
    let ends = |at: &usize| {
        let closing = &after[at + 2..];
        let head = closing.get(..name.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(name))
            && closing[name.len()..].starts_with(ends_name)
    };
    let mut closings = after.match_indices("</").map(|(at, _)| at);
    closings.find(ends).unwrap_or(after.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_administrators_write_gets_the_nonce() {
        for (written, expected) in [
            ("", ""),
            ("1 < 2", "1 < 2"),
            ("<", "<"),
            ("<b>é</b>", "<b>é</b>"),
            ("<script>x</script>", "<script nonce=\"n\">x</script>"),
            (
                "<SCRIPT src=/a></SCRIPT><style\n>p{}</style>",
                "<SCRIPT nonce=\"n\" src=/a></SCRIPT><style nonce=\"n\"\n>p{}</style>",
            ),
            (
                "<p title='a>b' class=\"<\"><script/>x</script>",
                "<p title='a>b' class=\"<\"><script nonce=\"n\"/>x</script>",
            ),
            ("<a href=a'b><style>", "<a href=a'b><style nonce=\"n\">"),
            ("<!--> <style></style>", "<!--> <style nonce=\"n\"></style>"),
        ] {
            assert_eq!(with_nonce(written, "n"), expected);
        }
        assert_eq!(with_nonce("<style>", "a\"b"), "<style nonce=\"a&#34;b\">");
    }

    #[test]
    fn what_only_looks_like_a_script_stays_as_it_is() {
        for text in [
            "<scripted><stylé>",
            "</script></style>",
            "<!-- <script>x</script> --> <p>",
            "<!doctype script>",
            "<textarea><script>x</script></textarea>",
            "<input value=\"<script>\" title='<style>'>",
            "<input value = \"'<script>\">",
            "< script>",
            "<script",
            "<script src='>",
        ] {
            assert_eq!(with_nonce(text, "n"), text);
        }
        let script =
            "list.innerHTML = '<style>p {}</style>'; if (a<b) x('<script>' + \"</scripts>\")";
        let html = format!(
            "<script>{script}</script><p><style>a::after {{ content: '<script>' }}</style>"
        );
        let expected = format!(
            "<script nonce=\"n\">{script}</script><p><style nonce=\"n\">a::after {{ content: '<script>' }}</style>"
        );
        assert_eq!(with_nonce(&html, "n"), expected);
    }
}
