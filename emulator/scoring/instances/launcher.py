"""Microsoft's inference server on loopback. The environment's own Python executes this file, so it may use nothing but
the standard library and that server.

``launcher.py PORT`` becomes the server. Microsoft's command line binds 0.0.0.0 without a way to change it, therefore
the same steps are taken here with 127.0.0.1.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def serve(port: int) -> None:
    """Become the inference server on 127.0.0.1:``port``. The entry script is named by AZUREML_ENTRY_SCRIPT."""
    if sys.platform == "linux":
        # For the case that the supervisor itself is killed.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    sys.argv = ["azmlinfsrv", "--entry_script", os.environ["AZUREML_ENTRY_SCRIPT"], "--port", str(port)]
    # Only the instance's own environment has this package.
    from azureml_inference_server_http import amlserver, amlserver_linux  # type: ignore[import-not-found]

    arguments = amlserver.parse_arguments()
    amlserver.load_logging_config(amlserver.PACKAGE_ROOT)
    amlserver.merge_configuration(arguments)
    amlserver.validate_environment_variables()
    amlserver.set_path_variable()
    amlserver.print_server_info()
    amlserver.print_server_settings()
    amlserver_linux.run("127.0.0.1", port, int(os.environ["WORKER_COUNT"]))


if __name__ == "__main__":
    serve(int(sys.argv[1]))
