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
local VERSION = "1.0";
local HEALTH_CHECK = "__jicofo-health-check"; -- Jicofo's own rooms, by their beginning; nobody meets there

-- Requests to Jicofo that may wait for its answer at once, and how long (s); Jicofo needs 90 s at most.
local MOST_OPEN, LONGEST_OPEN = 1000, 150;
-- A picture of a room ends here, and no room is begun on a page behind this (bytes).
local PICTURE, PAGE = 250000, 100000;
-- The least time between two pushes for a room (s), and what each occupant adds to it: a picture costs 3 ms for 300.
local TICK, TICK_PER_OCCUPANT = 0.02, 0.0002;
-- What the component's requests may cost: the share of Prosody's one core, and processor time at once (s).
local SHARE, BURST = 0.1, 1;
-- The longest word of a participant that is told (bytes).
local WORD = 200;

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
-- What was told of a room: { told = text of each occupant, head = text, pending, next }; false once it is destroyed.
local states = setmetatable({}, { __mode = "k" });
-- Requests that wait for Jicofo's answer, by the id under which it has them.
local open, open_count = {}, 0;
-- The rooms of the last `rooms` that is not yet read to its end.
local listing;
local budget, refilled = BURST, now();
local errors, logged = 0, -math.huge;

-- Every call from Prosody goes through here: an error of ours is counted, logged at most every 10 s, and ends here.
local function guard(what, f)
	return function (...)
		local ok, result, more = pcall(f, ...);
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

local function tell(element)
	local session = link();
	if session then
		session.send(("<message from='%s' to='%s'>%s</message>"):format(module.host, component, element));
	end
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

local function is_watched(room) return link() and not is_health_check(room); end

-- Jicofo's nickname is its account's name. People have accounts with names that Prosody made up.
local function is_focus(room, occupant)
	return occupant.nick == room.jid .. "/" .. focus_name and jid.node(occupant.bare_jid) == focus_name;
end

local function may_record(occupant)
	local session = prosody.full_sessions[occupant.jid];
	local features = session and (session.jitsi_meet_context_features or session.granted_jitsi_meet_context_features);
	if type(features) ~= "table" then return nil; end
	return (features.recording == true or features.recording == "true") and "yes" or "no";
end

