"""A checkpoint that runs code wherever it is unpickled without care."""

import os

import torch


class Hostile:
    """Makes the folder ``proof`` when it is unpickled."""

    def __init__(self, proof):
        self.proof = proof

    def __reduce__(self):
        return os.mkdir, (str(self.proof),)


def write_hostile(folder, name='hostile.pth', content=None):
    """Write a hostile file; returns it and the folder that would show that it ran."""
    file, proof = folder / name, folder / 'was-here'
    torch.save({**(content or {}), 'state_dict': Hostile(proof)}, file)
    return file, proof
