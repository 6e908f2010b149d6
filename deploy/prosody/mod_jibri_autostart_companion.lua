-- What jibri-autostart sees, does and says inside Prosody 0.12 and 13; loaded on the conference service (docs/companion.md).
--
-- It decides nothing: it answers one component, tells that component of changes, and sends starts and stops to Jicofo in the
-- name of a moderator. Without a link to that component it does nothing.

local st = require "util.stanza";
local jid = require "util.jid";
local json = require "util.json";
local now = require "util.time".monotonic;
local new_id = require "util.id".long;

local escape = st.xml_escape;

local NS = "urn:jibri-autostart:companion:1";
local NS_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas";
local NS_JIBRI = "http://jitsi.org/protocol/jibri";
local NS_NICK = "http://jabber.org/protocol/nick";
local VERSION = "1.0";
local HEALTH_CHECK = "__jicofo-health-check"; -- Jicofo's own rooms, by their beginning; nobody meets there

-- Requests to Jicofo that may wait for its answer at once, and how long (s); Jicofo needs 90 s at most.
local MOST_OPEN, LONGEST_OPEN = 1000, 150;
-- A picture of a room ends here, and no room is begun on a page behind this (bytes).
local PICTURE, PAGE = 250000, 100000;
-- The longest that a change waits for others to go with it, and the least between two pushes for a room, for each who is in
-- it (s).
local TICK, TICK_PER_OCCUPANT = 0.02, 0.0002;
-- What the component's requests may cost: the share of Prosody's one core, and processor time at once (s).
local SHARE, BURST = 0.1, 1;
-- The longest word of a participant that is told (bytes).
local WORD = 200;

-- What of a presence is told: the text of an element, or more of it than that.
local TOLD = {
	session_id = "text", mode = "text", ["stats-id"] = "text", nick = "text", features = "more", ["jibri-recording-status"] = "more",
};
local KINDS = {
	["http://jitsi.org/protocol/jigasi"] = "jigasi";
	["http://jitsi.org/protocol/transcriber"] = "transcriber";
	[NS_JIBRI] = "recorder";
};
local MODES = { file = "file", stream = "stream" };
local STATUSES = { on = "on", off = "off" };
local NOTICES = { recording = "isRecordingRequested", transcription = "isTranscribingEnabled" };
-- Why we refuse something ourselves, and XMPP's condition for it.
local REFUSALS = {
	["bad"] = "bad-request", ["forbidden"] = "forbidden", ["too-many"] = "resource-constraint",
	["no-room"] = "item-not-found", ["gone"] = "item-not-found", ["no-focus"] = "item-not-found",
	["timeout"] = "remote-server-timeout", ["unloaded"] = "remote-server-timeout",
	["no-metadata"] = "feature-not-implemented", ["failed"] = "internal-server-error",
};

local component = module:get_option("jibri_autostart_component");
local focus_name = module:get_option_string("jibri_autostart_focus", "focus"); -- its account and its nickname

local function unfit()
	local for_others = module.host:match("^lobby%.") or module.host:match("^breakout%.");
	for _, options in pairs(require "core.configmanager".getconfig()) do
		for_others = for_others or options.lobby_muc == module.host or options.breakout_rooms_muc == module.host;
	end
	if for_others then return "it belongs to the conference service for meetings, not to that for lobbies or breakout rooms"; end
	if not prosody.hosts[module.host].modules.muc then return "it belongs to a conference service"; end
	if type(component) ~= "string" or jid.prep(component) ~= component or jid.host(component) ~= component then
		return "jibri_autostart_component has to be the domain of one component, as \"autostart.meet.jitsi\"";
	end
end

local why_not = unfit();
if why_not then
	module:log("error", "jibri-autostart's companion does nothing here: %s", why_not);
	return;
end

local muc = module:depends("muc");
local epoch, seq = new_id(), 0;
-- What was told of a room is kept in the room itself, so it ends with it, and counts for one link: whoever is there next knows
-- nothing of it.
local STATE, listener = "_jibri_autostart_companion", {};
-- Rooms that have changed, in the order in which they did; when they are to be looked at; and whether a timer is set for it.
local queue, due, is_timed = {}, nil, false;
-- Requests that wait for Jicofo's answer, by the id under which it has them.
local open, open_count = {}, 0;
-- The rooms of the last `rooms` that is not yet read to its end.
local listing;
local budget, refilled = BURST, now();
local errors, logged = 0, -math.huge;

