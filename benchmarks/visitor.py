"""A visitor of a Streamlit server who speaks its websocket and draws nothing: what remains is the server's own time."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

PATIENCE_SECONDS = 60.0
STOPPED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR)


@dataclass(frozen=True)
class Run:
    """One run of a page: from asking for it to the end of its script, and what was sent meanwhile."""

    milliseconds: float
    kibibytes: float
    failed: bool


class Visitor:
    """One browser tab. Use it in a ``with`` statement."""

    def __init__(self, port: int) -> None:
        self._address = f"localhost:{port}"
        self._socket: ClientConnection
        self._widgets: dict[str, WidgetState] = {}
        self.sliders: dict[str, Any] = {}
        """What the last runs drew: widget id → data of a traffic slider, or None for Streamlit's own slider."""

    def __enter__(self) -> Self:
        """Open the connection."""
        self._socket = connect(
            f"ws://{self._address}/_stcore/stream",
            origin=Origin(f"http://{self._address}"),
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
            compression=None,
            proxy=None,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._socket.close()

    def move(self, page: str, query: str, number: int) -> Run:
        """Move the first slider that the page has drawn, and wait for the page that follows. ``number`` grows."""
        widget, data = next(iter(self.sliders.items()))
        state = WidgetState(id=widget)
        if data is None:
            state.double_array_value.data.append(number % 100)
        else:
            shares = [number % 100, 100 - number % 100, *[0] * (len(data["names"]) - 2)]
            state.json_value = json.dumps({"move": {"shares": shares, "sequence": number}})
        self._widgets[widget] = state
        return self.run(page, query)

    def run(self, page: str, query: str) -> Run:
        """Ask for a page and wait until its script has ended. Raises TimeoutError when it does not."""
        request = BackMsg()
        request.rerun_script.page_name = page
        request.rerun_script.query_string = query
        request.rerun_script.context_info.timezone = "UTC"
        request.rerun_script.widget_states.widgets.extend(self._widgets.values())
        started, size, failed = time.perf_counter(), 0, False
        self._socket.send(request.SerializeToString())
        while True:
            raw = self._socket.recv(timeout=PATIENCE_SECONDS)
            size += len(raw)
            message = ForwardMsg()
            message.ParseFromString(raw if isinstance(raw, bytes) else raw.encode())
            element = message.delta.new_element
            failed = failed or element.HasField("exception")
            if element.HasField("slider"):
                self.sliders[element.slider.id] = None
            elif "slider:" in element.bidi_component.id:
                self.sliders[element.bidi_component.id] = json.loads(element.bidi_component.json)
            if message.WhichOneof("type") == "script_finished" and message.script_finished in STOPPED:
                return Run((time.perf_counter() - started) * 1000, size / 1024, failed)
