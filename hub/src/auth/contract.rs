//! What any [`Authenticator`] is held to, as a suite that its author runs.
//!
//! ```no_run
//! # async fn run(mine: &dyn hub::auth::Authenticator) {
//! use hub::auth::LoginForm;
//! use hub::auth::contract::{Subject, check};
//!
//! let right = vec![LoginForm::new("mal", "serenity"), LoginForm::new("zoe", "warrior")];
//! let broken = check(mine, &Subject { right, wrong: "not a password" }).await;
//! assert!(broken.is_empty(), "{broken:#?}");
//! # }
//! ```
//!
//! What it cannot look at is left to the author: that neither the answer nor its time tells whether there is such a user, and
//! that a directory that is away is [`AuthUnavailable`] and never a refusal.

mod beside;
mod pages;
#[cfg(test)]
mod tests;

use futures_util::future::{BoxFuture, join_all};
use hub_types::secret::Token;

use serde_json::Value;

use super::{AuthModel, AuthUnavailable, Authenticator, LoginForm, Way};

/// Names that are nobody's, and that a careless program takes for something else.
const HOSTILE: &[&str] = &[
    "",
    " ",
    "-rf",
    "--help",
    "../../etc/passwd",
    "a\0b",
    "a\nroot",
    "root\n",
    "$(id)",
    "`id`",
    "a:0:0",
    "*",
    "*)(uid=*",
    "' or 1=1 --",
    "\u{202e}lam",
];

/// How often everybody logs in at once.
const AT_ONCE: usize = 4;

/// What the suite works with.
#[derive(Debug)]
pub struct Subject {
    /// Forms that are right, names normalised; several people, if the authenticator tells people apart. None for one that
    /// lets nobody in.
    pub right: Vec<LoginForm>,
    /// A password that is nobody's.
    pub wrong: &'static str,
}

/// A clause that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// What should be so.
    pub clause: &'static str,
    /// What was seen instead.
    pub why: String,
}

/// Why a clause does not hold.
type Kept = Result<(), String>;

/// Checks every clause; the answer is empty when all hold.
pub async fn check(authenticator: &dyn Authenticator, subject: &Subject) -> Vec<Broken> {
    let suite = Suite {
        authenticator,
        subject,
    };
    let mut clauses = suite.logins();
    clauses.extend(suite.beside_logins());
    clauses.extend(suite.of_pages());
    let mut broken = Vec::new();
    for (clause, kept) in clauses {
        if let Err(why) = kept.await {
            broken.push(Broken { clause, why });
        }
    }
    broken
}

/// What should be so, and what finds out.
type Clause<'a> = (&'static str, BoxFuture<'a, Kept>);

struct Suite<'a> {
    authenticator: &'a dyn Authenticator,
    subject: &'a Subject,
}

fn text(error: &AuthUnavailable) -> String {
    error.to_string()
}

