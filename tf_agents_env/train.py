"""The TF-Agents training binary: `python -m tf_agents_env.train` is the command `nos-search`."""

import sys

from neural_optimizer_search.search.command import main

if __name__ == "__main__":
    sys.exit(main())
