"""How the stages of a row are started on processes, machines and under Slurm."""

import json
import os
import sys

import pytest

from mcl_plugins.cli.reproduce import stages
from mcl_plugins.cli.reproduce.stages import Launch
from processes import mcl, ranks_of

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
    # Fewer processes than a node has GPUs; further options.
    words = command(monkeypatch, 2, 'part', SRUN_ARGS='--time=8:00:00 --comment="a b"')
    assert {'--ntasks=2', '--ntasks-per-node=2', '--gres=gpu:2', '--time=8:00:00'} <= set(words)
    assert '--comment=a b' in words
    assert '--ntasks=16' in command(monkeypatch, 2, 'part', GPUS='16')


def test_processes_of_all_machines(monkeypatch):
    for name in ('NNODES', 'GPUS'):
        monkeypatch.delenv(name, raising=False)
    assert Launch().total == 1 and Launch(8).total == 8 and Launch(8, 'part').total == 8
    monkeypatch.setenv('NNODES', '4')
    assert Launch(8).total == 32
    monkeypatch.setenv('GPUS', '16')
    assert Launch(8, 'part').total == 16


SRUN = """#!/bin/bash
# Starts the tasks on this machine, as srun does on the machines of a job.
echo "$@" >>"$FOLDER/started"
for word in "$@"; do [[ "$word" != --ntasks=* ]] || export SLURM_NTASKS="${word#*=}"; done
until [ "$1" = "$PYTHON" ]; do shift; done
export SLURM_NODELIST='node[1-2]'
for ((i = 0; i < SLURM_NTASKS; i++)); do SLURM_PROCID=$i SLURM_LOCALID=$i "$@" & done
status=0
for job in $(jobs -p); do wait "$job" || status=$?; done
exit "$status"
"""
SCONTROL = '#!/bin/bash\n[ "$*" = "show hostnames node[1-2]" ] && printf "localhost\nnode2\n"\n'


def test_a_chain_under_slurm(tmp_path):
    """A training of two tasks that a stand-in for srun starts; it is recorded as such."""
    for name, text in dict(srun=SRUN, scontrol=SCONTROL).items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    run = mcl(
        'reproduce ccmim',
        'pictures: MAE, 800 epochs, batch 1024',
        *('--tiny', '--processes', 2, '--slurm', 'part', '--work-dir', tmp_path / 'rows'),
        PATH=f'{tmp_path}:{os.environ["PATH"]}',
        FOLDER=tmp_path,
        PYTHON=sys.executable,
        MASTER_PORT=ranks_of(1)[0]['MASTER_PORT'],
    )
    assert run.returncode == 0, run.stderr
    (started,) = (tmp_path / 'started').read_text().splitlines()
    assert started.startswith('-p part --ntasks=2 --ntasks-per-node=2')
    (file,) = tmp_path.glob('rows/ccmim/*/record.json')
    (stage,) = json.loads(file.read_text())['stages'].values()
    assert stage['processes'] == 2
    (log,) = file.parent.glob('1-mae_vit-b/*/*.log')
    assert 'Effective batch 8 = 2 processes x 4 images' in log.read_text()


def test_the_status_of_a_stage_is_the_commands():
    with pytest.raises(SystemExit) as ended:
        stages._call([sys.executable, '-c', 'raise SystemExit(75)'])
    assert ended.value.code == 75
