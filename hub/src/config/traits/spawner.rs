//! `Spawner` and its kind.

use crate::config::kind::collection::{Command, Environment, OptCommand, Scopes, Texts};
use crate::config::kind::scalar::{Bool, Bytes, Cores, Count, Fraction, OptText, Port, Text};
use crate::config::kind::server_options::{FormRule, GroupRules, Hook, OptionTargets, Profiles};
use crate::config::kind::special::{Host, WebUrl};
use crate::config::kind::time::{Interval, IntervalOrNever, Seconds};
use crate::config::traits::{Class, class};

pub(super) static SPAWNER: Class = class! {
    Spawner, "What every user server gets, whoever starts it.";
    works {
        cmd: Command => spawner.cmd,
            "The program that is a user's server.";
        args: Texts => spawner.args,
            "Further arguments; {username} and {servername} are filled in.";
        environment: Environment => spawner.environment,
            "Variables for the server: { NAME = \"value\" }.";
        env_keep: Texts => spawner.env_keep,
            "Variables that the server gets from the hub's own environment. Nothing else of it leaks.";
        notebook_dir: OptText => spawner.notebook_dir,
            "Folder that the server shows; {username} is filled in, ~ is the user's home. Unset: the home.";
        default_url: OptText => spawner.default_url,
            "Page that the server shows first, e.g. \"/lab\"; {username} is filled in.";
        ip: Host => spawner.ip,
            "Where servers listen; empty means all interfaces.";
        port: Port => spawner.port,
            "Port of servers; 0 means any free one, which is needed for more than one server.";
        start_timeout: Interval => spawner.start_timeout,
            "Seconds that starting a server may take.";
        http_timeout: Interval => spawner.http_timeout,
            "Seconds that a started server may take to answer.";
        poll_interval: IntervalOrNever => spawner.poll_interval,
            "Seconds between two checks that a server lives. 0 means none: that one has ended is noticed when its owner comes back, or the hub starts.";
        poll_jitter: Fraction => spawner.poll_jitter,
            "Fraction by which poll_interval varies, from 0 to 1: 0.1 is 5 % more or less.";
        consecutive_failure_limit: Count => spawner.consecutive_failure_limit,
            "Failed starts in a row after which the hub stops with exit code 1, for whoever starts it again; 0 means never.";
        debug: Bool => spawner.debug,
            "Whether servers log more.";
        disable_user_config: Bool => spawner.disable_user_config,
            "Whether servers ignore configuration in the user's home.";
        mem_limit: Bytes => spawner.mem_limit,
            "Most memory: bytes, or \"512M\", \"1G\". Told to the server; local spawners enforce it where the hub has a cgroup (v2) of its own.";
        mem_guarantee: Bytes => spawner.mem_guarantee,
            "Memory that the server can count on. Told to the server.";
        cpu_limit: Cores => spawner.cpu_limit,
            "Most CPU cores. Told to the server; local spawners enforce it where the hub has a cgroup (v2) of its own.";
        cpu_guarantee: Cores => spawner.cpu_guarantee,
            "CPU cores that the server can count on. Told to the server.";
        oauth_client_allowed_scopes: Scopes => spawner.oauth_client_allowed_scopes,
            "Scopes that a server may get on behalf of whoever visits it.";
        server_token_scopes: Scopes => spawner.server_token_scopes,
            "Scopes of a server's own token. Empty: those of the role server.";
        hub_connect_url: WebUrl => spawner.hub_connect_url,
            "Where servers reach the hub, when that differs from [JupyterHub] hub_connect_url.";
        options_form: OptText => spawner.options_form,
            "HTML of the form that people fill in before a server starts, without <form> and button. Its scripts and styles may stand in it.";
        options_from_form: FormRule => spawner.options_from_form,
            "How its fields become options: \"passthrough\" (each a list of texts), \"simple\" (one value is itself, a ticked box is true), or a table of fields and what they mean: { cores = \"integer\" }; there are text, integer, number, boolean, list, words, environment.";
        apply_user_options: OptionTargets => spawner.apply_user_options,
            "Which option sets which setting: { memory = \"mem_limit\" }. Options that are not named here set nothing.";
        group_overrides: GroupRules => spawner.group_overrides,
            "Settings of the members of groups, in the order of the keys: { key = { groups = [\"lab\"], spawner_override = { mem_limit = \"4G\" } } }.";
        profile_list: Profiles => spawner.profile_list,
            "Variants that people can choose, in KubeSpawner's form: display_name, description, slug, default, spawner_override, profile_options.";
        auth_state_hook: Hook => spawner.auth_state_hook,
            "Command that gets the owner's auth_state before a start, as JSON on its standard input, and may answer with environment and settings.";
        pre_spawn_hook: Hook => spawner.pre_spawn_hook,
            "Command that runs before a start, as the hub's user. It gets JSON on its standard input and may answer with environment and settings; when it fails, nothing is started.";
        post_stop_hook: Hook => spawner.post_stop_hook,
            "Command that runs after a server has stopped, as the hub's user. It gets JSON on its standard input.";
    }
    renamed {
        oauth_roles: Texts => spawner.oauth_roles,
            "write oauth_client_allowed_scopes: the scopes themselves, instead of roles that hold them";
    }
    later {
        ssl_alt_names "Further names in the server's certificate.";
        ssl_alt_names_include_local "Whether the server's certificate names localhost.";
        progress_ready_hook "Changes the last event of a start: a hook, and this hub runs no Python.";
    }
};

pub(super) static LOCAL: Class = class! {
    LocalProcessSpawner: Spawner, "Servers are processes of this machine, each of the system user of the same name.";
    works {
        interrupt_timeout: Seconds => local_spawner.interrupt_timeout,
            "Seconds that a server has after SIGINT, before SIGTERM.";
        term_timeout: Seconds => local_spawner.term_timeout,
            "Seconds that a server has after SIGTERM, before SIGKILL.";
        kill_timeout: Seconds => local_spawner.kill_timeout,
            "Seconds that a server has after SIGKILL, before it counts as stuck.";
        shell_cmd: OptCommand => local_spawner.shell_cmd,
            "Shell that runs the command, e.g. [\"bash\", \"-l\", \"-c\"]: it gets cmd and args as one word. Unset: none.";
    }
    refused {
        popen_kwargs "it holds arguments of Python's Popen, which is not used here";
    }
};

pub(super) static SIMPLE: Class = class! {
    SimpleLocalProcessSpawner: LocalProcessSpawner, "Servers are processes of the hub's own user, each with a home of its own. For tests and for one's own use.";
    works {
        home_dir_template: Text => simple_spawner.home_dir_template,
            "Home of a user: {username} is filled in; a relative path counts from the hub's working folder.";
    }
};
