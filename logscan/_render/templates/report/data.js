// The data of the page: texts by number, and incidents as objects.
const unpacked = async (packed) => {
  const bytes = Uint8Array.from(atob(packed), (char) => char.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"))).text();
};
const source = document.getElementById("data");
const D = JSON.parse(source.type === "text/plain" ? await unpacked(source.textContent) : source.textContent);
const TEXTS = D.texts;
const BACKEND = "\ue000";
const NUMBERS = new Intl.NumberFormat("en-US");
const count = (number) => NUMBERS.format(Math.round(number));
const counted = (number, one) => `${count(number)} ${one}${Math.round(number) === 1 ? "" : "s"}`;
const text = (number) => (number < 0 ? "-" : TEXTS[number]);
const EMPTY = {
  by: [], keystores: [], aliases: [], truststores: [], targets: [], revisions: [], hosts: [], ids: [], bars: [],
  proxies: [], envs: [], alerts: [], about: [], more: {}, mark: "", change: "", together: 1, state: "",
};

// Width and beginning of the first span; then gaps and counts. Without spans: even from first to last.
const pointsOf = (bars, incident) => {
  const points = [];
  let start = bars[1];
  for (let at = 2; at < bars.length; at += 2) {
    start += bars[at] * bars[0];
    points.push({ start, width: bars[0], count: bars[at + 1] });
  }
  if (!points.length && incident && incident.first != null) {
    const width = Math.max(1, (incident.last ?? incident.first) - incident.first + 1);
    points.push({ start: incident.first, width, count: incident.failed });
  }
  return points;
};

const INCIDENTS = D.rows.map((row, at) => {
  const incident = { ...EMPTY };
  D.fields.forEach((name, index) => { if (row[index] !== undefined && row[index] !== 0) incident[name] = row[index]; });
  for (const name of ["org", "env", "proxy", "alert", "side", "family", "hint", "failed", "messages", "possible"]) incident[name] ??= 0;
  incident.at = at;
  incident.number = at + 1;
  incident.name = `i${at + 1}-${incident.id}`;
  incident.values = {
    alert: incident.alerts.length ? incident.alerts : [incident.alert],
    env: incident.envs.length ? incident.envs : [incident.env],
    proxy: incident.proxies.length ? incident.proxies : [incident.proxy],
    org: [incident.org], target: incident.targets, host: incident.hosts, alias: incident.aliases, keystore: incident.keystores,
  };
  incident.points = pointsOf(incident.bars, incident);
  return incident;
});

const hintOf = (incident) => text(incident.hint).replaceAll(BACKEND, incident.targets.length ? text(incident.targets[0]) : "");
const listed = (incident, name, field = name) => {
  const more = incident.more[field] ? `; … of ${count(incident.more[field])}` : "";
  return incident[name].map(text).join("; ") + more;
};
const storeWords = (stores, kind) => {
  if (!stores.length) return "";
  const names = stores.map(text);
  if (names.length === 1) return names[0] === "null" ? "none is configured" : `one ${kind}`;
  return names.map((name) => (name === "null" ? "none" : name.replace(/^java\.security\./, ""))).join(", ");
};
const keystoreWords = (incident) => {
  const aliases = incident.aliases.map(text).filter((alias) => alias !== "null").join(", ");
  const stores = storeWords(incident.keystores, "keystore");
  return aliases && stores ? `${stores}, alias ${aliases}` : stores;
};
const backendOf = (incident) => {
  if (!incident.targets.length) return "-";
  const number = incident.more.targets ?? incident.targets.length;
  return text(incident.targets[0]) + (number > 1 ? ` + ${count(number - 1)} more` : "");
};
const stateOf = (incident) => {
  if (incident.state === "still") return "still at the end of the log";
  const last = incident.last == null ? "-" : shown(incident.last, D.form);
  return incident.state === "over" ? `over since ${last}` : `last ${last}`;
};
const about = (incident, field, number) => (incident.about.includes(field) ? "about " : "") + count(number);

// Elements are made of text, never of markup.
const make = (name, attributes, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
};
const draw = (name, attributes, ...children) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};
