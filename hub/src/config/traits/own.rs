//! `hub`: what JupyterHub does not have.

use crate::config::kind::address::ServiceHostList;
use crate::config::kind::login::PerMinute;
use crate::config::kind::scalar::{Bool, OptFilePath, OptText};
use crate::config::kind::special::LogForm;
use crate::config::traits::{Class, class};

pub(super) static OWN: Class = class! {
    hub, "What only this hub has.";
    works {
        announcement_path: OptText => own.announcement_path,
            "Where a service says what stands above every page, below the base URL, e.g. /services/announcement/latest: JSON with a text in announcement. Asked every five seconds.";
        event_log: OptFilePath => own.event_log,
            "File to which each start and stop of a server is added as a line of JSON, in the form of JupyterHub's events (schema server-action).";
        log_format: LogForm => own.log_format,
            "How lines of the log are written: \"text\", as JupyterHub's, or \"json\", one object each.";
        failed_logins_per_minute: PerMinute => own.failed_logins_per_minute,
            "How often in a minute logins of one account may fail from one address (of IPv6: one /64) before the next is answered with 429 and Retry-After; of one address 20 times as often. 0: no limit.";
        oauth_allow_plain_pkce: Bool => own.oauth_allow_plain_pkce,
            "Whether OAuth clients may use PKCE's method plain, which protects less. JupyterHub's own clients use S256.";
        service_hosts: ServiceHostList => own.service_hosts,
            "Hosts that services may have which are registered by the API: names, *.NAME for those below, addresses, networks (10.0.0.0/8). Empty: all but link-local addresses, where machines of clouds answer with their credentials.";
    }
};
