"""What the service promises, measured on the running service: `python benchmarks/promises`."""
