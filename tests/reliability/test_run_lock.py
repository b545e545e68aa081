"""One run in one folder: the second says who holds it; a dead holder's lock is taken over."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config

from conftest import SMALL_VIT, wait_until
from mcl_plugins.engine import Runner, run_lock
from mcl_plugins.engine.run_lock import hold
from processes import mcl, run_on_two_processes

HOLDER = """
import fcntl, json, os, sys, time
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.lockf(file, fcntl.LOCK_EX)
os.write(file, json.dumps(dict(host=os.uname().nodename, pid=os.getpid(), since='noon')).encode())
print('held', flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of tmp_path / 'work'."""
    (tmp_path / 'work').mkdir()
    command = [sys.executable, '-c', HOLDER, str(tmp_path / 'work/run.lock')]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def write_owner(folder, **owner):
    owner = dict(host=platform.node(), pid=2**22 + 1, since='yesterday') | owner
    (folder / 'run.lock').write_text(json.dumps(owner))


def test_the_second_run_says_who_holds_the_folder(holder, training_config):
    """It has then written nothing: no config, no log, no checkpoint."""
    work = Path(training_config.work_dir)
    config = work.parent / 'config.py'
    training_config.dump(config)
    result = mcl('train', config, '--work-dir', work)
    assert result.returncode == 1 and 'Traceback' not in result.stderr
    who = f'process {holder.pid} on {platform.node()} (since noon) is training in it'
    assert f'{work} is in use: {who}' in result.stderr and '--work-dir' in result.stderr
    assert [file.name for file in work.iterdir()] == ['run.lock']


def test_a_runner_asks_too_and_the_holder_may_end(holder, training_config):
    with pytest.raises(ValueError, match=f'in use: process {holder.pid} on'):
        Runner.from_cfg(training_config).train()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    training_config.experiment_name += '-again'
    Runner.from_cfg(training_config).train()
    work = Path(training_config.work_dir)
    assert (work / 'epoch_1.pth').exists() and not (work / 'run.lock').exists()


@pytest.mark.usefixtures('holder')
def test_a_test_needs_no_lock(training_config):
    """The folder may be read, and get a log: only training takes the lock."""
    config, work = training_config, Path(training_config.work_dir)
    backbone = dict(type='VisionTransformer', arch=SMALL_VIT['arch'], img_size=32, patch_size=8)
    head = dict(type='LinearClsHead', num_classes=2, in_channels=48)
    config.model = dict(type='ImageClassifier', backbone=backbone, head=head)
    config.test_dataloader = {**config.pop('train_dataloader'), 'drop_last': False}
    config.test_dataloader.dataset.with_label = True
    config.update(test_cfg=dict(), test_evaluator=dict(type='Accuracy'))
    for name in ('train_cfg', 'optim_wrapper'):
        config.pop(name)
    lock = work / 'run.lock'
    before = lock.read_bytes(), lock.stat().st_ino, lock.stat().st_mtime_ns
    assert Runner.from_cfg(config).test().keys() == {'accuracy/top1'}
    assert (lock.read_bytes(), lock.stat().st_ino, lock.stat().st_mtime_ns) == before
    with pytest.raises(ValueError, match='in use'), hold(work):
        pass


@pytest.mark.parametrize('text', ['', 'half of {"ho', '[]', '{"pid": "x"}'])
def test_what_a_dead_process_left_is_taken_over(text, tmp_path, monkeypatch):
    monkeypatch.setattr(run_lock, 'PATIENCE', 0.1)
    (tmp_path / 'run.lock').write_text(text)
    with hold(tmp_path):
        owner = json.loads((tmp_path / 'run.lock').read_text())
        assert (owner['host'], owner['pid']) == (platform.node(), os.getpid())
        with hold(tmp_path):  # the command and its Runner
            pass
        assert (tmp_path / 'run.lock').exists()
    assert not (tmp_path / 'run.lock').exists()


@pytest.mark.parametrize('lives', [False, True])
def test_another_machine_gives_signs_of_life(lives, tmp_path, monkeypatch):
    """Its lock may be unknown here, and so may its processes; clocks are not compared."""
    monkeypatch.setattr(run_lock, 'PATIENCE', 0.5)
    write_owner(tmp_path, host='elsewhere')
    file = tmp_path / 'run.lock'
    os.utime(file, (0, time.time() + 10_000))
    if lives:
        waits = SimpleNamespace(**{**vars(time), 'sleep': lambda _: os.utime(file)})
        monkeypatch.setattr(run_lock, 'time', waits)
        with pytest.raises(ValueError, match='in use: process .* on elsewhere'), hold(tmp_path):
            pass
    else:
        with hold(tmp_path):
            assert json.loads(file.read_text())['host'] == platform.node()


@pytest.mark.parametrize('lives', [False, True])
def test_without_locks_of_the_system_the_process_is_looked_for(lives, tmp_path, monkeypatch):
    monkeypatch.setattr(run_lock, '_lock', lambda file: None)
    write_owner(tmp_path, **({'pid': os.getppid()} if lives else {}))
    if lives:
        with pytest.raises(ValueError, match=f'process {os.getppid()}'), hold(tmp_path):
            pass
    else:
        with hold(tmp_path):
            pass


def test_the_holder_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(run_lock, 'BEAT', 0.05)
    with hold(tmp_path):
        os.utime(tmp_path / 'run.lock', (0, 0))
        wait_until(lambda: (tmp_path / 'run.lock').stat().st_mtime > 1000)


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / 'precious').write_text('text')
    (tmp_path / 'run.lock').symlink_to('precious')
    with pytest.raises(OSError, match='symbolic link'), hold(tmp_path):
        pass
    assert (tmp_path / 'precious').read_text() == 'text'


def _is_refused(rank, config):
    config = Config(config)
    config.launcher = 'pytorch'
    with pytest.raises(ValueError, match='is in use: process'):
        Runner.from_cfg(config).train()


@pytest.mark.usefixtures('holder')
def test_all_processes_are_refused(training_config):
    """None waits for one that has ended."""
    run_on_two_processes(_is_refused, training_config.to_dict())
