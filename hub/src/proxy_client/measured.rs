//! A proxy whose answers are timed.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use hub_types::secret::Token;

use super::{KnownRoute, ProxyClient, ProxyError, Route, Routes};
use crate::metrics::Metrics;

/// Another client, and how long it takes.
#[derive(Debug)]
pub struct Measured {
    inner: Arc<dyn ProxyClient>,
    metrics: Metrics,
}

impl Measured {
    /// Times the calls of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn ProxyClient>, metrics: Metrics) -> Self {
        Self { inner, metrics }
    }
}

#[async_trait]
impl ProxyClient for Measured {
    async fn add(&self, route: &Route) -> Result<(), ProxyError> {
        let begin = Instant::now();
        let done = self.inner.add(route).await;
        self.metrics.proxy_add(done.is_ok(), begin.elapsed());
        done
    }

    async fn delete(&self, routespec: &str) -> Result<(), ProxyError> {
        let begin = Instant::now();
        let done = self.inner.delete(routespec).await;
        self.metrics.proxy_delete(done.is_ok(), begin.elapsed());
        done
    }

    async fn routes(&self) -> Result<Routes, ProxyError> {
        let begin = Instant::now();
        let done = self.inner.routes().await;
        self.metrics.proxy_poll(begin.elapsed());
        done
    }

    fn move_to(&self, api_url: Option<String>, token: Option<Token>) -> bool {
        self.inner.move_to(api_url, token)
    }

    async fn route(&self, routespec: &str) -> Result<Option<KnownRoute>, ProxyError> {
        self.inner.route(routespec).await
    }

    async fn last_activity(&self, routespec: &str) -> Result<Option<DateTime<Utc>>, ProxyError> {
        self.inner.last_activity(routespec).await
    }
}
