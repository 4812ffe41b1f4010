// The budget explorer: what networks learn, keep and compute, layer by layer, and a VGG table to change.
//
// An anywidget module. It runs in JupyterLab against a kernel and, unchanged, on the static page under host.js.
// The networks' rows come from pixelwise.tracing. Those of the table to change are computed here and, by
// pixelwise.arithmetic, in budget.py; both are tested on budget_vectors.json.

export const OWN = "your VGG";

// One row per layer of a table of convolutions (stride 1, padding that keeps the size), 2×2 poolings and, at the end,
// linear layers: name, shape of the output, and the three quantities. A layer that does not fit ends the rows.
export function rowsOf(layers, pixels) {
  const rows = [];
  let [channels, side] = [3, pixels];
  let [stage, number, linear] = [1, 0, 5];
  for (const { kind, kernel, channels: made } of layers) {
    if (kind === "pool") {
      const name = `pool${stage}`;
      if (side < 2) return { rows, refused: `${name} does not fit: its window spans 2 pixels, and the map before it has ${side}.` };
      side = Math.floor(side / 2);
      rows.push({ name, shape: [channels, side, side], parameters: 0, activations: channels * side * side, macs: 0 });
      [stage, number] = [stage + 1, 0];
    } else if (kind === "conv") {
      const weights = made * channels * kernel * kernel;
      rows.push({
        name: `conv${stage}_${++number}`,
        shape: [made, side, side],
        parameters: weights + made,
        activations: made * side * side,
        macs: weights * side * side,
      });
      channels = made;
    } else {
      const weights = made * channels * side * side;
      rows.push({ name: `fc${++linear}`, shape: [made], parameters: weights + made, activations: made, macs: weights });
      [channels, side] = [made, 1];
    }
  }
  return { rows, refused: "" };
}

export function totals(rows) {
  return Object.fromEntries(QUANTITIES.map(([name]) => [name, rows.reduce((sum, row) => sum + row[name], 0)]));
}

// Three digits and a unit, as such numbers are spoken of: 138 M.
export function short(number) {
  if (number < 1000) return `${number}`;
  let unit = 0;
  while (number >= 999.5 && unit < 4) {
    number /= 1000;
    unit += 1;
  }
  return `${number.toPrecision(3)} ${["", "k", "M", "G", "T"][unit]}`;
}

const QUANTITIES = [
  ["parameters", "Parameters"],
  ["activations", "Activations"],
  ["macs", "MACs"],
];
const MOST_LAYERS = 40;
const FEWEST_PIXELS = 1;
const MOST_PIXELS = 1024;

const spelt = (number) => number.toLocaleString("en-GB");
const percent = (part, whole) => `${Math.round((100 * part) / (whole || 1))}%`;

