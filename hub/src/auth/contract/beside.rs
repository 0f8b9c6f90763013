//! Clauses on what an authenticator is asked beside logins: names, rules of its own, registering, servers.

use hub_types::clock::{Clock as _, SystemClock};
use hub_types::names::{ServerName, Username};

use super::{Clause, HOSTILE, Kept, Suite, text};
use crate::auth::{LoginForm, Refreshed};
use crate::domain::server::ServerRef;

/// Somebody whom no authenticator knows.
const NOBODY: &str = "nobody-of-this-name-0";

/// The names that go with the forms that are right.
fn names<'a>(right: &'a [LoginForm]) -> impl Iterator<Item = Username> + 'a {
    right
        .iter()
        .map(|form| Username::stored(form.username.as_str()))
}

impl Suite<'_> {
    pub(super) fn beside_logins(&self) -> Vec<Clause<'_>> {
        vec![
            (
                "a name has one spelling, and odd ones are answered",
                Box::pin(self.spelled()),
            ),
            (
                "who is right opens an account, of a user or of an administrator",
                Box::pin(self.opened()),
            ),
            (
                "who is not there is no administrator, and no rule allows them",
                Box::pin(self.judged()),
            ),
            (
                "who came in holds when asked again",
                Box::pin(self.refreshed()),
            ),
            ("who is not there does not hold", Box::pin(self.gone())),
            (
                "who is there can be registered twice",
                Box::pin(self.registered()),
            ),
            (
                "servers start and stop, in any order and more than once",
                Box::pin(self.servers()),
            ),
            (
                "that somebody unknown is deleted disturbs nobody",
                Box::pin(self.deleted()),
            ),
            ("it does not show passwords", Box::pin(self.secrets())),
        ]
    }

    async fn spelled(&self) -> Kept {
        let right = self.subject.right.iter().map(|form| form.username.as_str());
        let odd = HOSTILE.iter().copied().chain([NOBODY]);
        for name in right.clone().chain(odd) {
            let once = self.authenticator.normalise(name.to_owned()).await;
            let once = once.map_err(|error| text(&error))?;
            let twice = self.authenticator.normalise(once.clone()).await;
            if twice.map_err(|error| text(&error))? != once {
                return Err(format!(
                    "{name:?} becomes {once:?}, and that something else"
                ));
            }
            if once != name && !self.authenticator.respells() {
                return Err(format!(
                    "respells() is false, and {name:?} becomes {once:?}"
                ));
            }
            if once != name && right.clone().any(|right| right == name) {
                return Err(format!(
                    "{name:?} is said to be normalised, and becomes {once:?}"
                ));
            }
        }
        Ok(())
    }

    async fn opened(&self) -> Kept {
        for form in &self.subject.right {
            let opens = |administrator| self.authenticator.opens(administrator, form);
            if !opens(true) && !opens(false) {
                return Err(format!("{:?} opens neither", form.username));
            }
        }
        Ok(())
    }

    async fn judged(&self) -> Kept {
        for name in HOSTILE.iter().copied().chain([NOBODY]) {
            let name = Username::stored(name);
            // That nobody can say is no answer, and lets nobody in.
            if let Ok(Some(true)) = self.authenticator.is_admin(&name).await {
                return Err(format!("{name:?} is an administrator"));
            }
            if let Ok(true) = self.authenticator.allows(&name).await {
                return Err(format!("{name:?} is allowed"));
            }
        }
        for name in names(&self.subject.right) {
            let admin = self.authenticator.is_admin(&name).await;
            admin.map_err(|error| text(&error))?;
            let allowed = self.authenticator.allows(&name).await;
            allowed.map_err(|error| text(&error))?;
        }
        Ok(())
    }

    /// As the hub asks: with what was kept of a login just now.
    async fn refreshed(&self) -> Kept {
        for form in &self.subject.right {
            let name = Username::stored(form.username.as_str());
            let kept = self.ask(form).await?.and_then(|model| model.auth_state);
            let asked = self
                .authenticator
                .refresh_with(&name, kept.as_ref(), SystemClock.now());
            match asked.await.map_err(|error| text(&error))? {
                Refreshed::Gone(why) => return Err(format!("{name} is gone: {why}")),
                Refreshed::New(model) if model.name != name.as_str() => {
                    return Err(format!("{name} became {:?}", model.name));
                }
                Refreshed::New(model) => self.sensible(&model)?,
                Refreshed::Tokens(state) if !state.is_object() => {
                    return Err("what is kept of a login is no object".to_owned());
                }
                Refreshed::Unchanged | Refreshed::Tokens(_) => {}
            }
        }
        Ok(())
    }

    async fn gone(&self) -> Kept {
        if !self.authenticator.refreshes() {
            return Ok(());
        }
        for name in HOSTILE.iter().copied().chain([NOBODY]) {
            let name = Username::stored(name);
            match self
                .authenticator
                .refresh_with(&name, None, SystemClock.now())
                .await
            {
                Ok(Refreshed::Gone(_)) | Err(_) => {}
                Ok(other) => return Err(format!("{name:?}: {other:?}")),
            }
        }
        Ok(())
    }

    async fn registered(&self) -> Kept {
        for name in names(&self.subject.right) {
            for _ in 0..2 {
                let may = self.authenticator.may_add_user(&name).await;
                may.map_err(|error| error.to_string())?;
                let added = self.authenticator.add_user(&name).await;
                added.map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    async fn servers(&self) -> Kept {
        for name in names(&self.subject.right) {
            let at = ServerRef::new(name, ServerName::default_server());
            self.authenticator.post_stop(&at).await;
            for _ in 0..2 {
                self.authenticator.pre_spawn(&at).await?;
            }
            for _ in 0..2 {
                self.authenticator.post_stop(&at).await;
            }
        }
        Ok(())
    }

    async fn deleted(&self) -> Kept {
        for name in HOSTILE.iter().copied().chain([NOBODY]) {
            let name = Username::stored(name);
            self.authenticator.delete_user(&name).await;
        }
        self.right().await
    }

    async fn secrets(&self) -> Kept {
        let shown = format!("{:?}", self.authenticator);
        let secret = |form: &&LoginForm| {
            let password = form.password.expose();
            !password.is_empty() && shown.contains(password)
        };
        match self.subject.right.iter().find(secret) {
            None => Ok(()),
            Some(form) => Err(format!("Debug shows the password of {:?}", form.username)),
        }
    }
}
