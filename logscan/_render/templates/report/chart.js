// Charts: bars that show values and select a time, hours of days, and a small course for each row.
const SERIES = 6, OTHERS = "others", CUT = 26, NARROWEST = 74, HEIGHT = 240, BASE = HEIGHT - 28, PLOT = BASE - 22;

const placesOf = (axis, left, right) => {
  const wide = axis.pieces.map((piece) => piece.number);
  const whole = wide.reduce((a, b) => a + b, 0);
  const free = right - left - CUT * (wide.length - 1);
  let step = free / whole;
  for (let round = 0; round < wide.length; round += 1) {
    const narrow = wide.filter((number) => number * step < NARROWEST);
    const rest = whole - narrow.reduce((a, b) => a + b, 0);
    if (!narrow.length || !rest || wide.length === 1) break;
    step = (free - NARROWEST * narrow.length) / rest;
  }
  const places = [];
  let at = left;
  for (const number of wide) {
    for (let index = 0; index < number; index += 1) places.push(at + index * step);
    at += Math.max(wide.length > 1 ? NARROWEST : 0, number * step) + CUT;
  }
  return [places, step];
};

const niceStep = (highest) => {
  let step = 1;
  while (highest / step > 4) step = "15".includes(String(step)[0]) ? step * 2 : (step * 5) / 2;
  return step;
};

const labels = (axis, places, step, width) => {
  const parts = [];
  const least = (76 / step) * axis.width;
  const between = WIDTHS.find((each) => each >= least && each % axis.width === 0) ?? WIDTHS.at(-1);
  let at = 0, before = null;
  axis.pieces.forEach((piece, number) => {
    if (number) {
      const x = places[at] - CUT / 2;
      parts.push(draw("path", { class: "cut", d: `M${x - 6} ${HEIGHT - 22}l5 -12m3 12l5 -12` }));
    }
    let free = places[at];
    for (let index = 0; index < piece.number; index += 1) {
      const moment = axis.starts[at + index], x = places[at + index];
      const isFirst = axis.pieces.length > 1 && !index;
      if (x < free || (moment % between && !isFirst)) continue;
      const words = tick(moment, isFirst ? DAY : between, isFirst ? null : before);
      if (x + 6.4 * words.length > width) continue;
      before = moment;
      free = x + 6.4 * words.length + 10;
      parts.push(draw("text", { class: "tick", x, y: HEIGHT - 8 }, words));
    }
    at += piece.number;
  });
  return parts;
};

const MOMENTS = D.marks.map((mark) => mark[0]);

const markLines = (axis, places, step, width) => {
  const parts = [];
  for (const [moment, words] of D.marks) {
    const at = axis.starts.findIndex((start) => start <= moment && moment < start + axis.width);
    if (at < 0) continue;
    const x = places[at] + ((moment - axis.starts[at]) / axis.width) * step;
    parts.push(draw("path", { class: "mark", d: `M${x} 16V${BASE}` }));
    parts.push(draw("text", { class: "tick", x, y: 11, "text-anchor": x > width * 0.75 ? "end" : "start" }, words));
  }
  return parts;
};