function render({ model, el }) {
  const change = (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    draw();
  };
  const group = `pw-bu-${Math.random().toString(36).slice(2)}`;

  // Frame: built once, filled by draw().
  const pick = element("div", { class: "pw-bu-pick", role: "group", "aria-label": "Quantity shown on narrow screens" });
  const picks = QUANTITIES.map(([name, title]) => {
    const button = element("button", { type: "button" }, title);
    button.addEventListener("click", () => change({ quantity: name }));
    pick.append(button);
    return [name, button];
  });
  const sorters = QUANTITIES.map(([name, title]) => {
    const button = element("button", { type: "button", "aria-label": `Sort networks by ${title}` }, title);
    button.addEventListener("click", () => change({ sort: model.get("sort") === name ? "" : name }));
    const head = element("th", { scope: "col", class: `pw-bu-${name}` }, button);
    return { name, button, head };
  });
  const networksBody = element("tbody");
  const networksTable = element(
    "table",
    { "aria-label": "Networks and their totals" },
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Network"), ...sorters.map(({ head }) => head))),
    networksBody,
  );
  const say = element("p", { class: "pw-say", "aria-live": "polite" });
  const preset = element("select");
  const pixels = element("input", { type: "number", min: FEWEST_PIXELS, max: MOST_PIXELS });
  const adders = [
    ["conv", "Add a convolution", { kind: "conv", kernel: 3, channels: 64 }],
    ["pool", "Add a pooling", { kind: "pool" }],
    ["linear", "Add a linear layer", { kind: "linear", channels: 4096 }],
  ].map(([kind, title, layer]) => {
    const button = element("button", { type: "button" }, title);
    button.addEventListener("click", () => insert(kind, layer));
    return button;
  });
  const editing = element(
    "div",
    { class: "pw-bar pw-bu-editing" },
    element("label", {}, "Begin with ", preset),
    element("label", {}, "Input ", pixels, " px"),
    ...adders,
  );
  const layersTitle = element("h4");
  const layersBody = element("tbody");
  const layersTable = element(
    "table",
    {},
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        element("th", { scope: "col" }, "Layer"),
        element("th", { scope: "col", class: "pw-bu-edit" }, "k, channels"),
        element("th", { scope: "col", class: "pw-bu-shape" }, "Output"),
        ...QUANTITIES.map(([name, title]) => element("th", { scope: "col", class: `pw-bu-${name}` }, title)),
        element("th", { scope: "col", class: "pw-bu-edit" }, element("span", { class: "pw-bu-unseen" }, "Remove")),
      ),
    ),
    layersBody,
  );
  const frame = element(
    "div",
    { class: "pw-bu pw-frame", role: "group", "aria-label": "Budget explorer" },
    pick,
    element("div", { class: "pw-bu-box pw-bu-networks", tabindex: -1 }, networksTable),
    say,
    element("div", { class: "pw-bu-head" }, layersTitle, editing),
    element("div", { class: "pw-bu-box pw-bu-layers", tabindex: -1 }, layersTable),
    element(
      "p",
      { class: "pw-help" },
      "Choose a network with the mouse, a tap or the arrow keys; a heading sorts. For one input: learned numbers; numbers put out, those left out " +
        "that can be computed in place; multiply–accumulates. Normalisation and nonlinearities count with the layer before them.",
    ),
  );
  mount(el, frame);

  const CHANGED = "your own";
  for (const { name } of model.get("presets")) preset.append(element("option", { value: name }, `VGG ${name}`));
  preset.append(element("option", { value: CHANGED }, CHANGED));
  preset.addEventListener("change", () => {
    const found = model.get("presets").find(({ name }) => name === preset.value);
    if (found) change({ layers: found.layers, marked: 0 });
  });
  pixels.addEventListener("input", () => {
    const value = Number(pixels.value);
    if (Number.isInteger(value) && value >= FEWEST_PIXELS && value <= MOST_PIXELS) change({ pixels: value });
  });
  pixels.addEventListener("blur", () => draw());

  // Puts a layer behind the marked one; linear layers stay behind all others.
  function insert(kind, layer) {
    const layers = [...model.get("layers")];
    const wide = layers.filter((one) => one.kind !== "linear").length;
    const behind = model.get("marked") + 1;
    const at = kind === "linear" ? Math.max(behind, wide) : Math.min(behind, wide);
    const before = layers.slice(0, at).findLast((one) => one.kind === kind);
    layers.splice(at, 0, before ? { ...before } : layer);
    change({ layers, marked: at });
  }

  // All networks with their rows, the table to change among them.
  function networks() {
    const own = rowsOf(model.get("layers"), model.get("pixels"));
    const all = [{ name: OWN, input: [3, model.get("pixels"), model.get("pixels")], ...own }];
    for (const { name, input, rows } of model.get("networks")) {
      const made = rows.map(([layer, shape, parameters, activations, macs]) => ({ name: layer, shape, parameters, activations, macs }));
      all.push({ name, input, rows: made, refused: "" });
    }
    return all.map((one) => ({ ...one, totals: totals(one.rows) }));
  }

  function draw() {
    const all = networks();
    const chosen = all.find(({ name }) => name === model.get("chosen")) ?? all[0];
    const sort = model.get("sort");
    frame.dataset.quantity = model.get("quantity");
    for (const [name, button] of picks) button.setAttribute("aria-pressed", name === model.get("quantity"));
    for (const { name, button, head } of sorters) {
      head.setAttribute("aria-sort", name === sort ? "descending" : "none");
      button.textContent = `${QUANTITIES.find(([one]) => one === name)[1]}${name === sort ? " ↓" : ""}`;
    }
    const order = sort ? all.toSorted((a, b) => b.totals[sort] - a.totals[sort]) : all;
    drawNetworks(order, chosen);
    drawLayers(chosen);
    describe(chosen);
  }

  function quantityCells(target, numbers, largest) {
    QUANTITIES.forEach(([name], index) => {
      const cell = target[index];
      cell.textContent = short(numbers[name]);
      cell.title = spelt(numbers[name]);
      cell.style.setProperty("--share", `${(100 * numbers[name]) / (largest[name] || 1)}%`);
    });
  }

  const largestOf = (all) => Object.fromEntries(QUANTITIES.map(([name]) => [name, Math.max(0, ...all.map((one) => one[name]))]));
  const emptyCells = () => QUANTITIES.map(([name]) => element("td", { class: `pw-bu-quantity pw-bu-${name}` }));

  function drawNetworks(order, chosen) {
    if (networksBody.children.length !== order.length) {
      networksBody.replaceChildren(
        ...order.map(() => {
          const radio = element("input", { type: "radio", name: `${group}-network` });
          radio.addEventListener("change", () => change({ chosen: radio.value }));
          const line = element("tr", {}, element("th", { scope: "row" }, element("label", {}, radio, element("span"))), ...emptyCells());
          line.addEventListener("click", (event) => event.target.closest("label") || change({ chosen: radio.value }));
          return line;
        }),
      );
    }
    const focused = networksBody.contains(document.activeElement);
    const largest = largestOf(order.map((one) => one.totals));
    order.forEach((network, index) => {
      const line = networksBody.children[index];
      const [radio, name] = line.querySelectorAll("input, span");
      radio.value = network.name;
      radio.checked = network === chosen;
      if (focused && network === chosen) radio.focus({ preventScroll: true });
      name.textContent = network.name;
      line.classList.toggle("pw-bu-chosen", network === chosen);
      quantityCells([...line.children].slice(1), network.totals, largest);
      if (network === chosen) keepInSight(line);
    });
  }

  // Scrolls only the table's own box, and only when the choice has moved: scrollIntoView would move the page as well.
  let sought = "";
  function keepInSight(line) {
    const key = `${model.get("chosen")} ${model.get("sort")}`;
    if (key === sought) return;
    sought = key;
    const box = networksTable.parentElement;
    const head = networksTable.tHead.offsetHeight;
    if (line.offsetTop - head < box.scrollTop) box.scrollTop = line.offsetTop - head;
    else box.scrollTop = Math.max(box.scrollTop, line.offsetTop + line.offsetHeight - box.clientHeight);
  }

  let built = "";
  function drawLayers({ name, rows, input }) {
    const own = name === OWN;
    const layers = model.get("layers");
    frame.classList.toggle("pw-bu-own", own);
    const shape = (sides) => sides.join("×");
    layersTitle.textContent = `${name}: ${own ? plural(layers.length, "layer") : plural(rows.length, "row")} on ${shape(input)}`;
    layersTable.setAttribute("aria-label", `Layers of ${name}`);
    const known = model.get("presets").find((one) => JSON.stringify(one.layers) === JSON.stringify(layers));
    preset.value = known ? known.name : CHANGED;
    if (document.activeElement !== pixels) pixels.value = model.get("pixels");
    for (const button of adders) button.disabled = layers.length >= MOST_LAYERS;
    const lines = own ? layers.length : rows.length;
    const wanted = own ? `${OWN} ${layers.map(({ kind }) => kind).join()}` : name;
    if (built !== wanted) {
      const refocus = own && layersBody.contains(document.activeElement);
      layersBody.replaceChildren(...range(lines).map((index) => (own ? ownLine(index, layers[index]) : line(index))));
      layersTable.parentElement.scrollTop = own && built.startsWith(OWN) ? layersTable.parentElement.scrollTop : 0;
      built = wanted;
      if (refocus) layersBody.children[Math.min(model.get("marked"), lines - 1)]?.querySelector("input").focus();
    }
    const largest = largestOf(rows);
    range(lines).forEach((index) => {
      const made = rows[index];
      const shown = layersBody.children[index];
      shown.querySelector(".pw-bu-name").textContent = made?.name ?? layers[index].kind;
      shown.querySelector(".pw-bu-shape").textContent = made ? shape(made.shape) : "—";
      shown.classList.toggle("pw-bu-lost", !made);
      quantityCells([...shown.querySelectorAll(".pw-bu-quantity")], made ?? { parameters: 0, activations: 0, macs: 0 }, largest);
      if (own) fillOwn(shown, layers[index], index, made?.name ?? layers[index].kind);
    });
  }

  function line() {
    return element("tr", {}, element("th", { scope: "row", class: "pw-bu-name" }), element("td", { class: "pw-bu-edit" }), element("td", { class: "pw-bu-shape" }), ...emptyCells(), element("td", { class: "pw-bu-edit" }));
  }

  function ownLine(index, { kind }) {
    const radio = element("input", { type: "radio", name: `${group}-layer` });
    radio.addEventListener("change", () => change({ marked: index }));
    const fields = element("td", { class: "pw-bu-edit" });
    const number = (part, least, most, step) => {
      const field = element("input", { type: "number", min: least, max: most, step, "data-part": part });
      field.addEventListener("input", () => {
        const value = Number(field.value);
        if (field.value === "" || !Number.isInteger(value) || value < least || value > most || (part === "kernel" && value % 2 === 0)) return;
        change({ layers: model.get("layers").map((layer, i) => (i === index ? { ...layer, [part]: value } : layer)), marked: index });
      });
      field.addEventListener("blur", () => draw());
      fields.append(field);
    };
    if (kind === "conv") number("kernel", 1, 11, 2);
    if (kind !== "pool") number("channels", 1, 8192, 1);
    const remove = element("button", { type: "button", class: "pw-bu-remove" }, "×");
    remove.addEventListener("click", () => {
      const layers = model.get("layers").filter((_, i) => i !== index);
      change({ layers, marked: clamp(Math.min(model.get("marked"), layers.length - 1), 0, MOST_LAYERS) });
    });
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, element("label", {}, radio, element("span", { class: "pw-bu-name" }))),
      fields,
      element("td", { class: "pw-bu-shape" }),
      ...emptyCells(),
      element("td", { class: "pw-bu-edit" }, remove),
    );
  }

  function fillOwn(shown, layer, index, name) {
    const marked = index === model.get("marked");
    shown.querySelector("input[type=radio]").checked = marked;
    shown.classList.toggle("pw-bu-chosen", marked);
    for (const field of shown.querySelectorAll("input[type=number]")) {
      if (document.activeElement !== field) field.value = layer[field.dataset.part];
      field.setAttribute("aria-label", `${field.dataset.part} of ${name}`);
    }
    const remove = shown.querySelector("button");
    remove.setAttribute("aria-label", `Remove ${name}`);
    remove.disabled = model.get("layers").length === 1;
  }

  function describe({ name, rows, totals, refused }) {
    if (refused) {
      say.textContent = `${refused} What follows it is left out.`;
      return;
    }
    const heaviest = (quantity) => {
      const most = rows.reduce((best, row) => (row[quantity] > best[quantity] ? row : best), rows[0]);
      return `most in ${most.name}, ${percent(most[quantity], totals[quantity])}`;
    };
    say.textContent =
      `${name}: ${spelt(totals.parameters)} parameters (${heaviest("parameters")}), ${spelt(totals.activations)} activations ` +
      `(${heaviest("activations")}), ${spelt(totals.macs)} multiply–accumulates (${heaviest("macs")}). ` +
      `In 32-bit numbers the parameters take ${short(4 * totals.parameters)}B, the activations of one input ${short(4 * totals.activations)}B.`;
  }

  const watched = ["networks", "chosen", "layers", "pixels", "quantity", "sort", "marked"];
  for (const name of watched) model.on(`change:${name}`, draw);
  draw();
  return () => {
    for (const name of watched) model.off(`change:${name}`, draw);
  };
}

export default { render };
