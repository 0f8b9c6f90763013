//! The rows that a question was about, as a field of its form: what is confirmed is what was asked, whatever has changed
//! meanwhile.

/// Most rows in one question.
pub(super) const MOST: usize = 50_000;

/// Row ids as a text: ascending, each as its distance from the one before, in hexadecimal. Five thousand take some ten
/// kilobytes.
pub(super) fn write(rows: impl IntoIterator<Item = i64>) -> String {
    let mut rows: Vec<i64> = rows.into_iter().collect();
    rows.sort_unstable();
    rows.dedup();
    let mut before = 0;
    let steps = rows.into_iter().map(|row| {
        let step = row - before;
        before = row;
        format!("{step:x}")
    });
    steps.collect::<Vec<_>>().join(".")
}

/// The row ids of such a text; `None` when it is none, or too long.
pub(super) fn read(text: &str) -> Option<Vec<i64>> {
    let mut before = 0_i64;
    let mut rows = Vec::new();
    for step in text.split('.').filter(|step| !step.is_empty()) {
        let step = u32::from_str_radix(step, 16).ok()?;
        before = before.checked_add(i64::from(step))?;
        rows.push(before);
        if rows.len() > MOST {
            return None;
        }
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for rows in [&[][..], &[1], &[7, 8, 300, 70_000, 4_000_000_000]] {
            let text = write(rows.iter().copied());
            assert_eq!(read(&text).as_deref(), Some(rows), "{text}");
        }
        assert_eq!(write([9, 7, 9, 8]), "7.1.1");
        let many = write((0..5_000).map(|n| 1_000_000 + n * 20));
        assert!(many.len() < 20_000, "{}", many.len());
    }

    #[test]
    fn what_is_no_list_of_rows() {
        let endless = "1.".repeat(MOST + 1);
        for text in ["x", "1.-1", "1 2", "fffffffff", &endless] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
