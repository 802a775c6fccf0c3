"""Words in many scripts, the vocabulary, and encoding."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmctl.config import FIRST_WORD, UNKNOWN
from lstmctl.model.text import (
    _NOT_SIMPLE,
    _SIMPLE_WORD,
    Vocabulary,
    _any_word,
    clip,
    encode,
    normalise,
    tokenize,
)

WORDS = {
    "Don't STOP, it's 'quoted' rock'n'roll": ["don't", "stop", "it's", "quoted", "rock'n'roll"],
    "l’été n'est pas L'ÉTÉ": ["l'été", "n'est", "pas", "l'été"],
    "great<br /><br/>movie<BR>br": ["great", "movie", "br"],
    "3.14 e-mail under_score x²": ["3", "14", "e", "mail", "under", "score", "x²"],
    "नमस्ते दुनिया, बहुत अच्छी फ़िल्म": ["नमस्ते", "दुनिया", "बहुत", "अच्छी", unicodedata.normalize("NFC", "फ़िल्म")],
    "หนังดีมาก ๒๕๖๐": ["ห", "นั", "ง", "ดี", "ม", "า", "ก", "๒๕๖๐"],
    "这部电影，很好看！2024年": ["这", "部", "电", "影", "很", "好", "看", "2024", "年"],
    "スター映画ガ": ["ス", "タ", "ー", "映", "画", "ガ"],
    "ສະບາຍດີ": ["ສ", "ະ", "ບ", "າ", "ຍ", "ດີ"],
    "ខ្មែរ": ["ខ្", "មែ", "រ"],
    "မြန်မာ": ["မြ", "န်", "မာ"],
    "한국어 영화": ["한국어", "영화"],
    "Ελληνικά ταινία": ["ελληνικά", "ταινία"],
    "مرحبا می\u200cخواهم": ["مرحبا", "می\u200cخواهم"],
    "שלום עולם": ["שלום", "עולם"],
    "good😀😀👍🏽bad": ["good", "😀", "😀", "👍🏽", "bad"],
    "👨‍👩‍👧 🇫🇷🇩🇪 ❤️ 5️⃣ ©": ["👨‍👩‍👧", "🇫🇷", "🇩🇪", "❤️", "5️⃣"],
    "": [],
    " \t\n—…“”": [],
}


@pytest.mark.parametrize("text", WORDS)
def test_tokenize(text):
    assert tokenize(text) == WORDS[text]


@pytest.mark.parametrize("text", WORDS)
def test_nfd_gives_the_same_words(text):
    assert tokenize(unicodedata.normalize("NFD", text)) == WORDS[text]


@given(st.text())
def test_tokenize_is_idempotent(text):
    words = tokenize(text)
    assert tokenize(" ".join(words)) == words
    assert not any(character.isspace() for word in words for character in word)


@given(st.text())
def test_normalise_is_idempotent(text):
    once = normalise(text)
    assert normalise(once) == once or "<br" in once  # removing a tag can leave another one


@given(st.text(alphabet=[chr(code) for code in [*range(0x300), *range(0x2010, 0x2031), 0x20AC]]))
def test_latin_pattern_agrees_with_the_full_rules(text):
    prepared = normalise(text)
    if not _NOT_SIMPLE.search(prepared):
        assert _SIMPLE_WORD.findall(prepared) == _any_word().findall(prepared)


def test_vocabulary_order():
    vocabulary = Vocabulary.learn({"b": 2, "a": 2, "c": 5, "x" * 101: 9})
    assert vocabulary.words == ("c", "a", "b")
    assert vocabulary.ids == {"c": 2, "a": 3, "b": 4}
    assert len(vocabulary) == 5
    assert vocabulary.first(4).words == ("c", "a")
    assert vocabulary.first(100, min_count=3).words == ("c",)


@given(st.dictionaries(st.text("abcé字👍", min_size=1, max_size=5), st.integers(1, 10**6)))
def test_vocabulary_round_trip(counts):
    vocabulary = Vocabulary.learn(counts)
    read = Vocabulary.from_text(vocabulary.to_text())
    assert (read.words, read.counts) == (vocabulary.words, vocabulary.counts)


@pytest.mark.parametrize(
    "damaged", ["a\t1", "a 1\n", "\t1\n", "a\t\n", "a\t-1\n", "a\t1\na\t2\n", "a\t" + "9" * 5000 + "\n", "a\t１\n"]
)
def test_damaged_vocabulary_is_rejected(damaged):
    with pytest.raises(ValueError):
        Vocabulary.from_text(damaged)


def test_encode_counts_words():
    vocabulary = Vocabulary(["good", "film"], [3, 2])
    encoded = encode("A good film, good!", vocabulary, max_len=3)
    assert encoded.ids == [FIRST_WORD, FIRST_WORD + 1, FIRST_WORD]
    assert encoded.reading == (4, 3, [], 1)
    encoded = encode("A good film, good!", vocabulary, max_len=3, cut="end")
    assert encoded.ids == [UNKNOWN, FIRST_WORD, FIRST_WORD + 1]
    assert encoded.reading.unknown == ["a"]


@pytest.mark.parametrize(("cut", "kept"), [("start", ["c", "d"]), ("end", ["a", "b"])])
def test_clip(cut, kept):
    assert clip(["a", "b", "c", "d"], 2, cut) == kept
    assert clip(["a"], 2, cut) == ["a"]


@given(st.text(st.sampled_from("aZ09'’_ <br/>\t\n\x00.-&"), max_size=40))
def test_ascii_shortcut_agrees_with_the_full_rules(text):
    assert tokenize(text) == _any_word().findall(normalise(text))
