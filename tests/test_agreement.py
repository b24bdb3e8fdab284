import json
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from arena_evals.analysis import Agreement, Coefficient, agreement
from arena_evals.cli import arena
from arena_evals.errors import BadInput
from arena_evals.schema import Verdict

Rows = Sequence[Sequence[str | None]]


def agreed(rows: Rows, seed: int = 1) -> Agreement:
    return agreement(pd.DataFrame(rows, dtype=object), np.random.default_rng(seed))


def estimate(coefficient: Coefficient | None) -> float | None:
    return coefficient and coefficient.estimate


def estimates(found: Agreement) -> dict[str, float | None]:
    return {
        "alpha": estimate(found.alpha),
        "ac1": estimate(found.ac1),
        "percent": estimate(found.percent),
        **{f"specific {name}": estimate(one) for name, one in found.specific.items()},
    }


def cells(*columns: str) -> Rows:
    """Rows from one text a rater, a letter an item; "." is a missing rating."""
    return [[None if c == "." else c for c in row] for row in zip(*columns, strict=True)]


# observers A to D of Krippendorff 2011, section C, and Gwet's cac.raw4raters
RELIABILITY = cells("123321412...", "1233224125..", ".33323422513", "12332441251.")

# Gwet's cont3x3abstractors: 100 pregnancies, two abstractors
ABSTRACTORS: Rows = [
    [first, second]
    for first, second, number in [
        ("ectopic", "ectopic", 13),
        ("AIU", "AIU", 20),
        ("AIU", "NIU", 7),
        ("NIU", "AIU", 4),
        ("NIU", "NIU", 56),
    ]
    for _ in range(number)
]

# Gwet's distrib.6raters: how many of six psychiatrists gave each of five diagnoses
DIAGNOSES = """
00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031
"""


def test_krippendorffs_example_has_his_alpha_and_gwets_ac1() -> None:
    """irrCAC prints .74342 and .77544. Percent: 8 items of one mind, two of 1/2, one of 0."""
    found = agreed(RELIABILITY)
    assert (found.items, found.raters, found.missing, found.paired) == (12, 4, 7, 11)
    assert estimate(found.alpha) == pytest.approx(0.74342, abs=5e-6)
    assert estimate(found.ac1) == pytest.approx(0.77544, abs=5e-6)
    assert estimate(found.percent) == pytest.approx(9 / 11)


def test_gwets_table_of_two_raters_has_his_values() -> None:
    found = agreed(ABSTRACTORS)
    assert estimate(found.alpha) == pytest.approx(0.7972585, abs=5e-8)
    assert estimate(found.ac1) == pytest.approx(0.8493305, abs=5e-8)
    assert estimate(found.percent) == pytest.approx(0.89)
    assert {name: estimate(one) for name, one in found.specific.items()} == pytest.approx(
        {"AIU": 40 / 51, "NIU": 112 / 123, "ectopic": 1}
    )


def test_gwets_table_of_six_raters_has_his_values() -> None:
    rows: Rows = [
        [name for name, count in zip("abcde", counts, strict=True) for _ in range(int(count))]
        for counts in DIAGNOSES.split()
    ]
    found = agreed(rows)
    assert estimate(found.alpha) == pytest.approx(0.4204384, abs=5e-8)
    assert estimate(found.ac1) == pytest.approx(0.4448007, abs=5e-8)
    assert estimate(found.percent) == pytest.approx(0.5511111, abs=5e-8)


def test_two_by_two_by_hand() -> None:
    """20 both yes, 5 and 10 apart, 15 both no: 55 yes and 45 no in 100 ratings.

    alpha = 1 - .3 / (2 x 55 x 45 / (100 x 99)) = 1 - .3 / .5; p_e = 2 x .55 x .45 = .495.
    """
    rows: Rows = [["y", "y"]] * 20 + [["y", "n"]] * 5 + [["n", "y"]] * 10 + [["n", "n"]] * 15
    found = agreed(rows)
    assert estimates(found) == pytest.approx(
        {
            "alpha": 0.4,
            "ac1": (0.7 - 0.495) / 0.505,
            "percent": 0.7,
            "specific n": 30 / 45,
            "specific y": 40 / 55,
        }
    )


def by_pairs(rows: Rows) -> dict[str, float | None]:
    """The same measures by going through all ordered pairs of ratings of an item."""
    given = [[c for c in row if c is not None] for row in rows]
    given = [row for row in given if row]
    names = sorted({c for row in given for c in row})
    paired = [row for row in given if len(row) > 1]
    answer: dict[str, float | None] = dict.fromkeys(
        ["alpha", "ac1", "percent", *(f"specific {name}" for name in names)]
    )
    if not paired:
        return answer
    coincidences = {(c, k): 0.0 for c in names for k in names}
    together = {name: [0, 0] for name in names}
    percents = []
    for row in paired:
        pairs = list(permutations(row, 2))
        percents.append(sum(c == k for c, k in pairs) / len(pairs))
        for c, k in pairs:
            coincidences[c, k] += 1 / (len(row) - 1)
            together[c][0] += c == k
            together[c][1] += 1
    margin = {c: sum(coincidences[c, k] for k in names) for c in names}
    n = sum(margin.values())
    apart = sum(count for (c, k), count in coincidences.items() if c != k)
    chance = sum(margin[c] * margin[k] for c, k in permutations(names, 2)) / (n - 1)
    share = {c: sum(row.count(c) / len(row) for row in given) / len(given) for c in names}
    by_chance = sum(p * (1 - p) for p in share.values()) / max(1, len(names) - 1)
    percent = sum(percents) / len(percents)
    return {
        "alpha": 1 - apart / chance if chance else None,
        "ac1": (percent - by_chance) / (1 - by_chance),
        "percent": percent,
        **{f"specific {c}": same / of if of else None for c, (same, of) in together.items()},
    }


