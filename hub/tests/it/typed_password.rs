//! `hub hash-password` at a terminal.

use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;

use crate::scene::launcher;

#[test]
fn a_terminal_shows_what_is_typed_again_whatever_stops_the_program() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let terminal = openpty(None, None).unwrap();
        let echo = || {
            let settings = tcgetattr(&terminal.master).unwrap();
            settings.local_flags.contains(LocalFlags::ECHO)
        };
        assert!(echo());
        let mut child = Command::new(launcher())
            .arg("hash-password")
            .stdin(terminal.slave.try_clone().unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut prompt = [0; 9];
        child
            .stderr
            .as_mut()
            .unwrap()
            .read_exact(&mut prompt)
            .unwrap();
        assert_eq!(&prompt, b"Password:");
        assert!(!echo());
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        kill(pid, signal).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(signal as i32), "{status}");
        assert!(echo(), "{signal}");
    }
}
