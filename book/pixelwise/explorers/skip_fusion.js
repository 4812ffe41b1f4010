// The skip-fusion viewer: how FCN-32s, 16s and 8s make a label map of the same scores, step by step.
//
// An anywidget module. It runs in JupyterLab against a kernel and, unchanged, on the static page under host.js.
// The upsampling, crops, sums and scores are computed here and, by PyTorch and pixelwise.metrics, in skip_fusion.py;
// both are tested on skip_fusion_vectors.json. Scores are lists of maps, one a class.

export const STRIDES = [32, 16, 8];
export const ALIGNED = 3;
const MOST_WRONG = 2;

// A row upsampled by a transposed convolution whose kernel is a tent: its ends are repeated once, and all that the
// kernel reaches is kept.
function stretched(values, factor) {
  const padded = [values[0], ...values, values.at(-1)];
  const made = Array((padded.length + 1) * factor).fill(0);
  padded.forEach((value, i) => {
    for (let tap = 0; tap < 2 * factor; tap++) made[i * factor + tap] += value * (1 - Math.abs(tap - (factor - 0.5)) / factor);
  });
  return made;
}

const transposed = (map) => map[0].map((_, column) => map.map((row) => row[column]));

// One map (h, w) upsampled: ((h + 3)·factor, (w + 3)·factor). From factor + factor/2 on lies bilinear interpolation.
export function upsampled(map, factor) {
  const across = map.map((row) => stretched(row, factor));
  return transposed(transposed(across).map((column) => stretched(column, factor)));
}

export const cropped = (map, [row, column], [height, width]) => map.slice(row, row + height).map((line) => line.slice(column, column + width));

const sizeOf = ([map]) => [map.length, map[0].length];

// Every step from the three scores to the three networks' scores at the size of the image.
export function fusion(scores, crops, size) {
  let sum = scores[32];
  const steps = { 32: { sum } };
  [16, 8].forEach((stride, index) => {
    const up = sum.map((map) => upsampled(map, 2));
    const cut = up.map((map) => cropped(map, crops[index], sizeOf(scores[stride])));
    sum = cut.map((map, label) => remade(map, (value, row, column) => value + scores[stride][label][row][column]));
    steps[stride] = { up, cut, sum };
  });
  for (const stride of STRIDES) {
    const begin = [1.5 * stride, 1.5 * stride];
    steps[stride].fused = steps[stride].sum.map((map) => cropped(upsampled(map, stride), begin, size));
  }
  return steps;
}

// The label map of scores: at each place the class with the highest.
export function labelled(maps) {
  return remade(maps[0], (_, row, column) => {
    let best = 0;
    maps.forEach((map, label) => map[row][column] > maps[best][row][column] && (best = label));
    return best;
  });
}

// The truth with void wherever no pixel of another class lies within `width`; the image's border is no contour.
export function trimap(truth, width) {
  const other = (label) => (row, column) => ![label, VOID, undefined].includes(truth[row]?.[column]);
  return remade(truth, (label, row, column) => (label !== VOID && near(row, column, width, other(label)) ? label : VOID));
}

export function scored(truth, prediction, classes, narrow) {
  const matrix = confusion(truth, prediction, classes);
  const accuracy = (counts) => share(sum(counts.map((row, label) => row[label])), sum(counts.flat()));
  const { iou } = byClass(matrix, classes);
  return {
    pixel_accuracy: accuracy(matrix),
    band_accuracy: accuracy(confusion(narrow, prediction, classes)),
    iou,
    mean_iou: mean(defined(iou)),
  };
}

const LEVELS = 12; // how many shades a score has on either side of zero
const MOST_WIDTH = 6;
const LABELS = -1;
const STATE = ["scene", "shown", "crops", "band", "width", "wrong", "images", "labels", "scores32", "scores16", "scores8"];

