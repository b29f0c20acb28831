// What is selected, and what the panels, figures and charts show of it. The address keeps it.
const TITLES = Object.fromEntries(D.dimensions);
const chosen = { values: {}, from: null, to: null, words: "", sort: null, down: true, page: 0, colour: null };
const byText = new Map(TEXTS.map((value, number) => [value, number]));
const label = (dimension, number) => {
  if (number < 0) return "not logged";
  if (dimension !== "alias" && dimension !== "keystore") return text(number);
  return text(number) === "null" ? "none" : text(number).replace(/^java\.security\./, "");
};

const within = (points) => {
  if (chosen.from === null) return points;
  const some = [];
  for (const { start, width, count: number } of points) {
    const from = Math.max(start, chosen.from), end = Math.min(start + width, chosen.to);
    if (end > from) some.push({ start: from, width: end - from, count: (number * (end - from)) / width });
  }
  return some;
};
const searchable = (incident) => {
  incident.text ??= [
    ...["org", "env", "proxy", "alert", "side", "family"].map((name) => text(incident[name])),
    ...["by", "keystores", "aliases", "truststores", "targets", "revisions", "hosts", "ids", "proxies", "envs", "alerts"].flatMap((name) => incident[name].map(text)),
    hintOf(incident), stateOf(incident), incident.mark, incident.name,
  ].join(" ").toLowerCase();
  return incident.text;
};
// Failures of an incident that are selected; 0: it is not.
const weight = (incident, except) => {
  for (const [dimension, number] of Object.entries(chosen.values)) {
    if (dimension !== except && !(incident.values[dimension].length ? incident.values[dimension] : [-1]).includes(number)) return 0;
  }
  if (chosen.words && !chosen.words.toLowerCase().split(/\s+/).every((word) => searchable(incident).includes(word))) return 0;
  if (chosen.from === null) return incident.failed;
  return within(incident.points).reduce((sum, point) => sum + point.count, 0);
};
const anything = () => chosen.words !== "" || chosen.from !== null || Object.keys(chosen.values).length > 0;

const toggle = (dimension, number) => {
  if (chosen.values[dimension] === number) delete chosen.values[dimension];
  else chosen.values[dimension] = number;
  chosen.page = 0;
  render();
};
const selectTime = (from, to) => {
  Object.assign(chosen, { from, to, page: 0 });
  render();
};
const clear = () => {
  Object.assign(chosen, { values: {}, from: null, to: null, words: "", page: 0 });
  document.getElementById("filter").value = "";
  render();
};

const showChosen = () => {
  const box = document.getElementById("chosen");
  const chip = (words, remove) => {
    const button = make("button", { type: "button", class: "plain value", title: "Remove" }, words);
    button.addEventListener("click", remove);
    return button;
  };
  const chips = Object.entries(chosen.values).map(([dimension, number]) => chip(`${TITLES[dimension]}: ${label(dimension, number)}`, () => toggle(dimension, number)));
  if (chosen.from !== null) chips.push(chip(`${iso(chosen.from)} to ${iso(chosen.to)}`, () => selectTime(null, null)));
  if (chosen.words) {
    chips.push(chip(`“${chosen.words}”`, () => {
      chosen.words = document.getElementById("filter").value = "";
      render();
    }));
  }
  const all = make("button", { type: "button", class: "plain", id: "clear" }, "Clear all");
  all.addEventListener("click", clear);
  box.replaceChildren(make("span", { class: "soft" }, "Selected:"), ...chips, all);
  box.hidden = !chips.length;
};

// Key figures: as the report counted them, or of what is selected.
const FIGURES = [...document.querySelectorAll(".figures > div")].map((box) => [box, box.querySelector(".value"), box.querySelector(".note")]).map(([box, value, note]) => ({
  key: box.dataset.key, value, note, before: [value.textContent, note.textContent],
}));
const showFigures = (some) => {
  const different = (dimension) => new Set(some.filter((i) => i.together === 1).flatMap((i) => i.values[dimension]).filter((number) => number >= 0)).size;
  const sum = (list, of) => list.reduce((total, incident) => total + of(incident), 0);
  const main = some.filter((incident) => !(D.possible && incident.possible));
  const apart = some.filter((incident) => D.possible && incident.possible);
  const and = (number) => (number >= 0.5 ? `+ ${count(number)} possibly` : "");
  const values = {
    failed: [count(sum(main, (i) => i.weight)), and(sum(apart, (i) => i.weight))],
    incidents: [count(sum(main, (i) => i.together)), and(sum(apart, (i) => i.together))],
    proxies: [count(different("proxy")), ""], targets: [count(different("target")), ""],
    hosts: [count(different("host")) + (D.hosts ? ` of ${count(D.hosts)}` : ""), ""],
  };
  const times = (name, pick) => some.map((i) => i[name]).filter((time) => time != null).reduce((a, b) => (a === null ? b : pick(a, b)), null);
  const [first, last] = [times("first", Math.min), times("last", Math.max)];
  const still = some.some((incident) => incident.state === "still");
  for (const [key, moment] of [["since", first], ["over", last], ["last", last]]) {
    const parts = moment === null ? ["-", ""] : iso(moment).split(" ");
    values[key] = D.form === "time" ? parts.reverse() : parts;
  }
  values.still = still || last === null ? ["still failing", ""] : [`over since ${iso(last).slice(11)}`, ""];
  for (const { key, value, note, before } of FIGURES) [value.textContent, note.textContent] = anything() ? values[key] : before;
};

