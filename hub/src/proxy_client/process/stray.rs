//! A proxy of an earlier hub that no row tells of: its database was in memory, or is gone. Upstream knows all its proxies so.

use services::process::ProcessRecord;

use crate::config::Config;

/// Every proxy that a hub has started has this option.
const OPTION: &str = "--error-target";

/// The process that the pid file names, if it is a proxy that a hub has started.
pub(super) fn find(config: &Config) -> Option<ProcessRecord> {
    let text = std::fs::read_to_string(&config.proxy.pid_file).ok()?;
    let pid: u32 = text.trim().parse().ok()?;
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let arguments = String::from_utf8_lossy(&arguments);
    let arguments: Vec<&str> = arguments.split('\0').collect();
    let program = match &config.proxy.command {
        Some(command) => command.first()?,
        None => "hub",
    };
    if !is_proxy(&arguments, program) {
        return None;
    }
    ProcessRecord::of_leader(pid)
}

/// Whether a process with these arguments is `program`, run by a hub. A script comes after its interpreter.
fn is_proxy(arguments: &[&str], program: &str) -> bool {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut first = arguments.iter().take(3);
    first.any(|argument| name(argument) == name(program)) && arguments.contains(&OPTION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_known_by_their_arguments() {
        for (arguments, program, expected) in [
            (
                &["/x/hub", "proxy", "--ip", "", "--error-target", "u"][..],
                "hub",
                true,
            ),
            (
                &["node", "/x/configurable-http-proxy", "--error-target", "u"],
                "configurable-http-proxy",
                true,
            ),
            (&["/x/hub", "-f", "hub.toml"], "hub", false),
            (&["vi", "--error-target"], "hub", false),
            (&[], "hub", false),
        ] {
            assert_eq!(is_proxy(arguments, program), expected, "{arguments:?}");
        }
    }
}
