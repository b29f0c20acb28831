(() => {
  const table = document.querySelector("table");
  if (!table) return;
  const body = table.tBodies[0];
  const pairs = [...body.querySelectorAll("tr.row")].map((row) => [row, row.nextElementSibling]);
  const set = (row, open) => {
    row[1].hidden = !open;
    row[0].querySelector("button").setAttribute("aria-expanded", String(open));
  };
  pairs.forEach((pair) => {
    set(pair, false);
    pair[0].querySelector("button").addEventListener("click", () => set(pair, pair[1].hidden));
  });
  const filter = document.querySelector("#filter");
  const count = document.querySelector("#shown");
  filter.closest("p").hidden = false;
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    pairs.forEach(([row, detail]) => {
      const text = (row.textContent + " " + detail.textContent).toLowerCase();
      const fits = words.every((word) => text.includes(word));
      row.hidden = !fits;
      if (!fits) set([row, detail], false);
      shown += fits;
    });
    count.textContent = `${shown} of ${pairs.length} shown`;
  });
  table.querySelectorAll("th button").forEach((button) => {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const down = head.getAttribute("aria-sort") !== "descending";
      table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const at = head.cellIndex;
      const key = (pair) => pair[0].cells[at].dataset.key ?? pair[0].cells[at].textContent.trim();
      const numeric = head.classList.contains("number");
      pairs.sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        const order = numeric ? Number(x) - Number(y) : x.localeCompare(y);
        return down ? -order : order;
      });
      pairs.forEach(([row, detail]) => body.append(row, detail));
    });
  });
})();
