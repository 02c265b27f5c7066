"""A stored run as an argument: whatever the file is, the answer is a sentence and exit code 2."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from nodecheck.frontends.cli.main import main
from nodecheck.results import Run, to_json

GOOD = to_json(Run(()))
BAD = {
    "nothing": b"",
    "cut off": GOOD[:-9],
    "another schema": GOOD.replace(b'"schema_version":1', b'"schema_version": 2'),
    "not UTF-8": GOOD.decode().encode("utf-16"),
    "deep": b'{"results":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "a huge number": b'{"results": [], "seed": ' + b"9" * 100_000 + b"}",
    "a number that is none": b'{"results": [], "seed": 1e400}',
    "an image": b"\x89PNG\r\n\x1a\n" + bytes(100),
}


def arguments(command, path):
    more = {"report": [], "compare": [path], "replay": ["mine:check:problem"]}
    return [command, path, *more[command]]


@pytest.mark.parametrize("command", ["report", "compare", "replay"])
@pytest.mark.parametrize("name", BAD)
def test_a_file_that_holds_no_run_is_refused_by_every_command(command, name, tmp_path):
    path = tmp_path / "run.json"
    path.write_bytes(BAD[name])
    result = CliRunner().invoke(main, arguments(command, str(path)))
    assert result.exit_code == 2
    assert "expected" in result.output


@pytest.mark.parametrize("command", ["report", "compare", "replay"])
@pytest.mark.parametrize("name", ["empty", "missing.json", "x" * 5000, "run.json/inner"])
def test_a_path_that_cannot_be_read_is_refused_by_every_command(command, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.json").write_bytes(GOOD)
    (tmp_path / "empty").mkdir()
    assert CliRunner().invoke(main, arguments(command, name)).exit_code == 2


@pytest.mark.parametrize(("command", "answer"), [("report", "index.html"), ("compare", "No regression")])
def test_the_folder_of_a_run_stands_for_its_run_json(command, answer, tmp_path):
    (tmp_path / "run.json").write_bytes(GOOD)
    result = CliRunner().invoke(main, arguments(command, str(tmp_path)))
    assert result.exit_code == 0
    assert answer in result.output


def test_the_page_of_a_folder_is_written_into_it(tmp_path):
    (tmp_path / "run.json").write_bytes(GOOD)
    CliRunner().invoke(main, ["report", str(tmp_path)])
    assert (tmp_path / "index.html").exists()


def test_a_folder_without_a_run_is_refused_by_the_name_of_what_is_missing(tmp_path):
    result = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert result.exit_code == 2
    assert "run.json: expected a run.json that can be read" in " ".join(result.output.split())


def test_a_refusal_names_the_file(tmp_path):
    path = tmp_path / "run.json"
    path.write_bytes(b"{}")
    result = CliRunner().invoke(main, ["compare", str(path), str(path)])
    assert "run.json: expected a run" in " ".join(result.output.split())


def test_a_page_that_cannot_be_written_is_a_usage_error(tmp_path):
    path = tmp_path / "run.json"
    path.write_bytes(GOOD)
    result = CliRunner().invoke(main, ["report", str(path), "--output", str(tmp_path / "a" / "b.html")])
    assert result.exit_code == 2
    assert "--output must be a file that can be written" in " ".join(result.output.split())
