// The receptive-field explorer: edit a stack of layers, point at a unit, see the pixels that it sees.
//
// An anywidget module. It runs in JupyterLab against a kernel and, unchanged, on the static page under host.js.
// The arithmetic is the twin of pixelwise.arithmetic along one axis; both are tested on receptive_field_vectors.json.

export function outputSize(n, { kernel, stride, padding, dilation }) {
  const extent = dilation * (kernel - 1) + 1;
  if (n + 2 * padding < extent) {
    throw new RangeError(`A window that spans ${extent} pixels does not fit ${n} pixels with ${padding} of padding on each side.`);
  }
  return Math.floor((n + 2 * padding - extent) / stride) + 1;
}

export function sizes(layers, n) {
  const made = [n];
  for (const layer of layers) made.push(outputSize(made.at(-1), layer));
  return made;
}

// One {size, jump, start} for a pixel and one for the units after each layer.
export function receptiveFields(layers) {
  const fields = [{ size: 1, jump: 1, start: 0 }];
  for (const { kernel, stride, padding, dilation } of layers) {
    const { size, jump, start } = fields.at(-1);
    const reach = dilation * (kernel - 1);
    fields.push({ size: size + reach * jump, jump: jump * stride, start: start + (reach / 2 - padding) * jump });
  }
  return fields;
}

export function interval({ size, jump, start }, unit) {
  const centre = start + unit * jump;
  return [Math.round(centre - (size - 1) / 2), Math.round(centre + (size - 1) / 2)];
}

// Which units of each map, from the input on, reach `unit` of the last one: holes left out, padding left out.
export function seenUnits(layers, unit, n) {
  const made = sizes(layers, n);
  const seen = [[unit]];
  for (let depth = layers.length - 1; depth >= 0; depth--) {
    const { kernel, stride, padding, dilation } = layers[depth];
    const below = new Set();
    for (const u of seen[0]) {
      for (let tap = 0; tap < kernel; tap++) {
        const v = u * stride - padding + tap * dilation;
        if (v >= 0 && v < made[depth]) below.add(v);
      }
    }
    seen.unshift([...below].sort((a, b) => a - b));
  }
  return seen;
}

const PARAMETERS = [
  ["kernel", "k", 1, 31],
  ["stride", "s", 1, 16],
  ["padding", "p", 0, 31],
  ["dilation", "d", 1, 32],
];
const MOST_LAYERS = 40;
const MOST_PIXELS = 512;

const SVG = "http://www.w3.org/2000/svg";

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// Neighbouring numbers as [first, last] pairs: [3, 4, 5, 9] → [[3, 5], [9, 9]].
function runs(numbers) {
  const found = [];
  for (const number of numbers) {
    const last = found.at(-1);
    if (last && number === last[1] + 1) last[1] = number;
    else found.push([number, number]);
  }
  return found;
}

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const tidy = (number) => (Number.isInteger(number) ? `${number}` : number.toFixed(1));

