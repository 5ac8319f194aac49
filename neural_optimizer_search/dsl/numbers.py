"""Numbers as people write them, in formulas and in the names of words."""

import re

NUMBER = r"\d+\.?\d*(?:e-?\d+)?"


def write_number(x: float) -> str:
    """The shortest text that is read back as the same number; a whole number has no point.

    Example:
      >>> from neural_optimizer_search.dsl.numbers import write_number
      >>> [write_number(x) for x in (2, 0.3, 1e-8, -0.0001, 0.1, 10.0, 1.5e-3)]
      ['2', '0.3', '1e-8', '-1e-4', '0.1', '10', '1.5e-3']
    """
    texts = [repr(float(x)), *(f"{x:.{digits}e}" for digits in range(17))]
    texts = [re.sub(r"e\+?(-?)0*(\d)", r"e\1\2", text) for text in texts]
    texts = [re.sub(r"\.0$", "", text) for text in texts]
    return min((text for text in texts if float(text) == x), key=len)
