"""How the pages are made into a site: ``nox -s docs``.

The pages stay readable where they lie: a link to another page names its file, and
is turned into one to the page here.
"""

from __future__ import annotations

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "_ext"), os.path.dirname(HERE)]

import ipr  # noqa: E402

project = "ipr"
author = "the ipr authors"
project_copyright = author
release = ipr.__version__

extensions = [
    "myst_parser",
    "pages",
    "reference",
    "sphinx_copybutton",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = True
# Curly quotes, but two hyphens stay what they are: they begin an option.
smartquotes_action = "qe"

html_theme = "furo"
html_title = f"ipr {release}"
html_static_path = ["_static"]
html_css_files = ["own.css"]
html_theme_options = {"navigation_with_keys": True}
# Copied are commands, not their prompts nor what they print.
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
