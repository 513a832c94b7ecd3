"""Modules beside the scoring script: followed as Python imports them, and told with their own file and line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from services.deploying import bundles, local_modules, starter
from services.deploying.checking import judge
from services.deploying.facts import Facts
from services.deploying.model import Finding, Level

BROKEN = "def broken(:\n"
MISSING = "import nosuchlib_zz\n"


def _kit(root: Path, first: str, modules: dict[str, str]) -> Path:
    """The starter kit, with a ``first`` line of its script, and ``modules`` in its code folder."""
    folder = root / "files"
    for name, text in starter.files("my-endpoint", True).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{first}\n{text}" if name == "code/score.py" else text)
    for name, text in modules.items():
        (folder / "code" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "code" / name).write_text(text)
    return folder


def _all(folder: Path) -> list[Finding]:
    bundle = bundles.from_folder(folder, folder.parent)
    return [*bundle.findings, *judge(bundle, Facts())]


def _told(folder: Path) -> list[tuple[str, str, int]]:
    """Errors and warnings: code, file below the code folder, line."""
    found = [each for each in _all(folder) if each.level is not Level.NOTE]
    return [(each.code, each.place.file.removeprefix("code/"), each.place.line) for each in found]


@pytest.mark.parametrize(
    ("first", "modules", "file"),
    [
        ("import helper", {"helper.py": "{}"}, "helper.py"),
        ("from helper import predict", {"helper.py": "{}"}, "helper.py"),
        ("import pkg.deep.mod", {"pkg/__init__.py": "", "pkg/deep/__init__.py": "", "pkg/deep/mod.py": "{}"}, None),
        ("import pkg.mod", {"pkg/__init__.py": "{}", "pkg/mod.py": ""}, "pkg/__init__.py"),
        ("from pkg import mod", {"pkg/__init__.py": "", "pkg/mod.py": "{}"}, "pkg/mod.py"),
        ("from pkg import other, mod", {"pkg/__init__.py": "other = 1\n", "pkg/mod.py": "{}"}, "pkg/mod.py"),
        ("from space import mod", {"space/mod.py": "{}"}, "space/mod.py"),
        ("import pkg", {"pkg/__init__.py": "from . import mod\n", "pkg/mod.py": "{}"}, "pkg/mod.py"),
        ("import pkg", {"pkg/__init__.py": "from .mod import x\n", "pkg/mod.py": "{}"}, "pkg/mod.py"),
        (
            "import pkg.sub.mod",
            {
                "pkg/__init__.py": "",
                "pkg/sub/__init__.py": "",
                "pkg/sub/mod.py": "from ..near import x\n",
                "pkg/near.py": "{}",
            },
            "pkg/near.py",
        ),
        ("import a", {"a.py": "import b\n", "b.py": "import a\nimport c\n", "c.py": "import score\n{}"}, "c.py"),
    ],
)
def test_what_a_module_beside_the_script_needs_is_told_with_its_file_and_line(
    tmp_path: Path, first: str, modules: dict[str, str], file: str | None
) -> None:
    file = file or "pkg/deep/mod.py"
    line = modules[file].format("x").count("\n") + 1
    for text, code in ((MISSING, "import-unknown"), (BROKEN, "script-syntax")):
        folder = _kit(tmp_path / code, first, {name: each.format(text) for name, each in modules.items()})
        assert _told(folder) == [(code, file, line)]
        # Python itself, with the code folder on its path, stops at the same file.
        ran = subprocess.run(
            [sys.executable, "-c", "import score"], cwd=folder / "code", capture_output=True, text=True, check=False
        )
        assert ran.returncode
        assert f"{file}" in ran.stderr


def test_who_imports_a_broken_module_is_said(tmp_path: Path) -> None:
    [found] = [
        each for each in _all(_kit(tmp_path, "import helper", {"helper.py": BROKEN})) if each.level is Level.ERROR
    ]
    assert "code/score.py imports it in line 1." in found.why
    folder = _kit(tmp_path, "import helper", {"helper.py": "import other\n", "other.py": MISSING})
    [found] = [each for each in _all(folder) if each.level is Level.WARNING]
    assert "code/other.py imports it, and code/helper.py imports that in line 1" in found.why


@pytest.mark.parametrize(
    ("first", "modules"),
    [
        # Nobody imports it.
        ("import json", {"helper.py": BROKEN}),
        # Not for sure.
        ("try:\n    import helper\nexcept ImportError:\n    helper = None", {"helper.py": BROKEN}),
        ("import typing\nif typing.TYPE_CHECKING:\n    import helper", {"helper.py": MISSING}),
        ("def later():\n    import helper", {"helper.py": BROKEN}),
        ("import helper", {"helper.py": "try:\n    import nosuchlib_zz\nexcept ImportError:\n    pass\n"}),
        ("import helper", {"helper.py": "def run():\n    import nosuchlib_zz\n"}),
        # A name that the package gives a value, or may give one.
        ("from pkg import mod", {"pkg/__init__.py": "mod = 1\n", "pkg/mod.py": BROKEN}),
        ("from pkg import mod", {"pkg/__init__.py": "from json import *\n", "pkg/mod.py": BROKEN}),
        ("from pkg import mod", {"pkg/__init__.py": "def __getattr__(name):\n    return 1\n", "pkg/mod.py": BROKEN}),
        # An installed package, or Python itself, may come first.
        ("import numpy", {"numpy.py": BROKEN}),
        ("import numpy", {"numpy/data.bin": "x"}),
        ("import azureml_inference_server_http", {"azureml_inference_server_http/__init__.py": BROKEN}),
        ("import logging", {"logging.py": BROKEN}),
        # The package before the file of the same name, and both before a folder.
        ("import pkg", {"pkg/__init__.py": "", "pkg.py": BROKEN}),
        ("import pkg.mod", {"pkg.py": "", "pkg/mod.py": BROKEN}),
        ("import helper", {"helper.so": "", "helper.py": BROKEN}),
        ("import helper", {"helper.cpython-311-x86_64-linux-gnu.so": ""}),
        # What is there and no module, and what is found by a longer path.
        ("from pkg import nothing", {"pkg/__init__.py": ""}),
        ("import helper.nothing", {"helper.py": ""}),
        ("import lib.mod", {"lib/mod.py": "import beside\n", "lib/beside.py": ""}),
    ],
)
def test_no_alarm_is_given_for_what_is_not_imported_for_sure(
    tmp_path: Path, first: str, modules: dict[str, str]
) -> None:
    assert [each for each in _told(_kit(tmp_path, first, modules)) if each[1:] != ("score.py", 1)] == []


def test_a_package_that_two_files_lack_is_told_once_at_the_script(tmp_path: Path) -> None:
    folder = _kit(tmp_path, "import helper, nosuchlib_zz", {"helper.py": f"import json\n{MISSING}"})
    assert _told(folder) == [("import-unknown", "score.py", 1)]


def test_what_to_write_instead_of_a_relative_import_is_named(tmp_path: Path) -> None:
    found = {}
    for number, first in enumerate(("from . import helper, other", "from .helper import x", "from . import *")):
        folder = _kit(tmp_path / str(number), first, {"helper.py": "x = 1\n", "other.py": ""})
        found[first] = [(each.what, each.fix) for each in _all(folder) if each.code == "import-relative"]
    end, path = "and there is no package around it.", "the code folder is on the module path."
    assert found == {
        "from . import helper, other": [
            (f"code/score.py imports helper, other from ., {end}", f"Write import helper, other: {path}")
        ],
        "from .helper import x": [
            (f"code/score.py imports .helper, {end}", f"Write helper without the leading dot: {path}")
        ],
        "from . import *": [(f"code/score.py imports * from ., {end}", f"Write import and the name: {path}")],
    }


@pytest.mark.parametrize(
    ("first", "modules", "place"),
    [
        ("from . import helper", {"helper.py": ""}, ("score.py", 1)),
        ("from .helper import x", {"helper.py": ""}, ("score.py", 1)),
        ("import helper", {"helper.py": "import json\nfrom .other import x\n", "other.py": ""}, ("helper.py", 2)),
        ("import pkg.mod", {"pkg/__init__.py": "", "pkg/mod.py": "from ..other import x\n"}, ("pkg/mod.py", 1)),
    ],
)
def test_a_relative_import_without_a_package_around_it_is_an_error(
    tmp_path: Path, first: str, modules: dict[str, str], place: tuple[str, int]
) -> None:
    folder = _kit(tmp_path, first, modules)
    assert _told(folder) == [("import-relative", *place)]
    # As the inference server loads it.
    load = (
        "import importlib.util as u, sys; sys.path.append('.'); s = u.spec_from_file_location('entry_module', "
        "'score.py'); s.loader.exec_module(u.module_from_spec(s))"
    )
    ran = subprocess.run([sys.executable, "-c", load], cwd=folder / "code", capture_output=True, text=True, check=False)
    assert "attempted relative import" in ran.stderr


def test_a_script_in_a_folder_finds_what_lies_beside_it_and_in_the_code_folder(tmp_path: Path) -> None:
    folder = _kit(tmp_path, "", {"far.py": MISSING, "inner/near.py": "import far\n"})
    (folder / "code" / "score.py").rename(folder / "code" / "inner" / "score.py")
    script = folder / "code" / "inner" / "score.py"
    script.write_text(f"import near\n{script.read_text()}")
    path = folder / "blue-deployment.yml"
    path.write_text(path.read_text().replace("scoring_script: score.py", "scoring_script: inner/score.py"))
    assert _told(folder) == [("import-unknown", "far.py", 1)]


def test_a_module_that_leads_out_of_the_code_folder_is_not_read(tmp_path: Path) -> None:
    folder = _kit(tmp_path, "import helper", {})
    (folder / "secret.py").write_text(BROKEN)
    (folder / "code" / "helper.py").symlink_to(folder / "secret.py")
    assert "script-syntax" not in {each.code for each in _all(folder)}


def test_more_modules_than_are_read_are_said(tmp_path: Path) -> None:
    many = {f"m{number}.py": f"import m{number + 1}\n" for number in range(local_modules.MOST_MODULES + 5)}
    found = _all(_kit(tmp_path, "import m0", many))
    assert [each.code for each in found].count("modules-many") == 1
    large = {"helper.py": "x = 1\n" * 100_000}
    assert "modules-many" in {each.code for each in _all(_kit(tmp_path, "import helper", large))}
