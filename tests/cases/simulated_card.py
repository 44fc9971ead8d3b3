"""A card that is not there: its tensors have a device, a shape and a type, and no values (torch's fake tensors).

The host is real. What lies on the card, and what is large on the host, is fake: operations of both are checked as
torch checks them, and nothing is computed.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any
from unittest import mock

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from pytest_sixdim.training import batches, loop
from pytest_sixdim.training.place import Place
from pytest_sixdim.training.run import Evaluation, Run
from tests.cases.stand_ins import Generator, backward, lstm, moving

CARD = torch.device("cuda", 0)
#: Elements from which on a tensor of the host is fake too: a model's weights.
LARGE = 2**16
HALF = torch.float16
#: Operations that refuse floats of two types on a card; the rules for fake tensors let some of them pass.
ONE_TYPE = {"mm", "addmm", "bmm", "baddbmm", "convolution", "index_add", "index_copy", "index_put", "scatter"}
ONE_TYPE |= {"scatter_add", "convolution_backward"}
INDEXING = {"index", "index_put", "index_put_"}
#: Operations whose answer or whose shape the host has to know.
ASKING = {"_local_scalar_dense", "equal", "masked_select", "nms", "nonzero", "_unique2"}
#: torch's CTC loss reads its lengths on the host, which is known; it has no rule for fake tensors.
CTC = {
    "_use_cudnn_ctc_loss": lambda given: False,
    "_use_miopen_ctc_loss": lambda given: False,
    "_ctc_loss": lambda given: (given[0].new_empty(given[0].shape[1]), given[0].new_empty(0)),
    "_ctc_loss_backward": lambda given: torch.empty_like(given[1]),
}


class Waits(AssertionError):
    """A step asks for a value of the card, or sends it one: the host waits."""


class Mixes(AssertionError):
    """A step gives an operation numbers of types that it does not take together."""


class Card(TorchDispatchMode):
    """Runs what touches the card on fake tensors.

    Attributes:
        training: whether the host must not wait for the card, nor send it anything.
        seen: names of the operations, each with the type of its first tensor, that training has used.
        answers: what the host reads where it may.
    """

    def __init__(self, answers: Iterable[float] = ()) -> None:
        super().__init__()
        self.training = False
        self.seen: set[tuple[str, torch.dtype]] = set()
        self.answers = itertools.chain(answers, itertools.repeat(1))

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """The host may wait here."""
        before, self.training = self.training, False
        yield
        self.training = before

    def __torch_dispatch__(self, operation: Any, types: Any, given: Any = (), options: Any = None) -> Any:
        options, name = options or {}, operation.overloadpacket.__name__
        tensors = [part for part in tree_flatten((given, options))[0] if isinstance(part, torch.Tensor)]
        on_card = any(tensor.device.type == CARD.type for tensor in tensors)
        target = torch.device(options.get("device") or (tensors[0].device if tensors else "cpu"))
        if name in {"_to_copy", "copy_"}:
            ends = {tensors[-1].device.type, target.type}
            if self.training and len(ends) > 1:
                raise Waits("a copy between host and card")
            if name == "_to_copy" and on_card and target.type == "cpu":
                return told(tensors[0], options.get("dtype") or tensors[0].dtype)
        if on_card:
            if self.training:
                self.seen.add((name, tensors[0].dtype))
            answer = self._answered(operation, name, given)
            if answer is not None:
                return answer
        kinds = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
        if name.rstrip("_") in ONE_TYPE and len(kinds) > 1:
            raise Mixes(f"{operation} of types {sorted(map(str, kinds))}")
        if name == "_fused_sgd_":  # has no rule for fake tensors
            return None
        if name == "_local_scalar_dense" and isinstance(tensors[0], FakeTensor):
            return 0  # large and on the host: asked for where weights are drawn
        fake = target.type == CARD.type or any(isinstance(tensor, FakeTensor) for tensor in tensors)
        if fake or (not tensors and size(given) >= LARGE):
            return operation(*given, **options)
        with unset_fake_temporarily():
            return operation(*given, **options)

    def _answered(self, operation: Any, name: str, given: Any) -> Any:
        """What the host would have to know, made up; None for an operation that asks for nothing."""
        masks = [i for i in given[1] if i is not None and i.dtype == torch.bool] if name in INDEXING else []
        if name in CTC:
            return CTC[name](given)
        if not masks and name not in ASKING:
            return None
        if self.training:
            raise Waits(f"{operation} asks for a value of the card")
        if name == "_local_scalar_dense":
            return torch.tensor(next(self.answers)).to(given[0].dtype).item()
        if name == "nonzero":
            return given[0].new_empty((given[0].numel(), given[0].dim()), dtype=torch.int64)
        if name == "nms":
            return torch.arange(len(given[0]), device=CARD)
        if name == "_unique2":
            return given[0].flatten(), given[0].new_empty(0), given[0].new_empty(0)
        if name in {"index", "masked_select"}:
            mask = masks[0] if masks else given[1]
            return given[0].new_empty((mask.numel(), *given[0].shape[mask.dim() :]))
        raise NotImplementedError(operation)


def size(given: Any) -> int:
    """Elements of the tensor that is asked for, or 0."""
    shape = given[0] if given and isinstance(given[0], (list, tuple)) else ()
    return torch.Size(shape).numel() if shape and all(isinstance(edge, int) for edge in shape) else 0


def told(tensor: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    """What a copy of the card's tensor says on the host: three times 0, three times 1, and so on."""
    with unset_fake_temporarily():
        return (torch.arange(tensor.numel()) // 3 % 2).to(kind).view(tensor.shape)


class SimulatedRun(Run):
    """A run on the card that ends with its first evaluation."""

    def __init__(self, card: Card, precision: str, data: str) -> None:
        steps = {"warmup_steps": 1, "steady": False, "segment_steps": 1, "segment_seconds": 0, "segments": 1}
        place = Place()
        place.device = CARD
        super().__init__({"measure": steps, "precision": precision}, 1, data, place)
        self._card = card
        self.evaluated: float | None = None

    @property
    def done(self) -> bool:
        """Whether it was evaluated."""
        return self.evaluated is not None

    def epochs(self, count: int) -> Iterator[int]:
        """The first; from its second step on nothing waits."""
        yield from super().epochs(1)
        self._card.training = False

    @contextlib.contextmanager
    def evaluation(self, epoch: float | None = None) -> Iterator[Evaluation]:
        """May wait."""
        with self._card.waiting(), super().evaluation(epoch) as evaluation:
            yield evaluation
        self.evaluated = evaluation.value

    def step(self, samples: int, loss: Any = None) -> None:
        """What is kept from the first step on may be sent in it."""
        super().step(samples, loss)
        self._card.training = True

    def _report_losses(self, now: float) -> None:
        assert all(loss.device == CARD and loss.dim() == 0 for _, loss in self._losses)
        self._losses.clear()

    def _border(self) -> None:
        with self._card.waiting():
            super()._border()


@contextlib.contextmanager
def simulated(answers: Iterable[float] = ()) -> Iterator[Card]:
    """A context in which torch has a card."""
    card = Card(answers)

    def carried(loader: Iterable[Any], device: torch.device) -> Iterator[Any]:
        for batch in loader:
            with card.waiting():
                yield batches.changed(batch, lambda part: part.to(device))

    given = torch.ctc_loss

    def waiting_loss(*parts: Any) -> torch.Tensor:
        with card.waiting():
            return given(*parts)

    fake = FakeTensorMode(allow_non_fake_inputs=True)
    with contextlib.ExitStack() as changes:
        for target, name, value in (
            (torch, "Generator", Generator),
            (torch.cuda, "is_bf16_supported", lambda *_: True),
            (torch.cuda.amp.common, "amp_definitely_not_available", lambda: False),
            (torch.nn.modules.rnn._VF, "lstm", lstm),
            (torch.nn.RNNBase, "flatten_parameters", lambda _: None),
            (torch.nn.Module, "_apply", moving()),
            (torch.Tensor, "backward", backward),
            (torch, "ctc_loss", waiting_loss),
            (batches, "ahead", carried),
        ):
            changes.enter_context(mock.patch.object(target, name, value))
        changes.enter_context(fake)
        changes.enter_context(card)
        yield card


def run_on_card(program: ModuleType, arguments: list[str], precision: str, answers: Iterable[float] = ()) -> Any:
    """Runs a case's program: an epoch and an evaluation. Returns its run, and what training used."""
    runs = []

    def begin(args: Any, **_: Any) -> Run:
        runs.append(SimulatedRun(card, args.precision, "generated" if args.data == "generated" else "real"))
        return runs[-1]

    argv = ["train.py", *arguments, "--precision", precision]
    with mock.patch("sys.argv", argv), mock.patch.object(loop, "begin", begin), simulated(answers) as card:
        program.main()
    return runs[-1], card
