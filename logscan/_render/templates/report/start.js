// Draws everything again for what is selected, and listens.
let listedNow = INCIDENTS, fullAxis = null;
const allPoints = () => INCIDENTS.flatMap((incident) => incident.points);
const render = (row) => {
  const some = INCIDENTS.filter((incident) => (incident.weight = weight(incident)) > 0);
  showChosen();
  showFigures(some);
  document.querySelectorAll("[data-panel]").forEach(showPanel);
  const figure = document.getElementById("time");
  const series = seriesOf(some);
  if (figure && series.size) {
    const axis = drawBars(figure, series, selectTime);
    document.getElementById("barwords").textContent = `${axisWords(axis.width)} a bar`;
  } else if (figure) {
    figure.replaceChildren(make("p", { class: "soft" }, "No failure of known time is selected."));
  }
  const heat = document.getElementById("heat");
  if (heat) drawHeat(heat, some.flatMap((incident) => within(incident.points)));
  listedNow = showRows(some, fullAxis);
  keepHash(row);
};
const goTo = (name) => {
  const incident = name && INCIDENTS.find((each) => each.id === name.split("-")[1]);
  if (!incident) return;
  let at = ordered(INCIDENTS.filter((each) => weight(each) > 0)).indexOf(incident);
  if (at < 0) {
    clear();
    at = ordered(INCIDENTS).indexOf(incident);
  }
  chosen.page = Math.floor(at / D.page);
  opened.add(incident.at);
  render(incident.name);
  const row = document.getElementById(incident.name);
  row.classList.add("target");
  row.scrollIntoView({ block: "start" });
};
const fromAddress = () => {
  const row = fromHash();
  document.getElementById("filter").value = chosen.words;
  render(row);
  goTo(row);
};

document.documentElement.classList.add("js");
document.querySelector(".unlisted")?.remove();
document.querySelectorAll(".tools").forEach((tools) => { tools.hidden = false; });
const points = allPoints();
fullAxis = points.length ? axisFor(points, MOMENTS, 120) : null;
const colour = document.getElementById("colour");
if (colour) {
  colour.append(...colours.map((name) => make("option", { value: name }, TITLES[name].toLowerCase())));
  colour.closest("label").hidden = colours.length < 2;
  colour.addEventListener("change", () => { chosen.colour = colour.value; render(); });
}
let waiting = 0;
document.getElementById("filter").addEventListener("input", (event) => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    Object.assign(chosen, { words: event.target.value.trim(), page: 0 });
    render();
  }, 120);
});
document.querySelectorAll("th button").forEach((button) => button.addEventListener("click", () => {
  const again = chosen.sort === button.dataset.sort;
  Object.assign(chosen, { sort: button.dataset.sort, down: again ? !chosen.down : true, page: 0 });
  render();
}));
for (const [id, by] of [["before", -1], ["next", 1]]) {
  document.getElementById(id).addEventListener("click", () => {
    chosen.page += by;
    render();
    document.querySelector("table").scrollIntoView({ block: "start" });
  });
}
document.getElementById("csv").addEventListener("click", () => save("incidents.csv", "text/csv", asCsv(listedNow)));
document.getElementById("json").addEventListener("click", () => save("incidents.json", "application/json", asJson(listedNow)));
addEventListener("hashchange", fromAddress);
let wide = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== wide) render();
  wide = innerWidth;
});
fromAddress();
