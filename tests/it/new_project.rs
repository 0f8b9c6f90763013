//! The path of somebody new: a cargo project with what the first page of the SDK's documentation says, and nothing else.

use std::fs;
use std::path::Path;
use std::process::Command;

use e2e::{Stack, peers, ports};
use hub_types::env::{EnvSource as _, ProcessEnv};

/// The first code block of a page that begins with this line.
fn block<'a>(page: &'a str, fence: &str) -> &'a str {
    let start = page.find(fence).expect("the page has such a block") + fence.len();
    let rest = &page[start..];
    &rest[..rest.find("```").expect("the block ends")]
}

fn cargo(folder: &Path, args: &[&str]) {
    let mut command = Command::new(ProcessEnv.get("CARGO").unwrap_or_else(|| "cargo".into()));
    command.env_clear().current_dir(folder).args(args);
    for name in [
        "PATH",
        "HOME",
        "CARGO_HOME",
        "RUSTUP_HOME",
        "RUSTUP_TOOLCHAIN",
    ] {
        command.envs(ProcessEnv.get(name).map(|value| (name, value)));
    }
    // Kept between runs: only the project itself is new.
    command.env(
        "CARGO_TARGET_DIR",
        peers::workspace().join("target/new-project"),
    );
    let output = command.output().expect("cargo runs");
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
#[ignore = "builds the SDK as another project's dependency: minutes"]
async fn a_new_project_is_protected_in_twenty_lines() {
    let workspace = peers::workspace();
    let page = fs::read_to_string(workspace.join("hubauth/README.md")).expect("it is there");
    let program = block(&page, "```rust,no_run\n");
    assert!(program.lines().count() < 20, "{program}");

    let folder = tempfile::tempdir().expect("it is there");
    cargo(folder.path(), &["new", "--quiet", "hello"]);
    let project = folder.path().join("hello");
    let manifest = fs::read_to_string(project.join("Cargo.toml")).expect("it is there");
    let repository = workspace.to_str().expect("UTF-8");
    let dependencies = block(&page, "```toml\n").replace("/path/to/this/repository", repository);
    let manifest = manifest.replace("[dependencies]\n", &dependencies);
    fs::write(project.join("Cargo.toml"), manifest).expect("it is there");
    fs::write(project.join("src/main.rs"), program).expect("it is there");
    // The versions that the SDK is tested with.
    fs::copy(workspace.join("Cargo.lock"), project.join("Cargo.lock")).expect("it is there");
    cargo(&project, &["build", "--quiet"]);

    let built = workspace.join("target/new-project/debug/hello");
    let registered = block(
        &page[page.find("Tell the hub").expect("it is there")..],
        "```toml\n",
    )
    .replace("127.0.0.1:9999", &format!("127.0.0.1:{}", ports::free()))
    .replace("/path/to/target/debug/hello", &built.display().to_string());
    let stack = Stack::builder().config(&registered).start().await;
    stack.service_is_up("hello").await;
    let mut visitor = stack.visitor();
    let page = visitor.follow("services/hello/").await.expect(200);
    assert_eq!(page.url.path(), "/hub/login");
    visitor.login("mal", "x").await;
    let page = visitor.open("services/hello/").await.expect(200);
    assert_eq!(page.body, "hello mal");
    let api = stack.api();
    let token = api.new_token("mal", &[]).await;
    let page = stack
        .client()
        .token(&token)
        .get("services/hello/")
        .await
        .expect(200);
    assert_eq!(page.body, "hello mal");
    let narrow = api.new_token("mal", &["read:users:name!user=mal"]).await;
    stack
        .client()
        .token(&narrow)
        .get("services/hello/")
        .await
        .expect(403);
}
