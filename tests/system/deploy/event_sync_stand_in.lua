-- Stands for event_sync_component: sends as that does, by the options that it reads.
local http = require "net.http";
local muc_host = module:get_option_string("muc_component");
assert(module:get_option_string("breakout_component"));
local headers = { ["Content-Type"] = "application/json" };
for name, value in pairs(module:get_option("api_headers")) do headers[name] = value; end
local url = module:get_option("api_prefix").."/events/occupant/joined";
local function hook(host)
    if host ~= muc_host then return end
    module:context(host):hook("muc-occupant-joined", function (event)
        local who = event.occupant.jid or event.stanza.attr.from;
        if who:find("^focus@") then return end
        local body = ('{"room_jid":"%s","occupant":{"occupant_jid":"%s"}}'):format(event.room.jid, who);
        http.request(url, { method = "POST"; headers = headers; body = body }, function (_, code)
            module:log("info", "told of %s: %s", event.room.jid, tostring(code));
        end);
    end, -1);
end
for host in pairs(prosody.hosts) do hook(host); end
prosody.events.add_handler("host-activated", hook);
