"""Builds the documentation in site/: `make docs`."""

import sys

from sphinx.cmd.build import main

from tools import docs
from tools.site.sources import put_together

SOURCES, SITE = docs.ROOT / "build" / "site", docs.ROOT / "site"

put_together(SOURCES)
code = main(["--fail-on-warning", "--keep-going", "--quiet", "-b", "html", str(SOURCES), str(SITE)])
print(f"The documentation is in {SITE / 'index.html'}" if code == 0 else "The documentation has the errors above.")
sys.exit(code)
