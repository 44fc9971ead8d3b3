"""Whose fault a failure was, from what real programs print at their end."""

from __future__ import annotations

import socket

import pytest

from pytest_sixdim.agent.faults import CardTexts, fault_of, last_words, port_taken
from pytest_sixdim.agent.ranks import RankProcess
from pytest_sixdim.agent.stopping import Stop
from pytest_sixdim.agent.supervisor import unrecorded
from tests.agent.conftest import Job
from tests.agent.test_outcome import end, rank, result

TRACEBACK = "Traceback (most recent call last):"
CODE = ('  File "/home/somebody/train.py", line 12, in main', "    run(model)")
#: torch 2.15, taken down here; the last two are older ones, from pytorch issue 104136 and pytorch 2.0.
PORT = (
    "torch.distributed.DistNetworkError: The server socket has failed to listen on any local network address. "
    "port: 29500, useIpv6: false, code: -98, name: EADDRINUSE, message: address already in use"
)
GLOO_PORT = "RuntimeError: [/opt/third_party/gloo/gloo/transport/tcp/pair.cc:176] bind: Address already in use"
OLD_PORT = (
    "RuntimeError: The server socket has failed to listen on any local network address. "
    "The server socket has failed to bind to [::]:29400 (errno: 98 - Address already in use)."
)
GLOO_WAIT = (
    "RuntimeError: [/pytorch/third_party/gloo/gloo/transport/tcp/unbound_buffer.cc:78] Timed out waiting 3000ms "
    "for recv operation to complete"
)
CLIENTS = "torch.distributed.DistStoreError: Timed out after 4 seconds waiting for clients. 1/2 clients joined."
CLIENT = (
    "torch.distributed.DistNetworkError: The client socket has timed out after 3000ms while trying to connect to "
    "(127.0.0.1, 29612)."
)
STORE = "torch.distributed.DistStoreError: wait timeout after 600000ms, keys: /default_pg/0//worker_count"
#: NVIDIA/nccl issue 1609.
WATCHDOG = (
    "terminate called after throwing an instance of 'c10::DistBackendError'",
    "  what():  [PG 0 (default_pg) Rank 0] Process group watchdog thread terminated with exception: [Rank 0] Watchdog "
    "caught collective operation timeout: WorkNCCL(SeqNum=34397, OpType=_ALLGATHER_BASE, Timeout(ms)=1800000) ran for "
    "1800006 milliseconds before timing out.",
    *(f"frame #{number}: <unknown function> + 0xcc9d4 (0x7f6c8a7139d4 in libstdc++.so.6)" for number in range(60)),
)
#: MindSpore 2.10: a rank, and its scheduler before.
NO_CLUSTER = (
    "RuntimeError: Failed to initialize distributed job cluster because some processes in the cluster are not "
    "successfully spawned. You can run command: 'grep -rn -E 'ERROR|CRITICAL' -C 10' in your log directory to filter "
    "out error info. It may be one of the following reasons:"
)
NOT_BOUND = (
    "[WARNING] DISTRIBUTED(19513,7fab901bfb80,python):2026-11-22-07:39:07.983.683 "
    "[mindspore/ccsrc/cluster/rpc/tcp/socket_operation.cc:454] Listen] Failed to call bind, url: 127.0.0.1:8412 "
    "Address already in use"
)
DISK = "OSError: [Errno 28] No space left on device: 'checkpoint.pt'"
TEXTS = CardTexts(("GPU is lost",), ("uncorrectable ECC error encountered",), ("busy or unavailable",))


