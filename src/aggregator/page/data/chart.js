// Two drawings: a spark of one row's last minutes, and the curve of profit with what was given back below it.

const SVG = "http://www.w3.org/2000/svg";

function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** A line of the newest values, `width` of them; zero is drawn where it is in sight. */
export class Spark {
  constructor(cell, { width = 120, height = 18 } = {}) {
    this.width = width;
    this.height = height;
    this.values = [];
    this.svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true", class: "spark" });
    this.zero = shape("line", { x1: 0, x2: width, y1: -10, y2: -10, class: "zero" });
    this.line = shape("polyline", { class: "line" });
    this.svg.append(this.zero, this.line);
    cell.append(this.svg);
  }

  /** Take the next value; null leaves a place empty. */
  add(value) {
    this.values.push(Number.isFinite(value) ? value : null);
    if (this.values.length > this.width) this.values.shift();
    const known = this.values.filter((each) => each !== null);
    if (known.length === 0) return;
    let low = Math.min(...known);
    let high = Math.max(...known);
    const room = Math.max((high - low) * 0.1, 0.05, Math.abs(high) * 0.002);
    low -= room;
    high += room;
    const y = (each) => (this.height * (high - each)) / (high - low);
    const left = this.width - this.values.length;
    const points = this.values.map((each, index) => (each === null ? "" : `${left + index},${y(each).toFixed(1)}`));
    this.line.setAttribute("points", points.filter(Boolean).join(" "));
    const zero = low < 0 && high > 0 ? y(0) : -10;
    this.zero.setAttribute("y1", zero);
    this.zero.setAttribute("y2", zero);
  }

  /** Begin anew. */
  clear() {
    this.values = [];
    this.line.setAttribute("points", "");
  }
}

const WIDTH = 640;
const HEIGHT = 150;
const LEFT = 62;
const RIGHT = 4;
const TOP = 8;
const BOTTOM = 22;

/** Profit over time, in steps, with the fall below its highest so far as an area. */
export class Curve {
  constructor(box) {
    this.svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" });
    this.grid = shape("g", { class: "rules" });
    this.under = shape("path", { class: "under" });
    this.line = shape("path", { class: "line" });
    this.labels = shape("g", { class: "labels" });
    this.svg.append(this.grid, this.under, this.line, this.labels);
    box.append(this.svg);
  }

  /**
   * @param points [unix ms, value], in order.
   * @param told {value: a value and the step between rules as text, time: as text}.
   */
  show(points, told) {
    if (points.length === 0) {
      for (const each of [this.under, this.line]) each.setAttribute("d", "");
      for (const each of [this.grid, this.labels]) each.replaceChildren();
      return;
    }
    const values = points.map(([, value]) => value);
    let low = Math.min(0, ...values);
    let high = Math.max(0, ...values);
    if (high === low) [low, high] = [-1e6, 1e6];
    const step = niceStep((high - low) / 3);
    low = Math.floor(low / step + 0.02) * step; // what could not be seen gets no room
    high = Math.ceil(high / step - 0.02) * step;
    const from = points[0][0];
    const to = Math.max(points.at(-1)[0], from + 60_000);
    const x = (ms) => LEFT + ((WIDTH - LEFT - RIGHT) * (ms - from)) / (to - from);
    const y = (value) => TOP + ((HEIGHT - TOP - BOTTOM) * (high - value)) / (high - low);
    let line = "";
    let peaks = "";
    let peak = -Infinity;
    points.forEach(([ms, value], index) => {
      if (index > 0) peaks += `L${x(ms)} ${y(peak)}`;
      peak = Math.max(peak, value);
      peaks += `L${x(ms)} ${y(peak)}`;
      line += index === 0 ? `M${x(ms)} ${y(value)}` : `H${x(ms)}V${y(value)}`;
    });
    this.line.setAttribute("d", line);
    const back = [...points].reverse().map(([ms, value], index, all) => {
      const next = all[index + 1];
      return `L${x(ms)} ${y(value)}` + (next ? `L${x(ms)} ${y(next[1])}` : "");
    });
    this.under.setAttribute("d", `M${x(from)} ${y(values[0])}${peaks}${back.join("")}Z`);
    const rules = [];
    const labels = [];
    for (let value = low; value <= high + step / 2; value += step) {
      rules.push(shape("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value), class: Math.abs(value) < step / 2 ? "zero" : "" }));
      labels.push(label(LEFT - 6, y(value) + 3.5, told.value(value, step), "end"));
    }
    for (const share of [0, 0.5, 1]) {
      const ms = from + (to - from) * share;
      labels.push(label(x(ms), HEIGHT - 5, told.time(ms), share === 0 ? "start" : share === 1 ? "end" : "middle"));
    }
    this.grid.replaceChildren(...rules);
    this.labels.replaceChildren(...labels);
  }
}

function label(x, y, text, anchor) {
  const element = shape("text", { x, y, "text-anchor": anchor });
  element.textContent = text;
  return element;
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999);
}
