//! The configuration of the test Prosody: what docker-jitsi-meet sets, as far as it matters to a component.

use std::fmt::Write;

/// The domain under which everything lives.
pub const DOMAIN: &str = "meet.jitsi";
/// Where rooms are.
pub const MUC: &str = "muc.meet.jitsi";
/// Where the brewery is.
pub const INTERNAL_MUC: &str = "internal-muc.meet.jitsi";
/// The room in which Jibris wait for work.
pub const BREWERY: &str = "jibribrewery@internal-muc.meet.jitsi";
/// Accounts of the services.
pub const AUTH: &str = "auth.meet.jitsi";
/// Accounts of recorders and transcribers.
pub const HIDDEN: &str = "hidden.meet.jitsi";
/// An account of this domain stays the same whenever its owner comes; needs [`ProsodyOptions::accounts_at`].
pub const MEMBERS: &str = "members.meet.jitsi";
/// Guests.
pub const GUEST: &str = "guest.meet.jitsi";
/// The component under test.
pub const COMPONENT: &str = "autostart.meet.jitsi";
/// The password of every account.
pub const PASSWORD: &str = "testkit-password";

/// What a test may want different in Prosody's configuration.
#[derive(Clone, Debug)]
pub struct ProsodyOptions {
    /// Secret of the component.
    pub component_secret: String,
    /// `component_conflict_resolve`: `kick_old` or `kick_new`.
    pub conflict_resolve: String,
    /// Whether the component may send from its own domain only.
    pub validate_from: bool,
    /// Sets `component_admins_as_room_owners = true` (Prosody 13 needs it).
    pub admins_own_rooms: bool,
    /// Whether the component's sender is among the `admins`.
    pub component_is_admin: bool,
    /// As in Jitsi's Debian packages: `admins` is in the block of each conference service, and nobody is one elsewhere.
    pub admins_in_blocks: bool,
    /// Makes rooms visible to `disco#items`.
    pub public_rooms: bool,
    /// Gives rooms of tenants their two addresses.
    pub tenants: bool,
    /// `MAX_PARTICIPANTS`: how many may be in a room, Jicofo and recorders not counted.
    pub max_occupants: Option<u32>,
    /// `muc_rate_joins`: how many are let into a room within a second; whoever comes then waits without an answer.
    pub joins_per_second: Option<u32>,
    /// How many seconds a service's presence (of Jicofo, of a Jibri) stays after its connection is lost, as stream
    /// management has it: 15 with Jitsi; none: it goes at once.
    pub services_linger: Option<u32>,
    /// The same of a recorder: 66 with Jitsi, and for good where Chrome outlives its Jibri (docs/jitsi.md 13.2.6).
    pub recorders_linger: Option<u32>,
    /// Rooms for members only have a lobby: who comes without a display name is refused, owner or not.
    pub lobby: bool,
    /// Loads the companion on the conference service.
    pub companion: bool,
    /// Somebody tells clients of a room's metadata, as Jitsi's component does.
    pub metadata: bool,
    /// Further modules of the conference service, of [`ProsodyOptions::plugins`].
    pub muc_modules: Vec<String>,
    /// Lua lines at the end of the global section.
    pub extra_global: String,
    /// Lua lines at the end of a host's block: (host, lines).
    pub extra_host: Vec<(String, String)>,
    /// Lua text after everything, for further hosts.
    pub extra_tail: String,
    /// Files of `conf.d`, which are read after everything: (file name, text).
    pub conf_d: Vec<(String, String)>,
    /// Whether the block of the component is left to those files.
    pub no_component: bool,
    /// Variables in Prosody's environment.
    pub environment: Vec<(String, String)>,
    /// Plugins of the test's own: (file name, text).
    pub plugins: Vec<(String, String)>,
    /// Logs stanzas and decisions, not only what happened.
    pub debug_log: bool,
}

impl Default for ProsodyOptions {
    fn default() -> Self {
        ProsodyOptions {
            component_secret: "component-secret".into(),
            conflict_resolve: "kick_old".into(),
            validate_from: true,
            admins_own_rooms: true,
            component_is_admin: true,
            admins_in_blocks: false,
            public_rooms: false,
            tenants: false,
            max_occupants: None,
            joins_per_second: None,
            services_linger: None,
            recorders_linger: None,
            lobby: false,
            companion: false,
            metadata: false,
            muc_modules: Vec::new(),
            extra_global: String::new(),
            extra_host: Vec::new(),
            extra_tail: String::new(),
            conf_d: Vec::new(),
            no_component: false,
            environment: Vec::new(),
            plugins: Vec::new(),
            debug_log: false,
        }
    }
}

/// Where the process finds its things, in its own view of the file system.
pub(crate) struct Places<'a> {
    pub(crate) dir: &'a str,
    pub(crate) c2s_port: u16,
    pub(crate) component_port: u16,
}

/// The plugins every test Prosody gets: (file name, text).
pub(crate) const PLUGINS: [(&str, &str); 7] = [
    ("mod_auth_testkit.lua", include_str!("plugins/mod_auth_testkit.lua")),
    ("mod_testkit_gates.lua", include_str!("plugins/mod_testkit_gates.lua")),
    ("mod_testkit_meeting_id.lua", include_str!("plugins/mod_testkit_meeting_id.lua")),
    ("mod_testkit_leash.lua", include_str!("plugins/mod_testkit_leash.lua")),
    ("mod_testkit_metadata.lua", include_str!("plugins/mod_testkit_metadata.lua")),
    ("mod_testkit_tenants.lua", include_str!("plugins/mod_testkit_tenants.lua")),
    (
        "mod_jibri_autostart_companion.lua",
        include_str!("../../../deploy/prosody/mod_jibri_autostart_companion.lua"),
    ),
];

