"""Runs the model on inputs in the device's memory: RUN or BATCH, ACK, and the answer."""

from typing import NamedTuple, TypeGuard

from harness.link import messages
from harness.link.device_errors import OverdueError
from harness.link.exchange import Answer, Exchange
from harness.link.messages import Message, Result, Welcome
from harness.link.retries import Retries

_LOOK = 5.0  # seconds between two looks at the deadline of an inference


class Request(NamedTuple):
    """A request to run the model; the device answers it with ACK, then with `result`."""

    type: Message
    sequence: int
    body: bytes
    result: Message
    inferences: int = 1

    @property
    def sent(self) -> tuple[Message, int, bytes]:
        """What goes to the device."""
        return self.type, self.sequence, self.body

    def is_answered(self, answer: Answer | None, *types: Message) -> TypeGuard[Answer]:
        """Return whether `answer` is one of `types` for this request."""
        return answer is not None and answer.sequence == self.sequence and answer.type in types


def run(exchange: Exchange, welcome: Welcome, data: bytes, deadline: float) -> Result:
    """Run the model on the input `data`; the device has `deadline` seconds for it."""
    body = messages.run(data)
    request = Request(Message.RUN, exchange.next_sequence(), body, Message.RESULT)
    answer = request_run(exchange, request, welcome, deadline)
    return messages.parse_result(answer.body, welcome)


def request_run(exchange: Exchange, request: Request, welcome: Welcome, deadline: float) -> Answer:
    """Send `request` and return its result; the device has `deadline` seconds for it.

    The device answers a repeated request without running the model again. After its ACK, only
    damage makes the host send something: it must be silent while the device computes.
    """
    answer_time = exchange.answer_time(welcome.output_size)
    answer = _begun(exchange, request, answer_time)
    if answer.type == Message.ACK:
        answer = _ended(exchange, request, deadline, answer_time)
    return answer


def _begun(exchange: Exchange, request: Request, answer_time: float) -> Answer:
    """Send `request` until it is answered; return the ACK, or the result if the ACK was lost."""
    retries = Retries(exchange, request.type.name, answer_time)
    exchange.send(*request.sent)
    while True:
        answer = exchange.receive(answer_time)
        if request.is_answered(answer, Message.ACK, request.result):
            return answer
        if retries.left <= 0:
            raise retries.failure()
        if answer is not None and not answer.is_damage:
            exchange.refuse(answer, (request.sequence,))
        elif retries.again(answer) and not exchange.has_answers:
            exchange.repeat(*request.sent)


def _ended(exchange: Exchange, request: Request, deadline: float, answer_time: float) -> Answer:
    """Return the result of a request that has begun."""
    retries = Retries(exchange, request.type.name, answer_time)
    retries.restart(deadline + answer_time)
    exchange.rest(request.inferences)
    repeated = last_chance = False
    while True:
        answer = exchange.receive(min(_LOOK, max(retries.left, 0)))
        if request.is_answered(answer, request.result):
            return answer
        if retries.left <= 0:
            if last_chance:
                raise overdue(exchange, deadline, request.inferences)
            repeated = last_chance = True  # the result may be lost
            retries.restart(retries.patience)
            exchange.repeat(*request.sent)
        elif answer is not None and not answer.is_damage:
            exchange.refuse(answer, (request.sequence,))
        elif answer is None or (answer.type == Message.ERROR and not repeated):
            continue  # an ERROR concerns a frame before this one, which has arrived
        elif retries.again(answer) and not exchange.has_answers:
            repeated = True
            exchange.repeat(*request.sent)


def overdue(exchange: Exchange, deadline: float, inferences: int = 1) -> OverdueError:
    """Return the error for `inferences` that did not end within `deadline` seconds."""
    which = f"a batch of {inferences:,} inferences" if inferences > 1 else "the inference"
    return OverdueError(
        f"{which} did not end within {deadline:.3g} s",
        where=exchange.name,
        remedy="the device hangs, or it is too slow for this model",
    )
