-- The gates of Jitsi's rooms: what mod_muc_max_occupants, mod_muc_rate_limit, mod_muc_lobby_rooms and
-- mod_muc_password_whitelist do to somebody who wants in. And the server's own hand: "!put out NICK", said to a room, puts that occupant out,
-- and "!forget this room" takes the room away under its occupants, as mod_muc_cleanup_backend_services may do.
local jid = require "util.jid";
local st = require "util.stanza";
local timer = require "util.timer";

local muc_ns = "http://jabber.org/protocol/muc";
local let_in = module:get_option_set("testkit_let_in", {});
local max_occupants = module:get_option_number("testkit_max_occupants");
local joins_a_second = module:get_option_number("testkit_joins_per_second");
local lobby = module:get_option_boolean("testkit_lobby", false);
local rooms = module:depends("muc");

local function is_let_in(address)
	local user, host = jid.split(address);
	return let_in:contains(host) or (user and let_in:contains(user .. "@" .. host));
end

if max_occupants then
	module:hook("muc-occupant-pre-join", function (event)
		local room, from = event.room, event.stanza.attr.from;
		-- An occupant who sends the join again, or who has no local part, is not counted.
		if not jid.node(from) or is_let_in(from) or room:get_occupant_jid(from) then return; end
		local count = 0;
		for _, occupant in room:each_occupant() do
			if not is_let_in(occupant.bare_jid) then count = count + 1; end
		end
		if count >= max_occupants then
			event.origin.send(st.error_reply(event.stanza, "cancel", "service-unavailable"));
			return true;
		end
	end, 10);
end

if joins_a_second then
	local doors = setmetatable({}, { __mode = "k" });
	local has_its_turn = setmetatable({}, { __mode = "k" });

	local function open(room, door)
		door.places = joins_a_second;
		while door.places > 0 and #door.queue > 0 do
			door.places = door.places - 1;
			local event = table.remove(door.queue, 1);
			-- The queue ends with its room, and a place in it with the connection.
			if event.origin.conn and rooms.get_room_from_jid(room.jid) == room then
				has_its_turn[event.stanza] = true;
				room:handle_normal_presence(event.origin, event.stanza);
			end
		end
		if door.places < joins_a_second then return 1; end
		doors[room] = nil;
	end

	module:hook("muc-occupant-pre-join", function (event)
		local room = event.room;
		if has_its_turn[event.stanza] then return; end
		local door = doors[room];
		if not door then
			door = { places = joins_a_second, queue = {} };
			doors[room] = door;
			timer.add_task(1, function () return open(room, door); end);
		end
		if door.places > 0 then
			door.places = door.places - 1;
			return;
		end
		table.insert(door.queue, event);
		return true;
	end, 9);
end

if lobby then
	module:hook("muc-occupant-pre-join", function (event)
		local room, stanza = event.room, event.stanza;
		if not room:get_members_only() or jid.resource(event.occupant.nick) == "focus" then return; end
		local from = stanza.attr.from;
		local affiliation = room:get_affiliation(from) or "none";
		if is_let_in(from) then
			if affiliation == "none" then
				room:set_affiliation(true, jid.bare(from), "member");
				event.occupant.role = "participant";
			end
			return;
		end
		local refusal;
		if (stanza:get_child_text("nick", "http://jabber.org/protocol/nick") or "") == "" then
			refusal = st.error_reply(stanza, "modify", "not-acceptable");
			refusal:tag("displayname-required", { xmlns = "http://jitsi.org/jitmeet"; lobby = "true" }):up();
		elseif affiliation == "none" then
			refusal = st.error_reply(stanza, "auth", "registration-required");
			refusal:tag("lobbyroom", { xmlns = "http://jitsi.org/jitmeet" }):text("lobby@lobby." .. module.host):up();
		else
			return;
		end
		event.origin.send(refusal:up():tag("x", { xmlns = muc_ns }));
		return true;
	end, -4);
end

-- Between the gates above and the question for the password.
module:hook("muc-occupant-pre-join", function (event)
	local password = event.room:get_password();
	if not password or not is_let_in(event.stanza.attr.from) then return; end
	local join = event.stanza:get_child("x", muc_ns);
	if not join then return; end
	join:maptags(function (tag) if tag.name ~= "password" then return tag; end end);
	join:tag("password", { xmlns = muc_ns }):text(password):up();
end, -7);

module:hook("message/bare", function (event)
	local words = event.stanza:get_child_text("body") or "";
	local nick = words:match("^!put out (.+)$");
	local forgotten = words == "!forget this room";
	local room = (nick or forgotten) and rooms.get_room_from_jid(jid.bare(event.stanza.attr.to));
	if not room then return; end
	if forgotten then
		rooms.forget_room(room);
		return true;
	end
	room:set_role(true, room.jid .. "/" .. nick, nil, "put out by the server");
	return true;
end, 10);
