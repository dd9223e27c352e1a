"""What TensorBoard shows of a run.

registry.py    the table: kinds that `--summaries` selects, and when each is
               written
inspector.py   what a summary is computed from: a snapshot of the run, and the
               activations, gradients and updates of its model
tensors.py     scalars and histograms, and the debugging text
images.py      images: misclassified, confusion, templates, filters, ...
toy_plots.py   decision boundary and fitted function of 2-D and 1-D data
animation.py   the same over training, as a GIF
hparams.py     HParams and the table of options
graph.py       the graph of the layers
projector.py   the files of the Projector tab
layer_stats.py numbers of each layer, for `zoo diagnose`
drawing.py     text, image grids and charts, drawn with NumPy and Pillow
events.py      event files, written without TensorFlow and resumable
"""