-- Every call from Prosody goes through here: an error of ours is counted, logged at most every 10 s, and ends here. Nothing has
-- more than three arguments, and naming them is cheaper, which each presence feels.
local function guard(what, f)
	return function (a, b, c)
		local ok, result, more = pcall(f, a, b, c);
		if ok then return result, more; end
		errors = errors + 1;
		if now() - logged >= 10 then
			logged = now();
			module:log("error", "%s: error no. %d, which disturbs nothing else: %s", what, errors, result);
		end
	end
end

-- The stream of our component; nothing is believed that comes by any other, whatever its address is.
local function link()
	local host = prosody.hosts[component];
	local service = host and host.modules and host.modules.component;
	return service and service.session or nil;
end

local MESSAGE, MESSAGE_END = ("<message from='%s' to='%s'>"):format(module.host, component), "</message>";

local function tell(element)
	local session = link();
	if session then session.send(MESSAGE .. element .. MESSAGE_END); end
end

local function attr(name, value)
	return value and " " .. name .. "='" .. escape(tostring(value)) .. "'" or "";
end

local function numbered(name)
	return ("<%s xmlns='%s' epoch='%s' seq='%d'"):format(name, NS, epoch, seq);
end

local function push(name)
	seq = seq + 1;
	return numbered(name);
end

local function bounded(text, most)
	return type(text) == "string" and text ~= "" and #text <= (most or WORD) and not text:find("%c") and text or nil;
end