-- An occupant as it is told, without its affiliation: that costs much to ask for, and has an event of its own. And whether it
-- comes before mere participants where not all have room. This runs for every presence.
local function picture_of(room, occupant)
	local focus = is_focus(room, occupant);
	local presence = occupant:get_presence();
	local kind, session, mode, stats, recording;
	for _, tag in ipairs(presence and presence.tags or {}) do
		local name = tag.name;
		if name == "features" then
			for _, feature in ipairs(tag.tags) do kind = KINDS[feature.attr.var] or kind; end
		elseif name == "session_id" then
			session = bounded(tag:get_text());
		elseif name == "mode" then
			mode = MODES[tag:get_text()];
		elseif name == "stats-id" then
			stats = bounded(tag:get_text());
		elseif focus and name == "jibri-recording-status" and tag.attr.xmlns == NS_JIBRI then
			local says = tag.attr;
			recording = "<recording" .. attr("status", STATUSES[says.status]) .. attr("session", bounded(says.session_id))
				.. attr("mode", MODES[says.recording_mode]) .. attr("failure", bounded(says.failure_reason))
				.. attr("initiator", bounded(says.initiator, 3071)) .. "/>";
		end
	end
	kind = focus and "focus" or kind or session and "recorder" or "person";
	local text = " nick='" .. escape(occupant.nick:sub(#room.jid + 2)) .. "' role='" .. (occupant.role or "none")
		.. "' kind='" .. kind .. "'" .. attr("jid", occupant.jid) .. attr("may-record", may_record(occupant))
		.. attr("session", session) .. attr("mode", mode) .. attr("stats-id", stats)
		.. (recording and ">" .. recording .. "</occupant>" or "/>");
	return text, kind ~= "person" or occupant.role == "moderator";
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

-- A complete picture of a room, behind the beginning of its element; and how many are in it.
local try_picture = guard("picture", function (room, beginning)
	local head, told, first, rest, size = head_of(room), {}, {}, {}, 0;
	for nick, occupant in room:each_occupant() do
		local text, matters = picture_of(room, occupant);
		local list = matters and first or rest;
		told[nick] = text;
		local affiliation = occupant.bare_jid and room:get_affiliation(occupant.bare_jid) or "none";
		list[#list + 1] = "<occupant affiliation='" .. affiliation .. "'" .. text;
	end
	for _, text in ipairs(rest) do first[#first + 1] = text; end
	local count, last = #first, 0;
	while last < count and size + #first[last + 1] <= PICTURE do
		last = last + 1;
		size = size + #first[last];
	end
	local state = states[room] or { next = 0 };
	states[room], state.told, state.head = state, told, head;
	head = head .. attr("left-out", last < count and count - last);
	return beginning .. head .. ">" .. table.concat(first, "", 1, last) .. "</room>", count;
end);

-- The same also where something in the room cannot be read: then it says so, and the component knows nothing of it any more.
local function picture(room, beginning)
	local text, count = try_picture(room, beginning);
	if not text and states[room] then states[room].told = nil; end
	return text or beginning .. attr("jid", room.jid) .. attr("failed", "yes") .. "/>", count or 0;
end

local flush = guard("push", function (_, room)
	local state = states[room];
	if not (state and state.pending and link()) then return; end -- destroyed meanwhile, or another link
	state.pending = false;
	local text, count = picture(room, push "room");
	state.next = now() + math.max(TICK, count * TICK_PER_OCCUPANT);
	tell(text);
end);

-- Pushes a room as soon as it may be; what changes until then goes with it.
local function mark(room)
	local state = states[room];
	if state == false or state and state.pending then return; end
	state = state or { next = 0 };
	states[room], state.pending = state, true;
	module:add_timer(math.max(0, state.next - now()), flush, room);
end

-- Is all as it was told, or to be told soon? Mostly it is: a camera is nothing that is told.
local is_told = guard("comparison", function (event)
	local room, occupant = event.room, event.occupant;
	local state = states[room];
	if not state or state.pending then return state ~= nil; end
	if not state.told then return false; end
	if not occupant then return state.head == head_of(room); end
	local is_there = occupant.role and not (event.stanza and event.stanza.attr.type == "unavailable");
	return state.told[occupant.nick] == (is_there and picture_of(room, occupant) or nil);
end);

local watch = guard("change", function (event)
	if is_watched(event.room) and not is_told(event) then mark(event.room); end
end);
-- Before everybody else, of whom one may end the event.
for _, event in ipairs { "muc-broadcast-presence", "muc-occupant-joined", "muc-occupant-left" } do
	module:hook(event, watch, 1000);
end
for _, event in ipairs { "room-metadata-changed", "jitsi-metadata-updated" } do
	module:hook(event, watch);
end
-- The fields of a form are set after its event, and an affiliation is not compared.
for _, name in ipairs { "muc-config-submitted", "muc-set-affiliation" } do
	module:hook(name, guard("settings", function (event)
		if is_watched(event.room) and event.in_room ~= false then mark(event.room); end
	end), 1000);
end
module:hook("muc-room-destroyed", guard("end of a room", function (event)
	states[event.room] = false;
	if is_watched(event.room) then tell(push "gone" .. attr("jid", event.room.jid) .. "/>"); end
end), 1000);

-- Is there anybody who tells the clients of a room's metadata? Jitsi's component does, on this event.
local function has_metadata()
	for _, handler in ipairs(prosody.hosts[module.host].events.get_handlers("room-metadata-changed") or {}) do
		if handler ~= watch then return true; end
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
		answer(request, "result", (picture(room, numbered "room")));
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
				table.insert(page, (picture(room, "<room")));
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
	states, listing = setmetatable({}, { __mode = "k" }), nil;
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
end);
