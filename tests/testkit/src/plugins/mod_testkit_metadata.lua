-- What Jitsi's mod_room_metadata_component does for whoever changes a room's metadata from inside Prosody: a room gets a table
-- for it, and on the event everybody in the room is told all of it.
local json = require "util.json";
local st = require "util.stanza";

module:hook("muc-room-created", function (event)
	event.room.jitsiMetadata = event.room.jitsiMetadata or {};
end, -1);

module:hook("room-metadata-changed", function (event)
	local room = event.room;
	local text = json.encode({ type = "room_metadata"; metadata = room.jitsiMetadata or {} });
	for _, occupant in room:each_occupant() do
		module:send(st.message({ from = "metadata." .. module.host:match("%.(.*)"); to = occupant.jid })
			:tag("json-message", { xmlns = "http://jitsi.org/jitmeet"; room = room.jid }):text(text));
	end
end);
