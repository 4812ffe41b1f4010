// The grouping lab: k-means, normalised cut and the mean-field steps of a dense CRF on a small picture.
//
// An anywidget module. It runs in JupyterLab against a kernel and, unchanged, on the static page under host.js.
// The arithmetic is here and, by NumPy, SciPy, pixelwise.classic and pixelwise.crf, in grouping_lab.py; both are tested
// on grouping_lab_vectors.json. Maps are flat here, row by row, with { rows, columns } of the picture beside them.
//
// What it costs for the n pixels of a picture, at most 1600: a half step of k-means K·n distances; the eigenvectors a
// factorisation of a band matrix, about n·(radius·columns)²/2 products, and then some thirty solutions with it for each
// of ten vectors; a mean-field step n²·K/2 pairs of products, and n²/2 values of the kernel once.

export const CANDIDATES = 48;
const MOST_ROUNDS = 100;
const MOST_PARTS = 8;
const CERTAIN = 0.6;
const SHIFT = 1e-6; // makes the matrix of the cut one that can be inverted
const TO_XYZ = [[0.412453, 0.35758, 0.180423], [0.212671, 0.71516, 0.072169], [0.019334, 0.119193, 0.950227]];
const WHITE = [0.95047, 1, 1.08883];

// mulberry32: numbers from 0 to below 1, the same as in Python.
export function randomNumbers(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// A colour [r, g, b] from 0 to 1 in CIELAB, and back.
export function lab(rgb) {
  const light = rgb.map((value) => (value > 0.04045 ? ((value + 0.055) / 1.055) ** 2.4 : value / 12.92));
  const [x, y, z] = TO_XYZ.map((row, i) => sum(row.map((part, j) => part * light[j])) / WHITE[i]).map((value) => (value > 0.008856 ? Math.cbrt(value) : 7.787 * value + 16 / 116));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

export function colourOf([l, a, b]) {
  const y = (l + 16) / 116;
  const [x, v, z] = [y + a / 500, y, y - b / 200].map((value, i) => WHITE[i] * (value > 0.2068966 ? value ** 3 : (value - 16 / 116) / 7.787));
  const light = [3.240481 * x - 1.537152 * v - 0.498536 * z, -0.969255 * x + 1.87599 * v + 0.041556 * z, 0.055647 * x - 0.204041 * v + 1.057311 * z];
  return light.map((value) => clamp(value > 0.0031308 ? 1.055 * value ** (1 / 2.4) - 0.055 : 12.92 * value, 0, 1));
}

// The vector of each pixel: CIELAB and α times row and column.
export const features = ({ colours, columns }, alpha) => colours.map((rgb, i) => [...lab(rgb), alpha * Math.floor(i / columns), alpha * (i % columns)]);

const apart = (one, other) => one.reduce((total, value, i) => total + (value - other[i]) ** 2, 0);

// Every half step of k-means: { own, centres, cost }, from the drawn centres until no pixel changes its group.
export function kmeansSteps(vectors, groups, start, seed) {
  const [draw, n] = [randomNumbers(seed), vectors.length];
  const chosen = [Math.floor(draw() * n)];
  while (chosen.length < groups) {
    let far = vectors.map((x, i) => (start === "k-means++" ? Math.min(...chosen.map((one) => apart(x, vectors[one]))) : chosen.includes(i) ? 0 : 1));
    if (!(sum(far) > 0)) far = far.map(() => 1);
    let until = draw() * sum(far);
    let place = 0;
    for (let passed = far[0]; passed <= until && place < n - 1; passed += far[++place]);
    chosen.push(place);
  }
  const nearest = (centres) => vectors.map((x) => {
    let [best, least] = [0, Infinity];
    centres.forEach((centre, k) => {
      const distance = apart(x, centre);
      if (distance < least) [best, least] = [k, distance];
    });
    return best;
  });
  const state = (own, centres) => ({ own, centres, cost: sum(vectors.map((x, i) => apart(x, centres[own[i]]))) / n });
  let centres = chosen.map((one) => vectors[one]);
  let own = nearest(centres);
  const history = [state(own, centres)];
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const [sums, counts] = [centres.map((centre) => centre.map(() => 0)), centres.map(() => 0)];
    vectors.forEach((x, i) => {
      counts[own[i]]++;
      x.forEach((value, d) => (sums[own[i]][d] += value));
    });
    centres = centres.map((centre, k) => (counts[k] ? sums[k].map((total) => total / counts[k]) : centre));
    const before = own;
    own = nearest(centres);
    history.push(state(before, centres), state(own, centres));
    if (own.every((k, i) => k === before[i])) break;
  }
  return history;
}

// The pairs of pixels nearer than `radius` with their weights, each pair once: [i, j, w] with i < j, and the degrees.
export function affinity({ rows, columns, colours }, radius, colour, position) {
  const pairs = [];
  const degree = Array(rows * columns).fill(0);
  for (let down = 0; down < radius; down++) {
    for (let right = 1 - radius; right < radius; right++) {
      const away = down ** 2 + right ** 2;
      if ((down === 0 && right <= 0) || away >= radius ** 2) continue;
      for (let row = 0; row < rows - down; row++) {
        for (let column = Math.max(0, -right); column < columns - Math.max(0, right); column++) {
          const i = row * columns + column;
          const j = i + down * columns + right;
          const w = Math.exp(-apart(colours[i], colours[j]) / colour ** 2 - away / position ** 2);
          pairs.push([i, j, w]);
          degree[i] += w;
          degree[j] += w;
        }
      }
    }
  }
  return { pairs, degree };
}

// The smallest λ of (D − W) y = λ D y and their y, as classic.relaxed_cuts has them; null where a pixel has no edge.
//
// With S = D^−½ W D^−½ they are the smallest eigenvalues of I − S. A block of vectors, kept away from the first one,
// which is known, is multiplied by the inverse of I − S + SHIFT again and again (Cholesky's factors of a band matrix).
export function relaxedCuts({ pairs, degree }, count) {
  const n = degree.length;
  if (!degree.every((d) => d > 0)) return null;
  const root = degree.map((d) => 1 / Math.sqrt(d));
  const wide = pairs.reduce((most, [i, j]) => Math.max(most, j - i), 0);
  const line = wide + 1;
  const factor = new Float64Array(n * line); // row i holds columns i − wide … i
  for (let i = 0; i < n; i++) factor[i * line + wide] = 1 + SHIFT;
  for (const [i, j, w] of pairs) factor[j * line + wide - (j - i)] -= w * root[i] * root[j];
  for (let i = 0; i < n; i++) {
    for (let j = Math.max(0, i - wide); j <= i; j++) {
      const [mine, other] = [i * line + wide - i, j * line + wide - j];
      let left = factor[mine + j];
      for (let k = Math.max(0, i - wide, j - wide); k < j; k++) left -= factor[mine + k] * factor[other + k];
      factor[mine + j] = i === j ? Math.sqrt(left) : left / factor[other + j];
    }
  }
  const solved = (b) => {
    const x = Float64Array.from(b);
    for (let i = 0; i < n; i++) {
      const mine = i * line + wide - i;
      for (let k = Math.max(0, i - wide); k < i; k++) x[i] -= factor[mine + k] * x[k];
      x[i] /= factor[mine + i];
    }
    for (let i = n - 1; i >= 0; i--) {
      const mine = i * line + wide - i;
      x[i] /= factor[mine + i];
      for (let k = Math.max(0, i - wide); k < i; k++) x[k] -= factor[mine + k] * x[i];
    }
    return x;
  };
  const dot = (one, other) => {
    let total = 0;
    for (let i = 0; i < n; i++) total += one[i] * other[i];
    return total;
  };
  const scaled = (x) => {
    const length = Math.sqrt(dot(x, x));
    return x.map((value) => value / length);
  };
  const first = scaled(Float64Array.from(root, (r) => 1 / r));
  const orthogonal = (block) => {
    const made = [];
    for (let x of block) {
      for (let again = 0; again < 2; again++) {
        for (const other of [first, ...made]) {
          const along = dot(x, other);
          x = x.map((value, i) => value - along * other[i]);
        }
      }
      made.push(scaled(x));
    }
    return made;
  };
  const draw = randomNumbers(0);
  let block = orthogonal(range(n <= 100 ? n - 1 : count + 3).map(() => Float64Array.from({ length: n }, () => draw() - 0.5)));
  let values = [];
  for (let round = 0; round < 60; round++) {
    const images = block.map(solved);
    const [found, turn] = symmetricEigen(block.map((x) => images.map((y) => dot(x, y))));
    const before = values;
    values = found.slice(0, count - 1).map((value) => 1 / value - SHIFT);
    block = orthogonal(turn.map((mix) => {
      const x = new Float64Array(n);
      images.forEach((image, k) => image.forEach((value, i) => (x[i] += mix[k] * value)));
      return x;
    }));
    if (before.length && values.every((value, k) => Math.abs(value - before[k]) <= 1e-12 + 1e-10 * value)) break;
  }
  const vectors = [first, ...block.slice(0, count - 1)].map((x) => {
    const y = Array.from(x, (value, i) => value * root[i]);
    const largest = y.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    return largest < 0 ? y.map((value) => -value) : y;
  });
  return { values: [0, ...values.map((value) => clamp(value, 0, 2))], vectors };
}

// The eigenvalues of a small symmetric matrix, descending, and their vectors, by Jacobi's rotations.
function symmetricEigen(matrix) {
  const [a, n] = [matrix.map((row) => [...row]), matrix.length];
  const turn = range(n).map((i) => range(n).map((j) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(a[p][q]) <= 1e-18 * Math.max(Math.abs(a[p][p]), Math.abs(a[q][q]))) continue;
        const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        for (let k = 0; k < n; k++) [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]];
        for (let k = 0; k < n; k++) [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
        for (let k = 0; k < n; k++) [turn[p][k], turn[q][k]] = [c * turn[p][k] - s * turn[q][k], s * turn[p][k] + c * turn[q][k]];
      }
    }
  }
  const order = range(n).sort((i, j) => a[j][j] - a[i][i]);
  return [order.map((i) => a[i][i]), order.map((i) => turn[i])];
}

