// The status page, second part: what each table and the head show of what is known.

// ------------------------------------------------------------------------------------------- meetings

const ATTENTION = ["waiting", "backoff", "held", "starting", "pending", "settling", "stopping"];
const STATES = {
  idle: ["Idle", "quiet", "no recording is wanted"],
  settling: ["Settling", "wait", "a recording is wanted as soon as the condition has lasted long enough"],
  waiting: ["Waits for a Jibri", "bad", "a recording is wanted, and no Jibri is free"],
  starting: ["Starting", "wait", "Jicofo was asked to start, and is looking for a Jibri"],
  pending: ["Pending", "wait", "a Jibri was found; waiting for the recording to be on"],
  recording: ["Recording", "good", ""],
  stopping: ["Stopping", "wait", "no longer needed; Jicofo was asked to stop"],
  backoff: ["Not recorded", "bad", "a start failed; the next one comes after a pause"],
  held: ["Held", "warn", "nothing is started: a person has stopped it, or a setting must be changed"],
};
const UNKNOWN = ["Not known", "quiet", ""];
const state = (room) =>
  room.state === "idle" && room.seen === false ? UNKNOWN : (STATES[room.state] ?? [plain(room.state), "quiet", ""]);

// A room's name, and below it the domain where there are several.
function place(parts, room) {
  const [local, domain] = split(room);
  if (!parts.domain) {
    parts.domain = element("small", "domain");
    parts.local = element("bdi", "local");
    parts.local.dir = "auto";
    parts.room.append(parts.local, parts.domain);
  }
  name(parts.local, local);
  set(parts.domain, plain(domain));
}

const meetings = new Table("meetings", {
  key: (room) => room.room,
  compare: (a, b) => {
    const order = [...ATTENTION, "recording", "idle"];
    const waits = ATTENTION.includes(a.state) ? before(a.since, b.since) : 0;
    return rank(order, a.state) - rank(order, b.state) || waits || named(split(a.room)[0], split(b.room)[0]) || before(a.room, b.room);
  },
  cells: ["room", "badge", "since", "people", "why", "acts"],
  fill: (room, parts, tr) => {
    place(parts, room.room);
    const [words, tone, because] = state(room);
    badge(parts.badge, [words, tone]);
    since(parts.since, room.since);
    set(parts.people, room.seen === false ? "not known" : room.people ? `${room.people} (${room.moderators})` : "nobody");
    const attempt = room.attempt > 1 ? `attempt ${room.attempt}` : "";
    const unseen = room.state === "recording" && !room.recorder_present ? "the recorder is not seen inside" : "";
    const unproven = room.proof === "seat" ? "nothing is known of the recorder's Jibri" : "";
    name(parts.why, [plain(room.reason) || because, attempt, unseen, unproven].filter(Boolean).join("; "));
    tr.dataset.tone = tone;
    tr.filter = `${room.room}\n${words}\n${room.state}`.toLowerCase();
    tr.hidden = !tr.filter.includes(wanted());
    buttons(parts.acts, room.room);
  },
});

const wanted = () => $("filter").value.trim().toLowerCase();
function filter() {
  const text = wanted();
  let shown = 0;
  for (const { tr } of meetings.rows.values()) {
    tr.hidden = !tr.filter.includes(text);
    shown += tr.hidden ? 0 : 1;
  }
  set($("filtered"), text ? `${shown} of ${meetings.rows.size}` : "");
}
$("filter").addEventListener("input", filter);

// --------------------------------------------------------------------------- Jibris, alerts, history

const VERDICTS = {
  wedged: ["Wedged", "bad"],
  unhealthy: ["Unhealthy", "bad"],
  stale: ["Stale", "bad"],
  detached: ["Detached", "bad"],
  offline: ["Offline", "bad"],
  expired: ["Expired", "warn"],
  suspect: ["Suspect", "warn"],
  ok: ["OK", "good"],
};

