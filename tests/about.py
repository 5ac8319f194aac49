"""What an example prints, compared with the comment of its last line, such as "# about 1e-7"."""

import re


def is_about(code: str, printed: str, factor: float) -> bool:
    """Whether what code prints is within a factor of what its last comment says."""
    (said,) = re.findall(r"print\(.*\)  # about (\S+)$", code, re.MULTILINE)
    return float(said) / factor < float(printed) < float(said) * factor
