"""Word vectors as text, one word a line: the format of GloVe, and of word2vec and fastText with a first line of counts."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidRowError, UsageError
from .files import read_lines


if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)

_BLOCK_LINES = 4096
_LARGEST_FLOAT32 = 3.4028234663852886e38


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Words and one vector for each.

    Args:
        words (`list[str]`): the words, in the order of the file (mostly the frequent ones first).
        vectors (`np.ndarray` of shape `(len(words), d)`, float32): their vectors, finite.
        name (`str`, defaults to `"word vectors"`): where they come from, for model cards; a file's name without folder.
        num_duplicates (`int`, defaults to 0): lines left out because their word had occurred before.

    Raises:
        UsageError: the numbers of words and rows differ, or `vectors` is no finite float32 matrix.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.data import WordVectors
    >>> WordVectors(["river", "sea"], np.ones((2, 3), dtype=np.float32)).dim
    3

    ```
    """

    words: list[str]
    vectors: np.ndarray
    name: str = "word vectors"
    num_duplicates: int = 0

    def __post_init__(self) -> None:
        import numpy as np  # Here and below: reading other data costs no import of numpy.

        vectors = self.vectors
        if not isinstance(vectors, np.ndarray) or vectors.dtype != np.float32 or vectors.ndim != 2:
            found = f"{vectors.dtype} {vectors.shape}" if isinstance(vectors, np.ndarray) else type(vectors).__name__
            raise UsageError(f"`vectors` must be a float32 array of shape (words, dimensions), got {found}.")
        if len(self.words) != len(vectors) or 0 in vectors.shape:
            raise UsageError(
                f"There must be one vector of at least one dimension for every word, got {len(self.words)} words and an "
                f"array of shape {vectors.shape}."
            )
        if not np.isfinite(vectors).all():
            row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            raise UsageError(
                f"The vector of {self.words[row]!r} (row {row}) holds NaN or infinity. Leave the word out."
            )

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return int(self.vectors.shape[1])


def read_word_vectors(
    path: str | os.PathLike[str], *, words: Collection[str] | None = None, max_words: int | None = None
) -> WordVectors:
    """Read word vectors from a text file: on every line a word and its numbers, separated by spaces or tabs.

    The first line gives the width: as many numbers as stand at its end. A first line of two whole numbers is the
    header of word2vec and fastText, `count dimensions`, and both are checked against the rest. Words that hold spaces
    (GloVe 840B has `. . .`) are read from the right. Of lines with the same word the first counts; the others are
    counted and logged. Blank lines are passed over. The file is read line by line, so that memory holds only what is
    kept.

    Args:
        path (`str` or `PathLike`): the file; unpacked on the fly when its name ends in `.gz`.
        words (`Collection[str]`, *optional*): keep only these. They are compared as they stand in the file, letter case
            included: for a file in lower case (GloVe 6B) give lower-case words. Of lines with other words only the
            number of fields is checked.
        max_words (`int`, *optional*): stop after this many words; the files list frequent words first.

    Returns:
        [`WordVectors`]: words, and float32 vectors.

    Raises:
        UsageError: the file does not exist, an argument is out of range, or the file has none of `words`.
        InvalidRowError: a line with another width, without a word, with a field that is no finite number, or that is
            not UTF-8 (with its line number); a file without vectors, with fewer or more than its header says, or packed.

    Example:

    ```python
    >>> import tempfile, pathlib
    >>> from hf_relation.data import read_word_vectors
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "vectors.txt"
    >>> _ = path.write_text("the 0.5 -1\\nriver 2 0.25\\n")
    >>> read_word_vectors(path, words={"river"}).vectors
    array([[2.  , 0.25]], dtype=float32)

    ```

    Reference: the format of Pennington et al., "GloVe", EMNLP 2014.
    """
    import numpy as np

    if max_words is not None and (isinstance(max_words, bool) or not isinstance(max_words, int) or max_words < 1):
        raise UsageError(f"`max_words` must be None or an integer of at least 1, got {max_words!r}.")
    if isinstance(words, str):
        raise UsageError(f"`words` must be a collection of words, got the string {words[:40]!r}. Put it in a list.")
    wanted = None if words is None else {word.encode("utf-8", "surrogatepass") for word in words}
    seen: set[bytes] = set()
    kept: list[str] = []
    blocks: list[np.ndarray] = []
    pending: list[tuple[int, bytes]] = []
    width = num_duplicates = 0
    for line, word, numbers, width in _entries(path):
        if wanted is not None and word not in wanted:
            continue
        if word in seen:
            num_duplicates += 1
            continue
        seen.add(word)
        kept.append(_decode(word, line))
        pending.append((line, numbers))
        if len(pending) == _BLOCK_LINES:
            blocks.append(_parse_block(pending, width))
            pending = []
        if len(kept) == max_words:
            break
    if pending:
        blocks.append(_parse_block(pending, width))
    if not width:
        raise InvalidRowError(f"{path} holds no word vectors. Every line must be a word and its numbers.")
    if not kept:
        raise UsageError(
            f"{path} has a vector for none of the {len(wanted or ())} words asked for. Words are compared with their "
            "letter case: for a file in lower case, give them in lower case."
        )
    if num_duplicates:
        logger.warning("%s: %d lines repeat a word; the first line of every word counts.", path, num_duplicates)
    return WordVectors(kept, np.concatenate(blocks), name=Path(path).name, num_duplicates=num_duplicates)