def whose(*lines: str, trained: bool = True) -> tuple[str, str, bool]:
    fault = fault_of((TRACEBACK, *CODE, *lines), TEXTS, trained=trained)
    return fault.whose, fault.what, fault.launch


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (PORT, "port 29500 is taken"),
        (f"[rank0]: {PORT}", "port 29500 is taken"),
        (OLD_PORT, "port 29400 is taken"),
        (GLOO_PORT, "a port is taken"),
        ("OSError: [Errno 98] Address already in use", "a port is taken"),
        (CLIENTS, "the ranks did not meet"),
        (CLIENT, "the ranks did not meet"),
        (STORE, "the ranks did not meet"),
        (
            "torch.AcceleratorError: CUDA error: CUDA-capable device(s) is/are busy or unavailable",
            "another process has the card",
        ),
    ],
)
def test_what_keeps_ranks_from_meeting_is_the_hosts_before_training_alone(line: str, what: str) -> None:
    assert whose(line, trained=False) == ("host", what, True)
    assert whose(line)[0] == ("device" if line == STORE else "program")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (DISK, "the disk is full"),
        ("RuntimeError: unable to write to file </torch_93_1>: No space left on device (28)", "the disk is full"),
        ("OSError: [Errno 122] Disk quota exceeded", "the disk quota is used up"),
        ("OSError: [Errno 30] Read-only file system: 'work/x'", "the file system is read-only"),
        ("OSError: [Errno 5] Input/output error", "the disk cannot be read or written"),
        ("OSError: [Errno 116] Stale file handle: '/data/train'", "the network file system is gone"),
        ("OSError: [Errno 24] Too many open files: '/proc/stat'", "too many files are open"),
        (
            "RuntimeError: Too many open files. Communication with the workers is no longer possible.",
            "too many files are open",
        ),
        ("RuntimeError: received 0 items of ancdata", "too many files are open"),
        ("RuntimeError: can't start new thread", "no more threads can be started"),
        (
            "RuntimeError: DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's "
            "workers are out of shared memory. Please try to raise your shared memory limit.",
            "the shared memory is full",
        ),
        ("cp: error writing 'checkpoint.pt': No space left on device", "the disk is full"),
        ("tee: log: No space left on device", "the disk is full"),
    ],
)
def test_a_host_that_has_no_more_is_at_fault_where_that_was_the_last_word(line: str, what: str) -> None:
    assert whose(line) == ("host", what, False)
    assert whose(line, trained=False) == ("host", what, False)
    assert whose(line, TRACEBACK, *CODE, "ValueError: own fault") == ("program", "", False)
    assert whose(line, *["step"] * 60) == ("program", "", False)


def test_what_was_said_before_the_last_event_was_got_over() -> None:
    event = '[sixdim] {"event": "progress", "loss": 3.2}'
    for said in ((TRACEBACK, *CODE, DISK), ("error: can't save: No space left on device",)):
        assert fault_of((event, *said), TEXTS, trained=True, mark="[sixdim] {").whose == "host"
        assert fault_of((*said, event, "too bad"), TEXTS, trained=True, mark="[sixdim] {").whose == "program"
        assert fault_of((*said, event), TEXTS, trained=True).whose == "host"  # nobody knows that it is an event


def test_an_exception_that_led_to_the_last_one_counts() -> None:
    link = ("", "During handling of the above exception, another exception occurred:", "", TRACEBACK, *CODE)
    last = "RuntimeError: [enforce fail at inline_container.cc:626] . unexpected pos 64 vs 0"
    assert whose(DISK, *link, last)[:2] == ("host", "the disk is full")
    cause = "The above exception was the direct cause of the following exception:"
    assert whose(DISK, cause, TRACEBACK, *CODE, "RuntimeError: worker exited")[:2] == ("host", "the disk is full")
    assert whose(DISK, TRACEBACK, *CODE, "KeyError: 'x'", *link, "ValueError: y")[0] == "program"


def test_a_resource_that_is_unavailable_means_processes_only_beside_a_fork() -> None:
    line = "BlockingIOError: [Errno 11] Resource temporarily unavailable"
    assert whose("    self.pid = os.fork()", line)[:2] == ("host", "no more processes can be started")
    assert whose("    socket.recv(10)", line)[0] == "program"


