//! Services of a configuration that is read again while the hub runs: new ones are started, those that are gone are stopped
//! with everything they started, changed ones are started again, and all others are left alone.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use services::spec::ServiceSpec;
use services::supervisor::PrepareError;

use super::difference::Difference;
use super::{ManagedServices, Service};
use crate::config::Config;
use crate::db::DbError;

/// Why services are not as configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The hub is about to end.
    #[error("the hub is stopping")]
    Stopping,
    /// The database refused or is gone.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A change of services that has begun: none is stopped or started yet.
#[derive(Debug)]
#[must_use]
pub struct Reload<'a> {
    managed: &'a ManagedServices,
    wanted: BTreeMap<String, ServiceSpec>,
    /// What becomes of each.
    pub difference: Difference,
    /// Held so that two changes, or a change and the end of the hub, do not meet.
    _one_at_a_time: tokio::sync::MutexGuard<'a, bool>,
}

impl ManagedServices {
    /// Takes over what can be taken over at once: services have the rows that the configuration gives them already. From now
    /// on [`ManagedServices::routes`] are without those that are gone.
    ///
    /// # Errors
    /// [`ReloadError`]; nothing has changed then.
    pub async fn reload(&self, config: &Config) -> Result<Reload<'_>, ReloadError> {
        let stopping = self.0.stopping.lock().await;
        if *stopping {
            return Err(ReloadError::Stopping);
        }
        let wanted = self.wanted(config);
        let present = self.specs();
        let difference = Difference::between(&present, &wanted, &self.0.hub);
        self.0.givers.settle(wanted.clone());
        if let Err(error) = self.0.givers.register().await {
            self.0.givers.settle(present);
            return Err(error.into());
        }
        difference
            .removed
            .iter()
            .for_each(|name| self.drop_kept(name));
        self.retell(&difference, &wanted, config);
        Ok(Reload {
            managed: self,
            wanted,
            difference,
            _one_at_a_time: stopping,
        })
    }

    /// What goes on as it runs is what the configuration says of it now; that may have registered ones, too.
    fn retell(
        &self,
        difference: &Difference,
        wanted: &BTreeMap<String, ServiceSpec>,
        config: &Config,
    ) {
        for name in difference.retold.iter().chain(&difference.unchanged) {
            let (Some(spec), Some(service)) = (wanted.get(name), self.get(name)) else {
                continue;
            };
            let mut configured = config.jupyterhub.services.iter();
            self.keep(Service {
                spec: spec.clone(),
                url: service.url.clone(),
                from_config: configured.any(|spec| spec.name == *name),
            });
        }
    }

    /// All services that there are to be: of the configuration, and registered ones whose names it does not have.
    fn wanted(&self, config: &Config) -> BTreeMap<String, ServiceSpec> {
        let registered = self
            .all()
            .into_iter()
            .filter(|service| !service.from_config);
        let mut wanted: BTreeMap<String, ServiceSpec> = registered
            .map(|service| (service.spec.name.clone(), service.spec.clone()))
            .collect();
        for spec in &config.jupyterhub.services {
            let origin = self.0.addresses.service_origin(&spec.service_name());
            let spec = ServiceSpec {
                origin,
                ..spec.clone()
            };
            wanted.insert(spec.name.clone(), spec);
        }
        wanted
    }

    fn specs(&self) -> BTreeMap<String, ServiceSpec> {
        let services = self.services();
        let specs = services.iter();
        specs
            .map(|(name, service)| (name.clone(), service.spec.clone()))
            .collect()
    }
}

impl Reload<'_> {
    /// Stops what is gone or has changed, each with everything it started, and starts what is new or has changed. What
    /// cannot be started is named in the log and left out. [`ManagedServices::routes`] are whole then.
    pub async fn run(self) {
        let Difference {
            added,
            removed,
            changed,
            ..
        } = &self.difference;
        let supervisor = &self.managed.0.supervisor;
        join_all(
            removed
                .iter()
                .chain(changed)
                .map(|name| supervisor.remove(name)),
        )
        .await;
        self.end_left_over().await;
        for name in changed.iter().chain(added) {
            let Some(spec) = self.wanted.get(name) else {
                continue;
            };
            if let Err(error) = self.begin(spec.clone()).await {
                self.managed.drop_kept(name);
                tracing::error!("SIGHUP: service {name} is left out: {error}");
            }
        }
    }

    /// What an earlier hub left of a service that is gone now, and this one had not found yet.
    async fn end_left_over(&self) {
        let managed = self.wanted.values().filter(|spec| spec.is_managed());
        let managed = managed.map(|spec| spec.name.clone()).collect();
        if let Err(error) = self.managed.0.supervisor.stop_unlisted(&managed).await {
            tracing::error!(
                "SIGHUP: what is left of services that are gone cannot be stopped: {error}"
            );
        }
    }

    async fn begin(&self, spec: ServiceSpec) -> Result<(), PrepareError> {
        let supervisor = &self.managed.0.supervisor;
        let kept = |url, spec| Service {
            spec,
            url,
            from_config: true,
        };
        if spec.is_managed() {
            let prepared = supervisor.prepare(spec).await?;
            self.managed
                .keep(kept(prepared.url.clone(), prepared.spec.clone()));
            supervisor.start(prepared);
        } else {
            supervisor.watch_external(&spec);
            self.managed.keep(kept(spec.url.clone(), spec));
        }
        Ok(())
    }
}
