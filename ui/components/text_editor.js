// A plain textarea with line numbers. What the person types is theirs: nothing that the server says replaces it, unless
// the server has changed the text itself, which a new revision tells. Under a place, the text is kept in the tab's session
// storage, so that it outlives a reload of the page and a restart of the server; without one, the server keeps it.

const memory = new WeakMap();
const PAUSE_MS = 350;
const TEMPLATE = `
  <div class="frame">
    <div class="gutter" aria-hidden="true"></div>
    <div class="field"><div class="mark" hidden></div><textarea wrap="off" rows="16" spellcheck="false"
      autocapitalize="off" autocomplete="off" autocorrect="off"></textarea></div>
  </div>
  <div class="status"><span class="problem" role="status"></span><span class="place"></span></div>`;

function kept(place) {
  if (!place) return null;
  try {
    return JSON.parse(sessionStorage.getItem(place));
  } catch {
    return null; // storage that is switched off, or holds something else
  }
}

function keep(state) {
  const { session, revision, text, options } = state;
  if (!state.place) return;
  try {
    sessionStorage.setItem(state.place, JSON.stringify({ session, revision, text, options }));
  } catch {
    try { sessionStorage.removeItem(state.place); } catch { /* switched off: the text lives as long as the page */ }
  }
}

// Whose text counts. One that the server has changed since is out of date; in a session that has just begun the server
// knows nothing yet, and what this tab has kept is the person's last word.
function isOurs(known, data) {
  if (!known || typeof known.text !== "string") return false;
  return known.session === data.session ? known.revision === data.revision : data.is_new;
}

function taken(parentElement, data) {
  const before = memory.get(parentElement);
  const state = before && before.place === data.place ? before : { place: data.place, sent: null };
  const known = state === before ? before : kept(data.place);
  const isSame = state === before && before.session === data.session && before.revision === data.revision;
  state.isTaken = !isSame;
  const options = JSON.stringify(data.options);
  if (!isSame) {
    // What has been typed since the server was told of an earlier draft is newer than its answer.
    const isEcho = state.restored && state.session === data.session && state.revision + 1 === data.revision;
    const ours = isEcho || isOurs(known, data);
    state.text = ours ? known.text : data.text;
    // From before a reload: told to the server, which answers with a new revision.
    state.restored = ours && known.session !== data.session ? known.options ?? {} : null;
    Object.assign(state, { session: data.session, revision: data.revision, sent: data.text });
    state.isTold = false;
  }
  if (!isSame || state.seen !== options) {
    state.seen = options;
    state.options = state.restored ?? data.options;
    keep(state);
  }
  memory.set(parentElement, state);
  return state;
}

function lineOf(text, offset) {
  const before = text.slice(0, offset);
  const start = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: [...before.slice(start)].length + 1 };
}

function draw(root, state, data) {
  const area = root.querySelector("textarea");
  const lines = state.text.split("\n").length;
  if (state.lines !== lines) {
    root.querySelector(".gutter").textContent = Array.from({ length: lines }, (_, i) => i + 1).join("\n");
    state.lines = lines;
  }
  const isKnown = state.text === data.text;
  const problem = isKnown ? data.problem : null;
  const mark = root.querySelector(".mark");
  mark.hidden = !problem?.line;
  mark.style.setProperty("--line", (problem?.line ?? 1) - 1);
  area.setAttribute("aria-invalid", String(Boolean(problem)));
  const words = root.querySelector(".problem");
  if (isKnown && words.textContent !== data.words) words.textContent = data.words;
  words.classList.toggle("bad", Boolean(problem));
  words.classList.toggle("old", !isKnown);
  follow(root);
}

function follow(root) {
  const area = root.querySelector("textarea");
  root.querySelector(".gutter").scrollTop = area.scrollTop;
  root.querySelector(".mark").style.setProperty("--scrolled", `${area.scrollTop}px`);
}

// Brings a line into sight, once for each turn: somebody has asked for it further up on the page.
function show(root, state, shown) {
  if (!shown.turn || state.shown === shown.turn) return;
  state.shown = shown.turn;
  const area = root.querySelector("textarea");
  const before = area.value.split("\n").slice(0, Math.max(0, shown.line - 1));
  const start = before.reduce((sum, line) => sum + line.length + 1, 0);
  area.focus({ preventScroll: true });
  area.setSelectionRange(start, start);
  const height = parseFloat(getComputedStyle(area).lineHeight) || 20;
  area.scrollTop = Math.max(0, before.length * height - area.clientHeight / 2);
  root.scrollIntoView({ block: "center" });
}

function caret(root) {
  const area = root.querySelector("textarea");
  const { line, column } = lineOf(area.value, area.selectionStart);
  root.querySelector(".place").textContent = `Line ${line}, column ${column}`;
}

export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  let root = parentElement.querySelector(".root");
  if (!root) {
    root = document.createElement("div");
    root.className = "root";
    root.innerHTML = TEMPLATE;
    parentElement.appendChild(root);
  }
  const area = root.querySelector("textarea");
  const state = taken(parentElement, data);
  state.data = data;
  area.setAttribute("aria-label", data.label);
  area.placeholder = data.placeholder;
  const frame = root.querySelector(".frame");
  if (state.height !== data.height) {
    // Once: a person may have pulled it to another height.
    state.height = data.height;
    frame.style.height = `${data.height}rem`;
  }
  if (state.isTaken && area.value !== state.text) area.value = state.text;
  draw(root, state, data);
  show(root, state, data.shown);
  caret(root);

  const said = () => ({ text: state.text, session: state.session, revision: state.revision, options: state.restored });
  const isTold = () => state.sent === state.text && (!state.restored || state.isTold);
  const commit = () => {
    clearTimeout(state.timer);
    if (isTold()) return;
    state.sent = state.text;
    state.isTold = true;
    setStateValue("text", said());
  };
  area.oninput = () => {
    state.text = area.value;
    draw(root, state, state.data);
    caret(root);
    clearTimeout(state.timer);
    state.timer = setTimeout(() => { keep(state); commit(); }, PAUSE_MS);
  };
  area.onblur = () => { keep(state); commit(); };
  area.onscroll = () => follow(root);
  area.onkeyup = area.onclick = area.onselect = () => caret(root);
  area.onkeydown = (event) => {
    if (!state.data.sends || event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    // The button has the same shortcut; what is sent must be what stands here, so it is sent from here.
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat) return;
    clearTimeout(state.timer);
    keep(state);
    state.sent = state.text;
    setTriggerValue("send", said());
  };
  if (!isTold()) commit();
}