def _entries(path: str | os.PathLike[str]) -> Iterator[tuple[int, bytes, bytes, int]]:
    """Line number, word, numbers and width of every line."""
    width = header_count = count = width_line = 0
    for line, content in read_lines(path):
        if line == 1 and content.startswith((b"PK\x03\x04", b"\x1f\x8b")):
            raise InvalidRowError(f"{path} is a packed file. Unpack it; only a gzip file named .gz is read packed.")
        content = content.replace(b"\t", b" ").rstrip()
        if not content:
            continue
        if not width:
            fields = content.split()
            if not header_count and len(fields) == 2 and all(map(_is_count, fields)):
                header_count, width, width_line = int(fields[0]), int(fields[1]), line
                if not header_count or not width:
                    raise InvalidRowError("the header promises no words or no dimensions.", line=line)
                continue
            width, width_line = _count_numbers(fields), line
            if not width:
                raise InvalidRowError(
                    f"a word and its numbers are needed, got {_show(content)}. This is not a text file of word vectors.",
                    line=line,
                )
        if content.count(b" ") == width:
            word, _, numbers = content.partition(b" ")
        else:
            word, numbers = _split_carefully(content, width, line, width_line, bool(header_count))
        if not word:
            raise InvalidRowError(f"the line has no word before its {width} numbers. Remove the line.", line=line)
        count += 1
        yield line, word, numbers, width
    if header_count and count != header_count:
        raise InvalidRowError(
            f"{path} has {count} words, but its header promises {header_count}. It was cut off or edited; get it again, or "
            "set the first line right."
        )


def _split_carefully(content: bytes, width: int, line: int, width_line: int, header: bool) -> tuple[bytes, bytes]:
    """Word and numbers of a line that has more or fewer single spaces than a word without spaces would have."""
    fields = content.split()
    found = _count_numbers(fields)
    if found != width and len(fields) != width + 1:
        said = "the header says" if header else "the first has"
        raise InvalidRowError(
            f"the line ends in {found} numbers, but {said} {width} (line {width_line}): {_show(content)}. All vectors must "
            "have one width: read files of different widths one by one, or remove the line.",
            line=line,
        )
    numbers = b" ".join(fields[-width:])
    # The word as it stands: it may hold spaces.
    rest = content
    for _ in range(width):
        rest = rest.rstrip(b" ").rpartition(b" ")[0]
    return rest.strip(b" "), numbers


def _count_numbers(fields: Sequence[bytes]) -> int:
    """How many fields at the end are numbers, the first field (the word) left out."""
    count = 0
    for field in reversed(fields[1:]):
        if _number(field) is None:
            break
        count += 1
    return count


def _is_count(field: bytes) -> bool:
    return (
        field.isdigit() and len(field) < 19
    )  # longer ones are no counts, and Python refuses those of thousands of digits


def _number(field: bytes) -> float | None:
    try:
        return None if b"_" in field else float(field)  # Python reads 1_000, too
    except ValueError:
        return None


def _parse_block(pending: Sequence[tuple[int, bytes]], width: int) -> np.ndarray:
    import numpy as np

    joined = b" ".join(numbers for _, numbers in pending)
    if b"_" not in joined:
        try:
            with np.errstate(over="ignore"):
                values = np.array(joined.split(), dtype=np.float32)
        except ValueError:
            raise _bad_line(pending, width) from None
        if values.size == width * len(pending) and np.isfinite(values).all():
            return values.reshape(-1, width)
    raise _bad_line(pending, width)


def _bad_line(pending: Sequence[tuple[int, bytes]], width: int) -> InvalidRowError:
    """The error for the first bad line of a block that has one."""
    for line, numbers in pending:
        fields = numbers.split()
        for field in fields:
            value = _number(field)
            if value is None or not abs(value) <= _LARGEST_FLOAT32:
                return InvalidRowError(
                    f"{_show(field)} is not a finite number of single precision. Remove the line or set it right.",
                    line=line,
                )
        if len(fields) != width:
            break
    return InvalidRowError(f"the line has {len(fields)} numbers, but {width} are needed. Remove the line.", line=line)


def _decode(word: bytes, line: int) -> str:
    try:
        return word.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRowError(
            f"the word is not UTF-8: byte 0x{word[error.start]:02x} in {_show(word)}. Save the file as UTF-8 text; a "
            "binary word2vec file must be turned into text first.",
            line=line,
        ) from None


def _show(content: bytes) -> str:
    text = content[:40].decode("utf-8", "replace")
    return repr(text + "..." if len(content) > 40 else text)
