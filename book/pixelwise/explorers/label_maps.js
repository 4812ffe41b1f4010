// What the explorers of label maps share: host.py puts this text between frame.js and their own.
//
// A label map is a list of rows. A score that is not defined, such as the IoU of an absent class, is null.

export const VOID = 255;

const sum = (values) => values.reduce((total, value) => total + value, 0);
const mean = (values) => (values.length ? sum(values) / values.length : null);
const defined = (values) => values.filter((value) => value !== null);
const share = (part, whole) => (whole ? part / whole : null);

const remade = (grid, answer) => grid.map((line, row) => line.map((value, column) => answer(value, row, column)));

const percent = (value) => (value === null ? "—" : `${(100 * value).toFixed(1)}%`);

// Rows are the truth's labels, columns the prediction's; void is left out.
export function confusion(truth, prediction, labels) {
  const matrix = range(labels).map(() => Array(labels).fill(0));
  truth.forEach((line, row) => line.forEach((label, column) => label !== VOID && matrix[label][prediction[row][column]]++));
  return matrix;
}

// What a confusion matrix says of each of its first classes.
export function byClass(matrix, classes) {
  const hits = range(classes).map((label) => matrix[label][label]);
  const true_ = range(classes).map((label) => sum(matrix[label]));
  const told = range(classes).map((label) => sum(matrix.map((row) => row[label])));
  return {
    hits,
    true_,
    told,
    accuracy: hits.map((hit, label) => share(hit, true_[label])),
    iou: hits.map((hit, label) => share(hit, true_[label] + told[label] - hit)),
    dice: hits.map((hit, label) => share(2 * hit, true_[label] + told[label])),
  };
}

// Whether `found` holds for a pixel within `width` of one, along rows, columns and diagonals alike, outside too.
export function near(row, column, width, found) {
  for (let r = row - width; r <= row + width; r++) {
    for (let c = column - width; c <= column + width; c++) if (found(r, c)) return true;
  }
  return false;
}

// The pixels of a class that have a pixel of another class, or the outside of the image, within `width`. Where the
// truth is void there is nothing, and no contour either.
export function band(grid, truth, label, width) {
  const other = (row, column) => grid[row]?.[column] !== label && truth[row]?.[column] !== VOID;
  return remade(grid, (value, row, column) => value === label && near(row, column, width, other));
}

// Keeps a view in step with the model: draws when one of `names` changes, once for the several that change() is given.
function inStep(model, names, draw) {
  let changing = false;
  const listen = () => changing || draw();
  for (const name of names) model.on(`change:${name}`, listen);
  return {
    change(changes) {
      changing = true;
      for (const [name, value] of Object.entries(changes)) model.set(name, value);
      model.save_changes();
      changing = false;
      draw();
    },
    stop() {
      for (const name of names) model.off(`change:${name}`, listen);
    },
  };
}

// Controls with what they do; those with show() are set by it.
function button(text, label, act) {
  const made = element("button", { type: "button", ...(label ? { "aria-label": label, title: label } : {}) }, text);
  made.addEventListener("click", act);
  return made;
}

function tick(text, act) {
  const box = element("input", { type: "checkbox" });
  box.addEventListener("change", () => act(box.checked));
  const made = element("label", { class: "pw-lm-tick" }, box, text);
  made.show = (checked) => (box.checked = checked);
  return made;
}

function select(label, act) {
  const made = element("select", { "aria-label": label });
  made.addEventListener("change", () => act(made.value));
  return made;
}

function group(label, ...parts) {
  return element("div", { class: "pw-lm-group", role: "group", "aria-label": label }, element("span", { "aria-hidden": "true" }, label), ...parts);
}

const titled = (title, ...parts) => element("section", {}, element("h4", {}, title), ...parts);

// Writes a select's options, pairs of value and text, when they are others than before.
function fillOptions(chosen, pairs) {
  const shown = JSON.stringify(pairs);
  if (chosen.dataset.options === shown) return;
  chosen.dataset.options = shown;
  chosen.replaceChildren(...pairs.map(([value, text]) => element("option", { value }, text)));
}

// A table in a box: fill(heads, rows, label) writes it. A cell is a text or { text, kind, share }.
function table(name) {
  const made = element("table", { class: name });
  const box = element("div", { class: "pw-lm-box" }, made);
  const cell = (content) => {
    const { text, kind, share: part } = typeof content === "string" ? { text: content } : content;
    const one = element("td", kind ? { class: `pw-lm-${kind}` } : {}, text);
    if (part !== undefined) one.style.setProperty("--share", `${Math.round(100 * part)}%`);
    return one;
  };
  return {
    box,
    fill(heads, rows, label, above = "") {
      made.setAttribute("aria-label", label);
      const over = above ? [element("tr", {}, element("td"), element("th", { colspan: heads.length - 2, scope: "colgroup" }, above), element("td"))] : [];
      const [corner, ...named] = heads;
      const head = element("tr", {}, element("td", {}, corner), ...named.map((text) => element("th", { scope: "col" }, text)));
      made.replaceChildren(element("thead", {}, ...over, head), element("tbody", {}, ...rows.map(([first, ...rest]) => element("tr", {}, element("th", { scope: "row" }, first), ...rest.map(cell)))));
    },
  };
}
