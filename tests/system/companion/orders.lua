-- Does what a test says: a message to the conference service is Lua, and what comes of it is the answer.
local st = require "util.stanza";

module:hook("message/host", function (event)
	local chunk, problem = load("local module, event = ...; " .. event.stanza:get_child_text("body"));
	local _, result = pcall(chunk or error, chunk and module or problem, event);
	event.origin.send(st.message({ from = module.host, to = event.stanza.attr.from, id = event.stanza.attr.id })
		:tag("body"):text(tostring(result)));
	return true;
end, 2000);
