"""Runs that differ in one option, or in the seed alone.

knob.py      one option and the values that it is turned to
request.py   what is asked: a config, a knob, seeds; and the runs of these
folder.py    the group on disk: found again, written, grown
checking.py  every run tried before the first one is trained
running.py   the training of all that is left to do
progress.py  what a person sees meanwhile
summary.py   from runs to numbers
words.py     from numbers to tables and sentences
"""
