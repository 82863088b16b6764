"""Server reflection as foreign clients ask for it: both versions of the protocol, and methods by their own names.

The wheel `grpcio-reflection` answers version v1alpha alone, and finds every symbol but a method: its descriptor pool
does not look inside services. `grpcurl describe SERVICE.METHOD` and ghz ask for just that; newer clients ask for v1.
Both versions carry the same messages on the wire, so one servicer answers both.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf import descriptor_pb2, descriptor_pool, text_format
from google.protobuf.descriptor import Descriptor, FileDescriptor
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

__all__ = ["add_reflection"]

_V1ALPHA: Final = "grpc.reflection.v1alpha"
_V1: Final = "grpc.reflection.v1"
_METHOD: Final = "ServerReflectionInfo"


def add_reflection(server: grpc.aio.Server, services: Sequence[str]) -> None:
    """Let clients list `services`, by full name, and reflection itself, and look up every symbol of theirs."""
    names = (*services, f"{_V1ALPHA}.ServerReflection", f"{_V1}.ServerReflection")
    servicer = reflection.aio.ReflectionServicer(names, pool=_Symbols())
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(f"{_V1}.ServerReflection", {_METHOD: method}),)
    )


class _Symbols:
    """The default descriptor pool, with methods found by name, and with the file of reflection v1.

    It has those of a pool's verbs that the servicer calls, and raises KeyError as they do.
    """

    def __init__(self) -> None:
        self._pools = (descriptor_pool.Default(), _v1_pool())

    def FindFileByName(self, name: str) -> "_File":  # noqa: N802  # a pool's verb
        return _File(self._first("FindFileByName", name))

    def FindFileContainingSymbol(self, symbol: str) -> "_File":  # noqa: N802  # a pool's verb
        try:
            return _File(self._first("FindFileContainingSymbol", symbol))
        except KeyError:
            service_name, _, method_name = symbol.rpartition(".")
            service = self._first("FindServiceByName", service_name)
            if method_name not in service.methods_by_name:
                raise
            return _File(service.file)

    def FindMessageTypeByName(self, name: str) -> Any:  # noqa: N802  # a pool's verb
        return self._first("FindMessageTypeByName", name)

    def FindExtensionByNumber(self, message: Any, number: int) -> Any:  # noqa: N802  # a pool's verb
        return message.file.pool.FindExtensionByNumber(message, number)

    def FindAllExtensions(self, message: Any) -> Any:  # noqa: N802  # a pool's verb
        return message.file.pool.FindAllExtensions(message)

    def _first(self, verb: str, name: str) -> Any:
        try:
            return getattr(self._pools[0], verb)(name)
        except KeyError:
            return getattr(self._pools[1], verb)(name)


class _File:
    """A file as protoc describes it: with the JSON name of every field, which Python's runtime leaves out.

    Without them ghz takes no `inputMint`, only `input_mint`.
    """

    def __init__(self, file: FileDescriptor) -> None:
        self._file = file
        self.name = file.name

    @property
    def dependencies(self) -> list["_File"]:
        return [_File(file) for file in self._file.dependencies]

    def CopyToProto(self, proto: descriptor_pb2.FileDescriptorProto) -> None:  # noqa: N802  # a descriptor's verb
        self._file.CopyToProto(proto)
        for message in proto.message_type:
            _add_json_names(message, self._file.message_types_by_name[message.name])


def _add_json_names(proto: descriptor_pb2.DescriptorProto, message: Descriptor) -> None:
    for field in proto.field:
        field.json_name = message.fields_by_name[field.name].json_name
    for nested in proto.nested_type:
        _add_json_names(nested, message.nested_types_by_name[nested.name])


@cache
def _v1_pool() -> descriptor_pool.DescriptorPool:
    # v1 is v1alpha under another name. In a pool of its own, so that a module that brings the real file is no clash.
    described = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(described)
    text = text_format.MessageToString(described).replace(_V1ALPHA, _V1)
    renamed = text_format.Parse(text, descriptor_pb2.FileDescriptorProto())
    renamed.name = "grpc/reflection/v1/reflection.proto"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(renamed)
    return pool
