//! Pagination of list endpoints.

use serde::{Deserialize, Serialize};

/// The media type with which a client asks for the paginated form.
pub const PAGINATION_MEDIA_TYPE: &str = "application/jupyterhub-pagination+json";

/// A page of items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items of this page; a list, or an object for `/proxy`.
    pub items: T,
    /// Where this page stands in the whole.
    #[serde(rename = "_pagination")]
    pub pagination: Pagination,
}

/// Where a page stands in the whole list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pagination {
    /// Number of items before this page.
    pub offset: u64,
    /// The page size in force.
    pub limit: u64,
    /// Number of items in the whole list.
    pub total: u64,
    /// The page after this one; null on the last page.
    pub next: Option<NextPage>,
}

/// How to get the next page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NextPage {
    /// Number of items before the next page.
    pub offset: u64,
    /// The page size.
    pub limit: u64,
    /// Absolute URL, to be followed verbatim.
    pub url: String,
}
