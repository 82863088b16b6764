"""Whether the OpenAPI document is true: schemathesis asks for what it allows, and what it does not.

A seed says what it asks for, so that a run tells of the change it is for.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest
from fakes.access import write_access_file
from fakes.quote_services import FakeExternalService, FakeLocalService, Key
from fakes.running_aggregator import aggregator_between

from quote_core.generated.solquote.v1 import local_quote_pb2
from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
TOKEN = "a-token-that-reads"
GIVEN, WANTED = [token.mint for token in load_tokens()][::2], [token.mint for token in load_tokens()][1::2]
FILLED_MAX = 10**15
CONFIG = f"""
seed = 2026
hooks = "fakes.openapi_hooks"
continue-on-failure = true
color = false

[headers]
Authorization = "Bearer {TOKEN}"

[dictionaries]
given = {{ values = {GIVEN} }}
wanted = {{ values = {WANTED} }}

# Mints of the right form are mostly not registered, and the first thing that is said of them is that.
[parameters]
"query.inputMint" = {{ dictionary = "given", probability = 0.8 }}
"query.outputMint" = {{ dictionary = "wanted", probability = 0.8 }}
"path.mint" = {{ dictionary = "given", probability = 0.5 }}

[generation]
max-examples = 20

[checks]
positive_data_acceptance = {{ expected-statuses = ["200", "404", "422"] }}

# The handlers are the same at all their paths.
[[operations]]
include-tag = "at Jupiter's paths"
phases = {{ coverage = {{ enabled = false }} }}
generation = {{ max-examples = 5 }}
"""


class PoolsOfSomeDepth(FakeLocalService):
    """Fills no more than any pool has."""

    def quote(self, row: int, key: Key) -> local_quote_pb2.LocalQuote:
        if key[2] <= FILLED_MAX:
            return super().quote(row, key)
        quote = local_quote_pb2.LocalQuote(input_mint=key[0], output_mint=key[1], row=row)
        quote.error.code = "FAILED_PRECONDITION"
        quote.error.message = f"{key[0]}/{key[1]}: no pool fills {key[2]}"
        return quote


async def test_schemathesis_finds_no_fault(tmp_path: Path) -> None:
    local = PoolsOfSomeDepth()
    local.rates = {(given, wanted): 2.0 for given in GIVEN for wanted in WANTED}
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    access_file = write_access_file(tmp_path / "access", {TOKEN: "reader read"})
    async with aggregator_between(
        tmp_path / "shm", local=local, external=FakeExternalService(), platform={"access_file": access_file}
    ) as running:
        trying = await asyncio.create_subprocess_exec(
            *(SCHEMATHESIS, "--config-file", config, "run", f"{running.http_url}/openapi.json"),
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=PIPE,
            stderr=STDOUT,
        )
        told, _ = await trying.communicate()
    assert trying.returncode == 0, told.decode()
