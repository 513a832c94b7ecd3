"""What a person does on the pages, by pointer or by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FloatRect, Locator, Page, expect
from playwright.sync_api import TimeoutError as NotThere

from tests.arm import Arm
from tests.e2e.conftest import quiet, settle, wait_for

MOST_TABS = 120
"""So many presses of Tab lead past everything on a page."""

STREAMLITS_OWN = {"svg-img-alt", "aria-allowed-attr", "scrollable-region-focusable"}
STREAMLITS_PLACES = ("stFloatingOverlayPortal", "stFileUploaderDropzone", "stToast")
"""axe findings inside Streamlit's own widgets and its places for menus and notes, which no page of ours can change."""


def ours_of(results: AxeResults) -> list[tuple[str, str]]:
    """What axe has found in our own parts of a page: the rule, and the first element that breaks it."""
    found = [(one["id"], one["nodes"][0]["html"][:200]) for one in results.response["violations"]]
    return [
        one for one in found if one[0] not in STREAMLITS_OWN and not any(each in one[1] for each in STREAMLITS_PLACES)
    ]


def violations(page: Page, among: Callable[[AxeResults], list[Any]] = ours_of) -> list[Any]:
    """What axe finds in our own parts of a page, and finds again: what is just being drawn anew is pale for a moment,
    or only half there. ``among`` picks other findings."""
    found = among(Axe().run(page))
    for _ in range(2):
        if not found:
            break
        quiet(page)
        found = among(Axe().run(page))
    return found


def anywhere(results: AxeResults) -> list[Any]:
    """All that axe has found on a page, in Streamlit's own parts too."""
    return list(results.response["violations"])


def findings(open_page: Callable[..., Page], url: str, *looks: Callable[[Page], None]) -> list[tuple[str, ...]]:
    """What is wrong with a page in light and dark, wide and narrow, after each of the ``looks``, which bring it about
    and wait for it: axe's findings, and a page that is wider than the window."""
    found: list[tuple[str, ...]] = []
    wide, narrow = (1440, 900), (390, 844)
    for is_dark, sizes in ((False, (wide, narrow)), (True, (narrow, wide))):
        page = open_page(url, width=sizes[0][0], height=sizes[0][1], dark=is_dark)
        for number, look in enumerate(looks, 1):
            page.set_viewport_size({"width": sizes[0][0], "height": sizes[0][1]})
            look(page)
            for width, height in sizes:
                page.set_viewport_size({"width": width, "height": height})
                settle(page)
                where = f"{'dark' if is_dark else 'light'} {width} px, look {number}"
                found += [(where, *each) for each in violations(page)]
                if is_too_wide(page):
                    found.append((where, "wider than the window"))
    return found


def is_too_wide(page: Page) -> bool:
    """Whether a page stays wider than its window, once what is drawn on it has taken its width."""
    try:
        page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth", timeout=5_000)
    except NotThere:
        return True
    return False


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until ``target`` has the focus. Fails when the keyboard does not get there."""
    # While a page is drawn anew, what it takes the place of is there for a moment too.
    expect(target).to_have_count(1)
    expect(target).to_be_visible()
    expect(target).to_be_enabled()
    for _ in range(MOST_TABS):
        if target.evaluate("node => node.getRootNode().activeElement === node"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} cannot be reached with Tab")


def press(page: Page, target: Locator) -> None:
    """Reach ``target`` by keyboard and press Enter."""
    tab_to(page, target)
    page.keyboard.press("Enter")


def in_reach(target: Locator) -> Locator:
    """The element in view, and still: scrolling closes an open list, and ends a moment later than it is asked for."""
    target.scroll_into_view_if_needed()
    target.evaluate(
        """node => new Promise(done => {
             let last = -1;
             const look = () => {
               const now = node.getBoundingClientRect().top;
               if (now === last) done(); else { last = now; setTimeout(() => requestAnimationFrame(look), 200); }
             };
             look();
           })"""
    )
    return target


def choose(page: Page, field: Locator, option: str, *, exact: bool = False) -> None:
    """Choose from a list by pointer. A list closes when something is drawn anew above it, or when it moves: whoever
    meets that opens it again."""
    wanted = page.get_by_role("option", name=option, exact=exact)

    def is_chosen() -> bool:
        quiet(page)
        in_reach(field).click()
        try:
            wanted.click(timeout=5_000)
        except NotThere:
            return False
        return True

    wait_for(is_chosen, f"{option} to be chosen")
    settle(page)


def menu(page: Page, name: str) -> Locator:
    """The menu's link to a page."""
    return page.get_by_test_id("stSidebarNavLink").filter(has_text=name)


