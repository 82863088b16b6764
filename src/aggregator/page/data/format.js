// Numbers as traders read them: a fixed number of places in a column, so that digits stand below each other.

const DASH = "–";

const grouped = (places) => new Intl.NumberFormat("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
const PLACES = Array.from({ length: 13 }, (_, places) => grouped(places));

/** A number with so many places; a dash when there is none. */
export function number(value, places) {
  return Number.isFinite(value) ? PLACES[places].format(value) : DASH;
}

/** The same with its sign; a true minus, as wide as the plus. */
export function signed(value, places) {
  if (!Number.isFinite(value)) return DASH;
  const text = PLACES[places].format(Math.abs(value));
  if (Number(text.replaceAll(",", "")) === 0) return `\u2007${text}`;
  return (value < 0 ? "\u2212" : "+") + text;
}

/** Six significant digits, never as an exponent. */
export function price(value) {
  if (!Number.isFinite(value)) return DASH;
  const magnitude = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  return PLACES[Math.min(12, Math.max(0, 5 - magnitude))].format(value);
}

/** Whole tokens: as many places as tell something. */
export function amount(value) {
  if (!Number.isFinite(value)) return DASH;
  const size = Math.abs(value);
  return PLACES[size >= 10_000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 4].format(value);
}

/** Lamports as SOL. */
export function sol(lamports, places = 6) {
  return lamports === null || lamports === undefined ? DASH : signed(lamports / 1e9, places);
}

/** Milliseconds in the unit that fits. */
export function age(ms) {
  if (!Number.isFinite(ms)) return DASH;
  if (ms >= 9e9) return "never";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 100_000) return `${(ms / 1_000).toFixed(1)} s`;
  return span(ms / 1_000);
}

/** Seconds as the two largest units. */
export function span(seconds) {
  if (!Number.isFinite(seconds)) return DASH;
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} m ${String(whole % 60).padStart(2, "0")} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3_600)} h ${String(Math.floor(whole / 60) % 60).padStart(2, "0")} m`;
  return `${Math.floor(whole / 86_400)} d ${String(Math.floor(whole / 3_600) % 24).padStart(2, "0")} h`;
}

/** Time of day, UTC. */
export function clock(unixMs) {
  return Number.isFinite(unixMs) && unixMs > 0 ? new Date(unixMs).toISOString().slice(11, 19) : DASH;
}

/** An address shortened for a table. */
export function key(text) {
  return text.length <= 12 ? text : `${text.slice(0, 4)}..${text.slice(-4)}`;
}

/** Which colour a signed number has. */
export function tone(value) {
  return value > 0 ? "good" : value < 0 ? "bad" : "";
}
