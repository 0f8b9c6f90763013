//! The examples of JupyterHub's own manual on servers, as they stand there: lines of a `jupyterhub_config.py`. What a server is
//! told is looked at in a program that writes down how it was started; what comes of it, at a real `jupyterhub-singleuser`.

use std::path::PathBuf;
use std::time::Duration;

use e2e::{Stack, eventually, programs};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(60);

/// "You can also specify extra command-line arguments to the notebook server with".
const ARGS: &str = "c.Spawner.args = ['--debug', '--profile=PHYS131']\n";

/// "This could be used to set the users default page for the single user server".
const DEFAULT_PAGE: &str =
    "c.Spawner.args = ['--NotebookApp.default_url=/notebooks/Welcome.ipynb']\n";

/// "I want access to the whole filesystem, but still default users to their home directory".
const WHOLE_FILESYSTEM: &str = "c.Spawner.notebook_dir = '/'
c.Spawner.default_url = '/home/%U' # %U will be replaced with the username
";

/// The form that "Spawner options form" shows a picture of, and what its example says of the types of fields: the manual's own
/// `options_from_form` is a function, ours a table.
const FORM: &str = r#"
c.Spawner.options_form = """
<label for="args">Extra notebook CLI arguments</label>
<input name="args" placeholder="e.g. --debug"></input>
<label for="env">Environment variables (one per line)</label>
<textarea name="env">YOURNAME=kaylee</textarea>
<input name="integer"><input name="text">
<select name="select" multiple="true"><option value="a">A</option><option value="b">B</option></select>
"""
c.Spawner.options_from_form = {
    'args': 'words', 'env': 'environment', 'integer': 'integer', 'text': 'text', 'select': 'list',
}
c.Spawner.apply_user_options = {'args': 'args', 'env': 'environment'}
"#;

/// Writes down how it was started, in the home of its user, and is a server then.
fn recorder() -> String {
    let hub = programs::path("hub").display().to_string();
    format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$HOME/arguments\"\nenv > \"$HOME/environment\"\nexec '{hub}' demo-server\n"
    )
}

/// A hub with these lines at the end of its `jupyterhub_config.py`, whose servers write down how they were started.
async fn recorded(lines: &str) -> Stack {
    let stack = Stack::builder()
        .python_config()
        .config("[Spawner]\nargs = []");
    let cmd = "import os\nc.Spawner.cmd = [os.path.abspath('recorder')]\n";
    stack
        .program("recorder", &recorder())
        .program("of_the_manual.py", &format!("{cmd}{lines}"))
        .wrapped(APPENDED)
        .start()
        .await
}

const APPENDED: &[&str] = &[
    "sh",
    "-c",
    "cat of_the_manual.py >> jupyterhub_config.py; exec \"$@\"",
    "sh",
];

/// Lines that the server of `user` has written down.
fn written(stack: &Stack, user: &str, what: &str) -> Vec<String> {
    let file: PathBuf = stack.sandbox().home().join(user).join(what);
    let text = std::fs::read_to_string(&file);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.lines().map(ToOwned::to_owned).collect()
}

fn has(lines: &[String], line: &str) -> bool {
    lines.iter().any(|one| one == line)
}

#[tokio::test]
async fn arguments_and_the_form_of_the_picture() {
    let stack = recorded(&format!("{ARGS}{FORM}")).await;
    let mut visitor = stack.visitor();
    visitor.login("kaylee", "x").await;
    let page = visitor.open("hub/spawn").await.expect(200);
    for shown in ["Extra notebook CLI arguments", "YOURNAME=kaylee</textarea>"] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    let typed = [
        ("args", "--more='of it'"),
        ("env", "YOURNAME=kaylee\r\nOTHER=one two"),
        ("integer", "5"),
        ("text", "some text"),
        ("select", "a"),
        ("select", "b"),
    ];
    visitor.submit(&page, "hub/spawn", &typed).await.expect(302);
    let api = stack.api();
    let server = api.ready_server("kaylee").await;
    let options = &server["user_options"];
    assert_eq!(
        (&options["integer"], &options["text"], &options["select"]),
        (&json!(5), &json!("some text"), &json!(["a", "b"]))
    );
    assert_eq!(written(&stack, "kaylee", "arguments"), ["--more=of it"]);
    let environment = written(&stack, "kaylee", "environment");
    assert!(has(&environment, "YOURNAME=kaylee") && has(&environment, "OTHER=one two"));

    // A number that is none: the form says so, and nothing starts.
    let mut visitor = stack.visitor();
    visitor.login("zoe", "x").await;
    let page = visitor.open("hub/spawn").await.expect(200);
    let wrong = [("args", ""), ("env", ""), ("integer", "five"), ("text", "")];
    let page = visitor.submit(&page, "hub/spawn", &wrong).await;
    assert!(page.body.contains("integer"), "{page:#?}");
    assert!(
        api.server("zoe")
            .await
            .is_none_or(|server| server["ready"] == false)
    );

    // Without a word on the form, what the configuration says.
    api.request_server("mal").await;
    api.ready_server("mal").await;
    assert_eq!(
        written(&stack, "mal", "arguments"),
        ["--debug", "--profile=PHYS131"]
    );
}

