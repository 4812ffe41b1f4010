// Small pictures pixel by pixel, a chart beside them and sliders over lists of values: host.py puts this text between
// label_maps.js and the module of an explorer that shows them.

const MOST_TICKS = 10; // on the axis of a chart

// A picture made smaller by halves, so that each pixel of the small one is a mean of what it covers.
function shrunken(bitmap, [rows, columns]) {
  let [from, width, height] = [bitmap, bitmap.width, bitmap.height];
  for (;;) {
    [width, height] = [Math.max(Math.ceil(width / 2), columns), Math.max(Math.ceil(height / 2), rows)];
    const canvas = element("canvas", { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.imageSmoothingQuality = "high";
    context.drawImage(from, 0, 0, width, height);
    if (width === columns && height === rows) return context.getImageData(0, 0, width, height);
    from = canvas;
  }
}

// A slider over a list of values: show(value) puts it at the nearest and writes the value itself.
function slider(text, values, unit, act, label = text) {
  const field = element("input", { type: "range", min: 0, max: values.length - 1, step: 1, "aria-label": label });
  const told = element("output");
  const made = element("label", { class: "pw-sm-slider" }, element("span", {}, text), field, told);
  field.addEventListener("input", () => act(values[Number(field.value)]));
  made.show = (value) => {
    field.value = values.reduce((best, one, i) => (Math.abs(one - value) < Math.abs(values[best] - value) ? i : best), 0);
    told.textContent = unit === "%" ? `${written(100 * value)}%` : `${written(value)}${unit}`;
    field.setAttribute("aria-valuetext", told.textContent);
  };
  return made;
}

// The lines between pixels of different groups, as a path.
function edges(groups, { rows, columns }) {
  let d = "";
  for (let i = 0; i < groups.length; i++) {
    const [row, column] = [Math.floor(i / columns), i % columns];
    if (column + 1 < columns && groups[i] !== groups[i + 1]) d += `M${column + 1} ${row}v1`;
    if (row + 1 < rows && groups[i] !== groups[i + columns]) d += `M${column} ${row + 1}h1`;
  }
  return d;
}

// A small map: fill() draws a colour for each pixel, the lines between groups and the marks of centres.
function tile(name) {
  const canvas = element("canvas", { role: "img" });
  const over = shape("svg", { "aria-hidden": "true", preserveAspectRatio: "none" });
  const caption = element("figcaption");
  const made = element("figure", { class: name }, caption, element("div", { class: "pw-sm-tile" }, canvas, over));
  made.fill = ({ rows, columns }, colours, text, label, { edges: d, marks = [] } = {}) => {
    caption.textContent = text;
    canvas.setAttribute("aria-label", label);
    if (canvas.width !== columns) canvas.width = columns;
    if (canvas.height !== rows) canvas.height = rows;
    const image = new ImageData(columns, rows);
    colours.forEach((colour, i) => image.data.set([...colour, 255], 4 * i));
    canvas.getContext("2d", { willReadFrequently: true }).putImageData(image, 0, 0);
    over.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
    const unit = Math.max(rows, columns) / 40;
    over.replaceChildren(
      ...(d ? [shape("path", { class: "pw-sm-under", d }), shape("path", { class: "pw-sm-edge", d })] : []),
      ...marks.map(({ at: [row, column], colour, text: number }) => {
        const dark = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2] < 140;
        const mark = shape("g", { transform: `translate(${column + 0.5} ${row + 0.5}) scale(${unit})` });
        mark.append(
          shape("circle", { class: `pw-sm-centre ${dark ? "pw-sm-dark" : ""}`, r: 2.4, style: `fill: rgb(${colour})` }),
          shape("text", { class: dark ? "pw-sm-dark" : "", y: 1.2 }, number),
        );
        return mark;
      }),
    );
  };
  return made;
}

// A chart of one or two lines from 0 (or the least value) to `most`, with a mark at `here` and a dotted `level`.
function chart() {
  const [wide, high, left, right, top, bottom] = [330, 170, 46, 10, 10, 34];
  const drawing = shape("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": "Chart" });
  const caption = element("figcaption");
  const made = element("figure", { class: "pw-sm-chart" }, caption, drawing);
  made.draw = (what) => {
    made.hidden = !what;
    if (!what) return;
    const { title, across, from, to, lines: all, level, here, unit = "" } = what;
    const most = what.most || 1; // where all is 0, the line is at the bottom
    caption.textContent = title;
    const values = all.flatMap(({ points }) => points.map(([, value]) => value));
    const least = Math.min(0, ...values);
    const x = (value) => left + ((value - from) / (to - from || 1)) * (wide - left - right);
    const y = (value) => top + ((most - value) / (most - least || 1)) * (high - top - bottom);
    const digits = (value) => (value === 0 ? "0" : `${Number(value.toPrecision(2))}`.replace("-", "−"));
    const step = [1, 2, 5, 10, 20, 50].find((one) => (to - from) / one <= MOST_TICKS);
    const ticks = range(Math.floor(to / step) + 1).map((i) => i * step).filter((value) => value >= from);
    const grid = [most, (most + least) / 2, least];
    drawing.setAttribute("aria-label", `${title}: ${all.map(({ points }) => points.length > 12 ? `${points.length} points from ${digits(points[0][1])} to ${digits(points.at(-1)[1])}` : points.map(([, value]) => `${digits(value)}${unit}`).join(", ")).join("; ")}.`);
    drawing.replaceChildren(
      ...grid.flatMap((value) => [
        shape("line", { class: "pw-sm-grid", x1: left, x2: wide - right, y1: y(value), y2: y(value) }),
        shape("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, `${digits(value)}${unit}`),
      ]),
      ...ticks.map((value) => shape("text", { x: x(value), y: high - bottom + 15, "text-anchor": "middle" }, `${value}`)),
      shape("text", { x: (left + wide - right) / 2, y: high - 4, "text-anchor": "middle" }, across),
      ...(here === undefined ? [] : [shape("line", { class: "pw-sm-here", x1: x(here), x2: x(here), y1: top, y2: high - bottom })]),
      ...(level === undefined ? [] : [shape("line", { class: "pw-sm-level", x1: left, x2: wide - right, y1: y(level), y2: y(level) })]),
      ...all.flatMap(({ points, dashed }) => [
        shape("polyline", { class: `pw-sm-line ${dashed ? "pw-sm-dashed" : ""}`, points: points.map(([a, b]) => `${x(a)},${y(b)}`).join(" ") }),
        ...(points.length > 60 ? [] : points.map(([a, b]) => shape("circle", { class: `pw-sm-dot ${dashed ? "pw-sm-dashed" : ""}`, cx: x(a), cy: y(b), r: points.length > 25 ? 1.8 : 3 }))),
      ]),
    );
  };
  return made;
}
