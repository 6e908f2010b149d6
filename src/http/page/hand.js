// The status page, last part: what is done by hand, for whoever has the token.

const PATIENCE = 20_000; // ms for an answer
const WRONG = "This token is wrong. Enter the one that http.token or http.token_file gives to the service";
const ACTS = { record: "Record", stop: "Stop", release: "Release" };

const store = {
  get: () => {
    try {
      return sessionStorage.getItem("token") ?? "";
    } catch {
      return "";
    }
  },
  set: (value) => {
    try {
      if (value) sessionStorage.setItem("token", value);
      else sessionStorage.removeItem("token");
    } catch {
      // Where nothing may be stored it lasts as long as the page.
    }
  },
};

let token = store.get();

function hold(value) {
  token = value;
  store.set(value);
  $("token").value = "";
  $("give").hidden = Boolean(token);
  $("given").hidden = !token;
  document.body.classList.toggle("acting", Boolean(token));
  meetings.refill();
}

// The buttons of a meeting, if there is a token.
function buttons(node, room) {
  if (!token) return node.childElementCount && node.replaceChildren();
  if (node.childElementCount) return undefined;
  for (const [what, word] of Object.entries(ACTS)) {
    const button = element("button", "", word);
    button.type = "button";
    button.dataset.what = what;
    button.setAttribute("aria-label", `${word} ${plain(split(room)[0], 100)}`);
    button.addEventListener("click", () => (what === "stop" ? sure(room, button) : act(room, what, button)));
    node.append(button);
  }
  return undefined;
}

function tell(text, tone) {
  set($("told-text"), text);
  $("told").dataset.tone = tone;
  $("told").className = text ? "" : "unseen";
  $("told-close").hidden = !text;
}

async function act(room, what, button) {
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  const shown = `${ACTS[what]} ${plain(split(room)[0], 100)}`;
  tell(`${shown}: asked`, "quiet");
  try {
    const answer = await fetch(`api/v1/rooms/${encodeURIComponent(room)}/${what}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "jibri-autostart-client": "page" },
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (answer.ok) {
      const now = await answer.json();
      if (meetings.rows.has(now.room)) meetings.put(now);
      tell(`${shown}: done. It is now: ${state(now)[0]}`, "good");
    } else {
      const is_refused = answer.status === 401;
      tell(`${shown}: ${is_refused ? "the token is not accepted any more. Enter it again" : await refusal(answer)}`, "bad");
      if (is_refused) {
        hold("");
        $("token").focus();
      }
    }
  } catch (error) {
    tell(`${shown}: no answer, so whether it was done is not known (${plain(error.message, 200)})`, "bad");
  }
  button.ariaDisabled = "false";
}

let agreed = null;
function sure(room, button) {
  set($("sure-room"), plain(split(room)[0], 300));
  agreed = () => act(room, "stop", button);
  $("sure").showModal();
}
$("sure-no").addEventListener("click", () => $("sure").close());
$("sure-yes").addEventListener("click", () => {
  $("sure").close();
  agreed?.();
});

// What is wrong with a token, in words; nothing: the server accepts it.
async function objection(value) {
  // No request can carry anything else, and no token of the service has it.
  if (!/^[!-~]+$/.test(value)) return WRONG;
  try {
    const answer = await fetch("api/v1/token", {
      headers: { authorization: `Bearer ${value}` },
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (answer.ok) return "";
    return answer.status === 401 ? WRONG : await refusal(answer);
  } catch (error) {
    return `The token could not be checked, as there is no answer (${plain(error.message, 200)}). Try again`;
  }
}

let checking = false;
$("give").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (checking) return;
  checking = true;
  const value = $("token").value.trim();
  const why = await objection(value);
  checking = false;
  set($("token-wrong"), why);
  $("token").setAttribute("aria-invalid", String(Boolean(why)));
  if (why) {
    $("token").focus();
    $("token").select();
    return;
  }
  hold(value);
  tell("The token is accepted", "good");
  $("forget").focus();
});
$("forget").addEventListener("click", () => {
  hold("");
  tell("The token is forgotten", "quiet");
  $("token").focus();
});
$("told-close").addEventListener("click", () => tell("", "quiet"));

hold(token);
follow();
