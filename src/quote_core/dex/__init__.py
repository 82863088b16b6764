"""Pool math: exact, pure, no I/O. `pool` is the interface, one module or package a DEX, `programs` the directory."""
