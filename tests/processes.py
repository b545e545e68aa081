"""Commands and functions in processes of their own, which do not each import the libraries anew.

An import of PyTorch, mmpretrain and what they bring takes a fresh Python four seconds and more. So
the processes are forks of one that has imported them and has done nothing else: each is in the
state of a Python that has just been started, but at once.
"""

import multiprocessing
import os
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import distributed as dist
from torch.multiprocessing import start_processes

from conftest import ROOT
from mcl_plugins.cli import app

FORKS = multiprocessing.get_context('forkserver')
# What a command imports only when it needs it comes last.
FORKS.set_forkserver_preload(
    [
        'pytest',
        'mcl_plugins.cli.train',
        'torch.utils.tensorboard',
        'yapf.yapflib.yapf_api',
        'setuptools',
    ]
)
TIMEOUT = 300  # seconds that a command may take


def script(name, *words, cwd=None, **env):
    """Run a script of ``tools/`` as a user types it, in a fresh Python or shell; see :func:`mcl`.

    Args:
        name: ``'train.py'`` or ``'dist_train.sh'``.
    """
    path = ROOT / 'tools' / name
    command = [path] if path.suffix == '.sh' else [sys.executable, path]
    return subprocess.run(
        [str(word) for word in (*command, *words)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, 'PYTHON': sys.executable, 'VIRTUAL_ENV': sys.prefix, **_words_of(env)},
        timeout=TIMEOUT,
    )


def mcl(name, *words, cwd=None, processes=None, **env):
    """Run a command of ``mcl``, and keep what it says.

    Args:
        name: the command's words, ``'train'`` or ``'convert conmim'``.
        *words: its arguments.
        cwd: the folder that it is started in; by default this process's.
        processes: how many gloo processes run it together; None for one without a launcher.
        **env: what its environment has beside this process's.

    Returns:
        The ``CompletedProcess``. Of several processes it has the outputs one after the other, and
        a status other than 0 if one of them has.
    """
    words = [*name.split(), *map(str, words)]
    env = {**os.environ, **_words_of(env)}
    ranks = [{}]
    if processes:
        words += ['--launcher', 'pytorch']
        ranks = ranks_of(processes)
    with TemporaryDirectory() as folder:
        folders = [Path(folder, str(rank)) for rank in range(len(ranks))]
        statuses = _run_all(
            [
                FORKS.Process(target=_run_command, args=(words, cwd or Path.cwd(), where, out))
                for where, out in zip([{**env, **rank} for rank in ranks], folders, strict=True)
            ]
        )
        said = [
            ''.join((folder / stream).read_text() for folder in folders)
            for stream in ('stdout', 'stderr')
        ]
    return subprocess.CompletedProcess(words, max(statuses, key=abs), *said)


def _run_all(started):
    """Start processes, wait for them, and return their statuses; the rest ends with an error."""
    try:
        for process in started:
            process.start()
        for process in started:
            process.join(TIMEOUT)
            assert process.exitcode is not None, f'the command took more than {TIMEOUT} seconds'
    finally:
        for process in started:
            if process.is_alive():
                process.kill()
    return [process.exitcode for process in started]


def _run_command(words, cwd, env, folder):
    """Run ``mcl`` in this process as if it had been started for it."""
    folder.mkdir()
    for number, stream in enumerate(('stdout', 'stderr'), start=1):
        with (folder / stream).open('wb') as file:
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = ['mcl', *words]
    app.main(words)


def run_on_two_processes(function, *arguments):
    """Call ``function(rank, *arguments)`` on two gloo processes; raises what one of them raises."""
    arguments = (ranks_of(2), function, arguments)
    start_processes(_start, arguments, nprocs=2, start_method='forkserver')


def _start(rank, ranks, function, arguments):
    os.environ.update(ranks[rank])
    torch.set_num_threads(1)
    dist.init_process_group('gloo')
    try:
        function(rank, *arguments)
    finally:
        dist.destroy_process_group()


def ranks_of(processes):
    """The environments by which so many processes find each other, as torchrun sets them."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    common = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=port, WORLD_SIZE=processes)
    return [_words_of(dict(**common, RANK=rank, LOCAL_RANK=rank)) for rank in range(processes)]


def _words_of(env):
    return {name: str(value) for name, value in env.items()}
