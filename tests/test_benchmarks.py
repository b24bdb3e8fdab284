"""The simulations behind tables of the docs still run; what they find takes too long for a test."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.parametrize("name", ["agreement", "correction", "gate", "sequential"])
def test_a_simulation_runs_and_prints_its_table(name: str) -> None:
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "2 data sets a row" in done.stdout
