// The IoU playground: paint a prediction beside the truth, and watch every score under every convention.
//
// An anywidget module. It runs in JupyterLab against a kernel and, unchanged, on the static page under host.js.
// The scores are computed here and, by pixelwise.metrics, in iou_playground.py; both are tested on
// iou_playground_vectors.json. A value that is not defined, such as the IoU of an absent class, is null.

export const ABSENT = ["skip", "zero", "one", "skip-not-in-truth"];

const AROUND = [-1, 0, 1].flatMap((row) => [-1, 0, 1].map((column) => [row, column]));
// The 3×3 neighbourhood of a pixel, as far as it lies in the image.
const around = (grid, row, column) => AROUND.map(([r, c]) => grid[row + r]?.[column + c]).filter((value) => value !== undefined);

// The truth with void where background touches an object: PASCAL VOC 2012 leaves such a band around its objects unscored.
export function voided(truth) {
  const touched = (row, column) => around(truth, row, column).some((label) => label > 0 && label !== VOID);
  return remade(truth, (label, row, column) => (label === 0 && touched(row, column) ? VOID : label));
}

// What painting can begin from: the truth itself, with background where it is void.
export const guessed = (truth) => remade(truth, (label) => (label === VOID ? 0 : label));

// The prediction moved by whole pixels; background moves in.
export const shifted = (grid, down, right) => remade(grid, (_, row, column) => grid[row - down]?.[column - right] ?? 0);

// Objects one pixel larger on every side, over background alone; where two meet, the later class wins.
export const grown = (grid) => remade(grid, (label, row, column) => label || Math.max(...around(grid, row, column)));

// Objects one pixel smaller on every side; the image's edge takes nothing off.
export function shrunk(grid) {
  return remade(grid, (label, row, column) => (around(grid, row, column).every((other) => other === label) ? label : 0));
}

// Hits, misses and false alarms of a class: of its whole masks, or with a width of their bands along contours.
export function compared(truth, prediction, label, width = 0) {
  const masks = [truth, prediction].map((grid) => (width ? band(grid, truth, label, width) : remade(grid, (value) => value === label)));
  return remade(truth, (value, row, column) => {
    if (value === VOID) return "void";
    const [there, told] = masks.map((mask) => mask[row][column]);
    return there ? (told ? "hit" : "miss") : told ? "false" : "";
  });
}

function meanIou(matrix, classes) {
  const { iou, true_ } = byClass(matrix, classes);
  return {
    skip: mean(defined(iou)),
    zero: mean(iou.map((value) => value ?? 0)),
    one: mean(iou.map((value) => value ?? 1)),
    "skip-not-in-truth": mean(iou.filter((_, label) => true_[label])),
  };
}

const voidAsClass = (truth, classes) => remade(truth, (label) => (label === VOID ? classes : label));
const added = (matrices) => matrices.reduce((total, matrix) => remade(total, (value, row, column) => value + matrix[row][column]));

// Every score of a list of images. Under "masked" void counts nowhere; under "error" it is one more class of the truth.
export function scores(truths, predictions, classes, width, void_) {
  const labels = classes + (void_ === "error" ? 1 : 0);
  const scored = truths.map((truth) => (void_ === "error" ? voidAsClass(truth, classes) : truth));
  const matrices = scored.map((truth, image) => confusion(truth, predictions[image], labels));
  const matrix = added(matrices);
  const { hits, true_, accuracy, iou, dice } = byClass(matrix, classes);
  const pixels = sum(matrix.flat());
  const boundary = range(classes).map((label) => {
    const kinds = scored.flatMap((truth, image) => compared(truth, predictions[image], label, width).flat());
    const count = (kind) => kinds.filter((one) => one === kind).length;
    return share(count("hit"), count("hit") + count("miss") + count("false"));
  });
  const images = matrices.map((one) => meanIou(one, classes));
  return {
    confusion: matrix,
    pixel_accuracy: share(sum(hits), pixels),
    class_accuracy: accuracy,
    mean_class_accuracy: mean(defined(accuracy)),
    iou,
    dice,
    mean_dice: mean(defined(dice)),
    boundary_iou: boundary,
    mean_boundary_iou: mean(defined(boundary)),
    frequency_weighted_iou: pixels ? sum(iou.map((value, label) => (value ?? 0) * true_[label])) / pixels : null,
    mean_iou: meanIou(matrix, classes),
    mean_iou_per_image: Object.fromEntries(ABSENT.map((absent) => [absent, mean(defined(images.map((one) => one[absent])))])),
  };
}

