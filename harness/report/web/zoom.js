// @ts-check
// What moves and zooms a chart besides a mouse: buttons, keys, fingers.

/**
 * Show `factor` of what is shown now, around the point under the cursor.
 * @param {any} plot
 * @param {number} factor
 */
function zoom(plot, factor) {
  const { min, max } = plot.scales.x;
  const around = plot.data[0][plot.cursor.idx ?? -1] ?? (min + max) / 2;
  const share = (around - min) / (max - min);
  showBetween(plot, around - share * (max - min) * factor, around + (1 - share) * (max - min) * factor);
}

/** @param {any} plot */
function showAll(plot) {
  const times = plot.data[0];
  plot.setScale("x", { min: times[0], max: times[times.length - 1] });
}

/**
 * @param {any} plot
 * @param {number} min
 * @param {number} max
 */
function showBetween(plot, min, max) {
  const times = plot.data[0];
  const [first, last] = [times[0], times[times.length - 1]];
  const span = Math.max(60, Math.min(max - min, last - first)); // at least a minute
  const from = Math.max(first, Math.min(min, last - span));
  plot.setScale("x", { min: from, max: from + span });
}

/**
 * Put the cursor on a point, and move the chart if it is out of sight.
 * @param {any} plot
 * @param {number} index
 */
function pointAt(plot, index) {
  const times = plot.data[0];
  const to = Math.max(0, Math.min(times.length - 1, index));
  const { min, max } = plot.scales.x;
  const time = times[to];
  if (time < min) showBetween(plot, time, time + max - min);
  if (time > max) showBetween(plot, time - (max - min), time);
  plot.setCursor({ left: plot.valToPos(time, "x"), top: plot.over.clientHeight / 2 });
}

/**
 * @param {any} plot
 * @param {HTMLElement} frame has the keyboard's focus
 * @param {() => number} shown returns the point that is shown
 * @param {(index: number) => void} open shows the run of a point
 */
function listenToKeys(plot, frame, shown, open) {
  /** @type {Record<string, (index: number) => void>} */
  const actions = {
    ArrowLeft: (index) => pointAt(plot, index - 1),
    ArrowRight: (index) => pointAt(plot, index + 1),
    Home: () => pointAt(plot, 0),
    End: () => pointAt(plot, Infinity),
    "+": () => zoom(plot, 0.5),
    "-": () => zoom(plot, 2),
    0: () => showAll(plot),
    Enter: open,
  };
  frame.addEventListener("keydown", (event) => {
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey || event.target !== frame) return;
    event.preventDefault();
    action(shown());
  });
}

/**
 * A mouse opens the run of a point with a click. A finger first shows the point; two zoom.
 * @param {any} plot
 * @param {() => void} open shows the run of the point under the cursor
 */
function listenToPointers(plot, open) {
  const { over } = plot;
  /** @type {Map<number, PointerEvent>} */
  const fingers = new Map();
  let pressed = { x: 0, type: "mouse" };
  const left = (/** @type {PointerEvent} */ event) => event.clientX - over.getBoundingClientRect().left;
  over.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    pressed = { x: event.clientX, type: event.pointerType };
    if (event.pointerType === "mouse") return;
    fingers.set(event.pointerId, event);
    plot.setCursor({ left: left(event), top: over.clientHeight / 2 });
  });
  over.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const other = [...fingers.values()].find(({ pointerId }) => pointerId !== event.pointerId);
    if (other) {
      const [old, now] = [before, event].map((each) => Math.abs(left(each) - left(other)));
      if (old > 10 && now > 10) zoom(plot, old / now);
    } else {
      plot.setCursor({ left: left(event), top: over.clientHeight / 2 });
    }
    fingers.set(event.pointerId, event);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    over.addEventListener(end, (/** @type {PointerEvent} */ event) => fingers.delete(event.pointerId));
  }
  over.addEventListener("click", (/** @type {MouseEvent} */ event) => {
    const moved = Math.abs(event.clientX - pressed.x) > 3; // it chose what to zoom in on
    if (pressed.type === "mouse" && !moved) open();
  });
}
