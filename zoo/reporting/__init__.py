"""A run as one page of HTML, to read, to print and to send.

gathering.py   from run folders to what a page is made of
elements.py    HTML whose texts are escaped, always
numbers.py     numbers with the name of what they are
figures.py     pictures by matplotlib, in the page's own colours
page.py        the whole page; one file a section beside it
writing.py     into a file, at the end of a run or when asked

A page has no script and asks for nothing: it is whole wherever it is opened.
"""
