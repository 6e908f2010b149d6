-- What Jitsi's mod_muc_meeting_id does: a room has a name for the meeting in it, another one each time that it is created. Its
-- owner reads it in the room's form, whoever is inside by disco#info.
local new_id = require "util.uuid".generate;
local field = "muc#roominfo_meetingId";

module:hook("muc-room-created", function (event)
	event.room._data.meetingId = new_id();
end);

module:hook("muc-config-form", function (event)
	table.insert(event.form, {
		name = field; type = "text-single"; label = "The meeting unique id."; value = event.room._data.meetingId;
	});
end, 90 - 3);

module:hook("muc-disco#info", function (event)
	table.insert(event.form, { name = field; label = "The meeting unique id."; value = "" });
	event.formdata[field] = event.room._data.meetingId;
end);
