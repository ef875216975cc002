// @ts-check
// Trends with zoom and details of each point. A chart is drawn when it comes into view; until then,
// and on paper, the page's own figure stands there.

const CHART_HEIGHT = 170;
const SMALL_CHANGES = 5; // that fit into the height of a chart
const NEAR = 5; // pixels around a change in which the cursor snaps to it

/** @type {any[]} */
const plots = [];

/** Replace the figures of trends by charts, each when it comes into view. */
function liveTrends() {
  if (typeof uPlot === "undefined") return; // the page says why: it was made without the library
  const watcher = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      if (target instanceof HTMLElement) liveTrend(target);
    }
  }, { rootMargin: "200px" });
  for (const figure of all("figure.trend[data-combination]")) watcher.observe(figure);
  const redraw = () => plots.forEach((plot) => plot.redraw(false, true));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

/** @param {HTMLElement} figure */
function liveTrend(figure) {
  const combination = reportData().combinations[Number(figure.dataset.combination)];
  const trend = combination?.numbers[figure.dataset.number ?? ""];
  const rows = trend ? combination.runs.id.map((_, row) => row).filter((row) => isNumber(at(trend.value, row))) : [];
  if (!trend || rows.length < 2) return;
  const label = `${trend.title} of ${rows.length} runs. Arrow keys choose a run, plus and minus zoom, ` +
    "0 shows all, Enter opens the run.";
  const frame = element("div", {
    class: "chart", tabindex: "0", role: "application", "aria-roledescription": "chart", "aria-label": label,
  });
  const readout = element("div", { class: "readout", "aria-live": "polite" });
  const picture = figure.querySelector("svg");
  if (!picture) return;
  const changes = new Map(trend.changes.map((change) => [rows.indexOf(change.run), change]));
  let shown = rows.length - 1;
  // The point stays when the cursor leaves: its text has links.
  const show = (/** @type {number} */ point) => {
    shown = point;
    readout.replaceChildren(...pointDetails({ combination, index: rows[point] }, trend, changes.get(point)));
  };
  picture.after(frame, readout);
  figure.classList.add("live");
  const values = rows.map((row) => Number(at(trend.value, row)));
  const times = rows.map((row) => combination.runs.started[row]);
  const failed = rows.flatMap((row, i) => (at(combination.runs.verdict, row) === "failed" ? [i] : []));
  const options = chartOptions({
    unit: at(trend.unit, rows[rows.length - 1]), isExact: at(trend.kind, rows[0]) === "exact",
    changes: [...changes.keys()], failed, least: SMALL_CHANGES * trend.small, show, width: frame.clientWidth,
  });
  const plot = new uPlot(options, [times, values], frame);
  plots.push(plot);
  const open = (/** @type {number} */ point) => openRun({ combination, index: rows[point] });
  listenToKeys(plot, frame, () => shown, open);
  listenToPointers(plot, () => open(shown));
  figure.querySelector("figcaption")?.append(zoomButtons(plot, trend.title));
  new ResizeObserver(() => {
    if (frame.clientWidth) plot.setSize({ width: frame.clientWidth, height: CHART_HEIGHT });
  }).observe(frame);
  show(shown);
}

/** @param {unknown} value */
function isNumber(value) {
  return typeof value === "number";
}

/**
 * What is said of a point: value, time, commit, and the cause if the number changed there.
 * @param {Run} run
 * @param {Trend} trend
 * @param {{text: string, causes: string[]} | undefined} change
 */
function pointDetails(run, trend, change) {
  const { runs } = run.combination;
  const { text, kind } = valueText(trend, run.index);
  const lines = [
    element("p", {}, element("b", {}, text), " ", element("small", { class: "kind" }, kind), " ",
      runLink(run, timeText(runs.started[run.index])), " UTC ",
      ...commitOf(run)),
  ];
  if (at(runs.verdict, run.index) === "failed") lines.push(element("p", { class: "no" }, "✗ failed"));
  if (change) lines.push(element("p", {}, change.text, ...change.causes.map((cause) => `; ${cause}`)));
  return lines;
}

/**
 * @param {any} plot
 * @param {string} title
 */
function zoomButtons(plot, title) {
  return element("span", { class: "zoom" },
    button("−", { "aria-label": `zoom out, ${title}` }, () => zoom(plot, 2)),
    button("+", { "aria-label": `zoom in, ${title}` }, () => zoom(plot, 0.5)),
    button("all", { "aria-label": `show all, ${title}` }, () => showAll(plot)));
}

/**
 * @param {{unit: string, isExact: boolean, changes: number[], failed: number[], least: number,
 *   show: (point: number) => void, width: number}} chart
 */
