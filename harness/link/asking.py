"""Requests without a body, whose answer needs no computation."""

from harness.errors import InfrastructureError
from harness.link.device_errors import DeviceRefusedError
from harness.link.exchange import Exchange
from harness.link.messages import Message, Welcome
from harness.link.retries import Retries


def ask(exchange: Exchange, welcome: Welcome, request: Message, wanted: Message) -> bytes:
    """Send `request` until it is answered with `wanted`; return the body of the answer."""
    sequence = exchange.next_sequence()
    answer_time = exchange.answer_time(welcome.window)
    retries = Retries(exchange, request.name, answer_time)
    exchange.send(request, sequence, b"")
    while True:
        answer = exchange.receive(answer_time)
        if answer is None or answer.is_damage:
            if retries.again(answer):
                exchange.repeat(request, sequence, b"")
        elif answer.sequence == sequence and answer.type == wanted:
            return answer.body
        else:
            exchange.refuse(answer, (sequence,))
        if retries.left <= 0:
            raise retries.failure()


def reset_state(exchange: Exchange, welcome: Welcome) -> None:
    """Set what the model keeps between inferences to its initial value."""
    try:
        ask(exchange, welcome, Message.RESET, Message.ACK)
    except DeviceRefusedError as error:
        raise InfrastructureError(
            f"the model keeps a state, and the firmware cannot set it: {error.what}",
            where=exchange.name,
            remedy="build the firmware with this harness, and with NN_STATE for the model",
        ) from error
