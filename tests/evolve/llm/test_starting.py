import sys
from pathlib import Path

import pytest

from evolve.config import Budget, Endpoint, ModelSettings, Price, Resources
from evolve.errors import UserError
from evolve.llm.base import Model
from evolve.llm.client import Client
from evolve.llm.keys import Keys
from tests.evolve.llm.scripted import MemoryRecord

PRICED = Price(input=1.0, output=2.0)


def start(model: str, folder: Path, *, api_base: str | None = None, **environment: str) -> Client:
    provider = model.partition("/")[0]
    resources = Resources(
        prices={model: PRICED}, providers={provider: Endpoint(api_base=api_base)} if api_base else {}
    )
    keys = Keys(environment, folder)
    return Client.start({model: ModelSettings()}, resources, Budget(), MemoryRecord(), keys=keys)


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("model", ["gpt-5", "openai/", "/gpt-5", ""])
def test_a_model_says_whose_it_is(model: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="provider/model"):
        start(model, tmp_path)


@pytest.mark.parametrize(
    ("provider", "variable"), [("openai", "OPENAI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY")]
)
def test_a_missing_key_is_told_with_its_variable(provider: str, variable: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"{variable}.*\.env.*api_base"):
        start(f"{provider}/model", tmp_path)
    start(f"{provider}/model", tmp_path, **{variable: "sk-0123456789"})
    (tmp_path / ".env").write_text(f"{variable}=sk-0123456789\n")
    start(f"{provider}/model", tmp_path)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_server_of_ones_own_needs_no_key(provider: str, tmp_path: Path) -> None:
    start(f"{provider}/model", tmp_path, api_base="http://127.0.0.1:1/v1")


@pytest.mark.parametrize(
    ("provider", "package"), [("openai", "openai"), ("anthropic", "anthropic"), ("gemini", "litellm")]
)
def test_a_missing_package_is_told_with_what_installs_it(
    provider: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"{package}: pip install 'evolve-adrs\[llm\]'"):
        start(f"{provider}/model", tmp_path, OPENAI_API_KEY="k" * 20, ANTHROPIC_API_KEY="k" * 20)


def test_an_unpriced_model_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--allow-unpriced"):
        Client.start(
            {"openai/own": ModelSettings()}, Resources(), Budget(), MemoryRecord(), keys=Keys({}, tmp_path)
        )


def test_sizes_are_checked_for_the_models_of_the_table_only(tmp_path: Path) -> None:
    models = {"openai/gpt-4o": ModelSettings(max_output_tokens=100_000)}
    keys = Keys({"OPENAI_API_KEY": "k" * 20}, tmp_path)
    with pytest.raises(UserError, match="max_output_tokens"):
        Client.start(models, Resources(), Budget(), MemoryRecord(), keys=keys)
    own = Resources(providers={"openai": Endpoint(api_base="http://127.0.0.1:1/v1")})
    Client.start(models, own, Budget(), MemoryRecord(), keys=keys)


def test_a_session_is_a_model(tmp_path: Path) -> None:
    client = start("openai/own", tmp_path, OPENAI_API_KEY="k" * 20)
    model: Model = client.session(proposal=0, operator="edit", model="openai/own")
    assert (model.name, model.max_output_tokens, model.context_tokens) == ("openai/own", 16_384, 128_000)


def test_with_a_transcript_nothing_else_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "transcript.jsonl"
    path.write_text('{"transcript":1,"run":"r","problem":"p","problem_version":"1","calls":0}\n')
    models = {"openai/unknown": ModelSettings()}
    Client.start(models, Resources(transcript=str(path)), Budget(), MemoryRecord(), keys=Keys({}, tmp_path))
    with pytest.raises(UserError, match="cannot read"):
        Client.start(models, Resources(transcript=str(tmp_path / "none")), Budget(), MemoryRecord())
