//! `--Class.trait=value`: taken out of the arguments before clap sees them.

use std::ffi::OsString;

use crate::config::load::Flag;

/// Subcommands that read their arguments themselves.
const OTHERS: &[&str] = &["proxy", "cull-idle", "whoami", "demo-server", "launch"];

/// Arguments without the flags that set traits, and those flags.
#[derive(Debug, PartialEq)]
pub(super) struct Split {
    pub(super) rest: Vec<OsString>,
    pub(super) flags: Vec<Flag>,
}

/// Splits the arguments; the first is the program's name.
pub(super) fn split(args: impl IntoIterator<Item = OsString>) -> Split {
    let mut args = args.into_iter();
    let mut rest: Vec<OsString> = args.by_ref().take(1).collect();
    let mut flags = Vec::new();
    while let Some(arg) = args.next() {
        let others = rest.len() == 1 && arg.to_str().is_some_and(|name| OTHERS.contains(&name));
        if arg == "--" || others {
            rest.push(arg);
            break;
        }
        match arg.to_str().and_then(named) {
            Some((class, name, Some(value))) => {
                flags.push(Flag::new(class, name, value, &format!("--{class}.{name}")));
            }
            Some((class, name, None)) => {
                let value = args
                    .next()
                    .map(|value| value.to_string_lossy().into_owned());
                let typed = format!("--{class}.{name}");
                flags.push(Flag::new(class, name, value.unwrap_or_default(), &typed));
            }
            None => rest.push(arg),
        }
    }
    rest.extend(args);
    Split { rest, flags }
}

/// Class, trait and, if it follows, the value of a flag that sets a trait.
fn named(arg: &str) -> Option<(&str, &str, Option<&str>)> {
    let body = arg.strip_prefix("--")?;
    let (key, value) = match body.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (body, None),
    };
    let (class, name) = key.split_once('.')?;
    let word = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    (word(class) && word(name)).then_some((class, name, value))
}
