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

  const save = document.getElementById("save");
  save.hidden = !window.DecompressionStream;
  save.addEventListener("click", async () => {
    const packed = Uint8Array.from(atob(document.getElementById("nodecheck-data").textContent), (c) => c.charCodeAt(0));
    const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const link = document.createElement("a");
    link.download = "run.json";
    link.href = URL.createObjectURL(await new Response(unpacked).blob());
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });

  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let node = target; node; node = node.parentElement) if (node.localName === "details") node.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  open();

  const bodies = all("table.checks tbody").map((body) => ({
    body,
    text: (body.closest(".layer").dataset.layer + " " + body.textContent).toLowerCase(),
  }));
  const find = document.getElementById("find");
  if (!find) return;
  const only = document.getElementById("only");
  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { body, text } of bodies) {
      body.hidden = !((!only.value || body.dataset.status === only.value) && words.every((w) => text.includes(w)));
      shown += !body.hidden;
    }
    for (const table of all("table.checks")) {
      const empty = !table.querySelector("tbody:not([hidden])");
      const details = table.closest("details");
      table.hidden = empty;
      if (details) {
        details.hidden = empty;
        details.open = Boolean(words.length || only.value);
      }
    }
    for (const layer of all("#checks .layer")) layer.hidden = !layer.querySelector("tbody:not([hidden])");
    document.getElementById("shown").textContent = shown === bodies.length ? "" : `${shown} of ${bodies.length}`;
  };
  find.addEventListener("input", filter);
  only.addEventListener("input", filter);
  document.querySelector(".filter").hidden = false;

  const key = (body, column) => {
    const cell = body.rows[0].cells[column === "last" ? body.rows[0].cells.length - 1 : column];
    return cell.dataset.key === undefined ? cell.textContent.trim() : Number(cell.dataset.key);
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
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1);
      table.append(...[...table.tBodies].sort((a, b) => order(key(a, column), key(b, column))));
    });
  }
})();
