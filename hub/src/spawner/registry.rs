//! Spawners by name: what `JupyterHub.spawner_class` can be.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::child::ChildDeps;
use super::{Spawner, local, processes, simple};
use crate::config::SpawnerClass;

/// What a spawner is built from. It does not show itself: its settings may hold secrets.
#[derive(Clone)]
pub struct SpawnerContext {
    /// What the hub was told, its environment, its own binary (the launcher), and the folder for outputs.
    pub deps: ChildDeps,
    /// What stands in the class's own section of the configuration.
    pub settings: Map<String, Value>,
}

/// Why a spawner cannot be built, in one line that names the setting.
pub type BuildError = Box<dyn std::error::Error + Send + Sync>;

/// Builds a spawner; nothing is started yet.
pub type Build = fn(&SpawnerContext) -> Result<Arc<dyn Spawner>, BuildError>;

/// A kind of spawner.
#[derive(Debug, Clone, Copy)]
pub struct OwnSpawner {
    /// What `JupyterHub.spawner_class` says, e.g. `unshare`.
    pub name: &'static str,
    /// Its section of the configuration, e.g. `UnshareSpawner`. Everything in it is handed over as it is; what every
    /// server gets stands under `[Spawner]`.
    pub section: &'static str,
    /// Makes one.
    pub build: Build,
}

/// The kinds of spawner that a hub knows beside its own.
#[derive(Debug, Clone, Default)]
pub struct SpawnerClasses(Vec<OwnSpawner>);

impl SpawnerClasses {
    /// Adds a kind.
    #[must_use]
    pub fn with(mut self, class: OwnSpawner) -> Self {
        self.0.push(class);
        self
    }

    /// Names and sections, for who reads the configuration.
    #[must_use]
    pub fn sections(&self) -> BTreeMap<String, String> {
        let names = self.0.iter();
        names
            .map(|class| (class.name.to_owned(), class.section.to_owned()))
            .collect()
    }

    /// Builds the spawner that the configuration names.
    ///
    /// # Errors
    /// When its settings are wrong, or there is none of that name.
    pub fn build(&self, deps: ChildDeps) -> Result<Arc<dyn Spawner>, BuildError> {
        let wanted = deps.config.jupyterhub.spawner_class.clone();
        let name = match &wanted {
            SpawnerClass::Local => {
                return Ok(Arc::new(processes::Processes::new(
                    deps,
                    local::SystemUsers,
                )));
            }
            SpawnerClass::Simple => {
                return Ok(Arc::new(processes::Processes::new(deps, simple::OwnUser)));
            }
            SpawnerClass::Own(name) => name,
        };
        let class = self.0.iter().find(|class| class.name == name);
        let class =
            class.ok_or_else(|| format!("[JupyterHub] spawner_class '{name}' is no spawner"))?;
        let settings = deps.config.plugged.0.get(class.section).cloned();
        (class.build)(&SpawnerContext {
            settings: settings.unwrap_or_default(),
            deps,
        })
    }
}
