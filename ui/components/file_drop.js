// Sends chosen files one after the other, each in a request of its own that the server writes to disk as it arrives.
// What is being sent belongs to the place and outlives a new drawing; what has arrived is told by the server.

const memory = new WeakMap();
const MOST_ROWS = 40;
const LEFT_OUT = /(^|\/)(\.git|__pycache__|\.venv|node_modules|\.ipynb_checkpoints)\/|(^|\/)(\.DS_Store|Thumbs\.db)$/;
const TEMPLATE = `
  <div class="drop"><b class="label"></b>
    <button type="button" class="choose">Choose files</button>
    <button type="button" class="folder">Choose a folder</button>
    <span class="hint"></span></div>
  <input type="file" multiple class="files" tabindex="-1" aria-hidden="true">
  <input type="file" webkitdirectory class="dir" tabindex="-1" aria-hidden="true">
  <ul></ul><p class="said" role="status"></p>`;

function bytes(size) {
  if (size < 1000) return `${size} bytes`;
  const [unit, name] = size < 1e6 ? [1e3, "kB"] : size < 1e9 ? [1e6, "MB"] : [1e9, "GB"];
  return `${(size / unit).toFixed(size / unit < 10 ? 1 : 0)} ${name}`;
}

function add(state, pairs) {
  for (const [name, file] of pairs) {
    if (LEFT_OUT.test(name)) { state.leftOut += 1; continue; }
    state.queue = state.queue.filter((each) => each.name !== name);
    state.queue.push({ name, file, sent: 0, why: "" });
  }
  draw(state);
  next(state);
}

function next(state) {
  if (state.sending) return;
  const one = state.queue.find((each) => !each.why);
  if (!one) {
    if (state.hasNews) { state.hasNews = false; state.tell("changed", Date.now()); }
    return;
  }
  state.sending = one;
  const request = (one.request = new XMLHttpRequest());
  const end = (why) => {
    if (state.sending !== one) return;
    state.sending = null;
    one.why = why;
    if (!why) {
      state.queue = state.queue.filter((each) => each !== one);
      state.arrived.set(one.name, one.file.size);
      state.hasNews = true;
      // From the first file on the page has an address under which a reload finds them.
      if (state.arrived.size === 1) state.tell("changed", Date.now());
    }
    draw(state);
    next(state);
  };
  request.open("PUT", state.address);
  request.setRequestHeader("X-File-Name", encodeURIComponent(one.name));
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.upload.onprogress = (event) => { one.sent = event.loaded; draw(state); };
  request.onload = () => {
    if (request.status === 200) return end("");
    let why = `the server answered ${request.status}`;
    try { why = JSON.parse(request.responseText).why ?? why; } catch { /* no words of ours */ }
    end(`Not taken: ${why}.`);
  };
  request.onerror = () => end("Cut off: the connection to Sluice broke, or the file cannot be read. Nothing of it was kept.");
  request.onabort = () => end("Stopped. Nothing of it was kept.");
  request.send(one.file);
}

function button(text, label, press) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "quiet";
  made.textContent = text;
  made.setAttribute("aria-label", label);
  made.onclick = press;
  return made;
}

function row(name, size, ...buttons) {
  const item = document.createElement("li");
  const [first, second] = [document.createElement("span"), document.createElement("span")];
  first.className = "name";
  first.textContent = name;
  second.className = "size";
  second.textContent = size;
  const last = document.createElement("span");
  last.append(...buttons);
  item.append(first, second, last);
  return item;
}

