"""Side-by-side timings: both sides in the same process and the same minute, printed as ratios.

`python -m benchmarks` runs them all, `python -m benchmarks.forward` one.
"""
