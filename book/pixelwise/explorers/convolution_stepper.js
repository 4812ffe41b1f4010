// The convolution stepper: move one window over a small input, forward or transposed, and watch the sums; or stamp a
// transposed convolution's output together, one value of the input after the other.
//
// An anywidget module. It runs in JupyterLab against a kernel and, unchanged, on the static page under host.js.
// A transposed convolution is drawn as the convolution that it equals: the input with stride − 1 zeros put between its
// values, padded by dilation · (kernel − 1) − padding, under the kernel turned by 180 degrees, at stride 1.
// Tested, as pixelwise.arithmetic and PyTorch are, on convolution_stepper_vectors.json.

// The length of the output along an axis. Refuses, in pixelwise.arithmetic's words, what makes no output.
export function outputSize(setting) {
  const { transposed, size, kernel, stride, padding, dilation, output_padding } = setting;
  const extent = dilation * (kernel - 1) + 1;
  if (!transposed) {
    if (size + 2 * padding < extent) {
      throw new RangeError(`A window that spans ${extent} pixels does not fit ${size} pixels with ${padding} of padding on each side.`);
    }
  } else if (output_padding >= Math.max(stride, dilation)) {
    throw new RangeError(
      `output_padding must be at least 0 and smaller than stride or dilation, not ${output_padding} at stride ${stride} and dilation ${dilation}.`,
    );
  } else if (formula(setting).value < 1) {
    throw new RangeError(`Padding ${padding} removes all of the output of a transposed convolution of ${size} units.`);
  }
  return formula(setting).value;
}

// The formula of the output's length: in letters, with the numbers put in, and what it comes to.
export function formula({ transposed, size: n, kernel: k, stride: s, padding: p, dilation: d, output_padding: o }) {
  if (transposed) {
    return {
      letters: "(n − 1)·s − 2p + d·(k − 1) + 1 + output_padding",
      numbers: `(${n} − 1)·${s} − 2·${p} + ${d}·(${k} − 1) + 1 + ${o}`,
      value: (n - 1) * s - 2 * p + d * (k - 1) + 1 + o,
    };
  }
  return {
    letters: "⌊(n + 2p − d·(k − 1) − 1) / s⌋ + 1",
    numbers: `⌊(${n} + 2·${p} − ${d}·(${k} − 1) − 1) / ${s}⌋ + 1`,
    value: Math.floor((n + 2 * p - d * (k - 1) - 1) / s) + 1,
  };
}

// How many rows at the end of the padded input no window reaches.
export function unread({ transposed, size, kernel, stride, padding, dilation }) {
  return transposed ? 0 : (size + 2 * padding - dilation * (kernel - 1) - 1) % stride;
}

// What the window slides over, along one axis: `length` places, 0 to length − 1, of which every `apart`-th is a value
// of the input and the rest zeros; `before` and `after` more at its ends (cut off instead where they are negative).
export function track({ transposed, size, kernel, stride, padding, dilation, output_padding }) {
  if (!transposed) return { length: size, apart: 1, step: stride, before: padding, after: padding };
  const margin = dilation * (kernel - 1) - padding;
  return { length: (size - 1) * stride + 1, apart: stride, step: 1, before: margin, after: margin + output_padding };
}

// The places that the taps of output `unit`'s window lie on, in order, along one axis.
export function taps(setting, unit) {
  const { step, before } = track(setting);
  return range(setting.kernel).map((tap) => unit * step - before + tap * setting.dilation);
}

// Which value of the input lies on a place of the track, or null for a zero.
function inputAt(setting, place) {
  const { length, apart } = track(setting);
  return place >= 0 && place < length && place % apart === 0 ? place / apart : null;
}

// The kernel × kernel products of the window of output `unit` (row, column), row by row.
export function products(setting, image, weights, unit) {
  const [rows, columns] = unit.map((u) => taps(setting, u));
  const turned = (tap) => (setting.transposed ? setting.kernel - 1 - tap : tap);
  return rows.map((row, i) =>
    columns.map((column, j) => {
      const at = [inputAt(setting, row), inputAt(setting, column)];
      const value = at.includes(null) ? 0 : image[at[0]][at[1]];
      const weight = weights[turned(i)][turned(j)];
      return { value, weight, product: value * weight || 0 };
    }),
  );
}

export function total(terms) {
  return terms.flat().reduce((sum, { product }) => sum + product, 0);
}

export function output(setting, image, weights) {
  const side = range(outputSize(setting));
  return side.map((row) => side.map((column) => total(products(setting, image, weights, [row, column]))));
}

