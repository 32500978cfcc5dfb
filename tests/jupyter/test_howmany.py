"""How many cells somebody means."""

from __future__ import annotations

import pytest

from ipr.jupyter.howmany import HowMany, count, how_many


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", HowMany()),
        ("12", HowMany(12)),
        ("all", HowMany(everywhere=True)),
        ("--all", HowMany(everywhere=True)),
        ("3 --all", HowMany(3, everywhere=True)),
        ("all 3", HowMany(3, everywhere=True)),
    ],
)
def test_number_and_all_are_read(text: str, meant: HowMany) -> None:
    assert how_many(text.split()) == meant


@pytest.mark.parametrize(
    "text", ["0", "-1", "1.5", "x", "1 2", "all all", "٣", "9" * 5000, "--everything"]
)
def test_other_words_are_wrong_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="write how many cells, from 1 on, or all"):
        how_many(text.split())


@pytest.mark.parametrize(("text", "meant"), [("", 1), ("1", 1), ("12", 12)])
def test_a_count_is_a_number_or_the_last_cell(text: str, meant: int) -> None:
    assert count(text) == meant


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", "1 2", "all", "٣", "9" * 5000])
def test_what_is_no_count_is_wrong_in_a_short_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="write how many cells, from 1 on, not '") as e:
        count(text)
    assert len(str(e.value)) < 90
