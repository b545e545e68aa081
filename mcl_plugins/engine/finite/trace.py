"""Find where the first number that is not finite arises in a forward and backward pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Any

from mmengine.structures import BaseDataElement
from torch import Tensor, nn


@dataclass(frozen=True)
class Finding:
    """Where the first number that is not finite arose.

    Attributes:
        module: name of the module, ``''`` for the model itself and ``'batch'`` for its input.
        kind: its class.
        what: ``'output'`` or ``'gradient'``.
        detail: what is known beside that, such as the loss or the weight that is not finite.
        place: number of calls of modules before it; a gradient comes after all of them.
    """

    module: str
    kind: str
    what: str
    detail: str
    place: int

    def __str__(self) -> str:
        if self.module == 'batch':
            return f'the batch is not finite ({self.detail})'
        name = f'{self.module} ({self.kind})' if self.module else f'the {self.kind} itself'
        return f'the first {self.what} that is not finite is that of {name}{self.detail}'


@dataclass
class _Output:
    """An output of a module, and the modules between which it passes.

    Attributes:
        owner: the module that runs when the output is handed on.
        maker: the module that made it.
        following: the module that is called next.
    """

    owner: str
    maker: str
    following: str = ''


class Trace:
    """Watch the modules of a model while it computes a loss and its gradient.

    The origin is the innermost module whose inputs are finite and whose output is not. An
    operation between two parts of a module belongs to that module. The gradient is watched the
    other way round, at the inputs of the modules and at their weights. Each look waits for the
    device.

    Args:
        model: the model, without a distributed wrapper.

    Attributes:
        finding: the first place that is not finite; None if there is none.

    Example:
        >>> import torch
        >>> class Log(nn.Module):
        ...     def forward(self, x):
        ...         return x.log()
        >>> model = nn.Sequential(nn.ReLU(), Log(), nn.Tanh())
        >>> with Trace(model) as trace:
        ...     _ = model(-torch.ones(2))
        >>> print(trace.finding)
        the first output that is not finite is that of 1 (Log)
    """

    def __init__(self, model: nn.Module) -> None:
        self.finding: Finding | None = None
        self._modules = dict(model.named_modules())
        self._running: list[str] = []
        self._last = ''  # the module that ended last
        self._calls = 0
        self._open: list[_Output] = []  # outputs since the last call of a module
        self._handles: list[Any] = []

    def __enter__(self) -> Trace:
        """Watch every module and every weight."""
        for name, module in self._modules.items():
            enter, leave = partial(self._enter, name), partial(self._leave, name)
            self._handles += [
                module.register_forward_pre_hook(enter, with_kwargs=True),
                module.register_forward_hook(leave),
            ]
            for key, weight in module.named_parameters(recurse=False):
                if weight.requires_grad:
                    found = partial(self._weight_gradient, name, key)
                    self._handles.append(weight.register_hook(found))
        return self

    def __exit__(self, *_: object) -> None:
        """Watch no longer."""
        for handle in self._handles:
            handle.remove()

    def _enter(
        self, name: str, module: nn.Module, args: tuple, kwargs: dict[str, Any]
    ) -> tuple[Any, Any]:
        if self.finding is None and (broken := name_broken((args, kwargs))):
            if self._running:
                origin = self._between(_Output(self._running[-1], self._last, name))
                self._find(origin, 'output', f', between {self._last or "its input"} and {name}')
            else:
                self._find('batch', 'output', ', '.join(broken))
        for output in self._open:
            output.following = name
        self._open.clear()
        self._running.append(name)
        self._calls += 1
        return self._watch_inputs(name, (args, kwargs))

    def _watch_inputs(self, name: str, value: Any) -> Any:
        """Give the module views of its inputs, whose gradients come from this module alone."""
        if isinstance(value, Tensor) and value.requires_grad and not value.is_leaf:
            view = value.view_as(value)
            self._handles.append(view.register_hook(partial(self._input_gradient, name)))
            return view
        if type(value) in (list, tuple):
            return type(value)(self._watch_inputs(name, part) for part in value)
        if type(value) is dict:
            return {key: self._watch_inputs(name, part) for key, part in value.items()}
        return value

    def _leave(self, name: str, module: nn.Module, args: tuple, output: Any) -> None:
        self._running.pop()
        if self.finding is None and (broken := name_broken(output)):
            named = ', '.join(filter(None, broken))
            self._find(name, 'output', named and f', {named}')
        self._last = name
        for tensor in tensors_of(output):
            if tensor.requires_grad and not tensor.is_leaf:
                handed_on = _Output(self._running[-1] if self._running else '', name)
                self._open.append(handed_on)
                hook = partial(self._output_gradient, handed_on)
                self._handles.append(tensor.register_hook(hook))

    def _input_gradient(self, name: str, gradient: Tensor) -> None:
        if self.finding is None and not gradient.isfinite().all():
            self._find(name, 'gradient', '')

    def _output_gradient(self, output: _Output, gradient: Tensor) -> None:
        """Blame what is done with an output outside of the modules that take it."""
        if self.finding is None and not gradient.isfinite().all():
            self._find(self._between(output), 'gradient', f', behind {output.maker}')

    def _weight_gradient(self, name: str, key: str, gradient: Tensor) -> None:
        if self.finding is None and not gradient.isfinite().all():
            self._find(name, 'gradient', f', of its {key}')

    def _find(self, name: str, what: str, detail: str) -> None:
        if name == 'batch':
            self.finding = Finding(name, 'batch', what, detail, self._calls)
            return
        module = self._modules[name]
        weights = name_broken(dict(module.named_parameters())) if what == 'output' else []
        if weights:
            detail += f', whose {weights[0]} is not finite itself'
        self.finding = Finding(name, type(module).__name__, what, detail, self._calls)

    def _between(self, output: _Output) -> str:
        """Return the innermost module in which an output is handed on.

        It is the module that runs, or a part of it that does not run because only methods of it
        are called.
        """
        pairs = zip(output.maker.split('.'), output.following.split('.'), strict=False)
        shared = takewhile(lambda pair: pair[0] == pair[1], pairs)
        common = '.'.join(part for part, _ in shared)
        while isinstance(self._modules.get(common), nn.ModuleList | nn.ModuleDict):
            common = common.rpartition('.')[0]
        inside = common.startswith(f'{output.owner}.') or not output.owner
        return common if inside else output.owner


def tensors_of(value: Any) -> Iterator[Tensor]:
    """Yield the tensors of nested tuples, lists, dicts and data samples.

    Example:
        >>> import torch
        >>> [tensor.item() for tensor in tensors_of({'loss': torch.ones(()), 'parts': [()]})]
        [1.0]
    """
    for _, tensor in named_tensors(value):
        yield tensor


def named_tensors(value: Any, name: str = '') -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors as :func:`tensors_of` does, with the keys that lead to them."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from named_tensors(part, name)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from named_tensors(part, str(key))
    elif isinstance(value, BaseDataElement):
        yield from named_tensors(dict(value.items()), name)


def name_broken(value: Any) -> list[str]:
    """Return the keys of the tensors that are not finite, each once.

    Example:
        >>> import torch
        >>> name_broken({'loss_a': torch.ones(()), 'loss_b': torch.tensor(torch.nan)})
        ['loss_b']
    """
    broken = [
        name
        for name, tensor in named_tensors(value)
        if tensor.is_floating_point() and not tensor.isfinite().all()
    ]
    return list(dict.fromkeys(broken))
