// The status page, fourth part: the head, which says it all in one line.

// -------------------------------------------------------------------------------------------- the head

let link = null; // the last `status`
let contact = "never"; // never, live, lost

const many = (n, one, more) => `${n} ${n === 1 ? one : more}`;

function headline(rooms, standing) {
  const of = (name) => rooms[name] ?? 0;
  const on = of("recording");
  const soon = of("starting") + of("pending") + of("settling");
  const held = of("held") ? `${of("held")} held` : "";
  const are = many(on, "meeting is being recorded", "meetings are being recorded");
  if (!link || contact === "never") return ["Connecting…", "quiet"];
  if (link.standby) return ["Standing by: the other instance is at work", "quiet"];
  if (!link.linked) return ["No link to Prosody: nothing can be recorded", "bad"];
  if (link.not_recorded) {
    const why = link.not_recorded_why ? `: ${plain(link.not_recorded_why)}` : "";
    return [many(link.not_recorded, "meeting is not recorded", "meetings are not recorded") + why, "bad"];
  }
  if (standing.critical) return [many(standing.critical, "critical alert", "critical alerts"), "bad"];
  if (standing.warning) return [many(standing.warning, "warning", "warnings") + (on ? `; ${are}` : ""), "warn"];
  if (held) return [on ? `${are}, ${held}` : many(of("held"), "meeting is held", "meetings are held"), "warn"];
  if (soon) return [on ? `${are}, ${soon} about to be` : many(soon, "meeting is", "meetings are") + " about to be recorded", "good"];
  return [on ? `All well: ${are}` : "All well: no meeting needs a recording", "good"];
}

const counters = new Map();
function counter(label, value, tone) {
  let node = counters.get(label);
  if (!node) {
    const dd = element("dd");
    node = { box: element("div", "", element("dt", "", label), dd), dd };
    counters.set(label, node);
    $("counts").append(node.box);
  }
  set(node.dd, value);
  node.box.dataset.tone = tone;
}

const NOTHING = [
  [alerts, "There are no alerts."],
  [meetings, "No meeting is going on."],
  [jibris, "No Jibri is configured, and none is seen."],
];

let told = "";
function head() {
  const rooms = {};
  let people = 0;
  for (const room of meetings.items()) {
    rooms[room.state] = (rooms[room.state] ?? 0) + 1;
    people += room.people;
  }
  const standing = {};
  for (const alert of alerts.items()) standing[alert.severity] = (standing[alert.severity] ?? 0) + 1;
  const [words, tone] = headline(rooms, standing);
  set($("headline"), words);
  $("head").dataset.tone = tone;
  const title = contact === "lost" ? "Contact lost" : words;
  if (document.title !== `${title} · jibri-autostart`) document.title = `${title} · jibri-autostart`;
  // Read aloud is what is bad, and else only what is another kind of news: the numbers change all the time.
  const news = tone === "bad" ? words : tone;
  if (contact === "live" && told !== news) {
    told = news;
    set($("news"), words);
  }
  if (contact === "live") set($("lost"), "");
  if (!link) return;
  linked();
  const all = jibris.items();
  const free = all.filter((jibri) => jibri.verdict === "ok" && jibri.busy === false).length;
  const soon = (rooms.starting ?? 0) + (rooms.pending ?? 0) + (rooms.settling ?? 0);
  // An instance that stands by knows nothing, and without a link all is from before.
  const number = (label, value, tone) => counter(label, link.standby ? "–" : value, link.linked ? tone : "quiet");
  number("recorded", String(rooms.recording ?? 0), rooms.recording ? "good" : "quiet");
  number("not recorded", String(link.not_recorded), link.not_recorded ? "bad" : "quiet");
  number("about to be", String(soon), soon ? "wait" : "quiet");
  number("held", String(rooms.held ?? 0), rooms.held ? "warn" : "quiet");
  number("wait for a Jibri", String(link.rooms_waiting), link.rooms_waiting ? "warn" : "quiet");
  number("Jibris free", `${free} of ${all.length}`, all.length && !free ? "warn" : "quiet");
  number("people", String(people), "quiet");
  for (const [table, words] of NOTHING) set(table.empty, link.standby ? "The other instance knows." : words);
  const rooms_known = [...meetings.items(), ...recordings.items().filter((recording) => recording.room)];
  const domains = new Set(rooms_known.map((known) => split(known.room)[1]));
  document.body.classList.toggle("one-domain", domains.size < 2);
  if ($("filter").value) filter();
  sift();
}

function status(now) {
  // Another version of the program has another page.
  if (link && link.version !== now.version) location.reload();
  link = now;
  draw();
}

const linkTime = element("time");
function linked() {
  since(linkTime, link.since);
  const words = link.linked ? "Linked to Prosody for " : link.standby ? "Standing by for " : "No link to Prosody for ";
  const why = link.linked || !link.reason ? "" : `: ${plain(link.reason)}`;
  if (!linkTime.isConnected) $("link").append(element("span"), linkTime, element("span"));
  set($("link").firstChild, words);
  set($("link").lastChild, `${why}${link.linked || link.standby ? "" : ". What is shown is from before."}`);
  set($("domain"), plain(link.domain));
  $("dry").hidden = !link.dry_run;
  const reason = link.footprint_reason ? ` (${plain(link.footprint_reason)})` : "";
  const footprint = `footprint ${plain(link.footprint)}${reason}`;
  set($("foot"), `jibri-autostart ${plain(link.version)}, ${footprint}. Times are in this device's time zone.`);
}

// What has changed is drawn with the next frame.
let due = false;
function draw() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    const focused = document.activeElement;
    for (const table of [alerts, meetings, jibris, past, recordings]) table.draw();
    head();
    // A row that moves takes the focus with it.
    if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
  });
}
