"""The quickstart's retrieval benchmark, read as revisited Oxford is."""

import pytest
from PIL import Image

from mcl_plugins.cli.data.make_digit_retrieval import make
from mcl_plugins.evaluation.revisited import Revisited


@pytest.fixture
def root(tmp_path):
    """Eight scans of each of two digits, drawn twice."""
    for digit in (3, 5):
        folder = tmp_path / 'val' / str(digit)
        folder.mkdir(parents=True)
        for scan in range(8):
            for copy in range(2):
                Image.new('RGB', (40, 40)).save(folder / f'{10 * digit + scan:04d}_{copy}.jpg')
    return tmp_path


def test_the_other_drawing_is_easy_and_other_scans_are_hard(root, capsys):
    make(root)
    data = Revisited.read(root / 'rdigits')
    assert data.query_names == ['0030_0', '0034_0', '0050_0', '0054_0']
    assert len(data.database) == 28 and not set(data.query_names) & set(data.database)
    for name, query in zip(data.query_names, data.queries, strict=True):
        (easy,) = (data.database[number] for number in query.easy)
        assert easy == name.replace('_0', '_1')
        hard = {data.database[number] for number in query.hard}
        same = {file for file in data.database if file[:3] == name[:3]}
        assert hard == same - {easy} and len(hard) == 13 and len(query.junk) == 0
    with Image.open(root / 'rdigits/jpg/0030_0.jpg') as image:
        assert image.size == (32, 32) and image.mode == 'L'
    assert '4 queries, 28 images' in capsys.readouterr().out


def test_other_digits_of_the_same_names_are_taken_over(root):
    make(root)
    Image.new('RGB', (40, 40), 'white').save(root / 'val/3/0030_0.jpg')
    make(root)
    with Image.open(root / 'rdigits/jpg/0030_0.jpg') as image:
        assert image.getpixel((0, 0)) == 255


def test_it_needs_the_digits(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'mcl data digits .* first'):
        make(tmp_path)
