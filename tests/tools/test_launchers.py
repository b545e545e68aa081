"""What the launchers start stops with them, and says once what is wrong."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ROOT
from mcl_plugins.cli import torchrun

FAKE = """#!/bin/sh
[ "$1" = -c ] && { echo 4 GPUs; exit 0; }
trap 'touch "$FOLDER/stopped"; exit 9' TERM
touch "$FOLDER/started"
for _ in $(seq 200); do sleep 0.1; done
"""


@pytest.fixture
def interruptible():
    """Let children be interrupted; a shell has its own ignore that in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures('interruptible')
@pytest.mark.parametrize(
    ('arguments', 'stop'),
    [
        (['dist_train.sh', 'config.py', 2], signal.SIGTERM),
        (['dist_test.sh', 'config.py', 'x.pth', 2], signal.SIGTERM),
        (['mimco_two_stage.sh', 'swin-t', 2], signal.SIGTERM),
    ],
)
def test_a_signal_reaches_what_was_started(arguments, stop, tmp_path):
    python = tmp_path / 'python'
    python.write_text(FAKE)
    python.chmod(0o755)
    env = {**os.environ, 'PYTHON': str(python), 'FOLDER': str(tmp_path)}
    command = [ROOT / 'tools' / arguments[0], *arguments[1:]]
    process = subprocess.Popen([str(word) for word in command], cwd=tmp_path, env=env)
    try:
        wait_for(tmp_path / 'started')
        process.send_signal(stop)
        assert process.wait(timeout=10) != 0
        assert (tmp_path / 'stopped').exists()  # before the launcher ended
    finally:
        process.kill()


def wait_for(file):
    for _ in range(200):
        if file.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f'{file} did not appear')


SCRIPT = """
import os, signal
from mcl_plugins.cli.common import run
from mcl_plugins.mask_generators.patch_mask import check_mask_ratio

def main():
    if os.environ.get('KILLED'):
        os.kill(os.getpid(), signal.SIGKILL)
    check_mask_ratio(2)

run(main)
"""


@pytest.mark.parametrize('killed', [False, True])
def test_an_error_of_all_processes_is_said_once(killed, tmp_path):
    """A process that was killed said nothing: torchrun's table does."""
    script = tmp_path / 'script.py'
    script.write_text(SCRIPT)
    command = [
        sys.executable,
        ROOT / 'tools/torchrun.py',
        '--nproc_per_node=2',
        '--master_port=29541',
        script,
    ]
    result = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, 'OMP_NUM_THREADS': '1', **({'KILLED': '1'} if killed else {})},
        timeout=120,
    )
    assert result.returncode == 1 and 'Traceback' not in result.stderr
    if killed:
        assert 'Signal 9 (SIGKILL)' in result.stderr
    else:
        lines = [line for line in result.stderr.splitlines() if line]
        assert lines == [
            'error: mask_ratio=2 is outside (0, 1): it is the share of patches to mask, '
            'for example 0.75.',
            '(Set MCL_TRACEBACK=1 to see the traceback.)',
        ]


@pytest.mark.parametrize('rank', ['2', '-1'])
def test_a_machine_that_cannot_exist_is_refused(rank, capsys):
    assert torchrun.start(['--nnodes=2', f'--node_rank={rank}', 'x.py']) == 2
    said = capsys.readouterr().err
    assert f'NODE_RANK (--node_rank) is {rank}, but' in said and 'the numbers 0 to 1' in said


def test_a_number_of_machines_that_is_none_is_refused(capsys):
    assert torchrun.start(['--nnodes=two', 'x.py']) == 2
    assert "NNODES (--nnodes) is 'two'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ('rank', 'whom'), [(0, 'the machines with NODE_RANK 1, which'), (1, 'machine 0 at')]
)
def test_waiting_for_other_machines_is_said_and_ends(rank, whom, capsys):
    with socket.socket() as other:
        other.bind(('', 0))
        port = other.getsockname()[1]
    words = ['--nnodes=2', f'--node_rank={rank}', f'--master_port={port}', '--rdzv_conf=timeout=2']
    assert torchrun.start([*words, 'x.py']) == 1
    first, last = capsys.readouterr().err.strip().split('\n\nerror: ')
    assert first.startswith('Waiting for ') and last.startswith('waited in vain for ')
    for said in (first, last):
        assert whom in said and f':{port}' in said and 'After 2 s' in said


def test_one_machine_waits_for_none():
    args = torchrun.run.parse_args(['--nproc_per_node=2', 'x.py'])
    assert torchrun.check_machines(args) is None
    args = torchrun.run.parse_args(['--nnodes=1:4', '--rdzv_backend=c10d', 'x.py'])
    assert torchrun.check_machines(args) is None


