"""Lectures: experiments in order, each with a question and its answer.

NAME.toml           a lecture: its steps, commands, questions
table.py            reads them, fills in the dataset, writes them as text
runner.py           runs the commands of a step, asks, and answers
answers.py          answers, from what the runs just made recorded
network_answers.py  answers, from their networks: predictions and weights
calculations.py     answers that need no run
"""
