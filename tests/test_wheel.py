"""The wheel: installed alone, it has families, schemas and templates, and runs anywhere."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (path,) = out.glob("*.whl")
    return path


def shipped(folder: str) -> set[str]:
    files = (p for p in (ROOT / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return {p.relative_to(ROOT).as_posix() for p in files}


def test_everything_that_is_not_code_is_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"sftdata/{n}" for n in shipped("task_families") | shipped("schemas")} <= names
    assert {n for n in shipped("sftdata") if not n.endswith(".pyc")} <= names
    assert not [n for n in names if n.startswith(("tests/", "examples/", "docs/", "benchmarks/"))]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment with the wheel, and dependencies from this one.

    The dependencies come by a path file below the environment's own packages; the checkout does
    not, so that whatever of ours is imported is the wheel's.
    """
    place = tmp_path_factory.mktemp("env")
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    command = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(command, check=True, capture_output=True)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    ours = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True)
    theirs = subprocess.run(
        [sys.executable, "-c", where], check=True, capture_output=True, text=True
    )
    Path(ours.stdout.strip(), "borrowed.pth").write_text(theirs.stdout, encoding="utf-8")
    return python


def run(python: Path, *args: str, cwd: Path) -> str:
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [python, *args], capture_output=True, text=True, check=False, cwd=cwd, env=clean
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_runs_from_anywhere(installed: Path, tmp_path: Path) -> None:
    where = run(installed, "-c", "import sftdata; print(sftdata.__file__)", cwd=tmp_path)
    assert str(ROOT) not in where, "this would test the checkout"
    families = run(installed, "-m", "sftdata", "families", "list", cwd=tmp_path).splitlines()
    ids = {line.split()[0] for line in families if "/" in line.split(maxsplit=1)[0]}
    built_in = (ROOT / "task_families").glob("*/*/family.yaml")
    assert ids == {f.parent.relative_to(ROOT / "task_families").as_posix() for f in built_in}
    assert "up to date" in run(installed, "-m", "sftdata", "schemas", "check", cwd=tmp_path)


def test_the_script_works_and_a_prompt_can_be_made(installed: Path, tmp_path: Path) -> None:
    script = installed.parent / "sftdata"
    assert run(script, "--version", cwd=tmp_path).startswith("sftdata ")
    code = "import sftdata; print(sftdata.prompt('finance/single_fact', question='Why?'))"
    assert "Why?" in run(installed, "-c", code, cwd=tmp_path)
