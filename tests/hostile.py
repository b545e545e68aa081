"""Files that harm wherever they are read without care."""

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from uuid import uuid4

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from numpy._core import multiarray

ESCAPED = f'escaped-{uuid4().hex}'  # what archives would write elsewhere; no other run's


class Hostile:
    """Makes the folder ``proof`` when it is unpickled."""

    def __init__(self, proof):
        self.proof = proof

    def __reduce__(self):
        return os.mkdir, (str(self.proof),)


class Calls:
    """Is pickled as a call of a function, whose result may get a state."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def write_hostile(folder, name='hostile.pth', content=None):
    """Write a hostile file; returns it and the folder that would show that it ran."""
    file, proof = folder / name, folder / 'was-here'
    torch.save({**(content or {}), 'state_dict': Hostile(proof)}, file)
    return file, proof


def _python(proof):
    """Python code that makes the proof."""
    return f'__import__("os").mkdir({str(proof)!r})'


def pickled_calls(proof):
    """Calls that run code, by what they go through."""
    import importlib  # noqa: PLC0415
    import operator  # noqa: PLC0415
    import runpy  # noqa: PLC0415
    import subprocess  # noqa: PLC0415
    from functools import partial  # noqa: PLC0415

    (proof.parent / 'evil.py').write_text(_python(proof))
    return {
        'mkdir': Hostile(proof),
        'eval': Calls(eval, (_python(proof),)),
        'exec': Calls(exec, (_python(proof),)),
        'system': Calls(os.system, (f'mkdir {proof}',)),
        'popen': Calls(subprocess.Popen, (['mkdir', str(proof)],)),
        'import': Calls(importlib.import_module, ('antigravity',)),
        'path': Calls(runpy.run_path, (str(proof.parent / 'evil.py'),)),
        'partial': Calls(partial(os.mkdir, str(proof)), ()),
        'operator': Calls(operator.call, (os.mkdir, str(proof))),
        'getattr': Calls(getattr, (torch.Tensor, '__init_subclass__')),
        'globals of a class': Calls(getattr, (HistoryBuffer, '__init__')),
        'dict of a class': Calls(getattr, (HistoryBuffer, '__subclasses__')),
        'hub': Calls(torch.hub.load, (str(proof.parent), 'model')),
        'numpy load': Calls(np.load, (str(proof.parent / 'evil.npy'), None, True)),
        'torch load': Calls(torch.load, (str(proof.parent / 'evil.pth'),)),
        'remove': Calls(os.remove, (str(proof.parent / 'victim.txt'),)),
        'state of a class': Calls(HistoryBuffer, (), (None, {'update': Hostile(proof)})),
    }


def crashing_arrays():
    """Arrays whose bytes are taken for pointers, or whose size is a claim, in pickles."""

    def kind(code, *state):
        return Calls(np.dtype, (code, False, True), state)

    def array(of, raw=b'A' * 8, shape=(1,)):
        start = (np.ndarray, (0,), b'b')
        return Calls(multiarray._reconstruct, start, (1, shape, of, False, raw))

    plain = (None, None, None, -1, -1)
    objects = kind('O8', 3, '|', *plain, 0)
    fields = ('a',), {'a': (np.dtype('O'), 0)}
    return {
        'objects': array(objects),
        'object': Calls(multiarray.scalar, (objects, b'A' * 8)),
        'field of objects': array(kind('V8', 3, '|', None, *fields, 8, 1, 0)),
        'flags of numbers': array(kind('f8', 3, '<', *plain, 63)),
        'list of objects': array(np.dtype('O'), [1]),
        'size of an array': array(kind('U1', 3, '<', *plain, 0), shape=(2**40,)),
        'negative size': array(kind('f8', 3, '<', *plain, 0), shape=(-1, -1)),
        'size of text': Calls(
            multiarray.scalar, (kind('U8', 3, '<', *plain[:3], 2**30, 4, 0), b'')
        ),
        'empty array': Calls(multiarray._reconstruct, (np.ndarray, (2**50,), 'O')),
        'array': Calls(np.ndarray, ((2**50,), 'O')),
    }


def checkpoints(folder, proof, whole):
    """Write hostile checkpoints; returns the files by name.

    Args:
        folder: where they are written.
        proof: the folder that exists if one of them has run.
        whole: content of a checkpoint of a training, in which the harm is hidden.
    """
    files = {}

    def save(name, content, **settings):
        files[name] = folder / f'{name.replace(" ", "-")}.pth'
        torch.save(content, files[name], **settings)

    for name, value in {**pickled_calls(proof), **crashing_arrays()}.items():
        save(name, {**whole, 'state_dict': value})
    for place in ('meta', 'optimizer', 'message_hub'):
        save(f'in {place}', {**whole, place: Hostile(proof)})
    save(
        'old format', {**whole, 'state_dict': Hostile(proof)}, _use_new_zipfile_serialization=False
    )
    poisoned = HistoryBuffer([1.0], [1])
    vars(poisoned).update(_log_history=['x'], max_length='x', _statistics_methods={'mean': len})
    hub = whole['message_hub']
    save('log of words', {**whole, 'message_hub': {**hub, 'log_scalars': {'loss': poisoned}}})
    cycle = []
    cycle.append(cycle)
    save('cycle', {**whole, 'state_dict': {'weight': cycle}, 'meta': {**whole['meta'], 'a': cycle}})
    save('no names', {1: torch.ones(1), None: 'x'})
    save('no tensors', {**whole, 'state_dict': {'weight': 'x', 'bias': None}})
    save('no list', {**whole, 'param_schedulers': 3, 'optimizer': []})
    files.update(_archives(folder, proof, whole))
    return files


def _archives(folder, proof, whole):
    """Files that are no checkpoints, or archives with more than one has."""
    names = [
        'pickle',
        'tar',
        'script',
        'traversal',
        'bomb',
        'claim',
        'cut',
        'short',
        'empty',
        'page',
    ]
    files = {name: folder / f'{name}.pth' for name in names}
    files['pickle'].write_bytes(pickle.dumps(Hostile(proof)))
    with tarfile.open(files['tar'], 'w') as archive:
        for name in ('sys_info', 'pickle', 'storages', 'tensors', f'../../{ESCAPED}'):
            content = pickle.dumps(Hostile(proof))
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    with io.BytesIO() as file:
        torch.save(whole, file)
        content = file.getvalue()
    torch.jit.save(torch.jit.trace(torch.nn.Identity(), torch.ones(1)), files['script'])
    source = zipfile.ZipFile(io.BytesIO(content))
    for name in ('traversal', 'bomb', 'claim'):
        kind = zipfile.ZIP_DEFLATED if name == 'bomb' else zipfile.ZIP_STORED
        with zipfile.ZipFile(files[name], 'w', kind) as archive:
            for record in source.infolist():
                archive.writestr(record.filename, source.read(record))
            if name == 'traversal':
                archive.writestr(f'../../{ESCAPED}', b'x')
                archive.writestr(f'/tmp/{ESCAPED}', b'x')
            if name == 'bomb':
                archive.writestr('archive/data/bomb', bytes(10**7))
    raw = bytearray(files['claim'].read_bytes())
    place = raw.rindex(b'PK\x01\x02')
    raw[place + 20 : place + 28] = struct.pack('<II', 2**32 - 2, 2**32 - 2)  # sizes of a record
    files['claim'].write_bytes(raw)
    files['cut'].write_bytes(content[: len(content) // 2])
    files['short'].write_bytes(content[:-30])
    files['empty'].write_bytes(b'')
    files['page'].write_text('<html>Not found</html>')
    files |= {name: folder / f'{name}.safetensors' for name in ('header', 'overlap')}
    files['header'].write_bytes(struct.pack('<Q', 2**60) + b'{}')
    tensor = {'dtype': 'F32', 'shape': [2**40], 'data_offsets': [0, 4]}
    text = json.dumps({'a': tensor}).encode()
    files['overlap'].write_bytes(struct.pack('<Q', len(text)) + text + bytes(4))
    return files


def pickles(proof):
    """Hostile pickles by name: those that run code, and those that crash or fill the memory."""
    found = {**pickled_calls(proof), **crashing_arrays()}
    dumped = {name: pickle.dumps({'gnd': value}) for name, value in found.items()}
    return {
        **dumped,
        'memo': b'\x80\x02Nr\xff\xff\xff\x7f.',  # the largest index
        'bytes': b'\x80\x04\x8e' + struct.pack('<Q', 2**40) + b'.',
        'big bytes': pickle.dumps(Calls(bytes, (10**11,)), protocol=2),
        'codec': pickle.dumps({'gnd': Calls(__import__('codecs').encode, ('x', 'rot13'))}),
        'nested': b'\x80\x02' + b']' * 10**5 + b'a' * (10**5 - 1) + b'.',
        'extension': b'\x80\x02\x82\x01.',
        'persistent': b'\x80\x02X\x01\x00\x00\x00aQ.',
    }
