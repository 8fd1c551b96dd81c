// The page around the charts: what was trained, what was said, the samples.

const content = JSON.parse(document.getElementById("content").textContent);
const several = content.runs.length > 1;

function made(name, text, parts = {}) {
  const element = Object.assign(document.createElement(name), parts);
  if (text !== undefined) element.textContent = text;
  return element;
}

function swatch(run) {
  const element = made("span", "", {className: "swatch"});
  element.style.setProperty("--mine", `var(--run${run})`);
  return element;
}

function table(place, rows) {
  if (several) {
    const head = made("tr");
    head.append(made("th", ""));
    content.runs.forEach((run, number) => {
      const cell = made("th");
      cell.append(swatch(number), run.name);
      head.append(cell);
    });
    const top = made("thead");
    top.append(head);
    place.append(top);
  }
  const body = made("tbody");
  for (const [name, ...cells] of rows) {
    const row = made("tr");
    row.append(made("th", name), ...cells.map((cell) => made("td", cell)));
    body.append(row);
  }
  place.append(body);
}

function header() {
  document.getElementById("title").textContent = several ? `${content.runs.length} runs` : content.runs[0].name;
  content.runs.forEach((run, number) => {
    const item = made("li");
    if (several) item.append(swatch(number), run.name);
    item.append(made("span", run.state, {className: "state"}));
    document.getElementById("runs").append(item);
  });
}

function trained() {
  if (several) {
    const section = document.getElementById("differences");
    section.hidden = false;
    if (content.differences.length) table(section.querySelector("table"), content.differences);
    else section.querySelector("div").textContent = "Nothing: the recipes are the same.";
  }
  const names = [...new Set(content.runs.flatMap((run) => Object.keys(run.facts)))];
  const rows = names.map((name) => [name, ...content.runs.map((run) => run.facts[name] ?? "")]);
  table(document.querySelector("#trained table"), rows);
  for (const run of content.runs) {
    const of = several ? ` of ${run.name}` : "";
    for (const [title, lines] of [[`Sizes and players${of}`, run.plan], [`Data${of}`, run.data]]) {
      if (!lines.length) continue;
      const list = made("ul");
      list.append(...lines.map((line) => made("li", line)));
      folded(title, list, !several);
    }
    folded(`Recipe${of}`, made("pre", run.recipe), false);
  }
}

function folded(title, inner, open) {
  const details = made("details", undefined, {open});
  details.append(made("summary", title), inner);
  document.getElementById("details").append(details);
}

function said() {
  const events = content.runs.flatMap((run, number) => run.events.map((event) => ({...event, number, run})));
  events.sort((one, other) => one.iteration - other.iteration);
  document.getElementById("events").hidden = !events.length;
  for (const event of events) {
    const item = made("li", undefined, {className: event.kind});
    const when = made("span", `iteration ${event.iteration.toLocaleString("en")}`, {className: "when"});
    const words = made("p");
    if (several) words.append(swatch(event.number), `${event.run.name}: `);
    words.append(event.kind === "changed" ? `changed: ${event.sentence}` : made("strong", event.sentence));
    if (event.remedy) words.append(made("span", ` What helps: ${event.remedy}`, {className: "remedy"}));
    item.append(when, words);
    document.querySelector("#events ol").append(item);
  }
}

function samples() {
  const iterations = [...new Set(content.runs.flatMap((run) => run.samples.map((sample) => sample.iteration)))];
  iterations.sort((one, other) => one - other);
  if (!iterations.length) return;
  document.getElementById("samples").hidden = false;
  const shownRuns = content.runs.map((run, number) => ({run, number})).filter(({run}) => run.samples.length);
  const pictures = shownRuns.map(({run, number}) => {
    const figure = made("figure"), image = made("img"), caption = made("figcaption");
    if (several) figure.append(caption);
    figure.append(image);
    document.getElementById("grids").append(figure);
    return {run, number, image, caption};
  });
  const slider = document.getElementById("slider");
  function show() {
    const iteration = iterations[slider.value];
    document.getElementById("at").textContent = `iteration ${iteration.toLocaleString("en")}`;
    for (const {run, number, image, caption} of pictures) {
      const sample = run.samples.findLast((each) => each.iteration <= iteration) ?? run.samples[0];
      image.src = sample.source;
      image.alt = `samples of ${run.name} after iteration ${sample.iteration}`;
      const apart = sample.iteration === iteration ? "" : ` (iteration ${sample.iteration.toLocaleString("en")})`;
      caption.replaceChildren(swatch(number), run.name + apart);
    }
  }
  slider.max = iterations.length - 1;
  slider.value = slider.max;
  slider.disabled = iterations.length < 2;
  slider.addEventListener("input", show);
  show();
}

function notes() {
  for (const run of content.runs) {
    for (const note of run.notes) {
      document.getElementById("notes").append(made("p", several ? `${run.name}: ${note}` : note));
    }
  }
}

header();
trained();
said();
samples();
notes();
if (content.charts.length) {
  document.getElementById("curves").hidden = false;
  drawCharts(content);
}
