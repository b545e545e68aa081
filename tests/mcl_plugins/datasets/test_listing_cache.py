"""A kept list of files is used as long as it holds, and never after."""

import json
import multiprocessing
import os
import time
from types import SimpleNamespace

import pytest

from mcl_plugins.datasets import listing, listing_cache
from mcl_plugins.datasets.listing import list_images

SUFFIXES = ('.jpg', '.png')
FORKS = multiprocessing.get_context('fork')
IMAGES = ['a/1.jpg', 'a/2.png', os.fsdecode(b'a/caf\xe9.jpg'), 'b/4.JPG', 'b/c/3.jpg']


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three classes, whose folders have not changed for a minute; each list of them is kept."""
    monkeypatch.setattr(listing_cache, 'LARGE', 5)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    root = tmp_path / 'data/train'
    for name in ('a/1.jpg', 'a/2.png', 'b/c/3.jpg', 'b/4.JPG', 'b/notes.txt', '.hid/5.jpg'):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text('')
    os.link(root / 'a/1.jpg', root / IMAGES[2])
    settle(root)
    return root


def settle(root):
    before = time.time() - 60
    for path in [root, *root.rglob('*')]:
        if path.is_dir():
            os.utime(path, (before, before))


@pytest.fixture
def searches(monkeypatch):
    """The folders that were searched."""
    searched = []
    search = listing._local_files

    def recorded(root, changed):
        searched.append(root)
        return search(root, changed)

    monkeypatch.setattr(listing, '_local_files', recorded)
    return searched


def parts(found):
    return found.images, found.left_out, found.folders


def test_the_second_start_reads_the_list(folder, searches, monkeypatch):
    begin = time.gmtime(0)
    clock = SimpleNamespace(time_ns=time.time_ns, strftime=lambda form: time.strftime(form, begin))
    monkeypatch.setattr(listing_cache, 'time', clock)
    first, second = (list_images(str(folder), SUFFIXES) for _ in range(2))
    assert len(searches) == 1 and parts(first) == parts(second)
    assert first.images == IMAGES and not first.kept
    kept = folder.parent / '.train.listing.json'
    assert str(kept) in second.describe_kept() and second.kept == f'{kept} of 1970-01-01 00:00'
    assert not (folder.parent.parent / 'cache').exists()
    assert list_images(str(folder.parent), SUFFIXES).images, 'the list is a hidden file'


@pytest.mark.parametrize(
    'change',
    [
        lambda root: (root / 'b/c/new.jpg').write_text(''),
        lambda root: (root / 'a/1.jpg').unlink(),
        lambda root: (root / 'a/1.jpg').rename(root / 'a/0.jpg'),
        lambda root: (root / 'd').mkdir(),
        lambda root: (root / 'b/c').rename(root / 'e'),
        lambda root: root.rename(root.with_name('old')) and old_with_more(root),
    ],
)
def test_a_list_of_a_changed_folder_does_not_hold(folder, searches, change):
    before = list_images(str(folder), SUFFIXES)
    change(folder)
    after = list_images(str(folder), SUFFIXES)
    assert len(searches) == 2 and not after.kept
    assert parts(after) != parts(before)
    settle(folder)
    list_images(str(folder), SUFFIXES)
    assert list_images(str(folder), SUFFIXES).kept and len(searches) == 3


def old_with_more(root):
    """Another folder of the same name."""
    for number in range(6):
        (root / 'a').mkdir(parents=True, exist_ok=True)
        (root / f'a/{number}.jpg').write_text('')


def test_a_list_for_other_suffixes_does_not_hold(folder, searches):
    list_images(str(folder), SUFFIXES)
    assert list_images(str(folder), ('.txt',)).images == ['b/notes.txt'] and len(searches) == 2


def test_a_folder_that_has_just_changed_is_not_kept(folder, searches):
    (folder / 'a/new.jpg').write_text('')
    for _ in range(2):
        assert 'a/new.jpg' in list_images(str(folder), SUFFIXES).images
    assert len(searches) == 2 and not (folder.parent / '.train.listing.json').exists()


def test_a_small_folder_leaves_nothing_behind(folder, searches, monkeypatch):
    monkeypatch.setattr(listing_cache, 'LARGE', 1000)
    for _ in range(2):
        list_images(str(folder), SUFFIXES)
    assert len(searches) == 2 and not (folder.parent / '.train.listing.json').exists()


def test_beside_a_read_only_folder_it_is_in_the_users_cache(folder, searches, monkeypatch):
    write = listing_cache.atomic_write

    def refused(place):
        if folder.parent in place.parents:
            raise PermissionError(13, 'Permission denied', str(place))
        return write(place)

    monkeypatch.setattr(listing_cache, 'atomic_write', refused)
    found = [list_images(str(folder), SUFFIXES) for _ in range(2)]
    assert len(searches) == 1 and parts(found[0]) == parts(found[1])
    assert str(folder.parent.parent / 'cache/mcl_plugins') in found[1].kept


def test_where_nothing_can_be_written_it_is_searched_each_time(folder, searches, monkeypatch):
    def refused(place):
        raise PermissionError(13, 'Permission denied', str(place))

    monkeypatch.setattr(listing_cache, 'atomic_write', refused)
    monkeypatch.setattr(listing_cache.tempfile, 'gettempdir', lambda: '/no/such/folder')
    for _ in range(2):
        assert list_images(str(folder), SUFFIXES).images == IMAGES
    assert len(searches) == 2


@pytest.mark.parametrize(
    'damage',
    [
        lambda content: b'',
        lambda content: b'no json',
        lambda content: b'[]',
        lambda content: json.dumps({**content, 'format': 0}).encode(),
        lambda content: json.dumps({**content, 'changed': 3}).encode(),
        lambda content: json.dumps({**content, 'left_out': ['ab']}).encode(),
        lambda content: json.dumps({**content, 'images': ['../../etc/x.jpg']}).encode(),
        lambda content: json.dumps({**content, 'images': ['/etc/x.jpg']}).encode(),
        lambda content: json.dumps({**content, 'root': '/another'}).encode(),
        lambda content: json.dumps(content).encode()[:-20],
    ],
)
def test_a_damaged_list_is_not_used(folder, searches, damage):
    first = list_images(str(folder), SUFFIXES)
    kept = folder.parent / '.train.listing.json'
    kept.write_bytes(damage(json.loads(kept.read_text())))
    second = list_images(str(folder), SUFFIXES)
    assert parts(first) == parts(second) and len(searches) == 2 and not second.kept


def test_processes_that_start_together_search_once(folder, monkeypatch):
    search = listing._local_files
    count = FORKS.Value('i', 0)

    def slow(root, changed):
        with count.get_lock():
            count.value += 1
        time.sleep(0.5)
        return search(root, changed)

    monkeypatch.setattr(listing, '_local_files', slow)
    processes = [FORKS.Process(target=list_images, args=(str(folder), SUFFIXES)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert count.value == 1


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder of locks."""
    folder = tmp_path / 'temporary'
    folder.mkdir()
    monkeypatch.setattr(listing_cache.tempfile, 'tempdir', str(folder))
    return folder


def test_no_lock_stays_in_the_temporary_folder(folder, temporary, monkeypatch):
    list_images(str(folder), SUFFIXES)
    assert not list(temporary.iterdir())
    with pytest.raises(RuntimeError), listing_cache.turn('a'), listing_cache.turn('b'):
        assert len(list(temporary.iterdir())) == 2
        raise RuntimeError
    assert not list(temporary.iterdir())
    monkeypatch.setattr(listing_cache.tempfile, 'tempdir', str(temporary / 'none'))
    assert len(list_images(str(folder), SUFFIXES).images) == 5  # without a lock


def test_one_at_a_time_has_its_turn_although_each_removes_the_lock(temporary):
    """A process that waits for a removed file, and one that makes the next, do not go together."""
    inside, most = FORKS.Value('i', 0), FORKS.Value('i', 0)

    def take_turns():
        for _ in range(50):
            with listing_cache.turn('a'):
                with inside.get_lock():
                    inside.value += 1
                    most.value = max(most.value, inside.value)
                time.sleep(0.001)
                with inside.get_lock():
                    inside.value -= 1

    processes = [FORKS.Process(target=take_turns) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    assert most.value == 1 and not list(temporary.iterdir())
