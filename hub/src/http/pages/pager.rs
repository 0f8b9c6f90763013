//! Lists of which a page shows a part: which part, and the way to the others.

use super::context::PageUser;
use crate::render::pages::admin::Pager;

/// A list of a page.
pub(super) struct List {
    /// The argument of the page's URL that says at which row the part begins that is shown.
    pub(super) argument: &'static str,
    /// How many rows a part has.
    pub(super) rows: usize,
}

impl List {
    fn offset(&self, user: &PageUser) -> usize {
        let text = user.argument(self.argument);
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// The part that is asked for, and the way to the others, `page` being the URL of the first. What stood behind the end is
    /// gone meanwhile: the last part is shown instead.
    pub(super) fn part<T>(&self, user: &PageUser, all: Vec<T>, page: &str) -> (Vec<T>, Pager) {
        let total = all.len();
        let offset = self.begin(self.offset(user).min(total.saturating_sub(1)));
        let part: Vec<T> = all.into_iter().skip(offset).take(self.rows).collect();
        let links = pager(
            (offset as u64, self.rows as u64),
            (part.len(), total as u64),
            |row| self.link(page, usize::try_from(row).unwrap_or(0)),
        );
        (part, links)
    }

    /// The URL of the part with this row, `page` being that of the first.
    pub(super) fn link(&self, page: &str, row: usize) -> String {
        let more = if page.contains('?') { '&' } else { '?' };
        match self.begin(row) {
            0 => page.to_owned(),
            offset => format!("{page}{more}{}={offset}", self.argument),
        }
    }

    /// The URL of the part that is shown.
    pub(super) fn here(&self, user: &PageUser, page: &str) -> String {
        self.link(page, self.offset(user))
    }

    fn begin(&self, row: usize) -> usize {
        row / self.rows * self.rows
    }
}

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
