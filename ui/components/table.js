// A plain table that can be sorted, searched, and whose rows can be opened. All text arrives as text, never as HTML.

const memory = new WeakMap();

function element(tag, className, parent, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  parent.appendChild(node);
  return node;
}

function compare(a, b) {
  // What is not known stays at the end, whichever way the column is sorted.
  if (a === null || b === null) return a === b ? 0 : a === null ? Infinity : -Infinity;
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en");
}

function ordered(rows, sort) {
  if (!sort) return rows;
  return [...rows].sort((x, y) => {
    const order = compare(x.cells[sort.column].sort, y.cells[sort.column].sort);
    return Number.isFinite(order) ? order * sort.direction : Math.sign(order);
  });
}

function drawShares(cell, parent) {
  const box = element("div", "shares", parent);
  const bar = element("div", "bar", box);
  bar.setAttribute("aria-hidden", "true");
  cell.shares.forEach((share) => {
    const part = element("span", "", bar);
    part.style.width = `${share.percent}%`;
    part.style.setProperty("--colour", share.colour);
  });
  element("span", "words", box, cell.text);
}

function drawCell(cell, parent) {
  if (cell.shares?.length) return drawShares(cell, parent);
  if (cell.colour) element("span", "swatch", parent).style.setProperty("--colour", cell.colour);
  if (cell.tone) element("span", `dot ${cell.tone}`, parent);
  const text = element("span", cell.code ? "code" : "", parent, cell.text);
  if (cell.muted) text.classList.add("muted");
  if (cell.strong) text.classList.add("strong");
  if (cell.note) element("span", "note", parent, cell.note);
}

export default function ({ parentElement, data, setTriggerValue }) {
  const state = memory.get(parentElement) ?? { sort: null, search: "" };
  memory.set(parentElement, state);
  let root = parentElement.querySelector(".root");
  if (!root) root = element("div", "root", parentElement);
  const hadFocus = parentElement.activeElement?.dataset?.focus;
  const scrolled = root.querySelector(".scroll")?.scrollLeft ?? 0;
  root.replaceChildren();
  root.classList.toggle("compact", data.compact);

  if (data.search) {
    const search = element("input", "search", root);
    search.type = "search";
    search.placeholder = "Search";
    search.setAttribute("aria-label", `Search ${data.label}`);
    search.dataset.focus = "search";
    search.value = state.search;
    search.oninput = () => { state.search = search.value; drawRows(); };
  }
  const scroll = element("div", "scroll", root);
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", data.label);
  const table = element("table", "", scroll);
  element("caption", "", table, data.label);
  const head = element("tr", "", element("thead", "", table));
  const body = element("tbody", "", table);

  const drawHead = () => {
    head.replaceChildren();
    data.columns.forEach((column, i) => {
      const cell = element("th", column.number ? "number" : "", head);
      cell.scope = "col";
      const direction = state.sort?.column === i ? state.sort.direction : 0;
      cell.setAttribute("aria-sort", direction ? (direction > 0 ? "ascending" : "descending") : "none");
      if (!data.sortable) { cell.removeAttribute("aria-sort"); cell.textContent = column.label; }
      else {
        const button = element("button", "sort", cell, column.label);
        button.type = "button";
        button.dataset.focus = `sort${i}`;
        element("span", "arrow", button, direction ? (direction > 0 ? "↑" : "↓") : "").setAttribute("aria-hidden", "true");
        button.onclick = () => {
          const first = column.number ? -1 : 1;
          state.sort = direction === 0 ? { column: i, direction: first }
            : direction === first ? { column: i, direction: -first } : null;
          drawHead(); drawRows();
          head.querySelectorAll("button")[i].focus();
        };
      }
      if (column.help) cell.title = column.help;
    });
  };

  const drawRows = () => {
    const wanted = state.search.trim().toLowerCase();
    const rows = ordered(data.rows, state.sort)
      .filter((row) => !wanted || row.cells.some((cell) => cell.text.toLowerCase().includes(wanted)));
    body.replaceChildren();
    if (!rows.length) {
      const cell = element("td", "empty", element("tr", "", body), `Nothing matches “${state.search}”.`);
      cell.colSpan = data.columns.length;
    }
    rows.forEach((row) => {
      const line = element("tr", row.id === data.current ? "current" : "", body);
      row.cells.forEach((cell, i) => {
        const box = element(i ? "td" : "th", data.columns[i].number ? "number" : "", line);
        if (!i) box.scope = "row";
        if (cell.title) box.title = cell.title;
        if (i || !data.opens) return drawCell(cell, box);
        const button = element("button", "open", box);
        button.type = "button";
        button.dataset.focus = `open${row.id}`;
        drawCell(cell, button);
        if (row.id === data.current) button.setAttribute("aria-current", "true");
      });
      if (data.opens) {
        line.classList.add("opens");
        line.onclick = () => { if (!String(getSelection())) setTriggerValue("open", row.id); };
      }
    });
  };

  drawHead();
  drawRows();
  scroll.scrollLeft = scrolled;
  if (hadFocus) root.querySelector(`[data-focus="${CSS.escape(hadFocus)}"]`)?.focus();
}