#[tokio::test]
async fn the_default_page_and_the_whole_filesystem() {
    let stack = recorded(&format!("{DEFAULT_PAGE}{WHOLE_FILESYSTEM}")).await;
    stack.api().start_server("mal").await;
    assert_eq!(
        written(&stack, "mal", "arguments"),
        ["--NotebookApp.default_url=/notebooks/Welcome.ipynb"]
    );
    let environment = written(&stack, "mal", "environment");
    assert!(
        has(&environment, "JUPYTERHUB_ROOT_DIR=/"),
        "{environment:#?}"
    );
    assert!(
        has(&environment, "JUPYTERHUB_DEFAULT_URL=/home/mal"),
        "{environment:#?}"
    );
    assert!(stack.log().contains("[Spawner] default_url holds %U"));
}

/// `~/notebooks`, a page to start with, debug output, and no configuration of the users' own, at the real server.
#[tokio::test]
async fn a_real_server_does_what_the_manual_promises() {
    const PREPARED: &[&str] = &[
        "sh",
        "-c",
        "cat of_the_manual.py >> jupyterhub_config.py
         for user in mal zoe; do
             mkdir -p \"$HOME/$user/notebooks\" \"$HOME/$user/.jupyter\"
             echo '{}' > \"$HOME/$user/notebooks/Welcome.ipynb\"
             echo \"open('$HOME/$user/loaded', 'w')\" > \"$HOME/$user/.jupyter/jupyter_server_config.py\"
         done
         exec \"$@\"",
        "sh",
    ];
    let lines = "c.Spawner.notebook_dir = '~/notebooks'
c.Spawner.default_url = '/tree/{username}'
c.Spawner.debug = True
# Only this mode of jupyterhub-singleuser looks at $JUPYTERHUB_DEBUG.
c.Spawner.environment = {'JUPYTERHUB_SINGLEUSER_EXTENSION': '0'}
c.Spawner.disable_user_config = True
c.JupyterHub.load_groups = {'trusted': {'users': ['zoe']}}
c.Spawner.group_overrides = {
    'trusted': {'groups': ['trusted'], 'spawner_override': {'disable_user_config': False, 'debug': False}},
}
";
    let stack = Stack::builder()
        .python_config()
        .program("of_the_manual.py", lines)
        .wrapped(PREPARED)
        .start()
        .await;
    let api = stack.api();
    for (user, trusted) in [("mal", false), ("zoe", true)] {
        api.start_server(user).await;
        let token = api.new_token(user, &[]).await;
        let client = stack.client().token(&token);
        let path = |rest: &str| format!("/user/{user}/{rest}");
        let contents = client.get(&path("api/contents")).await.expect(200).json();
        let names: Vec<_> = contents["content"]
            .as_array()
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(names.len(), 1, "{contents}");
        assert_eq!(names[0]["name"], "Welcome.ipynb");
        let first = client.get(&path("")).await;
        // The real server hands the query on, which is empty.
        assert_eq!(
            first.location().trim_end_matches('?'),
            path(&format!("tree/{user}")),
            "{first:#?}"
        );
        // The user's own configuration is read by those whom the administrator trusts only.
        let loaded = stack.sandbox().home().join(user).join("loaded");
        assert_eq!(loaded.exists(), trusted, "{user}");
        eventually(PATIENCE, "the server's output is written", async || {
            let said = output(&stack, user);
            said.contains("[I ") && (trusted || said.contains("[D "))
        })
        .await;
        assert!(!trusted || !output(&stack, user).contains("[D "), "{user}");
    }
}

/// What the server of a user has written.
fn output(stack: &Stack, user: &str) -> String {
    let folder = std::fs::read_dir(stack.data("logs")).expect("the servers' output");
    let of_user = |path: &PathBuf| path.to_string_lossy().contains(user);
    let files = folder.filter_map(|entry| Some(entry.ok()?.path()));
    let texts = files
        .filter(of_user)
        .filter_map(|file| std::fs::read_to_string(file).ok());
    texts.collect()
}
