"""protoc and flatc output; never edited, made by `make generate`."""
