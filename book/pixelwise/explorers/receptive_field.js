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

// How the expected squared gradient of `unit` spreads over the pixels of one axis when the weights are independent and
// each layer spreads it evenly over its taps; over both axes it is the product. What falls on padding is lost.
export function contributions(layers, unit, n) {
  const made = sizes(layers, n);
  let spread = new Array(made.at(-1)).fill(0);
  spread[unit] = 1;
  for (let depth = layers.length - 1; depth >= 0; depth--) {
    const { kernel, stride, padding, dilation } = layers[depth];
    const below = new Array(made[depth]).fill(0);
    spread.forEach((value, u) => {
      if (!value) return;
      for (let tap = 0; tap < kernel; tap++) {
        const v = u * stride - padding + tap * dilation;
        if (v >= 0 && v < made[depth]) below[v] += value / kernel;
      }
    });
    spread = below;
  }
  return spread;
}

// The side of the smallest square, centred in a field of `size` that begins at the pixel `first` (row, column), that
// holds `share` of the product of two axes' contributions.
export function centralSide(spreads, first, size, share) {
  const within = (spread, from, to) => spread.slice(Math.max(from, 0), Math.max(to, 0)).reduce((sum, value) => sum + value, 0);
  const needed = share * within(spreads[0], 0, Infinity) * within(spreads[1], 0, Infinity) * (1 - 1e-9);
  for (let side = 2 - (size % 2); side < size; side += 2) {
    const [rows, columns] = first.map((start, axis) => {
      const from = start + (size - side) / 2;
      return within(spreads[axis], from, from + side);
    });
    if (rows * columns >= needed) return side;
  }
  return size;
}

const CELLS = 48; // a computed field is drawn in at most so many cells a side
const TONES = 16;

const PARAMETERS = [
  ["kernel", "k", 1, 31],
  ["stride", "s", 1, 16],
  ["padding", "p", 0, 31],
  ["dilation", "d", 1, 32],
];
const MOST_LAYERS = 40;
const MOST_PIXELS = 512;

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

const tidy = (number) => (Number.isInteger(number) ? `${number}` : number.toFixed(1));

