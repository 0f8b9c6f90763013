//! Timestamps on the wire: UTC, ISO 8601 with `Z`, microseconds unless they are zero.
//!
//! Source: JupyterHub 6.1 writes `2026-11-22T03:30:07.624000Z`; it accepts any offset and reads a naive time as UTC.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};

/// Formats `time` as JupyterHub does.
///
/// Digit by digit, because lists of users hold several times per row, and a format string is read anew for each.
#[must_use]
pub fn format(time: DateTime<Utc>) -> String {
    let micros = time.nanosecond() / 1_000;
    let mut text = String::with_capacity("2026-11-22T03:30:07.624000Z".len());
    match u32::try_from(time.year()) {
        Ok(year @ ..=9999) => digits(&mut text, year, 4),
        _ => text.push_str(&time.format("%Y").to_string()),
    }
    for (mark, number) in [
        ('-', time.month()),
        ('-', time.day()),
        ('T', time.hour()),
        (':', time.minute()),
        (':', time.second()),
    ] {
        text.push(mark);
        digits(&mut text, number, 2);
    }
    if micros != 0 {
        text.push('.');
        digits(&mut text, micros % 1_000_000, 6);
    }
    text.push('Z');
    text
}

/// Writes the last `count` digits of a number.
fn digits(text: &mut String, number: u32, count: u32) {
    for place in (0..count).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        text.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}

/// Reads a timestamp: RFC 3339, or ISO 8601 with a space, without seconds, without an offset (then UTC), in its basic form,
/// or a bare date; and the dates of letters and HTTP (RFC 2822).
///
/// Returns `None` for anything else.
#[must_use]
pub fn parse(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.with_timezone(&Utc));
    }
    for format in [
        "%Y-%m-%dT%H:%M:%S%.f%#z",
        "%Y-%m-%d %H:%M:%S%.f%#z",
        "%Y-%m-%dT%H:%M%#z",
    ] {
        if let Ok(time) = DateTime::parse_from_str(text, format) {
            return Some(time.with_timezone(&Utc));
        }
    }
    if let Ok(time) = DateTime::parse_from_rfc2822(text) {
        return Some(time.with_timezone(&Utc));
    }
    let bare = text.strip_suffix('Z').unwrap_or(text);
    for format in [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M",
        "%Y%m%dT%H%M%S",
    ] {
        if let Ok(time) = NaiveDateTime::parse_from_str(bare, format) {
            return Some(time.and_utc());
        }
    }
    let date = ["%Y-%m-%d", "%d %b %Y"]
        .iter()
        .find_map(|format| NaiveDate::parse_from_str(bare, format).ok())?;
    Some(date.and_time(NaiveTime::MIN).and_utc())
}

/// `#[serde(with = "hub_types::time::iso")]` for a required timestamp.
pub mod iso {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Serialises in JupyterHub's form.
    ///
    /// # Errors
    /// Only those of the serializer.
    pub fn serialize<S: Serializer>(
        time: &DateTime<Utc>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::format(*time))
    }

    /// Reads any form that [`super::parse`] accepts.
    ///
    /// # Errors
    /// When the text is no timestamp.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<DateTime<Utc>, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("Not a valid timestamp: {text:?}")))
    }
}

/// `#[serde(with = "hub_types::time::iso_opt")]` for a timestamp that may be null.
pub mod iso_opt {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Serialises in JupyterHub's form, `None` as null.
    ///
    /// # Errors
    /// Only those of the serializer.
    pub fn serialize<S: Serializer>(
        time: &Option<DateTime<Utc>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.serialize_some(&super::format(*time)),
            None => serializer.serialize_none(),
        }
    }

    /// Reads null or any form that [`super::parse`] accepts.
    ///
    /// # Errors
    /// When the text is no timestamp.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| {
                super::parse(&text)
                    .ok_or_else(|| D::Error::custom(format!("Not a valid timestamp: {text:?}")))
            })
            .transpose()
    }
}

/// `#[serde(with = "hub_types::time::iso_field")]` for a model field that may be absent, null, or a timestamp.
pub mod iso_field {
    use chrono::{DateTime, Utc};
    use serde::{Deserializer, Serializer};

    /// Serialises `Some(None)` as null; combine with `skip_serializing_if = "Option::is_none"`.
    ///
    /// # Errors
    /// Only those of the serializer.
    pub fn serialize<S: Serializer>(
        field: &Option<Option<DateTime<Utc>>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        super::iso_opt::serialize(&field.flatten(), serializer)
    }

    /// Reads null as `Some(None)`; combine with `default`.
    ///
    /// # Errors
    /// When the text is no timestamp.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Option<DateTime<Utc>>>, D::Error> {
        super::iso_opt::deserialize(deserializer).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formats_as_jupyterhub_does() {
        for (text, expected) in [
            ("2026-11-22T03:30:07.624Z", "2026-11-22T03:30:07.624000Z"),
            ("2026-11-22T03:30:07Z", "2026-11-22T03:30:07Z"),
            ("2026-11-22T03:30:07.000001Z", "2026-11-22T03:30:07.000001Z"),
            ("2026-11-22T05:30:07+02:00", "2026-11-22T03:30:07Z"),
            ("2026-11-22T05:30:07+0200", "2026-11-22T03:30:07Z"),
            ("2026-11-22 03:30:07", "2026-11-22T03:30:07Z"),
            ("2026-11-22T03:30", "2026-11-22T03:30:00Z"),
            ("2026-11-22", "2026-11-22T00:00:00Z"),
        ] {
            assert_eq!(parse(text).map(format).as_deref(), Some(expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn digits_are_those_of_a_format_string(seconds in -70_000_000_000_i64..300_000_000_000, micros in 0_u32..1_000_000) {
            let time = DateTime::from_timestamp(seconds, micros * 1_000).unwrap();
            let pattern = if micros == 0 { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%.6fZ" };
            prop_assert_eq!(format(time), time.format(pattern).to_string());
        }
    }

    #[test]
    fn junk_is_none() {
        for text in [
            "",
            "junk",
            "12",
            "2026-13-01",
            "2026-11-22T99:00:00Z",
            "null",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
