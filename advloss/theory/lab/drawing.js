"use strict";
const recorded = JSON.parse(document.getElementById("recorded").textContent);
const COLOURS = ["--one", "--two", "--three", "--four", "--five", "--six"];
const frames = recorded.iterations.length;
const state = { frame: 0, seed: recorded.seeds[0], playing: false, shown: 0 };
const find = (id) => document.getElementById(id);
let style = {};

function bytes(text) {
  const raw = atob(text), array = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) array[i] = raw.charCodeAt(i);
  return array.buffer;
}

function points(text) {
  return Float32Array.from(new Uint16Array(bytes(text)), (value) => (value / 65535 * 2 - 1) * recorded.hold);
}

const real = points(recorded.real);
const games = recorded.games.map((game) => {
  const numbers = new Float32Array(bytes(game.numbers)), columns = {};
  recorded.names.forEach((name, column) => {
    columns[name] = Float32Array.from({ length: frames }, (_, frame) => numbers[frame * recorded.names.length + column]);
  });
  const surface = new Uint8Array(bytes(game.surface)), pushes = new Int8Array(bytes(game.pushes));
  return {
    objective: game.objective, seed: game.seed, numbers: columns, fakes: points(game.fakes), surface, pushes,
    cells: Math.round(Math.sqrt(surface.length / frames)), unit: typical(columns.longest),
  };
});
const gameOf = (objective) => games.find((game) => game.objective === objective && game.seed === state.seed);

/** The length of push that is drawn as a whole arrow: one that nine tenths of the frames' longest stay below. */
function typical(values) {
  const sorted = Array.from(values).sort((a, b) => a - b);
  return Math.max(sorted[Math.floor(0.9 * (sorted.length - 1))], 1e-30);
}

function element(tag, parent, attributes = {}, text = "") {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  parent.append(made);
  return made;
}

/** The canvas's context in CSS pixels, cleared; its pixels are the screen's. */
function context(canvas) {
  const scale = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const made = canvas.getContext("2d");
  made.scale(scale, scale);
  return [made, width, height];
}

function rgb(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}

function readStyle() {
  const computed = getComputedStyle(document.documentElement);
  const names = ["--ink", "--soft", "--line", "--grid", "--fake", "--real", "--no", "--yes", "--plane", "--arrow", ...COLOURS];
  style = Object.fromEntries(names.map((name) => [name, computed.getPropertyValue(name).trim()]));
}

/** What the discriminator says of the cells, from -1 (fake) over 0 (halfway) to 1 (real): [cells * cells]. */
function verdicts(game) {
  const size = game.cells ** 2, { low, high, middle } = game.numbers, at = state.frame;
  const spread = Math.max(high[at] - middle[at], middle[at] - low[at], 1e-12);
  const first = at * size, made = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const value = low[at] + game.surface[first + i] / 255 * (high[at] - low[at]);
    made[i] = Math.max(-1, Math.min(1, (value - middle[at]) / spread));
  }
  return made;
}

function drawSurface(pen, game, side) {
  const cells = game.cells, values = verdicts(game), small = document.createElement("canvas");
  small.width = small.height = cells;
  const image = new ImageData(cells, cells), none = rgb(style["--plane"]), ends = [rgb(style["--no"]), rgb(style["--yes"])];
  for (let row = 0; row < cells; row++) {
    for (let column = 0; column < cells; column++) {
      const value = values[(cells - 1 - row) * cells + column], end = ends[value > 0 ? 1 : 0];
      const share = Math.abs(value) ** 0.7 * 0.8;
      const colour = none.map((part, i) => part + (end[i] - part) * share);
      image.data.set([...colour, 255], 4 * (row * cells + column));
    }
  }
  small.getContext("2d").putImageData(image, 0, 0);
  pen.imageSmoothingEnabled = true;
  pen.imageSmoothingQuality = "high";
  pen.drawImage(small, 0, 0, side, side);
  drawBorder(pen, values, cells, side);
}

/** The line on which the discriminator stands halfway: marching squares over the cells' centres. */
function drawBorder(pen, values, cells, side) {
  const place = (index) => (index + 0.5) / cells * side;
  pen.beginPath();
  for (let row = 0; row + 1 < cells; row++) {
    for (let column = 0; column + 1 < cells; column++) {
      const corners = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([x, y]) => [column + x, row + y]);
      const cuts = [];
      corners.forEach(([x, y], i) => {
        const [u, v] = corners[(i + 1) % 4], one = values[y * cells + x], other = values[v * cells + u];
        if ((one > 0) !== (other > 0)) {
          const part = one / (one - other);
          cuts.push([place(x + (u - x) * part), side - place(y + (v - y) * part)]);
        }
      });
      for (let i = 0; i + 1 < cuts.length; i += 2) {
        pen.moveTo(...cuts[i]);
        pen.lineTo(...cuts[i + 1]);
      }
    }
  }
  pen.strokeStyle = style["--soft"];
  pen.globalAlpha = 0.7;
  pen.lineWidth = 1.2;
  pen.stroke();
  pen.globalAlpha = 1;
}

