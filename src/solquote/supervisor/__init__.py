"""Starts the platform's processes in order of need, watches them, restarts what fails and ends all together.

`lifecycle` and `processes` are values and decisions; `child`, `notify`, `nats_server` and `run` touch the world;
`display` only looks.
"""
