//! Links to the other parts of a list.

use crate::render::pages::admin::Pager;

/// The links of the part that begins at row `offset` and has at most `limit` rows (one at least), of which `shown` are there,
/// `at` being the URL of a part. Behind the end of the list the way back leads to where something is.
pub(super) fn pager(
    (offset, limit): (u64, u64),
    (shown, total): (usize, u64),
    at: impl Fn(u64) -> String,
) -> Pager {
    let shown = shown as u64;
    let end = offset.saturating_add(limit);
    let last = total.saturating_sub(1) / limit * limit;
    let before = (offset > 0).then(|| offset.saturating_sub(limit).min(last));
    Pager {
        from: if shown == 0 { 0 } else { offset + 1 },
        to: if shown == 0 { 0 } else { offset + shown },
        total,
        first: before.map(|_| at(0)),
        previous: before.map(&at),
        next: (end < total).then(|| at(end)),
        last: (end < total).then(|| at(last)),
    }
}
