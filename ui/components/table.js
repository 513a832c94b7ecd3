// A plain table that can be sorted, searched, filtered and downloaded, and whose rows can be opened. All text arrives as
// text, never as HTML.

const memory = new WeakMap();
const SEARCH_PAUSE_MS = 400;
const SVG = "http://www.w3.org/2000/svg";

function element(tag, className, parent, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  parent.appendChild(node);
  return node;
}

function compare(a, b) {
  // What is not known stays at the end, whichever way the column is sorted.
  const isUnknown = (value) => value === null || value === undefined;
  if (isUnknown(a) || isUnknown(b)) return isUnknown(a) === isUnknown(b) ? 0 : isUnknown(a) ? Infinity : -Infinity;
  return typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));
}

const collator = new Intl.Collator("en");

function ordered(rows, column, direction) {
  if (column < 0) return rows;
  return [...rows].sort((x, y) => {
    const order = compare(x.cells[column].sort, y.cells[column].sort);
    return Number.isFinite(order) ? order * direction : Math.sign(order);
  });
}

function matches(row, terms) {
  if (!terms.length) return true;
  const text = [...row.cells.flatMap((cell) => [cell.text, cell.note ?? ""]), row.also ?? ""].join("\n").toLowerCase();
  return terms.every((term) => text.includes(term));
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
  // A share stays on the line of its deployment.
  element("span", "words", box, cell.text.replaceAll(/ (?=\d+ %|%)/g, "\u00a0"));
}

function drawSpark(values, parent) {
  const [width, height] = [64, 18];
  const known = values.filter((value) => value !== null);
  const most = Math.max(...known, 0);
  const line = [];
  let isDrawing = false;
  values.forEach((value, i) => {
    if (value === null) { isDrawing = false; return; }
    const x = 1 + (i / Math.max(1, values.length - 1)) * (width - 2);
    const y = height - 1.5 - (most ? value / most : 0) * (height - 3);
    // A lone minute between two gaps is a dot: a line of no length with round ends.
    line.push(`${isDrawing ? "L" : `M${x.toFixed(1)} ${y.toFixed(1)}L`}${x.toFixed(1)} ${y.toFixed(1)}`);
    isDrawing = true;
  });
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", line.join(""));
  svg.appendChild(path);
  parent.appendChild(svg);
}

function drawCell(cell, parent) {
  if (cell.shares?.length) return drawShares(cell, parent);
  if (cell.spark?.length) drawSpark(cell.spark, parent);
  if (cell.colour) element("span", "swatch", parent).style.setProperty("--colour", cell.colour);
  if (cell.tone) element("span", `dot ${cell.tone}`, parent);
  const text = element("span", cell.code ? "code" : "", parent, cell.text);
  if (cell.muted) text.classList.add("muted");
  if (cell.strong) text.classList.add("strong");
}

function drawNote(cell, parent) {
  if (cell.note) element("span", "note", parent, cell.note);
}

function keepRoles(table) {
  table.setAttribute("role", "table");
  table.querySelectorAll("thead, tbody").forEach((each) => each.setAttribute("role", "rowgroup"));
  table.querySelectorAll("tr").forEach((each) => each.setAttribute("role", "row"));
  table.querySelectorAll("td").forEach((each) => each.setAttribute("role", "cell"));
  table.querySelectorAll("thead th").forEach((each) => each.setAttribute("role", "columnheader"));
  table.querySelectorAll("tbody th").forEach((each) => each.setAttribute("role", "rowheader"));
}

function kindOf(column) {
  return [column.number && "number", column.wraps && "wraps"].filter(Boolean).join(" ");
}

