"""A gRPC server's certificates, as they are at each new connection."""

import threading
from collections.abc import Callable
from typing import cast

import grpc

from quote_core.access.certificates import Certificates
from quote_core.access.control import AccessControl

__all__ = ["following_credentials"]


def following_credentials(access: AccessControl) -> grpc.ServerCredentials:
    """Credentials that follow `access.certificates`, which there are; whether clients need one does not change."""
    first = access.certificates
    assert first is not None
    given, lock = [first], threading.Lock()

    def news() -> grpc.ServerCertificateConfiguration | None:
        """Asked by gRPC, in threads of its own, at the beginning of each connection; None = as before."""
        now = access.certificates
        with lock:
            if now is None or now is given[0]:
                return None
            given[0] = now
        return _configuration(now)

    fetch = cast("Callable[[], grpc.ServerCertificateConfiguration]", news)  # the stubs know no None
    return grpc.dynamic_ssl_server_credentials(
        _configuration(first), fetch, require_client_authentication=first.client_ca_pem is not None
    )


def _configuration(certificates: Certificates) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(certificates.key_pem, certificates.certificate_pem)], root_certificates=certificates.client_ca_pem
    )