// What one value of the input adds to the output of a transposed convolution: itself times each weight.
export function stamp(weights, kernel, value) {
  return range(kernel).map((i) => range(kernel).map((j) => ({ value, weight: weights[i][j], product: value * weights[i][j] || 0 })));
}

// The places of the output, along one axis and before padding cuts any off, that the stamp of input `unit` lies on.
export function stampedPlaces({ kernel, stride, dilation }, unit) {
  return range(kernel).map((tap) => unit * stride + tap * dilation);
}

// The output before padding cuts any off, after the first `count` values of the input (row by row) were stamped: each
// place holds its sum so far, or null where no stamp lies.
export function stamped(setting, image, weights, count) {
  const { size, kernel, stride, dilation, output_padding } = setting;
  const side = (size - 1) * stride + dilation * (kernel - 1) + 1 + output_padding;
  const made = range(side).map(() => Array(side).fill(null));
  for (const index of range(count)) {
    const unit = [Math.floor(index / size), index % size];
    const [rows, columns] = unit.map((u) => stampedPlaces(setting, u));
    stamp(weights, kernel, image[unit[0]][unit[1]]).forEach((terms, i) =>
      terms.forEach(({ product }, j) => (made[rows[i]][columns[j]] += product)),
    );
  }
  return made;
}

// The sums of the weights over each phase, stride × stride: what a map of ones becomes, away from its border.
export function phaseSums({ kernel, stride, dilation }, weights) {
  const sums = range(stride).map(() => Array(stride).fill(0));
  for (const i of range(kernel)) for (const j of range(kernel)) sums[(i * dilation) % stride][(j * dilation) % stride] += weights[i][j];
  return sums;
}

const CELL = 20; // the side of a cell in the units of a drawing
const SETTINGS = ["transposed", "stamps", "size", "kernel", "stride", "padding", "dilation", "output_padding"];

