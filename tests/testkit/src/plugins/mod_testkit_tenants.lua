-- Gives the rooms of tenants two addresses, as Jitsi's domain mapper does: r1@muc.acme.meet.jitsi to those outside,
-- [acme]r1@muc.meet.jitsi inside. What is routed to a host's users or components comes from the outer form; what a
-- client sends to the outer form goes to the inner one; what a client is sent directly comes from the outer form too.
module:set_global();

local jid = require "util.jid";
local filters = require "util.filters";

local base = module:get_option_string("testkit_domain");
local inner_host = "muc." .. base;
local outer_pattern = "^muc%.([^.]+)%." .. base:gsub("%p", "%%%0") .. "$";

local function to_inner(address)
	local node, host, resource = jid.split(address);
	local tenant = host and host:match(outer_pattern);
	if not tenant then return address; end
	return jid.join(node and ("[" .. tenant .. "]" .. node), inner_host, resource);
end

local function to_outer(address)
	local node, host, resource = jid.split(address);
	if host ~= inner_host or not node then return address; end
	local tenant, name = node:match("^%[([^%]]+)%](.+)$");
	if not tenant then return address; end
	return jid.join(name, "muc." .. tenant .. "." .. base, resource);
end

local function arriving(event)
	local attr = event.stanza.attr;
	if attr.from then attr.from = to_outer(attr.from); end
end

local function leaving(event)
	local attr = event.stanza.attr;
	if attr.to then attr.to = to_inner(attr.to); end
end

local function hook(host)
	local context = module:context(host);
	for _, name in ipairs { "message", "presence", "iq" } do
		for _, kind in ipairs { "host", "bare", "full" } do
			context:hook(name .. "/" .. kind, arriving);
			context:hook("pre-" .. name .. "/" .. kind, leaving);
		end
	end
end

local stanzas = { message = true, presence = true, iq = true };

filters.add_filter_hook(function (session)
	filters.add_filter(session, "stanzas/out", function (stanza)
		if stanzas[stanza.name] and stanza.attr.from then stanza.attr.from = to_outer(stanza.attr.from); end
		return stanza;
	end);
end);

prosody.events.add_handler("host-activated", hook);
for host in pairs(prosody.hosts) do hook(host); end
