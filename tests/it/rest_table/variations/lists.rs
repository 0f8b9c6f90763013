//! Pages, filters and order of lists.

use super::lines_of;

const LISTS: &[&str] = &[
    "/users",
    "/groups",
    "/proxy",
    "/shares/owner",
    "/share-codes/{user}",
    "/users/{user}/shared",
    "/groups/{group}/shared",
];

const PAGES: &[&str] = &[
    "",
    "?limit=1",
    "?limit=0",
    "?limit=-1",
    "?limit=abc",
    "?limit=1.5",
    "?limit=",
    "?limit=1000",
    "?limit=%2B3",
    "?limit=+3",
    "?limit=1_0",
    "?limit=1&limit=2",
    "?limit=99999999999999999999",
    "?offset=1",
    "?offset=-1",
    "?offset=abc",
    "?offset=",
    "?offset=0&limit=2",
    "?offset=2&limit=2&x=a%26b",
    "?offset=1000000",
    "?offset=99999999999999999999",
];

/// All cases of this kind.
pub(super) fn lines() -> Vec<String> {
    let mut lines = lines_of(FILTERS);
    for list in LISTS {
        for page in PAGES {
            lines.push(format!("GET {list}{page}"));
            lines.push(format!(
                "[accept: application/jupyterhub-pagination+json] GET {list}{page}"
            ));
        }
    }
    lines
}

const FILTERS: &str = r"
    # who wants pages
    [accept: Application/JupyterHub-Pagination+JSON] GET /groups?limit=2
    [accept: text/html, application/jupyterhub-pagination+json] GET /groups?limit=2
    [accept: application/jupyterhub-pagination+json;q=0.5] GET /groups?limit=2
    [accept: application/json] GET /groups?limit=2
    [accept: */*] GET /groups?limit=2
    [accept: ] GET /groups?limit=2
    [x-forwarded-proto: https] [accept: application/jupyterhub-pagination+json] GET /groups?limit=2
    [accept: application/jupyterhub-pagination+json] GET /services?limit=1
    GET /services?limit=1

    # users by state
    GET /users?state=active
    GET /users?state=ready
    GET /users?state=inactive&limit=3
    GET /users?state=zzz
    GET /users?state=
    GET /users?state=ACTIVE
    GET /users?state=active&state=inactive&limit=2
    [accept: application/jupyterhub-pagination+json] GET /users?state=inactive&limit=2
    [accept: application/jupyterhub-pagination+json] GET /users?state=active&limit=2
    [accept: application/jupyterhub-pagination+json] GET /users?state=ready&limit=2

    # users by name
    GET /users?name_filter=frie
    GET /users?name_filter=FRIE
    GET /users?name_filter=t00&limit=3
    GET /users?name_filter=
    GET /users?name_filter=zzz
    GET /users?name_filter=%20
    GET /users?name_filter=%C3%A9
    GET /users?name_filter=%27%20OR%201%3D1%20--
    [accept: application/jupyterhub-pagination+json] GET /users?name_filter=t00&limit=2&offset=1

    # order
    GET /users?limit=4&sort=id
    GET /users?limit=4&sort=-id&name_filter=e
    GET /users?limit=4&sort=name
    GET /users?limit=4&sort=-name
    GET /users?limit=4&sort=-last_activity&name_filter=frie
    GET /users?limit=4&sort=zzz
    GET /users?limit=4&sort=--name
    GET /users?limit=4&sort=-
    GET /users?limit=4&sort=
    GET /users?limit=4&sort=created
    GET /users?limit=4&sort=%20name

    # stopped servers
    GET /users?limit=4&include_stopped_servers
    GET /users?limit=4&include_stopped_servers=1
    GET /users?limit=4&include_stopped_servers=0
    GET /users?limit=4&include_stopped_servers=false
    GET /users?limit=4&include_stopped_servers=False
    GET /users?limit=4&include_stopped_servers=no
    GET /users/owner?include_stopped_servers
    GET /users/owner?include_stopped_servers=0
    GET /users/owner?include_stopped_servers=%20false
    GET /users/owner
    user GET /user?include_stopped_servers
    user GET /user?include_stopped_servers=0

    # who sees what
    user GET /users
    user GET /users?state=zzz
    user GET /users?limit=abc
    user GET /groups
    user GET /groups?limit=abc
    user GET /services
    user GET /proxy
    nobody GET /users?limit=abc
    nobody GET /groups
";
