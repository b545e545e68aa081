"""What all encoders of the package have in common."""

import pytest

from mcl_plugins.backbones import Encoder
from mcl_plugins.registry import MODELS


def encoders():
    MODELS.import_from_location()
    return sorted(
        name.removeprefix('mcl_plugins.')
        for name, kind in MODELS.module_dict.items()
        if isinstance(kind, type) and issubclass(kind, Encoder)
    )


@pytest.mark.parametrize('name', encoders())
def test_train_and_eval_return_the_encoder(name):
    """``encoder = build(...).eval()`` is common; mmpretrain's own classes return None."""
    kind = MODELS.get(f'mcl_plugins.{name}')
    model = kind.__new__(kind)
    Encoder.__mro__[1].__init__(model)  # without layers, of which each class takes its own
    model.norm_eval = False
    model.frozen, model._frozen, model.frozen_stages, model.out_indices = False, [], -1, ()
    assert model.train() is model and model.training
    assert model.eval() is model and not model.training