function chartOptions({ unit, isExact, changes, failed, least, show, width }) {
  const line = () => colour("--line");
  const axis = { stroke: () => colour("--dim"), font: "12px system-ui, sans-serif" };
  const rule = { stroke: () => colour("--rule"), width: 1 };
  return {
    width, height: CHART_HEIGHT,
    legend: { show: false },
    padding: [8, 24, 0, 0], // half a label of the last date
    tzDate: (/** @type {number} */ seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    cursor: {
      y: false,
      drag: { x: true, y: false },
      points: { size: 9, width: 2, stroke: line, fill: () => colour("--paper") },
      dataIdx: (/** @type {any} */ plot, /** @type {number} */ _, /** @type {number} */ nearest) =>
        changes.find((change) => Math.abs(plot.valToPos(plot.data[0][change], "x") - plot.cursor.left) < NEAR) ?? nearest,
    },
    scales: { y: { range: (/** @type {any} */ _, /** @type {number} */ min, /** @type {number} */ max) => withMargin(min, max, least) } },
    axes: [
      { ...axis, grid: { show: false }, ticks: rule, space: 80, values: dateLabels },
      {
        ...axis, grid: rule, ticks: { show: false }, space: 34,
        size: (/** @type {any} */ _, /** @type {string[]?} */ labels) =>
          14 + 6.6 * Math.max(0, ...(labels ?? []).map((label) => label.length)),
        values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((value) => withoutZeros(quantity(value, unit, 6))),
      },
    ],
    series: [{}, {
      stroke: line, width: 1.5, points: { show: (/** @type {any} */ plot) => plot.bbox.width / countShown(plot) > 16, size: 5, fill: line },
      ...(isExact ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
    }],
    hooks: {
      setScale: [(/** @type {any} */ plot) => noteRange(plot)],
      draw: [(/** @type {any} */ plot) => drawMarks(plot, changes, failed)],
      setCursor: [(/** @type {any} */ { cursor: { idxs } }) => isNumber(idxs[1]) && show(idxs[1])],
    },
  };
}

/**
 * Say what the chart shows now, for those who do not see it.
 * @param {any} plot
 */
function noteRange(plot) {
  const { min, max } = plot.scales.x;
  const frame = plot.root.parentElement;
  if (isNumber(min) && frame) frame.setAttribute("aria-description", `${timeText(min)} to ${timeText(max)} UTC`);
}

/** @param {string} name of a variable of the style sheet, which has a dark mode */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** @param {any} plot */
function countShown(plot) {
  const { min, max } = plot.scales.x;
  return plot.data[0].filter((/** @type {number} */ time) => time >= min && time <= max).length || 1;
}

/**
 * The axis of the values is at least `least` long, relative to them: little noise stays little.
 * @param {number} min
 * @param {number} max
 * @param {number} least
 */
function withMargin(min, max, least) {
  const length = Math.max(max - min, least * Math.max(Math.abs(min), Math.abs(max)));
  const margin = (length - (max - min)) / 2 + (length * 0.08 || Math.abs(max) * 0.01 || 1);
  return [min - margin, max + margin];
}

/** @param {string} text a number such as `12.5000 ms` */
function withoutZeros(text) {
  return text.replace(/(\.\d*?)0+(?!\d)/, "$1").replace(/\.(?!\d)/, "");
}

/**
 * @param {any} _
 * @param {number[]} splits
 * @param {number} __
 * @param {number} ___
 * @param {number} step in seconds
 */
function dateLabels(_, splits, __, ___, step) {
  const day = 86400;
  const [from, to] = step >= 28 * day ? [0, 7] : step >= day ? [5, 10] : [5, 16];
  return splits.map((seconds) => timeText(seconds).slice(from, to));
}

/**
 * A dashed line where the number changed, and a cross at each run that failed.
 * @param {any} plot
 * @param {number[]} changes
 * @param {number[]} failed
 */
function drawMarks(plot, changes, failed) {
  const { ctx, bbox, data } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.strokeStyle = colour("--mark");
  ctx.lineWidth = ratio;
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  ctx.beginPath();
  for (const change of changes) {
    const x = Math.round(plot.valToPos(data[0][change], "x", true)) + 0.5;
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
  }
  ctx.stroke();
  ctx.strokeStyle = colour("--bad");
  ctx.lineWidth = 2 * ratio;
  ctx.setLineDash([]);
  ctx.beginPath();
  for (const index of failed) {
    const [x, y] = [plot.valToPos(data[0][index], "x", true), plot.valToPos(data[1][index], "y", true)];
    const arm = 5 * ratio;
    ctx.moveTo(x - arm, y - arm);
    ctx.lineTo(x + arm, y + arm);
    ctx.moveTo(x - arm, y + arm);
    ctx.lineTo(x + arm, y - arm);
  }
  ctx.stroke();
  ctx.restore();
}
