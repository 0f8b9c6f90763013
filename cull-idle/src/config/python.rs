//! jupyterhub-idle-culler's own file, as far as it is data: `c.IdleCuller.timeout = 3600`.

use super::Draft;

/// Reads the assignments of a file.
pub(super) fn read(draft: &mut Draft<'_>) {
    let mut at = 0;
    for line in draft.text.split_inclusive('\n') {
        if let Err(why) = statement(draft, at, line.trim_end()) {
            draft.wrong(at, why);
        }
        at += line.len();
    }
}

/// Takes one line, or says why it is not understood.
fn statement(draft: &mut Draft<'_>, at: usize, line: &str) -> Result<(), String> {
    let bare = line.split('#').next().unwrap_or_default().trim_end();
    if bare.is_empty() || matches!(bare, "c = get_config()" | "c=get_config()") {
        return Ok(());
    }
    let refused = || {
        format!(
            "Python is not run here, and this is no plain assignment such as c.IdleCuller.timeout = 3600: {}",
            crate::report::Quoted(line.trim())
        )
    };
    let (target, value) = line.split_once('=').ok_or_else(refused)?;
    let parts: Vec<&str> = target.trim_end().split('.').collect();
    let (["c", "IdleCuller", key] | ["c", "Application", key @ "log_level"]) = parts[..] else {
        return Err(refused());
    };
    if key == "cull_arbiter_hook" {
        return Err(
            "a hook in Python cannot be run here; say what it does by rules in a TOML file (--config=culler.toml)".into(),
        );
    }
    let value = literal(value).ok_or_else(refused)?;
    draft.set(at, key, &value);
    Ok(())
}

/// A value that needs no Python: a text, yes or no, a number or a product of numbers.
fn literal(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(quote @ ('"' | '\'')) = text.chars().next() {
        let (inside, rest) = text[1..].split_once(quote)?;
        let rest = rest.trim();
        let ends = rest.is_empty() || rest.starts_with('#');
        return (ends && !inside.contains('\\')).then(|| inside.to_owned());
    }
    match text.split('#').next()?.trim() {
        "True" => Some("true".to_owned()),
        "False" => Some("false".to_owned()),
        product => product
            .split('*')
            .map(|factor| factor.trim().replace('_', "").parse::<u64>().ok())
            .try_fold(1_u64, |product, factor| product.checked_mul(factor?))
            .map(|product| product.to_string()),
    }
}
