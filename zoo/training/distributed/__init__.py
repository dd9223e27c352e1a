"""Training on several devices, of one host or of several.

Every device holds the whole model and trains on its shard of each batch:
Keras's `DataParallel` on JAX, `MirroredStrategy` with `mirrored.py` on
TensorFlow, where the step is that of the whole batch. A run is thereby the
same, but for rounding, on any number of devices: the batch size is that of all
devices together, and order, augmentation, dropout, batch norm, learning rate
and number of steps are those of one device. Several hosts need JAX. Several
devices were tried on virtual CPU devices; collectives of GPUs (NCCL) were not.

Summaries, checkpoints and results are made with an ordinary model beside the
distributed one, which gets its values whenever they are needed.
"""
