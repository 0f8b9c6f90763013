use super::*;

#[test]
fn authorization_headers() {
    for (values, expected) in [
        (&["token abc"][..], Some("abc")),
        (&["TOKEN abc"], Some("abc")),
        (&["bEaReR  abc "], Some("abc")),
        (&["Basic abc"], None),
        (&["token"], None),
        (&["token a b"], None),
        (&["tokenabc"], None),
        (&["token abc", "token abc"], None),
        (&[""], None),
    ] {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        assert_eq!(
            header_token(&headers).as_ref().map(Token::expose),
            expected,
            "{values:?}"
        );
    }
}
