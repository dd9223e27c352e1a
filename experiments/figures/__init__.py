"""The lectures' pictures, each made by one command from runs of recipes.

python -m experiments.figures                    lists them
python -m experiments.figures folding            trains what is missing
python -m experiments.figures folding --keep     and keeps it here

table.py        which there are: of which recipes, with which caption
making.py       training what is missing, and drawing
looking.py      a run's network as its last update left it
page.py         `README.md`, all pictures with captions and commands
boundaries.py folding.py bumps.py sgd.py surface.py templates.py
                from runs to a picture, one file a kind
"""