export function candidates(y) {
  const [least, most] = [Math.min(...y), Math.max(...y)];
  return range(CANDIDATES).map((i) => least + ((most - least) * (i + 1)) / (CANDIDATES + 1));
}

// Ncut(A, B) of a division into two parts; null where one is empty.
export function ncut({ pairs, degree }, inside) {
  let cut = 0;
  for (const [i, j, w] of pairs) if (inside[i] !== inside[j]) cut += w;
  const volume = [0, 0];
  degree.forEach((d, i) => (volume[inside[i] ? 1 : 0] += d));
  return volume[0] && volume[1] ? cut / volume[0] + cut / volume[1] : null;
}

// All thresholds of the second eigenvector, and the groups of the chosen one, or of k-means on several eigenvectors.
export function cutInto(weights, { values, vectors }, parts, threshold) {
  const thresholds = candidates(vectors[1]);
  const ncuts = thresholds.map((t) => ncut(weights, vectors[1].map((value) => value > t)));
  const least = Math.min(...defined(ncuts));
  const best = 1 + ncuts.indexOf(least);
  const used = threshold || best;
  if (parts === 2) return { values, vectors, thresholds, ncuts, best, used, groups: vectors[1].map((value) => (value > thresholds[used - 1] ? 1 : 0)) };
  const points = vectors[0].map((_, i) => vectors.slice(1, parts).map((y) => y[i]));
  return { values, vectors, thresholds, ncuts, best, used, groups: kmeansSteps(points, parts, "k-means++", 0).at(-1).own };
}

