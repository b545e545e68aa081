"""What setup_env.sh refuses, in one clear line each, before it installs anything."""

import os
import platform
import shutil
import subprocess
import time

import pytest

from conftest import ROOT


@pytest.fixture
def clone(tmp_path):
    """The files that setup_env.sh reads, in a folder without .venv."""
    files = ('tools/setup_env.sh', 'tools/requirements.lock', 'setup.cfg', 'mcl_plugins/version.py')
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def program(folder, name, text):
    """An executable shell script that stands for a program."""
    path = folder / name
    path.write_text(f'#!/bin/sh\n{text}\n')
    path.chmod(0o755)
    return path


def run(clone, *arguments, **env):
    return subprocess.run(
        ['bash', str(clone / 'tools/setup_env.sh'), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
        timeout=60,
    )


def refused(result, clone):
    assert result.returncode == 1 and not (clone / '.venv').exists()
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith('setup_env: ')
    return line


def test_no_python(clone):
    line = refused(run(clone, PYTHON='/no/such/python3.11'), clone)
    assert '/no/such/python3.11 was not found' in line and 'PYTHON=' in line


@pytest.mark.parametrize('version', ['3.9', '3.13'])
def test_another_python(clone, version):
    python = program(clone, 'python', f'echo {version}')
    line = refused(run(clone, PYTHON=str(python)), clone)
    assert f'is Python {version}; the pinned versions are for Python 3.10, 3.11 and 3.12' in line


def test_a_python_that_does_not_run(clone):
    python = program(clone, 'python', 'exit 127')
    assert 'does not run' in refused(run(clone, PYTHON=str(python)), clone)


@pytest.mark.parametrize('version', ['3.10', '3.11', '3.12'])
def test_no_disk_space(clone, version):
    python = program(clone, 'python', f'echo {version}')
    program(clone, 'df', 'echo header; echo "disk 100 99 2097152 99% /"')
    path = f'{clone}:{os.environ["PATH"]}'
    assert 'only 2 GB free' in refused(run(clone, PYTHON=str(python), PATH=path), clone)


def test_no_compiler(clone):
    python = program(clone, 'python', 'echo 3.11')
    program(clone, 'df', 'echo header; echo "disk 100 99 99999999 99% /"')
    env = dict(PYTHON=str(python), CXX='/no/such/c++', PATH=f'{clone}:{os.environ["PATH"]}')
    line = refused(run(clone, '--with-ops', **env), clone)
    assert 'no C++ compiler (/no/such/c++)' in line and 'without --with-ops' in line


def test_unknown_option(clone):
    assert "unknown option '--ops'" in refused(run(clone, '--ops'), clone)


VENV = """
case "$*" in
  -c*version_info*) echo 3.11 ;;
  '-m venv --clear .venv')
    mkdir -p .venv/bin && cp "$0" .venv/bin/python
    mkdir "$FOLDER/busy" || touch "$FOLDER/both"
    until [ -e "$FOLDER/go on" ]; do sleep 0.1; done ;;
  *'-e .') rmdir "$FOLDER/busy" ;;
  '-c import mmcv._ext') exit 1 ;;
  '-m pip'*wheel*-w*) for word; do case "$word" in */cache/*) touch "$word/x.whl" ;; esac; done ;;
esac
[ "${1:-}" != - ] || cat >/dev/null
"""


def start(clone, folder):
    python = program(clone, 'python', VENV)
    program(clone, 'df', 'echo header; echo "disk 100 99 99999999 99% /"')
    env = dict(PATH=f'{clone}:{os.environ["PATH"]}', PYTHON=str(python), FOLDER=str(folder))
    env['XDG_CACHE_HOME'] = str(folder / 'cache')
    return subprocess.Popen(
        ['bash', str(clone / 'tools/setup_env.sh')],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **env},
    )


def test_two_at_once_wait_for_each_other(clone, tmp_path_factory):
    """The second then finds that nothing is left to do."""
    folder = tmp_path_factory.mktemp('folder')
    first = start(clone, folder)
    while not (folder / 'busy').exists() and first.poll() is None:
        time.sleep(0.05)
    second = start(clone, folder)
    assert f'Waiting for another setup_env.sh (process {first.pid} on' in second.stdout.readline()
    (folder / 'go on').touch()
    said = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], said
    assert not (folder / 'both').exists() and not (clone / '.venv.lock').exists()
    assert ['Creating .venv' in text for text in said] == [True, False]
    assert 'is complete' in said[1]


def test_the_lock_of_a_dead_one_is_taken_over(clone, tmp_path_factory):
    (clone / '.venv.lock').mkdir()
    (clone / '.venv.lock/owner').write_text(f'{2**22 + 1} {platform.node()}\n')
    folder = tmp_path_factory.mktemp('folder')
    (folder / 'go on').touch()
    process = start(clone, folder)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 0 and 'Waiting' not in said, said
    assert not (clone / '.venv.lock').exists()
