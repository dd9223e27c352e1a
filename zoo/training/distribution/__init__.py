"""Training on several devices, of one machine or of several.

Every device holds the whole network and learns from its share of each batch;
Keras's `DataParallel` on JAX, and `MirroredStrategy` with `mirrored.py` on
TensorFlow, see to it that the update is that of the whole batch. A run is
thereby the same, but for rounding, on any number of devices: the batch size is
that of all devices together, and order, augmentation, dropout, batch norm, rate
and number of updates are those of one. Several processes need JAX. TensorFlow
was tried on parts of a processor; sums between GPUs, by NCCL, were not.

Looks, checkpoints and the result are made with an ordinary network beside the
one that is shared, which gets its values whenever somebody looks.
"""