function drawArrows(pen, game, side) {
  const count = game.pushes.length / frames / 2, fakes = game.fakes.length / frames;
  const unit = game.numbers.longest[state.frame] / game.unit / 127, longest = side * 0.09;
  pen.strokeStyle = style["--arrow"];
  pen.lineWidth = 1.3;
  pen.beginPath();
  for (let i = 0; i < count; i++) {
    const [x, y] = placed(game.fakes, state.frame * fakes + 2 * i, side);
    let dx = game.pushes[(state.frame * count + i) * 2] * unit * longest;
    let dy = -game.pushes[(state.frame * count + i) * 2 + 1] * unit * longest;
    const length = Math.hypot(dx, dy);
    if (length > 1.5 * longest) [dx, dy] = [dx / length * 1.5 * longest, dy / length * 1.5 * longest];
    if (length < 0.7) continue;
    pen.moveTo(x, y);
    pen.lineTo(x + dx, y + dy);
    const head = Math.min(5, length / 2.5), angle = Math.atan2(dy, dx);
    for (const turn of [2.6, -2.6]) {
      pen.moveTo(x + dx, y + dy);
      pen.lineTo(x + dx + head * Math.cos(angle + turn), y + dy + head * Math.sin(angle + turn));
    }
  }
  pen.stroke();
}

function placed(array, at, side) {
  return [(array[at] / recorded.reach + 1) / 2 * side, (1 - array[at + 1] / recorded.reach) / 2 * side];
}

function drawPlane(canvas, game) {
  const [pen, side] = context(canvas);
  pen.fillStyle = style["--plane"];
  pen.fillRect(0, 0, side, side);
  if (find("field").checked) drawSurface(pen, game, side);
  const radius = Math.max(1.7, side / 190);
  pen.strokeStyle = style["--real"];
  pen.globalAlpha = 0.55;
  pen.lineWidth = 1;
  for (let i = 0; i < real.length; i += 2) circle(pen, real, i, side, radius, false);
  pen.globalAlpha = 1;
  if (find("arrows").checked) drawArrows(pen, game, side);
  pen.fillStyle = style["--fake"];
  const size = game.fakes.length / frames;
  for (let i = 0; i < size; i += 2) circle(pen, game.fakes, state.frame * size + i, side, radius, true);
}

function circle(pen, array, at, side, radius, filled) {
  const [x, y] = placed(array, at, side);
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  if (filled) pen.fill();
  else pen.stroke();
}

/** Lines over the iterations, {values, colour, dashed}, with a mark at the frame that is shown. */
function drawChart(canvas, lines, { log = false, top = null, bottom = null } = {}) {
  const [pen, width, height] = context(canvas), left = 40, right = 8, above = 8, below = 20;
  const scaled = (value) => (log ? Math.log10(Math.max(value, 1e-12)) : value);
  const all = lines.flatMap((line) => Array.from(line.values, scaled)).filter(Number.isFinite);
  let low = bottom ?? Math.min(...all), high = top ?? Math.max(...all);
  if (!(high > low)) [low, high] = [low - 1, low + 1];
  const x = (frame) => left + frame / Math.max(frames - 1, 1) * (width - left - right);
  const y = (value) => above + (1 - (value - low) / (high - low)) * (height - above - below);
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.lineWidth = 1;
  for (const value of ticks(low, high, log)) {
    pen.strokeStyle = style["--grid"];
    stroke(pen, [[left, y(value)], [width - right, y(value)]]);
    pen.fillStyle = style["--soft"];
    pen.textAlign = "right";
    pen.fillText(label(log ? 10 ** value : value), left - 6, y(value));
  }
  pen.textAlign = "left";
  pen.fillText("0", left, height - 7);
  pen.textAlign = "right";
  pen.fillText(`${recorded.iterations[frames - 1]} iterations`, width - right, height - 7);
  for (const line of lines) {
    pen.strokeStyle = style[line.colour];
    pen.lineWidth = line.dashed ? 1.2 : 1.8;
    pen.setLineDash(line.dashed ? [4, 3] : []);
    const shown = Array.from(line.values, (value, frame) => [x(frame), y(scaled(value))]);
    stroke(pen, shown.filter(([, value]) => Number.isFinite(value)));
    pen.setLineDash([]);
    const [, now] = shown[state.frame];
    pen.fillStyle = style[line.colour];
    if (Number.isFinite(now) && !line.dashed) {
      pen.beginPath();
      pen.arc(x(state.frame), now, 3.2, 0, 2 * Math.PI);
      pen.fill();
    }
  }
  pen.strokeStyle = style["--soft"];
  pen.lineWidth = 1;
  stroke(pen, [[x(state.frame), above], [x(state.frame), height - below]]);
}

function stroke(pen, path) {
  pen.beginPath();
  path.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
}

function ticks(low, high, log) {
  let step = log ? Math.max(1, Math.ceil((high - low) / 4)) : 10 ** Math.floor(Math.log10((high - low) / 2));
  if (!log) step *= [1, 2, 5].find((factor) => (high - low) / (step * factor) <= 4) ?? 5;
  const made = [];
  for (let value = Math.ceil(low / step) * step; value <= high + 1e-9; value += step) made.push(value);
  return made;
}

function label(value) {
  const size = Math.abs(value);
  if (size < 1e-12) return "0";
  if (size >= 1e4 || size < 1e-3) return value.toExponential(0).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}
