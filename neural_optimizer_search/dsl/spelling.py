"""How formulas spell the words of the vocabulary: the parser's tables, derived from what `printing` writes."""

import re
from typing import Optional, Union

from neural_optimizer_search.dsl.constants import NAMES as CONSTANT_NAMES
from neural_optimizer_search.dsl.expression import Binary, Unary
from neural_optimizer_search.dsl.families import is_family
from neural_optimizer_search.dsl.numbers import NUMBER
from neural_optimizer_search.dsl.precedence import INFIX
from neural_optimizer_search.dsl.printing import text_form
from neural_optimizer_search.dsl.vocabulary import BINARIES, OPERANDS, UNARIES

_UNARY = re.compile(rf"(?P<name>\w+)\((?P<bar>\|?)\$x\|?(?:, (?P<constant>{NUMBER}|c))?\)")
_BINARY = re.compile(r"(\w+)\(\$x, \$y\)")

# -- Operands: name -> the word --------------------------------------------------------------------

_IDENTIFIERS = [name for name in OPERANDS if name.isidentifier() and not is_family(name)]
# As the papers print them.
_PRINTED = {
    "m\u0302": "m", "v\u0302": "v", "γ": "gamma", "γ\u0302": "gamma",
    "ε": "eps", "ε_t": "eps_t", "ϵ": "eps", "ϵ_t": "eps_t",
}  # fmt: skip
NAMES = {**{name.lower(): name for name in _IDENTIFIERS}, **{name: name for name in _IDENTIFIERS}, **_PRINTED}
# The part before a member's number -> its family.
FAMILIES = {name.removesuffix("c").lower(): name for name in OPERANDS if is_family(name) and name != "c"}
FAMILIES.update({f"{printed}_": FAMILIES[f"{name}_"] for printed, name in _PRINTED.items() if f"{name}_" in FAMILIES})
# (operand, exponent) -> the word for this power.
POWERS: dict[tuple[str, Union[float, str]], str] = {
    (match[1], float(match[2])): name for name in OPERANDS if (match := re.fullmatch(rf"(\w+)\^({NUMBER})", name))
}

# -- Functions and operators -----------------------------------------------------------------------

# Function -> its constants -> the word. A function without constants has the row None; a family has the row "c".
FUNCTIONS: dict[str, dict[Union[float, str, None], str]] = {}
# Functions of |x|, which may be written with or without the bars.
OF_SIZES = set()


def _read_constant(text: Optional[str]) -> Union[float, str, None]:
    return float(text) if text and text != "c" else text


for _word in UNARIES.values():
    _template = text_form(Unary, _word).template
    if _match := _UNARY.fullmatch(_template):
        FUNCTIONS.setdefault(_match["name"], {})[_read_constant(_match["constant"])] = _word.name
        if _match["bar"]:
            OF_SIZES.add(_match["name"])
    elif _template == "|$x|":
        FUNCTIONS[_word.name] = {None: _word.name}
BINARY_FUNCTIONS = [name for name, word in BINARIES.items() if _BINARY.fullmatch(text_form(Binary, word).template)]
OPERATORS = {operator.symbol: name for name, operator in INFIX.items()}
# Name -> the constant of a rule.
CONSTANTS = {
    **{name: name for name in CONSTANT_NAMES},
    **{name.replace("beta", "β"): name for name in CONSTANT_NAMES},
    "δ": "epsilon",
}

_calls = [f"{name}(x, c)" if None not in words else name for name, words in FUNCTIONS.items()]
LEGEND = (
    f"numbers; operands {', '.join(name for name in OPERANDS if name != 'c')}; "
    f"functions {', '.join([*_calls, *(f'{n}(x, y)' for n in BINARY_FUNCTIONS)])}, with c a number, as in m_0.99; "
    f"operators + - * / ^, |x| and brackets; after commas {', '.join(f'{name}=c' for name in CONSTANT_NAMES)}."
)