// The cells on a straight line from one to another, so that a fast stroke leaves no gap.
export function line([row, column], [toRow, toColumn]) {
  const steps = Math.max(Math.abs(toRow - row), Math.abs(toColumn - column), 1);
  return range(steps + 1).map((i) => [Math.round(row + ((toRow - row) * i) / steps), Math.round(column + ((toColumn - column) * i) / steps)]);
}

const CELL = 10; // the side of a cell in the units of a drawing
const MOST_WIDTH = 4;
const MOST_UNDO = 200;
const STATE = ["classes", "scenes", "truth", "prediction", "image", "void_band", "void", "shown", "bands", "width"];
const KINDS = [["hit", "hit"], ["miss", "miss"], ["false", "false alarm"], ["void", "void"]];
const OWN = "your own";
function render({ model, el }) {
  const get = (name) => model.get(name);
  const { change, stop } = inStep(model, STATE, draw);

  let brush = get("shown");
  let cursor = [0, 0];
  let told = ""; // what the cursor has come to, said before the scores
  const undo = [];

  // Frame: built once, filled by draw().

  const scene = select("Scene", (name) => {
    const found = get("scenes").find((one) => one.name === name);
    if (found) edit(shifted(guessed(found.truth), 0, 1), found.truth);
  });
  const voidBand = tick("void at contours", (checked) => change({ void_band: checked }));
  const images = range(2).map((index) => button(`image ${index + 1}`, "", () => change({ image: index })));
  const second = button("Add a second image", "", () => {
    keep();
    if (get("truth").length > 1) return change({ truth: get("truth").slice(0, 1), prediction: get("prediction").slice(0, 1), image: 0 });
    const other = get("scenes").at(-1).truth;
    change({ truth: [...get("truth"), other], prediction: [...get("prediction"), shifted(guessed(other), 0, 1)], image: 1 });
  });
  const brushes = element("div", { class: "pw-lm-group", role: "group", "aria-label": "Class to paint" });
  const boards = { truth: board({ role: "img" }), prediction: board({ role: "application", tabindex: 0 }), map: board({ role: "img" }) };
  const shown = select("Class of the map", (label) => change({ shown: Number(label) }));
  const bands = tick("errors near contours only", (checked) => change({ bands: checked }));
  const width = counter({ short: "width", label: "width of the boundary", least: 1, most: MOST_WIDTH, change: (value) => change({ width: value }) });
  const figure = (name, caption, ...parts) => element("figure", { class: `pw-iou-${name}` }, element("figcaption", {}, ...caption), ...parts);
  const key = element("p", { class: "pw-iou-key", "aria-hidden": "true" }, ...KINDS.map(([kind, word]) => element("span", {}, swatch(`pw-iou-${kind}`, kind), word)));
  const undoing = button("Undo", "", back);
  const moves = [["←", 0, -1, "left"], ["→", 0, 1, "right"], ["↑", -1, 0, "up"], ["↓", 1, 0, "down"]];
  const say = element("p", { class: "pw-say pw-iou-say", "aria-live": "polite" });
  const voids = select("How void counts in these tables", (value) => change({ void: value }));
  voids.append(element("option", { value: "masked" }, "not scored"), element("option", { value: "error" }, "an error"));
  const tables = { means: table("pw-iou-means"), classes: table("pw-iou-classes"), confusion: table("pw-iou-confusion") };
  const overall = element("dl", { class: "pw-iou-overall" });
    const frame = element(
    "div",
    { class: "pw-iou pw-lm pw-frame", role: "group", "aria-label": "IoU playground" },
    element("div", { class: "pw-bar" }, element("label", {}, "Scene ", scene), voidBand, element("div", { class: "pw-lm-group", role: "group", "aria-label": "Image" }, ...images, second)),
    element("div", { class: "pw-bar" }, brushes, undoing),
    element(
      "div",
      { class: "pw-iou-boards" },
      figure("truth", ["Truth"], boards.truth),
      figure("prediction", ["Prediction: paint here"], boards.prediction),
      figure("map", ["Errors of ", shown], boards.map, key),
    ),
    say,
    element(
      "div",
      { class: "pw-bar" },
      group("Begin from", button("truth", "Begin from the truth", () => edit(guessed(get("truth")[get("image")]))), button("all background", "Begin from all background", () => edit(remade(painted(), () => 0)))),
      group("Move by a pixel", ...moves.map(([sign, down, right, word]) => button(sign, `Move the prediction ${word} by a pixel`, () => edit(shifted(painted(), down, right))))),
      group("Objects by a pixel", button("grow", "Grow objects by a pixel", () => edit(grown(painted()))), button("shrink", "Shrink objects by a pixel", () => edit(shrunk(painted())))),
    ),
    element("div", { class: "pw-bar" }, group("Boundary IoU", width), bands),
    titled("Mean IoU by convention", tables.means.box),
    element("div", { class: "pw-bar" }, element("label", {}, "In the tables below, void is ", voids)),
    overall,
    element("div", { class: "pw-iou-tables" }, titled("By class", tables.classes.box), titled("Confusion matrix, pixels", tables.confusion.box)),
    element(
      "p",
      { class: "pw-help" },
      "Drag with mouse or finger to paint. With keys: focus the prediction, move with the arrows, paint with space, or with shift and an arrow; digits choose the class, Z undoes. " +
        "An absent class is one that neither truth nor prediction holds.",
    ),
  );
  mount(el, frame);

  // Editing.
  const painted = () => get("prediction")[get("image")];
  const replaced = (name, grid) => get(name).map((one, index) => (index === get("image") ? grid : one));
  function keep() {
    undo.push({ truth: get("truth"), prediction: get("prediction"), image: get("image") });
    if (undo.length > MOST_UNDO) undo.shift();
  }
  function edit(prediction, truth = get("truth")[get("image")]) {
    keep();
    told = "";
    change({ truth: replaced("truth", truth), prediction: replaced("prediction", prediction) });
  }
  function back() {
    told = "";
    if (undo.length) change(undo.pop());
  }
  function stroke(cells) {
    const on = new Set(cells.map(String));
    change({ prediction: replaced("prediction", remade(painted(), (label, row, column) => (on.has(`${row},${column}`) ? brush : label))) });
  }
  function take(label) {
    brush = label;
    told = "";
    draw();
  }

  let last = null; // the cell that a stroke of the pointer has come to
  const under = (event) => {
    const corner = boards.prediction.getBoundingClientRect();
    const cell = (offset, length, cells) => clamp(Math.floor((offset / length) * cells), 0, cells - 1);
    return [
      cell(event.clientY - corner.top, corner.height, painted().length),
      cell(event.clientX - corner.left, corner.width, painted()[0].length),
    ];
  };
  boards.prediction.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    boards.prediction.setPointerCapture(event.pointerId);
    keep();
    told = "";
    last = cursor = under(event);
    stroke([last]);
  });
  boards.prediction.addEventListener("pointermove", (event) => {
    const at = under(event);
    if (String(at) === String(cursor)) return;
    cursor = at;
    if (!last) return drawCursor();
    const cells = line(last, at);
    last = at;
    stroke(cells);
  });
  for (const end of ["pointerup", "pointercancel"]) boards.prediction.addEventListener(end, () => (last = null));

  boards.prediction.addEventListener("keydown", (event) => {
    const ways = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const grid = painted();
    const to = (row, column) => {
      cursor = [clamp(row, 0, grid.length - 1), clamp(column, 0, grid[0].length - 1)];
      told = `${place()}. `;
    };
    const digit = Number(event.key);
    if (event.key in ways) {
      to(...ways[event.key].map((step, axis) => cursor[axis] + step));
      if (event.shiftKey) paintCursor();
      else draw();
    } else if (event.key === "Home" || event.key === "End") {
      to(cursor[0], event.key === "Home" ? 0 : grid[0].length - 1);
      draw();
    } else if (event.key === " ") paintCursor();
    else if (event.key !== " " && Number.isInteger(digit) && digit < get("classes").length) take(digit);
    else if (event.key.toLowerCase() === "z" && !event.altKey) back();
    else return;
    event.preventDefault();
  });
  function paintCursor() {
    keep();
    stroke([cursor]);
    told = `${place()}. `;
    draw();
  }
  function place() {
    const [row, column] = cursor;
    const named = (label) => get("classes")[label] ?? "void";
    const truth = scoredTruth()[get("image")][row][column];
    return `Row ${row + 1}, column ${column + 1}: truth ${named(truth)}, prediction ${named(painted()[row][column])}`;
  }

  // Drawing.
  const scoredTruth = () => (get("void_band") ? get("truth").map(voided) : get("truth"));

  // Truth and prediction change one after the other; between the two there is nothing to draw.
  function fitting() {
    const sizes = ["truth", "prediction"].map((name) => get(name).map((grid) => [grid.length, grid[0].length]));
    return String(sizes[0]) === String(sizes[1]) && get("image") < sizes[0].length;
  }

  function draw() {
    if (!fitting()) return;
    const [classes, image] = [get("classes"), get("image")];
    const truths = scoredTruth();
    const both = Object.fromEntries(["masked", "error"].map((one) => [one, scores(truths, get("prediction"), classes.length, get("width"), one)]));
    drawControls(classes, image);
    const [truth, prediction] = [truths[image], painted()];
    cursor = [clamp(cursor[0], 0, truth.length - 1), clamp(cursor[1], 0, truth[0].length - 1)];
    const kind = (label) => (label === VOID ? "void" : `c${label}`);
    boards.truth.fill(truth.map((row) => row.map(kind)));
    boards.prediction.fill(prediction.map((row) => row.map(kind)));
    const scored = truths.map((one) => (get("void") === "error" ? voidAsClass(one, classes.length) : one));
    boards.map.fill(compared(scored[image], prediction, get("shown"), get("bands") ? get("width") : 0));
    drawCursor();
    drawMeans(both);
    drawTables(both[get("void")], classes);
    describe(both, classes, scored);
  }

  function drawControls(classes, image) {
    const known = get("scenes").find((one) => JSON.stringify(one.truth) === JSON.stringify(get("truth")[image]));
    const options = [...get("scenes").map(({ name }) => name), ...(known ? [] : [OWN])];
    fillOptions(scene, options.map((name) => [name, name]));
    scene.value = known?.name ?? OWN;
    voidBand.show(get("void_band"));
    bands.show(get("bands"));
    width.show(get("width"));
    undoing.disabled = undo.length === 0;
    const many = get("truth").length > 1;
    images.forEach((one, index) => {
      one.hidden = !many;
      one.setAttribute("aria-pressed", index === image);
    });
    second.textContent = many ? "Remove the second" : "Add a second image";
    if (brushes.children.length !== classes.length) {
      brushes.replaceChildren(...classes.map((name, label) => {
        const made = button("", "", () => take(label));
        made.append(swatch(`pw-iou-c${label}`), `${label} ${name}`);
        return made;
      }));
    }
    [...brushes.children].forEach((one, label) => one.setAttribute("aria-pressed", label === brush));
    fillOptions(shown, classes.map((name, label) => [label, name]));
    shown.value = get("shown");
    voids.value = get("void");
  }

  function drawCursor() {
    for (const one of Object.values(boards)) one.point(cursor);
    const [rows, columns] = [painted().length, painted()[0].length];
    boards.truth.setAttribute("aria-label", `Truth, ${rows} rows and ${columns} columns.`);
    boards.prediction.setAttribute("aria-label", `Prediction, ${rows} rows and ${columns} columns. ${place()}. Arrows move, space paints, digits choose the class.`);
  }

  function drawMeans(both) {
    const heads = ["", "left out", "as 0", "as 1", "only classes of the truth"];
    const many = get("truth").length > 1;
    const rows = Object.entries(both).flatMap(([void_, found]) => {
      const how = `void ${void_ === "masked" ? "not scored" : "an error"}`;
      return many ? [[`${how}, data set`, found.mean_iou], [`${how}, mean of images`, found.mean_iou_per_image]] : [[how, found.mean_iou]];
    });
    const values = defined(rows.flatMap(([, found]) => Object.values(found)));
    const [least, most] = [Math.min(...values), Math.max(...values)];
    tables.means.fill(
      heads,
      rows.map(([name, found]) => [name, ...ABSENT.map((absent) => ({ text: percent(found[absent]), kind: found[absent] === null || least === most ? "" : found[absent] === least ? "least" : found[absent] === most ? "most" : "" }))]),
      "Mean IoU: columns say how an absent class counts",
      "absent classes",
    );
  }

  function drawTables(found, classes) {
    const columns = [found.class_accuracy, found.iou, found.dice, found.boundary_iou];
    const means = [found.mean_class_accuracy, found.mean_iou.skip, found.mean_dice, found.mean_boundary_iou];
    tables.classes.fill(
      ["", "accuracy", "IoU", "Dice", "boundary IoU"],
      [...classes.map((name, label) => [name, ...columns.map((column) => percent(column[label]))]), ["mean", ...means.map(percent)]],
      "Scores by class",
    );
    const labels = [...classes, "void"];
    tables.confusion.fill(
      ["truth ↓ prediction →", ...classes],
      found.confusion.map((row, label) => [labels[label], ...classes.map((_, column) => ({ text: `${row[column]}`, kind: label === column ? "right" : "wrong", share: share(row[column], sum(row)) ?? 0 }))]),
      "Confusion matrix: rows are the truth, columns the prediction",
    );
    const facts = [["Pixel accuracy", found.pixel_accuracy], ["Mean class accuracy", found.mean_class_accuracy], ["Frequency-weighted IoU", found.frequency_weighted_iou], ["Mean Dice", found.mean_dice], ["Mean boundary IoU", found.mean_boundary_iou]];
    overall.replaceChildren(...facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, percent(value)))));
  }

  function describe(both, classes, truths) {
    const label = get("shown");
    const kinds = truths.flatMap((truth, image) => compared(truth, get("prediction")[image], label, get("bands") ? get("width") : 0).flat());
    const count = (kind) => kinds.filter((one) => one === kind).length;
    const value = both[get("void")][get("bands") ? "boundary_iou" : "iou"][label];
    const where = `${get("bands") ? `, up to ${plural(get("width"), "pixel")} from contours` : ""}${truths.length > 1 ? ", both images" : ""}`;
    const first = value === null
      ? `${classes[label]}: absent from truth and prediction, so it has no IoU.`
      : `${classes[label]}${where}: ${plural(count("hit"), "hit")}, ${count("miss")} missed, ${plural(count("false"), "false alarm")}: ${get("bands") ? "boundary " : ""}IoU ${percent(value)}.`;
    const all = defined(Object.values(both).flatMap((one) => [one.mean_iou, one.mean_iou_per_image]).flatMap(Object.values)).map(percent);
    const [least, most] = [Math.min, Math.max].map((end) => `${end(...all.map((text) => parseFloat(text))).toFixed(1)}%`);
    const second = least === most ? `Mean IoU ${least} under every convention.` : `Mean IoU from ${least} to ${most}, by convention.`;
    say.textContent = `${told}${first} ${second}`;
    boards.map.setAttribute("aria-label", `Where the prediction of ${classes[label]} is right and wrong${get("bands") ? ", near contours" : ""}.`);
  }

  draw();
  return stop;
}

