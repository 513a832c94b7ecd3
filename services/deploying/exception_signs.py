"""What the text of an exception means, as a table: the special before the general.

The forms of the texts are those of Python, its packages, and Microsoft's inference server
(https://github.com/microsoft/azureml-inference-server, ``server/user_script.py``).
"""

from __future__ import annotations

from services.deploying.signs import sign

_TREE = "Below the error the log lists what the model folder holds; compare the two."

PIP_NAMES = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Packages that are installed by another name than they are imported by."""

SIGNS = (
    sign(
        "no-init",
        r"does not have a init\(\) function",
        "The scoring script has no function init().",
        "Add init() to the script. It may be empty: def init(): pass.",
        98,
    ),
    sign(
        "no-run",
        r"does not have a run\(\) function",
        "The scoring script has no function run().",
        "Add run(raw_data) to the script, with exactly that name.",
        98,
    ),
    sign(
        "run-signature",
        r"UserScriptError: run\(\) |needs to accept an argument|cannot accept positional-only arguments",
        "The function run() does not take its argument as the inference server gives it.",
        "Declare it as def run(raw_data): one plain argument, no *args and no **kwargs.",
        98,
    ),
    sign(
        "no-server",
        r"No module named '?azureml_inference_server_http",
        "The environment does not have Microsoft's inference server.",
        "Add azureml-inference-server-http to the pip packages of the conda file.",
        97,
    ),
    sign(
        "no-script",
        r"No module named '?main'?$",
        "The scoring script was not found in the container.",
        "Check that scoring_script is the path below the code folder, and that the code folder was uploaded.",
        96,
    ),
    sign(
        "server-version",
        r"register\(\) takes 3 positional arguments but 4 were given"
        r"|cannot import name '(?:Markup|escape|json|soft_unicode|url_quote)'"
        r" from '(?:jinja2|itsdangerous|markupsafe|werkzeug)",
        "The inference server is too old for the version of Flask in the environment.",
        "Ask for a newer azureml-inference-server-http, and remove azureml-defaults and pins of Flask or Werkzeug.",
        95,
    ),
    sign(
        "model-version",
        r"No module named '?(?P<name>numpy\._core|sklearn\.[\w.]+|pandas\.core[\w.]+|xgboost\.[\w.]+)"
        r"|node array from the pickle has an incompatible dtype|Can't get attribute '\w+' on <module '(?:sklearn|numpy)"
        r"|_unpickle_block|__randomstate_ctor\(\) takes|is not a known BitGenerator",
        "The model was saved with another version of its package than the environment has.",
        "Give the packages in the conda file the versions with which the model was saved, or save it again.",
        94,
    ),
    sign(
        "binary-versions",
        r"size changed, may indicate binary incompatibility|compiled using NumPy 1\.x"
        r"|numpy\.core\.multiarray failed to import",
        "Two packages of the environment were compiled for different versions of NumPy.",
        "Pin numpy in the conda file to the version that the others were made for, for example numpy<2.",
        94,
    ),
    sign(
        "pickle-class",
        r"Can't get attribute '(?P<name>\w+)' on <module '__(?:main|mp_main)__'",
        "The model needs the class or function {name}, which was defined in the script that saved it.",
        "Put {name} into a module of its own in the code folder, import it from there when saving, and save again.",
        94,
    ),
    sign(
        "system-library",
        r"ImportError: (?P<name>lib[\w.+-]+): cannot open shared object file",
        "A package needs the system library {name}, which the image does not have.",
        "Use an image that has it, or another build of the package (for libGL: opencv-python-headless).",
        94,
    ),
    sign(
        "git-lfs",
        r"invalid load key, 'v'",
        "The model file is a pointer of Git LFS and not the model itself.",
        "Run git lfs pull where the files are uploaded from, then deploy again.",
        93,
    ),
    sign(
        "model-broken",
        r"UnpicklingError|Ran out of input|invalid load key|BadZipFile|INVALID_PROTOBUF"
        r"|PytorchStreamReader failed|SafetensorError|unable to open file \(file signature not found\)",
        "The model file is damaged, empty, or of another format than the script reads.",
        "Load the same file with the same versions on your machine; upload it again if that works.",
        92,
    ),
    sign(
        "gpu-memory",
        r"CUDA out of memory|CUDA error: out of memory|cudaErrorMemoryAllocation|OutOfMemoryError: CUDA",
        "The model does not fit into the memory of the GPU.",
        "Choose an instance type with a larger GPU, or load the model in a smaller precision.",
        93,
    ),
    sign(
        "cuda",
        r"deserialize object on a CUDA device|No CUDA GPUs are available|Found no NVIDIA driver|not compiled with CUDA",
        "The script wants a GPU, and the instance has none that it can use.",
        "Load the model with map_location='cpu', or choose an instance type with a GPU and an image with its driver.",
        93,
    ),
    sign(
        "out-of-memory",
        r"MemoryError|Unable to allocate [\d.]+ \w+|can't allocate memory|Cannot allocate memory|std::bad_alloc",
        "The script asked for more memory than the instance has.",
        "Choose an instance type with more memory, load the model once and not per worker, or lower WORKER_COUNT.",
        93,
    ),
    sign(
        "disk-full",
        r"Errno 28\]|No space left on device|Disk quota exceeded",
        "The disk of the instance is full.",
        "Choose an instance type with a larger disk, or make the model and the image smaller.",
        94,
    ),
    sign(
        "port-taken",
        r"Errno 98\]|Address already in use|Connection in use",
        "The script opens a port that is already taken, in the container or by another worker of it.",
        "Do not start servers in the script; leave the port of the inference server alone, and with several workers"
        " let only one of them listen.",
        94,
    ),
    sign(
        "no-model-dir",
        r"KeyError: '?AZUREML_MODEL_DIR"
        r"|(?:expected str, bytes or os\.PathLike object|argument must be (?:a )?str.*), not '?NoneType",
        "The script asks for a variable of the environment that is not set; most often it is AZUREML_MODEL_DIR.",
        "AZUREML_MODEL_DIR is only there when the deployment has a model: give it one, or do not use the variable.",
        91,
    ),
    sign(
        "model-path",
        r"(?:No such file or directory|Is a directory|Not a directory|does(?: not|n't) exist|not found).*azureml-models"
        r"|azureml-models.*(?:does(?: not|n't) exist|not found|no such)|no file named|NO_SUCHFILE",
        "The script looks for the model where it is not.",
        "AZUREML_MODEL_DIR is the folder above what was uploaded: an uploaded folder keeps its own name in it. "
        + _TREE,
        92,
    ),
    sign(
        "permission-file",
        r"PermissionError|Errno 13\]|Errno 30\]|Read-only file system",
        "The script writes or reads where it may not.",
        "Write to /tmp or another folder of your own; the model and the code are read-only.",
        90,
    ),
    sign(
        "missing-file",
        r"No such file or directory: b?'?(?P<name>[^']+)'?",
        "The script opens a file that is not in the container: {name}.",
        "Put the file into the code folder and open it relative to the script: Path(__file__).parent / name.",
        90,
    ),
    sign(
        "authorization",
        r"AuthorizationPermissionMismatch|AuthorizationFailure|CredentialUnavailableError|ClientAuthenticationError"
        r"|ManagedIdentityCredential|does not have secrets \w+ permission|ForbiddenByRbac|is not authorized to perform",
        "The script reads something of Azure for which the endpoint's identity has no role.",
        "Give the identity of the endpoint the role: Storage Blob Data Reader for blobs, Key Vault Secrets User for"
        " secrets. A new role takes some minutes to work.",
        90,
    ),
    sign(
        "network",
        r"Name or service not known|Temporary failure in name resolution|NameResolutionError|Max retries exceeded"
        r"|Network is unreachable|Connection timed out|ConnectTimeout|ProxyError|couldn't connect to 'https?://",
        "The script wants something from the network that it does not reach.",
        "Put what it downloads into the model or the image; or allow it, if the workspace's network blocks it.",
        90,
    ),
)
