// Findings, plans, endings and profit, as the bus has them.

import { $, Rows, cell, dress, make, say } from "./dom.js";
import { Curve } from "./chart.js";
import { amount, clock, number, signed, sol, span, tone } from "./format.js";
import { Watch, tell } from "./news.js";

const OUTCOME_TONES = { filled: "good", missed: "warn", failed: "bad", refused: "dim", abandoned: "dim" };

const n = { n: true };
const findings = new Rows($("opportunities-rows"), [{}, { head: true }, {}, n, n, n, n], "nothing found yet");
const plans = new Rows($("plans-rows"), [{}, { head: true }, n, n, n, n, {}], "no plan yet");
const trades = new Rows($("trades-rows"), [{}, { head: true }, {}, n, n, n, n, {}], "no trade yet");
const rejected = new Rows($("rejected-rows"), [{ head: true }, n], "none");
const notFilled = new Rows($("not-filled-rows"), [{ head: true }, n], "none");
const curve = new Curve($("curve"));
const bus = new Watch((_, isConnected) =>
  tell(isConnected ? "the event bus is connected" : "the event bus is lost; quotes go on", { grave: !isConnected, tone: isConnected ? "good" : "bad" }));

/** Topic `bus`. */
export function takeBus({ isConnected, reason }) {
  say($("vital-bus"), isConnected ? "connected" : "away");
  dress($("vital-bus"), isConnected ? "" : "bad");
  $("vital-bus").title = reason;
  document.body.dataset.bus = isConnected ? "up" : "away";
  bus.see("bus", isConnected);
  for (const id of ["opportunities-note", "plans-note", "trades-note", "profit-note"]) {
    if (!isConnected) {
      say($(id), reason);
      dress($(id), "note bad");
    } else if ($(id).className !== "note") {
      say($(id), "");
      dress($(id), "note");
    }
  }
}

const pairName = (pair) => pair.replace("-", "/"); // a subject's token has no slash

const isUp = () => document.body.dataset.bus === "up";

/** Topic `opportunities`. */
export function takeOpportunities({ total, items }) {
  findings.show(items, (cells, item) => {
    cell(cells[0], clock(item.unixMs), { tone: "dim" });
    cell(cells[1], pairName(item.pair));
    cell(cells[2], item.kind);
    cell(cells[3], `${amount(item.amount ?? NaN)} ${item.token}`, n);
    cell(cells[4], signed(item.grossBps, 0), n);
    cell(cells[5], item.profitLamports === null ? "–" : sol(item.profitLamports), { n: true, tone: tone(item.profitLamports) });
    cell(cells[6], number(item.confidence, 3), n);
  });
  if (isUp()) say($("opportunities-note"), `${number(total, 0)} on the stream`);
}

/** Topic `plans`. */
export function takePlans(content) {
  plans.show(content.plans, (cells, plan) => {
    cell(cells[0], clock(plan.unixMs), { tone: "dim" });
    cell(cells[1], pairName(plan.pair));
    cell(cells[2], amount(plan.amountLamports / 1e9), n);
    cell(cells[3], sol(plan.profitLamports, 4), { n: true, tone: tone(plan.profitLamports) });
    cell(cells[4], number(plan.confidence, 3), n);
    cell(cells[5], number(plan.risk, 2), n);
    cell(cells[6], plan.outcome || "open", { tone: OUTCOME_TONES[plan.outcome] ?? "dim" });
  });
  trades.show(content.trades, (cells, trade) => {
    cell(cells[0], clock(trade.unixMs), { tone: "dim" });
    cell(cells[1], pairName(trade.pair));
    cell(cells[2], trade.outcome, { tone: OUTCOME_TONES[trade.outcome] ?? "", title: trade.mode });
    cell(cells[3], amount(trade.amountLamports / 1e9), n);
    cell(cells[4], sol(trade.expectedLamports, 4), n);
    const isSent = trade.outcome !== "refused" && trade.outcome !== "abandoned";
    cell(cells[5], isSent ? sol(trade.profitLamports, 4) : "–", { n: true, tone: isSent ? tone(Math.trunc(trade.profitLamports / 5e4)) : "dim" });
    cell(cells[6], trade.tookMs < 1_000 ? `${trade.tookMs} ms` : `${(trade.tookMs / 1_000).toFixed(1)} s`, n);
    cell(cells[7], trade.reason, { tone: "dim", title: trade.reason });
  });
  rejected.show(content.rejected, showReason);
  notFilled.show(content.notFilled, showReason);
  if (isUp()) {
    say($("plans-note"), `${content.plans.length} newest`);
    say($("trades-note"), `${content.trades.length} newest, ${content.trades[0]?.mode ?? "paper"}`);
  }
}

