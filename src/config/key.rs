//! A key of the configuration: its path, and where it is written.

/// One key, or one list of tables, of the schema.
#[derive(Debug)]
pub(super) struct Key {
    /// `muc.domains`, `rule[].room`; a list of tables ends with `[]`.
    pub(super) path: String,
}

impl Key {
    /// Its last part.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit_once('.').map_or(&self.path, |(_, name)| name)
    }

    /// The header it stands under.
    pub(super) fn section(&self) -> String {
        match self.path.rsplit_once('.').map_or("", |(section, _)| section) {
            list if list.ends_with("[]") => format!("[[{}]]", list.trim_end_matches("[]")),
            section => format!("[{section}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_know_where_they_belong() {
        let section = |path: &str| Key { path: path.to_owned() }.section();
        assert_eq!(section("discovery.jicofo.url"), "[discovery.jicofo]");
        assert_eq!(section("jibri.instance[].id"), "[[jibri.instance]]");
    }
}
