"""Names and texts use the field's words, in American spelling as Keras does."""

import ast
import functools
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]

# What names are not made of, and what they say instead.
NAMES = {
    "begun": "started",
    "colour|colours|grey": "color, gray",
    "crew": "process group",
    "deviation": "std",
    "engine": "backend",
    "goodness": "score",
    "guessing": "chance",
    "handed": "broadcast, from_arrays",
    "judged|judging": "evaluated",
    "kinship": "config hash",
    "knob|knobs": "option",
    "ladder|rung": "suite, experiment",
    "ledger|ledgers": "log",
    "meeting": "rendezvous",
    "noun": "unit, item",
    "penalty": "regularization loss",
    "picture|pictures": "image, plot, figure",
    "say|says|tell|told": "print, report",
    "seal|sealed|unseal|unsealing": "held out",
    "share|shares": "fraction",
    "sitting": "session",
    "surest": "most confident",
    "vitals": "layer statistics",
}
# What texts, comments among them, do not say, and what they say instead.
TEXTS = {
    r"(begun|made|trained|trains) anew": "rebuilt, trains again",
    r"by heart": "memorizes, overfits",
    r"(centr(e|ed|es)|behaviours?|favour\w*|colour\w*|grey)": "as Americans do",
    r"damaged": "corrupt",
    r"data sets?": "dataset",
    r"engines?": "backend",
    r"go(es)? on (after|from|with)": "resumes, continues",
    r"guessing": "chance",
    r"has no (use for|place in)": "has no effect on",
    r"knobs?": "option",
    r"mend(s|ed|ing)?": "fix",
    r"(normal|regular|initial|optim|visual|minim|maxim|general|summar)is"
    r"(e|es|ed|er|ing|ation)": "-ize",
    r"pictures?": "image, plot, figure",
    r"share of": "fraction of",
    r"(un)?seal(s|ed|ing)?": "held out",
    r"surest|judged": "most confident, evaluated",
    r"taken for": "confused with",
    r"([\d.,]+|\{[^{}]*\}) %(?=[^\w}]|$)": "97%, without a space",
}
# Where a word has another meaning, as a regular expression of the word, the
# file and the name or line.
ALLOWED = {
    r"^noun.* nouns?$": "grammar: the singular or plural of a word",
    r"rung.*oracle.py rung": "what successive halving calls it",
    r"^pictures.*folder.py .*photos": "names that folders of images have",
}


@functools.cache
def sources():
    """Returns the text of every file that users or readers see."""
    paths = [ROOT / "README.md", ROOT / "Makefile", ROOT / "CONTRIBUTING.md"]
    for folder, pattern in (
        ("zoo", "*.py"),
        ("zoo", "*.html"),
        ("zoo", "*.toml"),
        ("docs", "*.md"),
        ("docs", "*.py"),
        ("experiments", "*.py"),
        ("experiments", "*.toml"),
        ("benchmarks", "*.py"),
        ("notebooks", "*.ipynb"),
    ):
        paths += sorted((ROOT / folder).rglob(pattern))
    return {p.relative_to(ROOT).as_posix(): p.read_text() for p in paths}


@functools.cache
def unwrapped_sources():
    return {file: unwrapped(text) for file, text in sources().items()}


@functools.cache
def names():
    """Returns every name that the package defines, with its file."""
    found = []
    for file, text in sources().items():
        if not (file.startswith("zoo/") and file.endswith(".py")):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.append((file, node.name))
            elif isinstance(node, ast.arg):
                found.append((file, node.arg))
            elif isinstance(node, ast.Name | ast.Attribute) and isinstance(
                node.ctx, ast.Store
            ):
                found.append((file, getattr(node, "id", None) or node.attr))
        found.append((file, pathlib.Path(file).stem))
    return sorted(set(found))


def words_of(name):
    """Returns `{"jsonl", "file"}` for JsonlFile and jsonl_file."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1_\2", name)
    return set(spaced.lower().split("_"))


def is_allowed(word, file, text):
    return any(
        re.search(pattern, f"{word} {file} {text}") for pattern in ALLOWED
    )


@pytest.mark.parametrize("word", NAMES)
def test_no_name_holds_a_private_word(word):
    hits = [
        (file, name)
        for file, name in names()
        if words_of(name) & set(word.split("|"))
        and not is_allowed(word, file, name)
    ]
    assert not hits, f"write {NAMES[word]}"


def unwrapped(text):
    """Returns a text in which no sentence is broken by the end of a line."""
    return re.sub(r'(\\n",|"|)\s*\n\s*(f?"|#|)\s*', " ", text)


@pytest.mark.parametrize("pattern", TEXTS)
def test_no_text_holds_a_private_word(pattern):
    word = re.compile(rf"(?<![\w/.-]){pattern}(?![\w/-])", re.IGNORECASE)
    hits = [
        (file, text[max(match.start() - 30, 0) : match.end() + 30])
        for file, text in unwrapped_sources().items()
        for match in word.finditer(text)
    ]
    hits = [hit for hit in hits if not is_allowed(pattern, *hit)]
    assert not hits, f"write {TEXTS[pattern]}"


def test_a_word_that_a_line_breaks_is_found():
    assert unwrapped('"a data "\n    f"set"') == '"a data  set"'
    assert unwrapped("# a data\n# set") == "# a data set"