tables = st.integers(1, 5).flatmap(
    lambda n_raters: st.lists(
        st.lists(st.sampled_from(["a", "b", "c", None]), min_size=n_raters, max_size=n_raters),
        min_size=1,
        max_size=12,
    )
)


@given(tables)
def test_it_equals_going_through_all_pairs(rows: Rows) -> None:
    found, expected = estimates(agreed(rows)), by_pairs(rows)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == (value if value is None else pytest.approx(value, abs=1e-6)), name


@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_items_and_raters_does_not_matter(rows: Rows, random: Random) -> None:
    raters = list(range(len(rows[0])))
    random.shuffle(raters)
    shuffled = [[row[rater] for rater in raters] for row in rows]
    random.shuffle(shuffled)
    assert agreed(shuffled) == agreed(rows)


@given(tables, st.permutations(["x", "y", "z"]))
def test_the_names_of_categories_do_not_matter(rows: Rows, names: list[str]) -> None:
    """Intervals are drawn in the order of the names, and so move within their error."""
    new = dict(zip("abc", names, strict=True))
    renamed: Rows = [[c and new[c] for c in row] for row in rows]
    found, again = agreed(rows), agreed(renamed)
    moved = {
        f"specific {new[name[-1]]}" if name.startswith("specific") else name: value
        for name, value in estimates(found).items()
    }
    assert estimates(again) == pytest.approx(moved)
    if found.percent and again.percent:
        assert again.percent.interval == pytest.approx(found.percent.interval, abs=0.05)


@given(tables)
def test_an_interval_is_never_a_point_and_holds_its_estimate(rows: Rows) -> None:
    found = agreed(rows)
    for one in (found.alpha, found.ac1, found.percent, *found.specific.values()):
        if one:
            low, high = one.interval
            assert -np.inf < low <= one.estimate <= high <= 1 + 1e-9
            assert high - low > 0.01


def test_all_the_same_is_one_with_an_interval_and_no_alpha() -> None:
    """Of two raters percent has Jeffreys' interval of 10 of 10: Beta(10.5, .5) at .025 is .7828."""
    found = agreed([["a", "a"]] * 10)
    assert found.alpha is None
    assert estimate(found.ac1) == 1
    assert found.percent is not None
    assert found.percent.interval == pytest.approx((0.7828, 1), abs=0.01)


def test_the_prior_is_worth_one_item_however_many_categories_there_are() -> None:
    found = agreed([[name, name] for name in "abcde"] * 2)
    assert found.percent is not None
    assert found.percent.interval == pytest.approx((0.7828, 1), abs=0.01)


@pytest.mark.parametrize(
    "rows", [[], [["a"], ["b"]], [["a", None], [None, "a"]], [[None, None]]], ids=len
)
def test_without_two_ratings_of_an_item_there_is_nothing(rows: Rows) -> None:
    assert set(estimates(agreed(rows)).values()) == {None}
    assert agreed(rows).paired == 0


def test_an_item_without_any_rating_changes_nothing_but_the_count() -> None:
    assert estimates(agreed([*RELIABILITY, [None] * 4])) == estimates(agreed(RELIABILITY))


def test_rare_categories_part_alpha_from_ac1_and_specific_from_percent() -> None:
    """2 of 100 pairs agree on the rare one, 3 do not: percent .97, and 4 of 7 for the rare one."""
    rows: Rows = [["h", "h"]] * 95 + [["s", "s"]] * 2 + [["s", "h"]] * 2 + [["h", "s"]]
    found = estimates(agreed(rows))
    assert found["percent"] == pytest.approx(0.97)
    assert found["specific s"] == pytest.approx(4 / 7)
    assert found["alpha"] == pytest.approx(1 - 0.03 / (2 * 7 * 193 / (200 * 199)))
    assert (found["ac1"] or 0) > 0.96


def test_categories_may_be_verdicts_or_numbers() -> None:
    verdicts = agreed([[Verdict.HELPFUL, "helpful"], ["other", Verdict.OTHER]])
    assert list(verdicts.specific) == ["helpful", "other"]
    numbers = pd.DataFrame({"a": [1, 2, 2], "b": [1.0, np.nan, 2.0]})
    found = agreement(numbers, np.random.default_rng(1))
    assert (found.missing, estimate(found.percent), len(found.specific)) == (1, 1, 2)


