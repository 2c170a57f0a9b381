"""Which token windows are read together."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from moderation.scoring.runs import OVERHEAD, batches

LENGTHS = st.lists(st.integers(1, 130), max_size=60)


def cost(groups: list[list[int]], lengths: list[int]) -> int:
    """Padded tokens, and what every run costs beside them."""
    return sum(len(group) * max(lengths[i] for i in group) + OVERHEAD for group in groups)


@given(lengths=LENGTHS, budget=st.integers(1, 600))
def test_every_window_is_read_once_in_order_of_length_within_the_budget(lengths: list[int], budget: int) -> None:
    groups = batches(lengths, budget)
    order = [i for group in groups for i in group]
    assert sorted(order) == list(range(len(lengths)))
    assert [lengths[i] for i in order] == sorted(lengths)
    assert all(len(group) == 1 or len(group) * max(lengths[i] for i in group) <= budget for group in groups)


@given(lengths=st.lists(st.integers(1, 130), min_size=1, max_size=8), budget=st.integers(1, 600))
def test_no_other_cuts_cost_less(lengths: list[int], budget: int) -> None:
    ordered, ways = sorted(range(len(lengths)), key=lengths.__getitem__), []
    for count in range(len(lengths)):
        for cuts in combinations(range(1, len(lengths)), count):
            groups = [ordered[a:b] for a, b in zip((0, *cuts), (*cuts, len(lengths)), strict=True)]
            if all(len(group) == 1 or len(group) * lengths[group[-1]] <= budget for group in groups):
                ways.append(cost(groups, lengths))
    assert cost(batches(lengths, budget), lengths) == min(ways)


def test_texts_of_like_length_share_a_run_and_a_long_one_does_not_stretch_short_ones() -> None:
    assert batches([20] * 16) == [list(range(16))]
    assert batches([120, 10, 11, 12]) == [[1, 2, 3], [0]]
