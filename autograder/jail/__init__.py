"""Runs student code where it can return values and do nothing else. How that works:

One wall a run. `bubblewrap` starts one process behind it, the *zygote* (`inside.zygote`), which imports PyTorch, NumPy,
Matplotlib and IPython once and runs no code of a student. Inside the wall are the operating system and the Python
environment, read-only; of this package `measure`, `jail.protocol` and `jail.inside`; no network, no file of the course,
no environment variable and no open file of ours.

One sandbox a submission. For each the zygote forks a process (`inside.spawner`) that enters user, PID, mount, network
and IPC namespaces of its own, a private scratch folder, limits of resources, and a filter of system calls
(`inside.namespaces`, `system_calls`), drops all capabilities, and only then runs the notebook's cells and serves calls
(`inside.server`). It never holds a test, an expected value or the course's secret.

Values only. Requests go in and values come out over one socket, in frames of JSON and raw numbers (`protocol`). Nothing
is unpickled. An answer that is not one, an answer to another question, or one that is too large ends the sandbox.

Outside stands the `supervisor`, which opens sandboxes, and `sandbox`, which clocks every request by processor time,
bounds memory and output by the kernel's figures (`processes`), judges whatever arrives within one guard (`answers`),
and kills a sandbox by its PID namespace. A sandbox is one process that starts no other, so that the kernel limits its
memory and the watch outside sees all of it. Before the first call it is closed to new threads, so that no work is done
where it is not counted.

What a student's code does can end its own sandbox. It cannot end the supervisor, and a zygote that ends is replaced.

Nothing here knows an assignment, a suite or a score.
"""
