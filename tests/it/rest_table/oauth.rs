//! The OAuth provider: what a browser gets at `authorize`, and a client at `token`, step by step.

use e2e::Visitor;
use reqwest::Method;
use url::Url;

use super::answer::Answer;
use super::browsers::{Answers, Cookies, visitor};
use super::world::{Request, WEB_TOKEN, World};

/// How many users these steps need.
pub(super) const USERS: usize = 1;

/// The client that needs no confirmation.
const WEB: &str = "client_id=service-web";

/// Where it wants its codes.
const CALLBACK: &str = "redirect_uri=%2Fservices%2Fweb%2Foauth_callback";

/// A verifier and its challenge (RFC 7636, appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str =
    "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

/// Queries of `authorize`.
const AUTHORIZE: &[&str] = &[
    "",
    "response_type=code",
    "client_id=",
    "client_id=none&response_type=code",
    "client_id=jupyterhub&response_type=code",
    "client_id=service-web",
    "client_id=service-web&response_type=code",
    "client_id=service-web&response_type=code&state=s",
    "client_id=service-web&response_type=code&state=",
    "client_id=service-web&response_type=code&state=s&state=t",
    "client_id=service-web&client_id=service-web&response_type=code&state=s",
    "client_id=service-web&response_type=token&state=s",
    "client_id=service-web&response_type=none&state=s",
    "client_id=service-web&response_type=&state=s",
    "client_id=service-web&response_type=code%20token&state=s",
    "client_id=service-web&response_type=code&response_type=code&state=s",
    "client_id=service-web&response_type=code&state=s&redirect_uri=%2Fservices%2Fweb%2Foauth_callback",
    "client_id=service-web&response_type=code&state=s&redirect_uri=%2Fservices%2Fweb%2Foauth_callback%2F",
    "client_id=service-web&response_type=code&state=s&redirect_uri=%2Fservices%2Fother%2Foauth_callback",
    "client_id=service-web&response_type=code&state=s&redirect_uri=http%3A%2F%2Fevil.example%2F",
    "client_id=service-web&response_type=code&state=s&redirect_uri=",
    "client_id=service-web&response_type=code&state=s&redirect_uri=nonsense",
    "client_id=service-web&response_type=code&state=s&scope=identify",
    "client_id=service-web&response_type=code&state=s&scope=",
    "client_id=service-web&response_type=code&state=s&scope=nope",
    "client_id=service-web&response_type=code&state=s&scope=admin%3Ausers",
    "client_id=service-web&response_type=code&state=s&scope=read%3Ausers%3Aname%21user",
    "client_id=service-web&response_type=code&state=s&scope=access%3Aservices%21service%3Dweb",
    "client_id=service-web&response_type=code&state=s&scope=access%3Aservices%21service",
    "client_id=service-web&response_type=code&state=s&scope=read%3Ausers%3Aname%21user%20read%3Ausers%3Agroups%21user",
    "client_id=service-web&response_type=code&state=s&code_challenge=short",
    "client_id=service-web&response_type=code&state=s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "client_id=service-web&response_type=code&state=s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
    "client_id=service-web&response_type=code&state=s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=plain",
    "client_id=service-web&response_type=code&state=s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S512",
    "client_id=service-web&response_type=code&state=s&code_challenge_method=S256",
    "client_id=service-web&response_type=code&state=s&unknown=1",
    "client_id=service-asks&response_type=code&state=s",
    "client_id=service-asks&response_type=code&state=s&scope=read%3Ausers%21user",
    "client_id=service-asks&response_type=code&state=s&scope=self",
    "client_id=service-closed&response_type=code&state=s",
];

