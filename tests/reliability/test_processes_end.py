"""Processes end together: with one that dies or fails, with their launcher, at a signal."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faults import write_config

from conftest import ROOT
from mcl_plugins.checkpoint.files import load_file
from mcl_plugins.checkpoint.latest import find_checkpoint
from mcl_plugins.cli.torchrun import explain
from mcl_plugins.utils.signals import LOST, STOPPED
from processes import FORKS, _run_command, mcl, ranks_of


@pytest.mark.parametrize('fault', ['dies', 'fails'])
def test_one_failed_process_ends_the_others_with_few_words(fault, training_config):
    hooks = [dict(type='Fault', fault=fault, rank=1)]
    result = mcl('train', write_config(training_config, custom_hooks=hooks), processes=2)
    assert result.returncode != 0
    lost = 'error: the connection to another process is lost; that process says why.'
    assert lost in result.stderr
    assert 'gloo' not in result.stderr
    if fault == 'fails':
        assert 'process 1 of 2 has failed:' in result.stderr
        assert result.stderr.count('RuntimeError: an error of one process') == 1
    else:
        assert result.stderr.count('error') == 1 and 'Traceback' not in result.stderr


def wait_for(happens, process=None):
    for _ in range(1200):
        if happens():
            return
        assert process is None or process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    raise AssertionError('it took more than a minute')


def saved(work):
    return bool(list(work.glob('epoch_*.pth')))


def test_a_signal_to_the_launcher_saves_on_all_processes(training_config):
    """The status is the one that requeues, whatever torchrun makes of it."""
    config, work = write_config(training_config), Path(training_config.work_dir)
    command = [ROOT / 'tools/dist_train.sh', config, '2', '--work-dir', work]
    env = {**os.environ, 'PYTHON': sys.executable, 'PORT': ranks_of(1)[0]['MASTER_PORT']}
    env['PYTHONPATH'] = f'{Path(__file__).parent}:{ROOT}'
    command = [str(word) for word in command]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for(lambda: saved(work), process)
            process.send_signal(signal.SIGUSR1)
            said = process.communicate(timeout=60)[1]
        finally:
            process.kill()
    assert process.returncode == STOPPED, said
    assert 'SIGUSR1: stopping after this step' in said
    assert 'Traceback' not in said and 'error' not in said
    newest = Path(find_checkpoint(work))
    done = load_file(newest)['meta']['iter']
    assert newest.name in {f'iter_{done}.pth', f'epoch_{done // 2}.pth'}


def _launch(words, cwd, folder):
    """Start two processes as torchrun does, and wait."""
    for rank in ranks_of(2):
        if os.fork() == 0:
            env = {**os.environ, **rank, 'TORCHELASTIC_RUN_ID': 'x'}
            _run_command(words, cwd, env, folder / rank['RANK'])
            os._exit(0)
    time.sleep(600)


def children(pid):
    return list(map(int, Path(f'/proc/{pid}/task/{pid}/children').read_text().split()))


def has_ended(pid):
    try:
        return ') Z ' in Path(f'/proc/{pid}/stat').read_text()
    except FileNotFoundError:
        return True


def test_processes_end_with_their_launcher(training_config, tmp_path):
    """kill -9 leaves it no time to end them; they still save what they have."""
    config, work = write_config(training_config), Path(training_config.work_dir)
    words = ['train', config, '--launcher', 'pytorch']
    launcher = FORKS.Process(target=_launch, args=(words, tmp_path, tmp_path))
    launcher.start()
    wait_for(lambda: saved(work))
    ranks = children(launcher.pid)
    assert len(ranks) == 2
    launcher.kill()
    wait_for(lambda: all(map(has_ended, ranks)))
    for rank in '01':
        said = (tmp_path / rank / 'stderr').read_text()
        assert f'the launcher (PID {launcher.pid}) of process {rank} has died' in said
    done = load_file(find_checkpoint(work))['meta']['iter']
    (log,) = work.glob('*/*.log')
    assert f'after iteration {done}; the checkpoint is' in log.read_text()
    assert not (work / 'run.lock').exists()


class Failure:
    def __init__(self, exitcode, timestamp=0):
        self.exitcode, self.timestamp, self.pid = exitcode, timestamp, 7

    def signal_name(self):
        return signal.Signals(-self.exitcode).name


class Failed:
    def __init__(self, *exitcodes):
        self.failures = {rank: Failure(code) for rank, code in enumerate(exitcodes) if code}

    def get_first_failure(self):
        return next(iter(self.failures.items()))


@pytest.mark.parametrize(
    ('exitcodes', 'signals', 'status', 'said'),
    [
        ((LOST, -9), [], 1, r'process 1 \(PID 7\) has ended by Signal 9 \(SIGKILL\), perhaps'),
        ((-15, 1, LOST), [], 1, '^$'),
        ((-15, 3), [], 3, 'process 1 .* has ended with status 3'),
        ((STOPPED, -15), [15], STOPPED, '^$'),
        ((-15, -15), [15], 143, '^$'),
        ((130, 130), [2], 130, '^$'),
        ((LOST, LOST), [], 1, '^$'),  # the failure is on another machine
    ],
)
def test_the_first_failure_is_that_of_no_other(exitcodes, signals, status, said, capsys):
    assert explain(Failed(*exitcodes), [signal.Signals(number) for number in signals]) == status
    assert re.search(said, capsys.readouterr().err.strip())
