"""Runs on another data set than their own: does a score hold elsewhere?

As Recht, Roelofs, Schmidt and Shankar 2019, "Do ImageNet classifiers
generalize to ImageNet?", arXiv:1902.10811, ask it of new test sets: the
original score and the new one, and the drop between them with its interval.
"""