const SHOWN = 6, open = new Set();
const showPanel = (section) => {
  const dimension = section.dataset.panel;
  let ranked, different;
  if (!anything() && D.shared[dimension] && !open.has(dimension)) {
    ranked = D.shared[dimension][1].map(([number, failed]) => [number, failed, true]);
    different = D.shared[dimension][0];
  } else {
    const sums = new Map();
    for (const incident of INCIDENTS) {
      const failed = weight(incident, dimension);
      if (!failed) continue;
      const values = incident.values[dimension].length ? incident.values[dimension] : [-1];
      for (const number of values) {
        const sum = sums.get(number) ?? [number, 0, true];
        sum[1] += failed;
        sum[2] &&= values.length === 1;
        sums.set(number, sum);
      }
    }
    ranked = [...sums.values()].sort((a, b) => b[1] - a[1] || (text(a[0]) < text(b[0]) ? -1 : 1));
    different = ranked.length;
  }
  const most = ranked.length ? ranked[0][1] : 1;
  let some = ranked.slice(0, open.has(dimension) ? 200 : SHOWN);
  const mine = chosen.values[dimension];
  if (mine !== undefined && !some.some((each) => each[0] === mine)) some = [...some, ranked.find((each) => each[0] === mine) ?? [mine, 0, true]];
  const list = make("ol", {}, ...some.map(([number, failed, exact]) => {
    const bar = draw("svg", { viewBox: "0 0 1000 1", preserveAspectRatio: "none", "aria-hidden": "true" }, draw("rect", { width: Math.floor((failed * 1000) / most), height: 1 }));
    const name = label(dimension, number);
    const title = exact ? name : `${name}: at most, for incidents with several values count for each of them`;
    const button = make("button", { type: "button", class: "value", "aria-pressed": String(mine === number), title }, bar, make("span", { class: "what" }, name), make("span", { class: "much" }, (exact ? "" : "≤ ") + count(failed)));
    button.addEventListener("click", () => toggle(dimension, number));
    return make("li", {}, button);
  }));
  section.replaceChildren(section.querySelector("h2"), list);
  if (different > some.length || open.has(dimension)) {
    const more = make("button", { type: "button", class: "more" }, open.has(dimension) ? "fewer" : `${count(different - some.length)} more`);
    more.addEventListener("click", () => {
      if (!open.delete(dimension)) open.add(dimension);
      showPanel(section);
      section.querySelector(".more").focus();
    });
    section.append(more);
  }
};

const colours = ["alert", "target", "proxy", "host", "env", "alias"].filter((name) => document.querySelector(`[data-panel=${name}]`));
const seriesOf = (some) => {
  const dimension = chosen.colour ?? colours[0] ?? "alert";
  const series = new Map();
  if (dimension === "alert" && D.bars.length && !chosen.words && !Object.keys(chosen.values).length) {
    for (const [alert, bars] of D.bars) series.set(text(alert), [...(series.get(text(alert)) ?? []), ...within(pointsOf(bars))]);
  } else {
    for (const incident of some) {
      const name = label(dimension, incident.values[dimension][0] ?? -1);
      if (!series.has(name)) series.set(name, []);
      for (const point of within(incident.points)) series.get(name).push(point);
    }
  }
  for (const [name, points] of series) if (!points.length) series.delete(name);
  return series;
};

const toHash = (row) => {
  const parts = new URLSearchParams();
  for (const [dimension, number] of Object.entries(chosen.values)) parts.set(dimension, text(number));
  if (chosen.from !== null) parts.set("time", `${iso(chosen.from)}/${iso(chosen.to)}`);
  if (chosen.words) parts.set("words", chosen.words);
  if (chosen.sort) parts.set("sort", (chosen.down ? "-" : "") + chosen.sort);
  if (chosen.page) parts.set("page", chosen.page + 1);
  if (row && ![...parts].length) return `#${row}`;
  if (row) parts.set("row", row);
  return [...parts].length ? `#${parts}` : "";
};
const keepHash = (row) => {
  const hash = toHash(row);
  if (hash !== location.hash) history.replaceState(null, "", hash || location.pathname + location.search);
};
const fromHash = () => {
  const hash = location.hash.slice(1);
  Object.assign(chosen, { values: {}, from: null, to: null, words: "", sort: null, page: 0 });
  let row = /^i\d+-[0-9a-f]{8}$/.test(hash) ? hash : null;
  const parts = new URLSearchParams(row ? "" : hash);
  for (const [key, value] of parts) {
    if (key in TITLES) chosen.values[key] = value === "-" && !byText.has("-") ? -1 : (byText.get(value) ?? -2);
    else if (key === "time") {
      const ends = value.split("/").map((moment) => Date.parse(`${moment.replace(" ", "T")}Z`) / 1000);
      if (ends.length === 2 && ends.every(Number.isFinite)) [chosen.from, chosen.to] = ends;
    } else if (key === "words") chosen.words = value;
    else if (key === "sort" && value.replace(/^-/, "") in KEYS) [chosen.down, chosen.sort] = [value.startsWith("-"), value.replace(/^-/, "")];
    else if (key === "page") chosen.page = Math.max(0, Number.parseInt(value, 10) - 1 || 0);
    else if (key === "row") row = value;
  }
  for (const [dimension, number] of Object.entries(chosen.values)) if (number === -2) delete chosen.values[dimension];
  return row;
};
