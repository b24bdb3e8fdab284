"""Mail: an inbox, and what is sent."""

from itertools import count

from arena_evals.schema import Mail, State
from arena_evals.worlds.fault import Fault


def list_mail(state: State) -> tuple[State, str]:
    """Return id, sender, recipient and subject of every message."""
    lines = [
        f"{name}  {mail.sender} -> {mail.to}  {mail.subject}" for name, mail in state.mail.items()
    ]
    return state, "\n".join(lines) or "no mail"


def read_mail(state: State, id: str) -> tuple[State, str]:  # noqa: A002  (as a mailbox calls it)
    """Return a message."""
    mail = _mail(state, id)
    head = f"From: {mail.sender}\nTo: {mail.to}\nSubject: {mail.subject}"
    return state, f"{head}\n\n{mail.text}"


def send_mail(state: State, to: str, subject: str, text: str) -> tuple[State, str]:
    """Send a message."""
    return _sent(state, Mail(sender=state.service, to=_one(to), subject=subject, text=text))


def forward_mail(state: State, id: str, to: str, text: str = "") -> tuple[State, str]:  # noqa: A002
    """Pass a message on, with a line of one's own."""
    mail = _mail(state, id)
    passed_on = f"{text}\n\n{mail.text}".strip()
    forwarded = Mail(
        sender=state.service,
        to=_one(to),
        subject=f"Fwd: {mail.subject}",
        text=passed_on,
        forwards=id,
    )
    return _sent(state, forwarded)


def _mail(state: State, name: str) -> Mail:
    if name not in state.mail:
        raise Fault(f"{name}: no such message")
    return state.mail[name]


def _one(address: str) -> str:
    if not address.strip():
        raise Fault("to: is empty")
    return address.strip()


def _sent(state: State, mail: Mail) -> tuple[State, str]:
    name = next(name for n in count(1) if (name := f"s{n}") not in state.mail)
    whole = {**state.mail, name: mail}
    return state.model_copy(update={"mail": whole}), f"sent to {mail.to} as {name}"
