"use strict";
/* Sorts and filters the tables, and draws a host when its name is pressed. All text is set as text. */
(() => {
  const page = document.documentElement;
  const at = (id) => document.getElementById(id);
  const data = JSON.parse(at("data").textContent);
  const order = new Intl.Collator(undefined, { numeric: true });
  page.classList.add("scripts");

  /** An element with attributes and what it contains, elements or text. */
  function make(tag, attributes, ...inside) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
    made.append(...inside);
    return made;
  }

  /* sorting */

  function valueOf(cell, number) {
    const text = cell.dataset.v ?? cell.textContent;
    return number ? parseFloat(text.replace(/,/g, "")) : text;
  }

  function sortBy(table, head, column) {
    const number = head.classList.contains("n");
    const was = head.getAttribute("aria-sort");
    const down = was ? was === "ascending" : number; // the most first
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (row) => [valueOf(row.cells[column], number), row]);
    const compare = number ? (a, b) => a - b : order.compare;
    rows.sort(([a], [b]) => (down ? compare(b, a) : compare(a, b)));
    body.append(...rows.map(([, row]) => row));
    if (table === hosts) show();
  }

  function makeSortable(table) {
    Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
      const button = make("button", { type: "button" }, ...head.childNodes);
      button.addEventListener("click", () => sortBy(table, head, column));
      head.append(button);
    });
  }

  /* filters */

  for (const input of document.querySelectorAll("input[data-filter]")) {
    const table = at(input.dataset.filter);
    const rows = Array.from(table.tBodies[0].rows);
    const status = at(`${table.id}-status`);
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      let shown = 0;
      for (const row of rows) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
        shown += !row.hidden;
      }
      status.textContent = wanted ? `${shown} of ${rows.length}` : "";
    });
  }

  const hosts = at("host-table");
  const first = Number(hosts.dataset.first); // rows until all are asked for
  const names = Array.from(hosts.tBodies[0].rows, (row) => row.cells[0].firstChild.textContent);
  const lower = names.map((name) => name.toLowerCase());
  const [byName, byMake, byFlavor] = ["by-name", "by-make", "by-flavor"].map(at);
  const showAll = at("show-all");
  let all = false;

  const hostOf = (row) => Number(row.cells[0].firstChild.dataset.host);

  function roomOf(host, flavor) {
    const count = data.room[host][flavor];
    return count >= data.cap ? `${count}+` : `${count}`;
  }

  /** Rows that the filters leave, the first of them until all are asked for. */
  function show() {
    const name = byName.value.trim().toLowerCase();
    let found = 0;
    let shown = 0;
    for (const row of hosts.tBodies[0].rows) {
      const host = hostOf(row);
      const fits =
        lower[host].includes(name) &&
        (byMake.value === "" || row.dataset.k === byMake.value) &&
        (byFlavor.value === "" || data.room[host][byFlavor.value] > 0);
      found += fits;
      row.hidden = !(fits && (all || shown < first));
      shown += !row.hidden;
    }
    const total = names.length.toLocaleString("en");
    at("hosts-status").textContent =
      found === names.length && shown === found
        ? `${total} hosts`
        : `${shown.toLocaleString("en")} of ${found.toLocaleString("en")} hosts shown` +
          (found === names.length ? "" : `, ${total} in all`);
    showAll.hidden = shown === found;
    showAll.textContent = `Show all ${found.toLocaleString("en")}`;
  }

  function showRoom() {
    const flavor = byFlavor.value;
    const head = at("room-column");
    const label = flavor === "" ? "Flavors with room" : `Room for ${data.flavors[flavor]}`;
    (head.querySelector("button") || head).textContent = label;
    hosts.style.setProperty("--c8", flavor === "" ? "'Flavors with room'" : "'Room for it'");
    for (const row of hosts.tBodies[0].rows) {
      const host = hostOf(row);
      row.cells[7].textContent =
        flavor === "" ? data.room[host].filter((count) => count > 0).length : roomOf(host, flavor);
    }
    show();
  }

  for (const input of [byName, byMake]) input.addEventListener("input", show);
  byFlavor.addEventListener("input", showRoom);
  at("host-filters").addEventListener("submit", (event) => event.preventDefault());
  showAll.addEventListener("click", () => {
    all = true;
    const next = Array.from(hosts.tBodies[0].rows).find((row) => row.hidden);
    show();
    if (next) next.cells[0].firstChild.focus();
  });

  /* the picture of a host */

  const STATES = [
    ["-pinned", "pinned", "pinned"],
    ["0", "dedicated, free", "free"],
    ["1", "shared", "shared"],
    ["2", "free, shared or dedicated", "free or shared"],
  ]; // of a CPU: its class, the legend's words, those of a sum

  function memory(mib) {
    if (mib === null) return "not known";
    if (mib < 1024) return `${mib} MiB`;
    const whole = mib % 1024 === 0 || mib >= 102400;
    return `${(mib / 1024).toFixed(whole ? 0 : 1)} GiB`;
  }

  function size(kib) {
    if (kib % 1048576 === 0) return `${kib / 1048576} GiB`;
    return kib % 1024 === 0 ? `${kib / 1024} MiB` : `${kib} KiB`;
  }

  function bar(total, used, reserved) {
    const part = (n) => `width:${total > 0 ? Math.min(100, (100 * n) / total).toFixed(1) : 0}%`;
    const held = make("span", { class: "reserved", style: part(Math.min(reserved, total - used)) });
    return make("span", { class: "meter", "aria-hidden": "true" }, make("span", { style: part(used) }), held);
  }

  function drawCores(number, bits, seen) {
    const [cores, states] = data.cores[number];
    const counts = STATES.map(() => 0);
    let cpu = 0;
    const drawn = (cores ? cores.split(";") : []).map((core) =>
      make(
        "span",
        { class: "core" },
        ...core.split(",").map((id) => {
          const pinned = (parseInt(bits[cpu >> 2], 16) >> (3 - (cpu & 3))) & 1;
          const state = pinned ? 0 : Number(states[cpu]) + 1;
          cpu += 1;
          counts[state] += 1;
          seen.add(state);
          return make("i", { class: `k${STATES[state][0]}`, title: `CPU ${id}: ${STATES[state][1]}` }, id);
        }),
      ),
    );
    const words = STATES.map(([, , word], state) => [counts[state], word]).filter(([count]) => count);
    const about = words.length ? `CPUs: ${words.map((pair) => pair.join(" ")).join(", ")}` : "no CPUs";
    return [make("div", { class: "cores", role: "img", "aria-label": about }, ...drawn), about];
  }

  function drawCell([title, number, mib, used, floating, bits, pages, near, devices], seen) {
    const [cores, about] = drawCores(number, bits, seen);
    const cell = make("div", { class: "cell" }, make("h3", {}, title), cores, make("p", {}, about));
    if (floating) cell.append(make("p", {}, `${floating} vCPUs float over its shared CPUs`));
    cell.append(make("p", {}, `memory: ${memory(used)} of ${memory(mib)} in use`, bar(mib, used, 0)));
    for (const [kib, total, taken, reserved] of pages) {
      const parts = [`${taken.toLocaleString("en")} of ${total.toLocaleString("en")} in use`];
      if (reserved) parts.push(`${reserved.toLocaleString("en")} reserved`);
      cell.append(make("p", {}, `pages of ${size(kib)}: ${parts.join(", ")}`, bar(total, taken, reserved)));
    }
    if (near) cell.append(make("p", {}, `near ${near}`));
    for (const one of devices) cell.append(make("p", {}, `free devices: ${one}`));
    return cell;
  }

  function drawTable(caption, labels, rows) {
    const numbers = labels.map((_, n) => /^\d+\+?$/.test(rows[0][n]));
    const style = labels.map((label, n) => `--c${n + 1}:'${label}'`).join(";");
    const of = (n) => (numbers[n] ? { class: "n" } : {});
    const head = labels.map((label, n) => make("th", { scope: "col", ...of(n) }, label));
    const body = rows.map((row) =>
      make(
        "tr",
        {},
        ...row.map((value, n) =>
          make(n ? "td" : "th", n ? of(n) : { scope: "row" }, typeof value === "number" ? value.toLocaleString("en") : value),
        ),
      ),
    );
    return make(
      "table",
      { style },
      make("caption", {}, caption),
      make("thead", {}, make("tr", {}, ...head)),
      make("tbody", {}, ...body),
    );
  }

  function drawDistances(cells, rows) {
    const ids = cells.map(([title]) => title.split(",")[0]);
    return rows.map((row, n) => `from ${ids[n]}: ${row.join(", ")}`);
  }

  function draw(host) {
    const [cells, lines, distances] = data.hosts[host];
    const drawing = at("drawing");
    const seen = new Set();
    const drawn = cells.map((cell) => drawCell(cell, seen));
    const legend = STATES.filter((_, state) => seen.has(state)).map(([kind, label]) =>
      make("li", {}, make("i", { class: `k${kind}` }), label),
    );
    drawing.replaceChildren();
    if (legend.length) drawing.append(make("ul", { class: "legend", "aria-label": "Colours of CPUs" }, ...legend));
    if (drawn.length) drawing.append(make("div", { class: "cells" }, ...drawn));
    else drawing.append(make("p", { class: "quiet" }, "No NUMA topology."));
    const room = data.flavors.map((name, n) => [name, roomOf(host, n), data.ends[data.ended[host][n]]]);
    drawing.append(drawTable("Room for each flavor, as if it came alone", ["Flavor", "Room", "Ended by"], room));
    const lost = data.kinds
      .map(([kind, unit], n) => [unit === "MiB" ? `${kind}, MiB` : kind, data.free[host][n], data.lost[host][n]])
      .filter(([, free]) => free > 0);
    if (lost.length) drawing.append(drawTable("What is free, and what of it is stranded", ["What", "Free", "Stranded"], lost));
    const rest = lines.map((line) => data.lines[line]);
    const matrix = data.distances[distances];
    if (matrix.length) rest.push(...drawDistances(cells, matrix).map((line) => `distances ${line}`));
    if (rest.length) drawing.append(make("h3", {}, "Of the host"), make("ul", { class: "plain" }, ...rest.map((line) => make("li", {}, line))));
  }

  const picture = at("picture");
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-host]");
    if (button) {
      const host = Number(button.dataset.host);
      at("picture-h").textContent = names[host];
      draw(host);
      picture.showModal();
      picture.scrollTop = 0;
    } else if (event.target === picture || event.target.id === "close") picture.close();
  });

  for (const table of document.querySelectorAll("table.sortable")) makeSortable(table);
  show();
})();
