//! Routes that are described where they are added: `get(handler, operation)`.

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{self, MethodRouter};
use hub_types::paths::BaseUrl;

use super::operation::{Operation, Served};
use crate::state::AppState;

/// The methods of a path, each with its description.
pub(crate) struct Methods {
    router: MethodRouter<AppState>,
    operations: Vec<(Method, Operation)>,
}

macro_rules! first {
    ($($name:ident $method:ident)*) => {
        $(
            /// This method of a path.
            pub(crate) fn $name<H, T>(handler: H, operation: Operation) -> Methods
            where
                H: Handler<T, AppState>,
                T: 'static,
            {
                Methods {
                    router: routing::$name(handler),
                    operations: vec![(Method::$method, operation)],
                }
            }
        )*
    };
}

macro_rules! further {
    ($($name:ident $method:ident)*) => {
        impl Methods {
            $(
                /// This method too.
                pub(crate) fn $name<H, T>(mut self, handler: H, operation: Operation) -> Self
                where
                    H: Handler<T, AppState>,
                    T: 'static,
                {
                    self.router = self.router.$name(handler);
                    self.operations.push((Method::$method, operation));
                    self
                }
            )*
        }
    };
}

first! { get GET post POST put PUT delete DELETE }
further! { post POST put PUT patch PATCH delete DELETE }

/// A router with the description of what it serves.
pub(crate) struct Described {
    base: BaseUrl,
    pub(crate) router: Router<AppState>,
    pub(crate) operations: Vec<Served>,
}

impl Described {
    /// Nothing yet.
    pub(crate) fn new(base: &BaseUrl) -> Self {
        Self {
            base: base.clone(),
            router: Router::new(),
            operations: Vec::new(),
        }
    }

    /// Adds a path under `{base}hub/api`.
    pub(crate) fn at(mut self, path: &str, methods: Methods) -> Self {
        let full = self.base.hub_path(&format!("api{path}"));
        self.router = self.router.route(&full, methods.router);
        let served = methods
            .operations
            .into_iter()
            .map(|(method, operation)| Served {
                path: path.to_owned(),
                method,
                operation,
            });
        self.operations.extend(served);
        self
    }

    /// Describes what other routers serve under `{base}hub/api`.
    pub(crate) fn elsewhere(
        mut self,
        path: &str,
        operations: impl IntoIterator<Item = (Method, Operation)>,
    ) -> Self {
        let served = operations.into_iter().map(|(method, operation)| Served {
            path: path.to_owned(),
            method,
            operation,
        });
        self.operations.extend(served);
        self
    }
}
