"use strict";
// Charts of curves, drawn by BokehJS when they come into view. They share one range of iterations and one cursor.

const {Plotting, Range1d, Span, BoxZoomTool, CustomJSTickFormatter, NumeralTickFormatter} = Bokeh;
Bokeh.set_log_level("warn");
const charts = [];
const view = {from: 0, to: 1, low: 0, high: 1, log: false};

function decoded(text, type) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new type(bytes.buffer);
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function shown(value) {
  if (value === undefined || Number.isNaN(value)) return "";
  const size = Math.abs(value);
  if (value === 0) return "0";
  return size >= 1e5 || size < 1e-3 ? value.toExponential(2).replace(/\.?0+e/, "e") : String(Number(value.toPrecision(4)));
}

class Chart {
  constructor(about, runs, events, place) {
    this.about = about;
    this.events = events;
    this.lines = about.lines.map((line) => ({
      name: line.name, run: line.run,
      x: decoded(line.x, Uint32Array), y: decoded(line.y, Float32Array),
      low: line.low && decoded(line.low, Float32Array), high: line.high && decoded(line.high, Float32Array),
    }));
    const names = [...new Set(this.lines.map((line) => line.name))];
    const alone = runs.length === 1;
    for (const line of this.lines) {
      line.colour = `run${alone ? names.indexOf(line.name) % 6 : line.run}`;
      line.dashed = !alone && names.indexOf(line.name) > 0;
      const words = [...(alone ? [] : [runs[line.run].name]), ...(alone || names.length > 1 ? [line.name] : [])];
      line.said = words.join(" ");
    }
    this.element = document.createElement("div");
    this.element.className = "card chart";
    const title = document.createElement("h4");
    title.textContent = about.title;
    const unit = document.createElement("span");
    unit.textContent = about.unit;
    title.append(unit);
    this.keys = document.createElement("ul");
    this.keys.className = "keys";
    for (const line of this.lines) {
      const key = document.createElement("li");
      const swatch = document.createElement("span");
      swatch.className = line.dashed ? "swatch dashed" : "swatch";
      swatch.style.setProperty("--mine", `var(--${line.colour})`);
      line.value = document.createElement("b");
      key.append(swatch, this.lines.length > 1 ? line.said : "", line.value);
      this.keys.append(key);
    }
    this.plot = document.createElement("div");
    this.plot.className = "plot";
    this.element.append(title, this.keys, this.plot);
    place.append(this.element);
    this.say(Infinity);
  }

  // The lowest and the highest value between the iterations in view.
  reach() {
    let low = Infinity, high = -Infinity;
    for (const line of this.lines) {
      for (let i = 0; i < line.x.length; i++) {
        if (line.x[i] < view.from || line.x[i] > view.to) continue;
        for (const y of line.low ? [line.low[i], line.high[i]] : [line.y[i]]) {
          if (Number.isNaN(y) || (this.log && y <= 0)) continue;
          low = Math.min(low, y);
          high = Math.max(high, y);
        }
      }
    }
    if (low > high) return this.log ? [0.1, 1] : [0, 1];
    if (this.log) {
      const room = Math.max((high / low) ** 0.05, 1.05);
      return [low / room, high * room];
    }
    const room = (high - low) * 0.06 || Math.abs(high) * 0.05 || 1;
    return [low - room, high + room];
  }

