"""Which differences between runs are real.

settings.py   which options differ, and which do not
paired.py     tests on the same examples: McNemar, the bootstrap
seeds.py      tests over the seeds of two recipes
measuring.py  from runs to numbers
words.py      from numbers to tables, plain or Markdown
drawing.py    the learning curves in a picture
"""
