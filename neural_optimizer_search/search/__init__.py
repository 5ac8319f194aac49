"""The search: its loop, its algorithms, and the command `nos-search`."""

from neural_optimizer_search.keras_versions import require_tensorflow

require_tensorflow(__name__)
