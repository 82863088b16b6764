"""The web page at `/`: what the platform knows, for whoever looks at it; nothing is done while nobody does.

| module     | is                                                                                  |
|------------|-------------------------------------------------------------------------------------|
| `server`   | the routes, and the work behind them while somebody watches                         |
| `board`    | each topic's newest text, made once for all viewers; a slow viewer skips            |
| `guard`    | which requests are the page's own                                                   |
| `assets`   | the files in `data`, and the headers they go out with                               |
| `quotes`   | topics `quotes` and `pools`, from the aggregator's own table and the local service  |
| `pipeline` | topics `bus`, `opportunities`, `plans`, `profit`, from the streams of the bus       |
| `processes`| topics `processes`, `log:NAME`, `settings`, from the supervisor's files             |
| `switch`   | topic `switch`, and what a person tells it, both through the system manager         |
"""
