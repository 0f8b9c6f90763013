//! Real files, evaluated by the `python3` of the machine.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::config::load::{Loaded, Sources, load};

const DUMMY: &str = "c.JupyterHub.authenticator_class = 'dummy'\n";

/// Loads a folder with these files; the first is the configuration.
fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Loaded, ConfigError>) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let env: BTreeMap<String, String> = BTreeMap::new();
    let sources = Sources {
        file: Some(files[0].0.into()),
        ..Sources::default()
    };
    let loaded = load(&sources, dir.path(), &env);
    (dir, loaded)
}

fn loaded(text: &str) -> Loaded {
    let text = format!("{DUMMY}{text}");
    folder(&[("jupyterhub_config.py", &text)]).1.unwrap()
}

fn problems(text: &str) -> Vec<String> {
    let (_dir, loaded) = folder(&[("jupyterhub_config.py", text)]);
    let problems = loaded
        .map(|_| Vec::new())
        .unwrap_or_else(|error| error.problems);
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn what_traitlets_gives_such_a_file() {
    let config = loaded(
        "c = get_config()  # noqa
import os, pathlib
c.JupyterHub.port = 9000
c['JupyterHub']['ip'] = '*'
c.JupyterHub.cookie_secret = bytes.fromhex('ab' * 32)
c.JupyterHub.pid_file = pathlib.Path('/run') / 'hub.pid'
c.JupyterHub.services = [{'name': 'a', 'api_token': 'secret-token'}]
c.JupyterHub.services.append({'name': 'b', 'command': 'x y'.split()})
c.JupyterHub.load_groups.update({'staff': ['mal', 'zoe']})
c.Spawner.args.append('--debug')
c.Spawner.args.extend(('--b', '--c'))
c.Spawner.args.prepend(['--a'])
c.Spawner.args.insert(0, '--first')
c.Spawner.cmd.insert(0, 'nice')
c.Spawner.environment.update(A='1') if False else c.Spawner.environment.update({'A': '1'})
c.Authenticator.allowed_users = {'zoe', 'mal'}
c.Authenticator.allowed_users |= {'inara'}
c.Authenticator.admin_users.add('mal')
c.Authenticator.admin_users.update(['zoe'])
if c.Authenticator.get('nothing') is None and 'Spawner.cmd' in c:
    c.Spawner.default_url = '/lab'
c.JupyterHub.log_level = __import__('logging').DEBUG
",
    )
    .config;
    let hub = &config.jupyterhub;
    assert_eq!((hub.bind_url.port, hub.bind_url.host.as_str()), (9000, ""));
    assert_eq!(
        hub.cookie_secret.as_ref().unwrap().expose(),
        "ab".repeat(32)
    );
    assert_eq!(hub.pid_file.as_deref(), Some(Path::new("/run/hub.pid")));
    let services: Vec<_> = hub
        .services
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    assert_eq!(services, ["a", "b"]);
    assert_eq!(hub.load_groups["staff"].users, ["mal", "zoe"]);
    let spawner = &config.spawner;
    assert_eq!(spawner.args, ["--a", "--first", "--debug", "--b", "--c"]);
    assert_eq!(spawner.cmd, ["nice", "jupyterhub-singleuser"]);
    assert_eq!(spawner.default_url.as_deref(), Some("/lab"));
    let users: Vec<_> = config.authenticator.allowed_users.iter().collect();
    assert_eq!(users, ["inara", "mal", "zoe"]);
    let admins: Vec<_> = config.authenticator.admin_users.iter().collect();
    assert_eq!(admins, ["mal", "zoe"]);
    assert_eq!(hub.log_level, crate::config::LogLevel::Debug);
}

#[test]
fn other_files_take_part() {
    let (_dir, loaded) = folder(&[
        (
            "jupyterhub_config.py",
            "import people\nload_subconfig('more.py')\nload_subconfig('absent.py')\n\
             c.Authenticator.admin_users = people.ADMINS\nprint('said')\n",
        ),
        ("people.py", "ADMINS = {'mal'}\n"),
        (
            "more.py",
            "c = get_config()\nc.JupyterHub.authenticator_class = 'dummy'\nc.JupyterHub.port = 9000\n",
        ),
    ]);
    let loaded = loaded.unwrap();
    assert_eq!(loaded.config.jupyterhub.bind_url.port, 9000);
    assert!(loaded.config.authenticator.admin_users.contains("mal"));
    assert_eq!(loaded.printed, "said\n");
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(
        warnings[0]
            .starts_with("jupyterhub_config.py:3: load_subconfig: there is no file absent.py"),
        "{warnings:?}"
    );
    let port = loaded
        .set
        .iter()
        .find(|(_, name, _)| name == "port")
        .unwrap();
    assert_eq!(port.2.to_string(), "more.py:3");
}

#[test]
fn classes_are_named_by_object_or_by_text() {
    for class in [
        "from jupyterhub.auth import DummyAuthenticator as D\nc.JupyterHub.authenticator_class = D",
        "c.JupyterHub.authenticator_class = 'jupyterhub.auth.DummyAuthenticator'",
    ] {
        assert_eq!(problems(class), [""; 0]);
    }
    let mine = "from jupyterhub.auth import Authenticator\nfrom traitlets import Unicode, default\n\
                from tornado import gen\nclass Mine(Authenticator):\n    x = Unicode('a').tag(config=True)\n    \
                @default('x')\n    def _x(self):\n        return 'b'\n    @gen.coroutine\n    def authenticate(self):\n        \
                pass\nc.JupyterHub.authenticator_class = Mine\n";
    assert_eq!(
        problems(mine),
        [
            "jupyterhub_config.py:12: [JupyterHub] authenticator_class is the Python class Mine of this file: this hub runs \
          no Python; write the name of an authenticator: \"pam\", \"dictionary\", \"shared-password\", \"null\", \
          \"dummy\", \"oidc\", \"generic-oauth\", \"github\", \"gitlab\" or \"google\" (with local- in front, these five are \
          for users of this machine)"
        ]
    );
}

#[test]
fn every_callable_is_named_with_its_line() {
    let found = problems(&format!(
        "{DUMMY}def hook(spawner):
    pass
c.Spawner.pre_spawn_hook = hook
c.Spawner.environment = {{
    'A': 'b',
    'B': lambda spawner: 'c',
}}
import functools, logging
c.JupyterHub.user_redirect_hook = functools.partial(hook, 1)
c.JupyterHub.extra_log_handlers = [logging.NullHandler()]
"
    ));
    for (index, start) in [
        "jupyterhub_config.py:4: [Spawner] pre_spawn_hook is the Python function hook (defined in line 2): ",
        "jupyterhub_config.py:7: [Spawner] environment.B is a Python lambda: this hub runs no Python; write ",
        "jupyterhub_config.py:10: [JupyterHub] user_redirect_hook is the Python function hook (defined in line 2): ",
        "jupyterhub_config.py:11: [JupyterHub] extra_log_handlers is a Python object (NullHandler): ",
    ]
    .iter()
    .enumerate()
    {
        assert!(found[index].starts_with(start), "{found:#?}");
    }
    assert_eq!(found.len(), 4);
}

#[test]
fn mistakes_are_one_line_with_file_and_line() {
    for (text, expected) in [
        (
            "\nc.JupyterHub.port = = 1\n",
            "jupyterhub_config.py:2: SyntaxError: invalid syntax",
        ),
        (
            "x = your_host\n",
            "jupyterhub_config.py:1: NameError: name 'your_host' is not defined",
        ),
        (
            "import os\nc.JupyterHub.ip = os.environ['NO_SUCH']\n",
            "jupyterhub_config.py:2: the environment has no variable NO_SUCH",
        ),
        (
            "raise ValueError('a\\nb')\n",
            "jupyterhub_config.py:1: ValueError: a b",
        ),
        ("exit()\n", "jupyterhub_config.py:1: the file calls exit()"),
        (
            "exit('say why')\n",
            "jupyterhub_config.py:1: the file ends with: say why",
        ),
        (
            "c.ConfigurableHTTPProxy.command.append('--x')\n",
            "jupyterhub_config.py:1: [ConfigurableHTTPProxy] command has no default here that could be changed; write the \
             whole value",
        ),
        (
            "import nativeauthenticator\nnativeauthenticator.__file__\n",
            "jupyterhub_config.py:2: AttributeError: nativeauthenticator.__file__: nativeauthenticator is not installed for ",
        ),
        (
            "c.JupyterHub.Port = 1\n",
            "jupyterhub_config.py:1: ValueError: Port begins with a capital letter, so it is a class: set its settings, \
             c.Port.name = ...",
        ),
        (
            "c.port = 1\n",
            "jupyterhub_config.py:1: c.port stands outside of a class; write e.g. c.JupyterHub.port",
        ),
        (
            "from jupyterhub.utils import random_port\nc.JupyterHub.port = random_port()\n",
            "jupyterhub_config.py:2: RuntimeError: jupyterhub.utils.random_port cannot be called: jupyterhub is not \
             installed for ",
        ),
        (
            "import no_such_module_anywhere\n",
            "jupyterhub_config.py:1: ModuleNotFoundError: No module named 'no_such_module_anywhere' (Python is ",
        ),
        (
            "a = []\na.append(a)\nc.Spawner.args = a\n",
            "jupyterhub_config.py:1: ",
        ),
        (
            "import os\nos.kill(os.getpid(), 9)\n",
            "jupyterhub_config.py: python3 ended with signal 9 before it was done",
        ),
    ] {
        let found = problems(text);
        assert_eq!(found.len(), 1, "{found:#?}");
        let expected = if text.starts_with("a = []") {
            "jupyterhub_config.py: ValueError: a value in line 3 is too large or contains itself"
        } else {
            expected
        };
        assert!(
            found[0].starts_with(expected) && !found[0].contains('\n'),
            "{found:#?}"
        );
    }
}

#[test]
fn a_module_beside_the_file_is_named_when_it_fails() {
    let (_dir, loaded) = folder(&[
        ("jupyterhub_config.py", "import people\n"),
        ("people.py", "\n1 / 0\n"),
    ]);
    let error = loaded.unwrap_err().to_string();
    assert_eq!(error, "people.py:2: ZeroDivisionError: division by zero");
}

#[test]
fn a_file_that_never_ends_is_stopped_with_what_it_started() {
    let dir = tempfile::tempdir().unwrap();
    let file = Path::new("jupyterhub_config.py");
    let text = "import subprocess
child = subprocess.Popen(['sleep', '600'])
open('child', 'w').write(str(child.pid))
child.wait()
";
    std::fs::write(dir.path().join(file), text).unwrap();
    // On a busy machine Python may not have got there in a short time.
    let child = [3, 15, 60].into_iter().find_map(|seconds| {
        let limits = Limits {
            time: Duration::from_secs(seconds),
            ..Limits::default()
        };
        let error = evaluate(file, dir.path(), limits).unwrap_err().to_string();
        let expected = format!(
            "jupyterhub_config.py: takes longer than {seconds} s to evaluate, and was stopped"
        );
        assert_eq!(error, expected);
        std::fs::read_to_string(dir.path().join("child")).ok()
    });
    let child = child.unwrap();
    let stat = || std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
    let begin = std::time::Instant::now();
    // Killed it is; when it is gone is for whoever inherits it.
    while !(stat().is_empty() || stat().contains(") Z ")) {
        assert!(begin.elapsed() < Duration::from_secs(30), "{}", stat());
        std::thread::yield_now();
    }
}

#[test]
fn modules_of_the_working_folder_do_not_take_part_but_subconfigs_do() {
    let (cwd, etc) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for module in ["json.py", "ast.py", "os.py", "signal.py"] {
        std::fs::write(cwd.path().join(module), "raise SystemExit('foreign')").unwrap();
    }
    std::fs::write(
        cwd.path().join("people.py"),
        "c.Authenticator.admin_users = {'mal'}",
    )
    .unwrap();
    let file = etc.path().join("jupyterhub_config.py");
    std::fs::write(&file, format!("{DUMMY}load_subconfig('people.py')\n")).unwrap();
    let env: BTreeMap<String, String> = BTreeMap::new();
    let sources = Sources {
        file: Some(file),
        ..Sources::default()
    };
    let loaded = load(&sources, cwd.path(), &env).unwrap();
    assert!(loaded.config.authenticator.admin_users.contains("mal"));
}

#[test]
fn changes_begin_with_what_parents_say() {
    let config = loaded(
        "c.JupyterHub.spawner_class = 'simple'
c.SimpleLocalProcessSpawner.environment.update({'B': '2'})
c.Spawner.environment = {'A': '1'}
c.JupyterHub.service_tokens.update({'secret-one': 'x'})
c.JupyterHub.service_tokens.update({'secret-two': 'y'})
",
    )
    .config;
    let names: Vec<&String> = config.spawner.environment.keys().collect();
    assert_eq!(names, ["A", "B"]);
    assert_eq!(config.jupyterhub.service_tokens.len(), 2);
}

#[test]
fn what_asks_for_nothing_is_passed_over() {
    let said = loaded(
        "c.JupyterHub.internal_ssl = False
c.JupyterHub.recreate_internal_certs = False
c.JupyterHub.extra_log_file = ''
c.Spawner.pre_spawn_hook = None
c.Application.log_level = 30
",
    );
    assert_eq!(
        said.config.jupyterhub.log_level,
        crate::config::LogLevel::Warning
    );
    let passed = said
        .warnings
        .iter()
        .filter(|warning| warning.message.contains("it asks for nothing"));
    assert_eq!(passed.count(), 3);
    assert_eq!(
        problems(&format!("{DUMMY}c.JupyterHub.internal_ssl = True\n")).len(),
        1
    );
}

#[test]
fn only_secrets_that_stand_in_the_file_make_it_secret() {
    for (value, warned) in [("'abcdefgh'", true), ("__import__('os').sep * 9", false)] {
        let said = loaded(&format!("c.DummyAuthenticator.password = {value}\n"));
        let found = said
            .warnings
            .iter()
            .any(|warning| warning.message.contains("chmod 600"));
        assert_eq!(found, warned, "{value}: {:?}", said.warnings);
    }
}

#[test]
fn secrets_in_files_that_are_read_are_seen_too() {
    let (_dir, loaded) = folder(&[
        ("jupyterhub_config.py", "load_subconfig('more.py')\n"),
        (
            "more.py",
            "c.JupyterHub.authenticator_class = 'dummy'\nc.DummyAuthenticator.password = 'abcdefgh'\n",
        ),
    ]);
    let warnings = loaded.unwrap().warnings.into_iter();
    let said: Vec<_> = warnings
        .map(|warning| warning.to_string())
        .filter(|warning| warning.contains("others on this machine may read it"))
        .collect();
    assert_eq!(
        said,
        [
            "more.py: holds passwords or tokens, and others on this machine may read it: chmod 600 more.py"
        ]
    );
}

#[test]
fn all_mistakes_are_one_list_in_the_order_of_the_lines() {
    let (_dir, loaded) = folder(&[
        (
            "jupyterhub_config.py",
            "c.JupyterHub.bind_ulr = 1\nc.port = 9000\nload_subconfig('more.py')\nc.Spawner.cmdd = 'x'\n",
        ),
        ("more.py", "c.base_url = '/'\n"),
    ]);
    let problems = loaded.unwrap_err().problems;
    let places: Vec<_> = problems
        .iter()
        .map(|problem| problem.place.to_string())
        .collect();
    assert_eq!(
        places,
        [
            "jupyterhub_config.py:1",
            "jupyterhub_config.py:2",
            "jupyterhub_config.py:4",
            "more.py:1"
        ]
    );
}

#[test]
fn it_has_the_limit_of_open_files_that_the_hub_was_given() {
    services::process::give_children_descriptors(512);
    let dir = tempfile::tempdir().unwrap();
    let file = Path::new("jupyterhub_config.py");
    let asks = "import resource\nprint(resource.getrlimit(resource.RLIMIT_NOFILE)[0])\n";
    std::fs::write(dir.path().join(file), asks).unwrap();
    let evaluated = evaluate(file, dir.path(), Limits::default()).unwrap();
    assert_eq!(evaluated.printed, "512\n");
}

#[test]
fn what_it_says_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let file = Path::new("jupyterhub_config.py");
    std::fs::write(
        dir.path().join(file),
        "print('x' * 1000000)\nc.Spawner.args = ['y' * 5000]\n",
    )
    .unwrap();
    let limits = Limits {
        printed: 100,
        ..Limits::default()
    };
    let evaluated = evaluate(file, dir.path(), limits).unwrap();
    assert_eq!(evaluated.printed, "x".repeat(100));
    let evaluated = evaluate(file, dir.path(), Limits::default()).unwrap();
    assert_eq!(evaluated.printed.len(), Limits::default().printed as usize);
    let limits = Limits {
        answer: 1000,
        ..Limits::default()
    };
    let error = evaluate(file, dir.path(), limits).unwrap_err().to_string();
    assert_eq!(
        error,
        "jupyterhub_config.py: sets more than a hub can be told: 16 MiB"
    );
}
