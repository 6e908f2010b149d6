//! The block as text: Lua that both Prosodys read, and comments for whoever reads it.
//!
//! What differs between the two is asked where it is read: in Prosody 13 the name of an option that is a list gives the
//! list, to be added to; in 0.12 it gives nothing, and an assignment replaces it (docs/jitsi.md 13.5). Functions of Lua
//! itself are under `Lua` in 13, which warns of any other use.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use super::{Focus, Listener, Place, Platform};
use crate::config::{Footprint, FootprintSetting, Settings, StopWhen};

/// Where Jitsi's packages keep their modules; a folder of its `plugin_paths`.
const DEBIAN_PLUGINS: &str = "/usr/share/jitsi-meet/prosody-plugins";

const DOCKER_HEAD: &str = r#"-- Lets jibri-autostart into Prosody 0.12 and 13, as far as its muc.footprint needs.
-- Printed by: jibri-autostart prosody --docker
--
-- docker-jitsi-meet: this file belongs into ${CONFIG}/prosody/config/conf.d/ as it is; all names come from .env, and those
-- written here stand for what is not set there. For a Prosody elsewhere: jibri-autostart prosody --debian, or neither.

local lua = Lua or _G

-- Without the environment of jibri-autostart.yml the names here are those of no server: it is better not to start.
if not (ENV_JIBRI_AUTOSTART_XMPP__SECRET or ENV_JIBRI_AUTOSTART_XMPP__SECRET_FILE) then
  lua.error("jibri-autostart.cfg.lua has docker-jitsi-meet's names, and JIBRI_AUTOSTART_XMPP__SECRET is not set for this "
    .. "Prosody: set it, or put what `jibri-autostart prosody --debian` prints in place of this file", 0)
end
"#;

const DEBIAN_HEAD: &str = r#"-- Lets jibri-autostart into Prosody 0.12 and 13, as far as its muc.footprint needs.
-- Printed by: jibri-autostart prosody --debian (print it anew when names in its configuration have changed)
--
-- This file belongs to /etc/prosody/jibri-autostart.cfg.lua, and this is the last line of /etc/prosody/prosody.cfg.lua:
--   Include "jibri-autostart.cfg.lua"
-- Not into conf.d: of two files that set the same option the one that is read last counts, and in conf.d that may be
-- either.

local lua = Lua or _G
"#;

const OTHER_HEAD: &str = r#"-- Lets jibri-autostart into Prosody 0.12 and 13, as far as its muc.footprint needs.
-- Printed by: jibri-autostart prosody (print it anew when names in its configuration have changed)
--
-- Prosody has to read this file after all others: of two that set the same option the one that is read last counts.

local lua = Lua or _G
"#;

/// Reads a file's first line; what cannot be read is nothing.
const FIRST_LINE: &str = r#"
local function first_line(path)
  local file = lua.io.open(path)
  local line = file and file:read("*l")
  if file then file:close() end
  return line and (line:gsub("\r$", ""))
end
"#;

const EXAMPLE_GUARD: &str = r#"
-- A name that was left as it came from an example would take rights away from others, and so this refuses.
for name in lua.table.concat({ domain, FOCUSlua.table.concat(conferences, " ") }, " "):gmatch("%S+") do
  if name:find("example%.%a+$") or name:find("%.example$") or name:find("%.invalid$") then
    lua.error("jibri-autostart.cfg.lua: " .. name .. " is a name of an example; write your own, or print this file anew", 0)
  end
end
"#;