function render({ model, el }) {
  const get = (name) => model.get(name);
  const { change, stop } = inStep(model, STATE, draw);
  const classes = get("classes");

  // Frame: built once, filled by draw().
  const scene = select("Scene", (value) => change({ scene: Number(value) }));
  const shown = select("What the maps show", (value) => change({ shown: Number(value) }));
  const band = tick("dim what is far from contours", (checked) => change({ band: checked }));
  const wrong = tick("mark wrong pixels", (checked) => change({ wrong: checked }));
  const width = counter({ short: "width", label: "width of the band along contours", least: 1, most: MOST_WIDTH, change: (value) => change({ width: value }) });
  const align = button("Align both crops", "", () => change({ crops: [[ALIGNED, ALIGNED], [ALIGNED, ALIGNED]] }));
  const photograph = element("img", { alt: "" });
  const tiles = {};
  const view = (name, attributes = { role: "img" }) => {
    const caption = element("figcaption");
    const drawn = tiles[name] = tile(attributes, get("colours"));
    drawn.caption = caption;
    return element("figure", { class: `pw-sf-${name}` }, drawn, caption);
  };
  const sign = (text) => element("span", { class: "pw-sf-sign", "aria-hidden": "true" }, text);
  const image = element("figure", {}, photograph, element("figcaption", {}, "Image"));
  const key = element("div", { class: "pw-sf-key" });
  const say = element("p", { class: "pw-say pw-sf-say", "aria-live": "polite" });
  const numbers = table("pw-sf-numbers");
  const lane = (title, ...parts) => element("section", { class: "pw-sf-lane", "aria-label": title }, element("h4", {}, title), element("div", { class: "pw-sf-tiles" }, ...parts));
  const frame = element(
    "div",
    { class: "pw-sf pw-lm pw-frame", role: "group", "aria-label": "Skip-fusion viewer" },
    element("div", { class: "pw-bar" }, element("label", {}, "Scene ", scene), element("label", {}, "Show ", shown), align),
    element("div", { class: "pw-bar" }, wrong, band, width),
    key,
    lane("FCN-32s", image, view("truth"), view("scores32"), view("result32")),
    ...[16, 8].map((stride) =>
      lane(`FCN-${stride}s`, view(`up${stride}`, { role: "application", tabindex: 0 }), view(`scores${stride}`), view(`sum${stride}`), view(`result${stride}`)),
    ),
    say,
    numbers.box,
    element(
      "p",
      { class: "pw-help" },
      "The frame in a map upsampled by 2 is the crop that is added to the finer scores. Drag it, or focus the map and press the arrows; Home aligns it again.",
    ),
  );
  frame.style.setProperty("--ratio", get("size")[1] / get("size")[0]);
  mount(el, frame);
  for (const name of ["truth", "sum16", "sum8", "scores16", "scores8", "scores32"]) tiles[name].before(sign({ sum16: "=", sum8: "=", scores16: "+", scores8: "+" }[name] ?? ""));

  // Moving a crop.
  [16, 8].forEach((stride, index) => {
    const drawn = tiles[`up${stride}`];
    const place = (row, column) => {
      const within = (value) => clamp(value, ALIGNED - MOST_WRONG, ALIGNED + MOST_WRONG);
      const at = [within(row), within(column)];
      if (String(at) !== String(get("crops")[index])) change({ crops: get("crops").map((one, i) => (i === index ? at : one)) });
    };
    let held = null; // where a drag began, and where the crop was then
    const cellAt = (event) => [event.clientY, event.clientX].map((at) => at / (drawn.getBoundingClientRect().width / drawn.across));
    drawn.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      drawn.setPointerCapture(event.pointerId);
      held = { from: cellAt(event), crop: get("crops")[index] };
    });
    drawn.addEventListener("pointermove", (event) => {
      if (!held) return;
      place(...cellAt(event).map((at, axis) => held.crop[axis] + Math.round(at - held.from[axis])));
    });
    for (const end of ["pointerup", "pointercancel"]) drawn.addEventListener(end, () => (held = null));
    drawn.addEventListener("keydown", (event) => {
      const ways = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
      const [row, column] = get("crops")[index];
      if (event.key in ways) place(row + ways[event.key][0], column + ways[event.key][1]);
      else if (event.key === "Home") place(ALIGNED, ALIGNED);
      else return;
      event.preventDefault();
    });
  });

  // Drawing.
  const decoded = new Map(); // a scene's labels, by their text
  function truthOf(text) {
    if (!decoded.has(text)) {
      const [height, across] = get("size");
      const bytes = Uint8Array.from(atob(text), (mark) => mark.charCodeAt(0));
      decoded.set(text, range(height).map((row) => [...bytes.subarray(row * across, (row + 1) * across)]));
    }
    return decoded.get(text);
  }

  function draw() {
    const [number, label] = [get("scene"), get("shown")];
    const truth = truthOf(get("labels")[number]);
    const scores = Object.fromEntries(STRIDES.map((stride) => [stride, get(`scores${stride}`)[number]]));
    const steps = fusion(scores, get("crops"), get("size"));
    const narrow = trimap(truth, get("width"));
    const results = Object.fromEntries(STRIDES.map((stride) => [stride, labelled(steps[stride].fused)]));
    const found = Object.fromEntries(STRIDES.map((stride) => [stride, scored(truth, results[stride], classes.length, narrow)]));
    drawControls(number, label);
    drawMaps({ label, truth, scores, steps, narrow, results, found });
    drawNumbers(found, label);
    describe(found, label);
  }

  function drawControls(number, label) {
    fillOptions(scene, get("images").map((_, i) => [i, `${i + 1}`]));
    scene.value = number;
    fillOptions(shown, [[LABELS, "the label maps"], ...classes.map((name, i) => [i, `scores of ${name}`])]);
    shown.value = label;
    band.show(get("band"));
    wrong.show(get("wrong"));
    width.show(get("width"));
    align.disabled = get("crops").flat().every((at) => at === ALIGNED);
    if (photograph.src !== get("images")[number]) photograph.src = get("images")[number];
    photograph.alt = `Scene ${number + 1}`;
  }

  function drawMaps({ label, truth, scores, steps, narrow, results, found }) {
    const most = label === LABELS ? 0 : Math.max(...STRIDES.flatMap((stride) => [scores[stride], steps[stride].sum]).flatMap((maps) => maps[label].flat().map(Math.abs)));
    const level = (value) => `s${Math.round((LEVELS * clamp(value, -most, most)) / (most || 1))}`;
    const kinds = (maps) => (label === LABELS ? remade(labelled(maps), (one) => `c${one}`) : remade(maps[label], level));
    drawKey(label, most);
    const word = label === LABELS ? "labels of the highest scores" : `scores of ${classes[label]}`;
    const call = (name, caption, described = caption) => {
      tiles[name].caption.textContent = caption;
      tiles[name].setAttribute("aria-label", `${described}, ${word}.`);
    };
    const side = (maps) => sizeOf(maps).join("×");
    const far = get("band") ? [remade(narrow, (one) => one === VOID)] : [];
    const here = (map) => (label === LABELS ? null : remade(map, (one) => one === label));

    tiles.truth.fill(remade(truth, (one) => (one === VOID ? "void" : `c${one}`)), { dim: label === LABELS ? far : [...far, remade(truth, (one) => one !== label)], outline: here(truth) });
    tiles.truth.caption.textContent = "Truth";
    tiles.truth.setAttribute("aria-label", `Truth of scene ${get("scene") + 1}${label === LABELS ? "" : `, ${classes[label]} outlined`}.`);
    tiles.scores32.fill(kinds(scores[32]));
    call("scores32", `Scores, stride 32: ${side(scores[32])}`);
    [16, 8].forEach((stride, index) => {
      const { up, sum: total } = steps[stride];
      const crop = get("crops")[index];
      tiles[`up${stride}`].fill(kinds(up), { frame: [...crop, ...sizeOf(scores[stride])] });
      const from = stride === 16 ? "the scores" : "the sum";
      call(`up${stride}`, `${stride === 16 ? "Scores" : "Sum"} ×2: ${side(up)}, crop ${crop.join(", ")}`, `${from} of stride ${2 * stride} upsampled by 2, crop at row ${crop[0]} and column ${crop[1]}, ${aligned(crop)}`);
      tiles[`scores${stride}`].fill(kinds(scores[stride]));
      call(`scores${stride}`, `Scores, stride ${stride}: ${side(scores[stride])}`);
      tiles[`sum${stride}`].fill(kinds(total));
      call(`sum${stride}`, `Sum: ${side(total)}`, `Sum at stride ${stride}`);
    });
    for (const stride of STRIDES) {
      const same = (one, other) => (label === LABELS ? one === other : (one === label) === (other === label));
      const missed = get("wrong") ? remade(truth, (one, row, column) => one !== VOID && !same(one, results[stride][row][column])) : null;
      tiles[`result${stride}`].fill(kinds(steps[stride].fused), { dim: far, missed, outline: here(results[stride]) });
      const right = `${percent(found[stride].pixel_accuracy)} right`;
      call(`result${stride}`, `×${stride}: ${get("size").join("×")}, ${right}`, `Result of FCN-${stride}s, ${right}`);
    }
  }

  const aligned = ([row, column]) => {
    const off = [[row, "down", "up"], [column, "right", "left"]].filter(([at]) => at !== ALIGNED);
    return off.length ? off.map(([at, later, earlier]) => `${plural(Math.abs(at - ALIGNED), "cell")} too far ${at > ALIGNED ? later : earlier}`).join(" and ") : "aligned";
  };

  let keyed = "";
  function drawKey(label, most) {
    const now = `${label} ${most}`;
    if (keyed === now) return;
    keyed = now;
    if (label === LABELS) {
      key.replaceChildren(...classes.map((name, i) => {
        const dot = element("i", { "aria-hidden": "true" });
        dot.style.background = get("colours")[i];
        return element("span", {}, dot, name);
      }));
    } else {
      const scale = tile({ "aria-hidden": "true", preserveAspectRatio: "none", class: "pw-sf-scale" }, []);
      scale.fill([range(2 * LEVELS + 1).map((i) => `s${i - LEVELS}`)]);
      const end = most.toPrecision(2);
      key.replaceChildren(element("span", {}, `−${end}`), scale, element("span", {}, `+${end}`), element("span", {}, `score of ${classes[label]}; outlined where it is the label`));
    }
  }

  function drawNumbers(found, label) {
    const columns = [["pixel accuracy", "pixel_accuracy"], [`within ${plural(get("width"), "pixel")} of contours`, "band_accuracy"], ["mean IoU", "mean_iou"]];
    const heads = ["", ...columns.map(([text]) => text), ...(label === LABELS ? [] : [`IoU of ${classes[label]}`])];
    const row = (stride) => [...columns.map(([, name]) => percent(found[stride][name])), ...(label === LABELS ? [] : [percent(found[stride].iou[label])])];
    numbers.fill(heads, STRIDES.map((stride) => [`FCN-${stride}s`, ...row(stride)]), `Scores of the three label maps on scene ${get("scene") + 1}`);
  }

  function describe(found, label) {
    const off = [16, 8].flatMap((stride, index) => {
      const how = aligned(get("crops")[index]);
      return how === "aligned" ? [] : [`The crop at stride ${stride} begins ${how}; a cell is ${stride} pixels of the image.`];
    });
    const each = (name) => STRIDES.map((stride) => percent(found[stride][name])).join(", ");
    const right = `FCN-32s, 16s and 8s label ${each("pixel_accuracy")} of the pixels right; within ${plural(get("width"), "pixel")} of contours ${each("band_accuracy")}.`;
    say.textContent = [...off, right].join(" ");
  }

  draw();
  return stop;
}

