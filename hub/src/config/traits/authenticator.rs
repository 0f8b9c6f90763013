//! `Authenticator` and its kind.

use crate::config::kind::collection::{Names, OptCommand, TextMap};
use crate::config::kind::login::{
    Encoding, PamService, PasswordGroups, PasswordHashes, SystemGroups, Uids,
};
use crate::config::kind::scalar::{Bool, OptBool, Positive, Secret, Text};
use crate::config::kind::special::Pattern;
use crate::config::kind::time::Seconds;
use crate::config::traits::{Class, class};

pub(super) static AUTHENTICATOR: Class = class! {
    Authenticator, "Who may log in, whoever checks the password.";
    works {
        admin_users: Names => authenticator.admin_users,
            "Users with the role admin: they may do everything. Always allowed.";
        allowed_users: Names => authenticator.allowed_users,
            "Users that may log in.";
        blocked_users: Names => authenticator.blocked_users,
            "Users that may not, whatever else allows them. They lose their sessions, tokens, roles, groups and servers.";
        allow_all: OptBool => authenticator.allow_all,
            "Whether everybody may log in whose password is right. Unset: no (yes with the dummy authenticator and no allowed_users).";
        allow_existing_users: OptBool => authenticator.allow_existing_users,
            "Whether users that the database knows may log in. Unset: yes if allowed_users is used.";
        any_allow_config: OptBool => authenticator.any_allow_config,
            "Tells the hub that somebody can log in although it cannot see who. Unset: it looks at the settings above.";
        auth_refresh_age: Seconds => authenticator.auth_refresh_age,
            "Seconds after which a login is checked again at the next request: with pam whether the account may still be used. 0: never.";
        auth_refresh_strict: Bool => authenticator.auth_refresh_strict,
            "Whether a login that does not hold any more stops tokens of that user, too, and what others do with their servers. Otherwise only the own browser is sent to the login page.";
        refresh_pre_spawn: Bool => authenticator.refresh_pre_spawn,
            "Whether a login is checked again before a server starts, however fresh it is.";
        refresh_pre_stop: Bool => authenticator.refresh_pre_stop,
            "Whether a login is checked again before a server stops, however fresh it is.";
        manage_groups: Bool => authenticator.manage_groups,
            "Whether the authenticator decides the groups of users, at every login: with pam they are those of the system, with shared-password those of password_groups, with a provider those of auth_state_groups_key. The API changes no groups then.";
        enable_auth_state: Bool => authenticator.enable_auth_state,
            "Whether what the authenticator learns of users at their logins (tokens of a provider, say) is kept, encrypted with CryptKeeper.keys. Without it such a login is not refreshed.";
        request_otp: Bool => authenticator.request_otp,
            "Whether the login page asks for a one-time password, too (for pam).";
        otp_prompt: Text => authenticator.otp_prompt,
            "What the login page calls the one-time password.";
        auto_login: Bool => authenticator.auto_login,
            "Whether the login page leads at once to where people log in. For authenticators that have no form of their own; an error with others.";
        auto_login_oauth2_authorize: Bool => authenticator.auto_login_oauth2_authorize,
            "The same, only on the way to a service or a server.";
        username_map: TextMap => authenticator.username_map,
            "Renames users: name at login → name at the hub.";
        username_pattern: Pattern => authenticator.username_pattern,
            "Regular expression that names must match, from their start. Unset: any name without invisible characters or alphabets that look alike; a pattern that matches a whole name decides of these itself.";
    }
    renamed {
        whitelist: Names => authenticator.allowed_users,
            "write allowed_users; an empty list no longer means everybody, which is allow_all = true";
    }
    later {
        manage_roles "Whether the authenticator decides the roles of users. Let it manage groups (manage_groups), and give roles to groups in [[JupyterHub.load_roles]].";
        reset_managed_roles_on_startup "Whether roles that the authenticator gave are taken back at the start. Those that groups have in [[JupyterHub.load_roles]] are exact at every start.";
    }
    refused {
        delete_invalid_users "users whose names could not be taken today go on; delete those you do not want through the API";
        post_auth_hook "this hub runs no Python; rename users with username_map, and allow them with allowed_users and blocked_users";
        reconcile_auth_state_hook "this hub runs no Python; what a login brings replaces what the login before brought";
    }
};

pub(super) static LOCAL: Class = class! {
    LocalAuthenticator: Authenticator, "Users of this machine.";
    works {
        add_user_cmd: OptCommand => local_users.add_user_cmd,
            "What makes a system user: USERNAME in it is replaced by the name, which also comes last, after --uid if uids has one. Unset: adduser -q --gecos \"\" --disabled-password on Debian, else useradd --create-home.";
        allowed_groups: SystemGroups => local_users.allowed_groups,
            "System groups whose members may log in.";
        create_system_users: Bool => local_users.create_system_users,
            "Whether a system user is made for everybody who is registered: named in the configuration, added by an administrator, or at the first login. The hub must be root.";
        uids: Uids => local_users.uids,
            "User ids of system users that are made: name → id.";
    }
    renamed {
        group_whitelist: SystemGroups => local_users.allowed_groups,
            "write allowed_groups";
    }
};

pub(super) static PAM: Class = class! {
    PAMAuthenticator: LocalAuthenticator, "Users of this machine, with the machine's own passwords.";
    works {
        admin_groups: SystemGroups => pam.admin_groups,
            "System groups whose members are administrators; others are not, unless admin_users names them. That alone allows nobody in.";
        check_account: Bool => pam.check_account,
            "Whether PAM is asked if the account may be used now: not when it or its password has expired.";
        encoding: Encoding => pam.encoding,
            "How names and passwords are written for PAM: \"utf8\", \"latin1\" or \"ascii\".";
        executor_threads: Positive => pam.executor_threads,
            "How many logins PAM is asked about at once, each in a process of its own.";
        open_sessions: Bool => pam.open_sessions,
            "Whether a PAM session is opened before each server starts, and closed after: modules may make a home folder or mount it. The first one that fails is the last.";
        pam_normalize_username: Bool => pam.pam_normalize_username,
            "Whether the machine's own spelling of a name counts, where a directory knows one user by several.";
        service: PamService => pam.service,
            "Name of the PAM service, a file of /etc/pam.d.";
    }
};

pub(super) static DICTIONARY: Class = class! {
    dictionary, "Users with a password each, as hashes in the configuration. Only this hub has it.";
    works {
        users: PasswordHashes => dictionary.users,
            "Name → argon2 hash of the password, as `hub hash-password` makes it. Who of them may log in is for [Authenticator] to say: allow_all lets in all of them.";
    }
};

pub(super) static DUMMY: Class = class! {
    DummyAuthenticator: Authenticator, "Any name may log in: for tests only.";
    works {
        password: Secret => dummy.password,
            "The password of everybody. Unset: any password.";
    }
};

pub(super) static SHARED_PASSWORD: Class = class! {
    SharedPasswordAuthenticator: Authenticator, "One password for all users, another for administrators.";
    works {
        user_password: Secret => shared_password.user_password,
            "What users log in with: at least 8 characters. Unset: only administrators can.";
        admin_password: Secret => shared_password.admin_password,
            "What admin_users log in with: at least 32 characters, not the users' password. Unset: administrators cannot.";
        password_groups: PasswordGroups => shared_password.password_groups,
            "Further passwords of users that put them into groups: password → list of groups. At least 8 characters; needs manage_groups.";
    }
};
