"""The tests' own helper: what happens in another process is not lost."""

import os

import pytest
from torch import distributed as dist
from torch.multiprocessing import ProcessRaisedException

from processes import mcl, run_on_two_processes


def test_a_command_leaves_its_status_and_what_it_said(tmp_path):
    before = dict(os.environ), os.getcwd()  # noqa: PTH109
    result = mcl('train', 'none.py', cwd=tmp_path, MCL_TRACEBACK=1)
    assert result.returncode == 1 and 'FileNotFoundError' in result.stderr
    result = mcl('train', 'none.py', cwd=tmp_path)
    assert result.returncode == 1 and "'none.py' does not exist" in result.stderr
    assert 'Traceback' not in result.stderr and not result.stdout
    assert mcl('trian').returncode == 2
    assert mcl('bench flops', '--help').stdout.startswith('usage: mcl bench flops')
    assert before == (dict(os.environ), os.getcwd())  # noqa: PTH109


def _fail_on_the_second(rank, word):
    assert (dist.get_rank(), dist.get_world_size()) == (rank, 2)
    if rank == 1:
        raise ValueError(word)


def test_the_error_of_one_of_two_processes_is_shown():
    with pytest.raises(ProcessRaisedException, match='(?s)_fail_on_the_second.*ValueError: a word'):
        run_on_two_processes(_fail_on_the_second, 'a word')
