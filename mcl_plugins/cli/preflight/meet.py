"""Whether all processes of a training come, and can add up a number together."""

from __future__ import annotations

import os
import platform
import time
from datetime import timedelta
from typing import Any

import torch
from mmengine.device import get_device
from torch import distributed as dist

_POLL = 0.01  # seconds


def open_store(seconds: float) -> Any:
    """Return the store of torchrun, through which processes find each other, before they do.

    Returns:
        None if another launcher has started the processes.
    """
    if not dist.is_torchelastic_launched():
        return None
    place = (os.environ['MASTER_ADDR'], int(os.environ['MASTER_PORT']))
    return dist.TCPStore(*place, is_master=False, timeout=timedelta(seconds=seconds))


def roll_call(store: Any, rank: int, processes: int, seconds: float, topic: str = 'here') -> str:
    """Wait until all processes have come to the same place.

    Args:
        store: a store of torch.distributed.
        rank: of this process.
        processes: number of processes.
        seconds: how long to wait.
        topic: name of the place.

    Returns:
        The machines, each with its processes.

    Raises:
        ValueError: some processes have not come; the message has their numbers and names the
            machines of the others.

    Example:
        >>> roll_call(dist.HashStore(), rank=0, processes=1, seconds=1)[-9:]
        'process 0'
    """
    keys = [f'mcl_preflight/{topic}/{number}' for number in range(processes)]
    store.set(keys[rank], platform.node())
    deadline = time.monotonic() + seconds
    while not store.check(keys):
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL)
    present = [number for number, key in enumerate(keys) if store.check([key])]
    machines: dict[str, list[int]] = {}
    for number in present:
        machines.setdefault(store.get(keys[number]).decode(), []).append(number)
    came = '; '.join(f'{name} has {_numbers(ranks)}' for name, ranks in machines.items())
    if missing := sorted(set(range(processes)) - set(present)):
        raise ValueError(
            f'of {processes} processes, {_numbers(missing)} did not come within {seconds:g} s. '
            f'Those that came: {came}. Look at what the others print, or allow more time with '
            '--timeout.'
        )
    return came


def check_all_reduce(store: Any, seconds: float) -> float:
    """Add a number up over all processes of the process group, on their devices.

    Args:
        store: a store of torch.distributed.
        seconds: how long the processes may take.

    Returns:
        The seconds that it took.

    Raises:
        ValueError: a process did not begin, the sum did not arrive or it is wrong.
    """
    rank, processes = dist.get_rank(), dist.get_world_size()
    roll_call(store, rank, processes, seconds, 'all-reduce')
    value = torch.full((1,), rank + 1.0, device=get_device())
    start = time.monotonic()
    work = dist.all_reduce(value, async_op=True)
    while not work.is_completed():
        if time.monotonic() - start > seconds:
            raise ValueError(
                f'all {processes} processes have begun an all-reduce over {dist.get_backend()}, '
                f'but it did not end within {seconds:g} s: the machines do not reach each other on '
                'the ports of the backend. Let it use the right network '
                '(NCCL_SOCKET_IFNAME=eth0, GLOO_SOCKET_IFNAME=eth0), open the firewall between '
                'the machines, or try NCCL_P2P_DISABLE=1 within one.'
            )
        time.sleep(_POLL)
    work.wait()
    wanted = processes * (processes + 1) / 2
    if value.item() != wanted:
        raise ValueError(
            f'the all-reduce of 1 to {processes} gave {value.item():g} instead of {wanted:g}: the '
            'devices or their connection compute wrongly. Try NCCL_P2P_DISABLE=1.'
        )
    return time.monotonic() - start


def _numbers(ranks: list[int]) -> str:
    return f'process{"es" * (len(ranks) > 1)} {", ".join(map(str, ranks))}'
