-- Lets jibri-autostart into Prosody (0.12 and 13): the component, and its right to act in the rooms.
--
-- docker-jitsi-meet: put this file as it is into ${CONFIG}/prosody/config/conf.d/; the names come from .env.
--
-- Debian: copy it to /etc/prosody/, readable by Prosody only (chown root:prosody, chmod 640), put your names and a
-- secret into the lines below, and add this as the last line of /etc/prosody/prosody.cfg.lua:
--   Include "jibri-autostart.cfg.lua"
-- Not into conf.d there: of two files that set the same option the one that is read last counts, in conf.d that may
-- be either, and Jitsi's file for Debian sets `admins` of the conference service, too.

local domain = ENV_JIBRI_AUTOSTART_XMPP__DOMAIN or "autostart.meet.jitsi"
-- The same as xmpp.secret of jibri-autostart. As long as it is empty the component is refused.
local secret = ENV_JIBRI_AUTOSTART_XMPP__SECRET or ""
-- Debian: "conference.DOMAIN"
local conferences = ENV_XMPP_MUC_DOMAIN or "muc.meet.jitsi"
-- Where Jicofo's account is. Debian: "auth.DOMAIN"
local accounts = ENV_XMPP_AUTH_DOMAIN or "auth.meet.jitsi"

-- Where Prosody listens for components, in plain text: on loopback, port 5347, unless something else is said.
if ENV_PROSODY_AUTOSTART_INTERFACE then
  component_interfaces = { ENV_PROSODY_AUTOSTART_INTERFACE }
  component_ports = { ENV_PROSODY_AUTOSTART_PORT or "5347" }
end

Component (domain)
  if secret ~= "" then
    component_secret = secret
  end
  -- After a lost link the new one counts, not the one that nobody has noticed to be dead. Where two instances run, of
  -- which one stands by, this has to be "kick_new": the first one keeps the place.
  component_conflict_resolve = ENV_PROSODY_AUTOSTART_CONFLICT or "kick_old"
  -- Only for muc.footprint = "unseen"; read in README.md what a stolen secret can do then.
  --: validate_from_addresses = false

Component (conferences) "muc"
  -- Whoever was in this list before must stay in it.
  admins = { "focus@" .. accounts, "autostart@" .. domain }
  -- Prosody 13 wants to be told.
  component_admins_as_room_owners = true
  -- With more than 100 meetings at a time, on Debian; docker-jitsi-meet has it.
  --: muc_room_cache_size = 10000

-- The brewery, to see at once which Jibri is free. docker-jitsi-meet lets only its own accounts in.
--: Component (ENV_XMPP_INTERNAL_MUC_DOMAIN or "internal-muc.meet.jitsi") "muc"
--:   muc_filter_whitelist = { accounts, domain }

-- Prosody tells of new meetings at once, instead of Jicofo being asked once a second. Wants event_sync_component of
-- jitsi-contrib's prosody-plugins, which docker-jitsi-meet has. The token is http.token of jibri-autostart.
--: Component "esync.meet.jitsi" "event_sync_component"
--:   muc_component = conferences
--:   breakout_component = "breakout.meet.jitsi"
--:   api_prefix = (ENV_AUTOSTART_URL or "http://127.0.0.1:8790") .. "/event-sync"
--:   api_headers = { ["Authorization"] = "Bearer " .. (ENV_JIBRI_AUTOSTART_HTTP__TOKEN or "") }
