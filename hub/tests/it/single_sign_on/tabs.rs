//! People have several tabs, and each of them may lead to a login.

use hub::config::Provider;
use serde_json::json;
use url::Url;

use super::stand_in::StandIn;
use super::{HOST, allow_all, hub};
use crate::harness::{Hub, Reply};

/// A browser that keeps cookies, as browsers do.
#[derive(Default)]
struct Jar(Vec<(String, String)>);

impl Jar {
    fn line(&self) -> String {
        let pairs = self.0.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    async fn get(&self, hub: &Hub, path: &str) -> Reply {
        let call = hub.request("GET", path).header("host", HOST);
        call.header("cookie", &self.line()).send().await
    }

    fn keep(&mut self, reply: &Reply) {
        for (name, rest) in reply.set_cookies() {
            self.0.retain(|(known, _)| *known != name);
            let value = rest.split(';').next().unwrap_or_default().to_owned();
            if !value.is_empty() {
                self.0.push((name, value));
            }
        }
    }

    fn logins(&self) -> usize {
        let names = self.0.iter();
        let begun = names.filter(|(name, _)| name.starts_with("oauthenticator-state"));
        begun.count()
    }

    /// A tab goes to the provider, which sends it back: with what.
    async fn goes(&mut self, hub: &Hub, at: &StandIn, next: &str) -> Url {
        let left = self
            .get(hub, &format!("/hub/oauth_login?next={next}"))
            .await;
        self.keep(&left);
        at.visit(left.expect(302).header("location")).await
    }

    async fn comes_back(&mut self, hub: &Hub, to: &Url) -> Reply {
        let path = format!("{}?{}", to.path(), to.query().unwrap_or_default());
        let come = self.get(hub, &path).await;
        self.keep(&come);
        come
    }
}

#[tokio::test]
async fn two_tabs_log_in_at_once() {
    let at = StandIn::start(json!({"login": "mal", "id": 7})).await;
    let hub = hub(Provider::GitHub, &at, allow_all).await;
    // One after the other, or both before either heard of the other's cookie, and back in either order.
    for (at_once, order) in [
        (false, [0, 1]),
        (false, [1, 0]),
        (true, [0, 1]),
        (true, [1, 0]),
    ] {
        let mut jar = Jar::default();
        let backs = if at_once {
            let paths = ["/hub/oauth_login?next=%2Fa", "/hub/oauth_login?next=%2Fb"];
            let left = [jar.get(&hub, paths[0]).await, jar.get(&hub, paths[1]).await];
            left.iter().for_each(|left| jar.keep(left));
            let to = left.each_ref().map(|left| left.header("location"));
            [at.visit(to[0]).await, at.visit(to[1]).await]
        } else {
            [
                jar.goes(&hub, &at, "%2Fa").await,
                jar.goes(&hub, &at, "%2Fb").await,
            ]
        };
        for tab in order {
            let come = jar.comes_back(&hub, &backs[tab]).await;
            let to = (come.status.as_u16(), come.header("location"));
            assert_eq!(
                to,
                (302, ["/a", "/b"][tab]),
                "{at_once} {order:?}: {come:?}"
            );
        }
        assert_eq!(jar.logins(), 0, "what was remembered has been used up");
        // Each of them once.
        let again = jar.comes_back(&hub, &backs[0]).await.expect(400);
        assert!(again.body.contains("Sign in again"), "{}", again.body);
    }
}

#[tokio::test]
async fn a_browser_remembers_no_more_logins_than_servers_before_the_hub_take() {
    let at = StandIn::start(json!({"login": "mal", "id": 7})).await;
    let hub = hub(Provider::GitHub, &at, allow_all).await;
    let mut jar = Jar::default();
    let mut backs = Vec::new();
    for tab in 0..20 {
        backs.push(jar.goes(&hub, &at, &format!("%2F{tab}")).await);
        hub.clock.advance(chrono::TimeDelta::seconds(1));
        assert!(
            jar.logins() <= 8 && jar.line().len() < 6500,
            "{}",
            jar.line()
        );
    }
    assert_eq!(jar.logins(), 8);
    let late = jar.comes_back(&hub, &backs[0]).await.expect(400);
    assert!(late.body.contains("Sign in again"), "{}", late.body);
    for (tab, back) in backs.iter().enumerate().skip(12) {
        let come = jar.comes_back(&hub, back).await.expect(302);
        assert_eq!(come.header("location"), format!("/{tab}"));
    }
    // Long ones are fewer.
    let long = "x".repeat(1500);
    for _ in 0..4 {
        jar.goes(&hub, &at, &format!("%2F{long}")).await;
    }
    assert!(
        jar.logins() >= 1 && jar.line().len() < 7000,
        "{}",
        jar.logins()
    );
}
