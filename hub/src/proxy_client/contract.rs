//! What any [`ProxyClient`] is held to, as a suite that its author runs against the real proxy.
//!
//! ```no_run
//! # async fn run(proxy: &dyn hub::proxy_client::ProxyClient) {
//! let broken = hub::proxy_client::contract::check(proxy, "http://127.0.0.1:8000").await;
//! assert!(broken.is_empty(), "{broken:#?}");
//! # }
//! ```
//!
//! The clauses are those of JupyterHub's manual, "Writing a custom Proxy implementation", and what our hub relies on
//! beyond them. The suite listens at a few ports of this machine as targets; the proxy must reach them. It begins and ends
//! with no route of ours.

mod target;

use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use hub_types::names::{ServerName, Username};
use hub_types::paths::BaseUrl;
use serde_json::{Map, Value, json};

use self::target::{Opened, Target};
use super::{ProxyClient, ProxyError, Route, Routes};
use crate::addresses::Addresses;
use crate::domain::server::ServerRef;

/// Longest wait for an answer through the proxy.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many routes are changed at once.
const MANY: usize = 50;

/// A clause that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// What should be so.
    pub clause: &'static str,
    /// What was seen instead.
    pub why: String,
}

/// Why a clause does not hold.
type Kept = Result<(), String>;

/// Checks every clause; the answer is empty when all hold. `public` is the origin where people reach the proxy.
pub async fn check(proxy: &dyn ProxyClient, public: &str) -> Vec<Broken> {
    let scene = match Scene::begin(proxy, public).await {
        Ok(scene) => scene,
        Err(why) => {
            let clause = "the suite can begin: targets listen, and the proxy has no route of ours";
            return vec![Broken { clause, why }];
        }
    };
    let clauses: [(&'static str, BoxFuture<'_, Kept>); 9] = [
        (
            "a route comes back as it was given",
            Box::pin(scene.comes_back()),
        ),
        ("a route can be replaced", Box::pin(scene.replaced())),
        (
            "a route can be deleted, also twice",
            Box::pin(scene.deleted()),
        ),
        (
            "the most specific route counts",
            Box::pin(scene.most_specific()),
        ),
        (
            "paths and queries arrive as sent",
            Box::pin(scene.arrives_as_sent()),
        ),
        ("WebSockets are forwarded", Box::pin(scene.websockets())),
        (
            "open connections outlive changes",
            Box::pin(scene.outlives_changes()),
        ),
        ("many routes change at once", Box::pin(scene.many_at_once())),
        (
            "activity, if it is told, goes forward",
            Box::pin(scene.activity()),
        ),
    ];
    let mut broken = Vec::new();
    for (clause, holds) in clauses {
        let held = match tokio::time::timeout(PATIENCE * 2, holds).await {
            Ok(held) => held,
            Err(_) => Err("it takes too long".to_owned()),
        };
        if let Err(why) = held.and(scene.clear().await) {
            broken.push(Broken { clause, why });
        }
    }
    broken
}

/// A proxy and the targets behind it.
struct Scene<'a> {
    proxy: &'a dyn ProxyClient,
    public: &'a str,
    targets: [Target; 4],
}

fn told(error: &ProxyError) -> String {
    format!("an error: {error}")
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, seen: &T, expected: &T) -> Kept {
    if seen == expected {
        Ok(())
    } else {
        Err(format!("{what}: {seen:?} instead of {expected:?}"))
    }
}

/// A route of some server.
fn route(spec: &str, target: &Target) -> Route {
    Route {
        routespec: spec.to_owned(),
        target: target.origin(),
        data: Map::from_iter([("user".to_owned(), Value::from(spec))]),
    }
}