// The truth made coarse and wrong: the most frequent class of each block, then some pixels with one drawn at random.
export function spoiled(truth, { rows, columns }, block, wrong, seed) {
  const made = [...truth];
  for (let row = 0; row < rows; row += block) {
    for (let column = 0; column < columns; column += block) {
      const square = range(block * block).map((i) => [row + Math.floor(i / block), column + (i % block)]).filter(([r, c]) => r < rows && c < columns).map(([r, c]) => r * columns + c);
      const counts = [];
      for (const i of square) counts[truth[i]] = (counts[truth[i]] ?? 0) + 1;
      const most = Math.max(...counts.filter(Boolean));
      for (const i of square) made[i] = counts.indexOf(most);
    }
  }
  const present = [...new Set(truth)].sort((one, other) => one - other);
  const draw = randomNumbers(seed);
  return made.map((label) => (draw() < wrong ? present[Math.floor(draw() * present.length)] : label));
}

// The dense CRF of a picture that starts from labels: states are { q, energy }, q[pixel · classes + label]; step(state)
// gives the next. As in pixelwise.crf, each kernel is divided by the roots of its sums, and j = i is left out.
export function denseCrf({ rows, columns, colours }, labels, classes, { appearance, width, contrast, smoothness, spread }) {
  const n = rows * columns;
  const along = (theta) => range(Math.max(rows, columns)).map((d) => Math.exp((-0.5 * d * d) / theta ** 2));
  const near = along(spread);
  const [row, column] = [range(n).map((i) => Math.floor(i / columns)), range(n).map((i) => i % columns)];
  const inverse = -0.5 / contrast ** 2;
  const pairs = new Float64Array((n * (n - 1)) / 2);
  const sums = [new Float64Array(n).fill(1), new Float64Array(n).fill(1)];
  const [red, green, blue] = [0, 1, 2].map((c) => Float64Array.from(colours, (rgb) => rgb[c]));
  for (let i = 0, p = 0; i < n; i++) {
    for (let j = 0; j < i; j++, p++) {
      const [down, right] = [row[i] - row[j], Math.abs(column[i] - column[j])];
      const colour = (red[i] - red[j]) ** 2 + (green[i] - green[j]) ** 2 + (blue[i] - blue[j]) ** 2;
      const exponent = inverse * colour - (0.5 * (down * down + right * right)) / width ** 2;
      const k = exponent < -50 ? 0 : Math.exp(exponent);
      pairs[p] = k;
      sums[0][i] += k;
      sums[0][j] += k;
      const smooth = near[down] * near[right];
      sums[1][i] += smooth;
      sums[1][j] += smooth;
    }
  }
  const [rootA, rootS] = sums.map((all) => all.map((total) => 1 / Math.sqrt(total)));
  for (let i = 0, p = 0; i < n; i++) {
    for (let j = 0; j < i; j++, p++) {
      const smooth = near[row[i] - row[j]] * near[Math.abs(column[i] - column[j])];
      pairs[p] = appearance * pairs[p] * rootA[i] * rootA[j] + smoothness * smooth * rootS[i] * rootS[j];
    }
  }
  const rest = classes > 1 ? (1 - CERTAIN) / (classes - 1) : 0;
  const begin = new Float64Array(n * classes).fill(rest);
  labels.forEach((label, i) => (begin[i * classes + label] = classes > 1 ? CERTAIN : 1));
  const unary = begin.map((p) => -Math.log(p));
  // What all pairs add to the unary of each label: their weights with all other labels, by Potts.
  const fieldOf = (q) => {
    const found = new Float64Array(n * classes);
    for (let i = 0, p = 0; i < n; i++) {
      for (let j = 0; j < i; j++, p++) {
        const k = pairs[p];
        if (k === 0) continue;
        for (let l = 0, a = i * classes, b = j * classes; l < classes; l++, a++, b++) {
          found[a] += k * q[b];
          found[b] += k * q[a];
        }
      }
    }
    for (let i = 0; i < n; i++) {
      let total = 0;
      for (let l = 0; l < classes; l++) total += found[i * classes + l];
      for (let l = 0; l < classes; l++) found[i * classes + l] = total - found[i * classes + l];
    }
    return found;
  };
  const state = (q) => {
    const field = fieldOf(q);
    let energy = 0;
    for (let a = 0; a < q.length; a++) if (q[a] > 0) energy += q[a] * (unary[a] + Math.log(q[a]) + field[a] / 2);
    return { q, field, energy: energy / n };
  };
  return {
    begin: () => state(begin),
    step({ field }) {
      const q = new Float64Array(n * classes);
      for (let i = 0; i < n; i++) {
        let most = -Infinity;
        for (let a = i * classes; a < (i + 1) * classes; a++) most = Math.max(most, -unary[a] - field[a]);
        let total = 0;
        for (let a = i * classes; a < (i + 1) * classes; a++) total += q[a] = Math.exp(-unary[a] - field[a] - most);
        for (let a = i * classes; a < (i + 1) * classes; a++) q[a] /= total;
      }
      return state(q);
    },
  };
}

