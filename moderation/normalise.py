"""Pure text → text: what a reader sees, not what was typed to slip past a filter.

The model is trained on the output of this module, so a change here is a change of the model's input: retrain or measure.
Every step is a regular expression that usually finds nothing, so plain text costs a few microseconds.

Each output character remembers where in the input it came from, because a moderator is shown spans of the original text.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from moderation.words import words

# Cyrillic and Greek letters that look like a Latin one (Unicode confusables, the subset that occurs in words).
_LOOKALIKES = str.maketrans(
    "аеорсухівкмнтАВЕКМНОРСТУХІЅѕјԁɡοαεικνρτυΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxibkmhtABEKMHOPCTYXISsjdgoaeiknptuABEZHIKMNOPTYX",
)
_QUOTES = str.maketrans("‘’‚‛“”„‟′″–—", "''''\"\"\"\"'\"--")
# Names that Unicode gives in another language than a reader's.
_EMOJI_NAMES = {"🔪": "knife", "🔫": "gun", "☠": "skull", "🏴": "flag"}
_LEET = {"0": "o", "1": "il", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "il"}  # what each may stand for
_STRETCHED_VOWELS = frozenset("aiuAIU")
_MOST_READINGS = 64  # of one word: disguises are short

_NON_ASCII = re.compile(r"[^\x00-\x7f]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MIXED_SCRIPT_WORD = re.compile(r"\b(?=\w*[A-Za-z])(?=\w*[Ͱ-ϿЀ-ԯɡ])\w+")
_SPELLED_OUT = re.compile(r"(?<![\w'])[A-Za-z]([ .\-_*])[A-Za-z](?:\1[A-Za-z])+(?![\w'])")
_LEET_WORD = re.compile(r"(?<![\w@$.:/])(?=[A-Za-z$@!]*[$@!\d])(?=[\d$@!]*[A-Za-z])[A-Za-z$@!013457]{2,}[A-Za-z013457$](?![\w@$]|[.:/]\w)")
_MEASURE = re.compile(r"\d+(am|pm|st|nd|rd|th|km|kg|mm|cm|ml|mb|gb|ton|ft|in|s|m|k|p|x|d)", re.IGNORECASE)
_STRETCHED_WORD = re.compile(r"(?<![A-Za-z])(?=[A-Za-z]*([A-Za-z])\1{2})[A-Za-z]+(?![A-Za-z])")
_STRETCHED = re.compile(r"([A-Za-z])\1{2,}")
_SHOUTED = re.compile(r"([!?.])\1{3,}")
_SPACES = re.compile(r"[^\S\n]{2,}")


@dataclass(frozen=True, slots=True)
class Normalised:
    """A text ready for the model, and the way back to the original."""

    text: str  # what the model reads
    offsets: tuple[int, ...] | None  # per character of text, its index in the original; None when nothing moved
    length: int  # characters of the original

    def original_span(self, begin: int, end: int) -> tuple[int, int]:
        """The half-open range of the original text that became text[begin:end]."""
        if self.offsets is None:
            return begin, end
        if begin >= len(self.offsets):
            return self.length, self.length
        last = self.offsets[end] if end < len(self.offsets) else self.length
        return self.offsets[begin], last


def normalise(text: str) -> Normalised:
    """Fold invisible characters, look-alikes, spelled-out and stretched words, leet and emoji into plain words."""
    folded = _Folding(text)
    if not text.isascii():
        folded.replace(_MIXED_SCRIPT_WORD, lambda m: m[0].translate(_LOOKALIKES))
        folded.replace(_NON_ASCII, lambda m: _fold_character(m[0]))
        # Zero-width characters may have hidden a mixed word from the first pass.
        folded.replace(_MIXED_SCRIPT_WORD, lambda m: m[0].translate(_LOOKALIKES))
    folded.replace(_CONTROL, lambda _: "")
    if folded.has(_STRETCHED):  # quicker to tell
        folded.replace(_STRETCHED_WORD, _shorten)
    folded.replace(_SHOUTED, lambda m: m[1] * 3)
    folded.replace(_SPELLED_OUT, lambda m: m[0].replace(m[1], ""))
    folded.replace(_LEET_WORD, _unleet)
    folded.replace(_SPACES, lambda _: " ")
    return folded.result()


class _Folding:
    """A text under replacement that keeps the index of every character's origin."""

    def __init__(self, text: str) -> None:
        self._length = len(text)
        self._text = text
        self._offsets: list[int] | None = None

    def has(self, pattern: re.Pattern[str]) -> bool:
        return pattern.search(self._text) is not None

    def replace(self, pattern: re.Pattern[str], new: Callable[[re.Match[str]], str]) -> None:
        if pattern.search(self._text) is None:
            return
        old = self._offsets or list(range(len(self._text)))
        parts: list[str] = []
        offsets: list[int] = []
        at = 0
        for match in pattern.finditer(self._text):
            begin, end = match.span()
            fresh = new(match)
            parts += (self._text[at:begin], fresh)
            offsets += old[at:begin]
            # Spread the new characters over the old ones, so that a span that starts inside stays close.
            offsets += [old[begin + min(i, end - begin - 1)] for i in range(len(fresh))]
            at = end
        parts.append(self._text[at:])
        self._text, self._offsets = "".join(parts), offsets + old[at:]

    def result(self) -> Normalised:
        return Normalised(self._text, tuple(self._offsets) if self._offsets is not None else None, self._length)


@lru_cache(maxsize=4096)
def _fold_character(char: str) -> str:
    plain = char.translate(_QUOTES)
    if plain != char:
        return plain
    if char in _EMOJI_NAMES:
        return f" {_EMOJI_NAMES[char]} "
    category = unicodedata.category(char)
    if category in {"Cf", "Cc", "Cs", "Co", "Cn"} or unicodedata.combining(char) or "VARIATION SELECTOR" in unicodedata.name(char, ""):
        return ""
    if category == "Sk" and "EMOJI MODIFIER" in unicodedata.name(char, ""):
        return ""
    if category == "So":
        return f" {unicodedata.name(char, '').lower()} "
    return unicodedata.normalize("NFKC", char)


def _shorten(match: re.Match[str]) -> str:
    """The known word with each stretched letter once or twice ("heeell" is "hell"); else a guess, for few words double a, i or u."""
    word = match[0]
    runs = [m[0] for m in _STRETCHED.finditer(word)]
    if 2 ** len(runs) <= _MOST_READINGS:
        for counts in product((1, 2), repeat=len(runs)):
            read = _stretched_to(word, counts)
            if read.lower() in words():
                return read
    return _STRETCHED.sub(lambda m: m[1] if m[1] in _STRETCHED_VOWELS else m[1] * 2, word)


def _stretched_to(word: str, counts: Iterable[int]) -> str:
    """The word with each stretched letter so many times."""
    lengths = iter(counts)
    return _STRETCHED.sub(lambda m: m[1] * next(lengths), word)


def _unleet(match: re.Match[str]) -> str:
    """The known word that digits and signs stand for ("5hoot" is "shoot"). What letters enclose is read so even if unknown."""
    word = match[0]
    if _MEASURE.fullmatch(word):
        return word
    options = [_LEET.get(c, c) for c in word]
    choices = 1
    for option in options:
        choices *= len(option)
    if choices <= _MOST_READINGS:
        for read in map("".join, product(*options)):
            if read.lower() in words():
                return read
    letters = sum(c.isalpha() for c in word)
    enclosed = (word[0].isalpha() or word[0] == "$") and word[-1].isalpha()
    return "".join(option[0] for option in options) if enclosed and letters >= 3 and letters > len(word) - letters else word
