"""English words, to tell a disguised word from a code: "sh00t" is one, "F35" is none.

words.txt has the words of our own examples that occur more than once in them; `make docs` writes it.
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).with_name("words.txt")
_WORD = re.compile(r"(?<![\w'@$])[a-z]{3,}(?![\w'@$])")


@lru_cache(maxsize=1)
def words() -> frozenset[str]:
    """All of them, in small letters, three letters or more."""
    return frozenset(FILE.read_text(encoding="ascii").split())


def vocabulary(texts: Iterable[str]) -> list[str]:
    """The words that occur in more than one of the texts, in order."""
    counts = Counter(word for text in texts for word in set(_WORD.findall(text.lower())))
    return sorted(word for word, count in counts.items() if count > 1)
