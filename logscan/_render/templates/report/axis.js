// Time axes, as logscan/_render/timeaxis.py makes them.
const MINUTE = 60, HOUR = 3600, DAY = 86400;
const WIDTHS = [
  1, 2, 3, 5, 10, 15, 20, 30, ...[1, 2, 3, 5, 10, 15, 20, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 4, 6, 8, 12].map((n) => n * HOUR), ...[1, 2, 4, 7, 14, 28, 56, 112, 364].map((n) => n * DAY),
];
const FEWEST = 20, CUTS = 3, EMPTY_PART = 0.9, FINE = 0.6;

const resolution = (points) => {
  const whole = points.reduce((sum, point) => sum + point.count, 0);
  let seen = 0;
  for (const point of [...points].sort((a, b) => a.width - b.width)) {
    seen += point.count;
    if (seen >= FINE * whole) return point.width;
  }
  return 1;
};

const cutRanges = (parts, least) => {
  let gaps = [];
  for (let at = 0; at + 1 < parts.length; at += 1) {
    const gap = parts[at + 1][0] - parts[at][1];
    if (gap >= Math.max(HOUR, 10 * least)) gaps.push([gap, at]);
  }
  gaps.sort((a, b) => b[0] - a[0] || a[1] - b[1]);
  const cuts = [];
  let left = parts.at(-1)[1] - parts[0][0];
  while (gaps.length) {
    const taken = gaps.slice(0, gaps[0][0] >= EMPTY_PART * left ? 1 : 2);
    const length = taken.reduce((sum, gap) => sum + gap[0], 0);
    if (length < EMPTY_PART * left || cuts.length + taken.length > CUTS) break;
    cuts.push(...taken.map((gap) => gap[1]));
    left -= length;
    gaps = gaps.slice(taken.length);
  }
  const ranges = [];
  let start = parts[0][0];
  for (const at of cuts.sort((a, b) => a - b)) {
    ranges.push([start, parts[at][1]]);
    start = parts[at + 1][0];
  }
  return [...ranges, [start, parts.at(-1)[1]]];
};

const axisFor = (points, moments, most) => {
  const parts = [];
  const first = points.reduce((least, point) => Math.min(least, point.start), Infinity);
  const last = points.reduce((most, point) => Math.max(most, point.start + point.width), -Infinity);
  const near = (last - first) / 4;
  const marked = moments.filter((at) => first - near <= at && at <= last + near).map((start) => ({ start, width: 1 }));
  for (const { start, width } of [...points, ...marked].sort((a, b) => a.start - b.start)) {
    const before = parts.at(-1);
    if (before && start <= before[1]) before[1] = Math.max(before[1], start + width);
    else parts.push([start, start + width]);
  }
  const least = resolution(points);
  const ranges = cutRanges(parts, least);
  let width, pieces;
  for (width of WIDTHS) {
    pieces = ranges.map(([start, end]) => {
      const first = Math.floor(start / width) * width;
      return { start: first, number: Math.ceil((end - first) / width) };
    });
    if (width >= least && pieces.reduce((sum, piece) => sum + piece.number, 0) <= most) break;
  }
  if (pieces.length === 1 && pieces[0].number < FEWEST) {
    pieces = [{ start: pieces[0].start - Math.floor((FEWEST - pieces[0].number) / 2) * width, number: FEWEST }];
  }
  const starts = pieces.flatMap((piece) => Array.from({ length: piece.number }, (_, at) => piece.start + at * width));
  return { width, pieces, starts };
};

const countsOf = (axis, points) => {
  const sums = new Float64Array(axis.starts.length);
  for (const { start, width, count: number } of points) {
    const end = start + width;
    let before = 0;
    for (const piece of axis.pieces) {
      const first = Math.max(0, Math.floor((start - piece.start) / axis.width));
      const last = Math.min(piece.number - 1, Math.floor((end - 1 - piece.start) / axis.width));
      for (let at = first; at <= last; at += 1) {
        const from = piece.start + at * axis.width;
        sums[before + at] += (number * (Math.min(end, from + axis.width) - Math.max(start, from))) / width;
      }
      before += piece.number;
    }
  }
  return sums;
};

const axisWords = (width) => {
  for (const [unit, seconds] of [["day", DAY], ["hour", HOUR], ["minute", MINUTE], ["second", 1]]) {
    if (width % seconds === 0) {
      const number = width / seconds;
      return number === 1 ? `${unit === "hour" ? "an" : "a"} ${unit}` : `${number} ${unit}s`;
    }
  }
  return "";
};

// Times are wall times of the log: no zone of the reader's machine comes in.
const iso = (moment) => new Date(moment * 1000).toISOString().slice(0, 19).replace("T", " ");
const shown = (moment, form) => (form === "time" ? iso(moment).slice(11) : iso(moment).slice(form === "date" ? 0 : 5, 16));
const tick = (moment, width, before) => {
  const whole = iso(moment), last = before === null ? "" : iso(before);
  if (width >= DAY) return whole.slice(whole.slice(0, 4) === last.slice(0, 4) ? 5 : 0, 10);
  const time = width < MINUTE ? whole.slice(11) : whole.slice(11, 16);
  return whole.slice(0, 10) === last.slice(0, 10) ? time : `${whole.slice(5, 10)} ${time}`;
};