impl Suite<'_> {
    /// What happens when people log in.
    fn logins(&self) -> Vec<Clause<'_>> {
        vec![
            ("the class has a name of its own", Box::pin(self.class())),
            (
                "who is right comes in, as themselves",
                Box::pin(self.right()),
            ),
            (
                "a wrong, empty, longer or endless password is nobody's",
                Box::pin(self.wrong()),
            ),
            (
                "nobody is who is not there, and odd names are nobody's",
                Box::pin(self.hostile()),
            ),
            (
                "many at once are not taken for each other",
                Box::pin(self.at_once()),
            ),
            (
                "a question that is given up disturbs no other",
                Box::pin(self.given_up()),
            ),
            (
                "whoever logs in elsewhere, or not at all, types no password here",
                Box::pin(self.no_form()),
            ),
        ]
    }

    /// As the hub asks: a form without a password is refused before.
    async fn ask(&self, form: &LoginForm) -> Result<Option<AuthModel>, String> {
        let asks = self.authenticator.asks_for_password();
        if self.authenticator.way() != Way::Form || (asks && form.password.expose().is_empty()) {
            return Ok(None);
        }
        let asked = self.authenticator.authenticate(&form.username, form);
        asked.await.map_err(|error| text(&error))
    }

    async fn refuses(&self, form: &LoginForm) -> Kept {
        match self.ask(form).await? {
            None => Ok(()),
            Some(model) => Err(format!("{:?} came in as {:?}", form.username, model.name)),
        }
    }

    async fn lets_in(&self, form: &LoginForm) -> Kept {
        let Some(model) = self.ask(form).await? else {
            return Err(format!("{:?} was refused", form.username));
        };
        if model.name != form.username {
            return Err(format!("{:?} became {:?}", form.username, model.name));
        }
        self.sensible(&model)
    }

    /// What is said beside the name.
    fn sensible(&self, model: &AuthModel) -> Kept {
        if model.groups.is_some() && !self.authenticator.says_groups() {
            return Err("says_groups() is false, and groups are said".to_owned());
        }
        match (&model.user_info, &model.auth_state) {
            (None | Some(Value::Object(_)), None | Some(Value::Object(_))) => Ok(()),
            (None | Some(Value::Object(_)), Some(_)) => Err("auth_state is no object".to_owned()),
            (Some(other), _) => Err(format!("user_info is no object: {other}")),
        }
    }

    async fn class(&self) -> Kept {
        let class = self.authenticator.class();
        match class.is_empty() || class.contains(char::is_whitespace) {
            true => Err(format!("{class:?}")),
            false => Ok(()),
        }
    }

    async fn right(&self) -> Kept {
        for form in &self.subject.right {
            self.lets_in(form).await?;
        }
        Ok(())
    }

    async fn wrong(&self) -> Kept {
        if !self.authenticator.asks_for_password() {
            return Ok(());
        }
        for form in &self.subject.right {
            let right = form.password.expose();
            let wrong = [
                self.subject.wrong.to_owned(),
                String::new(),
                format!("{right} "),
                format!("{right}\0"),
                right.to_uppercase() + "x",
                "x".repeat(100_000),
            ];
            let forms: Vec<LoginForm> = wrong
                .into_iter()
                .map(|password| LoginForm {
                    password: Token::from_config(password),
                    ..form.clone()
                })
                .collect();
            for kept in join_all(forms.iter().map(|form| self.refuses(form))).await {
                kept?;
            }
        }
        Ok(())
    }

    async fn hostile(&self) -> Kept {
        if !self.authenticator.asks_for_password() {
            return Ok(());
        }
        let long = "x".repeat(10_000);
        let names = HOSTILE.iter().copied().chain([long.as_str()]);
        let forms: Vec<LoginForm> = names
            .map(|name| LoginForm::new(name, self.subject.wrong))
            .collect();
        for kept in join_all(forms.iter().map(|form| self.refuses(form))).await {
            kept?;
        }
        Ok(())
    }

    async fn at_once(&self) -> Kept {
        let wrong: Vec<LoginForm> = self
            .subject
            .right
            .iter()
            .map(|form| LoginForm::new(form.username.as_str(), self.subject.wrong))
            .collect();
        let asks = self.authenticator.asks_for_password();
        let pairs = (0..AT_ONCE).flat_map(|_| self.subject.right.iter().zip(&wrong));
        let all = pairs.map(async |(right, wrong)| {
            let (right, wrong) = futures_util::join!(self.lets_in(right), self.refuses(wrong));
            right.and(if asks { wrong } else { Ok(()) })
        });
        join_all(all).await.into_iter().collect()
    }

    async fn given_up(&self) -> Kept {
        for form in &self.subject.right {
            let asked = self.authenticator.authenticate(&form.username, form);
            // Polled once, then dropped.
            let _ = futures_util::FutureExt::now_or_never(asked);
            self.lets_in(form).await?;
        }
        Ok(())
    }

    async fn no_form(&self) -> Kept {
        if self.authenticator.way() == Way::Form {
            return Ok(());
        }
        for name in ["mal", "", "root"] {
            let form = LoginForm::new(name, self.subject.wrong);
            // Somebody who posts a form all the same.
            let asked = self.authenticator.authenticate(name, &form).await;
            if let Ok(Some(model)) = asked {
                return Err(format!("{name:?} came in as {:?}", model.name));
            }
        }
        Ok(())
    }
}
