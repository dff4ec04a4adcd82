"""Parts of one run put into another: patching, paths, ablation, and the engine that makes them fast and exact."""