impl ProsodyOptions {
    /// Adds a domain whose accounts have passwords.
    pub fn accounts_at(&mut self, domain: &str) {
        let _ = writeln!(self.extra_tail, "VirtualHost {domain:?}\nauthentication = \"testkit\"");
    }

    pub(crate) fn render(&self, places: &Places<'_>) -> String {
        let Places { dir, c2s_port, component_port } = places;
        let mut admins: Vec<String> =
            ["focus", "jvb", "jibri", "jigasi"].iter().map(|user| format!("{user}@{AUTH}")).collect();
        if self.component_is_admin {
            admins.push(format!("autostart@{COMPONENT}"));
        }
        if self.admins_in_blocks {
            admins.clear();
        }
        let admins = admins.iter().map(|jid| format!("{jid:?}; ")).collect::<String>();
        let level = if self.debug_log { "debug" } else { "info" };
        let tenants = if self.tenants { "\"testkit_tenants\";" } else { "" };
        let mut lua = format!(
            r#"
run_as_root = true
pidfile = "{dir}/prosody.pid"
data_path = "{dir}/data"
certificates = "{dir}/data"
plugin_paths = {{ "{dir}/plugins" }}
log = {{ {{ levels = {{ min = "{level}" }}; to = "file"; filename = "{dir}/prosody.log" }} }}
storage = "memory"
network_settings = {{ tcp_backlog = 1024 }}
interfaces = {{ "127.0.0.1" }}
c2s_interfaces = {{ "127.0.0.1" }}
component_interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {c2s_port} }}
c2s_direct_tls_ports = {{ }}
legacy_ssl_ports = {{ }}
component_ports = {{ {component_port} }}
http_ports = {{ }}
https_ports = {{ }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
modules_enabled = {{ "saslauth"; "disco"; "ping"; "testkit_leash"; {tenants} }}
modules_disabled = {{ "tls"; "s2s"; "s2s_auth_certs"; "offline"; "dialback"; "posix" }}
testkit_password = "{PASSWORD}"
testkit_domain = "{DOMAIN}"
admins = {{ {admins}}}
"#
        );
        if self.admins_own_rooms {
            lua.push_str("component_admins_as_room_owners = true\n");
        }
        lua.push_str(&self.extra_global);
        for (host, authentication) in
            [(DOMAIN, "anonymous"), (GUEST, "anonymous"), (AUTH, "testkit"), (HIDDEN, "testkit")]
        {
            let _ = write!(lua, "\nVirtualHost \"{host}\"\nauthentication = \"{authentication}\"\n");
            let linger = match host {
                AUTH => self.services_linger,
                HIDDEN => self.recorders_linger,
                _ => None,
            };
            if let Some(seconds) = linger {
                let _ =
                    writeln!(lua, "modules_enabled = {{ \"smacks\" }}\nsmacks_hibernation_time = {seconds}");
            }
            lua.push_str(&self.extra_for(host));
        }
        for host in [MUC, INTERNAL_MUC] {
            let public = self.public_rooms && host == MUC;
            let _ = write!(
                lua,
                "\nComponent \"{host}\" \"muc\"\nrestrict_room_creation = true\nmuc_room_locking = false\n\
                 muc_room_default_public_jids = true\nmuc_room_default_public = {public}\n"
            );
            if self.admins_in_blocks {
                let _ = writeln!(lua, "admins = {{ \"focus@{AUTH}\", \"jvb@{AUTH}\" }}");
            }
            if host == MUC {
                lua.push_str(&self.gates());
            }
            lua.push_str(&self.extra_for(host));
        }
        if !self.no_component {
            lua.push_str(&self.component());
        }
        lua.push('\n');
        lua.push_str(&self.extra_tail);
        if !self.conf_d.is_empty() {
            lua.push_str("\nInclude \"conf.d/*.cfg.lua\"\n");
        }
        lua
    }

    fn component(&self) -> String {
        let (secret, conflict) = (&self.component_secret, &self.conflict_resolve);
        let mut lua = format!(
            "\nComponent \"{COMPONENT}\"\ncomponent_secret = {secret:?}\ncomponent_conflict_resolve = {conflict:?}\n"
        );
        if !self.validate_from {
            lua.push_str("validate_from_addresses = false\n");
        }
        lua.push_str(&self.extra_for(COMPONENT));
        lua
    }

    /// Whom the gates let in is what docker-jitsi-meet says: Jicofo, and recorders.
    fn gates(&self) -> String {
        let mut modules = vec!["testkit_gates", "testkit_meeting_id"];
        modules.extend(self.metadata.then_some("testkit_metadata"));
        modules.extend(self.companion.then_some("jibri_autostart_companion"));
        modules.extend(self.muc_modules.iter().map(String::as_str));
        let modules = modules.iter().map(|module| format!("{module:?}; ")).collect::<String>();
        let mut lua = format!(
            "modules_enabled = {{ {modules}}}\ntestkit_let_in = {{ \"focus@{AUTH}\"; \"{HIDDEN}\" }}\ntestkit_lobby = {}\n",
            self.lobby
        );
        if self.companion {
            let _ = writeln!(lua, "jibri_autostart_component = {COMPONENT:?}");
        }
        if let Some(most) = self.max_occupants {
            let _ = writeln!(lua, "testkit_max_occupants = {most}");
        }
        if let Some(most) = self.joins_per_second {
            let _ = writeln!(lua, "testkit_joins_per_second = {most}");
        }
        lua
    }

    fn extra_for(&self, host: &str) -> String {
        self.extra_host.iter().filter(|(h, _)| h == host).map(|(_, lua)| format!("{lua}\n")).collect()
    }
}