@pytest.mark.parametrize("lines", [WATCHDOG, (GLOO_WAIT,), (STORE,)])
def test_a_collective_that_timed_out_is_a_devices_fault(lines: tuple[str, ...]) -> None:
    assert whose(*lines) == ("device", "a collective timed out", False)


def test_a_collective_time_out_that_was_got_over_is_not() -> None:
    assert whose(GLOO_WAIT, TRACEBACK, *CODE, "ValueError: own fault")[0] == "program"


def test_a_vendors_text_is_a_devices_fault_but_not_in_a_quoted_line_of_code() -> None:
    ecc = "RuntimeError: CUDA error: uncorrectable ECC error encountered"
    more = "CUDA kernel errors might be asynchronously reported at some other API call."
    what = "device error: uncorrectable ECC error encountered"
    assert whose(ecc, more) == ("device", what, False)
    assert whose(ecc, trained=False) == ("device", what, False)
    quoted = ('  File "/home/somebody/train.py", line 3, in f', '    raise X("uncorrectable ECC error encountered")')
    assert whose(*quoted, "ValueError: x")[0] == "program"


@pytest.mark.parametrize(
    "line",
    [
        "ValueError: boom",
        "RuntimeError: CUDA error: an illegal memory access was encountered",
        "RuntimeError: CUDA error: device-side assert triggered",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "NCCL WARN Call to connect returned Connection refused",
        "",
    ],
)
def test_all_else_is_the_programs(line: str) -> None:
    assert whose(line) == whose(line, trained=False) == ("program", "", False)
    assert fault_of((), TEXTS, trained=False).whose == "program"


def test_last_words_are_the_last_exception_and_what_an_abort_said() -> None:
    assert last_words(("KeyError: 'a'", "step 3", "ValueError: b", "step 4")) == "ValueError: b"
    abort = ("terminate called after throwing an instance of 'std::system_error'", "  what():  c")
    assert last_words(("ValueError: b", *abort)) == "\n".join(("ValueError: b", *abort))
    assert last_words(("step 1", "sh: fatal: d", "bye")) == "sh: fatal: d\nbye"
    assert last_words(()) == ""


def test_the_port_is_named_where_it_is_known() -> None:
    assert port_taken((PORT,)) == "port 29500 is taken"
    assert port_taken(("RuntimeError: Address already in use",)) == "a port is taken"
    assert port_taken((PORT, *["step"] * 60)) is None


def test_every_end_has_its_fault() -> None:
    """What the agent writes into result.json."""
    failed = rank(0, 5.0, 1)
    both = (rank(0, 10.0), rank(1, 10.0))

    def fault(*ranks: RankProcess, **seen: object) -> str | None:
        return result(*ranks, **seen).fault  # type: ignore[arg-type]

    assert fault(*both, end=end()) is None
    assert fault(*both, end=end("target_missed")) is None
    assert fault(*both, stop=Stop("cancelled", 1.0, "why")) is None
    assert fault(failed, window_complete=4.0) is None
    for kind in ("timeout", "stalled", "diverged"):
        assert fault(rank(0, 12.1, signal="SIGTERM"), stop=Stop(kind, 12.0, "why")) == "program"  # type: ignore[arg-type]
    assert fault(*both) == fault(*both, end=end("failed")) == fault(failed) == "program"
    assert fault(failed, lines={0: ("MemoryError",)}) == "program"
    assert fault(failed, lines={0: ("GPU is lost",)}, card_texts=TEXTS) == "device"
    assert fault(launcher_code=1) == "host"
    assert fault(failed, lines={0: (DISK,)}, diverged="the loss was not finite") == "program"


