"""What TensorBoard shows of a run.

registry.py    the table: kinds that `--summaries` selects, and when each is
               written
inspector.py   what a summary is computed from: a snapshot of the run, and the
               activations, gradients and updates of its model
images.py      images: misclassified, confusion, templates, filters, ...
toy_plots.py   decision boundary and fitted function of 2-D and 1-D data
animation.py   the same over training, as a GIF
explanations.py  Grad-CAM, and patches that excite a map
tabs.py        HParams, the graph of the layers, and the Projector
layer_stats.py histograms and numbers of each layer, for `zoo diagnose` too;
               the debugging text
drawing.py     text, image grids and charts, drawn with NumPy and Pillow
events.py      event files, written without TensorFlow and resumable
"""