def test_the_same_seed_gives_the_same_interval() -> None:
    assert agreed(ABSTRACTORS, 5) == agreed(ABSTRACTORS, 5)
    assert agreed(ABSTRACTORS, 5) != agreed(ABSTRACTORS, 6)


def test_texts_in_place_of_categories_are_refused() -> None:
    with pytest.raises(BadInput, match="60 categories, at most 50"):
        agreed([[f"text {n}", "a"] for n in range(59)])


def command(path: Path, *options: str | Path) -> Result:
    return CliRunner().invoke(
        arena, ["agreement", str(path), *map(str, options)], env={"COLUMNS": "80"}
    )


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    lines = [",".join(c or "" for c in row) for row in RELIABILITY]
    named = [f"u{n},{line}" for n, line in enumerate(lines, start=1)]
    path = tmp_path / "ratings.csv"
    path.write_text("\n".join(["Unit,A,B,C,D", *named]) + "\n")
    return path


def test_the_command_prints_every_measure_with_its_interval_and_the_seed(ratings: Path) -> None:
    done = command(ratings)
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0] == "12 items, 4 raters, 7 ratings missing; 11 with two ratings or more"
    words = [line.split() for line in lines]
    assert ["Krippendorff's", "alpha", "0.743"] in [row[:3] for row in words]
    assert ["Gwet's", "AC1", "0.775"] in [row[:3] for row in words]
    assert ["percent", "0.818"] in [row[:2] for row in words]
    assert ["specific", "to", "5", "1.000"] in [row[:4] for row in words]
    assert sum("[" in line for line in lines) == 8
    assert lines[-1] == "seed 20261121"
    assert max(map(len, lines)) <= 80


def test_what_it_writes_is_what_it_found(ratings: Path, tmp_path: Path) -> None:
    assert command(ratings, "--json", tmp_path / "a.json", "--seed", "1").exit_code == 0
    written = json.loads((tmp_path / "a.json").read_text())
    found = agreed(RELIABILITY)
    assert found.alpha is not None
    assert written["alpha"] == {
        "estimate": found.alpha.estimate,
        "interval": found.alpha.interval._asdict(),
    }
    assert list(written["specific"]) == list("12345")
    assert (written["items"], written["missing"], written["seed"]) == (12, 7, 1)


@pytest.mark.parametrize(
    ("text", "raters"),
    [
        ("a,b\nx,x\ny,y\n", 2),
        ("ID,a,b\n1,x,x\n2,y,y\n", 2),
        ("item;a;b\n1;x;x\n2;y;y\n", 2),
        ("item\ta\tb\n1\tx\tx\n2\ty\ty\n", 2),
        (",a,b\n0,x,x\n1,y,y\n", 2),
        ("\ufeffitem,a,b\r\n1, x ,x\r\n2,y,y\r\n", 2),
        ("a,b,c\nx,x,\ny,y, \n", 3),
    ],
)
def test_a_table_is_read_with_or_without_names_of_items(
    tmp_path: Path, text: str, raters: int
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    done = command(path)
    assert done.exit_code == 0
    assert done.output.startswith(f"2 items, {raters} raters, ")
    assert "percent" in done.output
    assert "specific to x" in done.output


def test_a_table_of_50_categories_is_compared_and_one_of_51_is_not() -> None:
    assert agreed([[str(n), str(n)] for n in range(50)]).paired == 50
    with pytest.raises(BadInput, match="51 categories"):
        agreed([[str(n), str(n)] for n in range(51)])


def test_na_and_none_are_categories(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\nNA,NA\nNone,None\n,None\n")
    output = command(path).output
    assert "1 rating missing" in output
    assert "specific to NA" in output
    assert "specific to None" in output


def test_one_rater_is_told_that_there_is_nothing_to_measure(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,a\n1,x\n2,y\n")
    done = command(path)
    assert done.exit_code == 0
    assert "No item has two ratings" in done.output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty; give a row of names, then a row for each item"),
        ("id\n1\n", "there is no rater; give each a column"),
        ("a,a\nx,x\n", "rater 'a' has two columns; give each rater a name of its own"),
        ("id,a,\n1,x,x\n", "column 3 has no name; name its rater in the first row"),
        (",a,b\nq,x,x\nq,y,y\n", "column 1 has no name; name its rater in the first row"),
        ("id,a,b\nq,x,x\nq,y,y\n", "item 'q' has two rows; give each item one"),
        ("a,b\nx,x,x\n", "is no CSV table in UTF-8"),
    ],
)
def test_a_bad_file_gets_one_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    done = command(path)
    assert done.exit_code == 2
    assert done.output.startswith(f"Error: {path}: {told}")
    assert done.output.count("\n") == 1


def test_no_file_and_no_text_get_one_line_too(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"a,b\n\xff\xfe,x\n")
    for name in ("nowhere.csv", "b.csv", "."):
        done = command(tmp_path / name)
        assert done.exit_code == 2
        assert done.output.startswith("Error: ")
        assert done.output.count("\n") == 1
    assert command(tmp_path / "b.csv", "--seed", "-1").output.startswith("Error: --seed")
