// Quotes of every pair, and the pools behind them.

import { $, Rows, cell, dress, make, say } from "./dom.js";
import { Spark } from "./chart.js";
import { age, amount, key, number, price, signed } from "./format.js";
import { SlowWatch, tell } from "./news.js";

const DECISIONS = ["skip", "cautious", "verify", "execute"];
const DECISION_TONES = { execute: "good", verify: "", cautious: "warn", skip: "bad" };
const SAMPLE_MS = 1_000;

let shown = { pairs: [] };
let takenMs = 0;
let sampledMs = 0;
let pools = { pools: [], error: "" };
const sparks = [];
const before = new Map();

const quoteRows = new Rows(
  $("quotes-rows"),
  [
    { head: true }, { n: true }, { n: true }, { n: true },
    { make: (element) => sparks.push(new Spark(element)) },
    { n: true }, { n: true }, {}, { n: true }, {}, {},
  ],
  "no quotes yet",
);
const poolRows = new Rows($("pools-rows"), [{ head: true }, {}, {}, {}, { n: true }, { n: true }, { n: true }, { n: true }, {}], "no pools yet");
const watch = new SlowWatch(
  (_, state) => tell(state === "" ? "all quotes are fresh again" : `no fresh quote of ${state}`, { tone: state === "" ? "good" : "warn" }),
  3_000,
);

/** The sizes a person may choose from. */
export function setSizes(sizes, size, onSize) {
  const select = $("size");
  if (select.options.length !== sizes.length) {
    select.replaceChildren(...sizes.map((each, index) => {
      const option = make("option", "", `${amount(each)} SOL`);
      option.value = String(index);
      return option;
    }));
    select.addEventListener("change", () => {
      for (const spark of sparks) spark.clear();
      onSize(select.value);
    });
  }
  select.value = String(size);
}

/** Topic `quotes`. */
export function takeQuotes(content) {
  const isFirst = shown.pairs.length === 0;
  shown = content;
  takenMs = performance.now();
  $("size").value = String(content.size);
  if (isFirst) fillPairs(content.pairs);
  showQuotes();
  if (takenMs - sampledMs >= SAMPLE_MS) {
    sampledMs = takenMs;
    content.pairs.forEach((pair, index) => sparks[index].add(pair.spreadBps));
  }
  const stale = content.pairs.filter((pair) => !isFresh(pair.bid) || !isFresh(pair.ask));
  const served = content.pairs.filter((pair) => pair.bid?.price || pair.ask?.price).length;
  const fresh = content.pairs.length - stale.length;
  say($("vital-quotes"), `${fresh} / ${content.pairs.length} fresh`);
  dress($("vital-quotes"), fresh === 0 ? "bad" : fresh < served ? "warn" : "");
  watch.see("stale", stale.filter((pair) => pair.bid?.isStale || pair.ask?.isStale).map((pair) => pair.pair).join(", "));
  showPools();
}

function isFresh(leg) {
  return Boolean(leg?.price) && !leg.isStale;
}

/** Topic `pools`. */
export function takePools(content) {
  pools = content;
  showPools();
}

/** Ages go on, also while nothing comes. */
export function growOlder() {
  showQuotes();
}