// A map as one path a kind of cell: fill(kinds, marks) draws it. Kinds are c and a label, s and a level, or void. Marks
// are maps of the cells to dim or to mark as missed, of those to draw an outline around, and a frame [row, column,
// height, width], outside of which the map is dimmed.
function tile(attributes, colours) {
  const made = shape("svg", { ...attributes, class: `pw-sf-tile ${attributes.class ?? ""}` });
  const colour = (kind) => {
    const number = Number(kind.slice(1));
    if (kind === "void") return "var(--pw-raised)";
    if (kind[0] === "c") return colours[number];
    return `color-mix(in srgb, var(--pw-series-${number < 0 ? 2 : 1}) ${Math.round((100 * Math.abs(number)) / LEVELS)}%, var(--pw-paper))`;
  };
  made.fill = (kinds, { dim = [], missed, outline, frame } = {}) => {
    const [height, across] = [kinds.length, kinds[0].length];
    made.across = across;
    made.setAttribute("viewBox", `0 0 ${across} ${height}`);
    const drawn = [...runs(kinds)].map(([kind, d]) => shape("path", { d, style: `fill: ${colour(kind)}` }));
    if (missed) drawn.push(shape("path", { class: "pw-sf-missed", d: runs(missed).get(true) ?? "" }));
    for (const cells of dim) drawn.push(shape("path", { class: "pw-sf-dim", d: runs(cells).get(true) ?? "" }));
    if (outline) drawn.push(shape("path", { class: "pw-sf-outline", d: edges(outline) }));
    if (frame) {
      const [row, column, tall, wide] = frame;
      const hole = `M${column} ${row}h${wide}v${tall}h${-wide}z`;
      drawn.push(shape("path", { class: "pw-sf-dim", "fill-rule": "evenodd", d: `M0 0h${across}v${height}h${-across}z${hole}` }));
      drawn.push(shape("path", { class: "pw-sf-frame", d: hole }));
    }
    made.replaceChildren(...drawn);
  };
  return made;
}

// The cells of each kind as a path of their runs along the rows.
function runs(kinds) {
  const paths = new Map();
  kinds.forEach((row, r) => {
    for (let begin = 0, c = 1; c <= row.length; c++) {
      if (row[c] === row[begin] && c < row.length) continue;
      paths.set(row[begin], `${paths.get(row[begin]) ?? ""}M${begin} ${r}h${c - begin}v1h${begin - c}z`);
      begin = c;
    }
  });
  return paths;
}

// The lines between cells that are in and cells that are not.
function edges(cells) {
  const at = (row, column) => Boolean(cells[row]?.[column]);
  const lines = [];
  cells.forEach((line_, r) => line_.forEach((inside, c) => {
    if (!inside) return;
    if (!at(r - 1, c)) lines.push(`M${c} ${r}h1`);
    if (!at(r + 1, c)) lines.push(`M${c} ${r + 1}h1`);
    if (!at(r, c - 1)) lines.push(`M${c} ${r}v1`);
    if (!at(r, c + 1)) lines.push(`M${c + 1} ${r}v1`);
  }));
  return lines.join("");
}

export default { render };
