// Every process, the newest lines of its log, and the settings.

import { $, Rows, cell, dress, make, say } from "./dom.js";
import { clock, number, span } from "./format.js";
import { Watch, tell } from "./news.js";

const STATE_TONES = { healthy: "good", unhealthy: "bad", restarting: "bad", stopped: "bad", stopping: "warn", starting: "warn", waiting: "dim" };
const LEVEL_TONES = { warning: "warn", error: "bad", critical: "bad", debug: "dim" };

let chosen = "";
let settings = { isWhole: false, settings: [] };
const lines = new Map();
const rows = new Rows(
  $("processes-rows"),
  [{ head: true, make: nameButton }, {}, { n: true }, { n: true }, { n: true }, {}, {}],
  "not told yet",
);
const settingRows = new Rows($("settings-rows"), [{ head: true }, {}, {}], "nothing fits");
const states = new Watch((name, state, was) =>
  tell(`${name} is ${state}, was ${was}`, { grave: ["unhealthy", "restarting", "stopped"].includes(state), tone: STATE_TONES[state] ?? "" }));
const restarts = new Watch((name, count) => tell(`${name} was restarted, ${count} in all`, { tone: "warn" }));
const supervision = new Watch((_, state) => tell(`the supervisor ${state}`, { grave: true, tone: state === "tells" ? "good" : "bad" }));

function nameButton(element) {
  const button = make("button", "link");
  button.type = "button";
  button.addEventListener("click", () => {
    chosen = button.textContent;
    showLog();
    markChosen();
  });
  element.append(button);
}

/** Topic `processes`. */
export function takeProcesses(content) {
  const { processes } = content;
  supervision.see("supervisor", !content.isSupervised ? "is gone" : content.isOld ? "is silent" : "tells");
  if (chosen === "" && processes.length > 0) chosen = processes.find((each) => each.process === "aggregator")?.process ?? processes[0].process;
  rows.show(processes, (cells, process) => {
    say(cells[0].firstChild, process.process);
    cell(cells[1], process.state, { tone: `state ${STATE_TONES[process.state] ?? ""}` });
    cell(cells[2], process.pid ?? "–", { n: true });
    cell(cells[3], span(process.uptimeS ?? NaN), { n: true });
    cell(cells[4], number(process.restartCount, 0), { n: true, tone: process.restartCount ? "warn" : "" });
    cell(cells[5], process.address || "–", { tone: "dim", title: process.address });
    cell(cells[6], process.status, { title: process.status });
    states.see(process.process, process.state);
    restarts.see(process.process, process.restartCount);
  });
  markChosen();
  const healthy = processes.filter((process) => process.state === "healthy").length;
  const isBad = content.isOld || healthy < processes.length;
  say($("vital-processes"), !content.isSupervised ? "not supervised" : content.isOld ? "supervisor silent" : `${healthy} / ${processes.length} healthy`);
  dress($("vital-processes"), isBad ? "bad" : content.isSupervised ? "" : "dim");
  say($("processes-note"), content.isSupervised
    ? content.isOld ? "the supervisor is silent: this is how things were" : `supervisor ${content.pid}`
    : "no supervisor runs with this data folder: this aggregator was started by itself");
  dress($("processes-note"), content.isOld ? "note bad" : "note");
  showLog();
}

function markChosen() {
  for (const row of rows.rows) {
    const button = row.cells[0].firstChild;
    const isChosen = String(button.textContent === chosen);
    if (button.getAttribute("aria-pressed") !== isChosen) button.setAttribute("aria-pressed", isChosen);
    row.classList.toggle("chosen", isChosen === "true");
  }
}

/** Topic `log`. */
export function takeLog(content) {
  lines.set(content.process, content.lines);
  if (content.process === chosen) showLog();
}

function showLog() {
  say($("log-title"), chosen ? `Log of ${chosen}` : "Log");
  const list = $("log-lines");
  const wanted = lines.get(chosen) ?? [];
  const box = list.parentElement;
  const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 4;
  while (list.children.length < wanted.length) {
    const line = make("li");
    line.append(make("time"), " ", make("b"), " ", make("span"));
    list.append(line);
  }
  [...list.children].forEach((line, index) => {
    line.hidden = index >= wanted.length;
    if (line.hidden) return;
    const told = wanted[index];
    const [time, event, rest] = line.children;
    say(time, clock(told.unixMs));
    say(event, told.event);
    say(rest, told.rest);
    dress(line, LEVEL_TONES[told.level] ?? "");
  });
  if (isAtEnd) box.scrollTop = box.scrollHeight;
}

/** Topic `settings`. */
export function takeSettings(content) {
  settings = content;
  showSettings();
}

function showSettings() {
  const find = $("settings-find").value.trim().toLowerCase();
  const isChangedOnly = $("settings-changed").checked && find === "";
  const wanted = settings.settings.filter((each) =>
    isChangedOnly ? each.origin !== "" : `${each.variable} ${each.value} ${each.description}`.toLowerCase().includes(find));
  settingRows.show(wanted, (cells, each) => {
    cell(cells[0], each.variable, { tone: "mono", title: each.description });
    cell(cells[1], each.value || "unset", { tone: each.value ? "mono" : "dim", title: each.value });
    cell(cells[2], each.origin === each.variable ? "environment" : each.origin || "default", { tone: "dim", title: each.origin });
  });
  const all = settings.settings.length;
  say($("settings-note"), `${wanted.length} of ${all}${settings.isWhole || all === 0 ? "" : "; of this process only"}`);
}

$("settings-find").addEventListener("input", showSettings);
$("settings-changed").addEventListener("change", showSettings);
