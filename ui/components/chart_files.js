// A chart as a picture: what plotly has drawn on the page, on the page's background, below a title.
// Made from the drawn SVG, because the page's plotly is out of reach of other scripts.

const SVG = "http://www.w3.org/2000/svg";
const HEAD = 44;
const SCALE = 2;
const UNSEEN = ".hoverlayer, .draglayer, .selectionlayer, .zoomlayer";

function text(parent, words, y, size, weight, colour) {
  const node = document.createElementNS(SVG, "text");
  node.textContent = words;
  node.setAttribute("x", 12);
  node.setAttribute("y", y);
  node.setAttribute("style", `font: ${weight} ${size}px sans-serif; fill: ${colour}`);
  parent.appendChild(node);
}

function drawn(data, style) {
  const layers = [...document.querySelectorAll(`.st-key-${CSS.escape(data.chart)} .js-plotly-plot svg.main-svg`)];
  if (!layers.length) return null;
  const width = Number(layers[0].getAttribute("width"));
  const height = Number(layers[0].getAttribute("height")) + HEAD;
  const root = document.createElementNS(SVG, "svg");
  root.setAttribute("width", width);
  root.setAttribute("height", height);
  root.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const paper = document.createElementNS(SVG, "rect");
  paper.setAttribute("width", "100%");
  paper.setAttribute("height", "100%");
  paper.setAttribute("fill", style.getPropertyValue("--st-background-color").trim() || "white");
  root.appendChild(paper);
  const ink = style.getPropertyValue("--st-text-color").trim() || "black";
  text(root, data.title, 19, 14, 600, ink);
  text(root, data.about, 36, 12, 400, ink);
  for (const layer of layers) {
    const copy = layer.cloneNode(true);
    copy.querySelectorAll(UNSEEN).forEach((node) => node.remove());
    copy.setAttribute("y", HEAD);
    copy.style.background = "none";
    root.appendChild(copy);
  }
  // On the page a reference may hold the page's address; in a file of its own it must not.
  const written = new XMLSerializer().serializeToString(root).replace(/url\(((?:&quot;|["'])?)[^#()]*#/g, "url($1#");
  return { written, width, height };
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function png({ written, width, height }) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(written)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = width * SCALE;
  canvas.height = height * SCALE;
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

export default function ({ parentElement, data }) {
  let root = parentElement.querySelector(".root");
  if (!root) {
    root = document.createElement("div");
    root.className = "root";
    root.innerHTML = '<button type="button">PNG</button><button type="button">SVG</button><span class="said" role="status"></span>';
    parentElement.appendChild(root);
  }
  const [raster, vector] = root.querySelectorAll("button");
  const said = root.querySelector(".said");
  const take = async (kind) => {
    said.textContent = "";
    try {
      const picture = drawn(data, getComputedStyle(root));
      if (!picture) {
        said.textContent = "The chart is not drawn yet.";
      } else if (kind === "svg") {
        save(new Blob([picture.written], { type: "image/svg+xml" }), `${data.name}.svg`);
      } else {
        save(await png(picture), `${data.name}.png`);
      }
    } catch {
      said.textContent = "This browser could not make the picture.";
    }
  };
  raster.setAttribute("aria-label", `PNG of ${data.title}`);
  vector.setAttribute("aria-label", `SVG of ${data.title}`);
  raster.onclick = () => take("png");
  vector.onclick = () => take("svg");
}
