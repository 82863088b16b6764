"""What two or more services share: values, errors, settings, pool math, and the edges to chain, bus and gRPC."""
