//! What a visitor of the spawn page has chosen, and the page that shows it again.

use axum::http::StatusCode;
use serde_json::Value;
use url::form_urlencoded;

use crate::config::Profile;
use crate::domain::server::ServerRef;
use crate::http::pages::context::Visitor;
use crate::http::pages::error_page::PageError;
use crate::http::pages::form::{RawForm, STALE};
use crate::render::pages::{ProfileCard, ProfileField, SpawnPage};
use crate::spawner::options::form::{self, Fields};
use crate::spawner::options::{InvalidOptions, Options, profiles, query};

/// Field of the form that asks whether a link's options are meant.
const FROM_QUERY: &str = "_from_query";

/// Whether people are asked before a start.
pub(in crate::http::pages) fn has_form(visitor: &Visitor) -> bool {
    let spawner = &visitor.state.config.spawner;
    spawner.options_form.is_some() || !spawner.profile_list.is_empty()
}

/// Fields of a link or a form.
#[derive(Debug, Default)]
pub(super) struct Choice {
    fields: Fields,
    linked: bool,
}

impl Choice {
    /// What the link says that leads to the page.
    ///
    /// # Errors
    /// 422 for an option without a name.
    pub(super) fn linked(visitor: &Visitor) -> Result<Self, PageError> {
        let query = visitor.uri.query().unwrap_or_default();
        let arguments = form_urlencoded::parse(query.as_bytes()).into_owned();
        let fields = query::fields(arguments)
            .map_err(|error| PageError::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
        Ok(Self {
            fields,
            linked: true,
        })
    }

    /// What the page's own form says. One that only confirms a link stands for what the link says.
    ///
    /// # Errors
    /// As [`Choice::linked`].
    pub(super) fn sent(visitor: &Visitor, form: &RawForm) -> Result<Self, PageError> {
        if form.field(FROM_QUERY).is_some() {
            return Self::linked(visitor);
        }
        let mut fields = Fields::new();
        for (name, value) in form.texts().filter(|(name, _)| *name != "_xsrf") {
            fields
                .entry(name.to_owned())
                .or_default()
                .push(value.into());
        }
        for (name, file) in form.files() {
            let value = form::file(&file.name, &file.content_type, &file.bytes);
            fields
                .entry(format!("{name}_file"))
                .or_default()
                .push(value);
        }
        if fields.is_empty() && !has_form(visitor) {
            return Self::linked(visitor);
        }
        Ok(Self {
            fields,
            linked: false,
        })
    }

    /// Whether it says anything.
    pub(super) fn says_something(&self) -> bool {
        !self.fields.is_empty()
    }

    /// The options that it stands for; `None` when nothing was chosen, and the server starts with those of its last start.
    ///
    /// # Errors
    /// When a field is not what it must be.
    pub(super) fn options(&self, visitor: &Visitor) -> Result<Option<Options>, InvalidOptions> {
        if self.linked && self.fields.is_empty() {
            return Ok(None);
        }
        let spawner = &visitor.state.config.spawner;
        let mut fields = self.fields.clone();
        let chosen = match self.linked {
            // A link names the options themselves.
            true => Options::new(),
            false => profiles::take(&spawner.profile_list, &mut fields),
        };
        let named: Fields = match self.linked {
            true => fields
                .extract_if(.., |name, _| profiles::knows(&spawner.profile_list, name))
                .collect(),
            false => Fields::new(),
        };
        let mut options = form::options(&spawner.options_from_form, fields)?;
        options.extend(chosen);
        let first = |values: Vec<Value>| values.into_iter().next().unwrap_or_default();
        options.extend(
            named
                .into_iter()
                .map(|(name, values)| (name, first(values))),
        );
        Ok(Some(options))
    }

    /// The page that asks for the choice, as far as it was made.
    pub(super) fn page(&self, visitor: &Visitor, at: &ServerRef, error: Option<&str>) -> SpawnPage {
        let spawner = &visitor.state.config.spawner;
        let path = visitor.uri.path_and_query();
        // What the page does not show it must not start with: where nothing else can be chosen, or nothing was wrong with
        // the choice, it asks about the link again.
        let same = error.is_none_or(|error| error == STALE) || !has_form(visitor);
        let confirms = self.linked && self.says_something() && same;
        SpawnPage {
            chrome: visitor.chrome(),
            for_user: at.user.as_str().to_owned(),
            server_name: at.name.as_str().to_owned(),
            url: path.map_or("", |path| path.as_str()).to_owned(),
            error_message: error.map(ToOwned::to_owned),
            spawner_options_form: spawner.options_form.clone(),
            profiles: self.cards(&spawner.profile_list),
            from_query: match confirms {
                true => self.shown(),
                false => Vec::new(),
            },
        }
    }

    fn shown(&self) -> Vec<(String, String)> {
        let text = |values: &Vec<Value>| {
            let texts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            texts.join(", ")
        };
        let fields = self.fields.iter();
        fields
            .map(|(name, values)| (name.clone(), text(values)))
            .collect()
    }

    fn cards(&self, list: &[Profile]) -> Vec<ProfileCard> {
        let field = |name: &str| self.fields.get(name).and_then(|values| values.first());
        let chosen = profiles::chosen(list, field(profiles::PROFILE))
            .or_else(|_| profiles::chosen(list, None))
            .map(|profile| profile.slug.as_str());
        let mut cards = Vec::new();
        for profile in list {
            let mut options = Vec::new();
            for (name, option) in &profile.profile_options {
                let key = profiles::field(profile, name);
                let value = profiles::chosen_key(option, field(&key))
                    .or_else(|| profiles::chosen_key(option, None));
                let choices = option.choices.iter();
                let choices = choices.map(|(choice, it)| {
                    let is_chosen = value == Some(choice.as_str());
                    (choice.clone(), it.display_name.clone(), is_chosen)
                });
                options.push(ProfileField {
                    choices: choices.collect(),
                    field: key,
                    display_name: option.display_name.clone(),
                });
            }
            cards.push(ProfileCard {
                slug: profile.slug.clone(),
                display_name: profile.display_name.clone(),
                description: profile.description.clone(),
                chosen: chosen == Ok(profile.slug.as_str()),
                options,
            });
        }
        cards
    }
}
