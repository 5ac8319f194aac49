"""Text files from any system, with or without a byte order mark, with any line endings."""

import codecs
import hashlib
import pathlib
from collections.abc import Iterable

from neural_optimizer_search.user_error import UserError


def read_lines(path: pathlib.Path) -> list[str]:
    """Reads the lines of a UTF-8 file, without byte order mark and line endings.

    Lines end with LF or CR LF, or with CR in a file without LF before its end.

    Raises:
      UserError: If a line is not UTF-8.
    """
    content = path.read_bytes().removeprefix(codecs.BOM_UTF8).removesuffix(b"\n").removesuffix(b"\r")
    # Not `splitlines`: in text from the web, other line separators, such as a lone CR, occur within sentences.
    end = b"\n" if b"\n" in content or b"\r" not in content else b"\r"
    return [_decode(line, number, path) for number, line in enumerate(content.split(end), start=1)]


def _decode(line, number, path):
    try:
        return line.decode("utf-8").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}, line {number}: must be UTF-8 text. Received: {error}. Save it as UTF-8, or download it again"
        ) from None


def hash_files(paths: Iterable[pathlib.Path]) -> str:
    """A digest of 16 hexadecimal digits that identifies the contents of files."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
