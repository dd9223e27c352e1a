"""Checks of images before anything is trained on them.

stats.py     what is recorded of every image, from a folder of image
             files or from any other dataset
checks.py    rules: a function from `DatasetStats` to findings each
report.py    statistics and findings as text and as JSON, and a contact
             sheet with a few images of each class
"""

from zoo.data_checks.checks import inspect
from zoo.data_checks.stats import DatasetStats, read_dataset, read_folder

__all__ = ["DatasetStats", "inspect", "read_dataset", "read_folder"]
