//! JupyterHub's own tests of what goes through its proxy, with our proxy under the name of configurable-http-proxy.
//!
//! Whatever passes with the real one must pass with ours, in the same run.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use e2e::{Sandbox, peers, programs};
use regex::Regex;

/// The quick ones.
const SHORT: &[&str] = &["test_proxy.py", "test_services.py"];

/// All that exercise the proxy.
const LONG: &[&str] = &[
    "test_proxy.py",
    "test_services.py",
    "test_named_servers.py",
    "test_pages.py",
    "test_api.py",
];

/// What a run of upstream's tests said.
#[derive(Debug, Default)]
struct Outcome {
    passed: BTreeSet<String>,
    failed: BTreeSet<String>,
    output: String,
}

/// Runs upstream's test `files` with `proxy` as `configurable-http-proxy`, each in a process of its own: a hub that one
/// file leaves behind makes another hang.
async fn run(proxy: &Path, files: &[&str], limit: Duration) -> Outcome {
    let runs = files.iter().map(|file| run_one(proxy, file, limit));
    let mut outcome = Outcome::default();
    for found in futures_util::future::join_all(runs).await {
        outcome.passed.extend(found.passed);
        outcome.failed.extend(found.failed);
        outcome.output.push_str(&found.output);
    }
    outcome
}

async fn run_one(proxy: &Path, file: &str, limit: Duration) -> Outcome {
    let sandbox = Sandbox::new(true);
    let bin = sandbox.dir().join("proxy");
    std::fs::create_dir(&bin).expect("a folder");
    symlink(proxy, bin.join("configurable-http-proxy")).expect("a link");
    let tests = peers::sdist().join("jupyterhub/tests");
    assert!(tests.join(file).exists(), "{file} is not in the archive");
    let report = sandbox.data().join("report.xml");
    let mut command = sandbox.command(peers::python("python"));
    let path = format!("{}:{}", bin.display(), sandbox.path().display());
    command
        .env("PATH", path)
        .args(["-m", "pytest", "--quiet", "--color=no"])
        .args(["-p", "no:cacheprovider", "--reruns=2", "--reruns-delay=1"])
        // Seconds for one test; upstream's have no limit of their own. The limit does not hold for a second try.
        .args(["--timeout=60", "--rerun-except=Timeout"])
        .arg(format!(
            "--config-file={}",
            peers::sdist().join("pytest.ini").display()
        ))
        .arg(format!("--junit-xml={}", report.display()));
    // Their package as it is installed, not as it lies in the archive: only there it has its built pages.
    let module = format!("jupyterhub.tests.{}", file.trim_end_matches(".py"));
    command.args(["--pyargs", &module]);
    let exit = sandbox.start("pytest", command).wait(limit).await;
    let xml = std::fs::read_to_string(&report)
        .unwrap_or_else(|error| panic!("no report ({error}):\n{}", exit.output));
    read(&xml, exit.output)
}

/// Reads pytest's report.
fn read(xml: &str, output: String) -> Outcome {
    let case = Regex::new(
        r#"(?s)<testcase classname="([^"]*)" name="([^"]*)"[^>]*?(?:/>|>(.*?)</testcase>)"#,
    )
    .expect("a pattern");
    let mut outcome = Outcome {
        output,
        ..Outcome::default()
    };
    for found in case.captures_iter(xml) {
        let name = format!("{}::{}", &found[1], &found[2]);
        let inner = found.get(3).map_or("", |inner| inner.as_str());
        if inner.contains("<failure") || inner.contains("<error") {
            outcome.failed.insert(name);
        } else if !inner.contains("<skipped") {
            outcome.passed.insert(name);
        }
    }
    outcome.passed.retain(|name| !outcome.failed.contains(name));
    outcome
}

/// Both at once: each run brings its own hub and picks its own ports.
#[expect(
    clippy::print_stdout,
    reason = "the figures are wanted when this is run by hand"
)]
async fn compare(files: &[&str], at_least: usize, limit: Duration) {
    let real = peers::node_bin().join("configurable-http-proxy");
    let real = std::fs::canonicalize(real).expect("the real proxy");
    let ours = programs::path("hub-proxy");
    let (theirs, ours) = tokio::join!(run(&real, files, limit), run(&ours, files, limit));
    println!(
        "upstream's tests: {} of {} pass with configurable-http-proxy, {} of {} with ours",
        theirs.passed.len(),
        theirs.passed.len() + theirs.failed.len(),
        ours.passed.len(),
        ours.passed.len() + ours.failed.len(),
    );
    let lost: Vec<_> = theirs.passed.difference(&ours.passed).collect();
    assert!(lost.is_empty(), "{lost:#?}\n{}", ours.output);
    assert!(
        ours.passed.len() >= at_least,
        "only {} passed: the set-up is broken\n{}",
        ours.passed.len(),
        ours.output
    );
}

#[tokio::test]
async fn jupyterhubs_tests_of_proxy_and_services_pass_with_our_proxy() {
    compare(SHORT, 40, Duration::from_secs(400)).await;
}

#[tokio::test]
#[ignore = "takes four minutes: upstream's tests of pages, API and named servers, twice (366 tests, two of them skipped)"]
async fn jupyterhubs_tests_of_everything_behind_the_proxy_pass_with_our_proxy() {
    compare(LONG, 360, Duration::from_secs(3000)).await;
}
