"""The fidelity tool on Masked MoCo and Masked BYOL files of other sizes, by plain steps."""

from itertools import product

import plain_mae as plain
import torch
from test_fidelity_sizes import encoder_shapes, random_state, write
from test_fidelity_teachers import (
    META,
    PREDICTOR,
    PROJECTOR,
    TEMPERATURE,
    N,
    images,
    mlp,
    mlp_buffers,
    mlp_shapes,
    trained,
)
from torch.nn import functional as F

from processes import mcl

IMG, PATCH, _, DEPTH, HEADS, *_ = META
TOKENS = (IMG // PATCH) ** 2
METHODS = ('masked_moco', 'masked_byol')
CHUNKS = ((5, 1), (3, 4), (1, 1))  # online and target
HEAD_NORMS = ('BN', 'LN')


def row_norm(weights, name, x, eps):
    """LayerNorm with or without weight and bias."""
    scale, shift = weights.get(f'{name}.weight'), weights.get(f'{name}.bias')
    return F.layer_norm(x, x.shape[-1:], scale, shift, eps)


def chunked(state, encoder, projector, view, order, chunks, norm):
    """(N, chunks, out) projections: the encoder sees one chunk of all images after the other."""
    patches, length = plain.embed(state, f'{encoder}.', 'proj', view), TOKENS // chunks
    tokens = []
    for chunk in range(chunks):
        ids = order[:, chunk * length : (chunk + 1) * length]
        shown = torch.stack([image[rows] for image, rows in zip(patches, ids, strict=True)])
        encoded, _ = plain.encode(state, f'{encoder}.', plain.TIMM, shown, DEPTH, HEADS)
        tokens.append(encoded[:, 0])
    rows = torch.cat(tokens)  # chunk by chunk; a norm over all rows does not mind
    return mlp(state, projector, rows, 3, **norm).unflatten(0, (chunks, N)).transpose(0, 1)


def test_masked(tmp_path):
    """Of the 36 patches, one is left over in 5 chunks."""
    cases = list(product(METHODS, CHUNKS, HEAD_NORMS))
    files = [tmp_path / f'{index}.npz' for index in range(len(cases))]
    for file, (method, (n, m), head_norm) in zip(files, cases, strict=True):
        make(file, method, n, m, head_norm)
    result = mcl('fidelity', *files)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count('pass  ') == len(cases) == 12


def make(path, method, n, m, head_norm):
    """A golden file, computed in plain steps."""
    moco = method == 'masked_moco'
    shapes = mlp_shapes('predictor', PREDICTOR)
    buffers = mlp_buffers('predictor', PREDICTOR, last_norm=moco)
    for encoder, projector in (('online', 'projector'), ('target', 'target_projector')):
        shapes.update(encoder_shapes(f'{encoder}.', plain.TIMM, 'proj', META))
        shapes.update(mlp_shapes(projector, PROJECTOR))
        buffers.update(mlp_buffers(projector, PROJECTOR))
    state = trained(random_state(shapes), ('target',))
    norm = dict(norm=plain.batch_norm, eps=1e-5)
    if head_norm == 'LN':
        norm, buffers = dict(norm=row_norm, eps=1e-6), {}

    views, noise = images(2), torch.rand(4, N, TOKENS).double()
    orders = noise.argsort(dim=2)
    queries, keys = [], []
    for view, order in zip(views, orders[:2], strict=True):
        rows = chunked(state, 'online', 'projector', view, order, n, norm).flatten(0, 1)
        rows = mlp(state, 'predictor', rows, 2, last_norm=moco, **norm)
        queries.append(F.normalize(rows.unflatten(0, (N, n)), dim=-1))
    with torch.no_grad():
        for view, order in zip(views, orders[2:], strict=True):
            rows = chunked(state, 'target', 'target_projector', view, order, m, norm)
            keys.append(F.normalize(F.normalize(rows, dim=-1).sum(dim=1), dim=-1))

    def direction(query, key):
        parts = query.unbind(dim=1)
        if moco:
            return sum(plain.info_nce(part, key, TEMPERATURE) for part in parts) / n
        return sum((2 - 2 * (part * key).sum(dim=1)).mean() for part in parts) / n

    loss = direction(queries[0], keys[1]) + direction(queries[1], keys[0])
    loss.backward()
    write(
        path,
        method,
        [*META, n, m],
        state,
        buffers,
        ('target',),
        view1=views[0].numpy(),
        view2=views[1].numpy(),
        noise=noise.numpy(),
        temperature=TEMPERATURE,
        head_norm=head_norm,
        loss=loss.item(),
        query1=queries[0].detach().numpy(),
        key1=keys[0].numpy(),
    )
