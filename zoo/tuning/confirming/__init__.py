"""What comes after the last trial: is the best one as good as it seems?

The best trial is trained again with seeds that no trial had, and beside it
the model's default recipe with the same seeds. Both are groups of ordinary
runs, `runs/SWEEP/winner` and `runs/SWEEP/default`.
"""