// The likeliest label of each pixel, and how uncertain it is: the entropy from 0 to 1, as a share of the largest.
export function read(q, classes) {
  const pixels = range(q.length / classes).map((i) => q.subarray(i * classes, (i + 1) * classes));
  return {
    labels: pixels.map((all) => all.reduce((best, value, l) => (value > all[best] ? l : best), 0)),
    entropy: pixels.map((all) => all.reduce((total, value) => total - (value > 0 ? value * Math.log(value) : 0), 0) / Math.log(Math.max(classes, 2))),
  };
}

// Each group as the class that most of its pixels truly have.
export function bestMatch(groups, truth) {
  const counts = [];
  groups.forEach((group, i) => ((counts[group] ??= [])[truth[i]] = (counts[group][truth[i]] ?? 0) + 1));
  const names = counts.map((row) => row.indexOf(Math.max(...row.filter(Boolean))));
  return groups.map((group) => names[group]);
}

const lines = (flat, { rows, columns }) => range(rows).map((row) => Array.from(flat.slice(row * columns, (row + 1) * columns)));

// The scores of labels that are classes.
export function scores(labels, truth, picture, classes) {
  const [found, true_] = [lines(labels, picture), lines(truth, picture)];
  const matrix = confusion(true_, found, classes);
  const { hits, iou } = byClass(matrix, classes);
  const edges = range(classes).map((label) => {
    const [one, other] = [found, true_].map((grid) => band(grid, true_, label, 1).flat());
    const both = one.filter((value, i) => value && other[i]).length;
    return share(both, one.filter(Boolean).length + other.filter(Boolean).length - both);
  });
  return { pixel_accuracy: sum(hits) / truth.length, mean_iou: mean(defined(iou)), mean_boundary_iou: mean(defined(edges)) };
}

// A grid of equal cells: as many rows of them as the largest divisor up to the root of their number.
export function cells({ rows, columns }, count) {
  const down = Math.max(...range(Math.floor(Math.sqrt(count))).map((i) => i + 1).filter((r) => count % r === 0));
  const across = count / down;
  return range(rows * columns).map((i) => Math.floor((Math.floor(i / columns) * down) / rows) * across + Math.floor(((i % columns) * across) / columns));
}

const METHODS = ["k-means", "normalised cut", "CRF"];
const OWN = "your picture";
const SIDE = 40;
const MOST_STEPS = 10;
const STATE = ["own", "picture", "method", "groups", "alpha", "start", "seed", "radius", "colour", "position", "parts", "threshold", "unary", "block", "wrong", "appearance", "width", "contrast", "smoothness", "spread", "steps"];
const CRF = ["appearance", "width", "contrast", "smoothness", "spread"];

const unpacked = (text) => Array.from(atob(text), (mark) => mark.charCodeAt(0));

export function opened({ name, size: [rows, columns], pixels, truth, classes, colours }) {
  const bytes = unpacked(pixels);
  const made = { name, rows, columns, classes, palette: colours.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))) };
  made.colours = range(rows * columns).map((i) => bytes.slice(3 * i, 3 * i + 3).map((value) => value / 255));
  made.truth = truth ? unpacked(truth) : null;
  return made;
}

// Keeps the last answer of a function, by the text of what it was asked.
function kept(answer) {
  let [asked, found] = [null, null];
  return (...of) => {
    const now = JSON.stringify(of);
    if (now !== asked) [asked, found] = [now, answer(...of)];
    return found;
  };
}

