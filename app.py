"""Server entry. ``streamlit run app.py`` and uvicorn import this file; Streamlit's AppTest executes it as a script.

The script that draws the pages is ``ui/shell.py`` and not this one: a ``pages`` folder beside Streamlit's main script
would let a deep link run a page on its own, without the shell.
"""

import os
import sys
from pathlib import Path

import streamlit as st

if __name__ == "__main__":
    from ui.shell import main

    main()
else:
    from services import host

    try:
        host.require_loopback(host.listen_address(sys.argv, os.environ, st.get_option("server.address")))
    except host.NotLoopback as refusal:
        sys.exit(str(refusal))

    from starlette.middleware import Middleware

    from services.deploying import inbox
    from ui.context import keep_watching, stop, warm_up
    from ui.deploy import draft
    from ui.problem import on_script_error

    readiness = host.Readiness()
    app = st.App(
        Path(__file__).resolve().parent / "ui" / "shell.py",
        lifespan=host.lifespan(readiness, (*warm_up(), keep_watching), stop),
        routes=[*host.routes(readiness), *inbox.routes(draft.inbox)],
        middleware=[Middleware(host.LoopbackOnly)],
        on_script_error=on_script_error,
    )
