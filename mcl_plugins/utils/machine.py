"""What this process may use of the machine: cores and memory, within the limits of a container."""

from __future__ import annotations

import os
from pathlib import Path

CGROUP = Path('/sys/fs/cgroup')  # in a container its own


def affinity_cores() -> int:
    """Return the number of cores that this process may run on."""
    affinity = getattr(os, 'sched_getaffinity', None)  # of Linux
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def core_quota() -> float | None:
    """Return how many cores' time a container may take; None for all."""
    try:
        if (file := CGROUP / 'cpu.max').is_file():
            allowed, period = file.read_text().split()
        else:  # the first version of control groups
            allowed, period = (
                (CGROUP / 'cpu' / f'cpu.cfs_{name}_us').read_text().strip()
                for name in ('quota', 'period')
            )
        return int(allowed) / int(period) if allowed not in ('max', '-1') else None
    except (OSError, ValueError):
        return None


def usable_cores() -> int:
    """Return the number of cores that this process can keep busy, at least 1."""
    quota = core_quota()
    return affinity_cores() if quota is None else max(1, min(affinity_cores(), int(quota)))


def available_memory() -> int:
    """Return the bytes that can still be allocated, with those that the page cache gives back."""
    try:
        lines = Path('/proc/meminfo').read_text().splitlines()
        fields = dict(line.split(':', 1) for line in lines)
        free = 1024 * int(fields['MemAvailable'].split()[0])
    except (OSError, KeyError, ValueError):  # not Linux
        free = os.sysconf('SC_AVPHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    left = _left_in_container()
    return free if left is None else min(free, left)


def _left_in_container() -> int | None:
    """Return what a control group leaves of its limit; None without one."""
    for folder, limit, usage, cache in (
        (CGROUP, 'memory.max', 'memory.current', 'inactive_file'),
        (
            CGROUP / 'memory',
            'memory.limit_in_bytes',
            'memory.usage_in_bytes',
            'total_inactive_file',
        ),
    ):
        try:
            given, used = (int((folder / name).read_text()) for name in (limit, usage))
            lines = (folder / 'memory.stat').read_text().splitlines()
            given_back = int(dict(line.split() for line in lines).get(cache, 0))
        except (OSError, ValueError):  # no such file, or 'max'
            continue
        return max(0, given - used + given_back)
    return None
