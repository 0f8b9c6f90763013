//! What the binary can be: the hub, and the programs that it hands over to. Thin: parse, run, map to an exit code.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use hub_types::env::{EnvSource as _, ProcessEnv, USER};
use hub_types::paths::BaseUrl;

use crate::auth::{dictionary, pam};
use crate::check_config;
use crate::cli::{self, Command, EXIT_FAILURE, EXIT_USAGE, NewFile};
use crate::config::load::{Flag, Loaded, PYTHON_FILE, Sources, TOML_FILE, find, load};
use crate::config::show;
pub use crate::plugins::Plugins;
use crate::quickstart::{self, Options};
use crate::serve::{self, Started, Told};
use crate::{telemetry, token_command, typed_password, upgrade_command};

/// Says why nothing can be done, on standard error.
fn complain(text: impl std::fmt::Display) {
    // Nobody is left to be told when even this cannot be written.
    let _ = writeln!(std::io::stderr(), "hub: {text}");
}

/// Writes to standard output.
fn say(text: impl std::fmt::Display) -> ExitCode {
    match write!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(EXIT_FAILURE),
    }
}

fn read(sources: &Sources) -> Result<Loaded, ExitCode> {
    let loaded = load(sources, Path::new(""), &ProcessEnv);
    let printed = match &loaded {
        Ok(loaded) => &loaded.printed,
        Err(error) => &error.printed,
    };
    // Nobody is left to be told when even this cannot be written.
    let _ = std::io::stderr().write_all(printed.as_bytes());
    loaded.map_err(|error| {
        complain(error);
        ExitCode::from(EXIT_USAGE)
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, ExitCode> {
    tokio::runtime::Runtime::new().map_err(|error| {
        complain(format_args!("cannot start: {error}"));
        ExitCode::from(EXIT_FAILURE)
    })
}

/// What the binary `hub` does, with `plugins` beside its own: an application that adds some calls this in its `main`.
#[must_use]
pub fn main(plugins: &Plugins) -> ExitCode {
    // Each server and service begins as this. Reading the command line of everything would take longer than what it does.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|it| it == services::process::LAUNCH)
    {
        return services::process::launcher_main();
    }
    // Installed before anything can open a TLS connection; an error only says that somebody was faster.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut command = match cli::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(exit) => {
            exit.print();
            // `hub proxy`'s own mistakes are judged by the proxy; these are the hub's.
            return ExitCode::from(exit.code());
        }
    };
    command.knows(plugins.classes());
    match command {
        // Met above, unless options come first. Before any runtime: between fork and exec there must be one thread.
        Command::Launch(_) => services::process::launcher_main(),
        // The whole life of that process is this one question.
        Command::Pam => pam::helper_main(),
        Command::HashPassword => hash_password(),
        Command::Serve(sources) => serve(&sources, plugins),
        Command::Quickstart(options) => quickstart(&options, plugins),
        Command::Token { user, sources } => token(user, &sources),
        Command::UpgradeDb { yes, sources } => upgrade_db(&sources, yes),
        Command::GenerateConfig(file) => generate_config(&file),
        Command::ShowConfig { sources, json } => show_config(&sources, json),
        Command::CheckConfig(sources) => check_config(&sources),
        Command::HelpAll => help_all(),
        Command::Reference => say(show::reference()),
        Command::OpenApi { base_url } => openapi(&base_url),
        Command::Proxy(args) => proxy(args),
        Command::CullIdle(args) => cull_idle(args),
        Command::Whoami(_) => services::whoami::run(),
        Command::ForwardAuth(args) => forward_auth(args),
        Command::DemoServer(_) => services::demo::run(),
    }
}

/// Runs `future` on a runtime of its own.
fn run<F: Future<Output = ExitCode>>(future: F) -> ExitCode {
    match runtime() {
        Ok(runtime) => {
            let code = runtime.block_on(future);
            // A name look-up that hangs must not hold up the exit.
            runtime.shutdown_background();
            code
        }
        Err(code) => code,
    }
}

/// `hub`: runs the hub.
#[must_use]
pub fn serve(sources: &Sources, plugins: &Plugins) -> ExitCode {
    let loaded = match read(sources) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    run(serve_loaded(loaded, sources.clone(), plugins, |_| {}))
}

/// `hub quickstart`: sets up a folder where there is none yet, and runs the hub in it.
#[must_use]
pub fn quickstart(options: &Options, plugins: &Plugins) -> ExitCode {
    let prepared = match quickstart::prepare(options, &ProcessEnv) {
        Ok(prepared) => prepared,
        Err(error) => {
            complain(&error);
            return ExitCode::from(error.exit_code());
        }
    };
    if let Err(error) = prepared.enter() {
        complain(format_args!(
            "cannot enter {}: {error}",
            prepared.folder.display()
        ));
        return ExitCode::from(EXIT_FAILURE);
    }
    let loaded = prepared.loaded.clone();
    // The port that was free at the start is the one of this run.
    let port = loaded.config.jupyterhub.bind_url.port.to_string();
    let port = Flag::new("JupyterHub", "port", port, "--port");
    let sources = Sources {
        flags: options.flags.iter().cloned().chain([port]).collect(),
        classes: options.classes.clone(),
        ..Sources::default()
    };
    run(serve_loaded(loaded, sources, plugins, |started| {
        say(prepared.welcome(&started.url));
    }))
}

async fn serve_loaded(
    loaded: Loaded,
    sources: Sources,
    plugins: &Plugins,
    welcome: impl FnOnce(&Started),
) -> ExitCode {
    let hub = &loaded.config.jupyterhub;
    let log = telemetry::init(hub.log_level, hub.debug_db, loaded.config.own.log_format);
    if !loaded.origin.is_empty() {
        tracing::info!("{}", loaded.origin);
    }
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    // Requests, servers' processes and looks into /proc need more than the usual 1,024; programs that we start may not.
    if let Some(before) = hub_proxy::raise_descriptors() {
        services::process::give_children_descriptors(before);
    }
    let told = Told {
        config: loaded.config,
        sources,
        log,
    };
    match serve::run(told, &ProcessEnv, plugins, welcome).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

/// `hub token [USER]`: makes an API token and prints it.
#[must_use]
pub fn token(user: Option<String>, sources: &Sources) -> ExitCode {
    let loaded = match read(sources) {
        Ok(loaded) => loaded,
        Err(code) => {
            if sources.file.is_none() && find(None, Path::new("")).file.is_none() {
                complain(format_args!(
                    "there is no {TOML_FILE} or {PYTHON_FILE} here: run this in the hub's folder (of a quickstart: hub-data)"
                ));
            }
            return code;
        }
    };
    let Some(user) = user.or_else(|| ProcessEnv.get_nonempty(USER)) else {
        complain("whose token? Write: hub token USER");
        return ExitCode::from(EXIT_USAGE);
    };
    run(async {
        match token_command::make(&loaded.config, &user).await {
            Ok(token) => say(format_args!("{}\n", token.expose())),
            Err(error) => {
                complain(format_args!("{error:#}"));
                ExitCode::from(EXIT_FAILURE)
            }
        }
    })
}

/// `hub upgrade-db`: brings the database of an older hub up to date.
#[must_use]
pub fn upgrade_db(sources: &Sources, yes: bool) -> ExitCode {
    let loaded = match read(sources) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    run(async {
        match upgrade_command::run(&loaded.config, yes).await {
            Ok(done) => {
                let line = upgrade_command::told(&loaded.config.jupyterhub.db_url, &done);
                say(format_args!("{line}\n"))
            }
            Err(error) => {
                complain(format_args!("{error:#}"));
                ExitCode::from(EXIT_FAILURE)
            }
        }
    })
}

/// `hub --generate-config`: writes every trait with its doc and default.
#[must_use]
pub fn generate_config(file: &NewFile) -> ExitCode {
    let text = show::template();
    if file.path == Path::new("-") {
        return say(text);
    }
    let mut options = OpenOptions::new();
    // Passwords and tokens will stand in it.
    options.write(true).mode(0o600);
    if file.overwrite {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let path = file.path.display();
    match options
        .open(&file.path)
        .and_then(|mut out| out.write_all(text.as_bytes()))
    {
        Ok(()) => {
            complain(format_args!(
                "wrote {path}; edit it, then run: hub -f {path}"
            ));
            ExitCode::SUCCESS
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            complain(format_args!(
                "{path} is there already; add -y to replace it, or choose another file with -f"
            ));
            ExitCode::from(EXIT_FAILURE)
        }
        Err(error) => {
            complain(format_args!("cannot write {path}: {error}"));
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

/// `hub --show-config[-json]`: prints what is in force, without secrets.
#[must_use]
pub fn show_config(sources: &Sources, json: bool) -> ExitCode {
    let loaded = match read(sources) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    for warning in &loaded.warnings {
        complain(warning);
    }
    if json {
        say(format_args!("{:#}\n", show::in_force_json(&loaded.config)))
    } else {
        say(show::in_force(&loaded))
    }
}

/// `hub check-config`: says what is wrong with the configuration and with what it names.
#[must_use]
pub fn check_config(sources: &Sources) -> ExitCode {
    let loaded = match read(sources) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let launcher = std::env::current_exe().unwrap_or_default();
    let mut findings = check_config::look(&loaded.config, &ProcessEnv, &launcher);
    if let Ok(runtime) = runtime() {
        runtime.block_on(findings.look_at_database(&loaded.config));
        // A name look-up that hangs must not hold up the exit.
        runtime.shutdown_background();
    }
    let (lines, warnings) = check_config::report(&loaded, &findings);
    for line in lines {
        complain(line);
    }
    let warnings = many(warnings, "warning");
    if !findings.problems.is_empty() {
        let errors = many(findings.problems.len(), "error");
        complain(format_args!("{}: {errors}, {warnings}", loaded.origin));
        return ExitCode::from(EXIT_USAGE);
    }
    say(format_args!("{}: in order, {warnings}\n", loaded.origin))
}

/// `1 warning`, `2 warnings`.
fn many(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}

/// `hub --help-all`: prints help on every trait.
#[must_use]
pub fn help_all() -> ExitCode {
    say(show::flags_help())
}

/// `hub hash-password`: asks for a password and prints its hash.
#[must_use]
pub fn hash_password() -> ExitCode {
    let hash = typed_password::read().and_then(|password| dictionary::hash_password(&password));
    match hash {
        Ok(hash) => say(format_args!("{hash}\n")),
        Err(why) => {
            complain(why);
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

/// `hub openapi`: prints the description of the REST API.
#[must_use]
pub fn openapi(base_url: &str) -> ExitCode {
    let document = crate::http::openapi::document(&BaseUrl::new(base_url));
    say(format_args!("{document:#}\n"))
}

/// The arguments of a program that we hand over to, with a name for its messages in front.
fn under_name(name: &str, args: Vec<OsString>) -> impl Iterator<Item = OsString> {
    std::iter::once(OsString::from(name)).chain(args)
}

/// `hub proxy …`: the public proxy.
#[must_use]
pub fn proxy(args: Vec<OsString>) -> ExitCode {
    match hub_proxy::cli::parse_from(under_name("hub proxy", args)) {
        Ok(args) => run(hub_proxy::run(args, &ProcessEnv)),
        Err(error) => {
            let _ = error.print();
            ExitCode::from(hub_proxy::cli::exit_code(&error))
        }
    }
}

/// `hub forward-auth …`: the login in front of other web applications.
#[must_use]
pub fn forward_auth(args: Vec<OsString>) -> ExitCode {
    services::forward_auth::run(under_name("hub forward-auth", args))
}

/// `hub cull-idle …`: the service that stops idle servers.
#[must_use]
pub fn cull_idle(args: Vec<OsString>) -> ExitCode {
    match cull_idle::cli::Args::try_parse_from(under_name("hub cull-idle", args)) {
        Ok(args) => run(cull_idle::run(args, &ProcessEnv)),
        Err(error) => {
            let _ = error.print();
            ExitCode::from(if error.use_stderr() { EXIT_USAGE } else { 0 })
        }
    }
}
