import socket

import pytest

from evolve.execution.messages import Broken, Job
from evolve.execution.worker import receive, send


@pytest.mark.parametrize("unread", [b"", b"an answer"])
def test_a_controller_that_is_gone_is_an_end_and_no_error(unread: bytes) -> None:
    controller, worker = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with worker:
        worker.sendall(unread)
        controller.close()
        assert receive(worker, Job) is None
        send(worker, Broken("nobody hears this"))
