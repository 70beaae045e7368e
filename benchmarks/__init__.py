"""Figures, never assertions on time: `make bench`, or `python -m benchmarks --only gy`.

Each module here may register benchmarks by name (`harness.benchmark`); they run one after
another, and what they measured is merged into build/bench.json.
"""
