-- Notes by Prosody's own clock when it handles what the bench measures.
local now = require "util.time".now;
local notes = {};
local function note(what, room) table.insert(notes, ("%s %s %.6f"):format(what, room, now())); end

-- Before everybody else: what they do counts.
module:hook("muc-broadcast-presence", function (event)
	local occupant = event.occupant;
	if occupant.nick:sub(-6) == "/focus" then
		local word = event.stanza:get_child("jibri-recording-status", "http://jitsi.org/protocol/jibri");
		if word and word.attr.status == "on" then note("word", event.room.jid); end
	elseif occupant.role == "moderator" then
		note("moderator", event.room.jid);
	end
end, 5000);
module:hook("iq/host", function (event)
	local element = event.stanza.tags[1];
	if element and (element.name == "start" or element.name == "notice") then note(element.name, element.attr.room); end
end, 5000);
module:context("auth.meet.jitsi"):hook("iq/full", function (event)
	local element = event.stanza.tags[1];
	if element and element.name == "jibri" then
		note(element.attr.app_data and "ours" or "plain", event.stanza.attr.from:match("^[^/]*"));
	end
end, 5000);
prosody.bench_notes = function () local told = table.concat(notes, "\n"); notes = {}; return told; end
return "ready";