def share_of(page: Page, deployment: str) -> Locator:
    """The number field of a deployment's live share. For a moment there can be its predecessor too, further down."""
    return page.get_by_label(f"{deployment}, %").first


def entries_of(page: Page) -> Locator:
    """The entries that the Journal page shows, newest first."""
    return page.get_by_role("list", name="Entries of the journal, newest first").get_by_role("listitem")


def confirm(page: Page, reason: str = "") -> None:
    """Give a reason in the dialog, confirm, and wait until the change has been read back. By pointer."""
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("callers")
    if reason:
        dialog.get_by_label("Why").fill(reason)
    dialog.get_by_role("button", name="Shift traffic").click()
    applied(page)


def shift(page: Page, reason: str = "") -> None:
    """Press the button under the plan, confirm, and wait until the change has been read back. By pointer."""
    page.get_by_role("button", name="Shift traffic").click()
    confirm(page, reason)


def applied(page: Page) -> None:
    """Wait until the page says that the change was read back."""
    expect(page.get_by_role("heading", name="Traffic shifted")).to_be_visible()
    settle(page)


def split_of(arm: Arm, endpoint: str) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Live and mirrored traffic as Azure holds it."""
    properties = arm.get(f"onlineEndpoints/{endpoint}")["properties"]
    return properties["traffic"], properties["mirrorTraffic"]


def delete(arm: Arm, endpoint: str) -> None:
    """Delete an endpoint, and wait until no list has it: other tests count what is there."""
    arm.call("DELETE", f"onlineEndpoints/{endpoint}").raise_for_status()
    wait_for(lambda: endpoint not in [each["name"] for each in arm.get("onlineEndpoints")["value"]], "its deletion")


def restore(arm: Arm, endpoint: str, live: Mapping[str, int], mirror: Mapping[str, int]) -> None:
    """Give an endpoint its split back, however a test has ended, and wait until Azure has it."""

    def is_back() -> bool:
        document: dict[str, Any] = arm.get(f"onlineEndpoints/{endpoint}")
        is_still = document["properties"]["provisioningState"] == "Succeeded"
        if is_still and split_of(arm, endpoint) == (live, mirror):
            return True
        if is_still:
            document["properties"] |= {"traffic": dict(live), "mirrorTraffic": dict(mirror)}
            arm.call("PUT", f"onlineEndpoints/{endpoint}", document)
        return False

    wait_for(is_back, "its split to be back")


@contextmanager
def splits_kept(arm: Arm, *endpoints: str) -> Iterator[None]:
    """The endpoints have the split of now again afterwards."""
    before = {name: split_of(arm, name) for name in endpoints}
    yield
    for name, (live, mirror) in before.items():
        restore(arm, name, live, mirror)


def write_elsewhere(arm: Arm, endpoint: str, live: dict[str, int]) -> None:
    """Change the split as an old SDK does: the whole endpoint is written, and the mirror is not in it."""
    document: dict[str, Any] = arm.get(f"onlineEndpoints/{endpoint}")
    document["properties"]["traffic"] = live
    document["properties"].pop("mirrorTraffic", None)
    arm.call("PUT", f"onlineEndpoints/{endpoint}", document).raise_for_status()
    wait_for(
        lambda: arm.get(f"onlineEndpoints/{endpoint}")["properties"]["provisioningState"] == "Succeeded",
        "their change",
    )


def plot_area(page: Page, key: str) -> FloatRect:
    """Where the plot of a chart is, in view."""
    area = page.locator(f".st-key-{key} .nsewdrag").first
    expect(area).to_be_visible()
    settle(page)
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box
    return box
