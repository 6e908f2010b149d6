// The status page, fifth part: reads the events, and says so when it cannot.

const SILENCE = 35_000; // ms; the server says something every 15 s, or the line is dead
const AGAIN = [500, 1000, 2000, 4000]; // ms until the next attempt; the last one for ever

const opened = Date.now();
let told_rooms = null; // while everything is read anew: the rooms that are there

const takes = {
  status,
  jibris: (all) => jibris.replace(all),
  alerts: (all) => alerts.replace(all),
  history: () => history(),
  recordings: () => listed(),
  rooms: (rooms) => {
    for (const room of rooms) {
      meetings.put(room);
      told_rooms?.add(room.room);
    }
  },
  gone: ({ room }) => {
    meetings.drop(room);
    told_rooms?.delete(room);
  },
  complete: () => {
    for (const room of meetings.rows.keys()) if (!told_rooms?.has(room)) meetings.drop(room);
    told_rooms = null;
    contact = "live";
    history();
    listed();
    draw();
  },
};

// Read by hand and not by EventSource, which does not tell a dead line from a quiet one.
async function events(alive, signal) {
  const answer = await fetch("api/v1/events", { signal, cache: "no-store" });
  if (!answer.ok) throw new Error(await refusal(answer));
  const ahead = Date.parse(answer.headers.get("date")) - Date.now();
  skew = Math.abs(ahead) > 2000 ? ahead : 0;
  told_rooms = new Set();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    const all = (text + value).split("\n\n");
    text = all.pop();
    for (const event of all) {
      const field = (name) => event.split("\n").find((line) => line.startsWith(name))?.slice(name.length);
      const data = field("data: ");
      if (data) takes[field("event: ")]?.(JSON.parse(data));
    }
  }
}

function lose(why) {
  if (contact === "live") {
    contact = "lost";
    set($("lost"), `Contact lost since ${clock(Date.now())}. What is shown may be old. Trying again.`);
  } else if (contact === "never") {
    set($("lost"), `No contact since ${clock(opened)}${why ? `: ${plain(why)}` : ""}. Trying again.`);
  }
  draw();
}

async function follow() {
  for (let failed = 0; ; ) {
    const abort = new AbortController();
    let timer;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(), SILENCE);
    };
    let why = "";
    try {
      alive();
      await events(alive, abort.signal);
    } catch (error) {
      if (error instanceof SyntaxError) console.error(error);
      else if (!abort.signal.aborted && !(error instanceof TypeError)) why = error.message;
    }
    clearTimeout(timer);
    abort.abort();
    failed = contact === "live" ? 0 : failed + 1;
    lose(why);
    await new Promise((resolve) => setTimeout(resolve, AGAIN[Math.min(failed, AGAIN.length - 1)]));
  }
}

// What an answer that is an error says.
async function refusal(answer) {
  const { error, hint } = await answer.json().catch(() => ({}));
  return error ? `${error}${hint ? `. What to do: ${hint}` : ""}` : `the server answers ${answer.status}`;
}

// Reads a list, and reads it again if there is news meanwhile, or within so many ms.
function reads(path, take, pause = 0) {
  let asking = false;
  let again = false;
  return async function read() {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    try {
      const answer = await fetch(path, { cache: "no-store" });
      // 404: this program keeps none.
      if (answer.ok) take(await answer.json());
    } catch {
      // The events say it when contact is lost, and it is read again with them.
    }
    if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
    asking = false;
    if (again) {
      again = false;
      read();
    }
  };
}

const history = reads("api/v1/history?limit=20", (all) => past.replace(all));
// One more than are shown, to know whether there are older ones.
const listed = reads(`api/v1/recordings?limit=${MOST_LISTED + 1}`, list, 1000);
