"""A process that measures, which may run out of memory or hang without harm to the others."""

from __future__ import annotations

import gc
import multiprocessing
import traceback
from multiprocessing.connection import Connection
from typing import Any

from .plan import Measurement

_CONTEXT = multiprocessing.get_context('spawn')  # a fork cannot use CUDA
STARTING = 180.0  # seconds that the imports may take on a busy machine


class Worker:
    """Runs measurements one after the other, in one process as long as it lives.

    Args:
        device: name of the device on which it measures.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self._process: Any = None
        self._connection: Any = None

    def run(self, measurement: Measurement, seconds: float) -> dict[str, Any]:
        """Run a measurement.

        Args:
            measurement: what to measure.
            seconds: after which its process is ended; the next measurement gets a new one.

        Returns:
            Its figures, or ``error``: what went wrong, in a line.
        """
        try:
            if self._process is None and not self._start():
                return {'error': f'its process did not start within {STARTING:.0f} seconds'}
            self._connection.send((measurement.kind, measurement.arguments))
            if not self._connection.poll(seconds):
                self.close()
                return {'error': f'took more than {seconds:.3g} seconds'}
            return self._connection.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._process.join()
            status = self._process.exitcode
            self.close()
            return {'error': f'its process ended with status {status}'}

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
        self._process = self._connection = None

    def _start(self) -> bool:
        """Start the process; returns whether it is ready.

        Raises:
            EOFError: it has ended.
        """
        self._connection, other = _CONTEXT.Pipe()
        arguments = (other, self.device)
        self._process = _CONTEXT.Process(target=serve, args=arguments)
        self._process.start()
        other.close()
        if not self._connection.poll(STARTING):
            self.close()
            return False
        self._connection.recv()
        return True


def serve(connection: Connection, device: str) -> None:
    """Run what is asked for until the other end is closed. This is the worker's process."""
    from ....utils.compat import import_quietly  # noqa: PLC0415  the parent needs none of these

    import_quietly('mmpretrain.models', 'mmpretrain.datasets')
    import torch  # noqa: PLC0415
    from mmengine.logging import MMLogger  # noqa: PLC0415

    from .kinds import KINDS  # noqa: PLC0415

    MMLogger.get_instance('benchmark', log_level='ERROR')
    connection.send('ready')
    while True:
        try:
            kind, arguments = connection.recv()
        except EOFError:
            return
        try:
            result = KINDS[kind](**arguments, device=torch.device(device))
        except Exception as error:
            result = {'error': _line(error), 'traceback': traceback.format_exc()}
        gc.collect()
        torch._dynamo.reset()
        if device == 'cuda':
            torch.cuda.empty_cache()
        connection.send(result)


def _line(error: Exception) -> str:
    first, *_ = [*str(error).strip().splitlines(), '']
    return f'{type(error).__name__}: {first}'
