import pytest

from aggregator.page.guard import why_not_ours, why_not_posted_by_us


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "127.0.0.1:8080"},
        {"Host": "[::1]:8080"},
        {"Host": "192.168.1.5:8080"},
        {"Host": "localhost:8080"},
        {"Host": "LOCALHOST"},
        {"Host": "solquote.localhost:8080"},
        {"Host": "desk.example:8080"},
        {"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-origin"},
        {"Host": "127.0.0.1:8080", "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
        {"Host": "127.0.0.1:8080", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_the_pages_own_requests_pass(headers: dict[str, str]) -> None:
    assert why_not_ours(headers, hosts=["Desk.example"]) == ""


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({}, "Host"),
        ({"Host": ""}, "Host"),
        ({"Host": "rebound.example:8080"}, "Host"),
        ({"Host": "127.0.0.1.rebound.example"}, "Host"),
        ({"Host": "localhost.rebound.example"}, "Host"),
        ({"Host": "[::1"}, "Host"),
        ({"Host": "127.0.0.1:8080", "Origin": "https://elsewhere.example"}, "Origin"),
        ({"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:3000"}, "Origin"),
        ({"Host": "127.0.0.1:8080", "Origin": "http://localhost:8080"}, "Origin"),
        ({"Host": "127.0.0.1:8080", "Origin": "null"}, "Origin"),
        ({"Host": "127.0.0.1:8080", "Origin": "http://["}, "Origin"),
        ({"Host": "127.0.0.1:8080", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, "Sec-Fetch-Site"),
        ({"Host": "127.0.0.1:8080", "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, "Sec-Fetch-Site"),
    ],
)
def test_another_sites_requests_are_named_for_what_they_are(headers: dict[str, str], field: str) -> None:
    assert why_not_ours(headers, hosts=()).startswith(f"{field}: ")


def test_a_post_says_where_it_is_from_and_is_json_which_a_form_cannot_be() -> None:
    ours = {"Origin": "http://127.0.0.1:8080", "Content-Type": "application/json; charset=utf-8"}
    assert why_not_posted_by_us(ours) == ""
    assert why_not_posted_by_us({"Content-Type": "application/json"}).startswith("Origin: ")
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert why_not_posted_by_us(ours | {"Content-Type": content_type}).startswith("Content-Type: ")
