"""Words in many scripts, the vocabulary, and encoding."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmctl.config import FIRST_WORD, UNKNOWN
from lstmctl.model.text import (
    _JOINER_2,
    _MARK,
    _NOT_SIMPLE,
    _SIMPLE_WORD,
    _SIMPLE_WORD_2,
    Vocabulary,
    _any_word,
    _rewrite_marks,
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
    assert tokenize(text, "words-1") == WORDS[text]


@pytest.mark.parametrize("text", WORDS)
def test_nfd_gives_the_same_words(text):
    assert tokenize(unicodedata.normalize("NFD", text), "words-1") == WORDS[text]


# What `words-2` reads otherwise; in all other texts above it finds the same words.
WORDS_2 = {
    "3.14 e-mail under_score x²": ["3.14", "e", "mail", "under", "score", "x²"],
    "这部电影，很好看！2024年": ["这", "部", "电", "影", "很", "好", "看", "！", "2024", "年"],
    " \t\n—…“”": ["..."],
    "8/10": ["8/10"],
    "8 / 10, 8/ 10 and 1/2/3.5": ["8", "10", "8", "10", "and", "1/2/3.5"],
    "3.5 .5 5. 3,5 v1.0b": ["3.5", "5", "5", "3", "5", "v1.0b"],
    "a.b c/d 2.a a.2 ²/³": ["a", "b", "c", "d", "2", "a", "a", "2", "²", "³"],
    "a. b.. c... d.... e…": ["a", "b", "...", "c", "...", "d", "...", "e", "..."],
    "3..5 3...5 3./5 3...": ["3", "...", "5", "3", "...", "5", "3", "5", "3", "..."],
    "...": ["..."],
    "!!!": ["!", "!", "!"],
    "What?!": ["what", "?", "!"],
    "!٤!": ["!", "٤", "!"],
    ":-) :) ;-) ;) :-( :(": [":)", ":)", ";)", ";)", ":(", ":("],
    ";( ;-( :--) :-/ : ) (: 8-)": ["8"],
    "good:)bad ::)) :-)!": ["good", ":)", "bad", ":)", ":)", "!"],
    "很好！真的？ :-)": ["很", "好", "！", "真", "的", "？", ":)"],
    "été 8/10… l’été!": ["été", "8/10", "...", "l'été", "!"],
    "don't! 'quoted'! rock'n'roll '''! 9/10's": ["don't", "!", "quoted", "!", "rock'n'roll", "!", "9/10's"],
    "great<br />...<br/>8<br>/<br>10": ["great", "...", "8", "10"],
    "\x01a\x02.\x03.\x078/\x0810\x07": ["a", "8", "10"],
    "5️⃣/10 👍🏽! 😀...": ["5️⃣", "10", "👍🏽", "!", "😀", "..."],
}


@pytest.mark.parametrize("text", {**WORDS, **WORDS_2})
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_tokenize_with_marks(text, form):
    assert tokenize(unicodedata.normalize(form, text), "words-2") == {**WORDS, **WORDS_2}[text]


TOKENIZERS = ["words-1", "words-2"]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@given(text=st.text() | st.text("aZé字09'’/.…!?！:;()-<> \x01\x07", max_size=20))
def test_tokenize_is_idempotent(tokenizer, text):
    words = tokenize(text, tokenizer)
    assert tokenize(" ".join(words), tokenizer) == words
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
        assert _SIMPLE_WORD_2.findall(prepared) == _any_word(_JOINER_2, f"|{_MARK}").findall(prepared)


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


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_encode_counts_words(tokenizer):
    vocabulary = Vocabulary(["good", "film"], [3, 2])
    encoded = encode("A good film, good", vocabulary, tokenizer=tokenizer, max_len=3)
    assert encoded.ids == [FIRST_WORD, FIRST_WORD + 1, FIRST_WORD]
    assert encoded.reading == (4, 3, [], 1)
    encoded = encode("A good film, good", vocabulary, tokenizer=tokenizer, max_len=3, cut="end")
    assert encoded.ids == [UNKNOWN, FIRST_WORD, FIRST_WORD + 1]
    assert encoded.reading.unknown == ["a"]


def test_encode_with_marks():
    vocabulary = Vocabulary(["good", "!", "8/10", "8"], [3, 2, 1, 1])
    encoded = encode("A good film! 8/10", vocabulary, tokenizer="words-2", max_len=9)
    assert (encoded.ids, encoded.words) == ([1, 2, 1, 3, 4], ["a", "good", "film", "!", "8/10"])
    assert encode("A good film! 8/10", vocabulary, tokenizer="words-1", max_len=9).ids == [1, 2, 1, 5, 1]


@pytest.mark.parametrize("start_word", [None, "<start>"])
@pytest.mark.parametrize("cut", ["start", "middle", "end"])
@pytest.mark.parametrize("max_len", range(1, 10))
def test_encode_cuts_anywhere(cut, max_len, start_word):
    # What is left out is counted; the start word is cut like the others, but never counted.
    own = ["good", "bad", "film", "good", "plot", "end"]
    vocabulary = Vocabulary(["good", "film", "<start>"], [3, 2, 1])
    encoded = encode(" ".join(own), vocabulary, tokenizer="words-1", max_len=max_len, cut=cut, start_word=start_word)
    read = clip(own if start_word is None else [start_word, *own], max_len, cut)
    assert encoded.ids == [vocabulary.ids.get(word, UNKNOWN) for word in read]
    assert encoded.words == [word for word in read if word != start_word]
    unknown = [word for word in encoded.words if word not in vocabulary.ids]
    assert encoded.reading == (6, len(encoded.words) - len(unknown), unknown, 6 - len(encoded.words))


@pytest.mark.parametrize(
    ("cut", "max_len", "kept"),
    [
        ("start", 2, "ij"),
        ("end", 2, "ab"),
        ("middle", 1, "j"),
        ("middle", 3, "hij"),
        ("middle", 4, "ahij"),
        ("middle", 7, "aefghij"),
        ("middle", 8, "abefghij"),
        ("middle", 9, "abdefghij"),
        ("middle", 10, "abcdefghij"),
    ],
)
def test_clip(cut, max_len, kept):
    assert "".join(clip(list("abcdefghij"), max_len, cut)) == kept
    assert clip(["a"], max_len, cut) == ["a"]
    assert clip([], max_len, cut) == []


@given(st.text(st.sampled_from("aZ09'’_ <br/>\t\n\x00.-&"), max_size=40))
def test_ascii_shortcut_agrees_with_the_full_rules(text):
    assert tokenize(text, "words-1") == _any_word().findall(normalise(text))


@settings(max_examples=500)
@given(st.text("aZ019'’_ <br/>./!?:;()-&\n\x00\x01\x02\x03\x04\x05\x06\x07\x08\x7f…é", max_size=30))
def test_shortcuts_with_marks_agree_with_the_full_rules(text):
    prepared = _rewrite_marks(normalise(text).replace("…", "..."))
    expected = _any_word(_JOINER_2, f"|{_MARK}").findall(prepared)
    assert tokenize(text, "words-2") == expected
    assert tokenize(text + " 字", "words-2") == [*expected, "字"]  # this letter keeps both shortcuts away


@given(st.text("aZé9'’ <br>,-_\x01字👍", max_size=30))
def test_tokenizers_agree_without_marks(text):
    assert tokenize(text, "words-2") == tokenize(text, "words-1")