// A grid of cells: fill(kinds) gives each cell its class, point(cell) puts the cursor on one.
function board(attributes) {
  const made = shape("svg", { ...attributes, class: "pw-iou-board" });
  let size = "";
  let [cells, marks, pointer] = [[], {}, null];
  made.fill = (kinds) => {
    const [rows, columns] = [kinds.length, kinds[0].length];
    if (size !== `${rows}×${columns}`) {
      size = `${rows}×${columns}`;
      made.setAttribute("viewBox", `-1 -1 ${columns * CELL + 2} ${rows * CELL + 2}`);
      cells = range(rows * columns).map((i) => shape("rect", { x: (i % columns) * CELL, y: Math.floor(i / columns) * CELL, width: CELL, height: CELL }));
      marks = Object.fromEntries(Object.keys(MARKS).map((kind) => [kind, shape("path", { class: `pw-iou-mark pw-iou-mark-${kind}` })]));
      pointer = shape("rect", { class: "pw-iou-cursor", width: CELL, height: CELL });
      made.replaceChildren(...cells, ...Object.values(marks), pointer);
    }
    kinds.flat().forEach((kind, index) => cells[index].setAttribute("class", `pw-iou-cell pw-iou-${kind || "none"}`));
    for (const [kind, drawn] of Object.entries(MARKS)) {
      const places = kinds.flatMap((row, r) => row.flatMap((one, c) => (one === kind ? [`M${c * CELL} ${r * CELL}${drawn}`] : [])));
      marks[kind].setAttribute("d", places.join(""));
    }
  };
  made.point = ([row, column]) => {
    pointer.setAttribute("x", column * CELL);
    pointer.setAttribute("y", row * CELL);
  };
  return made;
}

// What tells the cells apart without colour, drawn from a cell's corner: a minus, a plus, a stroke across.
const MARKS = { miss: "m2 5h6", false: "m2 5h6m-3 -3v6", void: "m1 9l8 -8" };

function swatch(name, kind = "") {
  const made = shape("svg", { class: "pw-iou-swatch", viewBox: `0 0 ${CELL} ${CELL}`, "aria-hidden": "true" });
  made.append(shape("rect", { class: `pw-iou-cell ${name}`, width: CELL, height: CELL }));
  if (kind in MARKS) made.append(shape("path", { class: `pw-iou-mark pw-iou-mark-${kind}`, d: `M0 0${MARKS[kind]}` }));
  return made;
}

export default { render };