function render({ model, el }) {
  const state = () => {
    const layers = model.get("layers");
    const pixels = model.get("pixels");
    const depth = clamp(model.get("depth"), 1, Math.max(layers.length, 1));
    const stack = layers.slice(0, depth);
    const made = sizes(stack, pixels);
    const unit = model.get("unit").map((u) => clamp(u, 0, made.at(-1) - 1));
    return { layers, pixels, depth, stack, made, unit };
  };
  const change = (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    draw();
  };

  // Frame: built once, filled by draw().
  const preset = element("select", { "aria-label": "Preset stack" });
  const pixels = element("input", { type: "number", min: 1, max: MOST_PIXELS, "aria-label": "Input size in pixels" });
  const add = element("button", { type: "button" }, "Add a layer");
  const say = element("p", { class: "pw-rf-say", "aria-live": "polite" });
  const mapTitle = element("figcaption");
  const map = shape("svg", { class: "pw-rf-map", tabindex: 0, role: "application" });
  const inputTitle = element("figcaption");
  const input = shape("svg", { class: "pw-rf-input", role: "img" });
  const side = shape("svg", { class: "pw-rf-side", role: "img" });
  const body = element("tbody");
  const heads = ["look from", "k", "s", "p", "d", "size", "r", "j", "start", ""];
  const titles = ["", "kernel", "stride", "padding", "dilation", "side of the map", "size of the field", "jump", "centre of the first unit", ""];
  const table = element(
    "table",
    {},
    element(
      "thead",
      {},
      element("tr", {}, ...heads.map((head, i) => element("th", { scope: "col", title: titles[i] }, head))),
    ),
    body,
  );
  const frame = element(
    "div",
    { class: "pw-rf", role: "group", "aria-label": "Receptive-field explorer" },
    element(
      "div",
      { class: "pw-rf-bar" },
      element("label", {}, "Stack ", preset),
      element("label", {}, "Input ", pixels, " px"),
      add,
    ),
    element(
      "div",
      { class: "pw-rf-views" },
      element("figure", {}, mapTitle, map),
      element("figure", {}, inputTitle, input),
    ),
    say,
    element("figure", { class: "pw-rf-section" }, element("figcaption", {}, "Cut through the stack: the units of every map that reach the chosen one"), side),
    element("div", { class: "pw-rf-table" }, table),
    element("p", { class: "pw-rf-help" }, "Point at a unit, tap it, or focus the map and use the arrow keys; Page Up and Page Down go through the layers."),
  );
  el.classList.add("pw-explorer");
  el.replaceChildren(frame);

  for (const { name } of model.get("presets")) preset.append(element("option", { value: name }, name));
  preset.append(element("option", { value: "" }, "your own"));

  preset.addEventListener("change", () => {
    const chosen = model.get("presets").find(({ name }) => name === preset.value);
    if (!chosen) return;
    const last = sizes(chosen.layers, chosen.pixels).at(-1);
    const middle = Math.floor(last / 2);
    change({ layers: chosen.layers, pixels: chosen.pixels, depth: chosen.layers.length, unit: [middle, middle] });
  });
  pixels.addEventListener("change", () => change({ pixels: clamp(Math.round(Number(pixels.value)) || 1, 1, MOST_PIXELS) }));
  add.addEventListener("click", () => {
    const layers = [...model.get("layers"), { name: "conv", kernel: 3, stride: 1, padding: 1, dilation: 1 }];
    change({ layers, depth: layers.length });
  });

  const look = (event) => {
    const { made, unit } = attempt() ?? {};
    if (!made) return;
    const corner = map.getBoundingClientRect();
    const cell = (length, offset) => clamp(Math.floor((offset / length) * made.at(-1)), 0, made.at(-1) - 1);
    const at = [cell(corner.height, event.clientY - corner.top), cell(corner.width, event.clientX - corner.left)];
    if (at[0] !== unit[0] || at[1] !== unit[1]) change({ unit: at });
  };
  map.addEventListener("pointermove", (event) => event.pointerType === "mouse" && look(event));
  map.addEventListener("click", look);
  map.addEventListener("keydown", (event) => {
    const { layers, depth, made, unit } = attempt() ?? {};
    if (!made) return;
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const last = made.at(-1) - 1;
    if (event.key in steps) {
      change({ unit: unit.map((u, axis) => clamp(u + steps[event.key][axis], 0, last)) });
    } else if (event.key === "Home") change({ unit: [unit[0], 0] });
    else if (event.key === "End") change({ unit: [unit[0], last] });
    else if (event.key === "PageUp") change({ depth: clamp(depth - 1, 1, layers.length) });
    else if (event.key === "PageDown") change({ depth: clamp(depth + 1, 1, layers.length) });
    else return;
    event.preventDefault();
  });

  // The state, or nothing when a window does not fit; the sentence that says so takes the place of the description.
  function attempt() {
    try {
      return state();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      say.textContent = error.message;
      return null;
    }
  }

  function draw() {
    const layers = model.get("layers");
    const known = model.get("presets").find((one) => JSON.stringify(one.layers) === JSON.stringify(layers));
    preset.value = known ? known.name : "";
    if (document.activeElement !== pixels) pixels.value = model.get("pixels");
    add.disabled = layers.length >= MOST_LAYERS;
    drawTable();
    const now = attempt();
    frame.classList.toggle("pw-rf-broken", !now);
    if (!now) return;
    const field = receptiveFields(now.stack).at(-1);
    const boxes = now.unit.map((u) => interval(field, u));
    const seen = now.unit.map((u) => seenUnits(now.stack, u, now.pixels));
    drawMap(now);
    drawInput(now, boxes, seen);
    drawSide(now, seen[1]);
    describe(now, field, boxes, seen);
  }

  function describe({ stack, depth, made, unit, pixels: n }, field, boxes, seen) {
    const name = stack.at(-1)?.name || `layer ${depth}`;
    const [rows, columns] = boxes;
    const inside = seen[0][0].length * seen[1][0].length;
    const all = field.size * field.size;
    const within = ([first, last]) => Math.max(0, Math.min(last, n - 1) - Math.max(first, 0) + 1);
    const outside = all - within(rows) * within(columns);
    const unread = [
      outside && `${outside} lie outside the image`,
      all - outside - inside && `${all - outside - inside} are holes between the taps`,
    ].filter(Boolean);
    const rest = unread.length ? ` It reads ${inside} of those ${all} positions; ${unread.join(" and ")}.` : "";
    mapTitle.textContent = `Map after ${name}: ${made.at(-1)}×${made.at(-1)} units`;
    inputTitle.textContent = `Input: ${n}×${n} pixels`;
    const label = `Unit (${unit[0]}, ${unit[1]}) of ${name} has a field of ${field.size}×${field.size} pixels: rows ${rows[0]} to ${rows[1]}, columns ${columns[0]} to ${columns[1]}.`;
    say.textContent = label + rest;
    map.setAttribute("aria-label", `Map after ${name}, ${plural(made.at(-1), "unit")} a side. Arrow keys choose a unit.`);
    input.setAttribute("aria-label", label);
    side.setAttribute("aria-label", `Along the width: ${seen[1].map((units, level) => `${level ? stack[level - 1].name || `layer ${level}` : "input"} ${plural(units.length, "unit")}`).join(", ")}.`);
  }

  function grid(target, n, from, span) {
    // Ruling every pixel helps only while one can tell the lines apart.
    const every = n <= 64 ? 1 : n <= 256 ? 16 : 32;
    let lines = "";
    for (let i = 0; i <= n; i += every) lines += `M${i} 0V${n}M0 ${i}H${n}`;
    target.append(shape("path", { class: "pw-rf-grid", d: lines, "vector-effect": "non-scaling-stroke" }));
    target.setAttribute("viewBox", `${from} ${from} ${span} ${span}`);
  }

  function drawMap({ made, unit }) {
    const n = made.at(-1);
    map.replaceChildren(shape("rect", { class: "pw-rf-paper", width: n, height: n }));
    grid(map, n, 0, n);
    map.append(shape("rect", { class: "pw-rf-unit", x: unit[1], y: unit[0], width: 1, height: 1, "vector-effect": "non-scaling-stroke" }));
  }

  function drawInput({ pixels: n }, boxes, seen) {
    const reach = Math.max(0, ...boxes.map(([first, last]) => Math.max(-first, last - n + 1)));
    const margin = reach + n * 0.02;
    input.replaceChildren(shape("rect", { class: "pw-rf-paper", width: n, height: n }));
    grid(input, n, -margin, n + 2 * margin);
    let cells = "";
    for (const [top, bottom] of runs(seen[0][0])) {
      for (const [left, right] of runs(seen[1][0])) cells += `M${left} ${top}H${right + 1}V${bottom + 1}H${left}Z`;
    }
    input.append(
      shape("path", { class: "pw-rf-seen", d: cells }),
      shape("rect", {
        class: "pw-rf-box",
        x: boxes[1][0],
        y: boxes[0][0],
        width: boxes[1][1] - boxes[1][0] + 1,
        height: boxes[0][1] - boxes[0][0] + 1,
        "vector-effect": "non-scaling-stroke",
      }),
    );
  }

  function drawSide({ stack, made, pixels: n }, seen) {
    const fields = receptiveFields(stack);
    const width = Math.max(side.parentElement.clientWidth, 240);
    const labels = 62;
    const step = clamp(300 / made.length, 15, 42);
    const height = step * made.length + 8;
    const centre = (level, u) => fields[level].start + u * fields[level].jump;
    const from = Math.min(0, ...fields.map((_, level) => centre(level, 0))) - 1;
    const to = Math.max(n - 1, ...fields.map((_, level) => centre(level, made[level] - 1))) + 1;
    const x = (position) => labels + ((position - from) / (to - from)) * (width - labels - 6);
    const y = (level) => height - 4 - (level + 0.5) * step;
    const pixel = x(1) - x(0);
    side.setAttribute("viewBox", `0 0 ${width} ${height}`);
    side.style.height = `${height}px`;
    side.replaceChildren();
    for (let level = stack.length; level > 0; level--) {
      const [above, below] = [seen[level], seen[level - 1]];
      if (!below.length) continue;
      const corner = (l, units, end) => `${x(centre(l, units.at(end)) + (end ? 0.4 : -0.4))} ${y(l)}`;
      side.append(shape("path", {
        class: "pw-rf-cone",
        d: `M${corner(level, above, 0)}L${corner(level, above, -1)}L${corner(level - 1, below, -1)}L${corner(level - 1, below, 0)}Z`,
      }));
    }
    for (let level = 0; level < made.length; level++) {
      const wide = Math.max(0.7, pixel * Math.max(0.72, fields[level].jump * 0.4));
      const tall = step * 0.44;
      const ticks = (units) => units.map((u) => `M${x(centre(level, u)) - wide / 2} ${y(level) - tall / 2}h${wide}v${tall}h${-wide}Z`).join("");
      const mine = new Set(seen[level]);
      const others = Array.from({ length: made[level] }, (_, u) => u).filter((u) => !mine.has(u));
      side.append(shape("path", { class: "pw-rf-other", d: ticks(others) }));
      side.append(shape("path", { class: level === stack.length ? "pw-rf-chosen" : "pw-rf-reached", d: ticks(seen[level]) }));
      const text = shape("text", { x: labels - 8, y: y(level), class: "pw-rf-label" });
      text.textContent = level ? stack[level - 1].name || `layer ${level}` : "input";
      side.append(text);
    }
  }

  // Scrolls only the table's own box: scrollIntoView would move the page as well.
  let shownDepth = null;
  function show(line) {
    const box = table.parentElement;
    const head = table.tHead.offsetHeight;
    if (line.offsetTop - head < box.scrollTop) box.scrollTop = line.offsetTop - head;
    const below = line.offsetTop + line.offsetHeight - box.clientHeight;
    if (below > box.scrollTop) box.scrollTop = below;
  }

  function drawTable() {
    const layers = model.get("layers");
    const depth = clamp(model.get("depth"), 1, Math.max(layers.length, 1));
    if (body.children.length !== layers.length) body.replaceChildren(...layers.map((_, index) => row(index)));
    const fields = receptiveFields(layers);
    let n = model.get("pixels");
    if (depth !== shownDepth) show(body.children[depth - 1]);
    shownDepth = depth;
    layers.forEach((layer, index) => {
      const { children } = body.children[index];
      const [radio, name] = children[0].querySelectorAll("input, span");
      radio.checked = index + 1 === depth;
      name.textContent = layer.name || `layer ${index + 1}`;
      body.children[index].classList.toggle("pw-rf-here", index + 1 === depth);
      PARAMETERS.forEach(([parameter], column) => {
        const field = children[1 + column].firstChild;
        if (document.activeElement !== field) field.value = layer[parameter];
        field.setAttribute("aria-label", `${parameter} of ${layer.name || `layer ${index + 1}`}`);
      });
      try {
        n = outputSize(n, layer);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        n = NaN;
      }
      const { size, jump, start } = fields[index + 1];
      children[5].textContent = Number.isNaN(n) ? "—" : n;
      children[6].textContent = size;
      children[7].textContent = jump;
      children[8].textContent = tidy(start);
      children[9].firstChild.disabled = layers.length === 1;
      children[9].firstChild.setAttribute("aria-label", `Remove ${layer.name || `layer ${index + 1}`}`);
    });
  }

  const group = `pw-rf-${Math.random().toString(36).slice(2)}`;

  function row(index) {
    const radio = element("input", { type: "radio", name: group });
    radio.addEventListener("change", () => change({ depth: index + 1 }));
    const fields = PARAMETERS.map(([parameter, , least, most]) => {
      const field = element("input", { type: "number", min: least, max: most });
      field.addEventListener("input", () => {
        const value = Number(field.value);
        if (field.value === "" || !Number.isInteger(value) || value < least || value > most) return;
        change({ layers: model.get("layers").map((layer, i) => (i === index ? { ...layer, [parameter]: value } : layer)) });
      });
      field.addEventListener("blur", draw);
      return element("td", {}, field);
    });
    const remove = element("button", { type: "button", class: "pw-rf-remove" }, "×");
    remove.addEventListener("click", () => {
      const layers = model.get("layers").filter((_, i) => i !== index);
      change({ layers, depth: Math.min(model.get("depth"), layers.length) });
    });
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, element("label", {}, radio, element("span"))),
      ...fields,
      ...Array.from({ length: 4 }, () => element("td", { class: "pw-rf-number" })),
      element("td", {}, remove),
    );
  }

  for (const name of ["layers", "pixels", "depth", "unit"]) model.on(`change:${name}`, draw);
  const resized = new ResizeObserver(() => draw());
  resized.observe(frame);
  draw();
  return () => resized.disconnect();
}

export default { render };