  draw() {
    this.log = view.log && this.lines.some((line) => line.y.some((y) => y > 0));
    const [low, high] = this.reach();
    const fingers = matchMedia("(hover: none)").matches;
    const zoom = new BoxZoomTool({dimensions: "width"});
    const plot = Plotting.figure({
      height: this.plot.clientHeight, sizing_mode: "stretch_width", toolbar_location: null,
      tools: fingers ? [] : [zoom], y_axis_type: this.log ? "log" : "linear",
      x_range: new Range1d({start: view.from, end: view.to}), y_range: new Range1d({start: low, end: high}),
      background_fill_color: null, border_fill_color: null, outline_line_color: null,
      min_border_left: 44, min_border_right: 10, min_border_top: 6, min_border_bottom: 20,
    });
    if (!fingers) plot.toolbar.active_drag = zoom;
    plot.toolbar.active_scroll = null;
    for (const axis of [plot.xaxis, plot.yaxis].flatMap((each) => [...each])) {
      axis.axis_line_color = null;
      axis.major_tick_line_color = axis.minor_tick_line_color = null;
      axis.major_label_text_color = colour("soft");
      axis.major_label_text_font_size = "11px";
      axis.major_label_standoff = 4;
    }
    for (const axis of plot.xaxis) axis.formatter = new NumeralTickFormatter({format: "0,0"});
    for (const axis of plot.xaxis) axis.ticker.desired_num_ticks = 5;
    for (const axis of plot.yaxis) {
      axis.formatter = new CustomJSTickFormatter({code: "return shown(tick)"});
      if (!this.log) axis.ticker.desired_num_ticks = 5;
    }
    for (const grid of [plot.xgrid, plot.ygrid].flatMap((each) => [...each])) grid.grid_line_color = colour("grid");
    for (const line of this.lines) {
      const x = Array.from(line.x), hidden = (y) => (this.log && y <= 0 ? NaN : y);
      const paint = colour(line.colour);
      if (line.low) {
        plot.varea(x, Array.from(line.low, hidden), Array.from(line.high, hidden), {fill_color: paint, fill_alpha: 0.18});
      }
      const y = Array.from(line.y, hidden);
      plot.line(x, y, {line_color: paint, line_width: 1.5, line_join: "round", line_dash: line.dashed ? [5, 3] : []});
      if (x.length <= 40) plot.scatter(x, y, {size: 5, line_color: null, fill_color: paint});
    }
    for (const event of this.events) {
      const paint = colour(event.kind === "doctor" ? "warn" : "soft");
      plot.add_layout(new Span({location: event.iteration, dimension: "height", line_color: paint, line_dash: [2, 3]}));
    }
    this.cursor = new Span({location: 0, dimension: "height", line_color: colour("soft"), visible: false});
    plot.add_layout(this.cursor);
    plot.on_event("mousemove", (event) => point(event.x));
    plot.on_event("tap", (event) => point(event.x));
    plot.on_event("mouseleave", () => point(null));
    plot.on_event("doubletap", () => zoomed(view.low, view.high));
    plot.x_range.change.connect(() => {
      if (plot.x_range.start !== view.from || plot.x_range.end !== view.to) zoomed(plot.x_range.start, plot.x_range.end);
    });
    this.figure = plot;
    this.plot.replaceChildren();
    this.made = Plotting.show(plot, this.plot);
  }

  zoom() {
    if (!this.figure) return;
    const [low, high] = this.reach();
    this.figure.x_range.setv({start: view.from, end: view.to});
    this.figure.y_range.setv({start: low, end: high});
  }

  // The values nearest to an iteration, above the chart; Infinity for the last ones.
  say(iteration) {
    for (const line of this.lines) {
      let at = 0;
      for (let step = line.x.length; step >= 1;) {
        step = Math.floor(step / 2);
        while (at + step < line.x.length && step && line.x[at + step] <= iteration) at += step;
      }
      const next = Math.min(at + 1, line.x.length - 1);
      if (Math.abs(line.x[next] - iteration) < Math.abs(line.x[at] - iteration)) at = next;
      const bounds = line.low ? ` (${shown(line.low[at])} to ${shown(line.high[at])})` : "";
      line.value.textContent = shown(line.y[at]) + bounds;
    }
  }

  redraw() {
    if (this.figure) this.draw();
  }
}

function point(iteration) {
  for (const chart of charts) {
    if (chart.cursor) chart.cursor.setv({visible: iteration !== null, location: iteration === null ? 0 : iteration});
    chart.say(iteration === null ? Infinity : iteration);
  }
  document.getElementById("notes").dataset.iteration = iteration === null ? "" : Math.round(iteration);
}

function zoomed(from, to) {
  [from, to] = [Math.max(view.low, Math.min(from, to)), Math.min(view.high, Math.max(from, to))];
  if (to - from < 1) to = from + 1;
  view.from = from;
  view.to = to;
  document.getElementById("from").value = Math.round(from);
  document.getElementById("to").value = Math.round(to);
  for (const chart of charts) chart.zoom();
}

function drawCharts(content) {
  const ends = content.charts.flatMap((chart) => chart.lines.map((line) => decoded(line.x, Uint32Array)));
  view.low = view.from = Math.min(...ends.map((x) => x[0]).filter((x) => x !== undefined));
  view.high = view.to = Math.max(...ends.map((x) => x[x.length - 1]).filter((x) => x !== undefined));
  const events = content.runs.flatMap((run) => run.events);
  const place = document.getElementById("charts");
  const groups = new Map();
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      charts.find((chart) => chart.element === entry.target).draw();
    }
  }, {rootMargin: "200px"});
  for (const about of content.charts) {
    if (!groups.has(about.group)) {
      const title = document.createElement("h3");
      title.textContent = about.group;
      const group = document.createElement("div");
      group.className = "charts";
      place.append(title, group);
      groups.set(about.group, group);
    }
    const chart = new Chart(about, content.runs, events, groups.get(about.group));
    charts.push(chart);
    seen.observe(chart.element);
  }
  const from = document.getElementById("from"), to = document.getElementById("to");
  for (const input of [from, to]) input.addEventListener("change", () => zoomed(Number(from.value), Number(to.value)));
  document.getElementById("whole").addEventListener("click", () => zoomed(view.low, view.high));
  document.getElementById("log").addEventListener("change", (event) => {
    view.log = event.target.checked;
    for (const chart of charts) chart.redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((chart) => chart.redraw()));
  zoomed(view.low, view.high);
}
