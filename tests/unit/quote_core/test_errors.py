import inspect

import grpc

from quote_core import errors


def test_every_error_but_the_root_has_a_branch_and_a_canonical_code():
    branches = (errors.RequestError, errors.MarketError, errors.UpstreamError, errors.DataError)
    for name in errors.__all__:
        error = getattr(errors, name)
        if error is errors.SolquoteError:
            continue
        assert issubclass(error, branches), name
        assert error.code in grpc.StatusCode.__members__, name


def test_all_errors_are_exported():
    defined = {
        name for name, value in vars(errors).items() if inspect.isclass(value) and value.__module__ == errors.__name__
    }
    assert defined == set(errors.__all__)


def test_a_message_names_the_field_and_the_rule():
    error = errors.InvalidField("input_amount", "must be above zero")
    assert str(error) == "input_amount: must be above zero"
    assert (error.field, error.rule) == ("input_amount", "must be above zero")
