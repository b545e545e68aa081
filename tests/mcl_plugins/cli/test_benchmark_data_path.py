"""The data path's benchmark runs and says what it should; how fast is not a test's matter."""

import re

from processes import mcl


def test_benchmark_prints_rates_sizes_and_ratio():
    sizes = ['--images', '2', '--rounds', '1', '--batch-size', '2', '--size', '300', '200']
    done = mcl('bench data-path', '--device', 'cpu', *sizes)
    assert done.returncode == 0, done.stderr
    assert '2 JPEG files of 300x200' in done.stdout
    # A byte a channel and pixel, once or twice; the released code sends four, twice.
    bytes_sent = {
        'one crop': 3 * 224**2,
        'two crops': 6 * 224**2,
        'one crop, Pillow': 3 * 224**2,
        'two branches': 24 * 224**2,
        'mmpretrain MAE': 3 * 224**2,
        'mmpretrain SimMIM': 3 * 192**2,
        'mmpretrain MoCo v3': 6 * 224**2,
    }
    rates = {}
    for name, sent in bytes_sent.items():
        row = re.search(rf'^{name} +([\d.]+) +([\d.]+)$', done.stdout, re.MULTILINE)
        rates[name] = float(row[1])
        assert rates[name] > 0
        assert abs(float(row[2]) - sent / 1000) < 0.1
    for name in list(rates)[1:]:
        ratio = float(re.search(rf'^{name} +([\d.]+) times ', done.stdout, re.MULTILINE)[1])
        wanted = rates['one crop'] / rates[name]
        assert abs(ratio - wanted) < 0.01 + 0.01 * wanted, 'of one round it is that of the rates'
    assert re.search(r'MultiViewPreprocessor on cpu: [\d.]+ ms per image', done.stdout)
