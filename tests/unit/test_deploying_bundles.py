"""Files on their way into a deploy: what is taken, what is refused, and that nothing lands elsewhere."""

from __future__ import annotations

import io
import os
import stat
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.deploying import bundles, starter
from services.deploying.model import Bundle, Kind, Level
from services.deploying.unpacking import Limits, Refused, safe_path
from services.errors import NotConfigured, NotFound, RuleBroken, SluiceError

ENDPOINT = "name: whats-in-a-name\nauth_mode: key\n"


def zipped(files: Mapping[str, bytes | str], **attributes: int) -> io.BytesIO:
    """A zip of ``files``; ``attributes`` are Unix modes by file name, with dots and slashes as underscores."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = attributes.get(name.replace(".", "_").replace("/", "_"), stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, content)
    packed.seek(0)
    return packed


def sent(folder: Path, *files: tuple[str, IO[bytes]], limits: Limits | None = None) -> Bundle:
    return bundles.from_uploads(files, folder / "private", limits)


def codes(bundle: Bundle) -> list[str]:
    return [each.code for each in bundle.findings]


def everything_below(folder: Path) -> list[str]:
    return sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*") if not each.is_dir())


def test_a_pasted_text_becomes_a_file(tmp_path: Path) -> None:
    bundle = bundles.from_text(ENDPOINT, tmp_path / "new")
    assert [(each.kind, each.name, each.file) for each in bundle.documents] == [
        (Kind.ENDPOINT, "whats-in-a-name", "pasted.yml")
    ]
    assert (tmp_path / "new" / "pasted.yml").read_text() == ENDPOINT
    assert bundle.findings == ()


@pytest.mark.parametrize("text", ["", "\ud800", "#" * 10_000_000])
def test_a_pasted_text_of_no_use_is_told_calmly(tmp_path: Path, text: str) -> None:
    bundle = bundles.from_text(text, tmp_path)
    assert bundle.documents == ()
    assert [each.level for each in bundle.findings] == [Level.ERROR]


@pytest.mark.parametrize("with_model", [True, False])
def test_the_starter_kit_is_a_bundle_without_findings(tmp_path: Path, with_model: bool) -> None:
    kit = io.BytesIO(starter.kit("my-endpoint", with_model))
    bundle = sent(tmp_path, ("kit.zip", kit))
    assert bundle.findings == ()
    assert [(each.name, each.endpoint) for each in bundle.documents] == [
        ("my-endpoint", "my-endpoint"),
        ("blue", "my-endpoint"),
    ]
    for reference in ("code/score.py", "environment/conda.yml", "sample-request.json"):
        assert (bundle.folder / reference).is_file()
    assert any(name.startswith("model/") for name in bundle.files)


@pytest.mark.parametrize("with_model", [True, False])
def test_the_scoring_script_of_the_kit_answers_the_sample_request(tmp_path: Path, with_model: bool) -> None:
    for name, text in starter.files("abc", with_model).items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    call = "import score; score.init(); print(score.run(open('../sample-request.json').read()))"
    environment = {**os.environ, "AZUREML_MODEL_DIR": str(tmp_path / "model")}
    run = subprocess.run(
        [sys.executable, "-c", call], cwd=tmp_path / "code", env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == ("[2, 4, 6]" if with_model else "{'count': 3, 'sum': 6}")


def test_the_same_kit_is_the_same_bytes() -> None:
    assert starter.kit("abc", True) == starter.kit("abc", True)


@pytest.mark.parametrize("name", ["blue", "yes", "1e5", "a: b", "ü", "with space", "#x", "null"])
def test_names_of_any_kind_are_written_as_texts(tmp_path: Path, name: str) -> None:
    text = f"{starter.endpoint_yaml(name)}---\n{starter.deployment_yaml(name, name, model=f'azureml:{name}:1')}"
    endpoint, deployment = bundles.from_text(text, tmp_path).documents
    assert (endpoint.name, deployment.name, deployment.endpoint) == (name, name, name)
    assert deployment.content["model"] == f"azureml:{name}:1"


def test_files_and_zips_come_together(tmp_path: Path) -> None:
    code = zipped({"code/score.py": "def init(): ...", "__MACOSX/._x": "", "code/.DS_Store": "", "empty/": ""})
    bundle = sent(tmp_path, ("code.zip", code), ("endpoint.yml", io.BytesIO(ENDPOINT.encode())))
    assert bundle.files == ("code/score.py", "endpoint.yml")
    assert bundle.findings == ()


def test_paths_of_windows_become_plain_ones(tmp_path: Path) -> None:
    bundle = sent(tmp_path, ("a.zip", zipped({"code\\score.py": "x", "endpoint.yml": ENDPOINT})))
    assert bundle.files == ("code/score.py", "endpoint.yml")


def test_a_zip_that_is_a_model_stays_one(tmp_path: Path) -> None:
    text = "name: blue\nendpoint_name: abc\ninstance_type: x\nmodel:\n  path: ./model.zip\n"
    files = [("model.zip", zipped({"weights.bin": "x"})), ("blue.yml", io.BytesIO(text.encode()))]
    assert sent(tmp_path, *files).files == ("blue.yml", "model.zip")
    inside = sent(tmp_path / "2", ("model/model.zip", zipped({"weights.bin": "x"})))
    assert inside.files == ("model/model.zip",)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../evil.txt", "path-outside"),
        ("a/../../evil.txt", "path-outside"),
        ("..\\evil.txt", "path-outside"),
        ("/etc/evil.txt", "path-absolute"),
        ("\\\\server\\share\\evil.txt", "path-absolute"),
        ("C:\\evil.txt", "path-absolute"),
        ("C:evil.txt", "path-absolute"),
        ("~/evil.txt", "path-absolute"),
        ("a\nb.txt", "path-character"),
        ("x" * 300 + ".txt", "path-long"),
    ],
)
def test_a_zip_that_would_write_elsewhere_is_refused_as_a_whole(tmp_path: Path, name: str, code: str) -> None:
    bundle = sent(tmp_path, ("a.zip", zipped({"endpoint.yml": ENDPOINT, name: "evil"})))
    assert codes(bundle) == [code]
    assert bundle.files == ()
    assert everything_below(tmp_path) == []
    assert bundle.findings[0].place.file == "a.zip"


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil.txt", "..", "", ".", "a/../b"])
def test_an_upload_with_such_a_name_is_refused_too(tmp_path: Path, name: str) -> None:
    bundle = sent(tmp_path, (name, io.BytesIO(b"evil")), ("endpoint.yml", io.BytesIO(ENDPOINT.encode())))
    assert bundle.files == ("endpoint.yml",)
    assert codes(bundle)[0].startswith("path-")
    assert everything_below(tmp_path) == ["private/endpoint.yml"]


@pytest.mark.parametrize(
    ("mode", "code"),
    [(stat.S_IFLNK, "symlink"), (stat.S_IFIFO, "special-file"), (stat.S_IFCHR, "special-file")],
)
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, mode: int, code: str) -> None:
    bundle = sent(tmp_path, ("a.zip", zipped({"link": "/etc/passwd"}, link=mode | 0o777)))
    assert codes(bundle) == [code]
    assert everything_below(tmp_path) == []


def test_a_bomb_by_ratio_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    limits = Limits(ratio=100, ratio_from=1_000_000)
    bundle = sent(tmp_path, ("a.zip", zipped({"zeros": b"\0" * 5_000_000})), limits=limits)
    assert codes(bundle) == ["zip-bomb"]
    assert everything_below(tmp_path) == []


def test_what_fills_the_limits_is_refused(tmp_path: Path) -> None:
    small = Limits(files=3, bytes=1000)
    many = zipped({f"{number}.txt": "x" for number in range(4)})
    large = zipped({"a": os.urandom(1001)})
    assert codes(sent(tmp_path / "1", ("a.zip", many), limits=small)) == ["too-many-files"]
    assert codes(sent(tmp_path / "2", ("a.zip", large), limits=small)) == ["too-large"]
    assert codes(sent(tmp_path / "3", ("a.bin", io.BytesIO(bytes(1001))), limits=small)) == ["too-large"]
    assert everything_below(tmp_path) == []


def test_two_zips_share_one_limit(tmp_path: Path) -> None:
    small = Limits(files=3)
    files = [(f"{part}.zip", zipped({f"{part}/{number}": "x" for number in range(2)})) for part in "ab"]
    bundle = sent(tmp_path, *files, limits=small)
    assert codes(bundle) == ["too-many-files"]
    assert bundle.files == ("a/0", "a/1")


def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path: Path) -> None:
    honest = zipped({"zeros": b"\0" * 100_000}).getvalue()
    lie = honest.replace(struct.pack("<I", 100_000), struct.pack("<I", 10))
    assert lie != honest
    bundle = sent(tmp_path, ("a.zip", io.BytesIO(lie)))
    assert codes(bundle) in (["zip-broken"], ["zip-bomb"])
    assert everything_below(tmp_path) == []


def end_of_zip(length: int, *, offset: int = 0, is_64: bool = False) -> bytes:
    """What follows a table of contents of ``length`` bytes."""
    if not is_64:
        return b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 9, 9, length, offset, 0)
    record = b"PK\x06\x06" + struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, 9, 9, length, 0)
    return record + b"PK\x06\x07" + struct.pack("<IQI", 0, length, 1) + end_of_zip(10)


@pytest.mark.parametrize(
    "end",
    [
        lambda length: end_of_zip(length),
        lambda length: end_of_zip(length, is_64=True),
        # The offset looks like the beginning of another end.
        lambda length: end_of_zip(length, offset=struct.unpack("<I", b"PK\x05\x06")[0]),
    ],
    ids=["plain", "zip64", "two ends"],
)
def test_a_table_of_contents_that_is_too_long_is_refused_unread(tmp_path: Path, end: Callable[[int], bytes]) -> None:
    length = 16 * 1024**2
    bomb = io.BytesIO(bytes(length) + end(length))
    tracemalloc.start()
    try:
        bundle = sent(tmp_path, ("a.zip", bomb))
        assert tracemalloc.get_traced_memory()[1] < length // 4
    finally:
        tracemalloc.stop()
    assert codes(bundle) in (["zip-bomb"], ["zip-broken"])


def test_a_table_of_contents_of_zip64_is_read_while_it_is_short(tmp_path: Path) -> None:
    usual = zipped({"endpoint.yml": ENDPOINT}).getvalue()
    at = usual.rfind(b"PK\x05\x06")
    length, offset = struct.unpack("<2I", usual[at + 12 : at + 20])
    record = b"PK\x06\x06" + struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, 1, 1, length, offset)
    ends = record + b"PK\x06\x07" + struct.pack("<IQI", 0, at, 1) + usual[at:]
    assert sent(tmp_path, ("a.zip", io.BytesIO(usual[:at] + ends))).files == ("endpoint.yml",)


def test_a_disk_that_is_nearly_full_stays_so(tmp_path: Path) -> None:
    bundle = sent(tmp_path, ("model.bin", io.BytesIO(b"abc")), limits=Limits(leave_free=2**62))
    assert codes(bundle) == ["disk-full"]
    assert everything_below(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 5])
def test_what_is_no_zip_is_told(tmp_path: Path, content: bytes) -> None:
    assert codes(sent(tmp_path, ("a.zip", io.BytesIO(content)))) == ["zip-broken"]


def test_an_upload_that_was_cut_off_is_told(tmp_path: Path) -> None:
    whole = zipped({"model.bin": os.urandom(50_000)}).getvalue()
    for size in (len(whole) // 2, len(whole) - 1, len(whole) - 30):
        assert codes(sent(tmp_path / str(size), ("a.zip", io.BytesIO(whole[:size])))) == ["zip-broken"]
    assert everything_below(tmp_path) == []


def test_a_damaged_file_in_a_zip_takes_the_others_back(tmp_path: Path) -> None:
    content = bytearray(zipped({"endpoint.yml": ENDPOINT, "model.bin": os.urandom(50_000)}).getvalue())
    content[30_000] ^= 0xFF
    bundle = sent(tmp_path, ("a.zip", io.BytesIO(bytes(content))))
    assert codes(bundle) == ["zip-broken"]
    assert everything_below(tmp_path) == []


def test_a_password_is_named(tmp_path: Path) -> None:
    content = bytearray(zipped({"a": "x"}).getvalue())
    content[6] |= 1
    content[content.find(b"PK\x01\x02") + 8] |= 1
    bundle = sent(tmp_path, ("a.zip", io.BytesIO(bytes(content))))
    assert codes(bundle) == ["zip-password"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_for_two_files_is_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a", "1")
        archive.writestr("a", "2")
    assert codes(sent(tmp_path / "1", ("a.zip", packed))) == ["name-twice"]
    assert codes(sent(tmp_path / "2", ("a.zip", zipped({"a": "1", "a/b": "2"})))) == ["name-twice"]
    twice = [("a", io.BytesIO(b"1")), ("a", io.BytesIO(b"2"))]
    bundle = sent(tmp_path / "3", *twice)
    assert codes(bundle) == ["name-twice"]
    assert (bundle.folder / "a").read_bytes() == b"1"


class Endless(io.RawIOBase):
    """A model of half a gigabyte that is made while it is read, and remembers the largest part asked for."""

    def __init__(self, size: int) -> None:
        self.left, self.largest = size, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        assert size > 0
        self.largest = max(self.largest, size)
        part = min(size, self.left)
        self.left -= part
        return bytes(part)


def test_a_large_model_is_read_in_small_parts(tmp_path: Path) -> None:
    megabytes = 512 if os.environ.get("SLUICE_TEST_COUNTS") == "full" else 32
    model = Endless(megabytes * 1024**2)
    bundle = bundles.from_uploads([("model.bin", model)], tmp_path / "private")  # type: ignore[list-item]  # as a file
    assert (tmp_path / "private" / "model.bin").stat().st_size == megabytes * 1024**2
    assert model.largest <= 1024**2
    assert bundle.files == ("model.bin",)


@given(st.text(max_size=30))
@settings(max_examples=300, deadline=None)
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    try:
        path = safe_path(name)
    except Refused:
        return
    root = Path("/root-of-nothing")
    assert Path(os.path.normpath(root / path)).is_relative_to(root)
    assert os.path.normpath(root / path) != str(root)


@given(st.binary(max_size=200), st.integers(0, 150), st.binary(min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_no_damage_to_a_zip_ends_in_anything_but_words(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, at: int, damage: bytes
) -> None:
    packed = bytearray(zipped({"a/b.txt": content}).getvalue())
    packed[at : at + len(damage)] = damage
    folder = tmp_path_factory.mktemp("damaged")
    bundle = sent(folder, ("a.zip", io.BytesIO(bytes(packed))))
    assert set(everything_below(folder)) == {f"private/{name}" for name in bundle.files}


def test_a_folder_below_the_root_is_read_where_it_lies(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "code" / "__pycache__").mkdir(parents=True)
    (project / ".git").mkdir()
    for name in ("code/score.py", "code/__pycache__/x.pyc", ".git/config", "endpoint.yml"):
        (project / name).write_text(ENDPOINT)
    for path in ("project", str(project), "project/../project"):
        bundle = bundles.from_folder(path, tmp_path)
        assert bundle.folder == project
        assert bundle.files == ("code/score.py", "endpoint.yml")
        assert [each.name for each in bundle.documents] == ["whats-in-a-name"]
        assert bundle.findings == ()


@pytest.mark.parametrize("path", ["..", "../other", "/", "/etc", "project/../../other", "link-out", "\0", "~"])
def test_no_folder_outside_the_root_is_opened(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    (root / "project").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (root / "link-out").symlink_to(tmp_path / "other")
    with pytest.raises((RuleBroken, NotFound)):
        bundles.from_folder(path, root)


def test_a_root_that_is_no_root_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="SLUICE_DEPLOY_ROOT"):
        bundles.from_folder("x", None)
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path, root in (("x", tmp_path / "nowhere"), ("x", tmp_path), ("file", tmp_path), ("loop", tmp_path)):
        with pytest.raises(SluiceError):
            bundles.from_folder(path, root)


def test_links_in_a_folder_stay_below_the_root(tmp_path: Path) -> None:
    root, project = tmp_path / "root", tmp_path / "root" / "project"
    for name in ("code/.hidden", ".venv", "model-3"):
        (project / name).mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (root / "shared.yml").write_text(ENDPOINT)
    (project / "inside.yml").symlink_to(root / "shared.yml")
    (project / "latest").symlink_to(project / "model-3")
    for name in ("secret", "code/.hidden/secret", ".venv/python"):
        (project / name).symlink_to(tmp_path / "secret")
    (project / "up").symlink_to(root)
    bundle = bundles.from_folder("project", root)
    assert bundle.files == ("inside.yml",)
    assert set(codes(bundle)) == {"symlink"}
    out = next(each for each in bundle.findings if each.place.file == "secret")
    assert "Sluice does not follow it" in out.why
    assert {(each.place.file, each.level) for each in bundle.findings} == {
        ("latest", Level.WARNING),
        ("secret", Level.ERROR),
        ("code/.hidden/secret", Level.ERROR),
        ("up", Level.ERROR),
    }


def test_a_folder_with_too_many_files_is_cut_and_told(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text("x")
    assert "too-many-files" in codes(bundles.from_folder(".", tmp_path, Limits(files=3)))
