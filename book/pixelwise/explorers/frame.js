// What every explorer's module begins with: host.py puts this text in front of it, because a module must be one piece.

const SVG = "http://www.w3.org/2000/svg";

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function shape(tag, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== "") made.textContent = text;
  return made;
}

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const range = (n) => Array.from({ length: n }, (_, i) => i);

// A number as it is read: at most two decimals, a true minus sign.
const written = (number) => `${Math.round(number * 100) / 100}`.replace("-", "−");

// A whole number with a button on either side: { label, least, most, change(value) } → an element with show(value).
function counter({ short, label, least, most, change }) {
  const field = element("input", { type: "number", min: least, max: most, inputmode: "numeric", "aria-label": label });
  const button = (sign, step) => {
    const made = element("button", { type: "button", "aria-label": `${step < 0 ? "less" : "more"} ${label}` }, sign);
    made.addEventListener("click", () => change(clamp(shown + step, least, most)));
    return made;
  };
  const [less, more] = [button("−", -1), button("+", 1)];
  const made = element("div", { class: "pw-counter" }, element("span", { title: label, "aria-hidden": "true" }, short), less, field, more);
  let shown = least;
  field.addEventListener("input", () => {
    const value = Number(field.value);
    if (field.value !== "" && Number.isInteger(value) && value >= least && value <= most) change(value);
  });
  field.addEventListener("blur", () => (field.value = shown));
  made.show = (value) => {
    shown = value;
    if (document.activeElement !== field || Number(field.value) !== value) field.value = value;
    less.disabled = value <= least;
    more.disabled = value >= most;
  };
  return made;
}

// Puts an explorer's frame into the element that the widget was given. Keys stay inside, because JupyterLab takes them
// for its own: arrows choose another cell there, and letters are commands.
function mount(el, frame) {
  el.classList.add("pw-explorer");
  el.addEventListener("keydown", (event) => event.stopPropagation());
  el.replaceChildren(frame);
}
