"""Many runs that belong together: sweeps, varied options, suites.

space.py             the search space: which values a hyperparameter can take
sweep_config.py      everything that a sweep was asked for, checked
oracle.py            keras-tuner's search algorithms, which propose trials
trials.py            the log of the trials, and their runs
sweep.py             a sweep from its start, or resumed, to its results
retrain.py           the best trial with new seeds
varied_option.py     one option and its values
multirun.py          runs that differ in one option, a seed or a fold
multirun_summary.py  their scores, and which differences are significant
suites.py            recipes that are reproduced together
jobs.py              one run in a process of its own
workers.py           several of these at once, on this machine
cluster.py           the same on a Ray cluster
cluster_checks.py    what a cluster must have before anything is trained
progress.py          what is printed meanwhile
plots.py             figures of a sweep for TensorBoard
"""
