"""The signs of life of a lock end before its file is closed."""

import os
import threading

from mcl_plugins.engine import run_lock
from mcl_plugins.engine.run_lock import hold


def test_no_sign_of_life_goes_to_a_closed_file(tmp_path, monkeypatch):
    """Its number may have become that of another file, whose time would be changed."""
    began, closed, open_until_the_end = threading.Event(), threading.Event(), []
    close = os.close

    def touch(file):
        began.set()
        closed.wait(0.2)  # longer than the end of the block takes
        try:
            os.fstat(file)
        except OSError:
            open_until_the_end.append(False)
        else:
            open_until_the_end.append(True)

    def note(file):
        close(file)
        closed.set()

    monkeypatch.setattr(run_lock, 'BEAT', 0.001)
    with hold(tmp_path):
        monkeypatch.setattr(os, 'utime', touch)
        monkeypatch.setattr(os, 'close', note)
        assert began.wait(10)
    assert open_until_the_end and all(open_until_the_end)
