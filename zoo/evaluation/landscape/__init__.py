"""The loss of a finished run as a function of its weights.

Along the straight path from its first weights to its last (Goodfellow,
Vinyals and Saxe 2014, "Qualitatively characterizing neural network
optimization problems", arXiv 1412.6544), and along a line and over a plane of
random directions whose filters are as long as those of the weights (Li, Xu,
Taylor, Studer and Goldstein 2018, "Visualizing the loss landscape of neural
nets", arXiv 1712.09913).

    request.py      what is asked for, checked
    weights.py      the weights that have a name: initial, best, last, final
    directions.py   random directions, filter by filter
    surface.py      the loss at given weights
    measuring.py    from a run and a request to numbers
    shape.py        whether a curve or a surface is a bowl
    drawing.py      from numbers to pictures
    folder.py       the folder `landscape/` of a run, whole or not there
"""
