"""Two machines of one process each, both of them this one, train as one machine of two."""

import os
import subprocess
import sys
from pathlib import Path

import torch

from conftest import ROOT
from mcl_plugins.checkpoint.files import load_file
from processes import TIMEOUT, mcl, ranks_of


def start(config, node, port):
    """Start one of two machines as a user does."""
    env = dict(NNODES='2', NODE_RANK=str(node), MASTER_ADDR='127.0.0.1', PORT=str(port))
    command = [ROOT / 'tools/dist_train.sh', config, 1, '--work-dir', config.parent / 'two']
    return subprocess.Popen(
        [str(word) for word in command],
        cwd=config.parent,
        env={**os.environ, 'PYTHON': sys.executable, **env},
        stderr=subprocess.PIPE,
        text=True,
    )


def parts(folder):
    """The tensors of a training's checkpoint, its weights and the optimizer's moments."""
    content = load_file(folder / 'epoch_1.pth')
    moments = content['optimizer']['state'].values()
    return [*content['state_dict'].values(), *(t for state in moments for t in state.values())]


def test_two_machines_train_as_one(training_config, tmp_path):
    training_config.randomness = dict(seed=0)
    training_config.train_dataloader.batch_size = 2
    training_config.pop('experiment_name')
    config = Path(tmp_path, 'config.py')
    training_config.dump(config)
    port = ranks_of(1)[0]['MASTER_PORT']
    machines = [start(config, node, port) for node in (1, 0)]
    try:
        together = mcl('train', config, '--work-dir', tmp_path / 'one', processes=2)
        said = [machine.communicate(timeout=TIMEOUT)[1] for machine in machines]
    finally:
        for machine in machines:
            machine.kill()
    assert [together.returncode, *(machine.returncode for machine in machines)] == [0, 0, 0], said
    assert 'Waiting for machine 0' in said[0]
    one, two = parts(tmp_path / 'one'), parts(tmp_path / 'two')
    assert len(one) == len(two) and all(map(torch.equal, one, two))
