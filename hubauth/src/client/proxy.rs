//! Services and the proxy's routes, as the hub's API shows them.

use std::collections::BTreeMap;

use http::Method;
use hub_types::names::escape;
use hub_types::route::RouteModel;
use hub_types::service::ServiceModel;

use super::{ClientError, HubClient};

impl HubClient {
    /// All services by name (`GET /services`, scope `list:services`).
    ///
    /// # Errors
    /// [`ClientError`], as every call.
    pub async fn services(&self) -> Result<BTreeMap<String, ServiceModel>, ClientError> {
        self.json(self.request(Method::GET, "/services")).await
    }

    /// One service (`GET /services/NAME`, scope `read:services`); `None` when there is none, or this token may not see
    /// it (404).
    ///
    /// # Errors
    /// [`ClientError`], as every call.
    pub async fn service(&self, name: &str) -> Result<Option<ServiceModel>, ClientError> {
        let call = self.request(Method::GET, &format!("/services/{}", escape(name)));
        self.found(call).await
    }

    /// The proxy's routes by route specification (`GET /proxy`, scope `proxy`).
    ///
    /// # Errors
    /// [`ClientError`], as every call.
    pub async fn routes(&self) -> Result<BTreeMap<String, RouteModel>, ClientError> {
        self.json(self.request(Method::GET, "/proxy")).await
    }

    /// Makes the hub compare the proxy's routes with what they should be, now (`POST /proxy`, scope `proxy`).
    ///
    /// # Errors
    /// [`ClientError`], as every call.
    pub async fn check_routes(&self) -> Result<(), ClientError> {
        self.status(self.request(Method::POST, "/proxy"))
            .await
            .map(drop)
    }
}
