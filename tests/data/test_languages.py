"""Encodings told by the letters of languages."""

import random

import pytest

from lstmctl.data.encodings import guess_encoding, looks_like_windows_1252

WESTERN = {
    "French": "très bon film où l’été déçu façon œuvre garçon Noël être",
    "German": "schöner Film für große Bären Straße über übel müde",
    "Swedish": "bra film på svenska för åren också hör själv älskar öar",
    "Danish": "god film på årets største også hør selv æble",
    "Italian": "è un bel film perché più così città può già",
    "Spanish": "¿qué película más bonita? niño año también ¿cómo está?",
    "Portuguese": "não é um bom filme então coração você já avó",
    "English": "it’s a “good” film – really naïve café",
}
OTHERS = [
    ("zażółć gęślą jaźń świetny film źle się ogląda łódź", ("windows-1250", "iso8859-2", "cp852")),
    ("příliš žluťoučký kůň úpěl ďábelské ódy výborný špatně řeka", ("windows-1250", "iso8859-2")),
    ("árvíztűrő tükörfúrógép nagyon jó film őszinte gyönyörű", ("windows-1250",)),
    ("çok güzel bir film kötüydü şimdi ığdır öğretmen değil", ("windows-1254",)),
    ("geras filmas labai ąžuolas šuo žmogus įdomus ėjo", ("windows-1257",)),
    ("καλή ταινία κακή πολύ ωραία δεν μου άρεσε", ("windows-1253",)),
    ("фильм совершенно хороший плохой номер один", ("windows-1251", "koi8-r", "cp866")),  # noqa: RUF001
    ("סרט טוב מאוד רע לא אהבתי", ("windows-1255",)),
    ("فيلم جيد جدا سيء لم يعجبني", ("windows-1256",)),
    ("この映画はとても良い 悪い映画でした", ("shift_jis", "euc-jp")),
    ("这部电影非常好看 这部电影很差", ("gb18030",)),
    ("這部電影非常好看 這部電影很差", ("big5",)),
    ("이 영화는 정말 좋아요 나쁜 영화", ("euc-kr",)),
    ("schöner Film für große Bären Straße", ("mac-roman", "cp850")),
]


def lines(words, encoding, *, english):
    chance = random.Random(5)
    every = words.split() + ["the", "film", "was", "bad"] * 4 * english
    return "\n".join(" ".join(chance.choices(every, k=8)) for _ in range(50)).encode(encoding)


@pytest.mark.parametrize("english", [False, True])
@pytest.mark.parametrize("language", WESTERN)
def test_western_languages_are_windows_1252(language: str, english: bool) -> None:
    data = lines(WESTERN[language], "cp1252", english=english)
    assert looks_like_windows_1252(data) and guess_encoding(data) == "windows-1252"


def test_several_western_languages() -> None:
    assert looks_like_windows_1252(lines(" ".join(WESTERN.values()), "cp1252", english=False))


@pytest.mark.parametrize("english", [False, True])
@pytest.mark.parametrize(("words", "encoding"), [(words, each) for words, names in OTHERS for each in names])
def test_other_languages(words: str, encoding: str, english: bool) -> None:
    data = lines(words, encoding, english=english)
    assert not looks_like_windows_1252(data), "would be read wrongly without a word"
    assert guess_encoding(data) == encoding
