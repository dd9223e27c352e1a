"""What a notebook asks: the commands as functions, with answers to look at.

answer.py      an answer: numbers by name, its text, its picture
asking.py      of runs: evaluate, explain, compare, find_mistakes
inspecting.py  of data, before training: inspect
using.py       of new examples, and for other programs: predict, export
quiet.py       TensorFlow without its messages
"""
