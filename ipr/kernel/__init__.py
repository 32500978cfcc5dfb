"""One inner kernel: its process, its sockets, its files, its surroundings.

A *generation* holds the three together from its start to its end; *surroundings* are
the environment, the folder and the command of the next one; the *working set*
is the memory that an out-of-memory killer would count; *apart* is what runs in a thread
of its own, because a file system may not answer.

Must not know messages, clients, or when a kernel is wanted.

Pure: loaded, pasthistory.
"""
