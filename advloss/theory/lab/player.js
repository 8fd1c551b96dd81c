/* The page around the drawings: a card for each objective, charts of all of them, and the controls. */
const shown = (value, digits) => (Number.isFinite(value) ? label(Number(value.toPrecision(digits))) : "\u2013");
const iteration = () => recorded.iterations[state.frame];

const panels = recorded.objectives.map((objective, number) => {
  const card = element("article", find("panels"), { class: "card panel", style: `--mine: var(${COLOURS[number]})` });
  element("h2", card, {}, objective);
  const plane = element("canvas", card, { class: "plane", role: "img" });
  const list = element("dl", card), values = {};
  const measures = [["distance", "distance"], ["push", "gradient"], ...(recorded.modes ? [["modes", "modes"]] : [])];
  for (const [name, title] of measures) {
    const pair = element("div", list);
    element("dt", pair, {}, title);
    values[name] = element("dd", pair);
  }
  const losses = element("canvas", card, { class: "chart", role: "img", "aria-label": `losses of ${objective}` });
  const keys = element("ul", card, { class: "keys" });
  element("li", keys, { style: "--mine: var(--ink)" }, "discriminator's loss");
  element("li", keys, { style: `--mine: var(${COLOURS[number]})` }, "generator's loss");
  return { objective, colour: COLOURS[number], plane, losses, values };
});

const CHARTS = [
  ["distance", "Distance to the real points", "Sliced Wasserstein distance; dashed: of real points from other real points.", {}],
  ["modes", "Modes covered", "Modes with at least a quarter of an equal share of the fakes.", { bottom: 0, top: recorded.modes }],
  ["push", "Gradient at the fakes", "Mean norm of the gradient of each fake's loss, on a logarithmic scale.", { log: true }],
];
const charts = CHARTS.filter(([name]) => name !== "modes" || recorded.modes).map(([name, title, text, options]) => {
  const card = element("article", find("charts"), { class: "card" });
  element("h2", card, {}, title);
  const canvas = element("canvas", card, { class: "chart", role: "img", "aria-label": title });
  const keys = element("ul", card, { class: "keys" });
  recorded.objectives.forEach((objective, i) => element("li", keys, { style: `--mine: var(${COLOURS[i]})` }, objective));
  element("p", card, {}, text);
  return { name, canvas, options };
});

function drawCharts() {
  for (const { objective, colour, losses } of panels) {
    const { discriminator, generator } = gameOf(objective).numbers;
    drawChart(losses, [{ values: discriminator, colour: "--ink" }, { values: generator, colour }]);
  }
  for (const { name, canvas, options } of charts) {
    const lines = panels.map(({ objective, colour }) => ({ values: gameOf(objective).numbers[name], colour }));
    const floor = { values: new Float32Array(frames).fill(recorded.floor), colour: "--soft", dashed: true };
    drawChart(canvas, name === "distance" ? [...lines, floor] : lines, options);
  }
}

function drawPanel({ objective, plane, values }) {
  const game = gameOf(objective), at = state.frame, { distance, push, modes, near } = game.numbers;
  drawPlane(plane, game);
  values.distance.textContent = shown(distance[at], 3);
  values.push.textContent = shown(push[at], 2);
  let said = `${objective}, iteration ${iteration()}: distance ${shown(distance[at], 3)}`;
  if (recorded.modes) {
    values.modes.textContent = `${modes[at]} of ${recorded.modes}`;
    values.modes.title = `${Math.round(near[at] * 100)}% of the fakes are near one`;
    said += `, ${modes[at]} of ${recorded.modes} modes`;
  }
  plane.setAttribute("aria-label", said);
}

function draw() {
  panels.forEach(drawPanel);
  drawCharts();
  find("slider").value = state.frame;
  find("slider").setAttribute("aria-valuetext", `iteration ${iteration()}`);
  find("iteration").textContent = `${iteration()} of ${recorded.iterations[frames - 1]}`;
}

function go(frame) {
  state.frame = Math.max(0, Math.min(frames - 1, frame));
  draw();
}

function play(playing) {
  if (playing && state.frame === frames - 1) state.frame = 0;
  state.playing = playing;
  state.shown = 0;
  find("icon").setAttribute("d", playing ? "M6 4h4v16H6zM14 4h4v16h-4z" : "M7 4v16l13-8z");
  find("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  if (playing) requestAnimationFrame(next);
}

function next(time) {
  if (!state.playing) return;
  if (time - state.shown >= 1000 / Number(find("speed").value)) {
    state.shown = time;
    if (state.frame === frames - 1) return play(false);
    go(state.frame + 1);
  }
  requestAnimationFrame(next);
}

function step(by) {
  play(false);
  go(state.frame + by);
}

/** The frame at a place of a chart: a click, or a drag of the mouse, goes there. */
function seek(event) {
  if (event.type === "pointermove" && event.buttons !== 1) return;
  const box = event.currentTarget.getBoundingClientRect();
  step(Math.round((event.clientX - box.left - 40) / (box.width - 48) * (frames - 1)) - state.frame);
}

function keyed(event) {
  const at = event.target.tagName;
  if (event.ctrlKey || event.metaKey || event.altKey || at === "SELECT") return;
  if (event.key === " " && at !== "BUTTON" && event.target.type !== "checkbox") play(!state.playing);
  else if (event.key === "ArrowLeft" && event.target.id !== "slider") step(-1);
  else if (event.key === "ArrowRight" && event.target.id !== "slider") step(1);
  else return;
  event.preventDefault();
}

find("slider").max = frames - 1;
find("slider").addEventListener("input", (event) => step(Number(event.target.value) - state.frame));
find("play").addEventListener("click", () => play(!state.playing));
find("back").addEventListener("click", () => step(-1));
find("forth").addEventListener("click", () => step(1));
recorded.seeds.forEach((seed) => element("option", find("seed"), { value: seed }, seed));
find("seed").addEventListener("change", (event) => { state.seed = Number(event.target.value); draw(); });
for (const name of ["field", "arrows"]) find(name).addEventListener("change", draw);
for (const canvas of [...panels.map((panel) => panel.losses), ...charts.map((chart) => chart.canvas)]) {
  for (const kind of ["pointerdown", "pointermove"]) canvas.addEventListener(kind, seek);
}
document.addEventListener("keydown", keyed);
document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault());
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readStyle(); draw(); });
window.addEventListener("resize", draw);
find("notes").textContent =
  "Each game is a training of the recipe points: two networks with two hidden layers of 64, Adam, batches of 64. Space plays " +
  "and pauses, the arrow keys step; a click on a chart goes to its iteration. Arrows are as long as the gradient, in a unit " +
  "of each game's own; the colours run from halfway to the frame's extremes.";
readStyle();
draw();