def test_a_port_that_is_taken_is_named():
    with socket.socket() as other:
        other.bind(('', 0))
        other.listen()
        port = other.getsockname()[1]
        command = [sys.executable, ROOT / 'tools/torchrun.py', f'--master_port={port}', 'x.py']
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 1 and 'Traceback' not in result.stderr
    assert f'port: {port}' in result.stderr and 'set PORT to another number' in result.stderr


@pytest.mark.parametrize('place', ['', 'lib/python3.11/site-packages/mcl_plugins/.mim/'])
def test_the_launchers_find_the_python_that_they_belong_to(tmp_path, place):
    """The checkout's .venv, or the environment that the package is installed in."""
    shutil.copytree(ROOT / 'tools', tmp_path / place / 'tools')
    python = tmp_path / ('bin/python' if place else '.venv/bin/python')
    python.parent.mkdir(parents=True)
    python.write_text(
        '#!/bin/sh\ncase "$*" in *find_spec*) ;; -c*) echo 4 GPUs ;; *) echo "$@" ;; esac'
    )
    python.chmod(0o755)
    env = {'PATH': '/usr/bin:/bin', 'HOME': str(tmp_path)}
    command = ['bash', str(tmp_path / place / 'tools/dist_train.sh'), 'config.py', '2']
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert result.returncode == 0, result.stderr
    assert 'tools/train.py config.py --launcher pytorch' in result.stdout


SCRIPTS = {
    'benchmark/gpu.sh': [],
    'check_upstream.sh': ['.'],
    'dist_evaluate.sh': ['knn', 'config.py', 'x.pth', '2'],
    'dist_test.sh': ['config.py', 'x.pth', '2'],
    'dist_train.sh': ['config.py', '2'],
    'docs.sh': [],
    'mimco_two_stage.sh': ['swin-t', '2'],
    'own_data_demo.sh': [],
    'pocket_benchmark.sh': [],
    'quickstart.sh': [],
    'run_tests.sh': [],
    'setup_env.sh': ['--with-ops'],
    'slurm_train.sh': ['partition', 'name', 'config.py', 'work_dir'],
    'soak.sh': ['--kills', '0'],
    'transfer_demo.sh': [],
}
SAYS = '#!/bin/sh\ncase "$*" in *GPUs*) echo 4 GPUs ;; *) echo "in $PWD:" "$@" ;; esac\n'


@pytest.fixture
def checkout(tmp_path):
    """A checkout in a folder with a space, whose commands only say where and how they are run."""
    root = tmp_path / 'a checkout'
    shutil.copytree(ROOT / 'tools', root / 'tools')
    (root / '.venv/bin').mkdir(parents=True)
    (root / 'mcl_plugins').mkdir()
    for name in ('.venv/bin/activate', 'setup.cfg', 'mcl_plugins/version.py'):
        (root / name).touch()
    for name in ('python', 'ruff', 'mypy', 'srun'):
        (root / '.venv/bin' / name).write_text(SAYS)
        (root / '.venv/bin' / name).chmod(0o755)
    (tmp_path / 'some links/venv/bin').mkdir(parents=True)  # that check_upstream.sh would make
    shutil.copy(root / '.venv/bin/python', tmp_path / 'some links/venv/bin/python')
    return root


def test_every_script_that_looks_for_others_is_tried_through_a_link():
    found = {
        path.relative_to(ROOT / 'tools').as_posix()
        for path in (ROOT / 'tools').rglob('*.sh')
        if 'BASH_SOURCE' in path.read_text()
    }
    assert found - {'launch.sh'} == SCRIPTS.keys()


@pytest.mark.parametrize('relative', [False, True])
@pytest.mark.parametrize('script', SCRIPTS)
def test_scripts_are_called_through_a_symbolic_link(checkout, script, relative):
    """A link to a link, in a folder with a space, of another name."""
    folder = checkout.parent / 'some links'
    place = Path('../a checkout/tools') if relative else checkout / 'tools'
    (folder / 'first.sh').symlink_to(place / script)
    (folder / 'mine.sh').symlink_to('first.sh')
    env = {'PATH': f'{checkout}/.venv/bin:/usr/bin:/bin', 'HOME': str(folder)}
    if script == 'setup_env.sh':
        env['PYTHON'] = 'no-such-python'
    else:
        (checkout / 'tools/setup_env.sh').write_text('')
    command = ['bash', 'mine.sh', *SCRIPTS[script]]
    result = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    if script == 'setup_env.sh':  # which reads the versions beside it before it looks for Python
        assert 'no-such-python was not found' in result.stderr, result.stderr
    else:
        assert result.returncode == 0, result.stderr
        assert f'{checkout}' in result.stdout
