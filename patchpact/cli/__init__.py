"""The command line: one file per command; ``main`` finds it, reads its arguments and runs it.

A command is ONE new module with ``configure(parser)`` and ``run(args) -> exit status``, and one line in
``registry.COMMANDS``.
"""
