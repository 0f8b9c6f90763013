//! Numbers about this process, by the names that every Prometheus client uses. Read from `/proc`; absent elsewhere.

use crate::observe::metrics::Page;

/// Ticks per second in `/proc`; a constant of Linux' interface.
const TICKS: f64 = 100.0;

/// Those that can be read, in Prometheus' text format.
#[must_use]
pub fn page() -> String {
    let mut page = Page::default();
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{name}")).unwrap_or_default();
    let stat = read("self/stat");
    // The second field is the program's name, which may hold anything.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|text| text.parse::<f64>().ok())
            .map(|n| n / TICKS)
    };
    if let (Some(user), Some(system)) = (ticks(11), ticks(12)) {
        let help = "Total user and system CPU time spent in seconds";
        page.value("process_cpu_seconds_total", help, "counter", user + system);
        page.value("process_cpu_user_seconds_total", help, "counter", user);
        page.value("process_cpu_system_seconds_total", help, "counter", system);
    }
    let boot = number(&read("stat"), "btime ");
    if let (Some(boot), Some(start)) = (boot, ticks(19)) {
        let help = "Start time of the process since unix epoch in seconds";
        page.value("process_start_time_seconds", help, "gauge", boot + start);
    }
    let status = read("self/status");
    for (field, name, help) in [
        (
            "VmRSS:",
            "process_resident_memory_bytes",
            "Resident memory size in bytes",
        ),
        (
            "VmSize:",
            "process_virtual_memory_bytes",
            "Virtual memory size in bytes",
        ),
    ] {
        if let Some(kib) = number(&status, field) {
            page.value(name, help, "gauge", kib * 1024.0);
        }
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        page.value(
            "process_open_fds",
            "Number of open file descriptors",
            "gauge",
            open.count(),
        );
    }
    if let Some(most) = number(&read("self/limits"), "Max open files") {
        page.value(
            "process_max_fds",
            "Maximum number of open file descriptors",
            "gauge",
            most,
        );
    }
    page.0
}

/// The first number behind `field` at the begin of a line.
fn number(text: &str, field: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_numbers() {
        let page = page();
        for name in [
            "process_cpu_seconds_total",
            "process_resident_memory_bytes",
            "process_open_fds",
            "process_max_fds",
            "process_start_time_seconds",
        ] {
            let value = page.lines().find_map(|line| {
                line.strip_prefix(name)?
                    .strip_prefix(' ')?
                    .parse::<f64>()
                    .ok()
            });
            assert!(value.is_some_and(|value| value >= 0.0), "{name}\n{page}");
        }
    }
}
