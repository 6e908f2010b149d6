-- Lets jibri-autostart into Prosody 0.12 and 13, as far as its muc.footprint needs.
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

local function first_line(path)
  local file = lua.io.open(path)
  local line = file and file:read("*l")
  if file then file:close() end
  return line and (line:gsub("\r$", ""))
end

local domain = ENV_JIBRI_AUTOSTART_XMPP__DOMAIN or "autostart.meet.jitsi"
-- As whom it acts.
local us = "autostart@" .. domain
-- The conference services that it watches.
local conferences = { ENV_XMPP_MUC_DOMAIN or "muc.meet.jitsi" }
-- As whom Jicofo logs in. It opens the meetings, and has to be allowed to.
local focus = "focus@" .. (ENV_XMPP_AUTH_DOMAIN or "auth.meet.jitsi")

-- Where Prosody listens for components, in plain text: on loopback, port 5347, unless something else is said.
if ENV_PROSODY_AUTOSTART_INTERFACE then
  component_interfaces = { ENV_PROSODY_AUTOSTART_INTERFACE }
  component_ports = { ENV_PROSODY_AUTOSTART_PORT or "5347" }
end

-- Shared with jibri-autostart. While it cannot be read the component is refused, and all else works.
local secret = ENV_JIBRI_AUTOSTART_XMPP__SECRET_FILE and first_line(ENV_JIBRI_AUTOSTART_XMPP__SECRET_FILE)
  or ENV_JIBRI_AUTOSTART_XMPP__SECRET

Component (domain)
  if secret and secret ~= "" then
    component_secret = secret
  end
  -- After a lost link the new one counts, not the one that nobody has noticed to be dead. Where two instances run, of
  -- which one stands by, this has to be "kick_new": the first one keeps the place.
  component_conflict_resolve = ENV_PROSODY_AUTOSTART_CONFLICT or "kick_old"
  -- Only for muc.footprint = "unseen"; docs/security.md says what a stolen secret can do with it.
  --: validate_from_addresses = false

-- The companion, mod_jibri_autostart_companion, tells us of meetings and acts in them, seen by nobody. It serves the component
-- that is named here, and has to be loaded: it belongs into ${CONFIG}/prosody/prosody-plugins-custom, and into
-- XMPP_MUC_MODULES of .env as jibri_autostart_companion (without that variable jibri-autostart.yml names it).
-- A list of modules in this file would take the place of that one in Prosody 0.12.

-- The right to see who is in a room, and to act there. Prosody 13 adds us to the list of admins that a block of this name
-- may have already. Prosody 0.12 cannot: there this list takes its place, so whoever else stood in that one, besides
-- Jicofo, has to be added here. (What stands in `admins` outside of all blocks counts in any case.)
Component (conferences[1]) "muc"
  jibri_autostart_component = domain
  if lua.type(admins) == "table" then
    admins { focus, us }
  else
    admins = { focus, us, admins }
  end
  -- Prosody 13 wants to be told.
  component_admins_as_room_owners = true

-- The brewery, to see at once which Jibri is free. docker-jitsi-meet lets in only accounts of one domain: that stays in
-- the list, and ours is added. Its own file sets the option, too, and the one that is read last counts: the log of
-- jibri-autostart says "the brewery is seen" where that is this one.
Component (ENV_XMPP_INTERNAL_MUC_DOMAIN or "internal-muc.meet.jitsi") "muc"
  muc_filter_whitelist = { ENV_XMPP_AUTH_DOMAIN or "auth.meet.jitsi", domain }

-- Prosody tells of meetings at once, where AUTOSTART_URL says at which address. By event_sync_component of
-- https://github.com/jitsi-contrib/prosody-plugins, which is in docker-jitsi-meet's image.
if ENV_AUTOSTART_URL then
  local meetings = ENV_XMPP_DOMAIN or "meet.jitsi"
  local token = ENV_JIBRI_AUTOSTART_HTTP__TOKEN
  Component ("esync." .. meetings) "event_sync_component"
    muc_component = conferences[1]
    breakout_component = "breakout." .. meetings
    api_prefix = ENV_AUTOSTART_URL .. "/event-sync"
    if token and token ~= "" then
      api_headers = { ["Authorization"] = "Bearer " .. token }
    end
end
