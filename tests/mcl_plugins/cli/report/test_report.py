"""The page of a run: what it says, that it needs nothing beside it, and how a browser shows it."""

import json
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from mcl_plugins.cli.logs import Run
from mcl_plugins.cli.report.facts import Facts, facts_of, read_facts
from mcl_plugins.cli.report.hook import ReportHook
from mcl_plugins.cli.report.run import write_page, write_report
from mcl_plugins.cli.train import train
from mcl_plugins.engine.finite.advice import advice
from mcl_plugins.engine.runner import Runner

BROWSER = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'chrome'))), None)


class Page(HTMLParser):
    """The texts of a page, the cells of its tables, and everything that it would load."""

    def __init__(self, path):
        super().__init__()
        self.texts, self.loaded, self.open = [], [], []
        self.rows = []
        self.feed(path.read_text())
        self.close()
        assert not self.open, f'not closed: {self.open}'

    def handle_starttag(self, tag, attributes):
        if tag not in ('meta', 'img', 'br'):
            self.open.append(tag)
        self.loaded += [value for name, value in attributes if name in ('src', 'href')]
        if tag == 'tr':
            self.rows.append([])
        if tag == 'script':
            raise AssertionError('a script')

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.open and self.open[-1] in ('td', 'th') and self.rows:
            self.rows[-1].append(data)


@pytest.fixture
def work(training_config, tmp_path):
    """The work dir of a training by mcl train, with identical views."""
    training_config.data_preprocessor = training_config.model.pop('data_preprocessor')
    training_config.data_preprocessor.views = [[], []]
    training_config.custom_hooks = [dict(type='mcl_plugins.DoctorHook')]
    training_config.train_cfg.max_epochs = 2
    file = tmp_path / 'conmim.py'
    training_config.dump(file)
    train(file)
    return tmp_path / 'work'


def test_the_page_has_verdicts_curves_pictures_config_and_cost(work, images, tmp_path):
    page = Page(work / 'report.html')  # that of the training's end
    text = ' '.join(page.texts)
    assert 'The views of each image are identical' in text and 'mcl masks shows them' in text
    assert len(page.loaded) == 1 and page.loaded[0].startswith('data:image/png;base64,')
    assert ['method', 'ConMIM'] in page.rows and ['seed', '0'] not in page.rows
    (last,) = [row for row in page.rows if row[0] == 'last checkpoint']
    assert last[1] == 'epoch_2.pth, epoch 2 of 2, 8 steps'
    # The nearest of the two small configs of the same name.
    (header,) = [row for row in page.rows if row[0] == 'setting']
    assert header[0] == 'setting' and header[2] == 'this run'
    assert header[1] in ('configs/quickstart/conmim.py', 'configs/pocket/conmim.py')
    assert ['auto_scale_lr.base_batch_size', '96', '(not set)'] in page.rows

    page = Page(write_report([work]))
    assert len(page.loaded) == 4  # curves, masks, attention and neighbours
    assert any('ConMIM reconstructs no pixels' in text for text in page.texts)

    other = tmp_path / 'other <run>'
    shutil.copytree(work, other)
    (other / 'doctor.json').write_text(
        json.dumps([dict(illness='<b>', step=4, text='a & b.', remedy='<script>')])
    )
    page = Page(write_report([work, other], tmp_path / 'both.html', pictures=False))
    assert [str(work), str(other)] in page.rows  # beside an empty corner
    assert 'No setting differs.' in page.texts
    assert any('a & b.' in text for text in page.texts)


def made(tmp_path, **known):
    """A run of a loss that falls below chance."""
    steps = list(range(20, 220, 20))
    curves = dict(
        loss_contrast=[3 - step / 200 for step in steps],
        chance=[2.77] * len(steps),
        time=[36.0] * len(steps),
        epoch=[1 + step // 43 for step in steps],
        weight_change=[0.01] * len(steps),
    )
    run = Run('made', {name: (steps, values) for name, values in curves.items()})
    return Facts(tmp_path, run, **known)


def test_what_cannot_be_shown_is_an_error_or_a_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match='give the work dir of a training'):
        write_report([tmp_path])
    with pytest.raises(ValueError, match='--names has 2 names for 1 runs'):
        write_report([tmp_path], names=['a', 'b'])
    page = Page(write_page([made(tmp_path)], tmp_path / 'report.html'))
    assert 'There is no checkpoint with its config yet.' in page.texts
    assert 'Nothing unusual was seen.' in page.texts
    assert ['cost', '2 hours'] in page.rows  # 200 steps of 36 s
    meta = dict(batch=dict(processes=4))
    page = Page(write_page([made(tmp_path, meta=meta)], tmp_path / 'report.html'))
    assert ['cost', '2 hours, 8 hours of all 4 processes'] in page.rows


def test_a_page_that_fails_ends_no_training(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError('no font')

    monkeypatch.setattr('mcl_plugins.cli.report.run.write_page', fail)
    monkeypatch.setattr('mcl_plugins.cli.report.facts.facts_of', lambda runner: None)
    said = []
    runner = SimpleNamespace(work_dir=tmp_path, logger=SimpleNamespace(warning=said.append))
    ReportHook().after_train(runner)
    assert said == ['The page of the run was not written: RuntimeError: no font']


def test_checkpoints_on_another_disk_are_those_of_the_run(training_config, tmp_path):
    """Of a page that is written in the training, and of one that is written later."""
    training_config.default_hooks.checkpoint.out_dir = str(tmp_path / 'disk')
    runner = Runner.from_cfg(training_config)
    runner.train()
    work = Path(training_config.work_dir)
    file = tmp_path / 'disk' / work.name / 'epoch_1.pth'
    assert facts_of(runner).checkpoint == file
    facts = read_facts(work, 'work')
    assert facts.checkpoint == file and facts.meta['epoch'] == 1
    assert f'Continue from {file} with --resume' in advice(runner, 0, 0, None)


def test_the_cost_is_that_of_the_logged_iterations(tmp_path):
    """Of a run that began in another folder only those in this one."""
    late = Run('late', {'time': ([120, 140, 160], [60.0, 60.0, 60.0])})
    assert Facts(tmp_path, late).summary() == {'cost': '1 hour'}
    assert Facts(tmp_path, Run('empty', {})).summary() == {}


@pytest.mark.skipif(BROWSER is None, reason='no Chromium; the tests above read the HTML')
def test_a_browser_shows_the_page_without_a_network(tmp_path):
    ill = [dict(illness='collapse', step=400, text='The keys have collapsed.', remedy='Wait.')]
    path = write_page([made(tmp_path, verdicts=ill)], tmp_path / 'report.html')
    shot = tmp_path / 'shot.png'
    flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking']
    # A proxy that does not exist, so that nothing can be loaded from elsewhere.
    flags += ['--proxy-server=127.0.0.1:1', f'--screenshot={shot}', '--window-size=1200,1400']
    subprocess.run(
        [BROWSER, *flags, f'--user-data-dir={tmp_path / "profile"}', str(path)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    pixels = np.asarray(Image.open(shot).convert('RGB')).astype(int)
    assert pixels.shape == (1400, 1200, 3)
    red = (np.abs(pixels - (176, 58, 46)).sum(axis=2) < 12).sum()  # the mark of a verdict
    blue = (np.abs(pixels - (31, 119, 180)).sum(axis=2) < 60).sum()  # a curve
    assert red > 100 and blue > 300
