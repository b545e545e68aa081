"""What many GPUs take: the page's numbers, closed forms, and what is refused."""

import re

import pytest
import torch
from mmengine.logging import MMLogger

from conftest import ROOT
from mcl_plugins.cli.benchmark.scale import Setup, Traffic, count_work, pretended_processes, table
from mcl_plugins.cli.parsers.benchmark import scale as parse_args
from mcl_plugins.utils.collectives import gather_keys, gather_with_gradient, sum_with_gradient

PAGE = (ROOT / 'docs/scale.md').read_text()


@pytest.mark.parametrize('command', re.findall(r'^mcl bench scale (.*)$', PAGE, re.MULTILINE))
def test_the_page_has_what_the_command_prints(command):
    MMLogger.get_instance('benchmark', log_level='ERROR')
    options = vars(parse_args(command.split()))
    assert table(options.pop('configs'), Setup(**options)) in PAGE


def test_bytes_are_those_of_rings():
    """Of eight processes: an all-gather of 1 kB, one with its gradient, and an all-reduce."""
    keys, features = torch.zeros(25, 10), torch.zeros(25, 10, requires_grad=True)
    with pretended_processes(8), Traffic(8) as traffic:
        gather_keys(keys)
        gather_with_gradient(features).sum().backward()
        sum_with_gradient(keys)
    assert traffic.sent == {'gather': 3 * 7 * 1000, 'reduce': 2 * 7 / 8 * 1000}
    assert traffic.calls == 4


def test_work_of_a_small_cmae():
    work = count_work('quickstart/cmae.py', processes=4, batch_size=8)
    channels = 64  # of its keys
    assert work.keys == 3 * 8 * channels * 4
    assert work.statistics > 0 and work.collectives > 1
    alone = count_work('quickstart/cmae.py', processes=2, batch_size=8)
    assert alone.flop == pytest.approx(work.flop, rel=0.01)  # the keys of others add a little
    assert work.checkpoint > 3 * 4 * work.trained
    assert 2 * 4 * work.trained < work.sharded < 3 * work.checkpoint


def test_more_keys_than_a_queue_has_are_refused():
    with pytest.raises(ValueError, match=r'832 images .* queue of length=768'):
        count_work('quickstart/mimco.py', processes=13, batch_size=64)
