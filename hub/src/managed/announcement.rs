//! What a service of the configuration says above every page (`[hub] announcement_path`).
//!
//! The hub asks it every few seconds, without credentials: what stands above the login page is no secret. It answers as
//! JupyterHub's example of an announcement service does, with JSON that has a text in `announcement`; an empty one says
//! nothing. Pages show the text as text, never as markup. While the service does not answer, its last words stay for a minute.

use std::sync::{PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::ManagedServices;

/// How long the last words of a service stay that does not answer any more.
const KEPT: TimeDelta = TimeDelta::seconds(60);

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

/// The longest text that is shown, in characters.
const LONGEST_TEXT: usize = 2000;

/// Why nothing is known of what is to be announced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnnouncementError {
    /// The service does not answer.
    #[error("service {service:?} does not say what to announce: {source}")]
    Silent {
        /// The service.
        service: String,
        /// Why.
        source: reqwest::Error,
    },
    /// It answers something else.
    #[error(
        "service {service:?} does not say what to announce: {why}; announcement_path must lead to JSON with a text in `announcement`"
    )]
    Odd {
        /// The service.
        service: String,
        /// What it answers.
        why: String,
    },
}

/// The last words, and when they were heard.
#[derive(Debug, Default)]
pub(super) struct Heard(RwLock<Option<(String, DateTime<Utc>)>>);

impl Heard {
    fn set(&self, words: Option<(String, DateTime<Utc>)>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = words;
    }

    fn get(&self, now: DateTime<Utc>) -> Option<String> {
        let heard = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (text, at) = heard.as_ref()?;
        (now - *at < KEPT).then(|| text.clone())
    }
}

#[derive(Deserialize)]
struct Answer {
    announcement: String,
}

/// Reads an answer; nothing when there is nothing to say.
fn read(body: &[u8]) -> Result<Option<String>, serde_json::Error> {
    let Answer { announcement } = serde_json::from_slice(body)?;
    let text: String = announcement.trim().chars().take(LONGEST_TEXT).collect();
    Ok((!text.is_empty()).then_some(text))
}

impl ManagedServices {
    /// What is announced now.
    #[must_use]
    pub fn announcement(&self) -> Option<String> {
        self.0.heard.get(self.0.clock.now())
    }

    /// Asks the service that the configuration names; does nothing when it names none.
    ///
    /// # Errors
    /// [`AnnouncementError`]; what was heard before stays for a while.
    pub async fn ask_announcement(&self) -> Result<(), AnnouncementError> {
        let Some((name, rest)) = self.0.own.announcer() else {
            return Ok(());
        };
        let Some(service) = self.get(name) else {
            return Ok(());
        };
        let Some(url) = &service.url else {
            return Ok(());
        };
        let prefix = self.0.addresses.base.service(&service.spec.service_name());
        let target = format!("{}{prefix}{rest}", url.trim_end_matches('/'));
        let body = self.fetch(name, &target).await?;
        let text = read(&body).map_err(|error| AnnouncementError::Odd {
            service: name.to_owned(),
            why: error.to_string(),
        })?;
        let now = self.0.clock.now();
        self.0.heard.set(text.map(|text| (text, now)));
        Ok(())
    }

    async fn fetch(&self, service: &str, target: &str) -> Result<Vec<u8>, AnnouncementError> {
        let silent = |error: reqwest::Error| AnnouncementError::Silent {
            service: service.to_owned(),
            source: error,
        };
        let odd = |why: String| AnnouncementError::Odd {
            service: service.to_owned(),
            why,
        };
        let request = self.0.http.get(target).header("accept", "application/json");
        let mut reply = request.send().await.map_err(silent)?;
        if !reply.status().is_success() {
            return Err(odd(format!("{target} answers {}", reply.status())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = reply.chunk().await.map_err(silent)? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST_ANSWER {
                return Err(odd(format!("it says more than {LONGEST_ANSWER} bytes")));
            }
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_texts_of_bounded_length() {
        let said = |body: &str| read(body.as_bytes()).ok();
        assert_eq!(
            said(r#"{"announcement": " down at five ", "user": "ada"}"#),
            Some(Some("down at five".to_owned()))
        );
        assert_eq!(said(r#"{"announcement": " "}"#), Some(None));
        assert_eq!(said(r#"{"announcement": null}"#), None);
        assert_eq!(said("<html>"), None);
        let long = format!(r#"{{"announcement": "{}"}}"#, "é".repeat(LONGEST_TEXT + 1));
        assert_eq!(
            said(&long).flatten().map(|text| text.chars().count()),
            Some(LONGEST_TEXT)
        );
    }

    #[test]
    fn last_words_stay_for_a_minute() {
        let (heard, start) = (Heard::default(), DateTime::UNIX_EPOCH);
        assert_eq!(heard.get(start), None);
        heard.set(Some(("soon".to_owned(), start)));
        let later = |seconds| heard.get(start + TimeDelta::seconds(seconds));
        assert_eq!(later(59).as_deref(), Some("soon"));
        assert_eq!(later(60), None);
    }
}
