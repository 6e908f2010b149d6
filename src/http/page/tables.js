// The status page, first part: text, times and tables.
// What rooms and people are called is theirs to choose. It is set as text, never as markup.

const $ = (id) => document.getElementById(id);
const MOST_TEXT = 2000; // of any one text that is shown, in characters

// ---------------------------------------------------------------------------------------------- text

// Controls, and what turns or hides text: shown by their numbers. Joiners stay, emoji and scripts need them.
const UNSEEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

function plain(text, most = MOST_TEXT) {
  const whole = String(text ?? "");
  const cut = whole.length > most ? whole.slice(0, most).toWellFormed() + "…" : whole;
  return cut.replace(UNSEEN, (c) => `⟨${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function element(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

const split = (jid) => {
  const at = String(jid).lastIndexOf("@");
  return at < 0 ? [jid, ""] : [jid.slice(0, at), jid.slice(at)];
};

// ---------------------------------------------------------------------------------------------- time

let skew = 0; // ms that the server's clock is ahead of ours

function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const [m, h, d] = [Math.floor(s / 60), Math.floor(s / 3600), Math.floor(s / 86400)];
  const y = Math.floor(d / 365);
  if (s < 60) return `${s} s`;
  if (m < 60) return `${m} min`;
  if (h < 24) return m % 60 ? `${h} h ${m % 60} min` : `${h} h`;
  if (y < 1) return h % 24 ? `${d} d ${h % 24} h` : `${d} d`;
  return d % 365 ? `${y} y ${d % 365} d` : `${y} y`;
}

const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

// A <time> that counts on: `after` follows the number.
function since(node, iso, after = "") {
  const at = Date.parse(iso);
  if (node.at === at && node.after === after) return;
  [node.at, node.after] = [at, after];
  if (Number.isNaN(at)) {
    node.removeAttribute("datetime");
    node.removeAttribute("title");
    return set(node, "");
  }
  node.dateTime = new Date(at).toISOString();
  node.title = new Date(at).toLocaleString();
  set(node, span(Date.now() + skew - at) + after);
}

const times = document.getElementsByTagName("time");
function tick() {
  if (document.hidden) return;
  const now = Date.now() + skew;
  for (const node of times) if (node.at) set(node, span(now - node.at) + node.after);
}
setInterval(tick, 1000);
document.addEventListener("visibilitychange", tick);

// --------------------------------------------------------------------------------------------- tables

// A table whose rows are known by a key. What changes is gathered and drawn once a frame; rows that have not changed
// are not touched, and one that moves is the only one that moves.
class Table {
  constructor(id, { key, compare, cells, fill }) {
    Object.assign(this, { key, compare, cells, fill, rows: new Map(), changed: new Map() });
    const section = $(id);
    [this.table, this.body] = [section.querySelector("table"), section.querySelector("tbody")];
    [this.empty, this.count] = [section.querySelector(".empty"), section.querySelector(".count")];
    this.labels = [...section.querySelectorAll("thead th")].map((th) => th.textContent.replace(/ \(.*/, ""));
  }

  put(item) {
    this.changed.set(this.key(item), item);
    draw();
  }

  drop(key) {
    this.changed.set(key, null);
    draw();
  }

  // These are all.
  replace(items) {
    const keys = new Set(items.map(this.key));
    for (const key of this.rows.keys()) if (!keys.has(key)) this.drop(key);
    for (const key of this.changed.keys()) if (!keys.has(key)) this.changed.set(key, null);
    for (const item of items) this.put(item);
  }

  refill() {
    for (const row of this.rows.values()) this.fill(row.item, row.parts, row.tr);
  }

  items() {
    return [...this.rows.values()].map((row) => row.item);
  }

  draw() {
    if (!this.changed.size) return;
    const placed = new Set();
    for (const [key, item] of this.changed) {
      let row = this.rows.get(key);
      if (!item) {
        row?.tr.remove();
        this.rows.delete(key);
        continue;
      }
      if (!row) {
        row = this.make();
        this.rows.set(key, row);
        placed.add(row);
      } else if (this.compare(row.item, item)) {
        row.tr.remove();
        placed.add(row);
      }
      row.item = item;
      this.fill(item, row.parts, row.tr);
    }
    this.changed.clear();
    if (placed.size) {
      let at = this.body.firstElementChild;
      for (const row of [...this.rows.values()].sort((a, b) => this.compare(a.item, b.item))) {
        if (placed.has(row)) this.body.insertBefore(row.tr, at);
        else at = row.tr.nextElementSibling;
      }
    }
    this.table.hidden = !this.rows.size;
    this.empty.hidden = this.rows.size > 0;
    set(this.count, this.rows.size ? String(this.rows.size) : "");
  }

  make() {
    const tr = element("tr");
    tr.setAttribute("role", "row");
    const parts = {};
    this.cells.forEach((name, n) => {
      const cell = element(n ? "td" : "th", name);
      cell.setAttribute("role", n ? "cell" : "rowheader");
      if (!n) cell.scope = "row";
      cell.dataset.label = this.labels[n];
      const content = element(["since", "when", "long"].includes(name) ? "time" : ["badge", "acts"].includes(name) ? "span" : "bdi");
      if (content.tagName === "BDI") content.dir = "auto";
      cell.append(content);
      tr.append(cell);
      parts[name] = content;
    });
    return { tr, parts };
  }
}

const before = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const { compare } = new Intl.Collator("en", { numeric: true });
// Of two names: lesson-2 comes before lesson-10.
const named = (a, b) => compare(a, b) || before(a, b);
const rank = (list, value) => (list.indexOf(value) + list.length + 1) % (list.length + 1); // unknown ones last

function badge(node, [words, tone]) {
  set(node, plain(words, 40));
  node.dataset.tone = tone;
}

// A name in full, which style cuts to two lines.
function name(node, text) {
  const shown = plain(text);
  set(node, shown);
  if (shown.length > 40) node.title = shown;
  else node.removeAttribute("title");
}
