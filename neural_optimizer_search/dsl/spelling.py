"""How formulas spell the words of the vocabulary: the tables of the parser, read off what `printing` writes."""

import re
from typing import Optional, Union

from neural_optimizer_search.dsl.expression import Binary, Unary
from neural_optimizer_search.dsl.precedence import INFIX
from neural_optimizer_search.dsl.printing import text_form
from neural_optimizer_search.dsl.vocabulary import BINARIES, OPERANDS, UNARIES

_NUMBER = r"\d+\.?\d*(?:e-?\d+)?"
_UNARY = re.compile(rf"(?P<name>\w+)\((?P<bar>\|?)\$x\|?(?:, (?P<constant>{_NUMBER}))?\)")
_BINARY = re.compile(r"(\w+)\(\$x, \$y\)")


def _matches(pattern, texts):
    return {text: match for text in texts if (match := re.fullmatch(pattern, text))}


# -- Operands: name or number -> the word ----------------------------------------------------------

_IDENTIFIERS = [name for name in OPERANDS if name.isidentifier()]
NAMES = {
    **{name.lower(): name for name in _IDENTIFIERS},
    **{name: name for name in _IDENTIFIERS},
    # As the papers print them.
    "m\u0302": "m", "v\u0302": "v", "γ": "gamma", "γ\u0302": "gamma",
    "ε": "eps", "ε_t": "eps_t", "ϵ": "eps", "ϵ_t": "eps_t",
}  # fmt: skip
NUMBERS: dict[Union[float, str], str] = {float(name): name for name in _matches(_NUMBER, OPERANDS)}
# (the operand, the exponent) -> the word that is this power of it.
POWERS: dict[tuple[str, Union[float, str]], str] = {
    (match[1], float(match[2])): name for name, match in _matches(rf"(\w+)\^({_NUMBER})", OPERANDS).items()
}
WEIGHT_SCALES: dict[Union[float, str], str] = {
    float(match[1]): name for name, match in _matches(rf"({_NUMBER})\*w", OPERANDS).items()
}

# -- Functions and operators -----------------------------------------------------------------------

# Function -> its constants -> the word. A function without constants has the row None.
FUNCTIONS: dict[str, dict[Optional[float], str]] = {}
# Functions of |x|, which may be written with the bars and without.
OF_SIZES = set()
for _word in UNARIES.values():
    if _match := _UNARY.fullmatch(text_form(Unary, _word).template):
        _constant = float(_match["constant"]) if _match["constant"] else None
        FUNCTIONS.setdefault(_match["name"], {})[_constant] = _word.name
        if _match["bar"]:
            OF_SIZES.add(_match["name"])
BINARY_FUNCTIONS = [name for name, word in BINARIES.items() if _BINARY.fullmatch(text_form(Binary, word).template)]
OPERATORS = {operator.symbol: name for name, operator in INFIX.items()}

_calls = [f"{name}(x, constant)" if None not in words else name for name, words in FUNCTIONS.items()]
LEGEND = (
    f"operands {', '.join(OPERANDS)}; functions {', '.join([*_calls, *(f'{n}(x, y)' for n in BINARY_FUNCTIONS)])}; "
    "operators + - * / ^ and brackets."
)
