"""One module a command: reads its arguments, asks who knows, prints the answer."""
