//! The schema: every key once, with its kind and its default.
//!
//! Reading, the names of the environment variables, suggestions, the effective configuration and the tests
//! on the documented file all follow from this table.

use std::sync::LazyLock;

use super::checks;
use super::key::Key;
use super::kinds::{AutoOr, Count, Flag, Kind, List, Optional, Share};
use super::reader::{Scope, Section};
use super::settings::*;
use super::show::Shown;
use super::times::{Time, ZeroOr};
use super::words::*;

/// All keys, in the order of the table below.
pub(super) fn known_keys() -> &'static [Key] {
    static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
        let mut keys = Vec::new();
        Settings::keys("", &mut keys);
        keys
    });
    &KEYS
}

/// Implements [`Section`]: the keys; `flat`, other sections' keys in the same table; `tables` and `lists`
/// below this one; a check on the whole.
macro_rules! section {
    ($Type:ident {
        $($field:ident: $Kind:ty = $($required:ident)? $stand_in:literal,)*
    }
    $(flat { $($flat:ident: $Flat:ty = $from:literal,)* })?
    $(tables { $($table:ident: $Table:ty,)* })?
    $(lists { $($list:ident = $name:literal: $Item:ty,)* })?
    $(check $check:path)?
    ) => {
        impl Section for $Type {
            const INHERITS: &'static [&'static str] = &[$($($from,)*)?];

            fn names() -> Vec<&'static str> {
                #[allow(unused_mut, reason = "most sections have nothing flat")]
                let mut names = vec![$(stringify!($field),)* $($(stringify!($table),)*)? $($($name,)*)?];
                $($(names.extend(<$Flat>::names());)*)?
                names
            }

            fn keys(path: &str, keys: &mut Vec<Key>) {
                let _ = &path;
                $(keys.push(Key { path: format!("{path}{}", stringify!($field)) });)*
                $($(<$Flat>::keys(path, keys);)*)?
                $($(<$Table>::keys(&format!("{path}{}.", stringify!($table)), keys);)*)?
                $($(
                    keys.push(Key { path: format!("{path}{}[]", $name) });
                    <$Item>::keys(&format!("{path}{}[].", $name), keys);
                )*)?
            }

            fn read(scope: &mut Scope<'_, '_>) -> Option<Self> {
                $(
                    let required = false $(|| stringify!($required) == "required")?;
                    let $field = scope.leaf::<$Kind>(stringify!($field), required, $stand_in);
                )*
                $($(let $flat = <$Flat>::read(scope);)*)?
                $($(let $table = scope.table::<$Table>(stringify!($table));)*)?
                $($(let $list = scope.list::<$Item>($name);)*)?
                #[allow(unused_mut, reason = "not every section is checked")]
                let mut section = Self {
                    $($field: $field?,)*
                    $($($flat: $flat?,)*)?
                    $($($table: $table?,)*)?
                    $($($list: $list?,)*)?
                };
                $($check(&mut section, scope);)?
                Some(section)
            }

            fn show(&self, path: &str, shown: &mut Shown) {
                let _ = &path;
                $(shown.key(stringify!($field), <$Kind>::show(&self.$field));)*
                $($(self.$flat.show(path, shown);)*)?
                $($(
                    let below = format!("{path}{}", stringify!($table));
                    shown.table(&below);
                    self.$table.show(&format!("{below}."), shown);
                )*)?
                $($(
                    let below = format!("{path}{}", $name);
                    for item in &self.$list {
                        shown.item(&below, <$Item>::INHERITS);
                        item.show(&format!("{below}."), shown);
                    }
                )*)?
            }
        }
    };
}

section! { Settings {}
    tables {
        xmpp: Xmpp, muc: Muc, discovery: Discovery, start: Start, stop: Stop, jibri: Jibri,
        recovery: Recovery, alerts: Alerts, recordings: RecordingSettings, standby: Standby, http: Http, ledger: Ledger, log: Log,
    }
    lists { rules = "rule": Rule, }
    check checks::settings
}

section! { Xmpp {
    server: HostPort = "127.0.0.1:5347",
    domain: Domain = required "autostart.meet.jitsi",
    user: LocalPart = "autostart",
    secret: Hidden = "",
    secret_file: Optional<File> = "",
    ping_interval: Time<1000> = "20s",
    reconnect_min: Time<1> = "250ms",
    reconnect_max: Time<1> = "15s",
} check checks::xmpp }

section! { Muc {
    domains: List<Domain> = required "muc.meet.jitsi",
    nickname: OwnNick = "autostart",
    focus_nickname: OtherNick = "focus",
    service_domains: List<Domain> = "auth.meet.jitsi,hidden.meet.jitsi",
    recorders: List<Account> = "recorder@hidden.meet.jitsi",
    footprint: OneOf<FootprintSetting> = "auto",
    notice: OneOf<Notice> = "every",
    peek: Flag = "true",
} check checks::muc }

section! { Discovery {
    rooms: List<Meeting> = "",
    disco_interval: ZeroOr<100> = "0s",
    event_sync: Flag = "true",
} tables { jicofo: JicofoRest, } }

section! { JicofoRest {
    url: Optional<Url> = "",
    interval: Time<100> = "1s",
} }

section! { Start {
    min_moderators: Count<0> = "1",
    min_participants: Count<1> = "1",
    settle: ZeroOr<1> = "0s",
    mode: OneOf<Mode> = "file",
    stream_key: Hidden = "",
    app_data: Optional<AppData> = r#"{"file_recording_metadata":{"share":true}}"#,
    request_timeout: Time<1000> = "100s",
    pending_timeout: Time<1000> = "120s",
    retry_min: Time<100> = "2s",
    retry_max: Time<100> = "60s",
    retry_limit: Count<0> = "0",
} check checks::start }

