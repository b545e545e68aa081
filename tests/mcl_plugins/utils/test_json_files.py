"""A JSON file that a user names, or a killed command left: the message names it and the remedy."""

import pytest

from mcl_plugins.cli.benchmark.on_gpu.record import read_record
from mcl_plugins.cli.data.recipe import NOTE, begin
from mcl_plugins.cli.reproduce.zoo import update
from mcl_plugins.utils.reading import read_json

BROKEN = {
    'empty': (b'', 'no JSON or ends too early'),
    'cut': (b'{"row": "a', 'no JSON or ends too early'),
    'other': (b'\x80\x04K\x01.', 'no JSON or ends too early'),
    'list': (b'[1, 2]', 'holds a JSON list'),
    'nothing': (b'null', 'holds a JSON NoneType'),
}


@pytest.mark.parametrize('content', BROKEN)
@pytest.mark.parametrize(
    ('read', 'remedy'),
    [
        (lambda file: read_json(file, 'Download it again.'), 'Download it again'),
        (update, 'mcl reproduce writes'),
        (read_record, 'gpu.sh writes'),
        (lambda file: begin(file.parent, {'seed': 0}, ()), 'Remove .* to make the data anew'),
    ],
)
def test_a_file_that_holds_something_else_is_named(tmp_path, content, read, remedy):
    written, fault = BROKEN[content]
    file = tmp_path / NOTE
    file.write_bytes(written)
    with pytest.raises(ValueError, match=f'{file}.*{fault}.*{remedy}'):
        read(file)
