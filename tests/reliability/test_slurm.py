"""slurm_train.sh --requeue: a job that was stopped with a checkpoint is queued again."""

import os
import shlex
import signal
import subprocess
import time

import pytest

from conftest import ROOT

SRUN = """#!/bin/bash
echo "$@" >>"$FOLDER/srun"
trap 'echo USR1 >>"$FOLDER/signals"; exit 75' USR1
touch "$FOLDER/started"
if [ "$1" = -p ] && [ "$2" = waits ]; then for _ in $(seq 100); do sleep 0.05; done; fi
exit "${STATUS:-0}"
"""
RECORD = '#!/bin/bash\nprintf "%s\\n" "$@" >>"$FOLDER/$(basename "$0")"\n'


@pytest.fixture
def slurm(tmp_path):
    for name, text in dict(srun=SRUN, sbatch=RECORD, scontrol=RECORD).items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / 'files').mkdir()
    env = dict(FOLDER=str(tmp_path / 'files'), SLURM_JOB_ID='42', PYTHON='python', GPUS='4')
    env['PATH'] = f'{tmp_path}:{os.environ["PATH"]}'

    def start(*words, **more):
        command = ['bash', str(ROOT / 'tools/slurm_train.sh'), *words]
        return subprocess.Popen(command, env={**os.environ, **env, **more}, cwd=tmp_path)

    return start, tmp_path / 'files'


def test_the_job_is_submitted_with_a_signal_and_its_own_words(slurm):
    start, files = slurm
    words = ['part', 'a name', 'conmim/vit-b.py', 'work dir', '--amp']
    assert start('--requeue', *words, SBATCH_ARGS='--time=8:00:00', NOTICE='300').wait(10) == 0
    said = (files / 'sbatch').read_text().splitlines()
    assert {'--requeue', '--signal=USR1@300', '--time=8:00:00', '--ntasks=4'} <= set(said)
    assert '--output=work dir/slurm-%j.log' in said and (files.parent / 'work dir').is_dir()
    wrapped = shlex.split(said[said.index('--wrap') + 1])
    script = str(ROOT / 'tools/slurm_train.sh')
    assert wrapped == ['exec', 'bash', script, '--in-batch-job', *words]


@pytest.mark.parametrize(
    ('status', 'again'), [(0, False), (1, False), (75, True), (138, True), (143, False)]
)
def test_the_status_says_whether_it_is_queued_again(status, again, slurm):
    start, files = slurm
    job = start('--in-batch-job', 'part', 'name', 'c.py', 'work', STATUS=str(status))
    assert job.wait(10) == status
    requeued = (files / 'scontrol').exists()
    assert requeued == again
    if requeued:
        assert (files / 'scontrol').read_text().split() == ['requeue', '42']
    words = (files / 'srun').read_text()
    assert words.endswith('train.py c.py --work-dir work --launcher slurm --resume\n')
    assert '--kill-on-bad-exit=1' in words and '--ntasks=4' in words


@pytest.mark.parametrize(('number', 'again'), [(signal.SIGUSR1, True), (signal.SIGTERM, False)])
def test_a_signal_to_the_batch_script(number, again, slurm):
    """USR1 is handed on; a job that scancel ends by SIGTERM does not come back."""
    start, files = slurm
    job = start('--in-batch-job', 'waits', 'name', 'c.py', 'work')
    for _ in range(200):
        if (files / 'started').exists():
            break
        time.sleep(0.05)
    job.send_signal(number)
    assert job.wait(10) == (75 if again else -signal.SIGTERM)
    assert (files / 'scontrol').exists() == again
    assert (files / 'signals').exists() == again


def test_without_requeue_srun_runs_at_once(slurm):
    start, files = slurm
    assert start('part', 'name', 'c.py', 'work', '--resume', STATUS='75').wait(10) == 75
    assert (files / 'srun').exists()
    assert not (files / 'scontrol').exists() and not (files / 'sbatch').exists()


def test_too_few_words_are_refused(slurm):
    start, _ = slurm
    assert start('--requeue', 'part', 'name').wait(10) == 2
