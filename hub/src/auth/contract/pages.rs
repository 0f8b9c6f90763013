//! Clauses on the pages of an authenticator's own, and on where it sends people.

use std::collections::BTreeSet;

use hub_types::clock::{Clock as _, SystemClock};
use url::Url;

use super::{Clause, HOSTILE, Kept, Suite};
use crate::auth::page::Fault;
use crate::auth::{PageAnswer, PageRequest, Way};

/// Arguments that logins elsewhere come back with, and strangers make up.
const ARGUMENTS: &[&str] = &["state", "code", "error", "ticket", "token", "SAMLResponse"];

fn request(page: &str, value: Option<&str>) -> PageRequest {
    let pairs = |value: &str| -> Vec<(String, String)> {
        let names = ARGUMENTS.iter();
        names
            .map(|name| ((*name).to_owned(), value.to_owned()))
            .collect()
    };
    PageRequest {
        page: page.to_owned(),
        arguments: value.map(pairs).unwrap_or_default(),
        kept: None,
        hub_url: "http://hub.example/hub/".to_owned(),
        next: None,
        from: None,
        now: SystemClock.now(),
    }
}

/// Whether a browser can be sent there: an absolute URL, or a path of this host.
fn leads_somewhere(to: &str) -> bool {
    match Url::parse(to) {
        Ok(url) => matches!(url.scheme(), "http" | "https") && url.has_host(),
        Err(_) => to.starts_with('/') && !to[1..].starts_with(['/', '\\']),
    }
}

impl Suite<'_> {
    pub(super) fn of_pages(&self) -> Vec<Clause<'_>> {
        vec![
            ("where people are sent is somewhere", Box::pin(self.leads())),
            (
                "its pages are paths of the hub, each of them once",
                Box::pin(self.named()),
            ),
            (
                "whoever brings nothing of a login comes in by none of its pages",
                Box::pin(self.strangers()),
            ),
        ]
    }

    async fn leads(&self) -> Kept {
        let way = match self.authenticator.way() {
            Way::Elsewhere { url, .. } => Some(url),
            Way::Form | Way::Closed => None,
        };
        for to in way
            .into_iter()
            .chain(self.authenticator.logout_redirect_url())
        {
            if !leads_somewhere(&to) {
                return Err(format!("{to:?} is neither a URL nor a path of the hub"));
            }
        }
        Ok(())
    }

    async fn named(&self) -> Kept {
        let mut seen = BTreeSet::new();
        for page in self.authenticator.pages() {
            let fine = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
            let dots = page
                .split('/')
                .any(|part| part.is_empty() || part.starts_with('.'));
            if dots || !page.chars().all(fine) || !seen.insert(page) {
                return Err(format!("{page:?}"));
            }
        }
        Ok(())
    }

    async fn strangers(&self) -> Kept {
        for page in self.authenticator.pages() {
            let values = HOSTILE.iter().copied().map(Some);
            for value in values.chain([None]) {
                let request = request(page, value);
                match self.authenticator.page(&request).await {
                    PageAnswer::Person { model, .. } => {
                        return Err(format!("{:?} came in by {page}", model.name));
                    }
                    PageAnswer::Away { to, .. } if !leads_somewhere(&to) => {
                        return Err(format!("{page} leads to {to:?}"));
                    }
                    PageAnswer::Away { .. } | PageAnswer::Refused(_) => {}
                }
            }
        }
        match self
            .authenticator
            .page(&request("no-such-page", None))
            .await
        {
            PageAnswer::Refused(refused) if refused.fault == Fault::NoPage => Ok(()),
            other => Err(format!("a page that is none: {other:?}")),
        }
    }
}
