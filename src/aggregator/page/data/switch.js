// The kill switch: what it is, and, with the token, what a person makes it. Asked twice; the token is forgotten at once.

import { $, make, say } from "./dom.js";
import { clock } from "./format.js";
import { Watch, tell } from "./news.js";

const WORDS = { ACTIVE: "Trading active", REDUCING: "Trading reducing", HALTED: "Trading halted", UNKNOWN: "Trading unknown" };
const VERBS = { HALTED: "Halt trading", REDUCING: "Stop new trades", ACTIVE: "Release trading" };
const dialog = $("dialog");
let current = { state: "UNKNOWN", reason: "" };
/** Rules for which the last release was refused, and those that the next one names. */
let triggering = [];
let forced = [];

const watch = new Watch((_, state) => tell(`${WORDS[state] ?? state}: ${current.reason}`, { grave: true, tone: state === "ACTIVE" ? "good" : "bad" }));

/** Topic `switch`. */
export function takeSwitch(content) {
  current = content;
  const { state, reason, actor, changedUnixMs } = content;
  $("switch").dataset.state = state;
  say($("switch-state"), WORDS[state] ?? state);
  const since = changedUnixMs ? `since ${clock(changedUnixMs)}` : "";
  const told = [reason, actor && `by ${actor}`, since].filter(Boolean).join(", ");
  say($("switch-why"), told);
  $("switch-why").title = told;
  document.title = `${state} · solquote`;
  watch.see("switch", state);
  if (dialog.open) say($("dialog-now"), `${WORDS[state] ?? state}: ${told}`);
}

function open() {
  $("dialog-form").reset();
  say($("dialog-now"), `${$("switch-state").textContent}: ${$("switch-why").textContent}`);
  const state = current.state === "HALTED" || current.state === "REDUCING" ? "ACTIVE" : "HALTED";
  document.querySelector(`input[name=state][value=${state}]`).checked = true;
  $("dialog-insecure").hidden = window.isSecureContext;
  ask();
  dialog.showModal();
  document.querySelector("input[name=state]:checked").focus();
}

/** The first step. */
function ask() {
  $("dialog-ask").hidden = false;
  $("dialog-confirm").hidden = true;
  $("dialog-back").hidden = true;
  say($("dialog-next"), "Continue");
  $("dialog-next").className = "primary";
  say($("dialog-answer"), "");
  refuse([]);
}

/** The second one; `rules` are those that a release names. */
function confirm(rules = []) {
  const { state, reason } = asked();
  forced = rules;
  $("dialog-ask").hidden = true;
  $("dialog-confirm").hidden = false;
  $("dialog-back").hidden = false;
  $("dialog-force").hidden = true;
  const although = rules.length ? `, although ${rules.join(", ")} ${rules.length === 1 ? "says" : "say"} stop` : "";
  say($("dialog-summary"), `${VERBS[state]}${although}${reason ? `: ${reason}` : ""}?`);
  say($("dialog-next"), rules.length ? "Release all the same" : VERBS[state]);
  $("dialog-next").className = state === "ACTIVE" ? "primary release" : "primary stop";
  say($("dialog-answer"), "");
  $("dialog-next").focus();
}

/** Show which rules keep trading from being released, each with its reason, and offer to name them. */
function refuse(rules) {
  triggering = rules.map(({ rule }) => rule);
  forced = [];
  $("dialog-rules").replaceChildren(...rules.map(({ rule, reason }) => make("li", "", `${rule}: ${reason}`)));
  $("dialog-rules").hidden = rules.length === 0;
  $("dialog-force").hidden = rules.length === 0;
}

function asked() {
  return {
    state: document.querySelector("input[name=state]:checked").value,
    reason: $("dialog-reason").value.trim(),
    person: $("dialog-person").value.trim(),
    token: $("dialog-token").value.trim(),
  };
}

async function send() {
  const body = { ...asked(), ...(forced.length ? { force: forced } : {}) };
  $("dialog-next").disabled = true;
  say($("dialog-answer"), "Asking the system manager …");
  try {
    const response = await fetch("/page/switch", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), cache: "no-store" });
    const answer = await response.json();
    if (response.ok && response.status === 200) {
      const stayed = answer.state !== body.state ? ` ${(answer.notes ?? []).join("; ")}` : "";
      tell(`The system manager has taken it: ${WORDS[answer.state] ?? answer.state}.${stayed}`, { tone: "good" });
      takeSwitch({ ...answer, changedUnixMs: Math.floor(answer.changedUnixNs / 1e6) });
      dialog.close();
    } else if (response.status === 409 && answer.rules?.length) {
      confirm(); // what is asked for next is the plain release again, until somebody wants more
      refuse(answer.rules);
      say($("dialog-answer"), "Trading is not released: rules say stop.");
      $("dialog-cancel").focus();
    } else {
      say($("dialog-answer"), answer.message ?? answer.error ?? `HTTP ${response.status}`);
    }
  } catch {
    say($("dialog-answer"), "Nobody answered: it is not known whether it was heard. `solquote kill` on the machine itself goes by the bus, too.");
  } finally {
    $("dialog-next").disabled = false;
  }
}

$("switch-open").addEventListener("click", open);
$("dialog-cancel").addEventListener("click", () => dialog.close());
$("dialog-back").addEventListener("click", () => {
  ask();
  $("dialog-token").focus();
});
$("dialog-force").addEventListener("click", () => confirm(triggering));
dialog.addEventListener("close", () => {
  $("dialog-form").reset();
  $("switch-open").focus();
});
$("dialog-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if ($("dialog-confirm").hidden) confirm();
  else send();
});
