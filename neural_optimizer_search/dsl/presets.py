"""The spaces that have a name: the words of the papers' search spaces, and of later papers."""

from neural_optimizer_search.dsl.search_space import SearchSpace
from neural_optimizer_search.dsl.vocabulary import Vocabulary


def _without(words, *others):
    return tuple(word for word in words if word not in others)


# The words of the papers, one by one: adding a row to `dsl.vocabulary` does not add it to a space. Their order is
# that of the tokens that controllers store.
_OPERANDS = (
    "g", "g^2", "g^3", "m", "v", "gamma", "sign(g)", "sign(m)", "1", "2", "eps",
    "1e-4*w", "1e-3*w", "1e-2*w", "1e-1*w", "Adam", "RMSProp",
)  # fmt: skip
_DECAYS = ("ld", "cd", "cd_1", "rd_10", "rd_20", "eps_t")
_UNARIES = (
    "identity", "neg", "exp", "log", "sqrt", "clip_1e-5", "clip_1e-4", "clip_1e-3",
    "drop_0.1", "drop_0.3", "drop_0.5", "sign",
)  # fmt: skip
_BINARIES = ("add", "sub", "mul", "div", "pow", "left")

# What later papers added: Nadam is `nesterov / sqrt(v)`, Lion `sign(lion_0.99)`, AdamW `Adam + 1e-2*w`.
_MODERN_OPERANDS = (
    "g", "m", "v", "sign(g)", "sign(m)", "1", "2", "w", "1e-3*w", "1e-2*w", "Adam", "RMSProp", "nesterov",
    "lion_0.99", "belief", "m_0.5", "m_0.95", "m_0.99", "m_0.9999", "v_0.95", "v_0.99", "change_0.92",
)  # fmt: skip
_MODERN_UNARIES = (
    "identity", "neg", "sqrt", "exp", "sign", "tanh", "abs", "drop_0.1", "cautious", "normalize", "orthogonalize",
)  # fmt: skip

# Name -> the words. The two papers' whole spaces, then subsets of the size that the paper reports having searched,
# then the words of later papers.
PRESETS = {
    "arxiv2017": Vocabulary(_OPERANDS + _DECAYS, _UNARIES, _BINARIES),
    "arxiv2017_no_decay": Vocabulary(_OPERANDS, _UNARIES, _BINARIES),
    "icml2017": Vocabulary(_without(_OPERANDS, "2"), _without(_UNARIES, "sqrt"), _without(_BINARIES, "pow")),
    "moments": Vocabulary(
        operands=("g", "g^2", "m", "v", "sign(g)", "sign(m)", "1", "Adam", "RMSProp"),
        unaries=("identity", "neg", "exp", "log", "sqrt", "sign"),
        binaries=("add", "sub", "mul", "div", "left"),
    ),
    "signs": Vocabulary(
        operands=("g", "m", "sign(g)", "sign(m)", "1", "2"),
        unaries=("identity", "neg", "exp", "sqrt", "sign"),
        binaries=("add", "sub", "mul", "div", "pow"),
    ),
    "internal_decays": Vocabulary(
        operands=("g", "m", "sign(g)", "sign(m)", "1", "2", "ld", "cd"),
        unaries=("identity", "neg", "exp", "drop_0.1"),
        binaries=("add", "sub", "mul", "pow"),
    ),
    "modern": Vocabulary(_MODERN_OPERANDS, _MODERN_UNARIES, ("add", "sub", "mul", "div", "min", "max", "left")),
}


def search_space(name: str = "arxiv2017", depth: int = 2, **constraints: bool) -> SearchSpace:
    """A preset space by name.

    Args:
      name: One of `PRESETS`. "arxiv2017" is v2 of the paper with the decay operands,
        "arxiv2017_no_decay" without them, "icml2017" is v1; "modern" has the words of later papers; the others are
        subsets.
      depth: Iterations n, 1 to 4; "icml2017" has 1 to 3.
      **constraints: `distinct_operands`, `no_final_addition`, `reuse_outputs`; False switches one off.

    Raises:
      ValueError: If the name or the depth is not allowed.

    Example:
      >>> from neural_optimizer_search import search_space
      >>> space = search_space("signs", depth=1)
      >>> space.sizes, space.size
      ((6, 6, 5, 5, 5), 3000)
      >>> space.decode([0, 1, 0, 4, 2]).formula()
      'g * sign(m)'
    """
    if name not in PRESETS:
        raise ValueError(f"Argument `name` must be one of: {', '.join(PRESETS)}. Received: {name!r}.")
    if name == "icml2017" and depth > 3:
        raise ValueError(f"Argument `depth` must be 1 to 3 in the space 'icml2017'. Received: {depth}.")
    words = PRESETS[name]
    return SearchSpace(name, words.operands, words.unaries, words.binaries, depth, **constraints)
