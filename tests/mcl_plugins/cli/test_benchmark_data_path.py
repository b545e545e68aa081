"""The data path's benchmark runs and says what it should; how fast is not a test's matter."""

import re

from processes import mcl


def test_benchmark_prints_rates_sizes_and_ratio():
    sizes = ['--images', '2', '--rounds', '1', '--batch-size', '2']
    done = mcl('bench data-path', '--device', 'cpu', *sizes)
    assert done.returncode == 0, done.stderr
    rates = {}
    for name, kilobytes in (('one crop', 3 * 224**2 / 1000), ('two branches', 24 * 224**2 / 1000)):
        row = re.search(rf'^{name} +([\d.]+) +([\d.]+)$', done.stdout, re.MULTILINE)
        rates[name] = float(row[1])
        assert rates[name] > 0
        # A byte a channel and pixel once, against four bytes twice.
        assert abs(float(row[2]) - kilobytes) < 0.1
    ratio = float(re.search(r'^ratio +([\d.]+) ', done.stdout, re.MULTILINE)[1])
    wanted = rates['one crop'] / rates['two branches']
    assert abs(ratio - wanted) < 0.01 + 0.01 * wanted, 'of one round the ratio is that of the rates'
    assert re.search(r'MultiViewPreprocessor on cpu: [\d.]+ ms per image', done.stdout)
