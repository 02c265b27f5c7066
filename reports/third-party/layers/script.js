"use strict";
// The page is complete without this script: it adds copying, saving, finding and sorting, and opens what a link points into.
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  for (const button of all("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code); // a page opened from a file may not write the clipboard
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1600);
    });
  }

  // The data holds each repeated value once, in a list that others refer to: see nodecheck/results/compact.py.
  const whole = (text) => {
    const { shared, ...run } = JSON.parse(text);
    const known = [];
    const resolve = (value) => {
      if (Array.isArray(value)) return value.map(resolve);
      if (value === null || typeof value !== "object") return value;
      const keys = Object.keys(value);
      if (keys.length === 1 && keys[0] === "$" && Number.isInteger(value.$)) return known[value.$];
      return Object.fromEntries(keys.map((k) => [k, resolve(value[k])]));
    };
    for (const value of shared) known.push(resolve(value));
    const result = resolve(run);
    for (const r of result.results) r.id = `${r.layer}:${r.check}:${r.problem}`;
    return JSON.stringify(result);
  };

  const save = document.getElementById("save");
  if (save) save.hidden = !window.DecompressionStream;
  save?.addEventListener("click", async () => {
    const packed = Uint8Array.from(atob(document.getElementById("nodecheck-data").textContent), (c) => c.charCodeAt(0));
    const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const text = whole(await new Response(unpacked).text());
    const link = document.createElement("a");
    link.download = "run.json";
    link.href = URL.createObjectURL(new Blob([text]));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });

  // A result of a layer that has a page of its own: its address here leads there.
  const elsewhere = (id) => {
    for (const link of all(".layers th a[href]"))
      if (id.startsWith(`${link.textContent}:`)) location.href = `${link.href}#${id.slice(link.textContent.length + 1)}`;
  };

  const open = () => {
    const named = (id) => id && document.getElementById(decodeURIComponent(id));
    const id = location.hash.slice(1);
    // On the page of a layer its name is left out, and all that passed of a check share a row.
    const ending = id && document.querySelector(`[id$=":${CSS.escape(decodeURIComponent(id))}"]`);
    const target = named(id) || ending || named(id.split(":")[0]);
    for (let node = target; node; node = node.parentElement) if (node.localName === "details") node.open = true;
    if (target) target.scrollIntoView();
    else if (location.hash) elsewhere(decodeURIComponent(location.hash.slice(1)));
  };
  addEventListener("hashchange", open);
  open();

  const find = document.getElementById("find");
  if (find) {
    const bodies = all("table.checks tbody").map((body) => ({
      body,
      text: (body.closest(".layer").dataset.layer + " " + body.textContent).toLowerCase(),
    }));
    const only = document.getElementById("only");
    const filter = () => {
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const { body, text } of bodies) {
        body.hidden = !((!only.value || (body.dataset.status ?? "passed") === only.value) && words.every((w) => text.includes(w)));
        shown += !body.hidden;
      }
      for (const table of all("table.checks")) {
        table.hidden = !table.querySelector("tbody:not([hidden])");
      }
      for (const details of all("#checks details")) {
        details.hidden = !details.querySelector("tbody:not([hidden])");
        details.open = Boolean(words.length || only.value);
      }
      for (const layer of all("#checks .layer")) layer.hidden = !layer.querySelector("tbody:not([hidden])");
      document.getElementById("shown").textContent = shown === bodies.length ? "" : `${shown} of ${bodies.length}`;
    };
    find.addEventListener("input", filter);
    only.addEventListener("input", filter);
    document.querySelector(".filter").hidden = false;
  }

  const key = (body, column) => {
    const cell = body.rows[0].cells[column === "last" ? body.rows[0].cells.length - 1 : column];
    if (!cell) return Infinity; // the row that folds others away
    if (cell.dataset.key === undefined) return cell.textContent.trim().toLowerCase();
    const value = parseFloat(cell.dataset.key);
    return Number.isNaN(value) ? Infinity : value; // what was not measured stands last
  };
  for (const head of all("th[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const table = head.closest("table");
      const down = head.getAttribute("aria-sort") === "ascending";
      const column = head.nextElementSibling ? head.cellIndex : "last";
      for (const other of all("th[aria-sort]", table)) other.removeAttribute("aria-sort");
      table.classList.add("sorted");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1);
      table.append(...[...table.tBodies].sort((a, b) => order(key(a, column), key(b, column))));
    });
  }
})();
