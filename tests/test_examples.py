"""The examples of regression: their data, their exact answers, their networks, and the commands."""

import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from toys import eagerly

from examples import many_to_one, one_to_one
from examples.regression import Pairs, error_table, method_of, normality

ROOT = Path(__file__).parents[1]
EPOCHS = ("--epochs", "2")


@pytest.fixture
def quickly():
    """Have an example take little time."""
    with eagerly(), patch("plots.style.DPI", 30):
        yield


def test_the_numbers_have_the_target_of_the_number_before():
    x, y = one_to_one.create_data()
    assert x.shape == (19, 1, 1) and y.shape == (19,)
    assert x[:, 0, 0].tolist() == list(range(2, 21)) and y.tolist() == list(range(15, 286, 15))
    x, y = one_to_one.data_outside()
    assert x[[0, -1], 0, 0].tolist() == [23, 42] and np.array_equal(y, 15 * (x[:, 0, 0] - 1))


def test_a_straight_line_is_exact_inside_and_outside():
    line = one_to_one.fit_line(one_to_one.create_data())
    assert np.allclose(line.coef, (-15, 15))
    for x, y in (one_to_one.create_data(), one_to_one.data_outside()):
        assert np.mean((line(x[:, 0, 0]) - y) ** 2) < 1e-6
    assert line(30) == pytest.approx(435)


@pytest.mark.parametrize("starts", [many_to_one.STARTS, many_to_one.OTHER_STARTS])
def test_sequences_begin_with_a_whole_number_and_have_one_step(starts):
    x, y = many_to_one.create_data(np.random.default_rng(0), 500, starts)
    assert x.shape == (500, 10, 1) and y.shape == (500,)
    assert set(x[:, 0, 0]) == set(range(starts[0], starts[1] + 1))
    steps = np.diff(np.column_stack([x[..., 0], y]))
    assert np.ptp(steps, axis=1).max() < 1e-12 and 0.1 <= steps.min() < 0.11 and 0.49 < steps.max() <= 0.5


@pytest.mark.parametrize("target", many_to_one.EXACT)
def test_the_rule_is_exact_for_both_targets(target):
    x, y = many_to_one.create_data(np.random.default_rng(0), 25, target=target)
    assert np.abs(many_to_one.EXACT[target](x) - y).max() < 1e-12
    assert np.array_equal(x, many_to_one.create_data(np.random.default_rng(0)).x)  # of the same sequences
    assert (y > x[:, -1, 0]).all() == (target == "next")


def test_the_networks_have_the_published_numbers_of_weights():
    assert one_to_one.build_network().count_params() == 30_651
    network = many_to_one.build_network(0.2)
    assert network.count_params() == 50_851
    assert method_of(network)(np.zeros((3, 10, 1))).shape == (3,)


def test_a_table_has_the_errors_of_each_method_on_each_part():
    parts = {
        "here": Pairs(np.arange(4.0)[:, None, None], np.arange(4.0)),
        "there": Pairs(np.ones((2, 1, 1)), np.ones(2)),
    }
    text = error_table({"exact": lambda x: x[:, 0, 0], "one too much": lambda x: x[:, 0, 0] + 1}, parts)
    assert [line.split()[-2:] for line in text.splitlines()[2:4]] == [["0", "1.00000"], ["1", "0.20000"]]
    assert text.count("there") == 2


def test_residuals_are_normal_or_not():
    rng = np.random.default_rng(0)
    assert "may be normally distributed" in normality(rng.normal(size=200))
    assert "are not normally distributed" in normality(rng.exponential(size=200))
    assert normality(np.zeros(5)) == "The 5 residuals are all 0."


def test_the_first_example_runs(quickly, tmp_path, capsys):
    one_to_one.main([*EPOCHS, "--batch-size", "19", "--output", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "The line is y = 15.000 x -15.000." in printed and "the rule 435" in printed
    assert printed.count("network, 30,651 weights") == 2 and "residuals" in printed
    assert (tmp_path / "one_to_one.png").stat().st_size > 1000


def test_the_second_example_runs(quickly, tmp_path, capsys):
    options = [*EPOCHS, "--batch-size", "25", "--output", str(tmp_path), "--target", "penultimate"]
    many_to_one.main(options)
    printed = capsys.readouterr().out
    assert "The target is the penultimate number; the networks have 50,851 weights." in printed
    assert printed.count("network, dropout") == 6 and printed.count("exact rule") == 3
    assert (tmp_path / "many_to_one_penultimate.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("example", "options", "words"),
    [
        ("one_to_one", ["--epochs", "0"], "argument --epochs: '0' is not a whole number of at least 1"),
        ("many_to_one", ["--target", "last"], "argument --target: invalid choice: 'last'"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence_without_keras(example, options, words):
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['', *{options!r}]\n"
        "try:\n"
        f"    runpy.run_module('examples.{example}', run_name='__main__')\n"
        "finally:\n"
        "    assert not {'keras', 'tensorflow', 'matplotlib'} & set(sys.modules)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert found.returncode == 2 and found.stdout == ""
    assert found.stderr.startswith(f"error: {words}") and found.stderr.count("\n") == 1