function csvField(value) {
  let text = value === null || value === undefined ? "" : String(value);
  // A spreadsheet would run a text that begins like a formula.
  if (typeof value !== "number" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvOf(columns, rows) {
  const value = (cell, column) => cell.csv ?? (column.number ? cell.sort : cell.text);
  const lines = [columns.map((column) => column.csv || column.label)];
  rows.forEach((row) => lines.push(row.cells.map((cell, i) => value(cell, columns[i]))));
  return lines.map((line) => line.map(csvField).join(",")).join("\r\n") + "\r\n";
}

function save(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// An answer to an older wish must not undo what the person has typed since; one from elsewhere (a link, Back) is followed.
function follow(state, given) {
  const text = JSON.stringify(given);
  if (!given || text === state.given) return;
  state.given = text;
  if (text === state.sent.at(-1)) state.sent = [];
  else if (!state.sent.includes(text)) state.view = { ...given, filters: [...given.filters] };
}

// A button that is drawn anew between the key or the pointer going down and coming up takes no press: what comes in
// between is drawn afterwards.
function holdWhilePressed(root, state) {
  const ends = ["pointerup", "pointercancel", "keyup", "blur"];
  const release = () => {
    ends.forEach((name) => window.removeEventListener(name, release, true));
    state.isPressed = false;
    // The click comes after the end of the press.
    setTimeout(() => { if (!state.isPressed) state.later?.(); });
  };
  const begin = (event) => {
    if (event.type === "keydown" && event.key !== " ") return;
    state.isPressed = true;
    ends.forEach((name) => window.addEventListener(name, release, true));
  };
  root.addEventListener("pointerdown", begin);
  root.addEventListener("keydown", begin);
}

export default function draw(given) {
  const { parentElement, data, setTriggerValue, setStateValue } = given;
  const state = memory.get(parentElement) ?? { view: { search: "", filters: [], sort: "" }, sent: [] };
  memory.set(parentElement, state);
  follow(state, data.view);
  // What is drawn calls the newest of these, because nothing is drawn again as long as it would look the same.
  state.open = (id) => setTriggerValue("open", id);
  state.want = (view) => setStateValue("view", view);
  const look = () => JSON.stringify([{ ...data, view: null }, state.view]);
  state.later = null;
  if (look() === state.drawn) return;
  if (state.isPressed) { state.later = () => draw(given); return; }
  const { columns } = data;
  const view = state.view;

  let root = parentElement.querySelector(".root");
  if (!root) {
    root = element("div", "root", parentElement);
    holdWhilePressed(root, state);
  }
  const active = root.getRootNode().activeElement;
  const hadFocus = active?.dataset?.focus;
  const selection = active?.tagName === "INPUT" ? [active.selectionStart, active.selectionEnd] : null;
  const old = root.querySelector(".scroll");
  const scrolled = [old?.scrollLeft ?? 0, old?.scrollTop ?? 0];
  root.replaceChildren();
  root.classList.toggle("compact", data.compact);
  root.classList.toggle("tall", Boolean(data.tall));
  root.classList.toggle("tight", columns.length > 10);
  root.classList.toggle("stacks", Boolean(data.stacks));

  const tell = () => {
    clearTimeout(state.timer);
    state.drawn = look();
    if (!data.tells) return;
    const wanted = { search: view.search, filters: [...view.filters], sort: view.sort };
    state.sent.push(JSON.stringify(wanted));
    state.want(wanted);
  };
  const sortedBy = () => {
    const id = view.sort.replace(/^-/, "");
    return [columns.findIndex((column) => (column.id || column.label) === id), view.sort.startsWith("-") ? -1 : 1];
  };
  const visible = () => {
    const terms = data.search ? view.search.toLowerCase().split(/\s+/).filter(Boolean) : [];
    const kept = data.rows.filter((row) => matches(row, terms)
      && (!view.filters.length || view.filters.some((each) => row.marks?.includes(each))));
    return ordered(kept, ...sortedBy());
  };

  const bar = element("div", "tools", root);
  if (data.search) {
    const search = element("input", "search", bar);
    search.type = "search";
    search.placeholder = "Search";
    search.setAttribute("aria-label", `Search ${data.label}`);
    search.dataset.focus = "search";
    search.value = view.search;
    search.oninput = () => {
      view.search = search.value;
      drawRows();
      clearTimeout(state.timer);
      state.timer = setTimeout(tell, SEARCH_PAUSE_MS);
    };
  }
  const chips = element("div", "chips", bar);
  chips.setAttribute("role", "group");
  chips.setAttribute("aria-label", "Filter");
  const said = element("span", "said", bar);
  said.setAttribute("role", "status");
  if (data.download) {
    const button = element("button", "tool", bar, "Download CSV");
    button.type = "button";
    button.dataset.focus = "download";
    button.disabled = !data.rows.length;
    button.onclick = () => save(data.download, csvOf(columns, visible()));
  }
  if (!data.filters.length) chips.remove();
  if (!data.filters.length && !bar.querySelector("input, button")) bar.classList.add("bare");

  const scroll = element("div", "scroll", root);
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", data.label);
  const table = element("table", "", scroll);
  element("caption", "", table, data.label);
  const head = element("tr", "", element("thead", "", table));
  const body = element("tbody", "", table);

  const drawChips = () => {
    const focused = root.getRootNode().activeElement?.dataset?.focus;
    chips.replaceChildren();
    data.filters.forEach((each) => {
      const isOn = view.filters.includes(each.id);
      const count = data.rows.filter((row) => row.marks?.includes(each.id)).length;
      const chip = element("button", count || !each.is_known ? "chip" : "chip zero", chips);
      chip.type = "button";
      chip.dataset.focus = `filter${each.id}`;
      chip.setAttribute("aria-pressed", String(isOn));
      if (each.help) chip.title = each.help;
      element("span", "tick", chip, isOn ? "✓" : "").setAttribute("aria-hidden", "true");
      element("span", "", chip, each.label);
      const shown = element("span", "count", chip, each.is_known ? String(count) : count ? `${count}+` : "…");
      if (!each.is_known) {
        shown.setAttribute("aria-hidden", "true");
        element("span", "unseen", chip, count ? `at least ${count}, not all known yet` : "not known yet");
      }
      chip.onclick = () => {
        view.filters = isOn ? view.filters.filter((id) => id !== each.id) : [...view.filters, each.id];
        drawChips(); drawRows(); tell();
      };
    });
    if (focused?.startsWith("filter")) chips.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  };

  const drawHead = () => {
    const [by, direction] = sortedBy();
    head.replaceChildren();
    columns.forEach((column, i) => {
      const cell = element("th", kindOf(column), head);
      cell.scope = "col";
      if (column.help) cell.title = column.help;
      if (!data.sortable) { cell.textContent = column.label; return; }
      const mine = by === i ? direction : 0;
      cell.setAttribute("aria-sort", mine ? (mine > 0 ? "ascending" : "descending") : "none");
      const button = element("button", "sort", cell, column.label);
      button.type = "button";
      button.dataset.focus = `sort${i}`;
      element("span", "arrow", button, mine ? (mine > 0 ? "↑" : "↓") : "").setAttribute("aria-hidden", "true");
      button.onclick = () => {
        const first = column.number ? -1 : 1;
        const next = mine === 0 ? first : mine === first ? -first : 0;
        view.sort = next ? `${next < 0 ? "-" : ""}${column.id || column.label}` : "";
        drawHead(); drawRows(); tell();
        head.querySelectorAll("button")[i].focus();
      };
    });
  };

  const drawNothing = () => {
    const cell = element("td", "empty", element("tr", "", body));
    cell.colSpan = columns.length;
    if (!data.rows.length) { cell.textContent = data.nothing; return; }
    element("span", "", cell, view.search && !view.filters.length
      ? `Nothing matches “${view.search}”. ` : "Nothing matches the search and the filters. ");
    const clear = element("button", "tool", cell, view.filters.length ? "Show all" : "Clear the search");
    clear.type = "button";
    clear.onclick = () => {
      view.search = ""; view.filters = [];
      const search = root.querySelector(".search");
      if (search) { search.value = ""; search.focus(); }
      drawChips(); drawRows(); tell();
    };
  };

  const drawFirst = (row, cell, box) => {
    if (!data.opens && !row.href) { drawCell(cell, box); drawNote(cell, box); return; }
    const open = element(row.href ? "a" : "button", "open", box);
    if (row.href) open.href = row.href; else open.type = "button";
    open.dataset.focus = `open${row.id}`;
    drawCell(cell, open);
    drawNote(cell, box);
    if (row.id === data.current) open.setAttribute("aria-current", "true");
  };

  const drawRows = () => {
    const rows = visible();
    body.replaceChildren();
    const isPart = rows.length !== data.rows.length;
    said.textContent = isPart ? `${rows.length} of ${data.rows.length} shown` : "";
    if (!rows.length) drawNothing();
    const lines = document.createDocumentFragment();
    rows.forEach((row) => {
      const line = element("tr", row.id === data.current ? "current" : "", lines);
      row.cells.forEach((cell, i) => {
        const box = element(i ? "td" : "th", kindOf(columns[i]), line);
        if (!i) box.scope = "row";
        if (cell.title) box.title = cell.title;
        box.dataset.label = columns[i].label;
        if (!i) { drawFirst(row, cell, box); return; }
        drawCell(cell, box);
        drawNote(cell, box);
      });
      if (!data.opens) return;
      line.classList.add("opens");
      line.onclick = (event) => {
        // With a key held, or the middle button, a link opens where the browser puts it.
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        if (!String(getSelection())) state.open(row.id);
      };
    });
    body.appendChild(lines);
    // Cells below each other are no table to a browser any more; to a screen reader they stay one.
    if (data.stacks) keepRoles(table);
  };

  body.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.classList.contains("open")) return;
    const all = [...body.querySelectorAll(".open")];
    const next = all[all.indexOf(event.target) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  };

  drawChips();
  drawHead();
  drawRows();
  state.drawn = look();
  scroll.scrollLeft = scrolled[0];
  scroll.scrollTop = scrolled[1];
  const again = hadFocus && root.querySelector(`[data-focus="${CSS.escape(hadFocus)}"]`);
  if (again) {
    again.focus();
    if (selection) again.setSelectionRange(...selection);
  }
}