function render({ model, el }) {
  // A preset with `rows` has branches: its maps are known, but there is no single path to edit or to cut.
  const fixed = () => model.get("presets").find(({ name, rows }) => rows && name === model.get("network"));
  const known = () => fixed() ?? model.get("presets").find((one) => JSON.stringify(one.layers) === JSON.stringify(model.get("layers")));
  const state = () => {
    const rows = fixed()?.rows;
    const layers = rows ?? model.get("layers");
    const pixels = rows ? fixed().pixels : model.get("pixels");
    const depth = clamp(model.get("depth"), 1, Math.max(layers.length, 1));
    const stack = layers.slice(0, depth);
    const made = rows ? [pixels, ...stack.map(({ side }) => side)] : sizes(stack, pixels);
    const unit = model.get("unit").map((u) => clamp(u, 0, made.at(-1) - 1));
    const field = rows ? rows[depth - 1] : receptiveFields(stack).at(-1);
    return { rows, layers, pixels, depth, stack, made, unit, field };
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
  const say = element("p", { class: "pw-say pw-rf-say", "aria-live": "polite" });
  const mapTitle = element("figcaption");
  const map = shape("svg", { class: "pw-rf-map", tabindex: 0, role: "application" });
  const inputTitle = element("figcaption");
  const input = shape("svg", { class: "pw-rf-input", role: "img" });
  const spreadTitle = element("figcaption");
  const spread = shape("svg", { class: "pw-rf-input", role: "img" });
  const source = element("select", { "aria-label": "Which contribution of the pixels to show" });
  for (const [value, title] of [["measured", "measured"], ["even", "computed"]]) source.append(element("option", { value }, title));
  const measure = element("button", { type: "button" }, "Measure this stack");
  const effect = element("p", { class: "pw-rf-effect", "aria-live": "polite" });
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
      element("tr", {}, ...heads.map((head, i) => element("th", { scope: "col", title: titles[i], class: [1, 2, 3, 4, 9].includes(i) ? "pw-rf-edit" : "" }, head))),
    ),
    body,
  );
  const frame = element(
    "div",
    { class: "pw-rf pw-frame", role: "group", "aria-label": "Receptive-field explorer" },
    element(
      "div",
      { class: "pw-bar pw-rf-bar" },
      element("label", {}, "Stack ", preset),
      element("label", {}, "Input ", pixels, " px"),
      add,
      element("label", {}, "Contribution ", source),
      measure,
    ),
    element(
      "div",
      { class: "pw-rf-views" },
      element("figure", {}, mapTitle, map),
      element("figure", {}, inputTitle, input),
      element("figure", {}, spreadTitle, spread),
    ),
    say,
    effect,
    element("figure", { class: "pw-rf-section" }, element("figcaption", {}, "Cut through the stack: the units of every map that reach the chosen one"), side),
    element("div", { class: "pw-rf-table" }, table),
    element("p", { class: "pw-help" }, "Point at a unit, tap it, or focus the map and use the arrow keys; Page Up and Page Down go through the layers. " +
      "Left of the two images: the pixels that can reach the unit, inside the box of its field. Right: how much each contributes, the root of its " +
      "squared gradient as shade; the dashed square holds 95% of the squared gradient; padding has no pixels and counts nothing. A dot in the table marks the rows that were measured."),
  );
  mount(el, frame);

  const groups = { stacks: element("optgroup", { label: "Stacks" }), networks: element("optgroup", { label: "Networks, measured" }) };
  for (const { name, measured } of model.get("presets")) groups[measured ? "networks" : "stacks"].append(element("option", { value: name }, name));
  groups.stacks.append(element("option", { value: "" }, "your own"));
  preset.append(groups.stacks, ...(groups.networks.children.length ? [groups.networks] : []));

  preset.addEventListener("change", () => {
    const chosen = model.get("presets").find(({ name }) => name === preset.value);
    if (!chosen) return draw();
    const { name, layers, rows } = chosen;
    const last = rows ? rows.at(-1).side : sizes(layers, chosen.pixels).at(-1);
    const middle = Math.floor(last / 2);
    const stack = rows ? { network: name } : { network: "", layers, pixels: chosen.pixels };
    change({ ...stack, depth: (rows ?? layers).length, unit: [middle, middle] });
  });
  source.addEventListener("change", () => change({ contribution: source.value }));
  measure.addEventListener("click", () => {
    const { stack, pixels: n } = attempt() ?? {};
    if (!stack) return;
    change({ request: { layers: stack, pixels: n } });
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
    const network = fixed();
    preset.value = known()?.name ?? "";
    if (document.activeElement !== pixels) pixels.value = network?.pixels ?? model.get("pixels");
    pixels.disabled = Boolean(network);
    add.disabled = Boolean(network) || model.get("layers").length >= MOST_LAYERS;
    frame.classList.toggle("pw-rf-fixed", Boolean(network));
    drawTable();
    const now = attempt();
    frame.classList.toggle("pw-rf-broken", !now);
    if (!now) return;
    const boxes = now.unit.map((u) => interval(now.field, u));
    drawMap(now);
    drawSpread(now, boxes);
    if (network) {
      const within = boxes.map(([first, last]) => [range(now.pixels).filter((pixel) => pixel >= first && pixel <= last)]);
      drawInput(now, boxes, within);
      describe(now, boxes, null);
      return;
    }
    const seen = now.unit.map((u) => seenUnits(now.stack, u, now.pixels));
    drawInput(now, boxes, seen);
    drawSide(now, seen[1]);
    describe(now, boxes, seen);
  }

  // What is known of the pixels' contributions to the present map's units: measured, or computed of a single path.
  function measuredOf({ rows, stack, depth, pixels: n }) {
    const one = known();
    if (one?.measured && (rows || one.pixels === n)) return one.measured[depth] ?? null;
    const { request, found } = model.get("answer");
    return JSON.stringify(request) === JSON.stringify({ layers: stack, pixels: n }) ? found : null;
  }

  function drawSpread(now, boxes) {
    const { rows, stack, depth, pixels: n, made, unit, field } = now;
    const found = measuredOf(now);
    const wanted = model.get("contribution");
    const measured = wanted === "measured" || rows ? found : null;
    const middle = Math.floor(made.at(-1) / 2);
    source.value = measured || rows ? "measured" : "even";
    source.disabled = Boolean(rows) || !found;
    measure.hidden = !model.get("live") || Boolean(rows) || Boolean(found);
    const waiting = JSON.stringify(model.get("request")) === JSON.stringify({ layers: stack, pixels: n });
    measure.disabled = waiting;
    measure.textContent = waiting ? "Measuring …" : "Measure this stack";
    spread.replaceChildren(shape("rect", { class: "pw-rf-paper", width: n, height: n }));
    frameInput(spread, n, boxes);
    const told = [];
    if (!rows) {
      const spreads = unit.map((u) => contributions(stack, u, n));
      const first = boxes.map(([start]) => start);
      const [half, most] = [0.5, 0.95].map((share) => centralSide(spreads, first, field.size, share));
      if (!measured) {
        drawTones(...coarse(spreads, boxes, n));
        drawBoxes(boxes, most, field.size);
      }
      told.push(effectOf("Computed, with the squared gradient spread evenly over each window (independent weights)", half, most, field.size));
    }
    if (found) {
      const centre = [middle, middle].map((u) => interval(field, u));
      if (measured) {
        drawTones(Uint8Array.from(atob(found.cells), (one) => one.charCodeAt(0)), [found.start, found.start], found.step, found.across, 255);
        drawBoxes(centre, found.most, field.size);
      }
      told.push(effectOf(`Measured at unit (${middle}, ${middle}) of ${plural(found.networks, "untrained network")}`, found.half, found.most, field.size));
    }
    if (rows && !found) {
      const others = Object.keys(known().measured).map((one) => rows[one - 1].name);
      told.push(`This row was not measured; ${others.join(", ")} were.`);
    }
    effect.textContent = told.join(" ");
    spreadTitle.textContent = measured ? `Contribution, measured, unit (${middle}, ${middle})` : rows ? "Contribution: not measured" : `Contribution, computed, unit (${unit.join(", ")})`;
    spread.setAttribute("aria-label", `${spreadTitle.textContent}. ${told.join(" ")}`);
  }

  const effectOf = (how, half, most, size) =>
    `${how}: half lies in the central ${half}×${half} pixels, 95% in ${most}×${most}, ${Math.round((100 * most * most) / (size * size))}% of the field's area.`;

  // The product of two axes in at most CELLS × CELLS cells over the part of the field inside the image.
  function coarse(spreads, boxes, n) {
    const ends = boxes.map(([first, last]) => [Math.max(first, 0), Math.min(last, n - 1) + 1]);
    const step = Math.max(1, Math.ceil(Math.max(...ends.map(([from, to]) => to - from)) / CELLS));
    const across = Math.max(0, ...ends.map(([from, to]) => Math.ceil((to - from) / step)));
    const sums = spreads.map((values, axis) =>
      range(across).map((cell) => {
        const from = ends[axis][0] + cell * step;
        return values.slice(from, from + step).reduce((sum, value) => sum + value, 0);
      }),
    );
    const cells = sums[0].flatMap((row) => sums[1].map((column) => Math.sqrt(row * column)));
    return [cells, ends.map(([from]) => from), step, across, Math.max(...cells)];
  }

  function drawTones(cells, [top, left], step, across, largest) {
    const paths = new Array(TONES + 1).fill("");
    const n = attempt().pixels;
    cells.forEach((value, index) => {
      const tone = Math.round((TONES * value) / (largest || 1));
      const [y, x] = [top + Math.floor(index / across) * step, left + (index % across) * step];
      if (tone && x < n && y < n) paths[tone] += `M${x} ${y}H${Math.min(x + step, n)}V${Math.min(y + step, n)}H${x}Z`;
    });
    paths.forEach((d, tone) => d && spread.append(shape("path", { class: "pw-rf-tone", d, "fill-opacity": tone / TONES })));
  }

  function drawBoxes(boxes, most, size) {
    for (const [side, kind] of [[size, "pw-rf-box"], [most, "pw-rf-most"]]) {
      const [y, x] = boxes.map(([first]) => first + (size - side) / 2);
      spread.append(shape("rect", { class: kind, x, y, width: side, height: side, "vector-effect": "non-scaling-stroke" }));
    }
  }

  function describe({ stack, depth, made, unit, pixels: n, field }, boxes, seen) {
    const name = stack.at(-1)?.name || `layer ${depth}`;
    const [rows, columns] = boxes;
    const all = field.size * field.size;
    const within = ([first, last]) => Math.max(0, Math.min(last, n - 1) - Math.max(first, 0) + 1);
    const outside = all - within(rows) * within(columns);
    const inside = seen ? seen[0][0].length * seen[1][0].length : all - outside;
    const unread = [
      outside && `${outside} lie outside the image`,
      all - outside - inside && `${all - outside - inside} are holes between the taps`,
    ].filter(Boolean);
    const rest = !seen ? (outside ? ` ${outside} of those ${all} positions lie outside the image.` : "") : unread.length ? ` It reads ${inside} of those ${all} positions; ${unread.join(" and ")}.` : "";
    mapTitle.textContent = `Map after ${name}: ${made.at(-1)}×${made.at(-1)} units`;
    inputTitle.textContent = `Input: ${n}×${n} pixels`;
    const label = `Unit (${unit[0]}, ${unit[1]}) of ${name} has a field of ${field.size}×${field.size} pixels: rows ${rows[0]} to ${rows[1]}, columns ${columns[0]} to ${columns[1]}.`;
    say.textContent = label + rest;
    map.setAttribute("aria-label", `Map after ${name}, ${plural(made.at(-1), "unit")} a side. Arrow keys choose a unit.`);
    input.setAttribute("aria-label", label);
    if (!seen) return;
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

  // Rules the image and leaves room for the boxes; a field far larger than the image is cut off.
  function frameInput(target, n, boxes) {
    const reach = Math.max(0, ...boxes.map(([first, last]) => Math.max(-first, last - n + 1)));
    const margin = Math.min(reach, 0.6 * n) + n * 0.02;
    grid(target, n, -margin, n + 2 * margin);
  }

  function drawInput({ pixels: n }, boxes, seen) {
    input.replaceChildren(shape("rect", { class: "pw-rf-paper", width: n, height: n }));
    frameInput(input, n, boxes);
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

  let built = "";
  function drawTable() {
    const rows = fixed()?.rows;
    const layers = rows ?? model.get("layers");
    const depth = clamp(model.get("depth"), 1, Math.max(layers.length, 1));
    const wanted = rows ? model.get("network") : `${layers.length} layers`;
    if (built !== wanted) {
      body.replaceChildren(...layers.map((_, index) => row(index, Boolean(rows))));
      built = wanted;
      shownDepth = null;
    }
    const measured = known()?.measured ?? {};
    const fields = rows ? [null, ...rows] : receptiveFields(layers);
    let n = model.get("pixels");
    if (depth !== shownDepth) show(body.children[depth - 1]);
    shownDepth = depth;
    layers.forEach((layer, index) => {
      const { children } = body.children[index];
      const title = layer.name || `layer ${index + 1}`;
      const [radio, name] = children[0].querySelectorAll("input, span");
      radio.checked = index + 1 === depth;
      name.textContent = title;
      name.classList.toggle("pw-rf-measured", index + 1 in measured);
      body.children[index].classList.toggle("pw-rf-here", index + 1 === depth);
      if (rows) n = layer.side;
      else {
        PARAMETERS.forEach(([parameter], column) => {
          const field = children[1 + column].firstChild;
          if (document.activeElement !== field) field.value = layer[parameter];
          field.setAttribute("aria-label", `${parameter} of ${title}`);
        });
        try {
          n = outputSize(n, layer);
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
          n = NaN;
        }
        children[9].firstChild.disabled = layers.length === 1;
        children[9].firstChild.setAttribute("aria-label", `Remove ${title}`);
      }
      const { size, jump, start } = fields[index + 1];
      children[5].textContent = Number.isNaN(n) ? "—" : n;
      children[6].textContent = size;
      children[7].textContent = jump;
      children[8].textContent = tidy(start);
    });
  }

  const group = `pw-rf-${Math.random().toString(36).slice(2)}`;

  function row(index, bare) {
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
      return element("td", { class: "pw-rf-edit" }, bare ? "" : field);
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
      element("td", { class: "pw-rf-edit" }, bare ? "" : remove),
    );
  }

  const watched = ["layers", "pixels", "depth", "unit", "network", "contribution", "answer"];
  for (const name of watched) model.on(`change:${name}`, draw);
  const resized = new ResizeObserver(() => draw());
  resized.observe(frame);
  draw();
  return () => {
    resized.disconnect();
    for (const name of watched) model.off(`change:${name}`, draw);
  };
}

export default { render };
