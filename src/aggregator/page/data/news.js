// What has become another state: told once, to eyes in a list and to a screen reader in words.

import { $, make } from "./dom.js";
import { clock } from "./format.js";

const CHANGES_MAX = 60;
let offsetMs = 0;

/** Take the server's time as ours: changes are dated by it. */
export function setClock(unixMs) {
  offsetMs = unixMs - Date.now();
}

/** The server's time now. */
export function nowMs() {
  return Date.now() + offsetMs;
}

/** Tell of a change; `grave` interrupts a screen reader. */
export function tell(sentence, { grave = false, tone = "" } = {}) {
  const line = make("li", tone);
  line.append(make("time", "", clock(nowMs())), " ", make("span", "", sentence));
  const list = $("changes");
  list.prepend(line);
  while (list.children.length > CHANGES_MAX) list.lastChild.remove();
  const region = $(grave ? "assertive" : "polite");
  region.append(make("p", "", sentence));
  while (region.children.length > 4) region.firstChild.remove();
}

/** Tells when the text of something is another one; of the first one it says nothing. */
export class Watch {
  constructor(say) {
    this.say = say;
    this.was = new Map();
  }

  /** What `name` is now. */
  see(name, state) {
    const before = this.was.get(name);
    this.was.set(name, state);
    if (before !== undefined && before !== state) this.say(name, state, before);
  }
}

/** The same for what wavers: a state counts once it has lasted. */
export class SlowWatch extends Watch {
  constructor(say, lastsMs) {
    super(say);
    this.lastsMs = lastsMs;
    this.since = new Map();
  }

  see(name, state) {
    const seen = this.since.get(name);
    if (seen?.state !== state) this.since.set(name, { state, atMs: performance.now() });
    else if (performance.now() - seen.atMs >= this.lastsMs) super.see(name, state);
  }
}