function render({ model, el }) {
  const get = (name) => model.get(name);
  const settings = (...names) => Object.fromEntries(names.map((name) => [name, get(name)]));
  const { change, stop } = inStep(model, STATE, draw);
  let half = 0; // the half step of k-means that is shown
  let ended = false; // whether it is the last one, and stays it when a setting changes
  let shown = 2; // the eigenvector that is shown
  let failed = ""; // why a file could not be opened

  // Frame: built once, filled by draw().
  const picture = select("Picture", (name) => {
    failed = "";
    change({ picture: name });
  });
  const file = element("input", { type: "file", accept: "image/*", hidden: "", "aria-label": "A picture file" });
  file.addEventListener("change", () => file.files.length && open(file.files[0]));
  const opening = button("Open a picture of your own", "", () => file.click());
  const methods = METHODS.map((name) => button(name, "", () => change({ method: name })));

  const counted = (short, label, name, least, most) => {
    const made = counter({ short, label, least, most, change: (value) => change({ [name]: value }) });
    made.update = () => made.show(get(name));
    return made;
  };
  const sliding = (text, name, values, unit = "", label = text) => {
    const made = slider(text, values, unit, (value) => change({ [name]: value }), label);
    made.update = () => made.show(get(name));
    return made;
  };
  const chosen = (text, name, options) => {
    const inner = select(text, (value) => change({ [name]: value }));
    fillOptions(inner, options.map((one) => [one, one]));
    const made = element("label", {}, `${text} `, inner);
    made.update = () => (inner.value = get(name));
    return made;
  };
  const start = chosen("first centres", "start", ["k-means++", "random pixels"]);
  const eigenvector = select("Eigenvector that is shown", (value) => {
    shown = Number(value);
    draw();
  });
  fillOptions(eigenvector, range(MOST_PARTS - 1).map((i) => [i + 2, `${i + 2}`]));
  const threshold = slider("threshold", range(CANDIDATES).map((i) => i + 1), "", (value) => change({ threshold: value }), "threshold of the second eigenvector");
  const best = button("Best threshold", "", () => change({ threshold: 0 }));
  const unary = chosen("start from", "unary", ["truth made coarse", "k-means groups"]);
  const spoil = [sliding("blocks of", "block", [1, 2, 4, 5, 8], " px"), sliding("wrong pixels", "wrong", [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "%")];
  const seeds = range(2).map(() => counted("seed", "seed of what is drawn at random", "seed", 0, 99));
  const groupCounts = range(2).map(() => counted("k", "groups", "groups", 1, 12));
  const many = groupCounts[1];
  const fields = {
    "k-means": [groupCounts[0], sliding("weight of position α", "alpha", [0, 0.1, 0.2, 0.4, 0.6, 1, 2, 5, 10, 20]), start, seeds[0]],
    "normalised cut": [
      sliding("colour scale", "colour", [0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2]),
      sliding("place scale", "position", [1, 2, 3, 5, 10, 20], " px"),
      counted("radius", "radius, in pixels", "radius", 2, 6),
      counted("parts", "parts", "parts", 2, MOST_PARTS),
    ],
    CRF: [
      unary, ...spoil, many, seeds[1],
      element("span", { class: "pw-gl-break" }),
      sliding("appearance: weight", "appearance", [0, 1, 2, 4, 7, 10, 15, 20]),
      sliding("its width", "width", [1, 2, 3, 5, 10, 20, 30, 60], " px", "appearance: width"),
      sliding("its colour scale", "contrast", [0.02, 0.03, 0.05, 0.07, 0.1, 0.2, 0.5, 1], "", "appearance: colour scale"),
      element("span", { class: "pw-gl-break" }),
      sliding("smoothness: weight", "smoothness", [0, 1, 2, 3, 4, 6, 10, 20]),
      sliding("its width", "spread", [0.5, 1, 2, 3, 5, 10], " px", "smoothness: width"),
    ],
  };
  const bars = Object.fromEntries(METHODS.map((name) => [name, element("div", { class: "pw-bar pw-gl-settings", role: "group", "aria-label": `Settings of ${name}` }, ...fields[name])]));

  const again = button("Start again", "", () => go(0));
  const before = button("Step back", "", () => go(at() - 1));
  const next = button("Step", "", () => go(at() + 1));
  const end = button("Run to the end", "", () => go(Infinity));
  const steps = element("div", { class: "pw-lm-group", role: "group", "aria-label": "Steps" }, again, before, next, end);
  const cutting = element("div", { class: "pw-bar" }, threshold, best, element("label", {}, "show eigenvector ", eigenvector));

  const tiles = Object.fromEntries(["picture", "first", "second", "named", "truth"].map((name) => [name, tile(`pw-gl-${name}`)]));
  const key = element("p", { class: "pw-gl-key", "aria-hidden": "true" });
  const say = element("p", { class: "pw-say pw-gl-say", "aria-live": "polite" });
  const drawn = chart();
  const numbers = table("pw-gl-numbers");
  const note = element("p", { class: "pw-help" });
  const frame = element(
    "div",
    { class: "pw-gl pw-lm pw-frame", role: "group", "aria-label": "Grouping lab" },
    element("div", { class: "pw-bar" }, element("label", {}, "Picture ", picture), opening, file),
    element("div", { class: "pw-lm-group", role: "group", "aria-label": "Method" }, element("span", { "aria-hidden": "true" }, "Method"), ...methods),
    ...Object.values(bars),
    steps,
    cutting,
    element("div", { class: "pw-gl-tiles" }, ...Object.values(tiles)),
    key,
    say,
    element("div", { class: "pw-gl-found" }, drawn, numbers.box),
    note,
  );
  mount(el, frame);

  // A picture of the reader's own: made small here, and sent nowhere but to the kernel where there is one.
  async function open(one) {
    try {
      const bitmap = await createImageBitmap(one);
      const ratio = Math.min(SIDE / Math.max(bitmap.width, bitmap.height), 1);
      const size = [bitmap.height, bitmap.width].map((length) => Math.max(Math.round(ratio * length), 2));
      const { data } = shrunken(bitmap, size);
      const bytes = range(size[0] * size[1]).flatMap((i) => [data[4 * i], data[4 * i + 1], data[4 * i + 2]]);
      failed = "";
      const pixels = btoa(String.fromCharCode(...bytes));
      change({ own: { name: OWN, size, pixels, truth: "", classes: [], colours: [] }, picture: OWN });
    } catch {
      failed = `${one.name} is no picture that this browser can read. `;
      draw();
    }
    file.value = "";
  }

  // What is computed, each kept until its settings change.
  const find = (name) => (name === OWN ? get("own") : get("pictures").find((one) => one.name === name));
  const seen = kept((one) => opened(one));
  const current = () => seen(find(get("picture")));
  const byKmeans = kept((one, alpha, groups, begin, seed) => kmeansSteps(features(seen(one), alpha), groups, begin, seed));
  const history = () => byKmeans(find(get("picture")), get("alpha"), get("groups"), get("start"), get("seed"));
  const joined = kept((one, radius, colour, position) => {
    const weights = affinity(seen(one), radius, colour, position);
    return { weights, relaxed: relaxedCuts(weights, Math.min(MOST_PARTS, weights.degree.length)) };
  });
  const field = kept((one, labels, classes, widths) => {
    const crf = denseCrf(seen(one), labels, classes, widths);
    return { crf, states: [crf.begin()] };
  });
  const fromTruth = () => current().truth && get("unary") === "truth made coarse";
  function meanField(count) {
    const [one, known] = [find(get("picture")), current()];
    const labels = fromTruth() ? spoiled(known.truth, known, get("block"), get("wrong"), get("seed")) : history().at(-1).own;
    const classes = fromTruth() ? known.classes.length : get("groups");
    const { crf, states } = field(one, labels, classes, settings(...CRF));
    while (states.length <= count) states.push(crf.step(states.at(-1)));
    return { states, classes, labels };
  }

  const at = () => (get("method") === "CRF" ? get("steps") : half);
  function go(to) {
    if (get("method") === "CRF") return change({ steps: clamp(to, 0, MOST_STEPS) });
    const last = history().length - 1;
    half = clamp(to, 0, last);
    ended = half === last;
    draw();
  }

  let settled = "";
  function draw() {
    if (!find(get("picture"))?.size) return; // Python has named a picture that is not there yet
    const known = current();
    const method = get("method");
    const now = JSON.stringify([get("picture"), get("own"), settings("groups", "alpha", "start", "seed")]);
    if (now !== settled) half = 0;
    settled = now;
    drawControls(known, method);
    frame.style.setProperty("--ratio", `${known.columns} / ${known.rows}`);
    tiles.picture.fill(known, known.colours.map(bytes), "Picture", `The picture, ${known.rows} rows and ${known.columns} columns.`);
    tiles.truth.hidden = !known.truth;
    if (known.truth) tiles.truth.fill(known, known.truth.map((label) => known.palette[label]), "Truth", `The true labels: ${present(known).join(", ")}.`);
    if (method === "k-means") drawKmeans(known);
    else if (method === "CRF") drawCrf(known);
    else drawCut(known);
    say.textContent = failed + say.textContent;
  }
  const present = (known) => known.classes.filter((_, label) => known.truth.includes(label));
  const bytes = (rgb) => rgb.map((value) => Math.round(255 * value));

  function drawControls(known, method) {
    const names = [...get("pictures").map(({ name }) => name), ...(get("own").name ? [OWN] : [])];
    fillOptions(picture, names.map((name) => [name, name]));
    picture.value = known.name;
    methods.forEach((one, i) => one.setAttribute("aria-pressed", METHODS[i] === method));
    for (const name of METHODS) bars[name].hidden = name !== method;
    for (const one of Object.values(fields).flat()) one.update?.();
    cutting.hidden = method !== "normalised cut";
    steps.hidden = !cutting.hidden;
    unary.hidden = !known.truth;
    for (const one of spoil) one.hidden = !fromTruth();
    many.hidden = Boolean(fromTruth());
    key.hidden = !known.truth;
    if (known.truth) {
      key.replaceChildren(...known.classes.flatMap((name, label) => {
        if (!known.truth.includes(label)) return [];
        const dot = element("i");
        dot.style.background = `rgb(${known.palette[label]})`;
        return [element("span", {}, dot, name)];
      }));
    }
  }
  const enable = (place, last) => {
    again.disabled = before.disabled = place === 0;
    next.disabled = end.disabled = place === last;
  };

  // Groups in the mean colours of their pixels, with lines between them; and under the names that the truth gives.
  function meanColours(known, groups) {
    const sums = [];
    groups.forEach((group, i) => {
      const one = (sums[group] ??= [0, 0, 0, 0]);
      known.colours[i].forEach((value, c) => (one[c] += value));
      one[3]++;
    });
    return sums.map(([r, g, b, count]) => bytes([r / count, g / count, b / count]));
  }
  function drawGroups(known, groups, where, text) {
    const colours = meanColours(known, groups);
    tiles[where].fill(known, groups.map((group) => colours[group]), text, `${text}: ${plural(new Set(groups).size, "group")}.`, { edges: edges(groups, known) });
  }
  function drawNamed(known, groups) {
    tiles.named.hidden = !known.truth;
    if (known.truth) tiles.named.fill(known, bestMatch(groups, known.truth).map((label) => known.palette[label]), "Named by the truth", "Each group in the colour of the class that most of its pixels have.");
  }
  function fillNumbers(known, rows) {
    numbers.box.hidden = !known.truth;
    if (!known.truth) return;
    const found = rows.map(([name, labels]) => [name, scores(labels, known.truth, known, known.classes.length)]);
    numbers.fill(["", "pixel accuracy", "mean IoU", "boundary IoU"], found.map(([name, of]) => [name, percent(of.pixel_accuracy), percent(of.mean_iou), percent(of.mean_boundary_iou)]), "Scores");
  }
  const scoreGroups = (known, groups, count) => known.truth && fillNumbers(known, [
    [`${plural(count, "group")}`, bestMatch(groups, known.truth)],
    [`${plural(count, "equal cell")}`, bestMatch(cells(known, count), known.truth)],
  ]);
  const NAMING = "A group has no name. For the scores it takes the class that most of its pixels truly have, and so do the equal cells, which ignore the picture: only what is above them has been found in it. ";

  function drawKmeans(known) {
    const all = history();
    const last = all.length - 1;
    if (ended) half = last;
    half = Math.min(half, last);
    const { own, centres, cost } = all[half];
    const groups = get("groups");
    const counts = range(groups).map((k) => own.filter((one) => one === k).length);
    const means = range(groups).map((k) => {
      const mine = range(own.length).filter((i) => own[i] === k);
      return [mean(mine.map((i) => Math.floor(i / known.columns))) ?? 0, mean(mine.map((i) => i % known.columns)) ?? 0];
    });
    const places = centres.map((centre, k) => (get("alpha") > 0 ? [centre[3] / get("alpha"), centre[4] / get("alpha")] : means[k]));
    const marks = range(groups).filter((k) => counts[k]).map((k) => ({ at: places[k], colour: bytes(colourOf(centres[k].slice(0, 3))), text: `${k + 1}` }));
    tiles.first.hidden = false;
    tiles.second.hidden = true;
    tiles.picture.fill(known, known.colours.map(bytes), "Picture and centres", `The picture with ${plural(marks.length, "centre")}, each in its colour: ${marks.map(({ text, at: [r, c] }) => `${text} at row ${Math.round(r) + 1}, column ${Math.round(c) + 1}, ${plural(counts[text - 1], "pixel")}`).join("; ")}.`, { marks });
    drawGroups(known, own, "first", "Groups");
    drawNamed(known, own);
    enable(half, last);
    const changed = half && half % 2 === 0 ? own.filter((k, i) => k !== all[half - 1].own[i]).length : 0;
    const round = Math.ceil(half / 2);
    const did = half === 0
      ? `Start: ${plural(groups, "centre")} drawn among the pixels, and each pixel joins the nearest.`
      : half % 2
        ? `Round ${round}: each centre moves to the mean of its pixels.`
        : half === last && changed === 0
          ? `Round ${round}: no pixel changes its group. This is the end.`
          : `Round ${round}: ${plural(changed, "pixel")} ${changed === 1 ? "joins" : "join"} a nearer centre.`;
    const empty = groups - counts.filter(Boolean).length;
    say.textContent = `${did} Cost ${cost.toFixed(1)}.${empty ? ` ${plural(empty, "group")} without pixels.` : ""}`;
    drawn.draw({
      title: "Cost J: mean squared distance to the centre",
      across: "round",
      from: 0, to: Math.max(last / 2, 1),
      lines: [{ points: all.slice(0, half + 1).map((one, i) => [i / 2, one.cost]) }],
      most: all[0].cost,
      here: half / 2,
    });
    scoreGroups(known, own, groups);
    if (!known.truth) fillNumbers(known, []);
    note.textContent = `${known.truth ? NAMING : ""}A centre is drawn at its place in the picture${get("alpha") > 0 ? "" : "; with α = 0 it has none, and stands at the mean place of its pixels"}.`;
  }

  function drawCut(known) {
    const { weights, relaxed } = joined(find(get("picture")), get("radius"), get("colour"), get("position"));
    tiles.first.hidden = tiles.second.hidden = !relaxed;
    threshold.hidden = best.hidden = get("parts") !== 2;
    if (!relaxed) {
      tiles.named.hidden = true;
      say.textContent = "Some pixel belongs to no other: its colour is too far from all within reach. Make the colour scale larger.";
      drawn.draw(null);
      fillNumbers({ ...known, truth: null }, []);
      note.textContent = "";
      return;
    }
    const parts = get("parts");
    const cut = cutInto(weights, relaxed, parts, get("threshold"));
    shown = Math.min(shown, relaxed.vectors.length);
    eigenvector.value = shown;
    threshold.show(cut.used);
    best.disabled = get("threshold") === 0;
    const y = relaxed.vectors[shown - 1];
    const [least, most] = [Math.min(...y), Math.max(...y)];
    const grey = y.map((value) => {
      const level = Math.round((255 * (value - least)) / (most - least || 1));
      return [level, level, level];
    });
    tiles.first.fill(known, grey, `Eigenvector ${shown}`, `Eigenvector ${shown}, from its least value in black to its largest in white.`, shown === 2 && parts === 2 ? { edges: edges(cut.groups, known) } : {});
    drawGroups(known, cut.groups, "second", parts === 2 ? "Two parts" : `${parts} parts`);
    drawNamed(known, cut.groups);
    const value = cut.ncuts[cut.used - 1];
    const small = (number) => (number === null ? "not defined" : number < 1e-8 ? "0" : number < 0.0001 ? number.toExponential(1).replace("-", "−") : Number(number.toPrecision(2)).toString());
    say.textContent = parts === 2
      ? `Threshold ${cut.used} of ${CANDIDATES}${cut.used === cut.best ? ", the best" : ""}: Ncut ${small(value)}${cut.used === cut.best ? "" : `, the smallest is ${small(cut.ncuts[cut.best - 1])}`}. No division at all has an Ncut below λ₂ = ${small(cut.values[1])}.`
      : `${parts} parts by k-means on eigenvectors 2 to ${parts}. The eigenvalues λ₂ to λ${[..."₀₁₂₃₄₅₆₇₈₉"][parts]} are ${cut.values.slice(1, parts).map(small).join(", ")}.`;
    drawn.draw({
      title: "Ncut by threshold of eigenvector 2; dotted: λ₂",
      across: "threshold",
      from: 1, to: CANDIDATES,
      lines: [{ points: cut.ncuts.flatMap((one, i) => (one === null ? [] : [[i + 1, one]])) }],
      level: cut.values[1],
      most: Math.max(...defined(cut.ncuts)),
      here: parts === 2 ? cut.used : undefined,
    });
    scoreGroups(known, cut.groups, parts);
    if (!known.truth) fillNumbers(known, []);
    note.textContent = `${known.truth ? NAMING : ""}Colours run from 0 to 1 here: two that differ by the colour scale have a weight of e⁻¹ times what equal ones have. A value below 10⁻⁸ is written as 0.`;
  }

  function drawCrf(known) {
    const place = get("steps");
    const { states, classes, labels } = meanField(place);
    const all = states.slice(0, place + 1).map(({ q }) => read(q, classes));
    const mine = all.at(-1);
    const named = fromTruth();
    const name = (found) => (named ? found : bestMatch(found, known.truth));
    tiles.first.hidden = tiles.second.hidden = false;
    tiles.named.hidden = true;
    const palette = named ? known.palette : meanColours(known, labels);
    const step = place ? `after step ${place}` : "at the start";
    tiles.first.fill(known, mine.labels.map((label) => palette[label]), `Labels ${step}`, `The labels ${step}.`, named ? {} : { edges: edges(mine.labels, known) });
    tiles.second.fill(known, mine.entropy.map((value) => Array(3).fill(Math.round(255 * (1 - value)))), "Unsure: dark", `How sure the labels are ${step}: on average ${percent(mean(mine.entropy))} of the largest entropy.`);
    enable(place, MOST_STEPS);
    const changed = place ? mine.labels.filter((label, i) => label !== all[place - 1].labels[i]).length : 0;
    const energy = `Free energy ${states[place].energy.toFixed(3).replace("-", "−")} nats a pixel.`;
    const begin = named
      ? `Start: the truth in blocks of ${plural(get("block"), "pixel")}, then ${percent(get("wrong")).replace(".0%", "%")} of the pixels with a label drawn at random. Each label has the probability ${CERTAIN}.`
      : `Start: ${plural(classes, "group")} of k-means. Each has the probability ${CERTAIN} at its pixels.`;
    say.textContent = `${place ? `Step ${place}: ${plural(changed, "pixel")} ${changed === 1 ? "changes its" : "change their"} label.` : begin} ${energy}`;
    if (known.truth) {
      const found = all.map((one) => scores(name(one.labels), known.truth, known, known.classes.length));
      drawn.draw({
        title: "Mean IoU; dashed: boundary IoU",
        across: "step",
        from: 0, to: MOST_STEPS,
        lines: [
          { points: found.map((one, i) => [i, 100 * one.mean_iou]) },
          { points: found.map((one, i) => [i, 100 * one.mean_boundary_iou]), dashed: true },
        ],
        most: 100, unit: "%",
        here: place,
      });
      fillNumbers(known, [["start", name(all[0].labels)], ...(place ? [[`step ${place}`, name(mine.labels)]] : [])]);
    } else {
      const energies = states.slice(0, place + 1).map((one, i) => [i, one.energy]);
      drawn.draw({ title: "Free energy, nats a pixel", across: "step", from: 0, to: MOST_STEPS, lines: [{ points: energies }], most: Math.max(...energies.map(([, value]) => value), 0), here: place });
      fillNumbers(known, []);
    }
    note.textContent = named
      ? "A network would give the start. Here it is the truth, made coarse and wrong on purpose, so that one sees what the steps repair and what they spoil."
      : `${known.truth ? NAMING : ""}The start are the groups of k-means with its settings; the CRF moves their borders and joins scattered pixels to what surrounds them.`;
  }

  draw();
  return stop;
}

export default { render };
