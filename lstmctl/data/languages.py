"""Encodings told by the letters of languages: bytes that are letters of one language in one encoding are letters of
none, or of several at once, in another."""

import re
from typing import NamedTuple

_ENOUGH, _LOOKED_AT = 20, 2**14  # bytes that are not ASCII; bytes in all
_FITS, _DOUBTFUL = 0.95, 0.85  # proportions of letters
_ASCII = bytes(range(0x80))
_SIGNS = "–—‘’‚“”„…«»‹›•·§©®°€£´¿¡ªº\u00a0"  # noqa: RUF001  # beside letters, in texts of any language
# Letters beyond ASCII, small ones, by language.
_WESTERN = (
    "àâæçéèêëîïôœùûüÿ",  # French
    "äöüß",  # German
    "áéíóúüñ",  # Spanish
    "ãõáàâéêíóôúüç",  # Portuguese
    "àèéìòóù",  # Italian
    "åäöé",  # Swedish, Finnish
    "æøåé",  # Danish, Norwegian
    "áéíóúýþæöð",  # Icelandic
    "éëïèóöüá",  # Dutch
    "àéèíïóòúüç",  # Catalan
)
_CENTRAL = (
    "ąćęłńóśźż",  # Polish
    "áčďéěíňóřšťúůýž",  # Czech
    "áäčďéíĺľňóôŕšťúýž",  # Slovak
    "áéíóöőúüű",  # Hungarian
    "ăâîșțşţ",  # Romanian
    "čćđšž",  # Croatian, Slovenian
)
_TURKISH = ("çğıöşüâîİ",)
_BALTIC = ("ąčęėįšųūž", "āčēģīķļņšūž", "äöüõšž")  # Lithuanian, Latvian, Estonian
_CYRILLIC = ("абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґў",)  # noqa: RUF001
_GREEK = ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",)  # noqa: RUF001
_HEBREW, _ARABIC = ("אבגדהוזחטיךכלםמןנסעףפץצקרשת",), ("ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءأإؤئآ،؟",)
_CANDIDATES = (  # the likelier of two that fit equally well comes first
    ("windows-1252", _WESTERN),
    ("windows-1250", _CENTRAL),
    ("iso8859-2", _CENTRAL),
    ("windows-1254", _TURKISH),
    ("windows-1257", _BALTIC),
    ("mac-roman", _WESTERN),
    ("cp850", _WESTERN),
    ("cp852", _CENTRAL),
)
_OTHER_SCRIPTS = (
    ("windows-1255", _HEBREW),
    ("windows-1251", _CYRILLIC),
    ("koi8-r", _CYRILLIC),
    ("cp866", _CYRILLIC),
    ("iso8859-5", _CYRILLIC),
    ("windows-1253", _GREEK),
    ("windows-1256", _ARABIC),
)
_MOST_BESIDE_ASCII = 0.2  # of the letters of another script
_ASCII_LETTER, _HIGH_BESIDE = re.compile(rb"[A-Za-z]"), re.compile(rb"(?<=a)[\x80-\xff]|[\x80-\xff](?=a)")
_EAST_ASIAN = ("euc-jp", "shift_jis", "euc-kr", "gb18030", "big5")


class _Fit(NamedTuple):
    """How many of the characters that are not ASCII are letters of one language, as a proportion."""

    share: float
    encoding: str


def is_of_other_language(data: bytes) -> bool:
    """Whether bytes that can be read as windows-1252 are words in another one-byte encoding: they have letters that no
    Western European language has, or not together, and in the other encoding those of one language."""
    data = data[:_LOOKED_AT]
    if len(data.translate(None, _ASCII)) < _ENOUGH:
        return False
    return _best_fit(data).share >= _FITS and _fit(data, *_CANDIDATES[0]).share < _DOUBTFUL


def encoding_of_letters(data: bytes) -> str | None:
    """The encoding in which nearly all that is not ASCII are letters of one language; None if there is none, or too
    little to tell.

    >>> encoding_of_letters("zażółć gęślą jaźń źle się ogląda".encode("windows-1250") * 2)
    'windows-1250'
    """
    data = data[:_LOOKED_AT]
    if len(data.translate(None, _ASCII)) < _ENOUGH:
        return None
    best = _best_fit(data)
    if best.share >= _FITS:
        return best.encoding
    return next((encoding for encoding in _EAST_ASIAN if _is_east_asian(data, encoding)), None)


def _best_fit(data: bytes) -> _Fit:
    candidates = _CANDIDATES if _beside_ascii(data) > _MOST_BESIDE_ASCII else (*_CANDIDATES, *_OTHER_SCRIPTS)
    return max((_fit(data, *candidate) for candidate in candidates), key=lambda fit: fit.share)


def _beside_ascii(data: bytes) -> float:
    """The proportion of the characters that are not ASCII that are beside a letter that is: high in Latin script."""
    letters = _ASCII_LETTER.sub(b"a", data)
    return len(_HIGH_BESIDE.findall(letters)) / max(1, len(data.translate(None, _ASCII)))


def _fit(data: bytes, encoding: str, languages: tuple[str, ...]) -> _Fit:
    letters = [letter for letter in data.decode(encoding, "replace") if not letter.isascii() and letter not in _SIGNS]
    if not letters:
        return _Fit(0.0, encoding)
    known = (sum(letter in language or letter.lower() in language for letter in letters) for language in languages)
    # A capital after another letter is rare: in another encoding it is a small one.
    return _Fit((max(known) - _capitals_inside(data, encoding)) / len(letters), encoding)


def _capitals_inside(data: bytes, encoding: str) -> int:
    text = data.decode(encoding, "replace")
    pairs = zip(text, text[1:], strict=False)
    return sum(first.isalpha() and second.isupper() and not second.isascii() for first, second in pairs)


def _is_east_asian(data: bytes, encoding: str) -> bool:
    """Whether the characters are the usual ones of the language of the encoding."""
    text = data.decode(encoding, "replace")
    other = [letter for letter in text if not letter.isascii()]
    if text.count("\ufffd") > len(other) / 100:
        return False
    if encoding in ("euc-jp", "shift_jis"):
        usual = sum("\u3041" <= letter <= "\u30ff" for letter in other)
        return usual > len(other) / 4
    if encoding == "euc-kr":
        return sum("\uac00" <= letter <= "\ud7a3" for letter in other) > 0.8 * len(other)
    # Of the characters in use, nearly all are in the first half of the code, which is sorted by frequency.
    common = [letter for letter in other if "\u4e00" <= letter <= "\u9fff"]
    ranks = [letter.encode(encoding)[0] for letter in common]
    first, last = (0xB0, 0xD7) if encoding == "gb18030" else (0xA4, 0xC6)
    return sum(first <= rank <= last for rank in ranks) > 0.7 * len(other)
