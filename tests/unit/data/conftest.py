"""What the tests of several kinds of datasets need."""

from PIL import Image


def save(path, pixels, **options):
    """Writes an image file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def sizes(data):
    """Returns the number of training, validation and test examples."""
    return len(data.train), len(data.val), data.num_test_examples
