// The one connection: server-sent events, made again for as long as it takes, and watched for silence.

const SILENT_MS_MAX = 5_000;
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 5_000;

/** Follows the topics, and tells how the line is: connecting, live, lost. */
export class Stream {
  /**
   * @param topics {name: what to do with its content}.
   * @param onLine Told the line's state, and why.
   */
  constructor(topics, onLine) {
    this.topics = topics;
    this.onLine = onLine;
    this.retryMs = RETRY_MS_MIN;
    this.size = "";
    this.state = "connecting";
    setInterval(() => this.#lookForSilence(), 1_000);
  }

  /** Connect, now, for quotes of this size; empty = the usual one. */
  open(size = this.size) {
    this.size = size;
    this.source?.close();
    clearTimeout(this.retry);
    const source = new EventSource(size === "" ? "/page/live" : `/page/live?size=${encodeURIComponent(size)}`);
    this.source = source;
    this.heardMs = performance.now();
    for (const [name, take] of Object.entries(this.topics)) {
      source.addEventListener(name, (event) => {
        if (source !== this.source) return;
        this.heardMs = performance.now();
        this.retryMs = RETRY_MS_MIN;
        this.#become("live", "");
        take(JSON.parse(event.data));
      });
    }
    source.addEventListener("error", () => source === this.source && this.#lost("the aggregator does not answer"));
  }

  #lost(why) {
    this.source.close();
    this.#become("lost", why);
    this.retry = setTimeout(() => this.open(), this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MS_MAX);
    this.heardMs = Infinity;
  }

  #lookForSilence() {
    if (performance.now() - this.heardMs > SILENT_MS_MAX) this.#lost("the aggregator is silent");
  }

  #become(state, why) {
    if (state === this.state) return;
    this.state = state;
    this.onLine(state, why);
  }
}
