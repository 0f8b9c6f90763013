//! Times as people write them.

/// Seconds of a time: a whole number, which counts seconds, or one with a unit (`90s`, `90min`, `2h`, `7d`).
#[must_use]
pub fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (count, unit) = text.split_at(end);
    let each = match unit.trim_start() {
        "" | "s" | "sec" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        _ => return None,
    };
    count.parse::<u64>().ok()?.checked_mul(each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_seconds_and_units_are_understood() {
        for (text, expected) in [
            ("0", Some(0)),
            ("600", Some(600)),
            (" 90 s ", Some(90)),
            ("90min", Some(5_400)),
            ("5m", Some(300)),
            ("2 hours", Some(7_200)),
            ("7d", Some(604_800)),
            ("", None),
            ("h", None),
            ("-1", None),
            ("1.5h", None),
            ("2h30", None),
            ("99999999999999999999", None),
            ("99999999999999999d", None),
        ] {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }
}
