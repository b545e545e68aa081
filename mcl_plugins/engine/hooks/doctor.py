"""A hook that says in sentences when a training is ill, and what helps."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...algorithms.base import PretrainingMethod
from ...datasets.checked_images import parts_of
from ...evaluation.recall import Recall, mean_recall
from ...heads.moco_v3 import MoCoV3Head
from ...heads.negatives import contrastive_heads, count_negatives
from ...registry import HOOKS
from ...targets import EMA
from ...utils.sampling import spaced_indices
from ...utils.writing import atomic_write
from ..batches import images_per_process
from ..doctor.chart import Chart, Facts, Look, Verdict
from ..doctor.illnesses import judge
from ..doctor.reference import Reference, find_reference
from ..doctor.senses import Senses
from ..doctor.signs import lowest_loss, share_of_copies
from ..log_processor import recent, waiting_share
from .log_steps import is_log_step, logging_interval
from .probe import ProbeHook
from .unwrap import unwrapped_model

FILE_NAME = 'doctor.json'
PRECISE = 0.07  # standard deviation of a mean recall above which it is of too few images
STILL = 0.9999  # momentum above which float32 may not show that an EMA moves
_FILES = 1000  # of which copies are looked for
_LOGGED = (
    'query_rank',
    'key_rank',
    'alignment',
    'uniformity',
    'grad_share',
    'weight_change',
    'ema_distance',
)
_MEANS = ('loss', 'top1', 'chance', 'key_spread')


@HOOKS.register_module()
class DoctorHook(Hook):
    """Say once when a training shows an illness, and at its end what was found.

    Process 0 looks at a step whenever the log gets a line; other steps cost nothing and never wait
    for the device. (The gradients of a method's losses are computed by all processes.) It looks at
    the views, the masks, the queries and keys of each contrastive head, the gradients of the
    losses, the change of the weights and the EMA, and at the values of the log since the last look.
    What is normal follows from the method's parts: chance from the number of keys, the best loss
    from the temperature, the pace of the teacher from its momentum and the length of the training;
    and from the pocket benchmark's run of the method, if there is one that is no longer. The
    illnesses are in :mod:`mcl_plugins.engine.doctor.illnesses`. Those that were found are in
    ``doctor.json`` in the work dir, from which a resumed run knows what has been said.

    The log gets ``query_rank`` and ``key_rank``, the effective rank of student's and teacher's
    features (RankMe); ``alignment``, the squared distance of a query to its key, and
    ``uniformity`` of the queries (Wang and Isola, ICML 2020); of a method with several losses
    ``grad_share_<loss>``, the norm of each loss's gradient at the last weights of the encoder,
    divided by the sum over the losses; ``ema_distance`` between student and teacher, and
    ``weight_change``, of a step, both relative to the weights. All are of this process's batch.

    Args:
        patience: iterations for which something has to last before it is said.
        interval: iterations between two looks; None for those after which the log gets a line.
        seconds: time of iterations over which waiting for data is judged, at least.

    Raises:
        ValueError: ``patience`` is not positive.
    """

    priority = 'NORMAL'

    def __init__(
        self, patience: int = 400, interval: int | None = None, seconds: float = 30.0
    ) -> None:
        if patience < 1:
            raise ValueError(f'patience={patience} must be at least 1 iteration.')
        self.patience = patience
        self.interval = interval
        self.seconds = seconds
        self.verdicts: list[dict[str, Any]] = []
        self._chart: Chart | None = None
        self._senses: Senses | None = None
        self._looked_at = 0  # iterations at the last look
        self._accuracies: dict[str, float] = {}
        self._classified: list[tuple[int, int]] = []  # classes and labels of a validation

    def before_train(self, runner: Runner) -> None:
        """Gather what is known of the training, and what was said in an earlier part of it."""
        if self.interval is None:
            self.interval = logging_interval(runner)
        self._senses = Senses(unwrapped_model(runner), inside=not runner.cfg.get('compile'))
        if not is_main_process():
            return
        self._chart = Chart(gather_facts(runner), self.patience, self.seconds)
        self._looked_at = runner.iter
        file = Path(runner.work_dir, FILE_NAME)
        resumed = runner.iter > 0 and file.is_file()
        self.verdicts = json.loads(file.read_text(encoding='utf-8')) if resumed else []
        if not resumed:
            file.unlink(missing_ok=True)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Watch the step if the log gets a line after it."""
        if self._senses is None or not self._is_due(runner, batch_idx):
            return
        if self._chart is None:  # not process 0
            self._senses.watch_losses()
        else:
            self._senses.open()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Look at the step if the log gets a line after it."""
        if self._senses is None or not self._is_due(runner, batch_idx):
            return
        if self._chart is None:
            self._senses.close()
            return
        wrapper = runner.optim_wrapper
        stepped = getattr(wrapper, 'should_update', lambda: True)()
        values = self._senses.read(stepped)
        if not self._should_move(runner, values):
            values.pop('ema_moved', None)
        for name, value in values.items():
            if name.startswith(_LOGGED):
                runner.message_hub.update_scalar(f'train/{name}', value)
        self._look(runner, {**values, **self._read_log(runner)})

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Keep classes and labels of process 0's images; the first half may be at chance."""
        if self._chart is None or 2 * runner.iter < runner.max_iters:
            return
        for sample in outputs or ():
            pair = [getattr(sample, name, None) for name in ('pred_label', 'gt_label')]
            if all(torch.is_tensor(part) and part.numel() == 1 for part in pair):
                self._classified.append((int(pair[0]), int(pair[1])))

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Note the accuracy of a classifier."""
        pairs, self._classified = self._classified, []
        accuracy = (metrics or {}).get('accuracy/top1')
        if accuracy is not None and len(pairs) > 1:
            predicted, labels = torch.tensor(pairs).unbind(dim=1)
            self._note_accuracy('accuracy/top1', accuracy, mean_recall(predicted, labels))

    def after_train(self, runner: Runner) -> None:
        """Look a last time, and say what was found in the whole training."""
        if self._chart is None or self._senses is None:
            return
        self._senses.close()
        self._note_probes(runner)
        if self._accuracies:
            self._look(runner, {})
        if not self._chart.looks:
            return
        if not self.verdicts:
            state = f'{describe_state(self._chart)} {describe_reference(runner, self._chart)}'
            runner.logger.info(f'Doctor: nothing unusual. {state}'.rstrip())
            return
        lines = [
            f'  step {part["step"]}: {part["text"]} {part["remedy"]}' for part in self.verdicts
        ]
        runner.logger.warning('\n'.join(['Doctor: this training has shown', *lines]))

    def _should_move(self, runner: Runner, values: dict[str, float]) -> bool:
        """Whether the EMA is to move by more than rounding: not at the end of its schedule."""
        ema = getattr(unwrapped_model(runner), 'ema', None)
        if not isinstance(ema, EMA) or not values.get('ema_distance'):
            return False
        return ema.schedule(runner.iter, runner.max_iters) < STILL

    def _is_due(self, runner: Runner, batch_idx: int) -> bool:
        assert self.interval is not None
        return is_log_step(self, runner, batch_idx, self.interval)

    def _look(self, runner: Runner, values: dict[str, float]) -> None:
        assert self._chart is not None
        step = runner.iter + 1 if values else runner.iter
        self._note_probes(runner)
        values.update(self._accuracies)
        self._accuracies = {}
        self._chart.add(Look(step, values))
        said = {part['illness'] for part in self.verdicts}
        for verdict in judge(self._chart):
            if verdict.illness not in said:
                said.add(verdict.illness)
                self._say(runner, step, verdict)

    def _say(self, runner: Runner, step: int, verdict: Verdict) -> None:
        runner.logger.warning(f'Doctor, step {step}: {verdict}')
        self.verdicts.append({'step': step, **vars(verdict)})
        with atomic_write(Path(runner.work_dir, FILE_NAME)) as temporary:
            temporary.write_text(json.dumps(self.verdicts, indent=1) + '\n', encoding='utf-8')

    def _read_log(self, runner: Runner) -> dict[str, float]:
        """Return means of the log's values since the last look, and what follows from them."""
        assert self._chart is not None
        facts, steps = self._chart.facts, runner.iter + 1 - self._looked_at
        self._looked_at = runner.iter + 1
        found: dict[str, float] = {}
        for key in runner.message_hub.log_scalars:
            name = key.removeprefix('train/')
            if key.startswith('train/') and (name.startswith(_MEANS) or 'loss' in name):
                found[name] = float(recent(runner, key, steps).mean())
        chances = {**facts.chances, **dict(_chances(found))}
        for loss, chance in chances.items():
            if loss in found and chance > 0:
                level = loss.removeprefix('loss').removeprefix('_contrast')
                found[f'of_chance{level}'] = found[loss] / chance
        norms = recent(runner, 'train/grad_norm', steps)
        if facts.max_norm and len(norms):
            found['clipped'] = float((norms > facts.max_norm).mean())
            found['norm_of_max'] = float(statistics.median(norms)) / facts.max_norm
        waits, times = (recent(runner, f'train/{name}', steps) for name in ('data_time', 'time'))
        if len(times) > 1:
            found['waiting'] = waiting_share(waits, times)
            found['seconds'] = float(recent(runner, 'train/time', self.patience).sum())
        groups = getattr(getattr(runner.optim_wrapper, 'optimizer', None), 'param_groups', [])
        if groups:
            peak = groups[0].get('initial_lr', groups[0]['lr'])  # without a schedule it is constant
            found['rate_of_peak'] = groups[0]['lr'] / peak if peak else 0.0
        return found

    def _note_probes(self, runner: Runner) -> None:
        for hook in runner.hooks:
            if isinstance(hook, ProbeHook) and hook.accuracies:
                for name, accuracy in hook.accuracies.items():
                    self._note_accuracy(name, accuracy, hook.recalls[name])
                hook.accuracies = {}

    def _note_accuracy(self, name: str, accuracy: float, recall: Recall) -> None:
        """Note an accuracy in percent, and the recall by which it is told from chance.

        An accuracy tells little if the classes differ in size: that of good features may be below
        the share of the largest class.
        """
        if recall.chance < 1 and recall.deviation < PRECISE:
            self._accuracies |= {
                name: accuracy,
                f'recall_{name}': 100 * recall.mean,
                f'expected_recall_{name}': 100 * recall.chance,
                f'above_chance_{name}': recall.above,
            }


def gather_facts(runner: Runner) -> Facts:
    """Return what is known of a training before its first step."""
    model = unwrapped_model(runner)
    images = images_per_process(runner.train_dataloader)
    heads = list(contrastive_heads(model))
    negatives = count_negatives(model, images, runner.world_size)
    chances = {}
    for name, _, head in heads:
        if isinstance(head, MoCoV3Head):  # whose loss, of both directions, has no monitors
            guess = lowest_loss(float('inf'), negatives[name])
            chances['loss'] = 2 * head.loss_module.loss_weight * guess
    ema, wrapper = getattr(model, 'ema', None), runner.optim_wrapper
    schedule = ema.schedule if isinstance(ema, EMA) else None
    clip = getattr(wrapper, 'clip_grad_kwargs', None) or {}
    return Facts(
        steps=runner.max_iters,
        warm_up=_warm_up(runner),
        updates=runner.max_iters // getattr(wrapper, '_accumulative_counts', 1),
        momentum=(schedule.start, schedule.end) if schedule else None,
        temperatures={
            name: head.temperature for name, _, head in heads if hasattr(head, 'temperature')
        },
        negatives=negatives,
        max_norm=clip.get('max_norm'),
        chances=chances,
        copies=_share_of_copies(runner.train_dataloader.dataset),
        reference=reference_of(model, runner.max_iters),
    )


def reference_of(model: Any, steps: int) -> Reference | None:
    """Return the pocket benchmark's run of a method, if it is no longer than this training."""
    if not isinstance(model, PretrainingMethod):
        return None
    found = find_reference(type(model).__name__, type(model.backbone).__name__)
    return found if found is not None and found.steps <= steps else None


def describe_reference(runner: Runner, chart: Chart) -> str:
    """Return how far the loss has fallen beside the pocket benchmark's, or why this is unknown."""
    model, reference = unwrapped_model(runner), chart.facts.reference
    if not isinstance(model, PretrainingMethod):
        return ''
    if reference is None:
        return (
            f'The fall of the loss was compared with no other: the pocket benchmark has no run of '
            f'{type(model).__name__} that is no longer than this training.'
        )
    fallen = [look.values['fallen'] for look in chart.looks if 'fallen' in look.values]
    if not fallen:
        return ''
    return (
        f'The loss has fallen by {fallen[-1]:.0%}; in {reference.name} it has fallen by '
        f'{reference.fallen(1.0):.0%}.'
    )


def describe_state(chart: Chart) -> str:
    """Return the numbers of the last look by which a training is judged, in words."""
    looks = (look.values for look in reversed(chart.looks) if 'loss' in look.values)
    values = next(looks, {})
    words = []
    for name, value in values.items():
        if name.startswith('of_chance'):
            words.append(f'the contrastive loss is {value:.0%} of chance{name[9:]}')
        elif name.startswith('top1'):
            words.append(f'{value:.0%} of the keys are found{name[4:]}')
        elif name.startswith('key_rank'):
            words.append(f'the keys have rank {value:.1f}{name[8:]}')
        elif name == 'waiting':
            words.append(f'{value:.0%} of the time waits for data')
    text = ', '.join(words)
    return f'At the end {text}.' if text else ''


def _chances(values: dict[str, float]) -> Iterator[tuple[str, float]]:
    """Yield the chance floor of each contrastive loss of the log, by the name of the loss."""
    for name, value in values.items():
        if name.startswith('chance'):
            level = name.removeprefix('chance')
            yield (f'loss{level}' if level else 'loss_contrast'), value


def _warm_up(runner: Runner) -> int:
    """Return the iterations in which the learning rate rises."""
    schedulers = runner.param_schedulers
    ends = [0]
    for scheduler in schedulers if isinstance(schedulers, list) else []:
        factor = getattr(scheduler, 'start_factor', 1.0)
        if factor < getattr(scheduler, 'end_factor', 1.0):
            length = len(runner.train_dataloader) if scheduler.by_epoch else 1
            ends.append(int(scheduler.end * length))
    return max(ends)


def _share_of_copies(dataset: Any) -> float:
    """Estimate the share of images that are copies; 0 for a data set without files."""
    paths: list[str] = []
    total = 0
    for part in parts_of(dataset):
        if not (hasattr(part, 'get_data_info') and hasattr(part, '__len__')):
            continue
        total += len(part)
        found = [part.get_data_info(index) for index in spaced_indices(len(part), _FILES)]
        paths += [record['img_path'] for record in found if 'img_path' in record]
    try:
        return share_of_copies(paths, total)
    except OSError:  # what cannot be read is found when it is loaded
        return 0.0
