-- Ends Prosody when whoever started it is gone: its standard input is a pipe that closes then.
module:set_global();

require "net.server".watchfd(0, function ()
	os.exit(1);
end);
