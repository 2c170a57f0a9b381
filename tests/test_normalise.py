import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.normalise import normalise


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("sh00t them", "shoot them"),
        ("k i l l them", "kill them"),
        ("m.u.r.d.e.r is bad", "murder is bad"),
        ("kiiiilllll him!!!!!!", "kill him!!!"),
        ("\u043aill the p\u200big", "kill the pig"),  # Cyrillic к, zero-width space
        ("“quoted” – it’s", '"quoted" - it\'s'),
        ("a 🔫 and a 🔪", "a gun and a knife "),
        ("ｆｕｌｌ width", "full width"),
        ("a$$hole", "asshole"),
        ("5hoot 7hem, ju$7 k1ll", "shoot them, just kill"),
        ("heeeell and loooook", "hell and look"),
    ],
)
def test_what_a_reader_sees_is_what_the_model_reads(typed: str, read: str) -> None:
    assert normalise(typed).text == read


@pytest.mark.parametrize(
    "plain",
    [
        "F35 at 3pm costs $500 on 5G",
        "covid19 and mp3",
        "5am on the 1st, 4x4, 3D, K9, B52 and R2D2",
        "http://t.co/a1b4 costs $4 or 5m",
        "write to me@example.org",
        "Привет, мир",
        "Καλημέρα",
        "a good book, too",
        "see you in 2024!",
        "I'd a cat",
    ],
)
def test_plain_text_stays_as_it_is(plain: str) -> None:
    found = normalise(plain)
    assert found.text == plain
    assert found.original_span(0, len(plain)) == (0, len(plain))


def test_a_span_leads_back_to_the_original() -> None:
    typed = "please k.i.l.l him"
    found = normalise(typed)
    begin = found.text.index("kill")
    first, last = found.original_span(begin, begin + 4)
    assert typed[first:last].strip() == "k.i.l.l"


@given(st.text(max_size=80))
def test_spans_always_lie_inside_the_original(text: str) -> None:
    found = normalise(text)
    for begin in range(len(found.text)):
        first, last = found.original_span(begin, begin + 1)
        assert 0 <= first <= last <= len(text)


@given(st.text(max_size=80))
def test_it_never_fails_and_never_grows_out_of_hand(text: str) -> None:
    assert len(normalise(text).text) <= 100 * len(text) + 1