impl<'a> Scene<'a> {
    async fn begin(proxy: &'a dyn ProxyClient, public: &'a str) -> Result<Self, String> {
        let target = |name| async move { Target::listen(name).await.map_err(|e| e.to_string()) };
        let scene = Self {
            proxy,
            public: public.trim_end_matches('/'),
            targets: [
                target("default").await?,
                target("one").await?,
                target("two").await?,
                target("three").await?,
            ],
        };
        let there = scene.routes().await?;
        expect("routes at the beginning", &there.len(), &0)?;
        Ok(scene)
    }

    async fn routes(&self) -> Result<Routes, String> {
        self.proxy.routes().await.map_err(|error| told(&error))
    }

    async fn add(&self, spec: &str, target: usize) -> Kept {
        let route = route(spec, &self.targets[target]);
        self.proxy.add(&route).await.map_err(|error| told(&error))
    }

    async fn delete(&self, spec: &str) -> Kept {
        self.proxy.delete(spec).await.map_err(|error| told(&error))
    }

    async fn clear(&self) -> Kept {
        for spec in self.routes().await?.keys() {
            self.delete(spec).await?;
        }
        Ok(())
    }

    /// Who answers to a path, and what it saw: `NAME PATH`.
    async fn get(&self, path: &str) -> Result<String, String> {
        let asked = target::get(self.public, path);
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(answer) => answer.map_err(|error| format!("GET {path}: {error}")),
            Err(_) => Err(format!("GET {path}: no answer")),
        }
    }

    /// Whether `path` is answered by the target of this name.
    async fn leads(&self, path: &str, name: &str) -> Kept {
        let answer = self.get(path).await?;
        let who = answer.split(' ').next().unwrap_or_default();
        expect(&format!("who answers to {path}"), &who, &name)
    }

    async fn open(&self, path: &str) -> Result<Opened, String> {
        let opening = target::upgrade(self.public, path);
        match tokio::time::timeout(PATIENCE, opening).await {
            Ok(opened) => opened.map_err(|error| format!("a WebSocket at {path}: {error}")),
            Err(_) => Err(format!("a WebSocket at {path}: no answer")),
        }
    }

    async fn comes_back(&self) -> Kept {
        let addresses = Addresses::under(BaseUrl::new("/pfx/"));
        let at = ServerRef::new(Username::stored("al ice@x~"), ServerName::stored("gpu"));
        let mut server = Route::of_server(&addresses, &at, self.targets[1].origin());
        let nested = json!({"a": [1, null, "\u{e9} \"quoted\""], "b": {"c": true}});
        server.data.insert("nested".to_owned(), nested);
        let hub = Route::of_hub(&Addresses {
            hub_origin: self.targets[0].origin(),
            ..Addresses::default()
        });
        for route in [&server, &hub] {
            self.proxy.add(route).await.map_err(|error| told(&error))?;
        }
        let routes = self.routes().await?;
        let specs: Vec<&str> = routes.keys().map(String::as_str).collect();
        expect(
            "routespecs",
            &specs,
            &vec!["/", "/pfx/user/al%20ice@x~/gpu/"],
        )?;
        for wanted in [server, hub] {
            let there = &routes[&wanted.routespec].route;
            expect("routespec", &there.routespec, &wanted.routespec)?;
            let target = there.target.trim_end_matches('/');
            expect("target", &target, &wanted.target.as_str())?;
            for (key, value) in &wanted.data {
                expect(key, &there.data.get(key), &Some(value))?;
            }
        }
        Ok(())
    }

    async fn replaced(&self) -> Kept {
        self.add("/", 0).await?;
        self.add("/user/a/", 1).await?;
        self.leads("/user/a/x", "one").await?;
        self.add("/user/a/", 2).await?;
        self.leads("/user/a/x", "two").await?;
        let routes = self.routes().await?;
        expect("routes", &routes.len(), &2)?;
        let target = routes["/user/a/"].route.target.trim_end_matches('/');
        expect("target", &target.to_owned(), &self.targets[2].origin())
    }

    async fn deleted(&self) -> Kept {
        self.add("/", 0).await?;
        self.add("/user/a/", 1).await?;
        self.leads("/user/a/x", "one").await?;
        for _ in 0..2 {
            self.delete("/user/a/").await?;
            self.leads("/user/a/x", "default").await?;
        }
        self.delete("/never/there/").await?;
        let routes = self.routes().await?;
        let specs: Vec<String> = routes.into_keys().collect();
        expect("routes", &specs, &vec!["/".to_owned()])
    }

    async fn most_specific(&self) -> Kept {
        for (spec, target) in [
            ("/user/ab/", 3),
            ("/", 0),
            ("/user/a/b/", 2),
            ("/user/a/", 1),
        ] {
            self.add(spec, target).await?;
        }
        for (path, name) in [
            ("/", "default"),
            ("/user/", "default"),
            ("/user/abc/", "default"),
            ("/user/a", "one"),
            ("/user/a?b", "one"),
            ("/user/a/", "one"),
            ("/user/a/x/y", "one"),
            ("/user/a/bc", "one"),
            ("/user/a/b", "two"),
            ("/user/a/b/c", "two"),
            ("/user/ab/x", "three"),
        ] {
            self.leads(path, name).await?;
        }
        self.delete("/user/a/").await?;
        self.leads("/user/a/x", "default").await?;
        self.leads("/user/a/b/x", "two").await
    }

    async fn arrives_as_sent(&self) -> Kept {
        self.add("/", 0).await?;
        self.add("/user/al%20ice@x~/", 1).await?;
        let path = "/user/al%20ice@x~/a%20b/%C3%A9?q=%2F&r=a+b&r=%26";
        let answer = self.get(path).await?;
        expect("what arrived", &answer, &format!("one {path}"))
    }

    async fn websockets(&self) -> Kept {
        self.add("/", 0).await?;
        self.add("/user/a/", 1).await?;
        let mut socket = self.open("/user/a/api/kernels/channels").await?;
        socket.echo("hello").await
    }

    async fn outlives_changes(&self) -> Kept {
        self.add("/", 0).await?;
        self.add("/user/a/", 1).await?;
        let mut socket = self.open("/user/a/channels").await?;
        socket.echo("before").await?;
        self.add("/user/b/", 2).await?;
        socket.echo("another route was added").await?;
        self.delete("/user/b/").await?;
        self.add("/user/a/", 3).await?;
        self.leads("/user/a/x", "three").await?;
        socket.echo("its route leads elsewhere").await?;
        self.delete("/user/a/").await?;
        self.leads("/user/a/x", "default").await?;
        socket.echo("its route is gone").await
    }

    async fn many_at_once(&self) -> Kept {
        let specs: Vec<String> = (0..MANY).map(|n| format!("/user/many{n}/")).collect();
        self.add("/", 0).await?;
        let adds = join_all(specs.iter().map(|spec| self.add(spec, 1))).await;
        adds.into_iter().collect::<Kept>()?;
        expect("routes", &self.routes().await?.len(), &(MANY + 1))?;
        for spec in &specs {
            self.leads(spec, "one").await?;
        }
        let deletes = join_all(specs.iter().map(|spec| self.delete(spec))).await;
        deletes.into_iter().collect::<Kept>()?;
        expect("routes", &self.routes().await?.len(), &1)
    }

    async fn activity(&self) -> Kept {
        self.add("/", 0).await?;
        self.add("/user/a/", 1).await?;
        let last = async |spec: &str| {
            self.proxy
                .last_activity(spec)
                .await
                .map_err(|error| told(&error))
        };
        expect("of no route", &last("/user/none/").await?, &None)?;
        let before = last("/user/a/").await?;
        self.leads("/user/a/x", "one").await?;
        let after = last("/user/a/").await?;
        let listed = self.routes().await?["/user/a/"].last_activity;
        if before.is_some() && after.is_none() {
            return Err("it was known before a request and is not after it".to_owned());
        }
        if after < before {
            return Err(format!("{before:?} before a request, {after:?} after it"));
        }
        expect("in the list", &listed, &after)
    }
}
