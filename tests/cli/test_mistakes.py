"""What a person can type wrong, and the one sentence each mistake gets back.

All in this process, through the door that `python -m zoo` uses.
"""

import os
import shlex

import pytest

# One row a mistake: what is typed after `zoo`, and words of the answer.
TYPED = [
    # Names that no table has.
    ("lenet", "no command 'lenet'"),
    ("trian", "did you mean train"),
    ("train --model=wrn28_01", "no model 'wrn28_01'", "wrn28_10"),
    ("train --model=lenet", "no model 'lenet'", "lenet5"),
    ("train --model=wrn29_10", "29", "28", "34"),
    ("train --model=wrn3_1", "3", "10"),
    ("train --model=", "no model ''", "lr, mlp"),
    ("check --model=lenet", "no model 'lenet'"),
    ("train --dataset=minst", "no dataset 'minst'", "mnist"),
    ("train --dataset=folder", "folder:PATH"),
    ("train --dataset=folder:", "folder:photos"),
    ("train --dataset=npz", "npz:PATH"),
    ("train --optimizer=adma", "--optimizer=adma", "adam", "nesterov"),
    ("train --schedule=cosin", "--schedule=cosin", "cosine", "exponential"),
    ("train --loss=hing", "--loss=hing", "did you mean hinge"),
    ("train --jit=maybe", "--jit=maybe", "auto, on or off"),
    ("train --devices=9", "--devices=9 is more", "this machine has 1 CPU"),
    ("train --coordinator=a:1", "--coordinator", "needs JAX"),
    ("train --seeds=2 --process_id=1", "no effect on several runs"),
    ("vary --epochs=1,2 --process_id=1", "unknown flag --process_id"),
    ("train --devices=al", "--devices=al", "or the word all"),
    ("train --devices=0", "--devices=0", "of at least 1, or the word all"),
    (
        "vary --devices=1,2",
        "--devices cannot be varied",
        "nothing that is learned",
    ),
    ("train --seeds=2 --devices=2", "--devices=2", "one device at most"),
    ("sweep --model=lr --devices=2", "--devices=2", "one device at most"),
    ("train --summaries=scalars,foo", "--summaries=scalars,foo", "logits"),
    ("train --recipe=wrn28_11", "no recipe 'wrn28_11'", "cifar10/wrn28_10"),
    ("train --like=foo", "no run 'foo'"),
    ("resume foo", "no run 'foo'"),
    ("evaluate foo", "no run 'foo'"),
    ("diagnose foo", "no run 'foo'"),
    ("resume last", "no run 'last'", "zoo train` makes one"),
    ("evaluate last --split=foo", "--split=foo", "val, train or test"),
    ("evaluate foo bar", "no run 'foo'"),
    ("evaluate --split=test", "full name", "zoo runs"),
    ("compare foo bar", "no run 'foo'"),
    ("compare foo", "a RUN is missing", "zoo compare RUN RUN"),
    ("compare a b --json --markdown", "--json and --markdown contradict"),
    # Weights that come with the zoo, whose folder stays as it is.
    ("predict lenet6:mnist x.png", "no weights 'mnist' of lenet6", "lr:mnist"),
    (
        "evaluate lr:imagenet",
        "no weights of lr trained on ImageNet",
        "efficientnet_lite0",
    ),
    ("train --weights=lr:mnit", "no weights 'mnit' of lr", "lr:mnist"),
    ("train --features=lr:mnit", "no weights 'mnit' of lr", "lr:mnist"),
    ("train --like=lr:mnit", "no weights 'mnit' of lr", "lr:mnist"),
    ("train --model=mlp --weights=lr:mnist", "lr:mnist, which is lr"),
    ("train --weights=lr:mnist", "28x28x1", "8x8x1", "--image_size=28"),
    ("resume lr:mnist", "lr:mnist comes with the zoo", "--like=lr:mnist"),
    ("export lr:mnist", "lr:mnist comes with the zoo", "--out"),
    ("report lr:mnist", "lr:mnist comes with the zoo", "--out"),
    ("misclassified lr:mnist", "lr:mnist comes with the zoo", "--out"),
    ("landscape lr:mnist", "lr:mnist comes with the zoo"),
    ("describe lr:mnist", "no model 'lr:mnist'", "did you mean lr"),
    # Flags and words that no verb has.
    ("train --modle=lr", "unknown flag --modle", "--model"),
    ("train --xyzzy", "unknown flag --xyzzy", "--helpfull"),
    ("train lenet5", "unexpected argument 'lenet5'", "--model=lenet5"),
    ("resume a b", "unexpected argument 'b'"),
    ("resume", "no run 'last'", "zoo train` makes one"),
    ("train --learning_rate", "needs a value", "--learning_rate=0.001"),
    ("train --model --epochs=1", "--model needs a value"),
    ("train --recipe --epochs=1", "--recipe needs a value"),
    ("train --deterministic=3", "--deterministic=3", "true or false"),
    ("train --nodeterministic=1", "--nodeterministic=1", "argument"),
    ("train --flagfile=/no/such", "--flagfile=/no/such", "No such file"),
    ("train --flagfile /no/such", "--flagfile=/no/such", "No such file"),
    ("train --flagfile=/", "--flagfile=/", "directory"),
    ("train --flagfile=/ --flagfile=/no", "--flagfile=/"),
    ("train ''", "unexpected argument ''"),
    ("train \u2013epochs=1", "two hyphens: --epochs=1"),
    ("train --learning_rate=1e-3, 1e-2", "'1e-2'", "without spaces"),
    ("train --h", "unknown flag --h;", "--help?"),
    ("train --help=1", "unknown flag --help;", "--help?"),
    ("train --trials=3", "--trials; it belongs to", "zoo sweep"),
    ("sweep --folds=3", "--folds; it belongs to", "zoo train"),
    ("--model=lr train", "command comes first: zoo COMMAND --model=lr"),
    ("--trian", "the command comes first"),
    ("train --epochs=", "--epochs= needs a value", "of at least 1"),
    ("train --loss=mse", "--loss=mse", "did you mean squared_error"),
    ("train --model=vgg16", "'vgg16'", "keras:VGG16"),
    ("train --model=MobileNetV2", "'MobileNetV2'", "keras:MobileNetV2"),
    ("train --dataset=imagenet", "'imagenet'", "--weights=imagenet"),
    ("train --dataset=nope", "'nope'; choose one of"),
    # Values of the wrong type or out of range.
    ("train --learning_rate=-1", "--learning_rate=-1 ", "a number above 0"),
    ("train --learning_rate=nan", "--learning_rate=nan", "above 0"),
    ("train --learning_rate=inf", "--learning_rate=inf", "above 0"),
    ("train --learning_rate=abc", "--learning_rate=abc", "not a number"),
    ("train --batch_size=0", "at least 1, or the word full"),
    ("train --batch_size=most", "--batch_size=most", "the word full"),
    ("train --epochs=2.5", "--epochs=2.5", "whole number"),
    ("train --seed=-1", "--seed=-1 ", "from 0 to 2147483647"),
    ("train --val_fraction=1", "--val_fraction=1 ", "from 0 to below 1"),
    ("train --randomize_labels=1.1", "--randomize_labels=1.1 ", "from 0 to 1"),
    ("train --randomize_labels=-0.1", "--randomize_labels=-0.1 ", "0 to 1"),
    ("train --randomize_labels=all", "--randomize_labels=all", "number"),
    (
        "train --model=mlp --dataset=sine --randomize_labels=0.5",
        "--randomize_labels=0.5",
        "sine",
    ),
    ("train --dropout=1.5", "--dropout=1.5 ", "from 0 to below 1"),
    ("train --schedule=step --schedule_epochs=3,x", "3,x", "list of numbers"),
    ("train --run_name=../x", "--run_name=../x", "--runs_dir"),
    ("train --run_name=.x", "--run_name=.x", "dot"),
    ("train --run_name=", "--run_name= ", "letters"),
    # Several runs at once.
    ("train --seeds=0", "--seeds=0 ", "from 2 to 1000"),
    ("train --seeds=1", "--seeds=1 ", "from 2 to 1000"),
    ("train --seeds=abc", "--seeds=abc", "whole number"),
    ("train --seeds=3 --workers=0", "--workers=0 ", "the word auto"),
    ("train --seeds=3 --workers=all", "--workers=all", "the word auto"),
    ("train --workers=2", "--workers=2", "single run", "--seeds=3"),
    ("train --cluster=auto", "--cluster=auto", "single run", "--seeds=3"),
    ("train --seeds=3 --seed=2147483646", "--seed=2147483648 ", "from 0"),
    ("train --seeds=3 --model=lr --dropout=0.5", "--dropout=0.5", "lr"),
    ("vary", "several values", "--learning_rate=1e-4,1e-3,1e-2"),
    ("vary --learning_rate=0.1", "--learning_rate=0.1 is one", "zoo train"),
    (
        "vary --learning_rat=0.1,1",
        "unknown flag --learning_rat",
        "--learning_rate",
    ),
    ("vary --learning_rate=0.1,-1,1", "--learning_rate=-1 ", "above 0"),
    ("vary --learning_rate=0.1,,1", "--learning_rate=0.1,,1", "empty"),
    ("vary --learning_rate=1,1.0", "--learning_rate=1,1.0", "1.0 twice"),
    ("vary --learning_rate", "--learning_rate needs a value"),
    ("vary --l2=0,1 --l1=0,1", "--l2 and --l1", "zoo sweep --tuner=grid"),
    ("vary --seed=1,2", "--seed cannot be varied", "--seeds=3"),
    ("vary --run_name=a,b", "--run_name names all"),
    ("vary foo --l2=0,1", "no run 'foo'"),
    ("vary --model=lr,mpl", "no model 'mpl'", "mlp"),
    ("vary --epochs=1,2 --steps=3", "--epochs=1 and --steps=3"),
    ("vary --model=lr --dropout=0,0.5", "--dropout=0.0", "lr"),
    ("vary --model=mlp --model_arg=hidden=8,0", "hidden=0", "(256,128)"),
    ("vary --batch_size=32,1294", "--batch_size=1294", "1,293"),
    ("vary --l2=0,1 --seeds=0", "--seeds=0 "),
    ("vary --l2=0,1 --workers=0", "--workers=0 "),
    # Values that do not go together.
    ("train --epochs=3 --steps=4", "--epochs=3 and --steps=4"),
    ("train --optimizer=adam --momentum=0.9", "--momentum=0.9 has no effect"),
    ("train --schedule=cosine --schedule_epochs=3", "--schedule=step"),
    ("train --loss=hinge --label_smoothing=0.1", "--loss=cross_entropy"),
    ("train --fold=6/5", "--fold=6/5", "--folds=5"),
    ("train --folds=1", "--folds=1"),
    ("train --folds=5 --seeds=2", "--folds=5 and --seeds=2"),
    ("train --folds=5 --val_fraction=0.2", "--val_fraction=0.2"),
    ("vary --fold=1/5,2/5", "--fold cannot be varied", "--folds=5"),
    (
        "train --group_by=folder",
        *("--group_by", "digits", "folder:PATH or csv:PATH"),
    ),
    (
        "train --skip_unreadable",
        *("--skip_unreadable", "digits", "folder:PATH or csv:PATH"),
    ),
    (
        "train --val_fraction=0 --early_stopping_patience=2",
        "--early_stopping_patience",
        "--val_fraction=0.1",
    ),
    ("train --batch_size=1294", "1294", "1,293 training images", "full"),
    (
        "train --steps_per_execution=8 --checkpoint_every=12",
        "--checkpoint_every=12",
        "--steps_per_execution=8",
    ),
    # What points have no use for, and numbers.
    ("train --dataset=moons", "lenet5 takes images", "--model=mlp"),
    ("train --model=mlp --dataset=moons --augment=crop", "--augment=crop"),
    ("train --model=mlp --dataset=xor --image_size=8", "--image_size=8"),
    (
        "train --model=mlp --dataset=spiral --mean_subtraction=image",
        "--mean_subtraction=image",
        "vectors",
    ),
    ("train --model=mlp --dataset=xor --scale=unit", "--scale=unit", "std"),
    ("train --model=mlp --dataset=sine --loss=hinge", "--loss=hinge", "sine"),
    ("train --model=knn --dataset=step", "knn", "numbers", "--model=mlp"),
    ("train --model=mlp --dataset=sine --extra_features=xy", "xy", "only one"),
    (
        "train --model=mlp --extra_features=x2",
        "--extra_features=x2",
        "has images",
    ),
    ("train --dataset=xor --extra_features=cos", "choose x2, xy or sin"),
    ("train --dataset=points:/no/file.csv", "/no/file.csv is not a file"),
    # What a model has no use for, or cannot take.
    ("train --model=lr --dropout=0.5", "--dropout=0.5", "lr", "--model=mlp"),
    ("train --model=lr --norm=batch", "--norm=batch", "--model=mlp"),
    ("train --model_arg=depth", "--model_arg=depth", "name=value"),
    ("train --model_arg=", "--model_arg= ", "name=value"),
    ("train --model_arg=depth=3", "--model_arg=depth=3", "lenet5"),
    ("train --model=wrn16_1 --model_arg=depth=9", "fixes depth at 16"),
    ("train --model=mlp --model_arg=hidden=abc", "hidden=abc", "(256,128)"),
    ("train --model=mlp --model_arg=hidden=0", "hidden=0", "(256,128)"),
    ("train --model=inception --model_arg=reduced=3", "True or False"),
    # Architectures that are none.
    ("describe wrn29_10", "depth 29 is not 6n+4", "28 and 34"),
    ("describe resnet21", "depth 21 is not 6n+2", "20 and 26"),
    ("train --model=wrn16_0", "wrn16_0", "width of 0", "at least 1"),
    ("describe wrn50_0", "wrn50_0", "width of 0", "at least 1"),
    ("train --model=densenet40_0", "growth of 0", "at least 1"),
    ("train --model=cnn_xf", "'x' of cnn_xf", "c, p, n, d and f"),
    ("train --model=cnn_fc", "cnn_fc has c after f", "before the first f"),
    ("describe cnn_", "cnn_ names no layers", "cnn_cpcpff"),
    ("train --model=mlp --model_arg=hidden=-3", "hidden=-3", "at least 1"),
    ("train --model=mlp --model_arg='hidden=(8,-3)'", "(8, -3)", "at least 1"),
    ("train --model=mlp --model_arg='hidden=()'", "no hidden layer", "lr"),
    ("train --model=cnn_cf --model_arg=maps=-1", "maps=-1", "at least 1"),
    ("describe cnn_cf --model_arg=filter_size=0", "filter_size=0", "least 1"),
    ("describe cnn_pf --model_arg=pool_size=-2", "pool_size=-2", "at least 1"),
    ("describe cnn_ff --model_arg=dense_width=-5", "=-5", "at least 1"),
    ("describe alexnet_lite --model_arg=divisor=0", "=0", "from 1 to 64"),
    ("describe googlenet --model_arg=auxiliary=2", "True or False"),
    # Features, and models that learn by heart.
    ("train --features=hog", "no place before lenet5", "lr, mlp or knn"),
    ("train --model=lr --features=hogg", "features 'hogg'", "mean hog"),
    ("train --model=lr --features=color_histogram", "digits is gray", "=hog"),
    ("train --model=lr --features=run7", "--features=run7", "no run 'run7'"),
    (
        "train --model=lr --features=a.keras",
        "--features=a.keras",
        "no such file",
    ),
    ("train --model=lr --features=keras:vgg17", "'vgg17'", "vgg16"),
    ("train --model=lr --features=hog --augment=flip", "computed once"),
    ("check --model=knn", "nothing to check"),
    ("train --model=knn --epochs=3", "--epochs=3 has no effect on knn"),
    ("train --model=knn --model_arg=neighbors=2000", "2000", "1,293"),
    ("train --model=knn --model_arg=neighbors=0", "neighbors=0", "least 1"),
    ("train --train_examples=0", "--train_examples=0 ", "at least 1"),
    ("train --train_examples=9", "leaves no example", "at least 10"),
    ("train --train_examples=2000", "1,293", "at most that"),
    # Weights of another run, layers that stay, and some of the classes.
    ("train --weights=run7", "--weights=run7", "no run 'run7'"),
    ("train --recipe=filters_10", "0to4", "train --recipe=lenet5_0to4 --r"),
    (
        "train --weights=scratch_10",
        "train --recipe=scratch_10 --run_name=scratch_10 ",
    ),
    ("train --weights=a.keras", "--weights=a.keras names no file"),
    ("train --weights=", "--weights= ", "names nothing"),
    ("train --new_head", "--new_head has no effect", "--weights=RUN"),
    ("train --freeze=conv11", "with weights 'conv11'", "did you mean conv1"),
    ("train --freeze=pool2", "fits no layer of lenet5", "conv1"),
    ("train --freeze=*", "--freeze=*", "nothing of lenet5 to train"),
    ("train --freeze=none,conv1", "--freeze=none,conv1", "conv1*,conv3"),
    ("train --freeze=", "--freeze= ", "--freeze=features"),
    ("train --model=lr --freeze=features", "no weights before its logits"),
    ("train --model=knn --freeze=features", "--freeze=features", "knn"),
    ("train --weights=run7 --features=hog", "--features=hog", "one of them"),
    ("train --classes=1,ten", "no class of digits 'ten'"),
    ("train --classes=3", "--classes=3", "only one class", "3 or 0"),
    ("train --classes=3,3", "names 3 twice"),
    (
        "train --model=mlp --dataset=sine --classes=a,b",
        "--classes=a,b",
        "regression",
    ),
    ("train --model=lr --features=keras:vgg16:a.h5", "no file a.h5"),
    # Inputs that are none.
    ("describe googlenet --input=8x8x1", "at least 64x64 pixels, not 8x8"),
    ("describe lr --input=abc", "--input=abc", "--input=28x28x1"),
    ("describe lr --input=8x-8x1", "--input=8x-8x1", "--input=28x28x1"),
]


