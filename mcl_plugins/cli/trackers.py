"""Experiment trackers by one option: mcl train CONFIG --log wandb."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from .common import get_config_name

# Class of MMEngine, module, distribution, and the variable that keeps its records on this machine.
TRACKERS = {
    'tensorboard': ('TensorboardVisBackend', 'tensorboard', 'tensorboard', {}),
    'wandb': ('WandbVisBackend', 'wandb', 'wandb', {'WANDB_MODE': 'offline'}),
    'mlflow': ('MLflowVisBackend', 'mlflow', 'mlflow', {}),
    'aim': ('AimVisBackend', 'aim', 'aim', {}),
    'clearml': ('ClearMLVisBackend', 'clearml', 'clearml', {'CLEARML_OFFLINE_MODE': '1'}),
}
PROJECT = 'mcl_plugins'


def add_trackers(config: Config, names: list[str], offline: bool = False) -> None:
    """Let a training also log to experiment trackers, in place.

    MMEngine's backends record the config and the scalars. The run has the name of the config and of
    its work dir, in the project ``mcl_plugins``.

    Args:
        config: of the training.
        names: keys of ``TRACKERS``; one that the config has already is not added again.
        offline: keep the records on this machine. MLflow and Aim write into the work dir anyway,
            unless ``MLFLOW_TRACKING_URI`` or ``AIM_REPO`` name another place.

    Raises:
        ValueError: a library is not installed.
    """
    visualizer = config.setdefault('visualizer', ConfigDict(type='Visualizer'))
    backends = list(visualizer.get('vis_backends') or [dict(type='LocalVisBackend')])
    for name in names:
        kind, module, distribution, variables = TRACKERS[name]
        if importlib.util.find_spec(module) is None:
            raise ValueError(
                f'--log {name}: {distribution} is not installed. Install it: python -m pip install '
                f'{distribution}'
            )
        if offline:
            os.environ.update(variables)
        if kind not in [backend['type'] for backend in backends]:
            backends.append(dict(type=kind, **_settings(name, config, offline)))
    visualizer.vis_backends = backends


def _settings(name: str, config: Config, offline: bool) -> dict[str, Any]:
    """Return the names of a run, and the place of its records, as a backend takes them."""
    experiment = get_config_name(config.filename)
    run = Path(config.work_dir).name
    if name == 'wandb':
        labels = dict(project=PROJECT, group=experiment, name=f'{experiment} in {run}')
        return dict(init_kwargs=labels)
    if name == 'clearml':
        labels = dict(project_name=PROJECT, task_name=f'{experiment} in {run}')
        return dict(init_kwargs=labels)
    if name == 'aim':
        place = (None if offline else os.environ.get('AIM_REPO')) or str(config.work_dir)
        return dict(init_kwargs=dict(experiment=experiment, repo=place))
    if name == 'mlflow':
        server = None if offline else os.environ.get('MLFLOW_TRACKING_URI')
        names = dict(exp_name=f'{PROJECT}/{experiment}', run_name=run)
        if server:
            return dict(**names, tracking_uri=server)
        # Newer versions refuse the plain folder that MMEngine would take.
        folder = Path(config.work_dir).absolute()
        store = f'sqlite:///{folder / "mlflow.db"}'
        files = (folder / 'mlflow').as_uri()
        return dict(**names, tracking_uri=store, artifact_location=files)
    return {}