function showQuotes() {
  const sinceMs = performance.now() - takenMs;
  quoteRows.show(shown.pairs, (cells, pair, row) => {
    const { bid, ask } = pair;
    const legs = [bid, ask].filter((leg) => leg?.price);
    const weaker = legs.reduce((weak, leg) => (weak === null || leg.confidence < weak.confidence ? leg : weak), null);
    const decision = legs.length ? DECISIONS[Math.min(...legs.map((leg) => DECISIONS.indexOf(leg.decision)))] : "";
    const isStale = legs.some((leg) => leg.isStale);
    const mid = bid?.price && ask?.price ? (bid.price + ask.price) / 2 : NaN;
    const off = pair.oraclePrice && mid ? (mid / pair.oraclePrice - 1) * 1e4 : NaN;
    const why = (leg) => leg?.refusal ?? "";
    dress(row, isStale ? "stale" : legs.length ? "" : "none");
    cell(cells[0], pair.pair, { title: pair.amount === null ? "" : `${amount(pair.amount)} ${pair.pair.split("/")[0]}` });
    moved(cells[1], `${pair.pair} bid`, bid?.price, why(bid));
    moved(cells[2], `${pair.pair} ask`, ask?.price, why(ask));
    cell(cells[3], signed(pair.spreadBps ?? NaN, 1), { n: true, tone: pair.spreadBps < 0 ? "good strong" : "" });
    cell(cells[5], signed(off, 1), { n: true, tone: Math.abs(off) >= 100 ? "warn" : "" });
    cell(cells[6], weaker ? number(weaker.confidence, 3) : "–", { n: true, title: weaker?.caps.length ? `capped: ${weaker.caps.join(", ")}` : "" });
    cell(cells[7], decision || (legs.length ? "" : "no quote"), { tone: DECISION_TONES[decision] ?? "dim", title: why(bid) || why(ask) });
    cell(cells[8], legs.length ? age(Math.max(...legs.map((leg) => leg.ageMs)) + sinceMs) : "–", { n: true, tone: isStale ? "bad" : "" });
    through(cells[9], bid);
    through(cells[10], ask);
  });
}

/** A price, with a tint that says whether it rose or fell; the tint stays for a moment and fades. */
function moved(element, name, value, why) {
  const text = price(value ?? NaN);
  const was = before.get(name);
  if (element.textContent !== text) {
    before.set(name, { value, atMs: performance.now(), way: was && value > was.value ? "rose" : was && value < was.value ? "fell" : "" });
  }
  const last = before.get(name);
  const way = last && performance.now() - last.atMs < 700 ? last.way : "";
  cell(element, text, { n: true, tone: `px ${way}`, title: why });
}

function through(element, leg) {
  if (!leg?.price) {
    cell(element, "–", { tone: "dim" });
    return;
  }
  const hops = leg.route.map((hop) => hop.protocol).join(" + ");
  const whole = leg.route.map((hop) => `${hop.protocol} ${hop.poolId}`).join(", ");
  cell(element, leg.source === "local" ? hops : `${hops} (${leg.source})`, { title: `${leg.source} through ${whole}; impact ${(leg.impactFraction * 100).toFixed(4)} %, slot ${leg.slot}` });
}

function fillPairs(pairs) {
  const select = $("pools-pair");
  select.append(...pairs.map((pair) => {
    const option = make("option", "", pair.pair);
    option.value = pair.pair;
    return option;
  }));
  select.addEventListener("change", showPools);
}

function showPools() {
  const only = $("pools-pair").value;
  const best = new Map();
  for (const { pair, bid, ask } of shown.pairs) {
    for (const [name, leg] of [["bid", bid], ["ask", ask]]) {
      for (const hop of leg?.route ?? []) {
        const names = best.get(hop.poolId) ?? [];
        best.set(hop.poolId, [...names, name]);
      }
    }
  }
  const wanted = pools.pools.filter((pool) => only === "" || pool.pair === only);
  poolRows.show(wanted, (cells, pool, row) => {
    dress(row, pool.isStale ? "stale" : pool.refusal ? "none" : best.has(pool.poolId) ? "best" : "");
    cell(cells[0], pool.pair);
    cell(cells[1], (best.get(pool.poolId) ?? []).join(" "), { tone: "good" });
    cell(cells[2], pool.protocol, { title: pool.refusal });
    cell(cells[3], key(pool.poolId), { tone: "mono", title: pool.poolId });
    cell(cells[4], price(pool.price), { n: true });
    cell(cells[5], number(pool.feeFraction * 1e4, 1), { n: true });
    cell(cells[6], amount(pool.depthBase), { n: true, title: `${amount(pool.depthQuote)} ${pool.pair.split("/")[1]} the other way` });
    cell(cells[7], age(pool.ageMs), { n: true, tone: pool.isStale ? "bad" : "" });
    cell(cells[8], pool.refusal ? "refuses" : pool.provenance || "–", { tone: pool.refusal ? "bad" : "dim", title: pool.refusal });
  });
  say($("pools-note"), pools.error || `${wanted.length} pools`);
  dress($("pools-note"), pools.error ? "note bad" : "note");
}

