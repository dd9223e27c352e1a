"""A run, or several runs side by side, as one self-contained HTML page.

context.py     `ReportContext`: everything a page shows about one run
sections.py    the contents of each section, as plain values
figures.py     plots as SVG in the page's own colors, images as PNG
render.py      Jinja2 templates to HTML, HTML to a file
templates/     one macro per section; every value is escaped (autoescape)
page.css       the style sheet, which is embedded in the page

A page has no scripts and loads nothing, so it can be read offline, printed
and sent by e-mail.
"""
