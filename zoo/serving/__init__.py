"""Trained models at work: predictions on new examples, exports.

inputs.py      images, arrays and points from files, in the form a run takes
predict.py     class probabilities, and warnings about unusual inputs
export.py      a run as a model for other programs, checked against the run
python_code.py a run as a script of plain Keras
formats.py     the formats that a run can be exported to
"""
