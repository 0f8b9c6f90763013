//! The objects that one caller works on: everybody has their own, so that no call sees what another one did.

/// A user in a group, with a server that does not run, a spare token, shares and a share code.
#[derive(Debug, Clone, Default)]
pub(super) struct Target {
    pub(super) user: String,
    pub(super) group: String,
    /// A token of the user: its id and itself. Made by seeding.
    pub(super) token_id: String,
    pub(super) token: String,
    /// Somebody's login cookie, ready for a URL.
    pub(super) cookie: String,
}

impl Target {
    /// The objects of that number; what the hub itself makes up is still missing.
    pub(super) fn new(number: usize) -> Self {
        Self {
            user: format!("t{number:03}"),
            group: format!("g{number:03}"),
            ..Self::default()
        }
    }

    /// Puts the names of the objects into a text.
    pub(super) fn fill(&self, text: &str) -> String {
        text.replace("{user}", &self.user)
            .replace("{group}", &self.group)
            .replace("{token_id}", &self.token_id)
            .replace("{token}", &self.token)
            .replace("{cookie}", &self.cookie)
    }

    /// Puts placeholders for the names of the objects into a text.
    pub(super) fn unfill(&self, text: &str) -> String {
        if self.user.is_empty() {
            return text.to_owned();
        }
        text.replace(&self.user, "{user}")
            .replace(&self.group, "{group}")
    }

    /// The group of a user, of those that matter to filters.
    pub(super) fn group_of(&self, user: &str) -> Option<String> {
        (user == self.user).then(|| self.group.clone())
    }
}
