"""How Sphinx builds the site: `make docs` runs it on what `tools.site` puts together."""

import re

project = "Neural Optimizer Search"
author = "The authors of Neural Optimizer Search"
html_title = project
copyright = "Apache License 2.0"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["conf.py"]

html_theme = "furo"
html_static_path = ["assets"]
html_css_files = ["site.css"]
html_show_sourcelink = False

# The ids that repository hosts give to headings, so that one link serves both.
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]
nb_execution_mode = "off"  # they have their outputs; make notebooks runs them anew

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
default_role = "code"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises|Example|Note):$")


def adapt_docstring(app, what, name, obj, options, lines):
    """Writes for reStructuredText what our docstrings mean: |x| is an absolute value, indented text an equation."""
    text = [re.sub(r"\|(\w+)\|", r"\\|\1\\|", line) for line in lines]
    end = next((i for i, line in enumerate(text) if SECTION.match(line)), len(text))
    equations = [i for i in range(1, end) if text[i].startswith("  ") and not text[i - 1].strip()]
    for i in reversed(equations):
        text[i:i] = ["::", ""]
    lines[:] = text


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", adapt_docstring, priority=100)  # before napoleon
