"""The clients' API: local and external quotes merged, scored, written to shared memory and streamed."""