/// Forms of `token` that can give nothing, whatever the code.
const TOKEN: &[&str] = &[
    "",
    "grant_type=authorization_code",
    "grant_type=client_credentials&client_id=service-web&client_secret={secret}",
    "grant_type=refresh_token&client_id=service-web&client_secret={secret}&refresh_token=x",
    "grant_type=password&client_id=service-web&client_secret={secret}&username=a&password=b",
    "grant_type=&client_id=service-web&client_secret={secret}",
    "client_id=service-web&client_secret={secret}",
    "grant_type=authorization_code&client_id=service-web&client_secret={secret}",
    "grant_type=authorization_code&client_id=service-web&client_secret={secret}&code=none&redirect_uri=%2Fservices%2Fweb%2Foauth_callback",
    "grant_type=refresh_token&client_id=service-web&client_secret={secret}",
    "grant_type=authorization_code&client_id=service-web&client_secret=wrong&code=none&redirect_uri=%2Fservices%2Fweb%2Foauth_callback",
    "grant_type=authorization_code&client_id=service-web&client_secret=&code=none",
    "grant_type=authorization_code&client_id=service-web&code=none",
    "grant_type=authorization_code&client_id=none&client_secret={secret}&code=none",
    "grant_type=authorization_code&client_secret={secret}&code=none",
    "grant_type=authorization_code&client_id=jupyterhub&client_secret=&code=none",
    "grant_type=authorization_code&grant_type=authorization_code&client_id=service-web&client_secret={secret}&code=x",
    "grant_type=authorization_code&client_id=service-web&client_secret={secret}&code=x&code=y",
];

/// All steps at one hub.
pub(super) async fn all(world: &World) -> Answers {
    let target = &world.targets[1];
    let mut visitor = visitor(world, &target.user).await;
    let mut answers = Answers::new();
    for query in AUTHORIZE {
        let reply = visitor
            .get(&format!("hub/api/oauth2/authorize?{query}"))
            .await;
        answers.push((format!("authorize {query}"), Answer::of(&reply, target)));
    }
    answers.extend(confirmation(world, &mut visitor).await);
    for form in TOKEN {
        let answer = token(world, form, &[]).await;
        answers.push((format!("token {form}"), answer));
    }
    answers.extend(content_types(world).await);
    answers.extend(exchanges(world, &mut visitor).await);
    answers
}

/// The token endpoint's answer to a form.
async fn token(world: &World, form: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request {
        method: Method::POST,
        path: "/oauth2/token".to_owned(),
        body: Some(form.replace("{secret}", WEB_TOKEN).into_bytes()),
        ..Request::default()
    };
    let form_type = [("content-type", "application/x-www-form-urlencoded")];
    let headers = if headers.is_empty() {
        &form_type
    } else {
        headers
    };
    for (name, value) in headers {
        request
            .headers
            .push(((*name).to_owned(), (*value).to_owned()));
    }
    let reply = world.ask_as(None, &world.targets[1], &request).await;
    Answer::of(&reply, &world.targets[1])
}

async fn content_types(world: &World) -> Answers {
    let form =
        "grant_type=authorization_code&client_id=service-web&client_secret={secret}&code=none";
    let json =
        r#"{"grant_type": "authorization_code", "client_id": "service-web", "code": "none"}"#;
    let mut answers = Answers::new();
    for (name, body, headers) in [
        ("JSON", json, &[("content-type", "application/json")][..]),
        ("text", form, &[("content-type", "text/plain")]),
        (
            "Basic",
            form,
            &[
                ("content-type", "application/x-www-form-urlencoded"),
                ("authorization", "Basic eDp5"),
            ],
        ),
        (
            "foreign page",
            form,
            &[
                ("content-type", "application/x-www-form-urlencoded"),
                ("origin", "http://evil.example"),
            ],
        ),
    ] {
        answers.push((
            format!("token as {name}"),
            token(world, body, headers).await,
        ));
    }
    for method in [Method::GET, Method::PUT, Method::OPTIONS] {
        let request = Request {
            path: "/oauth2/token?grant_type=authorization_code".to_owned(),
            method,
            ..Request::default()
        };
        let reply = world.ask_as(None, &world.targets[1], &request).await;
        let name = format!("token by {}", request.method);
        answers.push((name, Answer::of(&reply, &world.targets[1])));
    }
    answers
}

/// The consent page and what its form can do.
async fn confirmation(world: &World, visitor: &mut Visitor) -> Answers {
    let path = "hub/api/oauth2/authorize?client_id=service-asks&response_type=code&state=s";
    let target = &world.targets[1];
    let page = visitor.get(path).await;
    let mut fields: Vec<_> = page.hidden_fields();
    fields.retain(|(name, _)| name != "_xsrf");
    fields.sort();
    let mut answers = vec![("consent page".to_owned(), Answer::of(&page, target))];
    let mut asked = answers[0].1.clone();
    asked.body = serde_json::json!(fields);
    answers.push(("what the consent page asks".to_owned(), asked));
    let xsrf = Cookies::of(visitor).await.xsrf;
    for form in [
        &[][..],
        &[("_xsrf", "wrong")],
        &[("_xsrf", xsrf.as_str())],
        &[("_xsrf", &xsrf), ("scopes", "read:users!user")],
        &[("_xsrf", &xsrf), ("scopes", "identify")],
        &[("_xsrf", &xsrf), ("scopes", "admin:users")],
    ] {
        let form: Vec<_> = form
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let reply = visitor.send(Method::POST, path, Some(&form)).await;
        let shown = format!("{form:?}").replace(&xsrf, "right");
        answers.push((format!("consent {shown}"), Answer::of(&reply, target)));
    }
    answers
}