// Draws into the figure; select(from, to) is called with seconds.
const drawBars = (figure, series, select) => {
  const width = Math.max(320, figure.clientWidth);
  const ranked = [...series].map(([name, points]) => [name, points, points.reduce((sum, p) => sum + p.count, 0)]);
  ranked.sort((a, b) => b[2] - a[2] || (a[0] < b[0] ? -1 : 1));
  const shownSeries = ranked.slice(0, SERIES);
  if (ranked.length > SERIES) shownSeries.push([OTHERS, ranked.slice(SERIES).flatMap((each) => each[1])]);
  const axis = axisFor(ranked.flatMap((each) => each[1]), chosen.from === null ? MOMENTS : [], width < 700 ? 60 : 120);
  const counts = shownSeries.map((each) => countsOf(axis, each[1]));
  const sums = axis.starts.map((_, at) => counts.reduce((sum, each) => sum + each[at], 0));
  const highest = Math.max(1, ...sums.map(Math.round));
  const left = 14 + 7 * count(highest).length;
  const [places, step] = placesOf(axis, left, width - 8);
  const names = shownSeries.map((each) => each[0]);
  const words = `Failed handshakes over time, ${axisWords(axis.width)} a bar, at most ${count(highest)}; by ${names.join(", ")}`;
  const svg = draw("svg", { class: "bars", viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": words, tabindex: 0 });
  for (let value = 0, by = niceStep(highest); value <= highest; value += by) {
    const y = BASE - (value / highest) * PLOT;
    svg.append(draw("path", { class: "grid", d: `M${left} ${y}H${width - 8}` }));
    svg.append(draw("text", { class: "tick", x: left - 6, y: y + 4, "text-anchor": "end" }, count(value)));
  }
  const tops = axis.starts.map(() => BASE);
  const colour = (index) => `s${names[index] === OTHERS ? 6 : index}`;
  counts.forEach((each, index) => {
    let path = "";
    each.forEach((number, at) => {
      if (number < 0.05) return;
      const size = Math.max(1, (number / highest) * PLOT);
      tops[at] -= size;
      path += `M${places[at].toFixed(1)} ${tops[at].toFixed(1)}h${(step * 0.86).toFixed(1)}v${size.toFixed(1)}h-${(step * 0.86).toFixed(1)}z`;
    });
    svg.append(draw("path", { class: colour(index), d: path }));
  });
  const hit = draw("rect", { class: "hit", x: left, y: 16, width: Math.max(0, width - 8 - left), height: BASE - 16 });
  const cursor = draw("rect", { class: "hit at", x: 0, y: 16, width: step, height: BASE - 16, visibility: "hidden" });
  const brush = draw("rect", { class: "brush", y: 16, height: BASE - 16, visibility: "hidden" });
  svg.append(...labels(axis, places, step, width), ...markLines(axis, places, step, width), cursor, brush, hit);
  const legend = make("ul", { class: "legend" }, ...names.map((name, index) => make("li", {}, make("span", { class: colour(index) }), name)));
  const tip = make("div", { id: "tip", hidden: true, role: "status" });
  figure.replaceChildren(svg, legend, tip);

  const nearest = (event) => {
    const x = ((event.clientX - svg.getBoundingClientRect().left) / svg.getBoundingClientRect().width) * width;
    let at = places.findLastIndex((place) => place <= x);
    return Math.max(0, at);
  };
  const show = (at) => {
    current = at;
    cursor.setAttribute("x", places[at]);
    cursor.setAttribute("visibility", "visible");
    const lines = names.map((name, index) => [name, index, counts[index][at]]).filter((line) => line[2] >= 0.5);
    tip.replaceChildren(
      make("strong", {}, `${iso(axis.starts[at])} · ${count(sums[at])}`),
      ...lines.map(([name, index, number]) => make("div", {}, make("span", { class: colour(index) }), `${count(number)} ${name}`)),
    );
    tip.hidden = false;
    const share = places[at] / width;
    tip.style.top = "26px";
    tip.style.left = share < 0.6 ? `${share * 100 + 3}%` : "auto";
    tip.style.right = share < 0.6 ? "auto" : `${100 - share * 100 + 1}%`;
  };
  const hide = () => { tip.hidden = true; cursor.setAttribute("visibility", "hidden"); };
  let current = 0, from = null;
  const ends = (a, b) => [axis.starts[Math.min(a, b)], axis.starts[Math.max(a, b)] + axis.width];
  svg.addEventListener("pointermove", (event) => {
    const at = nearest(event);
    show(at);
    if (from === null) return;
    const [x, end] = [places[Math.min(from, at)], places[Math.max(from, at)] + step];
    for (const [key, value] of [["x", x], ["width", end - x], ["visibility", "visible"]]) brush.setAttribute(key, value);
  });
  svg.addEventListener("pointerleave", () => { if (from === null) hide(); });
  svg.addEventListener("pointerdown", (event) => {
    from = nearest(event);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointerup", (event) => {
    const begun = from;
    from = null;
    const at = nearest(event);
    if (begun !== null && (at !== begun || sums[at] > 0)) select(...ends(begun, at));
  });
  svg.addEventListener("pointercancel", () => { from = null; brush.setAttribute("visibility", "hidden"); });
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      event.preventDefault();
      show(Math.min(axis.starts.length - 1, Math.max(0, current + (event.key === "ArrowRight" ? 1 : -1))));
    } else if (event.key === "Enter" && !tip.hidden) {
      select(...ends(current, current));
    }
  });
  return axis;
};

