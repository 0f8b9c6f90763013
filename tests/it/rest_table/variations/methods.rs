//! Every path with every method, with slashes, with odd credentials; paths that are none.

use std::collections::BTreeSet;

use super::super::operations::OPERATIONS;
use super::lines_of;

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// All cases of this kind.
pub(super) fn lines() -> Vec<String> {
    lines_of(ODD)
}

/// Every path with every method that it does not have, and with slashes too many.
pub(super) fn wrong_ones() -> Vec<String> {
    let known: BTreeSet<_> = OPERATIONS
        .iter()
        .map(|operation| (operation.method, path(operation.path)))
        .collect();
    // Those of things that are still to be made are paths of others too.
    let paths: BTreeSet<_> = known
        .iter()
        .map(|(_, path)| *path)
        .filter(|path| !path.contains("new") && !path.contains("c-{user}"))
        .collect();
    let mut lines = Vec::new();
    for path in paths {
        let wrong = METHODS
            .iter()
            .filter(|method| !known.contains(&(**method, path)));
        for method in wrong {
            lines.push(format!("{method} {path}"));
            lines.push(format!("nobody {method} {path}"));
        }
        lines.push(format!("GET {path}/"));
        lines.push(format!("POST {path}/"));
        lines.push(format!("GET {path}//"));
    }
    lines
}

fn path(path: &'static str) -> &'static str {
    path.split('?').next().unwrap_or(path)
}

const ODD: &str = r#"
    # the hub itself
    nobody GET /hub/api
    nobody GET /hub/api/
    nobody GET /hub/api//
    nobody POST /hub/api
    nobody GET /hub/health
    nobody HEAD /hub/health
    nobody POST /hub/health
    nobody GET /hub/api/health
    nobody HEAD /hub/api/health
    nobody OPTIONS /hub/api/health
    GET /hub/metrics/
    nobody GET /hub/metrics
    nobody GET /hub/api/metrics
    GET /info
    user GET /info

    # paths that are none
    GET /nope
    nobody GET /nope
    nobody POST /nope
    nobody OPTIONS /nope
    nobody HEAD /nope
    DELETE /nope {"a": 1}
    GET /users/{user}/nope
    GET /users/{user}/servers
    GET /users/{user}/servers/box/nope
    GET /users/{user}/tokens/a1/b
    GET /groups/{group}/nope
    GET /services/web/nope
    GET /shares
    GET /shares/owner/box/more
    GET /share-codes
    GET /oauth2
    GET /oauth2/nope
    GET /authorizations
    GET /authorizations/nope
    GET /USERS
    GET /users%2F{user}
    GET /users/%7Buser%7D
    GET /users;x=1
    GET /users?

    # credentials
    nobody [authorization: token {token}] GET /user
    nobody [authorization: Token {token}] GET /user
    nobody [authorization: BEARER {token}] GET /user
    nobody [authorization: bearer   {token}] GET /user
    nobody [authorization: Basic {token}] GET /user
    nobody [authorization: {token}] GET /user
    nobody [authorization: token] GET /user
    nobody [authorization: token {token} x] GET /user
    nobody [authorization: token {token},x] GET /user
    nobody [authorization: token x{token}] GET /user
    nobody [authorization: token:{token}] GET /user
    nobody GET /user?token={token}
    nobody [x-authorization: token {token}] GET /user
    nobody [cookie: token={token}] GET /user
    nobody POST /users/{user}/server?token={token}
    user GET /user
    friend GET /user
    GET /user

    # what a client says of its content
    [content-type: text/plain] POST /users/z-{user} {}
    [content-type: application/x-www-form-urlencoded] POST /users/y-{user} {}
    [content-type: application/json; charset=utf-8] POST /users/x-{user} {}
    [content-type: multipart/form-data] POST /users/w-{user} {}
    [content-encoding: gzip] POST /users/v-{user} {}
    [accept: text/html] GET /users/none
    [accept: text/html] GET /nope
    [origin: http://evil.example] GET /user
    [origin: http://evil.example] POST /users/u-{user}
    [origin: null] GET /user
    nobody [origin: http://evil.example] GET /user
    [sec-fetch-mode: cors] [sec-fetch-site: cross-site] GET /user
    [if-none-match: *] GET /user
    [range: bytes=0-1] GET /user

    # who is this: the look-ups of old
    GET /authorizations/token/none
    nobody GET /authorizations/token/none
    nobody GET /authorizations/token/{token}
    user GET /authorizations/token/{token}
    friend GET /authorizations/token/{token}
    GET /authorizations/token/{token}
    GET /authorizations/token/
    GET /authorizations/token/x/y
    GET /authorizations/cookie
    GET /authorizations/cookie/
    GET /authorizations/cookie/jupyterhub-hub-login
    nobody GET /authorizations/cookie/jupyterhub-hub-login
    GET /authorizations/cookie/jupyterhub-hub-login/
    GET /authorizations/cookie/jupyterhub-hub-login/nonsense
    GET /authorizations/cookie/jupyterhub-services/nonsense
    GET /authorizations/cookie/jupyterhub-services/{cookie}
    nobody GET /authorizations/cookie/jupyterhub-hub-login/{cookie}
    friend GET /authorizations/cookie/jupyterhub-hub-login/{cookie}
    GET /authorizations/cookie/jupyterhub-hub-login/x/y
    nobody POST /authorizations/token
    nobody POST /authorizations/token {"username": "{user}", "password": "x"}

    # the proxy and the end
    PATCH /proxy
    PATCH /proxy []
    PATCH /proxy null
    PATCH /proxy {
    PATCH /proxy "x"
    PATCH /proxy {"ip": "127.0.0.1", "port": "1", "protocol": "http"}
    user PATCH /proxy {}
    user POST /proxy
    nobody POST /proxy
    POST /proxy {
    POST /shutdown {"servers": "yes"}
    POST /shutdown {"proxy": null}
    POST /shutdown {"servers": null, "proxy": true}
    POST /shutdown {"proxy": 2}
    POST /shutdown {"proxy": "true"}
    POST /shutdown {"proxy": [true]}
    POST /shutdown {
    user POST /shutdown {}
    nobody POST /shutdown {}
"#;
