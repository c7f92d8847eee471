import os
import traceback
from pathlib import Path

import pytest

from evolve.errors import UserError
from evolve.llm.keys import Keys, Scrubber, looks_secret, without_secrets


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=from-file\nANTHROPIC_API_KEY='other-file'\n")
    keys = Keys({"OPENAI_API_KEY": "from-environment", "ANTHROPIC_API_KEY": " "}, tmp_path)
    assert keys.find("openai") == "from-environment"
    assert keys.find("anthropic") == "other-file"
    assert keys.find("gemini") is None
    assert "other-file" not in os.environ.values()


def test_names_are_the_usual_ones(tmp_path: Path) -> None:
    keys = Keys({"DEEPSEEK_API_KEY": "one", "GOOGLE_API_KEY": "two", "MY_OWN_API_KEY": "three"}, tmp_path)
    assert [keys.find(name) for name in ("deepseek", "gemini", "my-own")] == ["one", "two", "three"]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"OPENAI_API_KEY=\xff\xfe")
    with pytest.raises(UserError, match=r"\.env"):
        Keys({}, tmp_path).find("openai")


@pytest.mark.parametrize(
    "name",
    [
        "OPENAI_API_KEY",
        "AZURE_APIKEY",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "HF_TOKEN",
        "GITHUB_TOKEN",
        "PGPASSWORD",
        "DB_PASSWORD",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "OPENAI_CUSTOM_HEADERS",
        "CLIENT_SECRET",
    ],
)
def test_secrets_are_known_by_their_names(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "TOKENIZERS_PARALLELISM", "KEYBOARD", "LANG", "MONKEY", "PYTHONPATH"]
)
def test_other_variables_are_left_alone(name: str) -> None:
    assert not looks_secret(name)
    assert without_secrets({name: "x", "OPENAI_API_KEY": "y"}) == {name: "x"}


def test_a_scrubber_hides_what_it_knows() -> None:
    scrubber = Scrubber(("sk-one-12345678", "sk-one-12345678-longer", "short"))
    assert scrubber.scrub("a sk-one-12345678-longer b sk-one-12345678 short") == "a [key] b [key] short"
    assert "sk-one" not in repr(scrubber)


@pytest.mark.parametrize(
    "text", ["Authorization: Bearer abcdef123456", "basic dXNlcjpwYXNzd29yZA==", "got sk-proj-abcdef123456"]
)
def test_errors_are_rid_of_what_looks_like_a_key(text: str) -> None:
    scrubbed = Scrubber().scrub_error(text)
    assert "[key]" in scrubbed
    assert "abcdef" not in scrubbed
    assert "dXNl" not in scrubbed


def test_a_scrubber_of_all_knows_environment_and_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=from-the-file\n")
    keys = Keys({"HF_TOKEN": "hf-0123456789", "HOME": "/home/somebody"}, tmp_path)
    keys.find("openai")
    scrub = keys.scrubber("given-12345").scrub
    assert (
        scrub("from-the-file hf-0123456789 given-12345 /home/somebody") == "[key] [key] [key] /home/somebody"
    )


def test_missing_keys_are_told_without_showing_others(tmp_path: Path) -> None:
    from evolve.llm.base import ProviderSettings
    from evolve.llm.providers.openai import OpenAIProvider

    with pytest.raises(UserError, match="OPENAI_API_KEY") as caught:
        OpenAIProvider.start(ProviderSettings(name="openai"))
    assert "pip" not in "".join(traceback.format_exception(caught.value))
