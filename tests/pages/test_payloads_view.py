"""The library on the Test page: written, imported, exported, used and deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from services.payloads.importing import from_json
from services.payloads.payload import Payload
from tests.local_azure import LocalAzure
from tests.pages.conftest import SPLIT, Page
from tests.values import endpoint
from ui import context
from ui.test.answer.body_text import MOST_SHOWN, readable
from ui.test.payloads.export_button import text
from ui.test.payloads.import_rows import columns_of
from ui.test.send import draft

pytestmark = pytest.mark.emulator
CURL = """curl 'https://elsewhere.example/score' -H 'Authorization: Bearer abcdefghijklmnop' \
-H 'Content-Type: application/json' -H 'X-Trace: 7' -d '{"data": [[1, 2]]}'"""


def endpoint_id(azure: LocalAzure) -> str:
    return f"{azure.workspace}/onlineEndpoints/{SPLIT}"


@pytest.fixture
def opened(open_page: Callable[..., Page], seeded: LocalAzure) -> Page:
    """The empty library of the endpoint."""
    return open_page("test", seeded, endpoint=SPLIT, view="payloads")


def kept(azure: LocalAzure) -> tuple[Payload, ...]:
    return context.library().all(endpoint_id(azure))


def save(azure: LocalAzure, name: str, body: bytes = b'{"data": [1]}', tags: tuple[str, ...] = ()) -> Payload:
    return context.library().save(endpoint_id(azure), Payload("", name, body, tags=tags))


def look(page: Page, **parameters: str) -> Page:
    for name, value in parameters.items():
        page.app.query_params[name] = value
    page.app.run()
    assert not page.app.exception
    return page


def fill(page: Page, azure: LocalAzure, kind: str, name: str, value: object) -> None:
    token = page.app.session_state[f"payload_form:{endpoint_id(azure)}"].token
    getattr(page.app, kind)(key=f"payload_{name}:{token}").set_value(value).run()


def press(page: Page, key: str) -> None:
    page.app.button(key=key).click().run()
    assert not page.app.exception


def test_an_empty_library_says_how_it_fills(opened: Page) -> None:
    assert "No payload of this endpoint is saved yet." in opened.html()


def test_a_payload_is_written_and_opens(opened: Page, seeded: LocalAzure) -> None:
    press(opened, "payload_new")
    fill(opened, seeded, "text_input", "name", "  one *row*  ")
    fill(opened, seeded, "text_input", "tags", "smoke, edge, smoke")
    fill(opened, seeded, "text_area", "body", '{"data": [{{n}}]}')
    assert any(caption.value == "Filled in when it is sent: n." for caption in opened.app.caption)
    fill(opened, seeded, "text_area", "headers", "X-Trace: {{$uuid}}\n\nX-Kind: a:b")
    press(opened, "payload_save")
    (found,) = kept(seeded)
    assert (found.name, found.tags, found.body) == ("one *row*", ("smoke", "edge"), b'{"data": [{{n}}]}')
    assert found.headers == (("X-Trace", "{{$uuid}}"), ("X-Kind", "a:b"))
    assert opened.rows(f"payloads:{SPLIT}")[0] == ["one *row*", "smoke, edge", "nothing"]
    assert next(iter(opened.app.header)).value == r"one \*row\*"
    assert opened.app.query_params["payload"] in (found.id, [found.id])


def test_what_cannot_be_kept_is_said_and_nothing_is_lost(opened: Page, seeded: LocalAzure) -> None:
    save(seeded, "taken")
    press(opened, "payload_new")
    fill(opened, seeded, "text_area", "body", "[1]")
    fill(opened, seeded, "text_input", "name", "new")
    for field, value, said in (
        ("name", "", "It has no name."),
        ("name", "taken", "There is already a payload named taken."),
        ("headers", "X-Trace 7", "Line 1 of the headers is not of the form Name: value."),
        ("headers", "Authorization: Bearer x", "The header Authorization is set by Sluice."),
    ):
        fill(opened, seeded, "text_input" if field == "name" else "text_area", field, value)
        press(opened, "payload_save")
        assert said in opened.html()
    assert [each.name for each in kept(seeded)] == ["taken"]
    token = opened.app.session_state[f"payload_form:{endpoint_id(seeded)}"].token
    assert opened.app.text_area(key=f"payload_body:{token}").value == "[1]"


@pytest.mark.parametrize("what", ["changed", "deleted"])
def test_what_another_window_did_meanwhile_is_said_before_it_is_written_over(
    opened: Page, seeded: LocalAzure, what: str
) -> None:
    begun = save(seeded, "ours")
    look(opened, payload=begun.id)
    press(opened, "payload_edit")
    fill(opened, seeded, "text_area", "body", "[1]")
    if what == "changed":
        context.library().save(endpoint_id(seeded), replace(begun, body=b"[2]"))
    else:
        context.library().delete(begun.id)

    press(opened, "payload_save")
    assert f"ours was {what} in another window" in opened.html()
    assert [each.body for each in kept(seeded)] == ([b"[2]"] if what == "changed" else [])
    press(opened, "payload_save")
    assert [each.body for each in kept(seeded)] == [b"[1]"]


def test_a_body_that_is_no_json_is_located_and_may_be_kept(opened: Page, seeded: LocalAzure) -> None:
    press(opened, "payload_new")
    fill(opened, seeded, "text_input", "name", "broken")
    fill(opened, seeded, "text_area", "body", '{"data":\n [1,]}')
    assert any("Not JSON in line 2" in caption.value for caption in opened.app.caption)
    press(opened, "payload_save")
    assert kept(seeded)[0].body == b'{"data":\n [1,]}'


def test_a_binary_body_survives_a_change_of_its_name(opened: Page, seeded: LocalAzure) -> None:
    made = save(seeded, "picture", b"\x89PNG\0\xff")
    look(opened, payload=made.id)
    assert "Binary: it is no text" in opened.html()
    press(opened, "payload_edit")
    fill(opened, seeded, "text_input", "name", "photo")
    press(opened, "payload_save")
    assert [(each.name, each.body, each.id) for each in kept(seeded)] == [("photo", b"\x89PNG\0\xff", made.id)]


def test_a_payload_goes_into_send(opened: Page, seeded: LocalAzure) -> None:
    made = save(seeded, "one")
    look(opened, payload=made.id)
    press(opened, "payload_use")
    assert opened.app.query_params["view"] in ("send", ["send"])
    found: draft.Draft = opened.app.session_state[f"draft:{endpoint_id(seeded)}"]
    assert (found.bytes, found.payload) == (made.body, "one")


def test_deleting_asks_first_and_a_copy_stays(opened: Page, seeded: LocalAzure) -> None:
    made = save(seeded, "one")
    look(opened, payload=made.id)
    press(opened, "payload_copy")
    press(opened, "payload_save")
    look(opened, payload=made.id)
    press(opened, "payload_delete")
    assert [each.name for each in kept(seeded)] == ["one", "one copy"]
    press(opened, "ask_confirm")
    assert [each.name for each in kept(seeded)] == ["one copy"]


def test_a_curl_command_is_imported_without_its_key(opened: Page, seeded: LocalAzure) -> None:
    press(opened, "payload_import")
    token = opened.app.session_state[f"import_form:{endpoint_id(seeded)}"]
    opened.app.text_area(key=f"import_text:{token}").set_value(CURL).run()
    assert "elsewhere.example" in opened.html()
    assert opened.rows("import_found_table")[0][1] == '{"data": [[1, 2]]}'
    press(opened, "import_add")
    (found,) = kept(seeded)
    assert (found.body, found.headers) == (b'{"data": [[1, 2]]}', (("X-Trace", "7"),))


def test_lines_that_cannot_be_imported_are_named_and_the_others_are_added(opened: Page, seeded: LocalAzure) -> None:
    save(seeded, "Imported 1")
    press(opened, "payload_import")
    token = opened.app.session_state[f"import_form:{endpoint_id(seeded)}"]
    opened.app.text_area(key=f"import_text:{token}").set_value('{"data": [1]}\n{"data": [2,]}\n{"data": [3]}').run()
    assert "Some of it cannot be imported." in opened.html()
    assert "Line 2" in opened.html()
    opened.app.text_input(key=f"import_tags:{token}").set_value("batch").run()
    press(opened, "import_add")
    added = [each for each in kept(seeded) if each.tags == ("batch",)]
    assert [each.body for each in added] == [b'{"data": [1]}', b'{"data": [3]}']


def test_a_csv_with_the_wrong_columns_names_them(opened: Page, seeded: LocalAzure) -> None:
    save(seeded, "like this", b'{"input_data": {"columns": ["a", "b"], "data": [[1, 2]]}}')
    press(opened, "payload_import")
    token = opened.app.session_state[f"import_form:{endpoint_id(seeded)}"]
    opened.app.file_uploader(key=f"import_file:{token}").upload("rows.csv", b"b,c\n1,2\n3,4\n", "text/csv").run()
    opened.app.selectbox(key="import_like").set_value("like this").run()
    assert "Missing: a. Unknown: c." in opened.html()
    assert opened.app.button(key="import_add").disabled
    opened.app.file_uploader(key=f"import_file:{token}").upload("rows.csv", b"b,a\n1,2\n3,4\n", "text/csv").run()
    press(opened, "import_add")
    bodies = [json.loads(each.body)["input_data"] for each in kept(seeded) if each.name != "like this"]
    assert [(each["columns"], each["data"]) for each in bodies] == [(["a", "b"], [[2, 1]]), (["a", "b"], [[4, 3]])]


def test_an_export_holds_the_library_and_imports_again(opened: Page, seeded: LocalAzure) -> None:
    save(seeded, "one", tags=("smoke",))
    context.library().set_variable(endpoint_id(seeded), "city", "Graz")
    look(opened)
    found = from_json(text(replace(endpoint(name=SPLIT), id=endpoint_id(seeded)), kept(seeded)))
    assert [(each.name, each.tags) for each in found.payloads] == [("one", ("smoke",))]
    assert dict(found.variables) == {"city": "Graz"}


def test_variables_are_set_changed_and_removed(opened: Page, seeded: LocalAzure) -> None:
    opened.app.text_input(key="variable_name").set_value("city").run()
    opened.app.text_input(key="variable_value").set_value("Graz").run()
    press(opened, "variable_set")
    assert opened.rows(f"variables:{SPLIT}") == [["city", "Graz"]]
    opened.app.text_input(key="variable_name").set_value("api_key").run()
    press(opened, "variable_set")
    assert "api_key looks like a secret" in opened.html()
    opened.app.text_input(key="variable_name").set_value("city").run()
    press(opened, "variable_drop")
    assert context.library().variables(endpoint_id(seeded)) == {}


def test_columns_are_read_out_of_bodies() -> None:
    assert columns_of(b'{"input_data": {"columns": ["a", "b"]}}') == ("a", "b")
    assert columns_of(b'{"data": [{"a": 1, "b": 2}]}') == ("a", "b")
    assert columns_of(b'{"data": [[1, 2]]}') == columns_of(b"[1") == columns_of(b"\xff") == ()


def test_bodies_are_laid_out_only_when_they_can_be() -> None:
    assert readable(b'{"a":1}').text == '{\n  "a": 1\n}'
    assert (readable(b'{"a":').text, readable(b'{"a":').is_json) == ('{"a":', False)
    assert readable(b"\xff\xfe").is_binary
    assert readable(b"a\0b").is_binary
    assert readable(b"1" * (MOST_SHOWN + 1)).is_part
