"""Limits of a report, the same in the terminal, on the page and in Markdown.

Whatever is left out or shortened is whole in run.json.
"""

from __future__ import annotations

MOST_IN_FULL = 3  # failed checks of a layer: those after them often have the same cause
MOST_PROBLEMS = 3  # of a check, whose numbers and explanations are shown
MOST_NAMES = 6  # of problems in a list

# Lengths of outside text, in characters.
LONGEST_ID = 400  # of a result
THEME = 20
LABEL = 40  # of a curve or an axis; of a problem, a layer or a check in a narrow column
PANEL_TITLE = 48
NAME = 60
MEASUREMENT = 80  # its name
TITLE = 120  # of a check in a table
STATEMENT = 200  # the title of a check in a sentence
REASON = 300  # on a line of its own
PARAGRAPH = 1000  # a reason in full, or one line of a traceback
TEXT = 4000  # of several lines
