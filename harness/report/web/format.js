// @ts-check
// Numbers and times as text, in the form that harness/measure/shown_number.py gives them.

/** @type {[number, string][]} */
const PREFIXES = [[1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"], [1e-12, "p"]];
const SCALED = new Set(["s", "J", "W", "A", "V"]);

/**
 * A value with its unit; counts in full, other values with `digits` digits.
 * @param {number} value
 * @param {string} unit
 */
function quantity(value, unit, digits = 4) {
  if (unit === "byte") return `${fixed(value, 0)} B`;
  if (unit === "Hz" && Math.abs(value) >= 1e3) return `${significant(value / 1e6, digits)} MHz`;
  if (SCALED.has(unit)) {
    const [scale, prefix] = PREFIXES.find(([size]) => Math.abs(value) >= size) ??
      PREFIXES[value ? PREFIXES.length - 1 : 0];
    return `${significant(value / scale, digits)} ${prefix}${unit}`;
  }
  const isCount = Number.isInteger(value) && Math.abs(value) > 1;
  const plain = isCount ? fixed(value, 0) : significant(value, digits);
  return unit === "1" ? plain : `${plain} ${unit}`;
}

/**
 * A share in percent with its sign: `+0.03 %`.
 * @param {number} share
 */
function percent(share) {
  if (!Number.isFinite(share)) return "from 0";
  let digits = 1;
  while (digits < 15 && Math.abs(share) < 10 ** -(digits + 1)) digits += 1;
  return `${share < 0 ? "" : "+"}${fixed(share * 100, digits)} %`;
}

/**
 * @param {number} value
 * @param {number} digits
 */
function significant(value, digits) {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const before = Math.floor(Math.log10(Math.abs(value))) + 1;
  return fixed(value, Math.max(0, Math.min(12, digits - before)));
}

/**
 * @param {number} value
 * @param {number} decimals
 */
function fixed(value, decimals) {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: decimals, maximumFractionDigits: decimals,
  });
}

/**
 * `2026-03-01 02:00`, in UTC.
 * @param {number} seconds since 1970
 */
function timeText(seconds) {
  return new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
}
