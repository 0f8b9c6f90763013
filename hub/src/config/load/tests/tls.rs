//! `https://` in addresses to listen on.

use super::*;

#[test]
fn https_needs_a_certificate_and_says_where_it_is_named() {
    let bind = "bind_url = 'https://:443'\n";
    let said = problems(&format!("{DUMMY}{bind}"));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("hub.toml:3: [JupyterHub] bind_url begins with https://")
            && said[0].contains("ssl_cert")
            && said[0].contains("ssl_key"),
        "{said:?}"
    );
    for with_tls in [
        "ssl_cert = '/etc/ssl/hub.pem'\n",
        // The proxy orders one itself.
        "[ConfigurableHTTPProxy]\ncommand = ['hub', 'proxy', '--acme-domain=h.example']\n",
        "[ConfigurableHTTPProxy]\nauth_token = 'abcdefgh'\n[Proxy]\nshould_start = false\n",
    ] {
        let hub = toml(&format!("{DUMMY}{bind}{with_tls}")).unwrap();
        let hub = hub.config.jupyterhub;
        assert_eq!(hub.local_public_origin(443), "https://127.0.0.1:443");
        assert_eq!(hub.bind_url.to_string(), "https://:443/");
    }
}

#[test]
fn only_the_public_address_speaks_it() {
    for (section, name) in [
        ("", "hub_bind_url"),
        ("[ConfigurableHTTPProxy]\n", "api_url"),
    ] {
        let text = format!("{DUMMY}{section}{name} = 'https://127.0.0.1:8081'\n");
        let said = problems(&text);
        assert!(
            said.len() == 1
                && said[0].contains(&format!(
                    "{name} begins with https://, which only bind_url may"
                )),
            "{said:?}"
        );
    }
}
