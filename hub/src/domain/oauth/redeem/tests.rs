//! Tests.

use super::*;

// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn parameters(query: &str) -> Parameters {
    Parameters::new(url::form_urlencoded::parse(query.as_bytes()).into_owned())
}

#[test]
fn requests() {
    let all = "grant_type=authorization_code&code=c&redirect_uri=%2Fcb&client_id=i&client_secret=s";
    let body = parameters(&format!("{all}&code_verifier=v"));
    let request = read(&body, &Parameters::default()).unwrap();
    assert_eq!(
        request,
        TokenRequest {
            client: Client {
                id: "i",
                secret: "s"
            },
            grant: Grant::Code(CodeRequest {
                client_id: "i",
                code: "c",
                redirect_uri: Some("/cb"),
                verifier: Some("v"),
            }),
        }
    );
    let refresh =
        parameters("grant_type=refresh_token&refresh_token=r&client_id=i&client_secret=s");
    let asked = read(&refresh, &Parameters::default()).unwrap();
    assert_eq!(asked.grant.code(), Err(TokenError::UnauthorizedClient));
    // Who asks is read all the same: a client must prove itself before it is told more.
    let twice = parameters(&format!("{all}&code=d"));
    let asked = read(&twice, &Parameters::default()).unwrap();
    assert_eq!(asked.client, request.client);
    assert_eq!(
        asked.grant.code(),
        Err(TokenError::request("Duplicate code parameter."))
    );
    assert_eq!(
        read(&body, &parameters("client_secret=s")),
        Err(TokenError::request("URL query parameters are not allowed"))
    );
    for (body, expected) in [
        ("", TokenError::UnsupportedGrantType),
        ("grant_type=password", TokenError::UnsupportedGrantType),
        (
            "grant_type=authorization_code",
            TokenError::request("Missing code parameter."),
        ),
        (
            "grant_type=authorization_code&grant_type=authorization_code",
            TokenError::request("Duplicate grant_type parameter."),
        ),
        (
            "grant_type=authorization_code&code=c&client_id=i",
            TokenError::InvalidClient,
        ),
        (
            "grant_type=authorization_code&code=c&client_secret=s",
            TokenError::InvalidClient,
        ),
        (
            "grant_type=refresh_token&client_id=i&client_secret=s",
            TokenError::request("Missing refresh token parameter."),
        ),
    ] {
        assert_eq!(
            read(&parameters(body), &Parameters::default()),
            Err(expected),
            "{body}"
        );
    }
}

#[test]
fn exchanges() {
    let created = DateTime::UNIX_EPOCH + TimeDelta::days(1);
    let at = |seconds| created + TimeDelta::seconds(seconds);
    let issued = IssuedCode {
        client_id: "i",
        redirect_uri: "/cb",
        challenge: Some((CHALLENGE, "S256")),
        created,
        expires: at(300),
    };
    let plain = IssuedCode {
        challenge: None,
        ..issued
    };
    let request = CodeRequest {
        client_id: "i",
        code: "c",
        redirect_uri: Some("/cb"),
        verifier: Some(VERIFIER),
    };
    let nowhere = CodeRequest {
        redirect_uri: None,
        ..request
    };
    let bare = CodeRequest {
        verifier: None,
        ..request
    };
    let long = "a".repeat(129);
    let wrong = VERIFIER.replace('d', "e");
    let mismatch = || Err(TokenError::request("Mismatching redirect URI."));
    let grant = || Err(TokenError::InvalidGrant);
    for (request, issued, now, expected) in [
        (request, issued, at(0), Ok(())),
        (request, issued, at(299), Ok(())),
        (bare, plain, at(0), Ok(())),
        (request, issued, at(300), grant()),
        (request, issued, at(-3_600), grant()),
        (
            CodeRequest {
                client_id: "j",
                ..request
            },
            issued,
            at(0),
            grant(),
        ),
        (
            CodeRequest {
                redirect_uri: Some("/cb/"),
                ..request
            },
            issued,
            at(0),
            mismatch(),
        ),
        (
            nowhere,
            issued,
            at(0),
            Err(TokenError::request("Missing redirect_uri parameter.")),
        ),
        (
            bare,
            issued,
            at(0),
            Err(TokenError::request("Code verifier required.")),
        ),
        (request, plain, at(0), grant()),
        (
            CodeRequest {
                verifier: Some(&wrong),
                ..request
            },
            issued,
            at(0),
            grant(),
        ),
        (
            CodeRequest {
                verifier: Some(CHALLENGE),
                ..request
            },
            issued,
            at(0),
            grant(),
        ),
        (
            CodeRequest {
                verifier: Some(&VERIFIER[..42]),
                ..request
            },
            issued,
            at(0),
            grant(),
        ),
        (
            CodeRequest {
                verifier: Some(&long),
                ..request
            },
            issued,
            at(0),
            grant(),
        ),
        (
            request,
            IssuedCode {
                challenge: Some((VERIFIER, "plain")),
                ..issued
            },
            at(0),
            Ok(()),
        ),
        (
            request,
            IssuedCode {
                challenge: Some((CHALLENGE, "plain")),
                ..issued
            },
            at(0),
            grant(),
        ),
        (
            request,
            IssuedCode {
                challenge: Some((VERIFIER, "S512")),
                ..issued
            },
            at(0),
            grant(),
        ),
    ] {
        assert_eq!(check(&request, &issued, now), expected, "{request:?} {now}");
    }
}
