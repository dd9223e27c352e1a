"""Keyword arguments of `zoo.train`: the fields of `TrainConfig`.

Written by `python -m docs.train_options`, never by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict


class TrainOptions(TypedDict, total=False):
    """Options of a training; what is not given is the model's own recipe."""

    # Model.
    model_arg: Mapping[str, Any]
    """Argument of this model's builder, as name=value; repeatable."""
    activation: (
        Literal[
            "relu",
            "leaky_relu",
            "elu",
            "gelu",
            "gelu_tanh",
            "softplus",
            "sigmoid",
            "tanh",
            "none",
        ]
        | None
    )
    """Activation of the hidden layers; gelu_tanh is the tanh approximation of
    GELU.
    """
    norm: Literal["none", "batch", "local_response"] | None
    """Normalization of the hidden layers."""
    initializer: (
        Literal[
            "he_normal",
            "he_uniform",
            "glorot_normal",
            "glorot_uniform",
            "lecun_normal",
            "torch_uniform",
            "small_normal",
            "equal",
        ]
        | None
    )
    """Kernel initializer."""
    features: str | None
    """Features that lr, mlp or knn see in place of pixels: hog,
    color_histogram, bag_of_visual_words, or those of a network: RUN,
    PATH.keras, keras:NAME.
    """
    weights: str | None
    """Initial weights: none, imagenet, a run, a path to a .keras file, or
    pretrained weights such as lenet5:mnist; its model and preprocessing are
    taken over.
    """
    new_head: bool
    """Re-initialize the classification layer, for other classes; needs
    --weights.
    """
    head_epochs: int | None
    """Epochs in which the new classification layer alone is trained first, on
    features that are computed once; needs a new head.
    """
    freeze: str | None
    """Layers to freeze: none, features (all before `logits`), batch_norm (their
    averages too), or names such as conv1*,conv3.
    """
    # Data.
    dataset: str
    """Dataset, folder:PATH or npz:PATH; `zoo datasets` lists them."""
    data_dir: str | None
    """Folder of tensorflow-datasets and of cached arrays (default:
    TFDS_DATA_DIR, or ~/tensorflow_datasets).
    """
    image_size: int | Sequence[int] | None
    """Side to which images are resized, in pixels, or height,width."""
    resize: Literal["crop", "pad", "squash"]
    """How images of another aspect ratio are resized: crop cuts off their
    edges, pad adds black ones, squash changes the ratio.
    """
    val_fraction: float
    """Fraction of the training images held out for validation."""
    fold: str | None
    """Which part of the training images is the validation set, as 2/5: the
    second of five folds; --folds=5 trains a run for each.
    """
    train_examples: int | None
    """Number of training examples to use, stratified by class."""
    randomize_labels: float
    """Fraction of training labels replaced by random classes (Zhang et al.
    2017); validation and test labels are kept.
    """
    classes: str | Sequence[str]
    """Names of the classes to use, in training, validation and test."""
    group_by: str | None
    """Keep files of one group in one split: `folder`, `near_duplicates` (images
    that look nearly the same), or a regular expression whose match in the file
    name is the group; needs --dataset=folder:PATH or csv:PATH.
    """
    skip_unreadable: bool
    """Skip image files that cannot be read, instead of stopping at the first;
    needs --dataset=folder:PATH or csv:PATH.
    """
    extra_features: str | Sequence[str]
    """Extra inputs for points: squares, products and sines of the coordinates.
    """
    mean_subtraction: Literal["none", "channel", "pixel", "image"] | None
    """Mean to subtract: of each channel, of each pixel, or of each image's
    channels (default: channel).
    """
    scale: Literal["none", "unit", "std"] | None
    """Divisor of the pixels: none, 255 (unit), or the standard deviation of
    each channel (default: std).
    """
    augment: str | None
    """Augmentation of the training images: random crops after reflection
    padding, and horizontal flips (alternating: an image is flipped in every
    other epoch); besides it layers of Keras, as in
    crop_flip,rand_augment,mixup.
    """
    crop_padding: int | None
    """Padding before random crops, in pixels (default: an eighth of the side).
    """
    # Optimization.
    optimizer: (
        Literal[
            "sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw", "muon"
        ]
        | None
    )
    """Optimizer; muon is for hidden dense layers, with adamw for the other
    weights.
    """
    learning_rate: float | None
    """Peak learning rate."""
    momentum: float | None
    """Momentum."""
    schedule: (
        Literal["constant", "step", "cosine", "linear", "exponential"] | None
    )
    """Learning rate schedule."""
    schedule_epochs: Sequence[float] | None
    """Milestones (epochs) of the step schedule."""
    schedule_factor: float | None
    """Learning rate factor at each milestone, or at each epoch if exponential.
    """
    warmup_epochs: float | None
    """Epochs of linear learning rate warm-up."""
    warmup_start: float | None
    """Learning rate at the start of the warm-up, as a fraction of the peak
    (default: 0).
    """
    schedule_end: float | None
    """Final learning rate, as a fraction of the peak."""
    norm_bias_factor: float | None
    """Learning rate factor of batch norm biases; their weight decay is not
    scaled.
    """
    lookahead_every: int | None
    """Average the weights with a slow copy every N steps (Lookahead); the
    weight of the copy grows during training.
    """
    ema_momentum: float | None
    """Average the weights over the steps with this momentum (EMA); validation
    and the saved model use the average; with --lookahead_every, of the weights
    before each step's Lookahead.
    """
    batch_size: int | str | None
    """Batch size, or `full` for all training examples."""
    gradient_accumulation_steps: int | None
    """Batches whose mean gradient makes one update of the weights (as in
    Keras).
    """
    epochs: int | None
    """Number of epochs."""
    steps: int | None
    """Number of training steps, instead of --epochs."""
    clip_norm: float | None
    """Maximum global norm of the gradients."""
    loss: Literal["cross_entropy", "hinge", "squared_error"] | None
    """Loss function (default: cross_entropy, or squared_error for regression).
    """
    label_smoothing: float | None
    """Label smoothing factor."""
    class_weight: Literal["none", "balanced"]
    """Class weighting of the loss: none, or inversely proportional to class
    frequency.
    """
    recompute_batch_norm: bool
    """Recompute batch norm statistics over the training images before each
    validation (precise batch norm).
    """
    early_stopping_patience: int | None
    """Epochs without improvement of the validation loss before training stops.
    """
    # Regularization.
    dropout: float | None
    """Dropout rate, 0 to <1."""
    l1: float | None
    """L1 regularization: adds l1 * sum |w| over all kernels to the loss."""
    l2: float | None
    """L2 regularization: adds l2 * sum w^2 over all kernels to the loss."""
    weight_decay: float | None
    """Weight decay w as in the papers: adds w/2 * sum v^2 over all trainable
    variables to the loss; decoupled for adamw and muon.
    """
    # Run.
    seed: int
    """Random seed of initial weights, data order, augmentation and dropout."""
    deterministic: bool
    """Use deterministic ops: the same seed gives the same bits on the same
    machine; slower.
    """
    devices: int | str
    """Devices of each machine that share every batch, or all; the batch size is
    that of all together.
    """
    precision: Literal["float32", "bfloat16", "auto"]
    """Compute dtype; auto: bfloat16 where the hardware supports it."""
    jit: Literal["auto", "on", "off"]
    """XLA compilation; auto: off on CPUs."""
    steps_per_execution: int | str
    """Training steps per compiled call (as in Keras)."""
    checkpoint_every: int | None
    """Save a checkpoint every N steps, in addition to epoch ends."""
    runs_dir: str
    """Folder of the run folders."""
    run_name: str | None
    """Name of the run folder (default: model, dataset and changed options)."""
    # Summaries.
    summaries: str | Sequence[str]
    """TensorBoard summaries to write; `default,gradients` adds one."""
    summary_every: int
    """Log images and histograms every N epochs."""
    debug_every: int | None
    """Print sample predictions every N steps."""