section! { Stop {
    when: OneOf<StopWhen> = "never",
    delay: ZeroOr<1> = "30s",
    respect_manual: Flag = "true",
} }

section! { Rule {
    room: Pattern = required "^lesson-",
    record: Flag = "true",
} flat { start: Start = "start", stop: Stop = "stop", } }

section! { Jibri {
    brewery: Optional<Room> = "jibribrewery@internal-muc.meet.jitsi",
    webhook: Flag = "false",
    webhook_token: Hidden = "",
    webhook_token_file: Optional<File> = "",
    health_interval: Time<100> = "10s",
    wedged_after: Count<1> = "3",
    fast_failover: Flag = "true",
} lists { instances = "instance": JibriInstance, } check checks::jibri }

section! { JibriInstance {
    name: InstanceName = required "jibri-1",
    health_url: Optional<Url> = "",
    id: Text = "",
} check checks::instance }

section! { Recovery {
    on: List<OneOf<RecoveryTrigger>> = "",
    jicofo_command: List<Text> = "",
    jicofo_after: ZeroOr<1> = "10m",
    recycle_after: Count<0> = "0",
    command: List<Text> = "",
    http: Optional<Url> = "",
    timeout: Time<100> = "60s",
    cooldown: ZeroOr<1> = "5m",
    max_per_hour: Count<0> = "6",
    dry_run: Flag = "false",
} check checks::recovery }

section! { Alerts {
    webhook: HiddenUrl = "",
    alertmanager: Optional<Url> = "",
    start_overdue: Time<1000> = "60s",
    prosody_down: Time<1000> = "30s",
    repeat: Time<1000> = "1h",
} }

section! { RecordingSettings {
    expect: AutoOr = "auto",
    report_within: Time<1000> = "15m",
    min_share: Share = "0.9",
    disk_hours: Count<0> = "4",
    url: Optional<FileUrl> = "",
    webhook: HiddenUrl = "",
    webhook_token: Hidden = "",
    webhook_token_file: Optional<File> = "",
} check checks::recordings }

section! { Standby {
    peer: Optional<PeerUrl> = "",
    allowed: Flag = "false",
    takeover_after: Time<100> = "2s",
} }

section! { Http {
    listen: Optional<Listen> = "127.0.0.1:8790",
    hosts: List<HostName> = "",
    token: Hidden = "",
    token_file: Optional<File> = "",
} check checks::http }

section! { Ledger {
    path: Optional<File> = "/var/lib/jibri-autostart/ledger.db",
    keep: Time<60_000> = "90d",
} }

section! { Log {
    level: OneOf<LogLevel> = "info",
    format: OneOf<LogFormat> = "auto",
} }

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::tree::{Node, Table, parse_file};
    use crate::config::{effective_toml, load};

    const DOCUMENTED: &str = include_str!("../../config/jibri-autostart.toml");

    fn paths(path: &str, table: &Table, found: &mut BTreeSet<String>) {
        for (name, entry) in table {
            let key = format!("{path}{name}");
            match &entry.node {
                Node::Table(table) => paths(&format!("{key}."), table, found),
                Node::List(items) if matches!(items.first(), Some(item) if matches!(item.node, Node::Table(_))) =>
                {
                    found.insert(format!("{key}[]"));
                    for item in items {
                        let Node::Table(table) = &item.node else { panic!("{key}") };
                        paths(&format!("{key}[]."), table, found);
                    }
                }
                _ => {
                    found.insert(key);
                }
            }
        }
    }

    #[test]
    fn every_key_is_in_the_documented_file_and_no_other() {
        let table = parse_file("documented", &DOCUMENTED.replace("#:", "")).table;
        let mut documented = BTreeSet::new();
        paths("", &table, &mut documented);
        let in_a_rule = |key: &str| match key.strip_prefix("rule[].") {
            Some(rest) => {
                documented.contains(&format!("start.{rest}")) || documented.contains(&format!("stop.{rest}"))
            }
            None => false,
        };
        let keys = known_keys().iter().map(|key| key.path.as_str());
        let known: BTreeSet<_> = keys.filter(|key| !in_a_rule(key)).map(str::to_owned).collect();
        let documented: BTreeSet<_> = documented.iter().filter(|key| !in_a_rule(key)).cloned().collect();
        assert_eq!(known, documented);
    }

    #[test]
    fn the_documented_file_says_what_is_built_in() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), DOCUMENTED).unwrap();
        let secret = ("JIBRI_AUTOSTART_XMPP__SECRET", "s");
        let documented = load(Some(file.path()), [secret]).unwrap().settings;
        let required = [
            secret,
            ("JIBRI_AUTOSTART_XMPP__DOMAIN", "autostart.meet.jitsi"),
            ("JIBRI_AUTOSTART_MUC__DOMAINS", "muc.meet.jitsi"),
        ];
        let built_in = load(None, required).unwrap().settings;
        assert_eq!(effective_toml(&documented), effective_toml(&built_in));
        assert_eq!(format!("{documented:?}"), format!("{built_in:?}"));
    }

    #[test]
    fn the_examples_of_the_documented_file_work() {
        let text = DOCUMENTED.replace("#:", "").replace("secret = \"\"", "secret = \"s\"");
        let settings = crate::config::from_toml(&text).unwrap().settings;
        assert_eq!(settings.rules[0].start.min_participants, 2);
        assert_eq!(settings.jibri.instances[0].id, "jibri-1");
    }

    #[test]
    fn every_default_is_itself_valid() {
        // A default that cannot be read would leave no settings, and no mistake to say so.
        assert!(
            crate::config::from_toml("xmpp = {domain = \"a\", secret = \"s\"}\nmuc = {domains = [\"m\"]}")
                .is_ok()
        );
    }
}
