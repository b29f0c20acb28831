// What is selected as a file. Texts are those of the page; a cell that would be a formula becomes text.
const FORMULA = /^[\t\r\n ]*[=+\-@\uff1d\uff0b\uff0d\uff20]/;
const recordOf = (incident) => {
  const time = (moment) => (moment == null ? null : iso(moment));
  const value = (number) => (number < 0 ? null : TEXTS[number]);
  const texts = (name) => incident[name].map(text);
  return {
    org: value(incident.org), env: value(incident.env), proxy: value(incident.proxy), alert: value(incident.alert), side: value(incident.side),
    ...Object.fromEntries(D.by.map((name, at) => [name in TITLES ? `by_${name}` : name, value(incident.by[at] ?? -1)])),
    family: value(incident.family), failed_handshakes: incident.failed, messages: incident.messages, first_time: time(incident.first),
    last_time: time(incident.last), keystores: texts("keystores"), key_aliases: texts("aliases"), truststores: texts("truststores"),
    targets: texts("targets"), revisions: texts("revisions"), hosts: texts("hosts"), sample_message_ids: texts("ids"), hint: hintOf(incident),
  };
};
const cell = (value) => {
  if (typeof value === "number") return String(value);
  let words = Array.isArray(value) ? value.join("; ") : (value ?? "");
  if (FORMULA.test(words)) words = `'${words}`;
  return /[",\r\n]/.test(words) ? `"${words.replaceAll('"', '""')}"` : words;
};
const asCsv = (some) => {
  const records = some.map(recordOf);
  const names = Object.keys(records[0] ?? { org: "" });
  return [names, ...records.map((record) => names.map((name) => cell(record[name])))].map((row) => `${row.join(",")}\r\n`).join("");
};
const asJson = (some) => {
  const selection = Object.fromEntries(Object.entries(chosen.values).map(([dimension, number]) => [dimension, text(number)]));
  if (chosen.from !== null) selection.time = [iso(chosen.from), iso(chosen.to)];
  if (chosen.words) selection.words = chosen.words;
  return `${JSON.stringify({ what: D.what, selection, incidents: some.map(recordOf) }, null, 2)}\n`;
};
const save = (name, type, content) => {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = make("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
};
