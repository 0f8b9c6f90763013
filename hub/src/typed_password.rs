//! A password that somebody types for `hub hash-password`: without showing it, and twice.

use std::io::{self, BufRead, IsTerminal as _, Write as _};
use std::os::fd::AsFd;

use hub_types::secret::Token;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

/// The password: asked for twice at a terminal, else the first line of standard input.
///
/// # Errors
/// When there is none, or the two differ.
pub fn read() -> Result<Token, String> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return line(&mut stdin.lock());
    }
    let first = ask("Password: ")?;
    if ask("Again: ")? != first {
        return Err("the two passwords differ; nothing was made".to_owned());
    }
    Ok(first)
}

/// The terminal's settings, put back in the end.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> nix::Result<Self> {
        let before = tcgetattr(io::stdin().as_fd())?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(io::stdin().as_fd(), SetArg::TCSAFLUSH, &hidden)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // Nobody is left to be told when even this cannot be done.
        let _ = tcsetattr(io::stdin().as_fd(), SetArg::TCSAFLUSH, &self.0);
    }
}

fn ask(prompt: &str) -> Result<Token, String> {
    let said = |text: &str| {
        let mut stderr = io::stderr();
        let _ = stderr
            .write_all(text.as_bytes())
            .and_then(|()| stderr.flush());
    };
    let _hidden = Hidden::begin().map_err(|error| format!("cannot hide the password: {error}"))?;
    said(prompt);
    let typed = line(&mut io::stdin().lock());
    said("\n");
    typed
}

/// The next line without its end.
fn line(input: &mut impl BufRead) -> Result<Token, String> {
    let mut line = String::new();
    input
        .read_line(&mut line)
        .map_err(|error| format!("cannot read the password: {error}"))?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    match line.is_empty() {
        true => Err("the password is empty; nothing was made".to_owned()),
        false => Ok(Token::from_config(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_password_with_its_spaces() {
        for (input, expected) in [
            ("secret\n", Some("secret")),
            (" two words \r\nmore", Some(" two words ")),
            ("no end", Some("no end")),
            ("\n", None),
            ("", None),
        ] {
            let read = line(&mut input.as_bytes()).ok();
            assert_eq!(read.as_ref().map(Token::expose), expected, "{input:?}");
        }
    }
}
