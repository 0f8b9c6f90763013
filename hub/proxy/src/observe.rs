//! What happened, for those who run the proxy: numbers (`--metrics-*`) and one line per request (`--access-log`).
//!
//! Neither holds a query string, a cookie or another header; [`hub_types::redact`] hides what paths carry of secrets.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::{Method, Request, Response, Version};
use hub_types::clock::Clock;
use hub_types::redact;

use crate::forward::body::ResponseBody;
use crate::table::Route;

pub(crate) mod access;
pub(crate) mod metrics;
pub(crate) mod process;

use access::{AccessLog, Line};
use metrics::Metrics;

/// The route that a request took; an extension of its answer, for the access log.
#[derive(Debug, Clone)]
pub(crate) struct Taken(pub(crate) Arc<Route>);

/// Watches the requests of the public listener.
#[derive(Debug)]
pub(crate) struct Observer {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) log: AccessLog,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What the access log wants to know of a request.
#[derive(Debug)]
struct Asked {
    peer: Option<IpAddr>,
    method: Method,
    path: String,
    version: Version,
    route: Option<Arc<Route>>,
}

/// A request from its head to the last byte of its answer; reports when it is dropped.
#[derive(Debug)]
pub(crate) struct Observation {
    observer: Arc<Observer>,
    begin: Instant,
    status: u16,
    /// Bytes of the answer's body.
    pub(crate) bytes: u64,
    /// Only when there is an access log.
    asked: Option<Asked>,
}

impl Observer {
    /// A request has come in.
    pub(crate) fn begin<B>(
        self: &Arc<Self>,
        request: &Request<B>,
        peer: Option<IpAddr>,
    ) -> Box<Observation> {
        self.metrics.in_flight.add(1);
        let asked = self.log.is_on().then(|| Asked {
            peer,
            method: request.method().clone(),
            path: redact::target(request.uri().path()),
            version: request.version(),
            route: None,
        });
        Box::new(Observation {
            observer: self.clone(),
            begin: Instant::now(),
            status: 0,
            bytes: 0,
            asked,
        })
    }
}

impl Observation {
    /// The answer is known; it is followed to its end.
    pub(crate) fn follow(
        mut self: Box<Self>,
        mut answer: Response<ResponseBody>,
    ) -> Response<ResponseBody> {
        self.status = answer.status().as_u16();
        if let Some(asked) = &mut self.asked {
            asked.route = answer
                .extensions_mut()
                .remove::<Taken>()
                .map(|taken| taken.0);
        }
        answer.map(|body| body.observed(self))
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let Observer {
            metrics,
            log,
            clock,
        } = &*self.observer;
        metrics.in_flight.add(-1);
        let took = self.begin.elapsed();
        // No status: the client went away before there was an answer (499, as nginx calls it).
        let status = if self.status == 0 { 499 } else { self.status };
        metrics.requests_proxy.add(status);
        metrics.duration(status).observe(took);
        if let Some(asked) = &self.asked {
            log.write(&Line {
                time: clock.now(),
                peer: asked.peer,
                method: &asked.method,
                path: &asked.path,
                version: asked.version,
                status,
                bytes: self.bytes,
                took,
                route: asked.route.as_ref().map(|route| route.key.as_str()),
            });
        }
    }
}
