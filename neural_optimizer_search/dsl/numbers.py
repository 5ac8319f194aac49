"""Numbers as people write them, in formulas and in the names of words."""

import re

# A number in a name. Nothing after a digit is ambiguous, so no text takes long to reject.
NUMBER = r"\d+(?:\.\d*)?(?:e-?\d+)?"
# A number in a formula, where people also type .5, 1E-3 and 1e+3. Names that tables and ledgers hold stay narrower.
TYPED_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"


def write_number(x: float) -> str:
    """The shortest text that reads back as the same number; a whole number has no decimal point.

    Example:
      >>> from neural_optimizer_search.dsl.numbers import write_number
      >>> [write_number(x) for x in (2, 0.3, 1e-8, -0.0001, 0.1, 10.0, 1.5e-3)]
      ['2', '0.3', '1e-8', '-1e-4', '0.1', '10', '0.0015']
    """
    texts = [repr(float(x)), *(f"{x:.{digits}e}" for digits in range(17))]
    texts = [re.sub(r"e\+?(-?)0*(\d)", r"e\1\2", text) for text in texts]
    texts = [re.sub(r"\.0$", "", text) for text in texts]
    return min((text for text in texts if float(text) == x), key=len)


def write_latex(x: float) -> str:
    r"""Like `write_number`, in LaTeX.

    Example:
      >>> from neural_optimizer_search.dsl.numbers import write_latex
      >>> [write_latex(x) for x in (0.3, 1e-8, 2.5e-4)]
      ['0.3', '10^{-8}', '2.5 \\cdot 10^{-4}']
    """
    digits, _, exponent = write_number(x).partition("e")
    power = f"10^{{{exponent}}}"
    return digits if not exponent else power if digits == "1" else rf"{digits} \cdot {power}"
