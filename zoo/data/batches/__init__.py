"""Batches in the form that each engine of Keras reads fastest.

`zoo.data.pipeline` says what is in them; here they are made. A store keeps
the examples of a split and has one method, `batches(order, draws, span)`.
What it returns can be read again and again.
"""
