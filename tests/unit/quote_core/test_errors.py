import errno
import inspect

import grpc
import pytest

from quote_core import errors


def test_every_error_but_the_root_has_a_branch_and_a_canonical_code():
    branches = (errors.RequestError, errors.MarketError, errors.UpstreamError, errors.DataError)
    for name in errors.__all__:
        error = getattr(errors, name)
        if not inspect.isclass(error) or error is errors.SolquoteError:
            continue
        assert issubclass(error, branches), name
        assert error.code in grpc.StatusCode.__members__, name


def test_all_errors_are_exported():
    defined = {
        name for name, value in vars(errors).items() if inspect.isclass(value) and value.__module__ == errors.__name__
    }
    assert defined == {name for name in errors.__all__ if inspect.isclass(getattr(errors, name))}


def test_a_message_names_the_field_and_the_rule():
    error = errors.InvalidField("input_amount", "must be above zero")
    assert str(error) == "input_amount: must be above zero"
    assert (error.field, error.rule) == ("input_amount", "must be above zero")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (errors.ProviderUnavailable("nats", "is gone"), "nats: is gone"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "token"), "token: Is a directory"),
        (OSError(errno.ENOSPC, "No space left on device"), "cannot write: No space left on device"),
        (ExceptionGroup("tasks", [OSError(errno.ENOSPC, "No space left")]), "cannot write: No space left"),
        (ExceptionGroup("tasks", [ValueError(), OSError(errno.ENOSPC, "No space left")]), None),
        (ExceptionGroup("tasks", [errors.ProviderUnavailable("nats", "is gone")] * 2), "nats: is gone"),
        (OSError(errno.EBADF, "Bad file descriptor"), None),
        (ValueError("wrong"), None),
    ],
)
def test_what_may_end_a_process_is_a_sentence_and_a_fault_of_the_program_is_none(
    error: Exception, sentence: str | None
):
    assert errors.sentence_of(error) == sentence
