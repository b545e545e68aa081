"""Records that mcl zoo update refuses before it looks for their row.

They have no stage that is shown: without its refusal a record of these would still not be written.
"""

import json

import pytest

from mcl_plugins.cli.reproduce.zoo import main

TINY = dict(method='conmim', row='table 1: no such row', stages={}, shown=[], tiny=True)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({}, r'is no record of mcl reproduce: it lacks method, row, stages, shown, tiny\.$'),
        (
            {key: TINY[key] for key in ('method', 'row', 'stages')},
            r'is no record of mcl reproduce: it lacks shown, tiny\.$',
        ),
        (TINY, r'is the record of a --tiny run, whose numbers mean nothing\.$'),
    ],
)
def test_a_record_without_a_number_for_a_table(tmp_path, content, message):
    file = tmp_path / 'record.json'
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f'^{file} {message}'):
        main([str(file)])
