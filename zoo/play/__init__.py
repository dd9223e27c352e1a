"""`zoo play`: a page on which a small network trains before one's eyes.

Points in the plane, the options of `mlp` as controls, the decision boundary
and the hidden units while they are learned. Every change is an ordinary run,
shown as the command that repeats it.
"""
