use super::*;

#[test]
fn where_the_hub_is_reached() {
    let mut hub = JupyterHub::default();
    assert_eq!(hub.api_url(8081), "http://127.0.0.1:8081/hub/api");
    hub.bind_url.base_url = BaseUrl::new("pfx");
    hub.hub_bind_url.host = String::new();
    assert_eq!(hub.api_url(9), "http://127.0.0.1:9/pfx/hub/api");
    hub.hub_connect_ip = Some("10.0.0.1".into());
    assert_eq!(hub.api_url(9), "http://10.0.0.1:9/pfx/hub/api");
    hub.hub_connect_url = Some(Url::parse("https://hub.internal/x").unwrap());
    assert_eq!(hub.api_url(9), "https://hub.internal/pfx/hub/api");
    let socket = "http+unix://%2Fsrv%2Fhub.sock";
    hub.hub_connect_url = Some(Url::parse(socket).unwrap());
    assert_eq!(hub.api_url(9), format!("{socket}/pfx/hub/api"));
    (hub.hub_connect_url, hub.hub_connect_ip) = (None, None);
    hub.hub_bind_url = socket.parse().unwrap();
    assert_eq!(hub.api_url(0), format!("{socket}/pfx/hub/api"));
}
