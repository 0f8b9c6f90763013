//! Several proxies with the same routes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hub::proxy_client::several::Several;
use hub::proxy_client::sync::RouteSync;
use hub::proxy_client::{ProxyClient, Route};

use super::{Picky, route};
use crate::scene::{Scene, addresses};

async fn several() -> (Scene, [Arc<Picky>; 2], RouteSync, Several) {
    let scene = Scene::new("");
    let both = [Arc::new(Picky::default()), Arc::new(Picky::default())];
    let clients: Vec<Arc<dyn ProxyClient>> = vec![both[0].clone(), both[1].clone()];
    let sync = RouteSync::new(scene.db().await, clients.clone(), addresses(), vec![]);
    let as_one = Several::new(clients, sync.clone(), Duration::ZERO);
    (scene, both, sync, as_one)
}

#[tokio::test]
async fn several_proxies_get_the_same_routes() {
    let (_scene, [one, two], sync, as_one) = several().await;
    let checked = sync.check().await.unwrap();
    assert_eq!((checked.added, sync.is_dirty()), (2, false));
    as_one.add(&route("gpu")).await.unwrap();
    for proxy in [&one, &two] {
        let routes = proxy.routes().await.unwrap();
        assert_eq!(routes.keys().collect::<Vec<_>>(), ["/", "/user/alice/gpu/"]);
    }
    let times = ["2026-11-22T03:26:01Z", "2026-11-22T03:27:02Z"].map(|time| time.parse().unwrap());
    for (proxy, time) in [(&one, times[1]), (&two, times[0])] {
        let mut taken = proxy.taken.lock().unwrap();
        taken.get_mut("/user/alice/gpu/").unwrap().last_activity = Some(time);
    }
    let latest = as_one.last_activity("/user/alice/gpu/").await.unwrap();
    assert_eq!(latest, Some(times[1]));
    let listed = as_one.routes().await.unwrap();
    assert_eq!(listed["/user/alice/gpu/"].last_activity, latest);
    assert!(!sync.is_dirty(), "nobody missed anything");
    as_one.delete("/user/alice/gpu/").await.unwrap();
    assert_eq!(two.routes().await.unwrap().len(), 1);
}

#[tokio::test]
async fn one_of_several_that_is_away_holds_up_nothing_and_catches_up() {
    let (_scene, [one, two], sync, as_one) = several().await;
    sync.check().await.unwrap();
    two.away.store(true, Ordering::SeqCst);
    let gpu = Route::extra("/extra/".into(), "http://127.0.0.1:9".into());
    as_one.add(&gpu).await.unwrap();
    assert!(sync.is_dirty(), "one has missed it");
    assert_eq!(as_one.routes().await.unwrap().len(), 2);
    let checked = sync.check().await.unwrap();
    assert!(checked.failed.unwrap().to_string().contains("away"));
    assert!(sync.is_dirty());
    assert!(
        as_one.last_activity("/").await.is_err(),
        "who is away may know of later use"
    );

    two.away.store(false, Ordering::SeqCst);
    sync.check().await.unwrap();
    assert!(!sync.is_dirty());
    assert_eq!(*one.taken.lock().unwrap(), *two.taken.lock().unwrap());

    for proxy in [&one, &two] {
        proxy.away.store(true, Ordering::SeqCst);
    }
    assert!(as_one.add(&gpu).await.is_err(), "nobody has it");
    assert!(sync.check().await.is_err());
}

#[tokio::test]
async fn they_are_tried_again_until_one_of_them_has_a_change() {
    let (scene, both, sync, _) = several().await;
    let clients: Vec<Arc<dyn ProxyClient>> = vec![both[0].clone(), both[1].clone()];
    let patient = Several::new(clients, sync.clone(), Duration::from_secs(60));
    for proxy in &both {
        proxy.away.store(true, Ordering::SeqCst);
    }
    let gpu = route("gpu");
    let mut adding = Box::pin(patient.add(&gpu));
    assert!(futures_util::poll!(&mut adding).is_pending());
    both[0].away.store(false, Ordering::SeqCst);
    adding.await.unwrap();
    assert!(sync.is_dirty(), "the other one has missed it");
    drop(scene);
}

#[tokio::test]
async fn one_of_several_that_hangs_holds_up_a_change_for_seconds_only() {
    let (_scene, both, sync, as_one) = several().await;
    sync.check().await.unwrap();
    both[1].silent.store(true, Ordering::SeqCst);
    tokio::time::pause();
    let begin = tokio::time::Instant::now();
    as_one.add(&route("gpu")).await.unwrap();
    assert!(begin.elapsed() < hub::proxy_client::several::RETRY_FOR * 2);
    assert!(sync.is_dirty(), "one has missed it");
    assert!(
        both[0]
            .taken
            .lock()
            .unwrap()
            .contains_key("/user/alice/gpu/")
    );
}

#[tokio::test]
async fn one_that_was_started_again_is_no_witness() {
    let (_scene, both, _, as_one) = several().await;
    let gpu = route("gpu");
    as_one.add(&gpu).await.unwrap();
    assert!(as_one.route(&gpu.routespec).await.unwrap().is_some());
    both[1].taken.lock().unwrap().clear();
    assert!(as_one.route(&gpu.routespec).await.unwrap().is_none());
}
