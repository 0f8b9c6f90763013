//! A password that somebody types for `hub hash-password`: without showing it, and twice.

use std::io::{self, BufRead, IsTerminal as _, Write as _};
use std::os::fd::AsFd;

use hub_types::secret::Token;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::SignalFd;
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

/// What stops a program at a terminal, or from elsewhere.
const STOPS: [Signal; 5] = [
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGTSTP,
];

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

/// Signals that wait until the terminal is as it was.
struct Held {
    /// Those that waited already.
    before: SigSet,
    arrived: SignalFd,
}

impl Held {
    fn begin() -> nix::Result<Self> {
        let signals: SigSet = STOPS.into_iter().collect();
        let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Self {
            before,
            arrived: SignalFd::new(&signals)?,
        })
    }

    /// Waits until something is typed; false when a signal comes first.
    fn until_typed(&self) -> nix::Result<bool> {
        let stdin = io::stdin();
        let mut both = [
            PollFd::new(self.arrived.as_fd(), PollFlags::POLLIN),
            PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
        ];
        loop {
            match poll(&mut both, PollTimeout::NONE) {
                // As after a stop from elsewhere.
                Err(Errno::EINTR) => {}
                polled => {
                    polled?;
                    return Ok(!both[0].any().unwrap_or(false));
                }
            }
        }
    }
}

impl Drop for Held {
    /// What has arrived does its work now.
    fn drop(&mut self) {
        let _ = self.before.thread_set_mask();
    }
}

fn ask(prompt: &str) -> Result<Token, String> {
    let said = |text: &str| {
        let mut stderr = io::stderr();
        let _ = stderr
            .write_all(text.as_bytes())
            .and_then(|()| stderr.flush());
    };
    let cannot = |error: nix::Error| format!("cannot hide the password: {error}");
    // Let go of in this order: the terminal first.
    let held = Held::begin().map_err(cannot)?;
    let hidden = Hidden::begin().map_err(cannot)?;
    said(prompt);
    let typed = match held.until_typed().map_err(cannot)? {
        true => line(&mut io::stdin().lock()),
        false => Err("stopped; nothing was made".to_owned()),
    };
    said("\n");
    drop(hidden);
    drop(held);
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
