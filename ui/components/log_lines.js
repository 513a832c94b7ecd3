// Lines of logs. What is drawn stays where it is on the screen while lines are added below or dropped above; who is at
// the end stays at the end. All text arrives as text, never as HTML.

const memory = new WeakMap();
const REQUEST_ID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi;
const NEAR_END_PX = 24;
const TEMPLATE = `
  <div class="bar"><span class="said"></span>
    <button type="button" class="tool newest" hidden></button>
    <button type="button" class="tool save">Download</button></div>
  <div class="scroll" tabindex="0" role="log" aria-live="off">
    <p class="note" hidden></p><div class="lines"></div></div>`;

function element(tag, className, parent, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  parent.appendChild(node);
  return node;
}

function drawMarked(parent, text, words) {
  const low = text.toLowerCase();
  let at = 0;
  // A letter whose small form is longer than itself would shift every mark behind it.
  while (words.length && low.length === text.length && at < text.length) {
    const places = words.map((word) => [low.indexOf(word, at), word]).filter(([place]) => place >= 0);
    const next = places.sort((a, b) => a[0] - b[0])[0];
    if (!next) break;
    parent.append(text.slice(at, next[0]));
    element("mark", "", parent, text.slice(next[0], next[0] + next[1].length));
    at = next[0] + next[1].length;
  }
  parent.append(text.slice(at));
}

function drawText(parent, text, words) {
  let at = 0;
  for (const found of text.matchAll(REQUEST_ID)) {
    drawMarked(parent, text.slice(at, found.index), words);
    const id = element("button", "id", parent);
    id.type = "button";
    id.title = "Search for this id";
    id.dataset.id = found[0];
    drawMarked(id, found[0], words);
    at = found.index + found[0].length;
  }
  drawMarked(parent, text.slice(at), words);
}

function drawLine([id, source, time, level, text, stamp], data) {
  const row = document.createElement("div");
  row.className = `line ${level}`;
  row.dataset.key = id;
  element("time", "", row, time);
  const name = element("span", "source", row, source);
  name.style.setProperty("--colour", data.colours[source] ?? "");
  element("span", "level", row, level);
  drawText(element("span", "text", row), text.slice(stamp), data.words);
  return row;
}

function atEnd(scroll) {
  return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END_PX;
}

function toEnd(scroll, state) {
  scroll.scrollTop = scroll.scrollHeight;
  Object.assign(state, { isAtEnd: true, top: scroll.scrollTop });
}

// Only who scrolls up leaves the end. Lines that grow, because a font has arrived or the window is narrower, push the
// end away from everybody.
function scrolled(root, state) {
  const scroll = root.querySelector(".scroll");
  if (atEnd(scroll)) Object.assign(state, { isAtEnd: true, unread: 0 });
  else if (scroll.scrollTop < state.top - 1) state.isAtEnd = false;
  state.top = scroll.scrollTop;
  drawBar(root, state);
}

function drawLines(root, state, data) {
  const [scroll, list] = [root.querySelector(".scroll"), root.querySelector(".lines")];
  const words = JSON.stringify(data.words);
  const stays = !state.isNew && !state.isAtEnd;
  const top = scroll.getBoundingClientRect().top;
  const first = stays && [...list.children].find((row) => row.getBoundingClientRect().bottom > top);
  const anchor = first && { key: first.dataset.key, offset: first.getBoundingClientRect().top };
  const known = state.words === words ? state.rows : new Map();
  const rows = new Map();
  let added = 0;
  const wanted = data.lines.map((line) => {
    const said = line.join("\n");
    const before = known.get(line[0]);
    const kept = before?.said === said ? before : { said, node: drawLine(line, data) };
    if (kept !== before) added += 1;
    rows.set(line[0], kept);
    return kept.node;
  });
  for (const { node } of state.rows.values()) if (rows.get(node.dataset.key)?.node !== node) node.remove();
  wanted.forEach((node, i) => { if (list.children[i] !== node) list.insertBefore(node, list.children[i] ?? null); });
  Object.assign(state, { rows, words });
  const note = root.querySelector(".note");
  note.textContent = wanted.length ? data.note : data.nothing;
  note.hidden = !note.textContent;
  const place = anchor && rows.get(anchor.key)?.node;
  if (place) scroll.scrollTop += place.getBoundingClientRect().top - anchor.offset;
  else if (!stays) toEnd(scroll, state);
  if (state.isAtEnd) state.unread = 0;
  else if (known.size) state.unread += added;
  Object.assign(state, { isNew: false, top: scroll.scrollTop });
}

function drawBar(root, { data, unread }) {
  const count = data.lines.length;
  const said = `${count.toLocaleString("en")} ${count === 1 ? "entry" : "entries"}`;
  root.querySelector(".said").textContent = count ? said : "";
  const newest = root.querySelector(".newest");
  newest.hidden = !unread;
  newest.textContent = `${unread.toLocaleString("en")} new ↓`;
  root.querySelector(".save").disabled = !count;
}

function save({ lines, file }) {
  const text = lines.flatMap(([, source, , , said]) => said.split("\n").map((line) => `${source}  ${line}\n`)).join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const now = new Date().toISOString().replace(/\.\d+|[-:]/g, "");
  link.download = `${file}-${now}.log`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export default function ({ parentElement, data, setTriggerValue }) {
  let root = parentElement.querySelector(".root");
  if (!root) {
    root = document.createElement("div");
    root.className = "root";
    root.innerHTML = TEMPLATE;
    parentElement.appendChild(root);
  }
  const fresh = { rows: new Map(), words: "[]", isNew: true, isAtEnd: true, top: 0, unread: 0 };
  const state = memory.get(parentElement) ?? fresh;
  memory.set(parentElement, state);
  const scroll = root.querySelector(".scroll");
  scroll.setAttribute("aria-label", data.label);
  // The first reading is on its way: what comes with it is not new to anybody.
  state.isNew ||= !state.rows.size;
  state.data = data;
  drawLines(root, state, data);
  drawBar(root, state);

  root.querySelector(".newest").onclick = () => { toEnd(scroll, state); scrolled(root, state); };
  root.querySelector(".save").onclick = () => save(state.data);
  scroll.onscroll = () => scrolled(root, state);
  state.observer ??= new ResizeObserver(() => { if (state.isAtEnd) toEnd(scroll, state); });
  state.observer.observe(root.querySelector(".lines"));
  scroll.onclick = (event) => {
    const id = event.target.closest(".id")?.dataset.id;
    if (id) setTriggerValue("find", id);
  };
}