/// A string of Lua.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_ascii_control() => {
                let _ = write!(quoted, "\\{:03}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// The whole file.
pub(super) fn text(
    settings: &Settings,
    platform: Platform,
    focus: Option<&Focus>,
    api: Option<SocketAddr>,
) -> String {
    let head = match platform {
        Platform::Docker => DOCKER_HEAD,
        Platform::Debian => DEBIAN_HEAD,
        Platform::Other => OTHER_HEAD,
    };
    let parts = [
        head.to_owned(),
        FIRST_LINE.to_owned(),
        names(settings, platform, focus),
        listener(settings, platform),
        component(settings, platform),
        conferences(settings, platform),
        brewery(settings, platform, focus),
        events(settings, platform, api),
    ];
    parts.concat()
}

/// What may be otherwise in docker's environment.
fn named(platform: Platform, variable: &str, name: &str) -> String {
    match platform {
        Platform::Docker => format!("ENV_{variable} or {}", quoted(name)),
        _ => quoted(name),
    }
}

/// The domain of the meetings: the conference service is one label below it.
fn base(settings: &Settings) -> &str {
    let service = settings.muc.domains.first().map_or("", String::as_str);
    service.split_once('.').map_or(service, |(_, base)| base)
}

/// The companion is to do all of it, and no other right is asked for: not even that to stop a recording where nobody is left
/// in whose name the companion could.
pub(super) fn by_companion_alone(settings: &Settings) -> bool {
    let mut stops = settings.rules.iter().map(|rule| &rule.stop).chain([&settings.stop]);
    settings.muc.footprint == Footprint::Companion.into() && stops.all(|stop| stop.when == StopWhen::Never)
}

fn names(settings: &Settings, platform: Platform, focus: Option<&Focus>) -> String {
    let domain = named(platform, "JIBRI_AUTOSTART_XMPP__DOMAIN", &settings.xmpp.domain);
    let conferences: Vec<String> = match settings.muc.domains.as_slice() {
        [one] => vec![named(platform, "XMPP_MUC_DOMAIN", one)],
        several => several.iter().map(|domain| quoted(domain)).collect(),
    };
    // The companion needs neither an owner's rights nor to know Jicofo's account.
    let focus = focus.filter(|_| !by_companion_alone(settings)).map(|focus| match (focus, platform) {
        (Focus::Account { user, domain }, Platform::Docker) => {
            let accounts = named(platform, "XMPP_AUTH_DOMAIN", domain);
            format!("{} .. ({accounts})", quoted(&format!("{user}@")))
        }
        (Focus::Account { user, domain }, _) => quoted(&format!("{user}@{domain}")),
        (Focus::Jid(jid), _) => quoted(jid.as_str()),
    });
    let mut text = format!("\nlocal domain = {domain}\n");
    if focus.is_some() {
        let us = quoted(&format!("{}@", settings.xmpp.user));
        let _ = write!(text, "-- As whom it acts.\nlocal us = {us} .. domain\n");
    }
    let _ = write!(
        text,
        "-- The conference services that it watches.\nlocal conferences = {{ {} }}\n",
        conferences.join(", ")
    );
    if let Some(focus) = &focus {
        let _ = write!(
            text,
            "-- As whom Jicofo logs in. It opens the meetings, and has to be allowed to.\nlocal focus = {focus}\n"
        );
    }
    if platform != Platform::Docker {
        text.push_str(&EXAMPLE_GUARD.replace("FOCUS", if focus.is_some() { "focus, " } else { "" }));
    }
    text
}

fn listener(settings: &Settings, platform: Platform) -> String {
    const WHAT: &str = "\n-- Where Prosody listens for components, in plain text";
    if platform == Platform::Docker {
        return format!(
            "{WHAT}: on loopback, port 5347, unless something else is said.\n\
             if ENV_PROSODY_AUTOSTART_INTERFACE then\n  \
             component_interfaces = {{ ENV_PROSODY_AUTOSTART_INTERFACE }}\n  \
             component_ports = {{ ENV_PROSODY_AUTOSTART_PORT or \"5347\" }}\nend\n"
        );
    }
    let Listener { port, at } = Listener::of(&settings.xmpp.server);
    let ports = port.map(|port| format!("component_ports = {{ {port} }}\n")).unwrap_or_default();
    match at {
        Place::Loopback if ports.is_empty() => String::new(),
        Place::Loopback => format!("{WHAT}: on loopback only, as it does by itself.\n{ports}"),
        Place::Address(ip) => format!(
            "{WHAT}. Whoever reaches it and has the secret can act as the component.\n\
             component_interfaces = {{ \"{ip}\" }}\n{ports}"
        ),
        Place::Named => format!(
            "{WHAT}. Put its own address on a private network here: by itself it listens on\n-- loopback only, and is \
             asked at {}.\n--: component_interfaces = {{ \"10.0.0.1\" }}\n{ports}",
            settings.xmpp.server
        ),
    }
}

fn component(settings: &Settings, platform: Platform) -> String {
    let secret = match (platform, &settings.xmpp.secret_file) {
        (Platform::Docker, _) => {
            "ENV_JIBRI_AUTOSTART_XMPP__SECRET_FILE and first_line(ENV_JIBRI_AUTOSTART_XMPP__SECRET_FILE)\n  \
             or ENV_JIBRI_AUTOSTART_XMPP__SECRET"
                .to_owned()
        }
        (_, file) => format!("first_line({})", file.as_deref().map(path).unwrap_or_default()),
    };
    let conflict = if settings.standby.allowed { "kick_new" } else { "kick_old" };
    let conflict = named(platform, "PROSODY_AUTOSTART_CONFLICT", conflict);
    let unseen = match settings.muc.footprint {
        FootprintSetting::Fixed(Footprint::Unseen) => {
            "  -- For muc.footprint = \"unseen\"; docs/security.md says what a stolen secret can do with it.\n  \
             validate_from_addresses = false\n"
        }
        FootprintSetting::Fixed(Footprint::Companion) => "",
        _ => {
            "  -- Only for muc.footprint = \"unseen\"; docs/security.md says what a stolen secret can do with it.\n  \
             --: validate_from_addresses = false\n"
        }
    };
    format!(
        r#"
-- Shared with jibri-autostart. While it cannot be read the component is refused, and all else works.
local secret = {secret}

Component (domain)
  if secret and secret ~= "" then
    component_secret = secret
  end
  -- After a lost link the new one counts, not the one that nobody has noticed to be dead. Where two instances run, of
  -- which one stands by, this has to be "kick_new": the first one keeps the place.
  component_conflict_resolve = {conflict}
{unseen}"#
    )
}

/// What the companion has to know, in the block of a conference service.
fn companion(settings: &Settings) -> String {
    let mut text = "  jibri_autostart_component = domain\n".to_owned();
    let focus = settings.muc.focus_nickname.as_str();
    if focus != "focus" {
        let _ = writeln!(text, "  jibri_autostart_focus = {}", quoted(focus));
    }
    text
}

/// How the companion is loaded: not by these lines, since in Prosody 0.12 a list of modules takes the place of the one before.
fn how_to_load(settings: &Settings, platform: Platform) -> String {
    let how = match platform {
        Platform::Docker => r"it belongs into ${CONFIG}/prosody/prosody-plugins-custom, and into
-- XMPP_MUC_MODULES of .env as jibri_autostart_companion (without that variable jibri-autostart.yml names it).
"
        .to_owned(),
        Platform::Debian => {
            let base = base(settings);
            format!(
                r#"link /usr/share/jibri-autostart/prosody/mod_jibri_autostart_companion.lua into
-- {DEBIAN_PLUGINS}, and add "jibri_autostart_companion"; to modules_enabled in the block of the
-- conference service in /etc/prosody/conf.avail/{base}.cfg.lua.
"#
            )
        }
        Platform::Other => {
            r#"put the file into a folder of plugin_paths, and add "jibri_autostart_companion";
-- to modules_enabled in the block of the conference service, where that is.
"#
            .to_owned()
        }
    };
    format!(
        r"
-- The companion, mod_jibri_autostart_companion, tells us of meetings and acts in them, seen by nobody. It serves the component
-- that is named here, and has to be loaded: {how}-- A list of modules in this file would take the place of that one in Prosody 0.12.
"
    )
}

const RIGHTS: &str = r"
-- The right to see who is in a room, and to act there. Prosody 13 adds us to the list of admins that a block of this name
-- may have already. Prosody 0.12 cannot: there this list takes its place, so whoever else stood in that one, besides
-- Jicofo, has to be added here. (What stands in `admins` outside of all blocks counts in any case.)
";

fn conferences(settings: &Settings, platform: Platform) -> String {
    let with_companion = settings.muc.footprint.wants_companion();
    let with_rights = !by_companion_alone(settings);
    let mut text = String::new();
    if with_companion {
        text.push_str(&how_to_load(settings, platform));
    }
    if with_rights {
        text.push_str(RIGHTS);
    }
    for number in 1..=settings.muc.domains.len() {
        let _ = writeln!(text, "Component (conferences[{number}]) \"muc\"");
        if with_companion {
            text.push_str(&companion(settings));
        }
        if !with_rights {
            continue;
        }
        text.push_str(
            "  if lua.type(admins) == \"table\" then\n    admins { focus, us }\n  else\n    admins = { focus, us, admins }\n  \
             end\n  -- Prosody 13 wants to be told.\n  component_admins_as_room_owners = true\n",
        );
        if platform != Platform::Docker {
            text.push_str(
                "  -- With more than 100 meetings at a time; docker-jitsi-meet has it.\n  --: muc_room_cache_size = 10000\n",
            );
        }
    }
    text
}

fn brewery(settings: &Settings, platform: Platform, focus: Option<&Focus>) -> String {
    let Some(brewery) = &settings.jibri.brewery else { return String::new() };
    let focus = focus.map_or("auth.DOMAIN", Focus::domain);
    let service = quoted(brewery.service());
    match platform {
        Platform::Docker => {
            let service = named(platform, "XMPP_INTERNAL_MUC_DOMAIN", brewery.service());
            let accounts = named(platform, "XMPP_AUTH_DOMAIN", focus);
            format!(
                r#"
-- The brewery, to see at once which Jibri is free. docker-jitsi-meet lets in only accounts of one domain: that stays in
-- the list, and ours is added. Its own file sets the option, too, and the one that is read last counts: the log of
-- jibri-autostart says "the brewery is seen" where that is this one.
Component ({service}) "muc"
  muc_filter_whitelist = {{ {accounts}, domain }}
"#
            )
        }
        Platform::Debian => format!(
            "\n-- The brewery is in {service}, which Jitsi's packages open to every account of this Prosody:\n-- nothing has \
             to be added.\n"
        ),
        Platform::Other => format!(
            r#"
-- The brewery, to see at once which Jibri is free, where mod_muc_filter_access guards it. Whoever was in this list before
-- must stay in it.
--: Component {service} "muc"
--:   muc_filter_whitelist = {{ {}, domain }}
"#,
            quoted(focus)
        ),
    }
}

fn events(settings: &Settings, platform: Platform, api: Option<SocketAddr>) -> String {
    // The companion tells of all rooms.
    let is_used = settings.discovery.event_sync && !by_companion_alone(settings);
    let Some(api) = api.filter(|_| is_used) else { return String::new() };
    let base = base(settings);
    let body = |indent: &str, muc: &str, below: &str, url: &str, headers: &str| {
        let esync = if platform == Platform::Docker {
            format!("Component (\"esync.\" .. {below})")
        } else {
            format!("Component {}", quoted(&format!("esync.{base}")))
        };
        let breakout = match platform {
            Platform::Docker => format!("\"breakout.\" .. {below}"),
            _ => quoted(&format!("breakout.{base}")),
        };
        format!(
            "{indent}{esync} \"event_sync_component\"\n{indent}  muc_component = {muc}\n{indent}  breakout_component = \
             {breakout}\n{indent}  api_prefix = {url} .. \"/event-sync\"\n{headers}"
        )
    };
    let header = |indent: &str| {
        format!(
            "{indent}  if token and token ~= \"\" then\n{indent}    api_headers = {{ [\"Authorization\"] = \"Bearer \" .. token \
             }}\n{indent}  end\n"
        )
    };
    if platform == Platform::Docker {
        let meetings = named(platform, "XMPP_DOMAIN", base);
        return format!(
            r#"
-- Prosody tells of meetings at once, where AUTOSTART_URL says at which address. By event_sync_component of
-- https://github.com/jitsi-contrib/prosody-plugins, which is in docker-jitsi-meet's image.
if ENV_AUTOSTART_URL then
  local meetings = {meetings}
  local token = ENV_JIBRI_AUTOSTART_HTTP__TOKEN
{}end
"#,
            body("  ", "conferences[1]", "meetings", "ENV_AUTOSTART_URL", &header("  "))
        );
    }
    let url = quoted(&format!("http://{api}"));
    let from = "-- Prosody tells of meetings at once, by event_sync_component of https://github.com/jitsi-contrib/prosody-plugins";
    let token = match (&settings.http.token_file, settings.http.token.is_empty()) {
        (Some(file), _) => format!("local token = first_line({})\n", path(file)),
        (None, true) => String::new(),
        (None, false) => {
            return format!(
                "\n{from}.\n-- Left out: http.token stands in the configuration itself, and no secret is printed. Put it into a file that \
                 Prosody can\n-- read, name that in http.token_file, and print this anew.\n"
            );
        }
    };
    let headers = |indent: &str| if token.is_empty() { String::new() } else { header(indent) };
    if platform == Platform::Debian {
        let file = quoted(&format!("{DEBIAN_PLUGINS}/mod_event_sync_component.lua"));
        return format!(
            r#"
{from},
-- if that is there: copy event_sync_component/mod_event_sync_component.lua of it into this folder, which is one of
-- Jitsi's plugin_paths, and restart Prosody. Without it Jicofo's list does, half a second later.
local event_sync = lua.io.open({file})
{token}if event_sync then
  event_sync:close()
{}end
"#,
            body("  ", "conferences[1]", "", &url, &headers("  "))
        );
    }
    let lines = format!("{token}{}", body("", "conferences[1]", "", &url, &headers("")));
    let lines: String = lines.lines().map(|line| format!("--: {line}\n")).collect();
    format!(
        "\n{from}:\n-- put event_sync_component/mod_event_sync_component.lua of it into a folder of Prosody's plugin_paths.\n{lines}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_of_lua_ends_where_it_should() {
        assert_eq!(quoted("/etc/a b"), r#""/etc/a b""#);
        assert_eq!(quoted("a\"\\\n-- b"), r#""a\"\\\010-- b""#);
        assert_eq!(quoted("ä"), "\"ä\"");
    }
}
