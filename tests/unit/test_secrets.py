"""No password and no token is left in a text that others read."""

import re
import string
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.support.secrets import HIDDEN, Secret, without_secrets

# A password of other characters than the texts around it, so that finding it proves a leak.
PASSWORDS = st.text(st.sampled_from("XYZ0123456789!$%*+-._~^|<>"), min_size=5, max_size=30)
WORDS = st.text(st.sampled_from(string.ascii_lowercase + " .,\n"), max_size=40)
PLACES = [
    "postgresql://bench:{}@db.example.org:5432/results",
    "--store=postgresql+psycopg://bench:{}@db.example.org/results?sslmode=require",
    "postgresql://:{}@/results?host=/run/postgresql",
    "postgresql://bench@db.example.org/results?password={}&sslmode=require",
    "postgresql://db.example.org/results?user=bench&sslpassword={}",
    "host=db user=bench password={} dbname=results",
    "host=db user=bench password = '{}' dbname=results",
    "PGPASSWORD={} psql",
    "CI_JOB_TOKEN={}",
    "environ({{'PGPASSWORD': '{}', 'HOME': '/home/me'}})",
    '{{"password": "{}", "user": "bench"}}',
    "https://{}@github.example.org/lab/models.git",
    "https://oauth2:{}@gitlab.example.org/lab/models.git",
    "http://probe.example.org/?access_token={}",
    "mysql --password {} results",
    "Authorization: Bearer {}",
]


@given(st.sampled_from(PLACES), PASSWORDS, WORDS, WORDS)
def test_no_secret_is_left_whatever_stands_around_it(
    place: str, password: str, before: str, after: str
) -> None:
    # `&` and blanks end a value, and a query has its special characters encoded.
    text = f"{before} {place.format(quote(password, safe='!$*-._~'))} {after}"
    assume(quote(password, safe="!$*-._~") not in place)
    shown = without_secrets(text)
    assert quote(password, safe="!$*-._~") not in shown
    assert HIDDEN in shown
    assert without_secrets(shown) == shown


@pytest.mark.parametrize("password", ["p@ss@word1", "pass/word1", "pass word1", "pa:ss?#word1"])
def test_a_password_that_should_have_been_encoded_is_hidden_too(password: str) -> None:
    shown = without_secrets(f"the store postgresql://bench:{password}@db/results failed")
    assert shown == "the store postgresql://bench:***@db/results failed"


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_can_be_cleaned_twice(text: str) -> None:
    assert without_secrets(without_secrets(text)) == without_secrets(text)


@pytest.mark.parametrize(
    "part", ["a.", "a-", "a://b:", "a://", "--", "A_", "https://a", "password "]
)
def test_a_hostile_text_takes_no_time(part: str) -> None:
    assert without_secrets(part * 10_000) == part * 10_000  # minutes if it were quadratic


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://bench@db.example.org:5432/results",
        "sqlite:////home/me/results.sqlite",
        "http://localhost:8000/models, and then mail me@example.org",
        "put the password into ~/.pgpass",
        'FATAL: password authentication failed for user "bench"',
        "model.c:3: error: expected token: ;",
        "models/kws/model.toml: quality_target = 0.9",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert without_secrets(text) == text


def test_the_repr_of_a_secret_does_not_show_it() -> None:
    url = Secret("postgresql://bench:hunter2@db/results")
    assert url == "postgresql://bench:hunter2@db/results"
    assert not re.search("hunter2", repr([url]) + f"{url!r}")
