//! `Authenticator` and its kind.

use crate::config::kind::collection::{Names, TextMap};
use crate::config::kind::scalar::{OptBool, Secret};
use crate::config::kind::special::Pattern;
use crate::config::traits::{Class, class};

pub(super) static AUTHENTICATOR: Class = class! {
    Authenticator, "Who may log in, whoever checks the password.";
    works {
        admin_users: Names => authenticator.admin_users,
            "Users with the role admin: they may do everything. Always allowed.";
        allowed_users: Names => authenticator.allowed_users,
            "Users that may log in.";
        blocked_users: Names => authenticator.blocked_users,
            "Users that may not, whatever else allows them.";
        allow_all: OptBool => authenticator.allow_all,
            "Whether everybody may log in whose password is right. Unset: no (yes with the dummy authenticator and no allowed_users).";
        allow_existing_users: OptBool => authenticator.allow_existing_users,
            "Whether users that the database knows may log in. Unset: yes if allowed_users is used.";
        any_allow_config: OptBool => authenticator.any_allow_config,
            "Tells the hub that somebody can log in although it cannot see who. Unset: it looks at the settings above.";
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
        auth_refresh_age "Seconds after which a login is checked again.";
        auth_refresh_strict "Whether requests fail that cannot be checked again.";
        auto_login "Whether the login page is skipped.";
        auto_login_oauth2_authorize "Whether the login page is skipped on the way to a service.";
        enable_auth_state "Whether what the authenticator learns is kept, encrypted.";
        manage_groups "Whether the authenticator decides the groups of users.";
        manage_roles "Whether the authenticator decides the roles of users.";
        otp_prompt "Label of the field for one-time passwords.";
        refresh_pre_spawn "Whether a login is checked again before a server starts.";
        refresh_pre_stop "Whether a login is checked again before a server stops.";
        request_otp "Whether the login page asks for a one-time password.";
        reset_managed_roles_on_startup "Whether roles that the authenticator manages are dropped at start.";
    }
    refused {
        delete_invalid_users "users whose names could not be taken today go on; delete those you do not want through the API";
        post_auth_hook "this hub runs no Python; rename users with username_map, and allow them with allowed_users and blocked_users";
        reconcile_auth_state_hook "this hub runs no Python; what a login brings replaces what the login before brought";
    }
};

pub(super) static LOCAL: Class = class! {
    LocalAuthenticator: Authenticator, "Users of this machine.";
    later {
        add_user_cmd "Command that makes a system user.";
        allowed_groups "System groups whose members may log in.";
        create_system_users "Whether system users are made at login.";
        group_whitelist "Old name of allowed_groups.";
        uids "User ids of system users that are made.";
    }
};

pub(super) static PAM: Class = class! {
    PAMAuthenticator: LocalAuthenticator, "Users of this machine, with the machine's own passwords.";
    later {
        admin_groups "System groups whose members are administrators.";
        check_account "Whether expired accounts are refused.";
        encoding "Encoding of passwords.";
        executor_threads "Threads that talk to PAM.";
        open_sessions "Whether a PAM session is opened for each server.";
        pam_normalize_username "Whether PAM may rename users.";
        service "Name of the PAM service.";
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
    }
    later {
        password_groups "Passwords that put their users into groups.";
    }
};
