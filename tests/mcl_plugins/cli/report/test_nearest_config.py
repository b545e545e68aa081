"""The config of the package that a run is compared with, and what it costs to find it."""

import pytest
from mmengine.config import Config

from mcl_plugins.cli.logs import Run
from mcl_plugins.cli.report import facts as module


@pytest.fixture
def configs(tmp_path, monkeypatch):
    """Three configs of one name; the run is of the second one's method, with another rate."""
    for folder, method, rate in (('a', 'CMAE', 1), ('b', 'ConMIM', 2), ('c', 'ConMIM', 3)):
        file = tmp_path / 'configs' / folder / 'vit.py'
        file.parent.mkdir(parents=True)
        file.write_text(f'model = dict(type={method!r}, depth=4)\nrate = {rate}\nseed = {rate}\n')
    monkeypatch.setattr(module, 'home', lambda: tmp_path)
    (tmp_path / 'work').mkdir()
    return tmp_path / 'work' / 'vit.py'


def test_it_is_the_nearest_of_the_method(configs, monkeypatch):
    texts = []
    property_of = Config.pretty_text
    monkeypatch.setattr(
        Config,
        'pretty_text',
        property(lambda config: texts.append(config.filename) or property_of.fget(config)),
    )
    text = "model = dict(type='ConMIM', depth=4)\nrate = 9\nseed = 2\n"
    configs.write_text(text)
    facts = module.Facts(configs.parent, Run('run', {}), config=text)
    name, settings = module.find_base(facts)
    assert name == 'b/vit.py' and module.differences(facts, settings) == {'rate': (2, 9)}
    assert [text.split('/')[-2] for text in texts] == ['b', 'c']
