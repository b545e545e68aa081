"""How the stages of a row are started on processes, machines and under Slurm."""

import sys

import pytest

from mcl_plugins.cli.reproduce import stages
from mcl_plugins.cli.reproduce.stages import Launch

TRAIN = ['-m', 'mcl_plugins', 'train', 'c.py']


def command(monkeypatch, *launch, **env):
    for name in ('NNODES', 'NODE_RANK', 'MASTER_ADDR', 'PORT', 'GPUS', 'GPUS_PER_NODE'):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return stages._command('train', ['c.py'], Launch(*launch))


def test_one_process_needs_no_launcher(monkeypatch):
    assert command(monkeypatch, 1) == [sys.executable, *TRAIN]


def test_machines_are_those_of_the_environment(monkeypatch):
    env = dict(NNODES='4', NODE_RANK='2', MASTER_ADDR='10.0.0.1', PORT='29600')
    words = command(monkeypatch, 8, **env)
    assert words[1:4] == ['-m', 'mcl_plugins', 'torchrun']
    assert set(words[4:9]) == {
        '--nnodes=4',
        '--node_rank=2',
        '--nproc_per_node=8',
        '--master_addr=10.0.0.1',
        '--master_port=29600',
    }
    assert words[9:] == [*TRAIN, '--launcher', 'pytorch']
    # One process on each of several machines needs a launcher, too.
    assert '--nproc_per_node=1' in command(monkeypatch, 1, **env)


def test_slurm_starts_the_processes_itself(monkeypatch):
    words = command(monkeypatch, 32, 'part', GPUS_PER_NODE='4')
    options = words[: words.index(sys.executable)]
    assert options[:3] == ['srun', '-p', 'part'] and '--kill-on-bad-exit=1' in options
    assert {'--ntasks=32', '--ntasks-per-node=4', '--gres=gpu:4'} <= set(options)
    assert words[words.index(sys.executable) + 1 :] == ['-u', *TRAIN, '--launcher', 'slurm']


def test_the_status_of_a_stage_is_the_commands():
    with pytest.raises(SystemExit) as ended:
        stages._call([sys.executable, '-c', 'raise SystemExit(75)'])
    assert ended.value.code == 75
