"""Benchmarks: ours and the peers' time in one interleaved run. `python -m benchmarks --help` lists them."""
