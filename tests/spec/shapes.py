# ruff: noqa: E501
"""kernel.json files, byte for byte in the shape in which these projects write them."""

from __future__ import annotations

IPYKERNEL = b"""{
 "argv": [
  "python",
  "-m",
  "ipykernel_launcher",
  "-f",
  "{connection_file}"
 ],
 "display_name": "Python 3 (ipykernel)",
 "language": "python",
 "metadata": {
  "debugger": true,
  "supported_encryption": [
   "curve"
  ]
 },
 "kernel_protocol_version": "5.5"
}"""

#: As before ipykernel 7, which every jupyter_client knows all the fields of: the older
#: ones warn of ``kernel_protocol_version``, whether ipr is there or not.
IPYKERNEL_6 = IPYKERNEL.replace(b',\n "kernel_protocol_version": "5.5"', b"")

#: ``python -m ipykernel install --name``, on Python 3.11 and later.
IPYKERNEL_NAMED = b"""{
 "argv": [
  "/opt/envs/analysis/bin/python",
  "-Xfrozen_modules=off",
  "-m",
  "ipykernel_launcher",
  "-f",
  "{connection_file}"
 ],
 "display_name": "Python (analysis)",
 "language": "python",
 "metadata": {
  "debugger": true,
  "supported_encryption": [
   "curve"
  ]
 },
 "kernel_protocol_version": "5.5"
}"""

#: Of the R package itself; a colon without a space, and a last newline.
IRKERNEL = b"""{"argv": ["R", "--slave", "-e", "IRkernel::main()", "--args", "{connection_file}"],
 "display_name":"R",
 "language":"R"
}
"""

#: By IJulia.installkernel; the order is that of a Julia Dict.
IJULIA = b"""{
  "interrupt_mode":"signal",
  "env":{},
  "display_name":"Julia 1.11",
  "argv":["/opt/julia/bin/julia","-i","--color=yes","--project=@.","-e","import IJulia; IJulia.run_kernel()","{connection_file}"],
  "language":"julia"
}"""

BASH_KERNEL = (
    b'{"argv": ["/opt/bin/python", "-m", "bash_kernel", "-f", "{connection_file}"], '
    b'"codemirror_mode": "shell", "display_name": "Bash", "env": {"PS1": "$"}, '
    b'"language": "bash"}'
)

XEUS_PYTHON = b"""{
  "display_name": "Python . (XPython)",
  "argv": [
      "python3.11",
      "-m",
      "xpython_launcher",
      "-f",
      "{connection_file}"
  ],
  "language": "python",
  "metadata": { "debugger": true }
}
"""

CALYSTO_SCHEME = (
    b'{"argv": ["python3", "-m", "calysto_scheme", "-f", "{connection_file}"], '
    b'"codemirror_mode": "scheme", "display_name": "Calysto Scheme 3", '
    b'"language": "scheme", "name": "calysto_scheme"}'
)

#: ``remote_ikernel manage --add`` sorts the keys.
REMOTE_IKERNEL = b"""{
  "argv": [
    "/opt/rik/bin/python3",
    "-m",
    "remote_ikernel",
    "--interface",
    "ssh",
    "--host",
    "node1",
    "--kernel_cmd",
    "/opt/envs/analysis/bin/python -m ipykernel_launcher -f {host_connection_file}",
    "{connection_file}"
  ],
  "display_name": "SSH node1 py3",
  "language": "python",
  "remote_ikernel_argv": [
    "/opt/rik/bin/remote_ikernel",
    "manage",
    "--add",
    "--kernel_cmd=/opt/envs/analysis/bin/python -m ipykernel_launcher -f {connection_file}"
  ]
}"""

#: nb_conda_kernels, as it writes them for other front ends.
CONDA = b"""{
  "argv": [
    "/opt/conda/bin/python",
    "-m",
    "nb_conda_kernels.runner",
    "/opt/conda",
    "/opt/conda/envs/gpu",
    "/opt/conda/envs/gpu/bin/python",
    "-m",
    "ipykernel_launcher",
    "-f",
    "{connection_file}"
  ],
  "env": {},
  "display_name": "Python [conda env:gpu]",
  "language": "python",
  "interrupt_mode": "signal",
  "metadata": {
    "debugger": true,
    "conda_env_name": "gpu",
    "conda_env_path": "/opt/conda/envs/gpu"
  }
}"""

SLURM = b"""{
    "display_name": "Python in Slurm \xe2\x80\x93 2 h",
    "language": "python",
    "interrupt_mode": "message",
    "argv": [
        "srun", "-Q", "-n1", "--time=2:00:00", "-J", "jupyter-kernel",
        "/opt/envs/analysis/bin/python", "-m", "ipykernel_launcher",
        "-f", "{connection_file}"
    ]
}
"""

ALL = {
    "python3": IPYKERNEL,
    "analysis": IPYKERNEL_NAMED,
    "ir": IRKERNEL,
    "julia-1.11": IJULIA,
    "bash": BASH_KERNEL,
    "xpython": XEUS_PYTHON,
    "calysto_scheme": CALYSTO_SCHEME,
    "rik_ssh_node1_py3": REMOTE_IKERNEL,
    "conda-env-gpu-py": CONDA,
    "slurm": SLURM,
}

