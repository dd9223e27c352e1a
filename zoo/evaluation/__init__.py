"""Evaluation of finished runs, from their folders alone.

evaluate.py       metrics of a run's saved model on one split of its data
misclassified.py  the misclassified examples with the largest losses
compare.py        several runs on the same validation examples
external.py       a run on another dataset than its own
new_accuracy.py   original against new accuracy of many runs
statistics.py     seeds of one config, and tests of differences
test_set.py       test images, and the log of evaluations on them
text.py           what `zoo evaluate` prints
landscape/        the loss as a function of the weights
"""
