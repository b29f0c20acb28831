// The table: rows of one page of it, made when they are shown; details when they are opened.
const KEYS = {
  proxy: (i) => text(i.proxy), alert: (i) => text(i.alert), backend: backendOf, failed: (i) => i.failed, messages: (i) => i.messages,
  first: (i) => i.first ?? -Infinity, last: (i) => (i.state === "still" ? 1e15 : 0) + (i.last ?? 0),
};
const SAMPLES = new Map();
for (const entry of document.querySelectorAll("pre[data-message]")) {
  const name = entry.dataset.message;
  SAMPLES.set(name, [...(SAMPLES.get(name) ?? []), entry]);
}
const threadOf = (entry) => (/messageid:\S+ (\S+) [A-Z]+ /.exec(entry) ?? /^\S+ \S+ (\S+) (?:ERROR|WARN|INFO|DEBUG|TRACE) /.exec(entry) ?? [])[1];
const peerOf = (entry) => (/\bC:([\w.:-]+:\d+)/.exec(entry) ?? [])[1];

// Entries of other messages that agree with these in thread or backend.
const related = (names) => {
  const mine = names.flatMap((name) => SAMPLES.get(name) ?? []);
  const found = make("div", { class: "related" });
  for (const [words, of] of [["thread", threadOf], ["backend", peerOf]]) {
    for (const value of new Set(mine.map((entry) => of(entry.textContent)).filter(Boolean))) {
      const others = [...SAMPLES].filter(([name]) => !names.includes(name)).flatMap(([, entries]) => entries).filter((entry) => of(entry.textContent) === value);
      if (!others.length) continue;
      const button = make("button", { type: "button", class: "plain", "aria-expanded": "false" }, `${counted(others.length, "other entry").replace("entrys", "entries")} of the same ${words}, ${value}`);
      const list = make("div", { hidden: true }, ...others.map((entry) => make("pre", { tabindex: 0 }, entry.textContent)));
      button.addEventListener("click", () => {
        list.hidden = !list.hidden;
        button.setAttribute("aria-expanded", String(!list.hidden));
      });
      found.append(button, " ", list);
    }
  }
  return found;
};

const detailOf = (incident) => {
  const names = incident.ids.map(text);
  const side = text(incident.side);
  const facts = [
    ["Keystore", keystoreWords(incident)], ["Truststore", storeWords(incident.truststores, "truststore")],
    [side === "southbound" ? "Backend" : "Router", listed(incident, "targets")], ["Revision", listed(incident, "revisions")],
    ["Message Processor", listed(incident, "hosts")], ["Message ids", names.join("; ")],
    ["Failure", `${text(incident.family)}, ${side}`], ["Next", hintOf(incident)],
  ].filter((fact) => fact[1]);
  const entries = names.flatMap((name) => SAMPLES.get(name) ?? []);
  return make("tr", { class: "detail open", id: `d${incident.number}` }, make("td", { colspan: 8 },
    make("dl", { class: "details" }, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])), ...entries, related(names)));
};

const opened = new Set();
const setOpen = (row, button, incident, isOpen) => {
  button.setAttribute("aria-expanded", String(isOpen));
  if (isOpen) {
    opened.add(incident.at);
    row.after(detailOf(incident));
    button.setAttribute("aria-controls", `d${incident.number}`);
  } else {
    opened.delete(incident.at);
    document.getElementById(`d${incident.number}`)?.remove();
    button.removeAttribute("aria-controls");
  }
};

const rowOf = (incident, axis) => {
  const link = make("a", { href: `#${incident.name}`, title: "Link to this row" }, String(incident.number));
  const button = make("button", { type: "button", "aria-expanded": "false" }, text(incident.proxy));
  const by = incident.by.map((number, at) => ` · ${D.by[at]} ${text(number)}`).join("");
  const state = make("td", {}, make("span", { class: `state ${incident.state}` }, stateOf(incident)));
  if (incident.mark) state.append(" ", make("span", { class: `mark ${incident.mark}` }, incident.mark), " ", make("span", { class: "soft" }, incident.change));
  const row = make("tr", { class: "row", id: incident.name },
    make("td", { class: "name" }, link, button, make("span", { class: "soft" }, `${text(incident.org)} / ${text(incident.env)}${by}`)),
    make("td", { class: "whole" }, text(incident.alert)),
    make("td", { class: "backend" }, backendOf(incident)),
    make("td", { class: "number", "data-label": "failed" }, about(incident, "failed_handshakes", incident.failed)),
    make("td", { class: "number", "data-label": "messages" }, about(incident, "messages", incident.messages)),
    make("td", { class: "whole", "data-label": "began" }, incident.first == null ? "-" : shown(incident.first, D.form)),
    state,
    make("td", { class: "course" }, incident.points.length ? spark(incident.points, axis) : ""));
  button.addEventListener("click", () => setOpen(row, button, incident, button.getAttribute("aria-expanded") === "false"));
  link.addEventListener("click", (event) => {
    event.preventDefault();
    keepHash(incident.name);
    document.querySelectorAll("tr.target").forEach((other) => other.classList.remove("target"));
    row.classList.add("target");
  });
  return row;
};

const ordered = (some) => {
  if (!chosen.sort) return some;
  const key = KEYS[chosen.sort], sign = chosen.down ? -1 : 1;
  const keyed = some.map((incident) => [D.possible ? (incident.possible ?? 0) : 0, key(incident), incident]);
  keyed.sort((a, b) => a[0] - b[0] || sign * (a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0) || a[2].at - b[2].at);
  return keyed.map((each) => each[2]);
};

const showRows = (some, axis) => {
  const list = ordered(some);
  const pages = Math.max(1, Math.ceil(list.length / D.page));
  chosen.page = Math.min(chosen.page, pages - 1);
  const part = list.slice(chosen.page * D.page, (chosen.page + 1) * D.page);
  const rows = [];
  part.forEach((incident, at) => {
    const apart = (each) => Boolean(D.possible && each && each.possible);
    if (apart(incident) && !apart(part[at - 1])) {
      const words = make("span", { class: "soft" }, "These names may have another cause; they are not in the headline.");
      rows.push(make("tr", { class: "group" }, make("th", { colspan: 8, scope: "rowgroup" }, `${D.possible} `, words)));
    }
    rows.push(rowOf(incident, axis));
    if (opened.has(incident.at)) {
      const button = rows.at(-1).querySelector("button");
      button.setAttribute("aria-expanded", "true");
      button.setAttribute("aria-controls", `d${incident.number}`);
      rows.push(detailOf(incident));
    }
  });
  document.querySelector("tbody").replaceChildren(...rows);
  const all = INCIDENTS.length;
  const found = list.length === all ? count(all) : `${count(list.length)} of ${count(all)} selected`;
  const from = chosen.page * D.page;
  document.getElementById("shown").textContent = pages > 1 ? `${found}, ${count(from + 1)} to ${count(from + part.length)} shown` : found;
  const pager = document.querySelector(".pager");
  pager.hidden = pages === 1;
  document.getElementById("pages").textContent = `page ${chosen.page + 1} of ${pages}`;
  document.getElementById("before").disabled = chosen.page === 0;
  document.getElementById("next").disabled = chosen.page === pages - 1;
  document.querySelectorAll("th button").forEach((button) => {
    const head = button.closest("th");
    if (button.dataset.sort === chosen.sort) head.setAttribute("aria-sort", chosen.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
  return list;
};