local function is_health_check(room)
	return room.jid:sub(1, #HEALTH_CHECK) == HEALTH_CHECK;
end

-- What is known of a room: { listener = to whom it was told, next = the earliest time of its next push, occupants = what was told
-- of each, by nickname, count = how many that are, told = whether anything was, pending, moderated, head; is_deaf = nothing is
-- told of it any more }.
local function state_of(room)
	local state = room[STATE];
	if state and (state.listener == listener or state.is_deaf) then return state; end
	state = { listener = listener, next = 0, occupants = {}, count = 0, focus = room.jid .. "/" .. focus_name };
	state.is_deaf = is_health_check(room);
	room[STATE] = state;
	return state;
end

-- Jicofo's nickname is its account's name. People have accounts with names that Prosody made up.
local function is_focus(room, occupant)
	return occupant.nick == room.jid .. "/" .. focus_name and jid.node(occupant.bare_jid) == focus_name;
end

local full_sessions = prosody.full_sessions;
local function may_record(address)
	local session = full_sessions[address];
	if not session then return nil; end
	local features = session.jitsi_meet_context_features or session.granted_jitsi_meet_context_features;
	if type(features) ~= "table" then return nil; end
	return (features.recording == true or features.recording == "true") and "yes" or "no";
end

-- Who comes first where not all have room.
local MODERATOR, FIRST, REST = 1, 2, 3;

-- What an occupant looks like: the text that is told of it, and what that was made of, which is cheap to compare: the presence,
-- the session, the role, the affiliation, and the names and texts of what is told of the presence, one after the other.
local function read(room, occupant)
	local focus, presence, bare_jid, role = is_focus(room, occupant), occupant:get_presence(), occupant.bare_jid, occupant.role;
	local known = { presence = presence, jid = occupant.jid, role = role, may_record = may_record(occupant.jid),
		affiliation = room._affiliations[bare_jid], rank = REST, text = "" };
	local kind, session, mode, stats, name_shown, recording;
	for _, tag in ipairs(presence and presence.tags or {}) do
		local name = tag.name;
		if TOLD[name] then
			known[#known + 1] = name;
			known[#known + 1] = TOLD[name] == "text" and tag[2] == nil and tag[1] or false;
		end
		if name == "features" then
			for _, feature in ipairs(tag.tags) do kind = KINDS[feature.attr.var] or kind; end
		elseif name == "session_id" then
			session = bounded(tag:get_text());
		elseif name == "mode" then
			mode = MODES[tag:get_text()];
		elseif name == "stats-id" then
			stats = bounded(tag:get_text());
		elseif name == "nick" and tag.attr.xmlns == NS_NICK then
			name_shown = bounded(tag:get_text());
		elseif focus and name == "jibri-recording-status" and tag.attr.xmlns == NS_JIBRI then
			local says = tag.attr;
			recording = "<recording" .. attr("status", STATUSES[says.status]) .. attr("session", bounded(says.session_id))
				.. attr("mode", MODES[says.recording_mode]) .. attr("failure", bounded(says.failure_reason))
				.. attr("initiator", bounded(says.initiator, 3071)) .. "/>";
		end
	end
	kind = focus and "focus" or kind or session and "recorder" or "person";
	if kind ~= "focus" and role == "moderator" then known.rank = MODERATOR; elseif kind ~= "person" then known.rank = FIRST; end
	known.text = "<occupant affiliation='" .. (bare_jid and room:get_affiliation(bare_jid) or "none") .. "' nick='"
		.. escape(occupant.nick:sub(#room.jid + 2)) .. "' role='" .. (role or "none") .. "' kind='" .. kind .. "'"
		.. attr("jid", occupant.jid) .. attr("name", kind == "person" and role == "moderator" and name_shown)
		.. attr("may-record", known.may_record) .. attr("session", session) .. attr("mode", mode)
		.. attr("stats-id", stats) .. (recording and ">" .. recording .. "</occupant>" or "/>");
	return known;
end

-- Does an occupant look as it did? Mostly it does: a camera is nothing that is told. This runs for every presence, and for
-- everybody in a room that is told, so it makes nothing that would have to be cleared away.
local function is_as_known(occupant, known)
	if known.role ~= occupant.role or known.jid ~= occupant.jid then return false; end
	local presence, told, at = occupant.sessions[occupant.jid], TOLD, 1;
	if presence == known.presence then return true; end
	local tags = presence and presence.tags or {};
	for i = 1, #tags do
		local tag = tags[i];
		local name = tag.name;
		if told[name] then
			if known[at] ~= name or known[at + 1] ~= tag[1] or tag[2] ~= nil then return false; end
			at = at + 2;
		end
	end
	if known[at] ~= nil then return false; end
	known.presence = presence; -- that before is kept alive by nobody else
	return true;
end

local function yes(value) return value and "yes" or "no"; end

-- What is told of the room itself.
local function head_of(room)
	local data, metadata = room._data, room.jitsiMetadata;
	local recording = type(metadata) == "table" and type(metadata.recording) == "table" and metadata.recording or {};
	return attr("jid", room.jid) .. attr("meeting", bounded(data.meetingId))
		.. attr("created", bounded(tostring(room.created_timestamp or ""):match("^%d+$")))
		.. attr("lobby", yes(data.lobbyroom or room:get_members_only())) .. attr("password", yes(room:get_password()))
		.. attr("notice-recording", yes(recording[NOTICES.recording] == true))
		.. attr("notice-transcription", yes(recording[NOTICES.transcription] == true));
end

-- A complete picture of a room, between what is around it; and how many are in it. Only what has changed is read, but
-- `is_fresh`: then all is.
local first, rest = {}, {};
local try_picture = guard("picture", function (room, before, around)
	local state = state_of(room);
	local occupants, head = state.occupants, head_of(room);
	local firsts, rests, moderated = 1, 0, false;
	for nick, occupant in pairs(room._occupants) do
		local known = occupants[nick];
		if not known or around.is_fresh or not is_as_known(occupant, known) or known.may_record ~= may_record(occupant.jid)
			or known.affiliation ~= room._affiliations[occupant.bare_jid] then
			if not known then state.count = state.count + 1; end
			known = read(room, occupant);
			occupants[nick] = known;
		end
		local rank = known.rank;
		moderated = moderated or rank == MODERATOR;
		if rank ~= REST then
			firsts = firsts + 1;
			first[firsts] = known.text;
		else
			rests = rests + 1;
			rest[rests] = known.text;
		end
	end
	local count = firsts - 1 + rests;
	if state.count > count then
		for nick in pairs(occupants) do
			if not room._occupants[nick] then occupants[nick] = nil; end
		end
		state.count = count;
	end
	for i = 1, rests do first[firsts + i] = rest[i]; end
	local last, size = 1, 0;
	while last <= count and size + #first[last + 1] <= PICTURE do
		last = last + 1;
		size = size + #first[last];
	end
	state.told, state.moderated, state.head = true, moderated, head;
	first[1] = before .. head .. (last <= count and attr("left-out", count + 1 - last) or "") .. ">";
	first[last + 1] = around.after;
	return table.concat(first, "", 1, last + 1), count;
end);
local PUSHED, ASKED = { after = "</room>" .. MESSAGE_END }, { after = "</room>", is_fresh = true };

-- The same also where something in the room cannot be read: then it says so, and the component knows nothing of it any more.
local function picture(room, beginning, around)
	local text, count = try_picture(room, beginning, around);
	if text then return text, count; end
	local state = state_of(room);
	state.occupants, state.count, state.told, state.head = {}, 0, false, nil;
	return beginning .. attr("jid", room.jid) .. attr("failed", "yes") .. "/>" .. around.after:sub(#"</room>" + 1), 0;
end

local flush = guard("push", function (room, state)
	local session = link();
	if state.is_deaf or not session then return; end
	local text, count = picture(room, MESSAGE .. push "room", PUSHED);
	state.next = now() + count * TICK_PER_OCCUPANT;
	session.send(text);
end);

-- Pushes all rooms that have changed and may be pushed again; not the one that is just changing, of which only half may be done.
local function push_all(changing)
	local rooms, time = queue, now();
	queue, due = {}, nil;
	for _, room in ipairs(rooms) do
		local state = state_of(room);
		if state.pending and (room == changing or state.next > time) then
			queue[#queue + 1], due = room, time + TICK;
		elseif state.pending then
			state.pending = false;
			flush(room, state);
		end
	end
end

local tick = guard("pushes", function ()
	is_timed = false;
	push_all();
	if not due then return; end
	is_timed = true;
	return TICK;
end);

-- A room has changed, and is told with whatever else changes soon.
local function mark(room, state)
	if state.pending or state.is_deaf or not link() then return; end
	state.pending = true;
	queue[#queue + 1], due = room, due or now() + TICK;
	if not is_timed then
		is_timed = true;
		module:add_timer(TICK, tick);
	end
end

-- Somebody has come, gone or changed. Two things are told at once: that there is a moderator again, for whom a recording may
-- be waiting, and what Jicofo says. A room that was never told is still being made. What waits goes on waiting: it may not be
-- done.
local watch = guard("change", function (event)
	local room, occupant = event.room, event.occupant;
	-- Prosody looks at its timers only when nobody sends it anything.
	if due and now() >= due then push_all(room); end
	local state, nick, role = room[STATE], occupant.nick, occupant.role;
	if not state or state.listener ~= listener then state = state_of(room); end
	if state.is_deaf then return; end
	local known = state.occupants[nick];
	if known and not state.pending and is_as_known(occupant, known) then return; end
	local is_pressing = role and state.told and (nick == state.focus or role == "moderator" and not state.moderated);
	if state.pending and not is_pressing or state.told and not known and not role then return; end
	local fresh = known and role and read(room, occupant);
	if fresh and fresh.text == known.text then
		state.occupants[nick] = fresh;
	elseif is_pressing then
		flush(room, state);
	else
		mark(room, state);
	end
end);
-- Before everybody else, of whom one may end the event.
for _, event in ipairs { "muc-broadcast-presence", "muc-occupant-joined", "muc-occupant-left" } do
	module:hook(event, watch, 1000);
end
local watch_metadata = guard("metadata", function (event)
	local room = event.room;
	local state = link() and state_of(room);
	if state and head_of(room) ~= state.head then mark(room, state); end
end);
for _, event in ipairs { "room-metadata-changed", "jitsi-metadata-updated" } do
	module:hook(event, watch_metadata);
end
-- The fields of a form are set after its event.
module:hook("muc-config-submitted", guard("settings", function (event)
	if link() then mark(event.room, state_of(event.room)); end
end), 1000);
-- Whoever is affected and has been told with it, is told.
module:hook("muc-set-affiliation", guard("affiliation", function (event)
	if not link() or event.in_room == false then return; end
	local room, state = event.room, state_of(event.room);
	local is_bare, is_told = jid.node(event.jid), state.told;
	for _, known in pairs(state.occupants) do
		if not is_bare or jid.bare(known.jid) == event.jid then
			is_told = is_told and (known.affiliation or "none") == event.affiliation;
		end
	end
	if not is_told then mark(room, state); end
end), 1000);
module:hook("muc-room-destroyed", guard("end of a room", function (event)
	local room = event.room;
	local state = state_of(room);
	if not state.is_deaf and link() then tell(push "gone" .. attr("jid", room.jid) .. "/>"); end
	room[STATE] = { is_deaf = true };
end), 1000);

-- Is there anybody who tells the clients of a room's metadata? Jitsi's component does, on this event.
local function has_metadata()
	for _, handler in ipairs(prosody.hosts[module.host].events.get_handlers("room-metadata-changed") or {}) do
		if handler ~= watch_metadata then return true; end
	end
	return false;
end

local function hello(why)
	return numbered "hello" .. attr("version", VERSION) .. attr("abilities", "rooms room start stop notice")
		.. attr("metadata", yes(has_metadata())) .. attr("open", open_count) .. attr("errors", errors) .. attr("why", why) .. "/>";
end

local function answer(request, type, inside)
	if request.session ~= link() then return; end
	request.session.send("<iq" .. attr("type", type) .. attr("id", request.id) .. attr("from", module.host)
		.. attr("to", request.from) .. ">" .. inside .. "</iq>");
end

local function refuse(request, why)
	answer(request, "error", ("<error type='cancel'><%s xmlns='%s'/><refused xmlns='%s' why='%s'/></error>"):format(
		REFUSALS[why], NS_ERRORS, NS, why));
end

local function room_of(name)
	local node, host, resource = jid.prepped_split(bounded(name, 3071));
	if not node or host ~= module.host or resource then return nil, "bad"; end
	local room = muc.get_room_from_jid(node .. "@" .. host);
	if not room or room._data.destroyed or room.destroying or is_health_check(room) then return nil, "no-room"; end
	return room;
end

local function close(id)
	local entry = open[id];
	open[id], open_count = nil, open_count - 1;
	entry.timer:stop();
	return entry.request;
end

local expire = guard("timeout", function (_, id) refuse(close(id), "timeout"); end);

-- On anything but this each Jibri in turn fails, and is shunned for a minute.
local function is_app_data(text)
	if not (bounded(text, 4096) and text:match('^%s*{%s*"file_recording_metadata"%s*:%s*{')) then return false; end
	local data = json.decode(text);
	local key = type(data) == "table" and next(data);
	return key == "file_recording_metadata" and type(data[key]) == "table" and next(data, key) == nil;
end

-- Sends Jicofo a start or a stop as one of the room's moderators; the answer comes later.
local function ask_focus(request, given, action)
	local room, why = room_of(given.room);
	if not room then return refuse(request, why); end
	local mode, stream, data = MODES[given.mode], given.stream, given["app-data"];
	local is_start = action == "start";
	if not mode or not bounded(given.as, 1023) or (stream ~= nil) ~= (is_start and mode == "stream")
		or stream and not bounded(stream, 1024) or data and not (is_start and is_app_data(data)) then
		return refuse(request, "bad");
	end
	local occupant = room:get_occupant_by_nick(room.jid .. "/" .. given.as);
	if not occupant then return refuse(request, "gone"); end
	local focus = room:get_occupant_by_nick(room.jid .. "/" .. focus_name);
	if not focus or not is_focus(room, focus) then return refuse(request, "no-focus"); end
	if occupant.role ~= "moderator" or occupant.nick == focus.nick then return refuse(request, "forbidden"); end
	if open_count >= MOST_OPEN then return refuse(request, "too-many"); end
	local id = new_id();
	local entry = { request = request, as = occupant.nick, focus = focus.jid, timer = module:add_timer(LONGEST_OPEN, expire, id) };
	open[id], open_count = entry, open_count + 1;
	request.sending = id;
	module:send(st.iq({ type = "set", id = id, from = entry.as, to = entry.focus }):tag("jibri", {
		xmlns = NS_JIBRI, action = action, recording_mode = mode, streamid = stream, app_data = data }));
	request.sending = nil;
end

local requests = {
	["get hello"] = function (request) answer(request, "result", hello()); end;

	["get room"] = function (request, given)
		local room, why = room_of(given.jid);
		if not room then return refuse(request, why); end
		answer(request, "result", (picture(room, numbered "room", ASKED)));
	end;

	["get rooms"] = function (request, given)
		local at = 1;
		if given.after then
			local id, index = given.after:match("^(.*)%.(%d+)$");
			if not listing or id ~= listing.id then return refuse(request, "bad"); end
			at = tonumber(index);
		else
			listing = { id = new_id() };
			for room in muc.live_rooms() do
				if not is_health_check(room) then table.insert(listing, room.jid); end
			end
		end
		local page, size = {}, 0;
		while at <= #listing and size < PAGE do
			local room = room_of(listing[at]);
			at = at + 1;
			if room then
				table.insert(page, (picture(room, "<room", ASKED)));
				size = size + #page[#page];
			end
		end
		local after = at <= #listing and listing.id .. "." .. at;
		if not after then listing = nil; end
		answer(request, "result", numbered "rooms" .. attr("next", after) .. ">" .. table.concat(page) .. "</rooms>");
	end;

	["set start"] = function (request, given) ask_focus(request, given, "start"); end;
	["set stop"] = function (request, given) ask_focus(request, given, "stop"); end;

	["set notice"] = function (request, given)
		local room, why = room_of(given.room);
		if not room then return refuse(request, why); end
		local wanted = {};
		for name, field in pairs(NOTICES) do
			local value = given[name];
			if value and value ~= "true" and value ~= "false" then return refuse(request, "bad"); end
			if value then wanted[field] = value == "true"; end
		end
		if next(wanted) == nil then return refuse(request, "bad"); end
		if not has_metadata() then return refuse(request, "no-metadata"); end
		local metadata = type(room.jitsiMetadata) == "table" and room.jitsiMetadata or {};
		local recording, changed = {}, false;
		for key, value in pairs(type(metadata.recording) == "table" and metadata.recording or {}) do recording[key] = value; end
		for field, value in pairs(wanted) do
			changed = changed or (recording[field] == true) ~= value;
			recording[field] = value;
		end
		if changed then
			metadata.recording, room.jitsiMetadata = recording, metadata;
			module:fire_event("room-metadata-changed", { room = room });
		end
		answer(request, "result", ("<notice xmlns='%s' changed='%s'/>"):format(NS, yes(changed)));
	end;
};

local serve = guard("request", function (request, type, element)
	local handler = requests[type .. " " .. element.name];
	if not handler then
		refuse(request, "bad");
	elseif budget <= 0 then
		refuse(request, "too-many");
	else
		handler(request, element.attr);
	end
	return true;
end);

module:hook("iq/host", guard("request", function (event)
	local stanza, element = event.stanza, event.stanza.tags[1];
	local type = stanza.attr.type;
	if not element or element.attr.xmlns ~= NS or type ~= "get" and type ~= "set" or event.origin ~= link() then return; end
	local request, time, began = { session = event.origin, from = stanza.attr.from, id = stanza.attr.id }, now(), os.clock();
	budget, refilled = math.min(BURST, budget + (time - refilled) * SHARE), time;
	if not serve(request, type, element) then
		if open[request.sending] then close(request.sending); end
		refuse(request, "failed");
	end
	budget = budget - (os.clock() - began);
	return true;
end), 1000);

-- Jicofo's answers, before the conference service looks for an occupant who asked.
module:hook("iq/full", guard("answer", function (event)
	local stanza = event.stanza;
	local type, id = stanza.attr.type, stanza.attr.id;
	local entry = (type == "result" or type == "error") and id and open[id];
	if not entry or stanza.attr.from ~= entry.focus or stanza.attr.to ~= entry.as then return; end
	local request = close(id);
	-- Only Prosody itself answers while we are still sending: nobody has that address any more.
	if request.sending then
		refuse(request, "no-focus");
		return true;
	end
	local inside = {};
	for i, tag in ipairs(stanza.tags) do inside[i] = tostring(tag); end
	answer(request, type, table.concat(inside));
	return true;
end), 1000);

local greet = guard("greeting", function ()
	-- Whoever is there now knows nothing of what was told before.
	listener, listing = {}, nil;
	tell(hello("linked"));
end);
local function find(host)
	if host == component then module:context(host):hook("component-authenticated", greet); end
end
module:hook_global("host-activated", guard("new host", find));
if prosody.hosts[component] then find(component); end
tell(hello("loaded"));

module.unload = guard("unloading", function ()
	for id in pairs(open) do refuse(close(id), "unloaded"); end
	tell(push "bye" .. "/>");
	for room in muc.live_rooms() do room[STATE] = nil; end
end);
