"""The step benchmark compares a config with a variant of it."""

import re
import subprocess
import sys

import pytest

from conftest import ROOT


def test_both_variants_and_their_ratio_are_printed():
    command = [sys.executable, ROOT / 'tools/benchmark/step.py']
    command += [ROOT / 'configs/quickstart/conmim.py', '--batch-size', '4', '--steps', '2']
    command += ['--device', 'cpu', '--against', 'model.mask_generator.mask_ratio=0.75']
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    rows = dict(re.findall(r'^(config|variant) +([\d.]+) ms', result.stdout, re.M))
    (ratio,) = re.findall(r'variant / config: ([\d.]+)', result.stdout)
    assert float(ratio) == pytest.approx(float(rows['variant']) / float(rows['config']), abs=0.02)
