"""Reflection over real gRPC, in both versions, asked for every symbol that the services' files define."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FileDescriptor
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from quote_core.generated.solquote.v1 import (
    evidence_pb2,
    external_quote_pb2,
    local_quote_pb2,
    quote_aggregator_pb2,
    quotes_pb2,
)
from quote_core.serving import serve

VERSIONS = ("grpc.reflection.v1", "grpc.reflection.v1alpha")
SERVICE = "solquote.v1.QuoteAggregatorService"
FILES = [
    file.DESCRIPTOR for file in (quotes_pb2, evidence_pb2, local_quote_pb2, external_quote_pb2, quote_aggregator_pb2)
]


def of_enum(enum: EnumDescriptor) -> Iterator[str]:
    yield enum.full_name
    scope = enum.full_name.rpartition(".")[0]  # an enum's values are its siblings
    yield from (f"{scope}.{value.name}" for value in enum.values)


def of_message(message: Descriptor) -> Iterator[str]:
    yield message.full_name
    yield from (field.full_name for field in message.fields)
    yield from (f"{message.full_name}.{oneof.name}" for oneof in message.oneofs)
    for nested in message.nested_types:
        yield from of_message(nested)
    for enum in message.enum_types:
        yield from of_enum(enum)


def symbols(file: FileDescriptor) -> Iterator[str]:
    for service in file.services_by_name.values():
        yield service.full_name
        yield from (method.full_name for method in service.methods)
    for message in file.message_types_by_name.values():
        yield from of_message(message)
    for enum in file.enum_types_by_name.values():
        yield from of_enum(enum)


class Reflection:
    """A client of one version."""

    def __init__(self, channel: grpc.aio.Channel, version: str) -> None:
        self._call = channel.stream_stream(
            f"/{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )()

    async def ask(self, **question: Any) -> reflection_pb2.ServerReflectionResponse:
        await self._call.write(reflection_pb2.ServerReflectionRequest(**question))
        answer: reflection_pb2.ServerReflectionResponse = await self._call.read()
        return answer

    async def files(self, **question: str) -> list[str]:
        answer = await self.ask(**question)
        assert not answer.HasField("error_response"), (question, answer.error_response)
        found = answer.file_descriptor_response.file_descriptor_proto
        return [descriptor_pb2.FileDescriptorProto.FromString(file).name for file in found]


@pytest.fixture(params=VERSIONS)
async def reflection(request: pytest.FixtureRequest) -> AsyncIterator[Reflection]:
    async with (
        serve(lambda server: None, services=[SERVICE], host="127.0.0.1", port=0) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield Reflection(channel, request.param)


async def test_every_symbol_of_the_services_is_resolved_to_its_file(reflection: Reflection):
    asked = 0
    for file in (*FILES, health_pb2.DESCRIPTOR):
        for symbol in symbols(file):
            assert (await reflection.files(file_containing_symbol=symbol))[0] == file.name, symbol
            asked += 1
    assert asked > 250


async def test_a_file_comes_with_all_it_imports(reflection: Reflection):
    files = await reflection.files(file_by_filename="solquote/v1/quote_aggregator.proto")
    assert set(files) == {file.name for file in FILES}


async def test_fields_have_their_json_names(reflection: Reflection):
    answer = await reflection.ask(file_containing_symbol="solquote.v1.HealthResponse")
    file = descriptor_pb2.FileDescriptorProto.FromString(answer.file_descriptor_response.file_descriptor_proto[0])
    health = next(message for message in file.message_type if message.name == "HealthResponse")
    assert [field.json_name for field in health.field] == ["serving", "version", "uptimeMs", "findings", "figures"]
    assert [field.json_name for field in health.nested_type[0].field] == ["key", "value"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_both_versions_are_listed_and_describe_themselves(reflection: Reflection, version: str):
    listed = {service.name for service in (await reflection.ask(list_services="")).list_services_response.service}
    assert listed == {SERVICE, "grpc.health.v1.Health", *(f"{version}.ServerReflection" for version in VERSIONS)}
    for symbol in ("ServerReflection", "ServerReflection.ServerReflectionInfo", "ServerReflectionRequest.host"):
        (file,) = await reflection.files(file_containing_symbol=f"{version}.{symbol}")
        assert version.replace(".", "/") in file.replace("grpc_reflection", "grpc/reflection")


@pytest.mark.parametrize(
    "symbol", ["", "solquote.v1", "nothing", f"{SERVICE}.Nothing", f"{SERVICE}.GetQuote.x", "solquote.v1.LocalQuote.x"]
)
async def test_what_is_not_there_is_not_found_and_the_stream_goes_on(reflection: Reflection, symbol: str):
    answer = await reflection.ask(file_containing_symbol=symbol)
    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert await reflection.files(file_containing_symbol=f"{SERVICE}.GetQuote")


async def test_extensions_are_answered_though_there_are_none(reflection: Reflection):
    for name in ("solquote.v1.LocalQuote", "grpc.reflection.v1.ServerReflectionRequest"):
        answer = await reflection.ask(all_extension_numbers_of_type=name)
        assert answer.all_extension_numbers_response.base_type_name == name
        question = reflection_pb2.ExtensionRequest(containing_type=name, extension_number=7)
        assert (await reflection.ask(file_containing_extension=question)).HasField("error_response")
