// @ts-check
// The numbers of all runs. Their form is documented in report.html.j2.

/**
 * @template T
 * @typedef {T | T[]} Column
 */
/**
 * @typedef {{title: string, better: string, small: number, unit: Column<string>, kind: Column<string>,
 *   by: Column<string>, error: Column<number?>, value: Column<number?>,
 *   changes: {run: number, text: string, causes: string[]}[]}} Trend
 */
/**
 * @typedef {{id: string[], anchor: Column<string?>, started: number[], commit: Column<number>,
 *   dirty: Column<boolean>, branch: Column<number>, verdict: Column<string>}} Runs
 */
/**
 * @typedef {{target: string, model: string, engine: string, toolchain: string, optimize: string,
 *   anchor: string, runs: Runs, numbers: Record<string, Trend>}} Combination
 */
/**
 * @typedef {{commit_url: string, commits: string[], branches: string[],
 *   combinations: Combination[]}} ReportData
 */
/**
 * A run: its place in the list of its combination's runs.
 * @typedef {{combination: Combination, index: number}} Run
 */

/** @type {ReportData | undefined} */
let parsed;

/** Read the numbers; false if the browser is too old to decompress them (before 2023). */
async function readData() {
  if (typeof DecompressionStream === "undefined") return false;
  const text = document.getElementById("report-data")?.textContent ?? "";
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  parsed = await new Response(stream).json();
  return true;
}

/** @returns {ReportData} none before `readData` */
function reportData() {
  return parsed ?? { commit_url: "", commits: [], branches: [], combinations: [] };
}

/**
 * @template T
 * @param {Column<T>} column
 * @param {number} index
 * @returns {T}
 */
function at(column, index) {
  return Array.isArray(column) ? column[index] : column;
}

/** @param {Run} run */
function idOf({ combination, index }) {
  return combination.runs.id[index];
}

/**
 * @param {string} id
 * @returns {Run | undefined}
 */
function findRun(id) {
  return findWhere((runs, index) => runs.id[index] === id);
}

/**
 * The run that a link to `anchor` means.
 * @param {string} anchor
 */
function findAnchor(anchor) {
  return findWhere((runs, i) => (at(runs.anchor, i) ?? `run-${runs.id[i]}`) === anchor);
}

/**
 * @param {(runs: Runs, index: number) => boolean} matches
 * @returns {Run | undefined}
 */
function findWhere(matches) {
  for (const combination of reportData().combinations) {
    const index = combination.runs.id.findIndex((_, i) => matches(combination.runs, i));
    if (index >= 0) return { combination, index };
  }
  return undefined;
}

/**
 * The run's commit, as a link if the repository's pages are known; empty outside git.
 * @param {Run} run
 * @returns {(Node | string)[]}
 */
function commitOf({ combination: { runs }, index }) {
  const { commits, branches, commit_url: url } = reportData();
  const hash = commits[at(runs.commit, index)];
  if (!hash) return [];
  const code = element("code", {}, hash.slice(0, 10));
  const href = url.replace("{hash}", encodeURIComponent(hash));
  const branch = branches[at(runs.branch, index)];
  return [
    /^https?:\/\//.test(href) ? element("a", { href, rel: "noreferrer" }, code) : code,
    at(runs.dirty, index) ? " with changes" : "",
    branch ? ` on ${branch}` : "",
  ];
}

/**
 * The text of a number in a run with its unit and kind; empty if the run does not have it.
 * @param {Trend} trend
 * @param {number} index
 */
function valueText(trend, index) {
  const value = at(trend.value, index);
  if (value === null || value === undefined) return { text: "", kind: "" };
  const kind = at(trend.kind, index);
  const error = at(trend.error, index);
  const uncertain = error === null || error === undefined ? "" : `± ${significant(error * 100, 2)} %, `;
  return {
    text: (kind === "estimated" ? "≈ " : "") + quantity(value, at(trend.unit, index)),
    kind: kind === "exact" ? "" : uncertain + kind,
  };
}
