use std::ffi::OsString;

use clap::CommandFactory as _;

use super::*;
use crate::config::load::{Flag, assemble};

fn run(line: &str) -> Result<Command, Exit> {
    parse(
        shell_words::split(&format!("hub {line}"))
            .unwrap()
            .into_iter()
            .map(OsString::from),
    )
}

/// Flags in the form `Class.trait=value (typed)`.
fn shown(flags: &[Flag]) -> Vec<String> {
    flags
        .iter()
        .map(|flag| {
            format!(
                "{}.{}={} ({})",
                flag.class, flag.name, flag.value, flag.typed
            )
        })
        .collect()
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn serving_is_what_happens_without_a_subcommand() {
    let Ok(Command::Serve(sources)) = run("") else {
        panic!()
    };
    assert_eq!(sources, Sources::default());
    for (line, expected) in [
        ("--port 0", "JupyterHub.port=0 (--port)"),
        ("--ip=127.0.0.1", "JupyterHub.ip=127.0.0.1 (--ip)"),
        ("--ip=", "JupyterHub.ip= (--ip)"),
        (
            "--url http://:1/a",
            "JupyterHub.bind_url=http://:1/a (--bind-url)",
        ),
        (
            "--bind-url=http://:1",
            "JupyterHub.bind_url=http://:1 (--bind-url)",
        ),
        (
            "--base-url=/hub-a/",
            "JupyterHub.base_url=/hub-a/ (--base-url)",
        ),
        ("--db sqlite://", "JupyterHub.db_url=sqlite:// (--db)"),
        ("--no-db", "JupyterHub.db_url=sqlite:///:memory: (--no-db)"),
        ("--debug", "JupyterHub.log_level=DEBUG (--debug)"),
        (
            "--log-level=WARN",
            "JupyterHub.log_level=WARN (--log-level)",
        ),
        ("--pid-file p", "JupyterHub.pid_file=p (--pid-file)"),
        ("--ssl-cert=c", "JupyterHub.ssl_cert=c (--ssl-cert)"),
        ("--ssl-key k", "JupyterHub.ssl_key=k (--ssl-key)"),
        ("--no-ssl", "JupyterHub.confirm_no_ssl=true (--no-ssl)"),
        ("--log-file l", "JupyterHub.extra_log_file=l (--log-file)"),
        (
            "--generate-certs",
            "JupyterHub.generate_certs=true (--generate-certs)",
        ),
        (
            "--Spawner.cmd='[\"a\"]'",
            "Spawner.cmd=[\"a\"] (--Spawner.cmd)",
        ),
        (
            "--Spawner.default_url /lab",
            "Spawner.default_url=/lab (--Spawner.default_url)",
        ),
        (
            "--Spawner.args=--a=b",
            "Spawner.args=--a=b (--Spawner.args)",
        ),
    ] {
        let Ok(Command::Serve(sources)) = run(line) else {
            panic!("{line}")
        };
        assert_eq!(shown(&sources.flags), [expected], "{line}");
    }
}

#[test]
fn long_flags_refine_short_ones() {
    let Ok(Command::Serve(sources)) = run("-f x.toml --JupyterHub.port=2 --port=1 --url=http://:3")
    else {
        panic!()
    };
    assert_eq!(
        sources.file.as_deref(),
        Some(std::path::Path::new("x.toml"))
    );
    let names: Vec<&str> = sources
        .flags
        .iter()
        .map(|flag| flag.value.as_str())
        .collect();
    assert_eq!(names, ["http://:3", "1", "2"]);
}

/// Flags of JupyterHub that do nothing here: one line each, which says so.
#[test]
fn what_a_flag_does_not_do_is_said() {
    let load = |line| {
        let Ok(Command::Serve(sources)) = run(line) else {
            panic!("{line}")
        };
        let env = std::collections::BTreeMap::<String, String>::new();
        let folder = std::path::Path::new("/");
        assemble(None, &sources.flags, folder, &env, &OwnClasses::default())
    };
    let warnings = load("--no-ssl").unwrap().warnings;
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    let said = "--no-ssl: [JupyterHub] confirm_no_ssl is ignored: it has no effect";
    assert!(
        warnings.iter().any(|line| line.starts_with(said)),
        "{warnings:?}"
    );
    for (line, said) in [
        ("--log-file=x", "hub > hub.log 2>&1"),
        ("--generate-certs", "ssl_cert and ssl_key"),
    ] {
        let error = load(line).unwrap_err().to_string();
        assert!(error.starts_with("--") && error.contains(said), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn other_commands() {
    let raw = |args: &[&str]| args.iter().map(OsString::from).collect::<Vec<_>>();
    for (line, expected) in [
        (
            "proxy --port=1 --help",
            Command::Proxy(raw(&["--port=1", "--help"])),
        ),
        (
            "cull-idle --IdleCuller.timeout=5",
            Command::CullIdle(raw(&["--IdleCuller.timeout=5"])),
        ),
        ("whoami", Command::Whoami(Vec::new())),
        (
            "forward-auth --site=https://x/ --help",
            Command::ForwardAuth(raw(&["--site=https://x/", "--help"])),
        ),
        ("demo-server x -y", Command::DemoServer(raw(&["x", "-y"]))),
        (
            "launch -- a --b.c=d",
            Command::Launch(raw(&["a", "--b.c=d"])),
        ),
        ("--help-all", Command::HelpAll),
        (
            "openapi --base-url /x",
            Command::OpenApi {
                base_url: "/x".into(),
            },
        ),
        (
            "--generate-config",
            Command::GenerateConfig(NewFile {
                path: "hub.toml".into(),
                overwrite: false,
            }),
        ),
        (
            "--generate-config -f - -y",
            Command::GenerateConfig(NewFile {
                path: "-".into(),
                overwrite: true,
            }),
        ),
        (
            "token",
            Command::Token {
                user: None,
                sources: Sources::default(),
            },
        ),
    ] {
        assert_eq!(run(line).unwrap(), expected, "{line}");
    }
    let Ok(Command::Token { user, sources }) =
        run("token mal --db=x --JupyterHub.log_level=DEBUG -f y.toml")
    else {
        panic!()
    };
    assert_eq!(user.as_deref(), Some("mal"));
    assert_eq!(sources.flags.len(), 2);
    let Ok(Command::ShowConfig {
        json: true,
        sources,
    }) = run("--show-config-json --port=1")
    else {
        panic!()
    };
    assert_eq!(sources.flags.len(), 1);
    let Ok(Command::Quickstart(options)) =
        run("quickstart --data d --port=0 --base-url=/a --Spawner.debug=true")
    else {
        panic!()
    };
    assert_eq!(options.folder, std::path::Path::new("d"));
    assert_eq!(options.flags.len(), 3);
}

#[test]
fn mistakes_and_questions() {
    for (line, code, words) in [
        ("--prot 1", 64, "--port"),
        ("quickstat", 64, "quickstart"),
        ("--debug --log-level=INFO", 64, "cannot be used with"),
        ("--port 1 token", 64, ""),
        ("--help", 0, "hub quickstart "),
        ("--version", 0, env!("CARGO_PKG_VERSION")),
        ("quickstart --help", 0, "printed once"),
    ] {
        let exit = run(line).unwrap_err();
        assert_eq!(exit.code(), code, "{line}: {exit}");
        assert!(exit.to_string().contains(words), "{line}: {exit}");
    }
}
