"""HTTP as every process serves it, its metrics at least: without gRPC, which not every process needs."""
