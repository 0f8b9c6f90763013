use serde_json::json;

use super::*;
use crate::config::kind::testing::read;

#[test]
fn sizes() {
    for (value, expected) in [
        (json!(5), 5),
        (json!("512M"), 512 << 20),
        (json!("1g"), 1 << 30),
        (json!("1.5G"), 3 << 29),
        (json!("2 T"), 2 << 40),
        (json!("7"), 7),
    ] {
        assert_eq!(read::<Bytes>(value.clone()), Ok(Some(expected)), "{value}");
    }
    for bad in ["", "G", "1X", "-1G", "99999999999999999999T", "1e400", "ü"] {
        assert!(read::<Bytes>(json!(bad)).is_err(), "{bad}");
    }
}

#[test]
fn numbers_and_flags() {
    assert_eq!(read::<Port>(json!(0)), Ok(0));
    assert!(read::<Port>(json!(65_536)).is_err());
    assert!(read::<Port>(json!(-1)).is_err());
    assert!(read::<Port>(json!("8000")).is_err());
    assert!(read::<Positive>(json!(0)).is_err());
    assert_eq!(read::<Cores>(json!(0.5)), Ok(Some(0.5)));
    assert!(read::<Cores>(json!(0)).is_err());
    assert!(read::<Bool>(json!(1)).is_err());
}

#[test]
fn secrets_are_never_shown() {
    let secret = read::<Secret>(json!("s3cret-s3cret")).unwrap();
    assert_eq!(Secret::show(&secret), Some(json!("[secret]")));
    assert_eq!(Secret::show(&None), None);
    let error = read::<Port>(json!("s3cret")).unwrap_err();
    assert!(!error.contains("s3cret"), "{error}");
}
