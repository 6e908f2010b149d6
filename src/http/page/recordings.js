// The status page, third part: the recordings and what became of their files.

const MOST_LISTED = 200;
const MOST_FILES = 5; // of one recording
const FILES_STATES = {
  recording: ["Recording", "good", ""],
  ended: ["Ended", "wait", "nothing is known about its files yet"],
  written: ["Written", "good", ""],
  delivered: ["Delivered", "good", ""],
  missing: ["Missing", "bad", "no report of its files came in time"],
  short: ["Short", "warn", "there is less in its files than there should be"],
  empty: ["Empty", "bad", "it has no files, or there is nothing in them"],
  failed: ["Failed", "bad", "the site's own command has failed"],
  salvaged: ["Salvaged", "warn", "its Jibri was killed, but this much could be read"],
  unknown: ["Unknown", "quiet", "nobody was watching when it ended"],
};
const REPORTED = ["written", "delivered", "short", "empty", "failed", "salvaged"]; // their files are known

const from = (recording) => recording.wanted ?? recording.started ?? recording.ended;

function size(bytes) {
  const unit = ["bytes", "kB", "MB", "GB", "TB"];
  let n = 0;
  for (; bytes >= 999.5 && n < unit.length - 1; n++) bytes /= 1000;
  return `${n && bytes < 9.95 ? bytes.toFixed(1) : Math.round(bytes)} ${unit[n]}`;
}

const weight = (recording) => recording.files.reduce((sum, file) => sum + file.bytes, 0);
const seconds = (s) => (s === null ? "unknown" : span(s * 1000));

function moment(node, iso) {
  const at = new Date(iso ?? NaN);
  if (Number.isNaN(+at)) {
    node.removeAttribute("datetime");
    return set(node, "unknown");
  }
  node.dateTime = at.toISOString();
  return set(node, at.toLocaleString([], { dateStyle: "short", timeStyle: "short" }));
}

// How long it is. One that is on counts on, by what was recorded of it so far.
function long(node, recording) {
  if (recording.state === "recording" && recording.gap_seconds !== null) {
    const at = Date.parse(from(recording)) + recording.gap_seconds * 1000;
    return since(node, new Date(at).toISOString(), " so far");
  }
  [node.at, node.after] = [0, ""];
  node.removeAttribute("title");
  const known = recording.recorded_seconds !== null;
  if (known) node.dateTime = `PT${recording.recorded_seconds}S`;
  else node.removeAttribute("datetime");
  return set(node, seconds(recording.recorded_seconds));
}

// Where a file can be had; nothing but what a browser fetches from a server.
function link_of(file) {
  const url = URL.canParse(file.url ?? "") ? new URL(file.url) : null;
  return /^https?:$/.test(url?.protocol) ? url.href : "";
}

function files(node, all) {
  const now = JSON.stringify(all);
  if (node.now === now) return;
  node.now = now;
  const items = all.slice(0, MOST_FILES).map((file) => {
    const href = link_of(file);
    const named = element(href ? "a" : "span", "", plain(file.name, 300));
    named.dir = "auto";
    if (href) [named.href, named.rel] = [href, "noopener noreferrer"];
    const lasts = file.seconds === null ? "length unknown" : span(file.seconds * 1000);
    return element("li", "", named, element("small", "", `${lasts}, ${size(file.bytes)}`));
  });
  if (all.length > MOST_FILES) items.push(element("li", "", `and ${many(all.length - MOST_FILES, "more file", "more files")}`));
  node.replaceChildren(...items);
}

const recordings = new Table("recordings", {
  key: (recording) => recording.id,
  compare: (a, b) => before(b.order, a.order) || before(b.id, a.id),
  cells: ["room", "badge", "when", "long", "size", "gap", "more"],
  fill: (recording, parts, tr) => {
    place(parts, recording.room ?? "unknown");
    const [words, tone, because] = FILES_STATES[recording.state] ?? [plain(recording.state), "quiet", ""];
    badge(parts.badge, [words, tone]);
    tr.dataset.tone = tone;
    moment(parts.when, from(recording));
    long(parts.long, recording);
    const none = recording.state === "empty" ? "no file" : "unknown";
    set(parts.size, recording.files.length ? size(weight(recording)) : none);
    set(parts.gap, recording.gap_seconds === 0 ? "none" : seconds(recording.gap_seconds));
    const jibris = recording.jibris.map((jibri) => plain(jibri, 100)).join(", ");
    const whole = recording.meeting?.recordings > 1 ? `its meeting: ${plain(recording.meeting.summary)}` : "";
    const status = recording.exit_status === null ? "" : `exit status ${recording.exit_status}`;
    const stream = recording.mode === "stream" ? "a live stream" : "";
    const more = [whole, because, stream, jibris && `on ${jibris}`, status, plain(recording.message, 500)];
    name(parts.more, more.filter(Boolean).join("; "));
    if (!parts.files) {
      parts.files = element("ul", "files");
      parts.more.after(parts.files);
    }
    files(parts.files, recording.files);
    tr.state = recording.state;
    tr.filter = String(recording.room ?? "unknown").toLowerCase();
    tr.hidden = !sought(tr);
  },
});

function sought(tr) {
  const [state, text] = [$("files-state").value, $("files-room").value.trim().toLowerCase()];
  return (!state || tr.state === state) && tr.filter.includes(text);
}

function sift() {
  let shown = 0;
  for (const { tr } of recordings.rows.values()) {
    tr.hidden = !sought(tr);
    shown += tr.hidden ? 0 : 1;
  }
  const all = !$("files-state").value && !$("files-room").value.trim();
  set($("files-found"), all ? "" : `${shown} of ${recordings.rows.size}`);
}
$("files-state").addEventListener("change", sift);
$("files-room").addEventListener("input", sift);

// How much of what was wanted is on disk, of those of which both are known. What is not over counts nowhere.
function share(all) {
  const over = all.filter((recording) => recording.state !== "recording" && recording.mode !== "stream");
  const is_known = (recording) =>
    REPORTED.includes(recording.state) && recording.recorded_seconds !== null && recording.gap_seconds !== null;
  const known = over.filter(is_known);
  const sum = (of) => known.reduce((sum, recording) => sum + recording[of], 0);
  const [on, gap] = [sum("recorded_seconds"), sum("gap_seconds")];
  const of = (n) => many(n, "recording", "recordings");
  const unknown = over.length - known.length;
  const words = [];
  if (on + gap) {
    // Cut, not rounded: 100 % is all.
    const percent = Math.floor((100 * on) / (on + gap));
    words.push(`${percent} % of the wanted time is on disk (${span(on * 1000)} of ${span((on + gap) * 1000)}, in ${of(known.length)}).`);
  }
  if (unknown) words.push(`How much of ${of(unknown)} is on disk is not known.`);
  set($("share"), words.join(" "));
}

function list(all) {
  $("older").hidden = all.length <= MOST_LISTED;
  const newest = all.slice(0, MOST_LISTED);
  // One of which only a report tells has no time that is known here: it stays where the server has it.
  let order = "";
  for (const recording of newest.toReversed()) recording.order = order = from(recording) ?? order;
  share(newest);
  recordings.replace(newest);
}
