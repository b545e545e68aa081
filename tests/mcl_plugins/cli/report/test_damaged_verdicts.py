"""A damaged doctor.json ends neither a report nor a training that is resumed; both say so."""

import json
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from torch import nn

from mcl_plugins.cli.logs import Run
from mcl_plugins.cli.report import facts as module
from mcl_plugins.cli.report.run import write_page
from mcl_plugins.engine.hooks import DoctorHook, doctor

VERDICT = dict(step=4, illness='collapse', text='The keys have collapsed.', remedy='Wait.')
DAMAGED = {
    'empty': b'',
    'cut': json.dumps([VERDICT]).encode()[:30],
    'binary': b'\xff\xfe\x00',
    'dict': json.dumps(VERDICT).encode(),
    'parts': b'[1, null]',
    'lacks': json.dumps([{**VERDICT, 'step': 'four'}]).encode(),
    'deep': b'[' * 100_000,
}


@pytest.fixture(params=DAMAGED)
def work_dir(request, tmp_path):
    (tmp_path / 'doctor.json').write_bytes(DAMAGED[request.param])
    return tmp_path


def start(folder, step, monkeypatch):
    """The hook at the start of a training, and what it warned of."""
    monkeypatch.setattr(doctor, 'Senses', lambda *args, **kwargs: None)
    monkeypatch.setattr(doctor, 'gather_facts', lambda *args: None)
    monkeypatch.setattr(doctor, 'Chart', lambda *args: None)
    said = []
    logger = SimpleNamespace(warning=said.append)
    hook = DoctorHook(interval=1)
    hook.before_train(
        SimpleNamespace(
            model=nn.Identity(), cfg=Config(), work_dir=str(folder), iter=step, logger=logger
        )
    )
    return hook, said


def test_a_resumed_training_goes_on(work_dir, monkeypatch):
    hook, (warning,) = start(work_dir, 8, monkeypatch)
    assert hook.verdicts == [] and str(work_dir / 'doctor.json') in warning


def test_the_report_says_so(work_dir, monkeypatch):
    monkeypatch.setattr(module, 'read_run', lambda folder, name: Run('made', {}))
    facts = module.read_facts(work_dir, 'made')
    text = write_page([facts], work_dir / 'report.html', pictures=False).read_text()
    assert 'What the doctor has said is not known: ' in text and 'no DoctorHook' not in text


def test_what_is_whole_is_read_and_a_new_training_begins_without(tmp_path, monkeypatch):
    hook, said = start(tmp_path, 8, monkeypatch)
    assert hook.verdicts == [] and not said
    file = tmp_path / 'doctor.json'
    file.write_text(json.dumps([VERDICT]))
    hook, said = start(tmp_path, 8, monkeypatch)
    assert hook.verdicts == [VERDICT] and not said
    hook, said = start(tmp_path, 0, monkeypatch)
    assert hook.verdicts == [] and not said and not file.exists()
