// Ties topics to panels, and says how the line to the aggregator is.

import { $, dress, say } from "./dom.js";
import { clock, span } from "./format.js";
import { nowMs, setClock, tell } from "./news.js";
import { Stream } from "./stream.js";
import { takeBus, takeOpportunities, takePlans, takeProfit } from "./pipeline.js";
import { growOlder, setSizes, takePools, takeQuotes } from "./quotes.js";
import { takeLog, takeProcesses, takeSettings } from "./processes.js";
import { takeSwitch } from "./switch.js";

let build = "";
let heardMs = 0; // by the server's clock
let lostMs = 0;

const wantedSize = () => new URLSearchParams(location.search).get("size") ?? "";

function takeHello(content) {
  say($("version"), content.version);
  if (build !== "" && build !== content.build) showBanner("The aggregator serves another version of this page: load it again.");
  build ||= content.build;
  setSizes(content.sizes, wantedSize() === "" ? content.size : wantedSize(), (size) => {
    history.replaceState(null, "", `?size=${size}${location.hash}`);
    stream.open(size);
  });
}

function takePulse({ unixMs }) {
  setClock(unixMs);
  heardMs = unixMs;
  say($("vital-clock"), clock(unixMs));
}

function takeLine(state, why) {
  document.body.dataset.line = state;
  say($("vital-line"), state);
  dress($("vital-line"), state === "live" ? "good" : "bad");
  if (state === "lost") {
    lostMs = nowMs();
    takeSwitch({ state: "UNKNOWN", reason: "the page has lost the aggregator" });
    showBanner(`Connection lost: ${why}. ${heardMs ? `What is shown is as of ${clock(heardMs)}; ` : ""}trying again.`);
    tell(`Connection lost: ${why}`, { grave: true, tone: "bad" });
  } else {
    showBanner("");
    if (lostMs) tell(`Connected again after ${span((nowMs() - lostMs) / 1_000)}`, { tone: "good" });
  }
}

function showBanner(text) {
  $("banner").hidden = text === "";
  say($("banner"), text);
}

const stream = new Stream(
  {
    hello: takeHello,
    pulse: takePulse,
    quotes: takeQuotes,
    pools: takePools,
    bus: takeBus,
    opportunities: takeOpportunities,
    plans: takePlans,
    profit: takeProfit,
    processes: takeProcesses,
    log: takeLog,
    settings: takeSettings,
    switch: takeSwitch,
  },
  takeLine,
);
stream.open(wantedSize());
setInterval(growOlder, 500);
