"""What the page on own images says is what the package does."""

import re

from mmengine.config import Config
from mmengine.registry import TRANSFORMS

from conftest import ROOT
from mcl_plugins.engine.bands import check_steps
from mcl_plugins.utils.images import IMAGE_SUFFIXES

PAGE = (ROOT / 'docs/own-data.md').read_text()


def test_the_page_lists_the_suffixes():
    table = PAGE[PAGE.index('| Suffix') : PAGE.index('What a file is')]
    rows = [line.split('|')[1] for line in table.splitlines()[2:] if line]
    assert sorted(re.findall(r'`(\.\w+)`', ' '.join(rows))) == sorted(IMAGE_SUFFIXES)


def test_the_config_of_13_bands_fits_together(tmp_path):
    (content,) = re.findall(r'```python\n(.*?)```', PAGE, re.DOTALL)
    file = tmp_path / 'bands.py'
    file.write_text(content.replace("'conmim/", f"'{ROOT}/configs/conmim/"))
    config = Config.fromfile(file)
    assert 'bands' not in config
    preprocessor = config.data_preprocessor
    assert (
        config.model.backbone.in_channels == len(preprocessor.mean) == len(preprocessor.std) == 13
    )
    assert preprocessor.type == 'mcl_plugins.MultiViewPreprocessor' and len(preprocessor.views) == 2
    steps = [TRANSFORMS.build(step) for step in config.train_dataloader.dataset.pipeline[:1]]
    assert steps[0].decoder.bands is None and steps[0].decoder.depth.value_range == (0, 10000)
    check_steps(steps, 13)
