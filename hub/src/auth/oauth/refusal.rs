//! Why somebody does not come in: what they are told, and what the log is told. Nothing that came with a request, no token
//! and no code is in either.

use super::discovery::NotProven;
use super::exchange::NoToken;
use super::outbound::Trouble;
use crate::auth::page::{Fault, Refused};

fn refused(fault: Fault, text: String, why: String) -> Refused {
    Refused {
        fault,
        text,
        why,
        name: None,
    }
}

/// The browser did not begin this login, or too long ago, or has ended it already.
pub(super) fn state(why: &str) -> Refused {
    let text = "This sign-in was not begun in this browser, or too long ago, or it is over already. Sign in again.";
    refused(Fault::Request, text.to_owned(), why.to_owned())
}

/// The provider sent the browser back without a code.
pub(super) fn sent_back(service: &str, error: Option<&str>) -> Refused {
    let code: String = error.unwrap_or_default().chars().take(64).collect();
    let why = format!("{service} sent them back with {code:?}");
    match error {
        Some("access_denied" | "interaction_required" | "login_required" | "consent_required") => {
            let text = format!("{service} says that you did not agree to sign in to this hub.");
            refused(Fault::Person, text, why)
        }
        Some("temporarily_unavailable" | "server_error") => away(service, why),
        Some(_) => refused(
            Fault::Request,
            format!("{service} could not sign you in to this hub. Sign in again."),
            why,
        ),
        None => refused(
            Fault::Request,
            format!("{service} sent you back without a word of who you are. Sign in again."),
            why,
        ),
    }
}

/// The provider was not asked: too many are asked about already.
pub(super) fn busy(service: &str) -> Refused {
    let text =
        format!("Too many people sign in with {service} right now. Reload this page in a moment.");
    refused(Fault::Busy, text, "too many logins at once".to_owned())
}

fn away(service: &str, why: String) -> Refused {
    let text = format!("{service} does not answer right now. Try again in a moment.");
    refused(Fault::Away, text, why)
}

/// The provider does not answer, or not as it should.
pub(super) fn trouble(service: &str, trouble: &Trouble) -> Refused {
    match trouble {
        Trouble::Silent { .. } => away(service, trouble.to_string()),
        Trouble::Untrusted { .. } => {
            let text = format!(
                "This hub does not trust the certificate of {service}, and has asked nothing there. Tell the administrator of this hub."
            );
            refused(Fault::Answer, text, trouble.to_string())
        }
        Trouble::Status { status, .. } if *status >= 500 || *status == 429 => {
            away(service, trouble.to_string())
        }
        Trouble::Status { .. } | Trouble::Senseless { .. } => answer(service, trouble.to_string()),
    }
}

/// The provider gave an answer that makes no sense.
pub(super) fn answer(service: &str, why: String) -> Refused {
    let text = format!(
        "{service} gave an answer that this hub does not understand. Sign in again; if it stays so, tell the administrator of this hub."
    );
    refused(Fault::Answer, text, why)
}

/// There is no token for the code.
pub(super) fn no_token(service: &str, error: &NoToken) -> Refused {
    match error {
        NoToken::Trouble(error) => trouble(service, error),
        // A code that was used already, or is too old: going back in the browser does that.
        NoToken::Refused(code) if code == "invalid_grant" || code == "bad_verification_code" => {
            let text = format!("{service} says that this sign-in is over. Sign in again.");
            refused(Fault::Request, text, error.to_string())
        }
        NoToken::Refused(_) | NoToken::Senseless => answer(service, error.to_string()),
    }
}

/// It is not proven who it is.
pub(super) fn not_proven(service: &str, error: &NotProven) -> Refused {
    match error {
        NotProven::Trouble(error) => trouble(service, error),
        NotProven::Bad(_) => answer(service, error.to_string()),
    }
}

/// The provider does not vouch for the address.
pub(super) fn unverified(service: &str, name: &str) -> Refused {
    let text = format!(
        "{service} has not verified your e-mail address. Confirm the address there, then sign in again."
    );
    Refused {
        name: Some(name.to_owned()),
        ..refused(
            Fault::Person,
            text,
            "the e-mail address is not verified".to_owned(),
        )
    }
}

/// Not one of those who may come in, whatever else allows them.
pub(super) fn barred(text: &str, name: &str, why: String) -> Refused {
    Refused {
        name: Some(name.to_owned()),
        ..refused(Fault::Person, text.to_owned(), why)
    }
}