const jibris = new Table("jibris", {
  key: (jibri) => jibri.name,
  compare: (a, b) => {
    const order = Object.keys(VERDICTS);
    return rank(order, a.verdict) - rank(order, b.verdict) || named(a.name, b.name);
  },
  cells: ["name", "badge", "does", "evidence"],
  fill: (jibri, parts, tr) => {
    name(parts.name, jibri.name);
    const verdict = VERDICTS[jibri.verdict] ?? [plain(jibri.verdict), "quiet"];
    badge(parts.badge, verdict);
    tr.dataset.tone = verdict[1];
    const busy = jibri.room ? `records ${plain(split(jibri.room)[0])}` : "is busy";
    name(parts.does, jibri.busy ? busy : jibri.busy === false ? "is idle" : "not known");
    const times = (n) => (n === 1 ? "once" : `${n} times`);
    const restarts = jibri.restarts ? `restarted ${times(jibri.restarts)}` : "";
    // The last sight of one that is seen all the time is no news, and not told.
    const seen = jibri.verdict === "offline" && jibri.last_seen ? `last seen ${clock(Date.parse(jibri.last_seen))}` : "";
    name(parts.evidence, [plain(jibri.evidence), seen, restarts].filter(Boolean).join("; "));
  },
});

const SEVERITIES = { critical: ["Critical", "bad"], warning: ["Warning", "warn"], info: ["Note", "quiet"] };

const alerts = new Table("alerts", {
  key: (alert) => `${alert.kind}\n${alert.subject}`,
  compare: (a, b) => {
    const order = Object.keys(SEVERITIES);
    return rank(order, a.severity) - rank(order, b.severity) || before(a.since, b.since) || before(a.kind, b.kind);
  },
  cells: ["badge", "subject", "what", "since"],
  fill: (alert, parts, tr) => {
    const severity = SEVERITIES[alert.severity] ?? [plain(alert.severity), "quiet"];
    badge(parts.badge, severity);
    tr.dataset.tone = severity[1];
    name(parts.subject, alert.subject);
    const times = alert.times > 1 ? ` (${alert.times} times)` : "";
    name(parts.what, `${plain(alert.summary)}${times}. What to do: ${plain(alert.remedy)}`);
    since(parts.since, alert.since);
  },
});

const OUTCOMES = {
  recorded: "good", recording: "good", restarted: "good", ok: "good", failed: "bad", not_started: "bad",
  waiting: "wait", starting: "wait", pending: "wait",
};
const begun = (entry) => entry.wanted ?? entry.sent ?? entry.raised ?? entry.time ?? entry.given ?? entry.began ?? entry.on ?? entry.off ?? "";

const became = ({ outcome }) => {
  const word = plain(outcome).replaceAll("_", " ");
  return [word.charAt(0).toUpperCase() + word.slice(1), OUTCOMES[outcome] ?? "quiet"];
};
const lasted = (from, to) => (from && to ? span(Date.parse(to) - Date.parse(from)) : "");
const ORDERED_BY = { command_line: "the command line", page: "the page", api: "the API" };

// What is shown of each kind of entry.
const KINDS = {
  attempt: (entry) => ({
    subject: split(entry.room)[0],
    badge: became(entry),
    more: [
      lasted(entry.on, entry.off), entry.jibri && `on ${plain(entry.jibri)}`,
      entry.trigger && `for ${plain(entry.trigger)}`, plain(entry.reason),
    ],
  }),
  recovery: (entry) => ({
    subject: entry.instance,
    badge: became(entry),
    more: [`restart because ${plain(entry.trigger)}`, plain(entry.output, 300)],
  }),
  alert: (entry) => ({
    subject: entry.subject,
    badge: entry.resolved ? ["Resolved", "quiet"] : ["Alert", "warn"],
    more: [plain(entry.summary)],
  }),
  order: (entry) => ({
    subject: split(entry.room)[0],
    badge: [`Order: ${plain(entry.order)}`, entry.over ? "quiet" : "wait"],
    more: [`by ${ORDERED_BY[entry.by] ?? plain(entry.by)} from ${plain(entry.from)}`, plain(entry.reason)],
  }),
  wait: (entry) => ({
    subject: split(entry.room)[0],
    badge: entry.over ? ["Waited", "quiet"] : ["Waits", "wait"],
    more: [lasted(entry.began, entry.over), "for a Jibri", plain(entry.reason)],
  }),
};

const past = new Table("history", {
  key: (entry) => `${entry.kind}-${entry.id}`,
  compare: (a, b) => before(begun(b), begun(a)) || before(a.kind, b.kind) || b.id - a.id,
  cells: ["subject", "badge", "since", "more"],
  fill: (entry, parts, tr) => {
    const shown = KINDS[entry.kind]?.(entry) ?? { subject: "", badge: [plain(entry.kind), "quiet"], more: [] };
    name(parts.subject, shown.subject);
    badge(parts.badge, shown.badge);
    tr.dataset.tone = shown.badge[1];
    since(parts.since, begun(entry), " ago");
    name(parts.more, shown.more.filter(Boolean).join("; "));
  },
});
