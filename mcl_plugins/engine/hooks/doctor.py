"""A hook that says in sentences when a training is ill, and what helps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...evaluation.recall import Recall, mean_recall
from ...registry import HOOKS
from ...targets import EMA
from ...utils.writing import write_json
from ..doctor.chart import Chart, Look, Verdict
from ..doctor.gather import gather_facts
from ..doctor.illnesses import judge
from ..doctor.log_values import read_log
from ..doctor.senses import Senses
from ..doctor.words import describe_health, describe_reference, describe_state
from ..unwrap import unwrapped_model
from ..wrappers import waits_for_step
from .log_steps import is_log_step, logging_interval
from .probe import ProbeHook

FILE_NAME = 'doctor.json'
PRECISE = 0.07  # standard deviation of a mean recall above which it is of too few images
STILL = 0.9999  # momentum above which float32 may not show that an EMA moves
_LOGGED = (
    'query_rank',
    'key_rank',
    'alignment',
    'uniformity',
    'grad_share',
    'weight_change',
    'ema_distance',
)


def read_verdicts(work_dir: str | Path) -> list[dict[str, Any]]:
    """Return what the doctor has said of the training of a work dir, in the order of the steps.

    Returns:
        Dicts with ``step``, ``illness``, ``text`` and ``remedy``; none if nothing was said.

    Raises:
        ValueError: the file cannot be read, or has something else in it.
    """
    file = Path(work_dir, FILE_NAME)
    if not file.is_file():
        return []
    try:
        found = json.loads(file.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f'{file} cannot be read: {error}.') from error
    if not isinstance(found, list) or not all(map(_is_verdict, found)):
        raise ValueError(f'{file} has something else than what the doctor writes.')
    return found


def _is_verdict(part: Any) -> bool:
    return (
        isinstance(part, dict)
        and isinstance(part.get('step'), int)
        and all(isinstance(part.get(name), str) for name in ('illness', 'text', 'remedy'))
    )


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
        self._stepped = False  # whether the optimizer has stepped since then
        self._accuracies: dict[str, float] = {}
        self._classified: list[tuple[int, int]] = []  # classes and labels of a validation

    def before_train(self, runner: Runner) -> None:
        """Gather what is known of the training, and what was said in an earlier part of it."""
        if self.interval is None:
            self.interval = logging_interval(runner)
        self._senses = Senses(unwrapped_model(runner), inside=not runner.cfg.get('compile'))
        if not is_main_process():
            return
        facts = gather_facts(runner, unwrapped_model(runner))
        self._chart = Chart(facts, self.patience, self.seconds)
        self._looked_at = runner.iter
        self.verdicts = []
        if runner.iter == 0:
            Path(runner.work_dir, FILE_NAME).unlink(missing_ok=True)
            return
        try:
            self.verdicts = read_verdicts(runner.work_dir)
        except ValueError as error:  # the training is not at fault
            runner.logger.warning(f'Doctor: {error} What was said before may be said again.')

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
        if self._senses is None:
            return
        stepped = not waits_for_step(runner.optim_wrapper)
        self._stepped = self._stepped or stepped
        if not self._is_due(runner, batch_idx):
            return
        if self._chart is None:
            self._senses.close()
            return
        values = self._senses.read(stepped, since_last=self._stepped)
        self._stepped = False
        if not self._should_move(runner, values):
            values.pop('ema_moved', None)
        for name, value in values.items():
            if name.startswith(_LOGGED):
                runner.message_hub.update_scalar(f'train/{name}', value)
        steps, self._looked_at = runner.iter + 1 - self._looked_at, runner.iter + 1
        logged = read_log(runner, self._chart.facts, steps, self.patience)
        self._look(runner, {**values, **logged})

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Keep classes and labels of process 0's images; the first half may be at chance."""
        if self._chart is None or 2 * runner.iter < runner.max_iters:
            return
        for sample in outputs or ():
            both = (getattr(sample, name, None) for name in ('pred_label', 'gt_label'))
            pair = [int(part) for part in both if torch.is_tensor(part) and part.numel() == 1]
            if len(pair) == 2:
                self._classified.append((pair[0], pair[1]))

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
            model = unwrapped_model(runner)
            state = f'{describe_state(self._chart)} {describe_reference(model, self._chart)}'
            runner.logger.info(f'Doctor: {describe_health(self._chart)} {state}'.rstrip())
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
        try:
            verdicts = list(judge(self._chart))
        except Exception:  # a fault of the judgement is not to end the training that it is about
            runner.logger.warning('Doctor: this look failed; the training goes on.', exc_info=True)
            return
        for verdict in verdicts:
            if verdict.illness not in said:
                said.add(verdict.illness)
                self._say(runner, step, verdict)

    def _say(self, runner: Runner, step: int, verdict: Verdict) -> None:
        runner.logger.warning(f'Doctor, step {step}: {verdict}')
        self.verdicts.append({'step': step, **vars(verdict)})
        write_json(Path(runner.work_dir, FILE_NAME), self.verdicts, indent=1)

    def _note_probes(self, runner: Runner) -> None:
        """Note what probes found since the last look; the first half may be at chance."""
        for hook in runner.hooks:
            if isinstance(hook, ProbeHook) and hook.accuracies:
                for name, accuracy in hook.accuracies.items():
                    if 2 * runner.iter >= runner.max_iters:
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