@pytest.mark.parametrize("line", [DISK, GLOO_WAIT, "GPU is lost", "uncorrectable ECC error encountered"])
def test_a_model_that_has_failed_gets_no_other_attempt_by_what_breaks_afterwards(line: str) -> None:
    seen = {"lines": {0: (line,)}, "card_texts": TEXTS, "trained": True}
    assert result(rank(0, 5.0, 1), **seen).fault != "program"
    missed = result(rank(0, 5.0, 1), **seen, end=end("target_missed"))
    assert (missed.status, missed.fault) == ("crashed", "program")
    assert missed.message.startswith("the program said 'target_missed'; then rank 0 exited with code 1")
    if line != "GPU is lost":
        assert result(rank(0, 5.0, 1), **seen, last_metric_lost=True).fault == "program"
    assert unrecorded("disk full", "diverged").fault == unrecorded("disk full", "target_missed").fault == "program"
    assert unrecorded("disk full", "completed").fault == "host"


def test_a_taken_port_is_a_launch_error_of_the_rank_that_needed_it() -> None:
    taken = result(rank(0, 5.0, 1), lines={0: (PORT,)})
    assert (taken.status, taken.rank, taken.fault) == ("launch_error", 0, "host")
    assert taken.message.startswith(
        "port 29500 is taken: rank 0 exited with code 1: torch.distributed.DistNetworkError"
    )
    assert result(rank(0, 5.0, 1), lines={0: (PORT,)}, trained=True).status == "crashed"
    launcher = result(launcher_code=1, launcher_lines=(TRACEBACK, PORT))
    assert launcher.message.startswith("port 29500 is taken: no rank started; the launcher ended with code 1: torch")


def test_only_the_rank_that_failed_first_is_asked() -> None:
    lines = {0: ("ValueError: boom",), 1: WATCHDOG}
    assert result(rank(0, 5.0, 1), rank(1, 9.0, signal="SIGABRT"), lines=lines).fault == "program"
    assert result(rank(0, 9.0, 1), rank(1, 5.0, signal="SIGABRT"), lines=lines).fault == "device"


def test_a_rank_that_could_not_even_start_is_judged_by_the_launchers_lines() -> None:
    lines = ("sixdim: cannot start python: [Errno 28] No space left on device",)
    assert result(rank(0, 5.0, 127), launcher_lines=lines).fault == "host"


def test_a_run_whose_disk_is_full_says_so(job: Job) -> None:
    said = job.run('window(1)\nopen("/dev/full", "w").write("x" * 100000)')
    assert (said["status"], said["fault"]) == ("crashed", "host")
    assert said["message"] == "the disk is full: rank 0 exited with code 1: OSError: [Errno 28] No space left on device"


def test_a_port_that_torchs_store_finds_taken(job: Job) -> None:
    """A real torch, and a port that this test has."""
    pytest.importorskip("torch")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = job.run(
            f"""
            import torch.distributed
            event("start", role="full", world_size=1, data="real")
            address = "tcp://127.0.0.1:{port}"
            torch.distributed.init_process_group("gloo", init_method=address, rank=0, world_size=1)
            """
        )
    assert (said["status"], said["fault"]) == ("launch_error", "host")
    assert said["message"].startswith(f"port {port} is taken: rank 0 exited with code 1: ")


def test_ranks_of_mindspore_that_did_not_meet_are_the_hosts_fault_at_the_launch() -> None:
    assert whose(NO_CLUSTER, trained=False) == ("host", "the ranks did not meet", True)
    assert whose(NO_CLUSTER, trained=True)[0] == "program"


def test_the_port_that_mindspores_scheduler_did_not_get_is_named() -> None:
    failed = rank(1, 2.0, exit_code=1)
    seen = result(failed, lines={1: (TRACEBACK, NO_CLUSTER)}, launcher_lines=(NOT_BOUND, NO_CLUSTER, "RuntimeError: x"))
    assert (seen.status, seen.fault, seen.rank) == ("launch_error", "host", 1)
    assert seen.message.startswith("port 8412 is taken: rank 1 exited with code 1: RuntimeError: Failed to initialize")
