"""The documentation builds without a warning: every link, anchor and docstring is found."""

import os
import re
import subprocess
import sys

import pytest
import yaml

from conftest import ROOT


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('site')
    result = subprocess.run(
        [sys.executable, '-m', 'mkdocs', 'build', '--strict', '--site-dir', folder],
        cwd=ROOT,
        env={**os.environ, 'NO_MKDOCS_2_WARNING': '1'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return folder


def test_links_to_configs_and_pages_work(site):
    """As in the repository: the site has the files in the same places."""
    page = (site / 'configs/cmae/index.html').read_text()
    configs = re.findall(r'href="([^":]+\.py)"', page)
    assert len(configs) > 20
    assert not [link for link in configs if not (site / 'configs/cmae' / link).is_file()]


def test_the_reference_has_every_registered_method(site):
    text = (site / 'docs/api/index.html').read_text()
    for name in ('ConMIM', 'CcMIM', 'CMAE', 'MimCo', 'MaskedMoCo', 'MaskedBYOL', 'MoBY', 'Runner'):
        assert f'.{name}"' in text, name
    assert ':class:`' not in text and ':func:`' not in text


def test_every_page_has_its_place():
    nav = yaml.safe_load((ROOT / 'mkdocs.yml').read_text())['nav']
    parts = [part for part in nav if isinstance(part, dict)]
    listed = [part for part in nav if isinstance(part, str)]
    listed += [page for part in parts for pages in part.values() for page in pages]
    pages = [*ROOT.glob('docs/*.md'), *ROOT.glob('configs/*/README.md')]
    assert {page.relative_to(ROOT).as_posix() for page in pages} <= set(listed)
