//! Where something was written, for mistakes to name.

use std::sync::Arc;

/// Where something was written.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The file, or the name of the environment variable.
    pub(super) source: Arc<str>,
    pub(super) line: Option<usize>,
    pub(super) column: Option<usize>,
}

impl Place {
    /// A whole file or variable.
    pub(super) fn whole(source: &str) -> Self {
        Self { source: source.into(), line: None, column: None }
    }
}