function showReason(cells, { reason, count }) {
  cell(cells[0], reason.replaceAll("_", " "), { title: reason });
  cell(cells[1], number(count, 0), n);
}

/** Topic `profit`. */
export function takeProfit({ account, curve: points }) {
  if (account === null) {
    figures([["Net P&L", "–", ""]]);
    curve.show([], {});
    return;
  }
  const now = points.at(-1)?.[1] ?? account.profitLamports;
  const peak = Math.max(0, ...points.map(([, value]) => value));
  const tried = account.filledCount + account.missedCount + account.failedCount;
  figures([
    ["Net P&L", `${sol(account.profitLamports)} SOL`, tone(account.profitLamports)],
    ["Today, UTC", sol(account.dayProfitLamports), tone(account.dayProfitLamports)],
    ["Drawdown now", sol(Math.min(0, now - peak), 4), tone(Math.trunc((now - peak) / 5e4))],
    ["Drawdown max", `${sol(-account.maxDrawdownLamports, 4).trim()} / ${number(account.maxDrawdownFraction * 100, 2)} %`, tone(Math.trunc(-account.maxDrawdownLamports / 5e4))],
    ["Trades", number(tried, 0), ""],
    ["Filled / missed / failed", `${account.filledCount} / ${account.missedCount} / ${account.failedCount}`, ""],
    ["Won of the filled", account.filledCount ? `${number((100 * account.winCount) / account.filledCount, 0)} %` : "–", ""],
    ["Refused plans", number(account.refusedCount, 0), ""],
    ["Average a fill", sol(Math.round(account.averageProfitLamports)), tone(account.averageProfitLamports)],
    ["Expected of fills", sol(account.expectedProfitLamports), ""],
    ["Fees and tips", sol(-account.feeLamports), ""],
    ["Sharpe, per fill", account.sharpeRatio ? number(account.sharpeRatio, 2) : "–", ""],
    ["Sortino, per fill", account.sortinoRatio ? number(account.sortinoRatio, 2) : "–", ""],
    ["At stake, on average", tried ? `${number(account.averageExposureLamports / 1e9, 3)} SOL` : "–", ""],
    ["At stake, at most", tried ? `${number(account.largestAmountLamports / 1e9, 3)} SOL` : "–", ""],
    [`In USD, of ${number(account.pricedTradeCount, 0)} priced`, account.pricedTradeCount ? number(account.profitMicroUsd / 1e6, 2) : "–", tone(account.profitMicroUsd)],
  ]);
  curve.show(points, { value: (lamports, step) => number(lamports / 1e9, Math.max(0, -Math.floor(Math.log10(step / 1e9)))), time: clock });
  const values = points.map(([, value]) => value);
  const over = points.length ? span((points.at(-1)[0] - points[0][0]) / 1_000) : "";
  $("curve").setAttribute("aria-label", points.length
    ? `Profit and loss over ${over}: from ${sol(values[0], 3)} to ${sol(values.at(-1), 3)} SOL, lowest ${sol(Math.min(...values), 3)}, highest ${sol(Math.max(...values), 3)}`
    : "Profit and loss: nothing yet");
  say($("vital-profit"), `${sol(account.profitLamports, 4)} SOL`);
  dress($("vital-profit"), tone(account.profitLamports));
  if (isUp()) say($("profit-note"), account.runId ? `run ${account.runId}` : "");
}

function figures(pairs) {
  const list = $("profit-figures");
  while (list.children.length < pairs.length) {
    const box = make("div");
    box.append(make("dt"), make("dd"));
    list.append(box);
  }
  pairs.forEach(([name, value, dressed], index) => {
    const [term, told] = list.children[index].children;
    say(term, name);
    say(told, value.trim()); // no room for a sign where nothing stands below
    dress(told, dressed);
  });
}
