-- Any account exists and has the one password of the tests; nothing is stored.
local new_sasl = require "util.sasl".new;
local password = module:get_option_string("testkit_password");

module:provides("auth", {
	user_exists = function () return true; end;
	test_password = function (_, given) return given == password; end;
	set_password = function () return nil, "fixed"; end;
	create_user = function () return nil, "fixed"; end;
	get_sasl_handler = function ()
		return new_sasl(module.host, {
			plain_test = function (_, _, given) return given == password, true; end;
		});
	end;
});