function waiting(state, one) {
  const drop = () => { state.queue = state.queue.filter((each) => each !== one); draw(state); next(state); };
  if (one.why) {
    const again = button("Try again", `Send ${one.name} again`, () => { one.why = ""; one.sent = 0; draw(state); next(state); });
    const item = row(one.name, bytes(one.file.size), again, button("Remove", `Remove ${one.name}`, drop));
    const why = document.createElement("span");
    why.className = "why";
    why.setAttribute("role", "alert");
    why.textContent = one.why;
    item.append(why);
    return item;
  }
  const isNow = state.sending === one;
  const stop = isNow ? () => one.request.abort() : drop;
  const item = row(one.name, `${bytes(one.sent)} of ${bytes(one.file.size)}`, button("Stop", `Stop ${one.name}`, stop));
  const bar = document.createElement("progress");
  bar.max = one.file.size || 1;
  bar.value = one.sent;
  bar.setAttribute("aria-label", `Sent of ${one.name}`);
  item.append(bar);
  return item;
}

function draw(state) {
  const list = state.root.querySelector("ul");
  const names = [...state.arrived.keys()].sort();
  const busy = state.queue.slice(0, MOST_ROWS).map((one) => waiting(state, one));
  const done = names.slice(0, MOST_ROWS).map((name) => row(name, bytes(state.arrived.get(name)), button(
    "Remove", `Remove ${name}`, () => { state.arrived.delete(name); draw(state); state.tell("remove", [name]); })));
  list.replaceChildren(...busy, ...done);
  const hidden = Math.max(0, state.queue.length - MOST_ROWS) + Math.max(0, names.length - MOST_ROWS);
  const total = [...state.arrived.values()].reduce((sum, size) => sum + size, 0);
  const said = [];
  if (names.length > 1) said.push(`${names.length} files, ${bytes(total)}`);
  if (hidden) said.push(`${hidden} more are not listed`);
  if (state.leftOut) said.push(`${state.leftOut} left out that no deployment needs, such as __pycache__ and .git`);
  const words = said.length ? `${said.join("; ")}.` : "";
  const place = state.root.querySelector(".said");
  if (place.textContent !== words) place.textContent = words;
}

function entries(reader) {
  return new Promise((found) => {
    const all = [];
    const more = () => reader.readEntries((some) => {
      if (!some.length) return found(all);
      all.push(...some);
      more();
    }, () => found(all));
    more();
  });
}

async function walk(entry) {
  if (entry.isFile) {
    return new Promise((found) => entry.file((file) => found([[entry.fullPath.slice(1), file]]), () => found([])));
  }
  const inside = [];
  for (const each of await entries(entry.createReader())) inside.push(...(await walk(each)));
  return inside;
}

export default function ({ parentElement, data, setTriggerValue }) {
  let state = memory.get(parentElement);
  if (!state) {
    const root = document.createElement("div");
    root.className = "root";
    root.innerHTML = TEMPLATE;
    parentElement.appendChild(root);
    state = { root, queue: [], arrived: new Map(), leftOut: 0, sending: null, hasNews: false };
    memory.set(parentElement, state);
    const [files, dir, drop] = [".files", ".dir", ".drop"].map((each) => root.querySelector(each));
    root.querySelector(".choose").onclick = () => files.click();
    root.querySelector(".folder").onclick = () => dir.click();
    files.onchange = () => { add(state, [...files.files].map((each) => [each.name, each])); files.value = ""; };
    dir.onchange = () => { add(state, [...dir.files].map((each) => [each.webkitRelativePath, each])); dir.value = ""; };
    drop.ondragover = (event) => { event.preventDefault(); drop.classList.add("over"); };
    drop.ondragleave = () => drop.classList.remove("over");
    drop.ondrop = async (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      const dropped = [...event.dataTransfer.items].map((each) => each.webkitGetAsEntry()).filter(Boolean);
      for (const entry of dropped) add(state, await walk(entry));
    };
  }
  state.tell = setTriggerValue;
  if (state.address !== data.address) {
    state.sending?.request.abort();
    Object.assign(state, { address: data.address, queue: [], sending: null, leftOut: 0, hasNews: false });
  }
  state.arrived = new Map(data.received);
  state.root.querySelector(".label").textContent = data.label;
  state.root.querySelector(".hint").textContent = data.hint;
  draw(state);
}