/// A new code of the client [`WEB`].
async fn code(visitor: &mut Visitor, more: &str) -> String {
    let mut path = format!("hub/api/oauth2/authorize?{WEB}&{CALLBACK}&response_type=code&state=s");
    if !more.is_empty() {
        path.push('&');
        path.push_str(more);
    }
    let reply = visitor.get(&path).await;
    let location = reply.url.join(reply.location()).expect("a URL");
    argument(&location, "code").unwrap_or_else(|| panic!("no code: {reply:#?}"))
}

fn argument(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    let (_, value) = pairs.find(|(key, _)| key == name)?;
    Some(value.into_owned())
}

/// Codes that are changed for tokens, rightly and wrongly. Each line: what is asked for with the code, then the forms
/// that follow one another.
const EXCHANGES: &[(&str, &[&str])] = &[
    ("", &["{good}", "{good}"]),
    ("", &["{client}&code={code}"]),
    (
        "",
        &["{client}&code={code}&redirect_uri=%2Fother", "{good}"],
    ),
    (
        "",
        &[
            "grant_type=authorization_code&client_id=service-web&client_secret=wrong&code={code}",
            "{good}",
        ],
    ),
    (
        "",
        &["{good}&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"],
    ),
    (
        CHALLENGE,
        &["{good}&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"],
    ),
    (
        CHALLENGE,
        &[
            "{good}",
            "{good}&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ],
    ),
    (
        CHALLENGE,
        &["{good}&code_verifier=wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong"],
    ),
    (CHALLENGE, &["{good}&code_verifier=short"]),
    ("scope=identify", &["{good}"]),
    ("scope=access%3Aservices%21service%3Dweb", &["{good}"]),
];

async fn exchanges(world: &World, visitor: &mut Visitor) -> Answers {
    assert!(
        EXCHANGES
            .iter()
            .any(|(_, forms)| forms.iter().any(|form| form.contains(VERIFIER)))
    );
    let client = "grant_type=authorization_code&client_id=service-web&client_secret={secret}";
    let good = format!("{client}&code={{code}}&{CALLBACK}");
    let mut answers = Answers::new();
    for (more, forms) in EXCHANGES {
        let code = code(visitor, more).await;
        for (number, form) in forms.iter().enumerate() {
            let filled = form.replace("{good}", &good).replace("{client}", client);
            let reply = exchange(world, &filled.replace("{code}", &code)).await;
            let name = format!("exchange {more} {number}: {form}");
            answers.push((name.clone(), Answer::of(&reply, &world.targets[1])));
            let given: Option<serde_json::Value> = serde_json::from_str(&reply.body).ok();
            let given = given.and_then(|body| body["access_token"].as_str().map(str::to_owned));
            answers.extend(uses(world, &name, &given.unwrap_or_default()).await);
        }
    }
    answers
}

async fn exchange(world: &World, form: &str) -> e2e::Reply {
    let request = Request {
        method: Method::POST,
        path: "/oauth2/token".to_owned(),
        headers: vec![(
            "content-type".to_owned(),
            "application/x-www-form-urlencoded".to_owned(),
        )],
        body: Some(form.replace("{secret}", WEB_TOKEN).into_bytes()),
    };
    world.ask_as(None, &world.targets[1], &request).await
}

/// What an access token is good for.
async fn uses(world: &World, name: &str, token: &str) -> Answers {
    let target = &world.targets[1];
    let mut answers = Answers::new();
    for path in [
        "/user",
        "/users/{user}",
        "/users",
        "/users/{user}/tokens",
        "/services/web",
    ] {
        let request = Request {
            path: path.to_owned(),
            ..Request::default()
        };
        let reply = world.ask_as(Some(token), target, &request).await;
        answers.push((format!("{name} → {path}"), Answer::of(&reply, target)));
    }
    answers
}