@pytest.mark.parametrize(
    ("typed", "words"), [(row[0], row[1:]) for row in TYPED]
)
def test_a_mistake_gets_one_sentence_and_leaves_nothing(answer, typed, words):
    sentence = answer(*shlex.split(typed))
    for word in words:
        assert word in sentence


def test_an_unknown_flag_inside_a_flagfile_is_named(answer, tmp_path):
    (tmp_path / "bad.flags").write_text("--epochs=1\n--modle=lr\n")
    assert "--modle" in answer("train", f"--flagfile={tmp_path}/bad.flags")


def test_a_flagfile_that_is_no_text_is_refused(answer, tmp_path):
    (tmp_path / "bad.flags").write_bytes(b"\xff\xfe--epochs=1")
    assert "text" in answer("train", f"--flagfile={tmp_path}/bad.flags")


def test_a_runs_dir_below_a_file_is_refused(answer, tmp_path):
    (tmp_path / "file").touch()
    where = f"{tmp_path}/file/runs"
    assert where in answer("train", "--model=lr", f"--runs_dir={where}")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs Linux")
def test_a_runs_dir_that_nobody_can_write_is_refused(answer):
    sentence = answer("train", "--model=lr", "--runs_dir=/proc/runs")
    assert "--runs_dir=/proc/runs cannot be written" in sentence
