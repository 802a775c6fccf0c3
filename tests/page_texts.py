"""Texts in many scripts, the same in every run: sentences of real words, and letters at random."""

import random
import unicodedata

SCRIPTS = {  # ranges of code points; those that this Python does not know are left out
    "Latin": ((0x41, 0x24F), (0x1E00, 0x1EFF)),
    "Greek": ((0x370, 0x3FF), (0x1F00, 0x1FFF)),
    "Cyrillic": ((0x400, 0x52F),),
    "Armenian and Georgian": ((0x531, 0x58F), (0x10A0, 0x10FF), (0x1C90, 0x1CBF)),
    "Hebrew": ((0x591, 0x5F4),),
    "Arabic": ((0x600, 0x6FF), (0x200C, 0x200D)),
    "Devanagari": ((0x900, 0x97F), (0x200C, 0x200D)),
    "Tamil": ((0xB82, 0xBFA),),
    "Thai, Lao, Khmer, Burmese": ((0xE01, 0xE5B), (0xE81, 0xEDF), (0x1780, 0x17F9), (0x1000, 0x109F)),
    "Han": ((0x4E00, 0x4FFF), (0x3001, 0x303F), (0x20000, 0x200FF)),
    "Kana": ((0x3041, 0x30FF), (0xFF01, 0xFF9F), (0x31F0, 0x31FF)),
    "Hangul": ((0xAC00, 0xAFFF), (0x1100, 0x11FF), (0x3131, 0x318E)),
}
MARKS = [
    " ",
    "  ",
    "\n",
    "\t",
    "\u00a0",
    "\x1c",
    "\x85",
    "\u3000",
    ", ",
    ". ",
    "...",
    "…",
    "! ",
    "?! ",
    " :-) ",
    ";)",
    ":(",
]
MARKS += [
    "'",
    "’",
    " 8/10 ",
    " 3.5/5",
    "1.2.3",
    "..5",
    "²/³",
    "_",
    "-",
    "—",
    "/",
    "<br />",
    "<BR>",
    "<br\x85/>",
    "<b>",
    "“”",
]
MARKS += [
    "👍🏽",
    "😀😀",
    "👨‍👩‍👧",
    "🇫🇷🇩🇪",
    "🇫",
    "❤️",
    "❤",
    "5️⃣",
    "#⃣",
    "©",
    "©️",
    "↔️",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "\u200d",
    "\ufe0f",
    "\u0301",
    "İ",
    "ΣΑΣ ",
    "ß",
    "ﬁ",
    "ŉ",
    "K",
]
SENTENCES = [
    "Don't miss it — 10/10! A good film, not a bad one...",
    "L’été n'est pas L'ÉTÉ; la fin était décevante.",
    "Фильм очень хороший, не плохой. Ёлки-палки!",
    "Η ταινία είναι καλή, δεν είναι κακή. ΟΔΥΣΣΕΥΣ",
    "هذا فيلم جيد، ليس سيئًا. می‌خواهم ببینم",
    "זה סרט טוב מאוד, לא רע בכלל",
    "सिनेमा अच्छा नहीं था, फ़िल्म ठीक थी।",
    "இந்த சினிமா நல்ல படம்",
    "หนังดีมาก ๒๕๖๐ สนุก",
    "这部电影，很好看！不好的地方？2024年",
    "スター映画ガとても良い。でも長い！",
    "한국어 영화 좋다 안 좋다 ㅋㅋㅋ",
    "ფილმი კარგი იყო, Ֆիլմը լավ էր",
    "Phim này không hay, Tiếng Việt",
    "",
    "   ",
    "!!!",
    "<br /><br/>",
    "good" * 60,
]


def make_texts(words: list[str], count: int = 1000) -> list[str]:
    """Sentences, sentences in normal form D, and mixtures of words that a model knows, letters and marks."""
    generator = random.Random(4)
    letters = {
        script: [chr(code) for first, last in ranges for code in range(first, last + 1) if _is_known(code)]
        for script, ranges in SCRIPTS.items()
    }
    texts = [*SENTENCES, *(unicodedata.normalize("NFD", text) for text in SENTENCES)]
    texts += [" ".join(generator.choices(words, k=length)) for length in (79, 80, 81, 150)]
    while len(texts) < count:
        own = letters[list(letters)[len(texts) % len(letters)]]
        pieces = []
        for _ in range(generator.randrange(1, 30)):
            kind = generator.random()
            if kind < 0.4:
                pieces.append(generator.choice(words) + " ")
            elif kind < 0.75:
                pieces.append("".join(generator.choices(own, k=generator.randrange(1, 8))))
            else:
                pieces.append(generator.choice(MARKS))
        text = "".join(pieces)
        form = generator.choice([None, None, "NFC", "NFD", "NFKD"])
        texts.append(unicodedata.normalize(form, text) if form else text)
    return texts


def _is_known(code: int) -> bool:
    return unicodedata.category(chr(code)) != "Cn"