const drawHeat = (figure, points) => {
  const days = points.map((point) => Math.floor(point.start / DAY));
  if (!days.length) return;
  const first = days.reduce((a, b) => Math.min(a, b)), last = days.reduce((a, b) => Math.max(a, b));
  const byWeekday = last - first + 1 > 31;
  const weekday = (day) => (((day + 3) % 7) + 7) % 7;
  const NAMES = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
  const rows = byWeekday ? NAMES : Array.from({ length: last - first + 1 }, (_, at) => `${NAMES[weekday(first + at)]} ${iso((first + at) * DAY).slice(5, 10)}`);
  const counts = rows.map(() => new Float64Array(24));
  for (const { start, width, count: number } of points) {
    const hours = Math.max(1, Math.min(24, Math.round(width / HOUR)));
    for (let at = 0; at < hours; at += 1) {
      const moment = start + at * HOUR, day = Math.floor(moment / DAY);
      const row = counts[byWeekday ? weekday(day) : Math.min(day, last) - first];
      row[Math.floor((moment - day * DAY) / HOUR)] += number / hours;
    }
  }
  const highest = Math.max(...counts.map((row) => Math.max(...row)));
  const cell = 26, left = 78, top = 22;
  const svg = draw("svg", { class: "heat", viewBox: `0 0 ${left + 24 * cell} ${top + rows.length * cell}`, role: "img" });
  for (let hour = 0; hour < 24; hour += 3) {
    svg.append(draw("text", { class: "tick", x: left + hour * cell + cell / 2, y: 14, "text-anchor": "middle" }, String(hour).padStart(2, "0")));
  }
  let worst = [0, 0];
  rows.forEach((name, row) => {
    const y = top + row * cell;
    svg.append(draw("text", { class: "tick", x: left - 8, y: y + 17, "text-anchor": "end" }, name));
    counts[row].forEach((number, hour) => {
      if (number > counts[worst[0]][worst[1]]) worst = [row, hour];
      const level = number < 0.5 ? 0 : 1 + Math.min(4, Math.floor((number * 5) / (highest + 1)));
      const title = draw("title", {}, `${name} ${String(hour).padStart(2, "0")}:00: ${count(number)}`);
      svg.append(draw("rect", { class: `h${level}`, x: left + hour * cell, y, width: cell - 2, height: cell - 2, rx: 3 }, title));
    });
  });
  const hour = String(worst[1]).padStart(2, "0");
  svg.setAttribute("aria-label", `Failed handshakes by ${byWeekday ? "weekday" : "day"} and hour; most at ${rows[worst[0]]} ${hour}:00, ${count(highest)}`);
  figure.replaceChildren(svg);
};

const spark = (points, axis) => {
  const counts = countsOf(axis, points);
  const highest = Math.max(...counts) || 1;
  const step = 120 / counts.length, wide = Math.max(1, step * 0.85).toFixed(1);
  let path = "";
  counts.forEach((number, at) => {
    const size = Math.max(1.5, (number / highest) * 20);
    if (number) path += `M${(at * step).toFixed(1)} ${(22 - size).toFixed(1)}h${wide}v${size.toFixed(1)}h-${wide}z`;
  });
  const words = `at most ${count(Math.max(1, highest))} in ${axisWords(axis.width)}`;
  return draw("svg", { class: "spark", viewBox: "0 0 120 22", role: "img", "aria-label": words }, draw("path", { d: path }));
};
