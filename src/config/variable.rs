//! What the environment variable of a key is called: `JIBRI_AUTOSTART_` and its path in capitals, `__` between the levels.

/// What all variables begin with.
pub(super) const PREFIX: &str = "JIBRI_AUTOSTART_";

/// The variable of a key: `rule[0].room` is `JIBRI_AUTOSTART_RULE__0__ROOM`.
pub(super) fn variable(path: &str) -> String {
    let path = path.replace("[]", "[0]").replace('[', "__").replace(']', "").replace('.', "__");
    format!("{PREFIX}{}", path.to_uppercase())
}