function render({ model, el }) {
  const limits = model.get("limits");
  const setting = () => {
    const now = Object.fromEntries(SETTINGS.map((name) => [name, model.get(name)]));
    return { ...now, stamps: now.stamps && now.transposed };
  };
  const change = (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    draw();
  };

  // Frame: built once, filled by draw().
  const kinds = element("div", { class: "pw-cs-kinds", role: "group", "aria-label": "Kind of convolution" });
  const kind = (name, chosen) => {
    const made = element("button", { type: "button" }, name);
    made.addEventListener("click", () => (stop(), change(chosen)));
    made.show = (now) => made.setAttribute("aria-pressed", Object.keys(chosen).every((key) => chosen[key] === now[key]));
    kinds.append(made);
    return made;
  };
  const choices = [
    kind("Convolution", { transposed: false, stamps: false }),
    kind("Transposed", { transposed: true, stamps: false }),
    kind("Stamps", { transposed: true, stamps: true }),
  ];
  const named = (name, short, label) =>
    counter({ short, label, least: limits[name][0], most: limits[name][1], change: (value) => change({ [name]: value }) });
  const counters = {
    size: named("size", "n", "input size"),
    kernel: named("kernel", "k", "kernel size"),
    stride: named("stride", "s", "stride"),
    padding: named("padding", "p", "padding"),
    dilation: named("dilation", "d", "dilation"),
    output_padding: named("output_padding", "output_padding", "output padding"),
  };
  const sizes = element("p", { class: "pw-cs-formula" });
  const back = element("button", { type: "button", "aria-label": "One step back" }, "◀");
  const play = element("button", { type: "button" }, "Play");
  const next = element("button", { type: "button", "aria-label": "One step on" }, "▶");
  const steps = element("input", { type: "range", min: 0 });
  const figure = (name, ...drawn) => {
    const caption = element("figcaption");
    const made = element("figure", { class: `pw-cs-${name}` }, caption, ...drawn);
    made.caption = caption;
    return made;
  };
  const input = shape("svg");
  const kernel = element("div", { class: "pw-cs-cells", role: "group", "aria-label": "Weights of the kernel" });
  const window_ = element("div", { class: "pw-cs-cells", role: "img" });
  const result = shape("svg");
  const phases = element("div", { class: "pw-cs-cells", role: "img" });
  const figures = {
    input: figure("input", input),
    kernel: figure("kernel", kernel),
    products: figure("products", window_),
    phases: figure("phases", phases),
    output: figure("output", result),
  };
  const say = element("p", { class: "pw-say pw-cs-say", "aria-live": "polite" });
  const sum = element("p", { class: "pw-cs-sum" });
  const help = element("p", { class: "pw-help" });
  const frame = element(
    "div",
    { class: "pw-cs pw-frame", role: "group", "aria-label": "Convolution stepper" },
    element("div", { class: "pw-bar" }, kinds, ...Object.values(counters)),
    sizes,
    element("div", { class: "pw-bar pw-cs-steps" }, back, play, next, steps),
    element("div", { class: "pw-cs-views" }, figures.input, element("div", { class: "pw-cs-middle" }, figures.kernel, figures.products, figures.phases), figures.output),
    say,
    sum,
    help,
  );
  mount(el, frame);

  // Stepping.
  let playing = null;
  const stop = () => {
    clearInterval(playing);
    playing = null;
    play.textContent = "Play";
  };
  const step = (index) => {
    const { units } = attempt() ?? {};
    if (units) change({ unit: [Math.floor(index / units), index % units] });
  };
  const move = (by) => {
    const { units, index } = attempt() ?? {};
    if (units) step(clamp(index + by, 0, units * units - 1));
  };
  play.addEventListener("click", () => {
    if (playing) return stop();
    const { units, index } = attempt() ?? {};
    if (!units) return;
    if (index === units * units - 1) step(0);
    play.textContent = "Pause";
    playing = setInterval(() => {
      const now = attempt();
      if (!now || !frame.isConnected || now.index === now.units * now.units - 1) stop();
      else move(1);
    }, 550);
  });
  back.addEventListener("click", () => (stop(), move(-1)));
  next.addEventListener("click", () => (stop(), move(1)));
  steps.addEventListener("input", () => (stop(), step(Number(steps.value))));
  // Units are chosen in the output, and in the input where it is stamped.
  const isChosenIn = (drawn) => drawn === (setting().stamps ? input : result);
  const look = (event) => {
    const { units, unit } = attempt() ?? {};
    if (!units || !isChosenIn(event.currentTarget)) return;
    const corner = event.currentTarget.getBoundingClientRect();
    const cell = (offset, length) => clamp(Math.floor((offset / length) * units), 0, units - 1);
    const at = [cell(event.clientY - corner.top, corner.height), cell(event.clientX - corner.left, corner.width)];
    if (at[0] === unit[0] && at[1] === unit[1]) return;
    stop();
    change({ unit: at });
  };
  const pressed = (event) => {
    const { units, unit } = attempt() ?? {};
    if (!units || !isChosenIn(event.currentTarget)) return;
    const ways = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    let at = null;
    if (event.key in ways) at = unit.map((u, axis) => clamp(u + ways[event.key][axis], 0, units - 1));
    else if (event.key === "Home") at = [unit[0], 0];
    else if (event.key === "End") at = [unit[0], units - 1];
    if (!at) return;
    event.preventDefault();
    stop();
    change({ unit: at });
  };
  for (const drawn of [input, result]) {
    drawn.addEventListener("pointermove", (event) => event.pointerType === "mouse" && look(event));
    drawn.addEventListener("click", look);
    drawn.addEventListener("keydown", pressed);
  }

  // The state, or nothing when the setting makes no output; then the sentence that says why is shown.
  function attempt() {
    const now = setting();
    try {
      const side = outputSize(now);
      const units = now.stamps ? now.size : side; // along an axis of the drawing in which one is chosen
      const unit = model.get("unit").map((u) => clamp(u, 0, units - 1));
      return { setting: now, side, units, unit, index: unit[0] * units + unit[1], image: model.get("image"), weights: model.get("weights") };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      say.textContent = error.message;
      return null;
    }
  }

  function draw() {
    const chosen = setting();
    for (const [name, one] of Object.entries(counters)) one.show(chosen[name]);
    counters.output_padding.hidden = !chosen.transposed;
    for (const one of choices) one.show(chosen);
    for (const drawn of [input, result]) {
      drawn.setAttribute("role", isChosenIn(drawn) ? "application" : "img");
      drawn.classList.toggle("pw-cs-choose", isChosenIn(drawn));
      if (isChosenIn(drawn)) drawn.setAttribute("tabindex", 0);
      else drawn.removeAttribute("tabindex");
    }
    steps.setAttribute("aria-label", chosen.stamps ? "Value of the input" : "Position of the window");
    help.textContent =
      `Point at a unit of the ${chosen.stamps ? "input" : "output"}, tap it, or focus the ${chosen.stamps ? "input" : "output"} ` +
      "and use the arrow keys; the weights can be typed over. One channel, no bias.";
    const { letters, numbers, value } = formula(chosen);
    sizes.replaceChildren(element("span", {}, `output size = ${letters} `), element("span", {}, `= ${numbers} `), element("strong", {}, `= ${written(value)}`));
    const now = attempt();
    frame.classList.toggle("pw-cs-broken", !now);
    for (const control of [back, play, next, steps]) control.disabled = !now;
    drawKernel(chosen);
    drawPhases(chosen);
    if (!now) {
      stop();
      drawInput({ setting: chosen, image: model.get("image"), unit: null });
      figures.output.caption.textContent = "Output: none";
      result.replaceChildren();
      result.style.width = "0";
      window_.replaceChildren();
      sum.textContent = "";
      return;
    }
    back.disabled = now.index === 0;
    next.disabled = now.index === now.units ** 2 - 1;
    steps.max = now.units ** 2 - 1;
    steps.value = now.index;
    steps.setAttribute("aria-valuetext", `${chosen.stamps ? "input" : "output"} (${now.unit.join(", ")})`);
    if (chosen.stamps) {
      const value = now.image[now.unit[0]][now.unit[1]];
      drawChoices(now);
      drawProducts(stamp(now.weights, chosen.kernel, value), `Stamp: ${written(value)} times the kernel`);
      drawStamped(now);
      describeStamp(now, value);
      return;
    }
    const terms = products(now.setting, now.image, now.weights, now.unit);
    drawInput(now);
    drawProducts(terms, `Products, sum ${written(total(terms))}`);
    drawOutput(now);
    describe(now, terms);
  }

  function describeStamp({ setting, unit, index, units, side }, value) {
    const span = (u) => {
      const places = stampedPlaces(setting, u).map((place) => place - setting.padding);
      return `${written(places[0])} to ${written(places.at(-1))}`;
    };
    const cut = setting.padding ? ` What lies outside 0 to ${side - 1} is cut off.` : "";
    say.textContent =
      `Input (${unit[0]}, ${unit[1]}), number ${index + 1} of ${units ** 2}, is ${written(value)}. ` +
      `${written(value)} times the kernel is added to rows ${span(unit[0])} and columns ${span(unit[1])} of the output.${cut}`;
    sum.textContent = "";
  }

  function describe({ setting, side, unit, index }, terms) {
    const span = (u) => {
      const places = taps(setting, u);
      return `${written(places[0])} to ${written(places.at(-1))}`;
    };
    const where = setting.transposed ? "the stretched input" : "the input";
    const left = unread(setting);
    const lost = left ? ` The last ${left === 1 ? "row and column" : `${left} rows and columns`} of the padded input lie in no window.` : "";
    const off = `${setting.dilation > 1 ? `, every ${setting.dilation === 2 ? "second" : "third"} one` : ""}`;
    say.textContent =
      `Output (${unit[0]}, ${unit[1]}), number ${index + 1} of ${side ** 2}, is ${written(total(terms))}. ` +
      `Its window lies on rows ${span(unit[0])} and columns ${span(unit[1])} of ${where}${off}.${lost}`;
    const bracket = (number) => (number < 0 ? `(${written(number)})` : written(number));
    sum.textContent = `${terms.flat().map(({ value, weight }) => `${bracket(value)}·${bracket(weight)}`).join(" + ")} = ${written(total(terms))}`;
  }

  // The side of a cell in pixels: as large as lets all drawings stand in a row, else the widest by itself.
  function cellSide(chosen, side) {
    const room = Math.max(frame.clientWidth - 34, 240);
    const { length, before, after } = track(chosen);
    const across = chosen.stamps ? chosen.size : length + Math.max(before, 0) + Math.max(after, 0);
    const beside = (room - 2 * 20 - Math.max(36 * chosen.kernel, chosen.transposed ? 185 : 140)) / (across + side);
    const alone = room / Math.max(across, side);
    return clamp(beside >= 18 ? beside : alone, 4, 30);
  }

  function cell(row, column, kind, text, side) {
    const parts = [shape("rect", { x: column * CELL, y: row * CELL, width: CELL, height: CELL, class: `pw-cs-cell ${kind}` })];
    if (text !== "" && side >= 11) {
      const size = Math.min(10.5, 33 / text.length);
      const attributes = { x: (column + 0.5) * CELL, y: (row + 0.5) * CELL, "font-size": size, class: `pw-cs-text ${kind}` };
      parts.push(shape("text", attributes, text));
    }
    return parts;
  }

  // Fills one of the two drawings: `across` cells a side, each `side` pixels wide, under a caption.
  function fill(name, drawn, across, side, caption, label) {
    const picture = name === "input" ? input : result;
    picture.replaceChildren(...drawn);
    picture.setAttribute("viewBox", `-1 -1 ${across * CELL + 2} ${across * CELL + 2}`);
    picture.setAttribute("aria-label", label);
    picture.style.width = figures[name].style.width = `${across * side}px`;
    figures[name].caption.textContent = caption;
  }

  // n × n units in the order of their steps: those before the chosen one are done, those after it open.
  function stepped(n, index, textOf, side) {
    return range(n * n).flatMap((i) => {
      const kind = i === index ? "pw-cs-now" : i < index ? "pw-cs-done" : "pw-cs-open";
      return cell(Math.floor(i / n), i % n, kind, textOf(Math.floor(i / n), i % n, i), side);
    });
  }

  function drawInput({ setting, image, unit }) {
    const { length, apart, before, after } = track(setting);
    const first = -Math.max(before, 0);
    const last = length - 1 + Math.max(after, 0);
    const across = last - first + 1;
    const side = cellSide(setting, attempt()?.side ?? 1);
    const [rows, columns] = unit ? unit.map((u) => taps(setting, u)) : [[], []];
    const drawn = [];
    // What a place holds: a value, a zero put between values, padding, or what negative padding cuts off.
    const kindAt = (row, column) => {
      const places = [row, column];
      if (places.some((place) => place < -before || place > length - 1 + after)) return "cut";
      if (places.some((place) => place < 0 || place >= length)) return "padding";
      return places.every((place) => place % apart === 0) ? "value" : "between";
    };
    for (let row = first; row <= last; row++) {
      for (let column = first; column <= last; column++) {
        const kind = kindAt(row, column);
        const inside = row >= 0 && column >= 0 && row < length && column < length && row % apart === 0 && column % apart === 0;
        const text = inside ? written(image[row / apart][column / apart]) : "0";
        const tapped = rows.includes(row) && columns.includes(column) ? " pw-cs-tapped" : "";
        drawn.push(...cell(row - first, column - first, `pw-cs-${kind}${tapped}`, text, side));
      }
    }
    if (unit) {
      const extent = (setting.dilation * (setting.kernel - 1) + 1) * CELL;
      drawn.push(
        shape("rect", { class: "pw-cs-window", x: (columns[0] - first) * CELL, y: (rows[0] - first) * CELL, width: extent, height: extent }),
      );
    }
    const n = setting.size;
    const around = before > 0 ? `, ${before} of padding on each side` : before < 0 ? `, ${-before} cut off on each side` : "";
    const between = apart > 1 ? `, ${plural(apart - 1, "zero")} put between neighbours` : "";
    const end = setting.transposed && setting.output_padding ? `, ${setting.output_padding} more at the end` : "";
    const caption = `Input: ${n}×${n}${between}${around}${end}`;
    const covered = unit ? ` The window covers rows ${written(rows[0])} to ${written(rows.at(-1))}, columns ${written(columns[0])} to ${written(columns.at(-1))}.` : "";
    fill("input", drawn, across, side, caption, `${caption}.${covered}`);
  }

  // The values of the input, of which those up to the chosen one are stamped.
  function drawChoices({ setting, unit, index, image, weights }) {
    const { size: n } = setting;
    const side = cellSide(setting, stamped(setting, image, weights, 0).length);
    const drawn = stepped(n, index, (row, column) => written(image[row][column]), side);
    const label = `Input, ${plural(n, "value")} a side, value (${unit[0]}, ${unit[1]}) chosen. Arrow keys choose another.`;
    fill("input", drawn, n, side, `Input: ${n}×${n}`, label);
  }

  // The output as far as it is stamped, with what padding cuts off around it.
  function drawStamped({ setting, side: m, unit, index, image, weights }) {
    const { padding } = setting;
    const made = stamped(setting, image, weights, index + 1);
    const side = cellSide(setting, made.length);
    const [rows, columns] = unit.map((u) => stampedPlaces(setting, u));
    const isCut = (place) => place < padding || place >= padding + m;
    const drawn = made.flatMap((line, row) =>
      line.flatMap((value, column) => {
        const cut = isCut(row) || isCut(column);
        const tapped = rows.includes(row) && columns.includes(column) ? " pw-cs-tapped" : "";
        const kind = cut ? "pw-cs-cut" : value === null ? "pw-cs-open" : "pw-cs-done";
        return cell(row, column, kind + tapped, value === null ? "" : written(value), side);
      }),
    );
    const extent = (setting.dilation * (setting.kernel - 1) + 1) * CELL;
    drawn.push(shape("rect", { class: "pw-cs-window", x: columns[0] * CELL, y: rows[0] * CELL, width: extent, height: extent }));
    const caption = `Output: ${m}×${m}${padding ? `, ${padding} cut off on each side` : ""}`;
    const label = `${caption}. ${plural(index + 1, "stamp")} of ${setting.size ** 2} made.`;
    fill("output", drawn, made.length, side, caption, label);
  }

  // What the stamps come to on a map of ones: the sums of the weights over each phase.
  function drawPhases(chosen) {
    figures.phases.hidden = !chosen.transposed;
    if (!chosen.transposed) return;
    const sums = phaseSums(chosen, model.get("weights")).flat();
    const even = sums.every((one) => Math.abs(one - sums[0]) < 1e-6);
    phases.style.setProperty("--across", chosen.stride);
    phases.replaceChildren(...sums.map((one) => element("span", one === sums[0] ? {} : { class: "pw-cs-other" }, written(one))));
    figures.phases.caption.textContent = `Weights summed by phase: ${even ? "equal, so flat stays flat" : "unequal, so flat becomes a pattern"}`;
    phases.setAttribute("aria-label", `A map of ones becomes, away from its border, these repeated: ${sums.map(written).join(", ")}.`);
  }

  function drawKernel(chosen) {
    const k = chosen.kernel;
    if (kernel.children.length !== k * k) {
      kernel.style.setProperty("--across", k);
      kernel.replaceChildren(...range(k * k).map(() => weightField()));
    }
    figures.kernel.caption.textContent = `Kernel: ${k}×${k}${isTurned(chosen) ? ", turned by 180°" : ""}`;
    [...kernel.children].forEach((field, index) => {
      const at = place(chosen, index);
      field.setAttribute("aria-label", `weight (${at[0]}, ${at[1]})`);
      if (document.activeElement !== field) field.value = Math.round(model.get("weights")[at[0]][at[1]] * 100) / 100;
    });
  }

  // Under the window of a transposed convolution the kernel lies turned by 180 degrees; as a stamp it does not.
  function isTurned({ transposed, stamps }) {
    return transposed && !stamps;
  }

  // Which weight the field at `index` shows.
  function place(chosen, index) {
    const k = chosen.kernel;
    const shown = isTurned(chosen) ? k * k - 1 - index : index;
    return [Math.floor(shown / k), shown % k];
  }

  function weightField() {
    const field = element("input", { type: "number", step: "any" });
    field.addEventListener("input", () => {
      const value = Number(field.value);
      if (field.value === "" || !Number.isFinite(value) || Math.abs(value) > 99) return;
      const [row, column] = place(setting(), [...kernel.children].indexOf(field));
      change({ weights: model.get("weights").map((line, r) => (r === row ? line.map((w, c) => (c === column ? value : w)) : line)) });
    });
    field.addEventListener("blur", draw);
    return field;
  }

  function drawProducts(terms, caption) {
    window_.style.setProperty("--across", terms.length);
    window_.replaceChildren(
      ...terms.flat().map(({ product }) => element("span", product ? {} : { class: "pw-cs-nought" }, written(product))),
    );
    figures.products.caption.textContent = caption;
    window_.setAttribute("aria-label", `Products: ${terms.flat().map(({ product }) => written(product)).join(", ")}.`);
  }

  function drawOutput({ setting, side: n, unit, index, image, weights }) {
    const side = cellSide(setting, n);
    const textOf = (row, column, i) => (i <= index ? written(total(products(setting, image, weights, [row, column]))) : "");
    const label = `Output, ${plural(n, "unit")} a side, unit (${unit[0]}, ${unit[1]}) chosen. Arrow keys choose another.`;
    fill("output", stepped(n, index, textOf, side), n, side, `Output: ${n}×${n}`, label);
  }

  const watched = [...SETTINGS, "unit", "image", "weights"];
  for (const name of watched) model.on(`change:${name}`, draw);
  const resized = new ResizeObserver(() => draw());
  resized.observe(frame);
  draw();
  return () => {
    stop();
    resized.disconnect();
    for (const name of watched) model.off(`change:${name}`, draw);
  };
}

export default { render };
