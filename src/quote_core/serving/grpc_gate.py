"""How a gRPC call passes the gate: what of it says who asks, and whether it may."""

from typing import Any

from quote_core.access.gate import Admission, Gate, host_of_peer
from quote_core.access.scopes import Scope
from quote_core.errors import SolquoteError

__all__ = ["GrpcGate"]

_COMMON_NAME = "x509_common_name"
_AUTHORIZATION = "authorization"


class GrpcGate:
    """A gate for gRPC; every method behind it asks for `Scope.READ` (`access.scopes`).

    Args:
        gate: The process's.
        has_certificates: Whether clients show certificates.
    """

    def __init__(self, gate: Gate, *, has_certificates: bool = False) -> None:
        self._gate = gate
        self._has_certificates = has_certificates

    @property
    def asks_anything(self) -> bool:
        """Whether calls need to pass it."""
        return self._gate.asks_anything

    def refusal(self, context: Any) -> SolquoteError | None:
        """Why a call may not be made; None lets it in."""
        try:
            self._admit(context)
        except SolquoteError as error:
            return error
        return None

    def stream(self, context: Any) -> Admission | SolquoteError:
        """A stream that is let in, which counts as open until its `end_stream`; or why not."""
        try:
            admission = self._admit(context)
            admission.begin_stream()
        except SolquoteError as error:
            return error
        return admission

    def _admit(self, context: Any) -> Admission:
        authorization = None
        for name, value in context.invocation_metadata() or ():
            if name == _AUTHORIZATION:
                authorization = value
                break
        certificate = ""
        if self._has_certificates:
            names = context.auth_context().get(_COMMON_NAME, ())
            certificate = next(iter(names), b"").decode(errors="replace")
        host = host_of_peer(context.peer())
        return self._gate.admit(authorization, needs=Scope.READ, host=host, certificate=certificate)
