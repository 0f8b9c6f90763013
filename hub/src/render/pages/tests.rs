use super::*;

#[test]
fn expiry_choices() {
    let labels = |max| {
        ExpiryOption::choices(max)
            .into_iter()
            .map(|choice| choice.label)
            .collect::<Vec<_>>()
            .join(", ")
    };
    for (max, expected) in [
        (None, "1 hour, 1 day, 1 week, 1 month, 1 year, Never"),
        (Some(DAY), "1 hour, 1 day"),
        (Some(14 * DAY), "1 hour, 1 day, 1 week, Max (14 days)"),
        (Some(90), "Max (1 minute)"),
        (Some(2 * HOUR), "1 hour, Max (2 hours)"),
    ] {
        assert_eq!(labels(max), expected, "{max:?}");
    }
}

#[test]
fn a_new_token_is_not_in_the_debug_output() {
    let page = TokenPage {
        new_token: Some("secret".to_owned()),
        ..TokenPage::default()
    };
    assert!(!format!("{page:?}").contains("secret"));
}