#: What the earlier package made of IRKERNEL: json.dumps with an indent of 2, its
#: field at the end, and the word of a user who wanted to see more.
EARLIER = b"""{
  "argv": [
    "/opt/old/bin/python",
    "-m",
    "inplace_restarter",
    "-f",
    "{connection_file}",
    "--Proxy.rd={resource_dir}",
    "--Proxy.resource_dir_workaround=/opt/kernels/ir",
    "--RestarterApp.log_level=DEBUG"
  ],
  "display_name": "R",
  "language": "R",
  "interrupt_mode": "message",
  "restarter_original_argv": [
    "R",
    "--slave",
    "-e",
    "IRkernel::main()",
    "--args",
    "{connection_file}"
  ]
}"""

#: And of REMOTE_IKERNEL: only the module's name on the far side.
EARLIER_FAR_SIDE = REMOTE_IKERNEL.replace(
    b"-m ipykernel_launcher -f {host", b"-m inplace_restarter -f {host"
)

#: How the first versions of ipr started on Python 3.10.
WITHOUT_P = (
    "import sys; sys.path[:] = filter(None, sys.path); import runpy; "
    'runpy.run_module("ipr", run_name="__main__", alter_sys=True)'
)
#: What the first versions of ipr made of the files above: its fields at the top level,
#: and the start of Python 3.10.
OLDER = {
    "python3": b'{\n "argv": [\n  "/opt/ipr/bin/python",\n  "-P",\n  "-m",\n  "ipr",\n  "-f",\n  "{connection_file}",\n  "--resource-dir",\n  "{resource_dir}"\n ],\n "restarter_original_argv": [\n  "python",\n  "-m",\n  "ipykernel_launcher",\n  "-f",\n  "{connection_file}"\n ],\n "restarter_interpreter": "/opt/envs/analysis/bin/python",\n "interrupt_mode": "message",\n "display_name": "Python 3 (ipykernel)",\n "language": "python",\n "metadata": {\n  "debugger": true,\n  "supported_encryption": [\n   "curve"\n  ]\n },\n "kernel_protocol_version": "5.5"\n}',
    "ir": b'{"argv": ["/opt/ipr/bin/python", "-c", "import sys; sys.path[:] = filter(None, sys.path); import runpy; runpy.run_module(\\"ipr\\", run_name=\\"__main__\\", alter_sys=True)", "-f", "{connection_file}", "--resource-dir", "{resource_dir}", "--log-level", "DEBUG"],\n "restarter_original_argv": ["R", "--slave", "-e", "IRkernel::main()", "--args", "{connection_file}"],\n "interrupt_mode": "message",\n "display_name":"R",\n "language":"R"\n}\n',
    "julia-1.11": b'{\n  "interrupt_mode":"message",\n  "restarter_original_interrupt_mode":"signal",\n  "env":{},\n  "display_name":"Julia 1.11",\n  "argv":["/opt/ipr/bin/python","-P","-m","ipr","-f","{connection_file}","--resource-dir","{resource_dir}"],\n  "restarter_original_argv":["/opt/julia/bin/julia","-i","--color=yes","--project=@.","-e","import IJulia; IJulia.run_kernel()","{connection_file}"],\n  "language":"julia"\n}',
    "rik_ssh_node1_py3": b'{\n  "argv": [\n    "/opt/rik/bin/python3",\n    "-m",\n    "remote_ikernel",\n    "--interface",\n    "ssh",\n    "--host",\n    "node1",\n    "--kernel_cmd",\n    "python -c \'import sys; sys.path[:] = filter(None, sys.path); import runpy; runpy.run_module(\\"ipr\\", run_name=\\"__main__\\", alter_sys=True)\' -f {host_connection_file} -- /opt/envs/analysis/bin/python -m ipykernel_launcher -f \'{{inner_connection_file}}\'",\n    "{connection_file}"\n  ],\n  "restarter_original_argv": [\n    "/opt/rik/bin/python3",\n    "-m",\n    "remote_ikernel",\n    "--interface",\n    "ssh",\n    "--host",\n    "node1",\n    "--kernel_cmd",\n    "/opt/envs/analysis/bin/python -m ipykernel_launcher -f {host_connection_file}",\n    "{connection_file}"\n  ],\n  "interrupt_mode": "message",\n  "display_name": "SSH node1 py3",\n  "language": "python",\n  "remote_ikernel_argv": [\n    "/opt/rik/bin/remote_ikernel",\n    "manage",\n    "--add",\n    "--kernel_cmd=/opt/envs/analysis/bin/python -m ipykernel_launcher -f {connection_file}"\n  ]\n}',
    "slurm": b'{\n    "display_name": "Python in Slurm \xe2\x80\x93 2 h",\n    "language": "python",\n    "interrupt_mode": "message",\n    "restarter_original_interrupt_mode": "message",\n    "argv": [\n        "srun", "-Q", "-n1", "--time=2:00:00", "-J", "jupyter-kernel", "/opt/ipr/bin/python", "-P", "-m", "ipr", "-f", "{connection_file}", "--resource-dir", "{resource_dir}", "--interrupt-mode", "message", "--abandoned-timeout", "3600", "--", "/opt/envs/analysis/bin/python", "-m", "ipykernel_launcher", "-f", "{inner_connection_file}"\n    ],\n    "restarter_original_argv": [\n        "srun", "-Q", "-n1", "--time=2:00:00", "-J", "jupyter-kernel",\n        "/opt/envs/analysis/bin/python", "-m", "ipykernel_launcher",\n        "-f", "{connection_file}"\n    ]\n}\n',
}
