"""The best checkpoint of a resumed training is compared with none by another metric or rule."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub

from mcl_plugins.engine import CheckpointHook
from mcl_plugins.engine.best_scores import RULES
from mcl_plugins.engine.message_hub import make_inert


@pytest.fixture
def live(tmp_path):
    """A life of a training, which validates at each of its epochs.

    Returns:
        A function of the notes of the checkpoint that is resumed, if any, the epoch and the metrics
        there, and arguments of the hook. It returns what the next checkpoint notes, the names of
        the best files, and the warnings.
    """

    def life(notes, epoch, metrics, **options):
        hub, said = MessageHub('one of a life'), []
        if notes is not None:
            hub.load_state_dict(make_inert({'message_hub': notes})['message_hub'])
        runner = SimpleNamespace(
            work_dir=str(tmp_path),
            epoch=epoch,
            iter=10 * epoch,
            logger=SimpleNamespace(info=lambda _: None, warning=said.append),
            message_hub=hub,
            save_checkpoint=lambda folder, filename, *_, **__: Path(folder, filename).touch(),
        )
        hook = CheckpointHook(**options)
        hook.before_train(runner)
        hook._save_checkpoint_with_step(runner, epoch, {})
        if metrics:
            hook._save_best_checkpoint(runner, metrics)
        best = {file.name for file in tmp_path.glob('best_*')}
        return hub.state_dict(), best, said

    return life


ACC, LOSS = dict(save_best='acc', rule='greater'), dict(save_best='loss', rule='less')
FIRST = 'best_acc_epoch_1.pth'


@pytest.mark.parametrize('note', [dict(acc='greater'), None, 'acc', dict(acc=3)])
@pytest.mark.parametrize(
    ('options', 'values', 'new'),
    [
        (LOSS, (3.0, 2.0), 'best_loss_epoch_{}.pth'),  # below any accuracy
        (dict(save_best='mIoU', rule='greater'), (0.3, 0.4), 'best_mIoU_epoch_{}.pth'),  # below it
        (dict(save_best='top/5', rule='greater'), (90.0, 95.0), 'best_top_5_epoch_{}.pth'),
        (dict(save_best='acc5', rule='greater'), (90.0, 95.0), 'best_acc5_epoch_{}.pth'),
        (dict(save_best='auto', rule='less'), (3.0, 2.0), 'best_loss_epoch_{}.pth'),
        (dict(save_best=['loss', 'mIoU'], rule='less'), (3.0, 2.0), 'best_loss_epoch_{}.pth'),
    ],
)
def test_another_metric_begins_anew_and_the_earlier_best_stays(live, note, options, values, new):
    """Also after a file of before, which does not say the rules, or says them in another form."""
    notes, best, _ = live(None, 1, {'acc': 80.0}, **ACC)
    assert best == {FIRST}
    notes['runtime_info'][RULES] = note
    names = options['save_best'] if isinstance(options['save_best'], list) else []
    metric = 'loss' if options['save_best'] == 'auto' or names else options['save_best']
    more = dict.fromkeys(names, 0.1)  # of the other one
    notes, best, said = live(notes, 2, {**more, metric: values[0]}, **options)
    assert {FIRST, new.format(2)} <= best
    assert len(said) == 1 and FIRST in said[0] and '80.0' in said[0] and 'It stays' in said[0]
    notes, best, said = live(notes, 3, {**more, metric: values[1]}, **options)
    assert not said and {FIRST, new.format(3)} <= best and new.format(2) not in best


def test_another_rule_begins_anew(live):
    notes, *_ = live(None, 1, {'acc': 80.0}, **ACC)
    notes, best, said = live(notes, 2, {'acc': 90.0}, save_best='acc', rule='less')
    assert best == {FIRST, 'best_acc_epoch_2.pth'}
    assert 'by acc (greater)' in said[0] and 'the best by acc (less)' in said[0]
    _, best, _ = live(notes, 3, {'acc': 70.0}, save_best='acc', rule='less')
    assert best == {FIRST, 'best_acc_epoch_3.pth'}


@pytest.mark.parametrize('noted', [True, False])
def test_the_same_metric_goes_on_also_among_others(live, noted):
    """Its best is noted under another name if it is one of several.

    A life that keeps no best, or ends before it has validated, does not forget it.
    """
    notes, *_ = live(None, 1, {'acc': 80.0}, **ACC)
    several = dict(save_best=['acc', 'loss'], rule=['greater', 'less'])
    for epoch, options in enumerate([ACC, several, several, ACC], start=2):
        if not noted:
            notes['runtime_info'].pop(RULES, None)
        for other in ({}, dict(save_best='auto')):
            notes, *_ = live(notes, epoch, None, **other)
        notes, best, said = live(notes, epoch, {'acc': 70.0, 'loss': 5.0}, **options)
        assert FIRST in best and 'best_acc_epoch_2.pth' not in best
        assert all('by loss' in text for text in said)
    assert len(said) == 1  # the best by loss is no longer looked for
    _, best, _ = live(notes, 6, {'acc': 81.0}, **ACC)
    assert best == {'best_acc_epoch_6.pth', 'best_loss_epoch_3.pth'}
