//! How a route stands in the map: `ADDRESS|PORT|DATA`, where the data is JSON in base64.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hub::proxy_client::Route;
use url::{Host, Url};

use crate::Failure;

/// The value of a route in the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    address: IpAddr,
    port: u16,
    /// The route's data, as JSON.
    data: String,
}

impl Entry {
    pub(crate) fn of(route: &Route) -> Result<Self, Failure> {
        let wrong = || Failure::Target {
            target: route.target.clone(),
        };
        let url = Url::parse(&route.target).map_err(|_| wrong())?;
        let address = match (url.scheme(), url.host()) {
            ("http", Some(Host::Ipv4(address))) => address.into(),
            ("http", Some(Host::Ipv6(address))) => address.into(),
            _ => return Err(wrong()),
        };
        // It would be left out, and the route lead elsewhere.
        if url.path() != "/" || url.query().is_some() || url.port_or_known_default() == Some(0) {
            return Err(wrong());
        }
        Ok(Self {
            address,
            port: url.port_or_known_default().ok_or_else(wrong)?,
            data: serde_json::Value::Object(route.data.clone()).to_string(),
        })
    }

    pub(crate) fn parse(value: &str) -> Result<Self, Failure> {
        let read = || {
            let (address, rest) = value.split_once('|')?;
            let (port, data) = rest.split_once('|')?;
            let data = STANDARD.decode(data).ok()?;
            Some(Self {
                address: address.parse().ok()?,
                port: port.parse().ok()?,
                data: String::from_utf8(data).ok()?,
            })
        };
        read().ok_or_else(|| Failure::Foreign {
            line: value.to_owned(),
        })
    }

    /// The route of this routespec.
    pub(crate) fn route(self, routespec: &str) -> Result<Route, Failure> {
        let host = match self.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        Ok(Route {
            routespec: routespec.to_owned(),
            target: match self.port {
                80 => format!("http://{host}"),
                port => format!("http://{host}:{port}"),
            },
            data: serde_json::from_str(&self.data).map_err(|_| Failure::Foreign {
                line: self.data.clone(),
            })?,
        })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = STANDARD.encode(&self.data);
        write!(f, "{}|{}|{data}", self.address, self.port)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn route(target: &str) -> Route {
        let data = json!({"user": "al ice", "nested": ["|", "\u{e9}"]});
        Route {
            routespec: "/user/al%20ice/".into(),
            target: target.into(),
            data: data.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn a_route_goes_in_and_comes_back() {
        for target in [
            "http://127.0.0.1:4000",
            "http://[::1]:4000",
            "http://127.0.0.1",
        ] {
            let text = Entry::of(&route(target)).unwrap().to_string();
            assert!(!text.contains(' '), "{text}");
            let back = Entry::parse(&text)
                .unwrap()
                .route("/user/al%20ice/")
                .unwrap();
            assert_eq!(back, route(target));
        }
    }

    #[test]
    fn what_cannot_be_a_target_is_named() {
        for target in [
            "http://host:1",
            "https://127.0.0.1:1",
            "http://127.0.0.1:1/v2",
            "http://127.0.0.1:1/?q",
            "unix:/x",
            "",
        ] {
            let error = Entry::of(&route(target)).unwrap_err().to_string();
            assert!(error.contains("ADDRESS:PORT"), "{error}");
        }
        assert!(Entry::parse("127.0.0.1").is_err());
        assert!(Entry::parse("127.0.0.1|x|e30=").is_err());
    }
}
